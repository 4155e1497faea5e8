package auth

import (
	"crypto/aes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/idnode/idnode/proto/handle"
)

// Algorithms of MACs, as credentials name them.
const (
	nameHMACSHA256 = "HMAC-SHA256"
	nameMACSHA1    = "\x02" // SHA-1(key + core + key), up to version 2.4
)

// Session is the key of a session that two sides agreed on (spec/handle-protocol.md section 7). All
// of the key makes MACs; its first half encrypts. It may be used by many goroutines.
type Session struct {
	ID  uint32
	Key [32]byte
}

// AppendMAC appends the HS_MAC credential of a message of the session, without the length before
// it. Each side counts its messages from 1. In 2.5 and 2.6 the MAC covers other octets by mistake,
// and no client sends it: such versions get [ErrVersion]; answer them in 2.4.
func (s *Session) AppendMAC(dst []byte, e handle.Envelope, counter uint32, core []byte) ([]byte, error) {
	name, mac, err := s.mac(e, counter, core)
	if err != nil {
		return dst, err
	}
	return handle.AppendCredential(dst, handle.Credential{
		Counter: counter, Type: []byte(typeMAC), Algorithm: []byte(name), Signature: mac}), nil
}

// VerifyMAC returns the counter of a message of the session, or [ErrMAC] if its MAC is missing or
// wrong. Whether the counter was seen before is for a [Window] to say.
func (s *Session) VerifyMAC(e handle.Envelope, m handle.Message) (counter uint32, err error) {
	c, err := handle.ParseCredential(m.Credential)
	if err != nil || string(c.Type) != typeMAC {
		return 0, ErrMAC
	}
	name, mac, err := s.mac(e, c.Counter, m.Core)
	if err != nil {
		return 0, err
	}
	if string(c.Algorithm) != name || subtle.ConstantTimeCompare(mac, c.Signature) != 1 {
		return 0, ErrMAC
	}
	return c.Counter, nil
}

func (s *Session) mac(e handle.Envelope, counter uint32, core []byte) (name string, mac []byte, err error) {
	switch {
	case !e.Version.Before(handle.Version{Major: 2, Minor: 7}):
		return nameHMACSHA256, hashed(sha256.New, s.Key[:], signedPrefix(e, counter), core), nil
	case !e.Version.Before(handle.Version{Major: 2, Minor: 5}):
		return "", nil, ErrVersion
	}
	return nameMACSHA1, keyed(sha1.New, s.Key[:], core), nil
}

// Seal appends a message without envelope, encrypted under the session's key: AES-128-CBC behind a
// random initialization vector, as from version 2.4. Sign first, then seal.
func (s *Session) Seal(dst, plain []byte) []byte {
	return encryptCBC(dst, s.Key[:16], plain)
}

// Open appends the message that sealed holds, or reports [ErrSealed]. A server answers that as it
// answers [ErrMAC], lest the difference tell about the padding.
func (s *Session) Open(dst, sealed []byte) ([]byte, error) {
	if len(sealed) < 2*aes.BlockSize {
		return dst, ErrSealed
	}
	return decryptCBC(dst, s.Key[:16], sealed[:aes.BlockSize], sealed[aes.BlockSize:])
}

// Finish completes the message that [handle.Begin] started at dst[start], as [handle.Finish] does,
// with the session's id and MAC, and encrypts it if e.Flags says so.
func (s *Session) Finish(dst []byte, start int, e handle.Envelope, h handle.Header, counter uint32) ([]byte, error) {
	e.SessionID = s.ID
	credential, err := s.AppendMAC(nil, e, counter, handle.FinishCore(dst, start, h))
	if err != nil {
		return dst, err
	}
	dst = handle.FinishWith(dst, start, e, h, credential)
	if e.Flags&handle.EnvelopeEncrypted == 0 {
		return dst, nil
	}
	sealed := s.Seal(nil, dst[start+handle.EnvelopeSize:])
	return handle.AppendEnveloped(dst[:start], e, sealed), nil
}
