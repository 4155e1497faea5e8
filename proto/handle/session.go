package handle

import "github.com/idnode/idnode/proto/identifier"

// SessionMode says how the two sides of a session come to a common key (spec/handle-protocol.md
// section 7). The stock programs only manage [SessionDH].
type SessionMode uint16

const (
	SessionClientKey SessionMode = 1 // KEY_EXCHANGE_CIPHER_CLIENT: under an RSA key that the client sends
	SessionServerKey SessionMode = 2 // KEY_EXCHANGE_CIPHER_SERVER: under the server's RSA key
	SessionKeyRef    SessionMode = 3 // KEY_EXCHANGE_CIPHER_HDL: under an RSA key that a handle holds
	SessionDH        SessionMode = 4 // KEY_EXCHANGE_DH: Diffie-Hellman
)

// SessionSetup is the body of a session set-up request (opcode 400).
type SessionSetup struct {
	Mode      SessionMode
	Timeout   uint32         // seconds, 86 400 by custom
	Identity  identifier.Ref // who will authenticate in the session; may be empty
	PublicKey []byte         // of modes 1 and 4, as HS_PUBKEY data: a view
	KeyRef    identifier.Ref // of mode 3
}

// AppendSessionSetup appends the body of a session set-up request.
func AppendSessionSetup(dst []byte, s SessionSetup) []byte {
	dst = appendInt4(appendInt2(dst, uint16(s.Mode)), s.Timeout)
	dst = AppendRef(dst, s.Identity)
	switch s.Mode {
	case SessionClientKey, SessionDH:
		return AppendBytes(dst, s.PublicKey)
	case SessionKeyRef:
		return AppendRef(dst, s.KeyRef)
	}
	return dst
}

// ParseSessionSetup reads the body of a session set-up request. Octets behind it are ignored: the
// Handle.Net library writes two zeros.
func ParseSessionSetup(src []byte) (SessionSetup, error) {
	c := cursor{b: src}
	s := SessionSetup{Mode: SessionMode(c.int2()), Timeout: c.int4(), Identity: c.ref()}
	switch s.Mode {
	case SessionClientKey, SessionDH:
		s.PublicKey = c.bytes()
	case SessionKeyRef:
		s.KeyRef = c.ref()
	case SessionServerKey:
	default:
		if c.err == nil {
			c.err = ErrBody
		}
	}
	if c.err != nil {
		return SessionSetup{}, c.err
	}
	return s, nil
}

// AppendSessionKey appends the body of a successful session set-up response: the mode, and what
// the client needs to find the key, for [SessionDH] made by [AppendDHKey].
func AppendSessionKey(dst []byte, mode SessionMode, data []byte) []byte {
	return AppendBytes(appendInt2(dst, uint16(mode)), data)
}

// ParseSessionKey reads the body of a successful session set-up response, behind the digest if it
// has one. The data is a view; octets behind it are ignored as in [ParseSessionSetup].
func ParseSessionKey(src []byte) (mode SessionMode, data []byte, err error) {
	c := cursor{b: src}
	mode, data = SessionMode(c.int2()), c.bytes()
	if c.err != nil {
		return 0, nil, c.err
	}
	return mode, data, nil
}

// SessionCipher is the cipher of a session's encrypted messages.
type SessionCipher uint32

const (
	CipherDES       SessionCipher = 1
	CipherTripleDES SessionCipher = 2
	CipherAES       SessionCipher = 3 // AES-128-CBC, the only one used
)

// AppendDHKey appends the data of a Diffie-Hellman answer: the cipher, named from version 2.4 on,
// and the server's public key as HS_PUBKEY data.
func AppendDHKey(dst []byte, cipher SessionCipher, public []byte) []byte {
	return append(appendInt4(dst, uint32(cipher)), public...)
}

// ParseDHKey reads the data of a Diffie-Hellman answer. The key is a view.
func ParseDHKey(data []byte) (cipher SessionCipher, public []byte, err error) {
	c := cursor{b: data}
	cipher = SessionCipher(c.int4())
	return cipher, c.b, c.err
}
