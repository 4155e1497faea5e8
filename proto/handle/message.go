package handle

import (
	"encoding/binary"
	"slices"
)

// Message is a message without its envelope. Its slices are views.
type Message struct {
	Header     Header
	Body       []byte
	Credential []byte // nil if there is none
	Core       []byte // header and body: what digests and signatures cover
}

// ParseMessage reads a whole message. The length of the credential may be absent, as in messages
// of old clients; octets behind it are ignored.
func ParseMessage(src []byte) (m Message, err error) {
	h, rest, err := ParseHeader(src)
	if err != nil {
		return Message{}, err
	}
	m.Header = h
	if uint64(h.BodyLength) > uint64(len(rest)) {
		return m, ErrLength
	}
	n := int(h.BodyLength)
	m.Body, rest = rest[:n:n], rest[n:]
	m.Core = src[: HeaderSize+n : HeaderSize+n]
	if len(rest) == 0 {
		return m, nil
	}
	c := cursor{b: rest}
	if credential := c.bytes(); len(credential) > 0 {
		m.Credential = credential
	}
	return m, c.err
}

// Begin appends room for an envelope and a header. Append the body next, then call [Finish].
func Begin(dst []byte) []byte {
	dst = slices.Grow(dst, EnvelopeSize+HeaderSize)
	n := len(dst)
	dst = dst[:n+EnvelopeSize+HeaderSize]
	clear(dst[n:])
	return dst
}

// Finish completes the message that [Begin] started at dst[start]: it appends an empty credential,
// counts the lengths, and writes e and h into their room.
func Finish(dst []byte, start int, e Envelope, h Header) []byte {
	return FinishWith(dst, start, e, h, nil)
}

// FinishCore writes h, with the length of the body appended so far, into its room, and returns a
// view of the message's core: what a credential covers. Follow with [FinishWith].
func FinishCore(dst []byte, start int, h Header) (core []byte) {
	core = dst[start+EnvelopeSize:]
	h.BodyLength = uint32(len(core) - HeaderSize)
	putHeader(core, h)
	return core
}

// FinishWith is [Finish] with a credential, as [AppendCredential] makes it; nil is none.
func FinishWith(dst []byte, start int, e Envelope, h Header, credential []byte) []byte {
	FinishCore(dst, start, h)
	dst = AppendBytes(dst, credential)
	e.Length = uint32(len(dst) - start - EnvelopeSize)
	putEnvelope(dst[start:], e)
	return dst
}

// AppendEnveloped appends message behind e, whose Length it counts: an encrypted message is its
// ciphertext behind an envelope in clear (spec/handle-protocol.md section 7).
func AppendEnveloped(dst []byte, e Envelope, message []byte) []byte {
	e.Length = uint32(len(message))
	return append(AppendEnvelope(dst, e), message...)
}

// Readdress makes msg, a whole message that answered some request outside sessions, the answer to
// another one of the same octets: id and recursion are that one's.
func Readdress(msg []byte, id uint32, recursion uint8, expiration uint32) {
	_ = msg[EnvelopeSize+HeaderSize-1]
	binary.BigEndian.PutUint32(msg[8:], id)
	msg[EnvelopeSize+14] = recursion
	binary.BigEndian.PutUint32(msg[EnvelopeSize+16:], expiration)
}

// Credential is the signature of a message.
type Credential struct {
	Version   uint8 // 0
	Reserved  uint8 // 0
	Options   uint16
	Signer    []byte // handle of the signer; empty by custom
	Counter   uint32 // of the session's messages; 0 outside sessions
	Type      []byte // "HS_SIGNED" or "HS_MAC"
	Algorithm []byte // "SHA-256", "HMAC-SHA256", …
	Signature []byte
}

// AppendCredential appends c in wire form, without the length that stands before it in a message.
func AppendCredential(dst []byte, c Credential) []byte {
	dst = append(dst, c.Version, c.Reserved)
	dst = appendInt2(dst, c.Options)
	dst = AppendBytes(dst, c.Signer)
	dst = appendInt4(dst, c.Counter)
	dst = AppendBytes(dst, c.Type)
	dst = appendInt4(dst, uint32(8+len(c.Algorithm)+len(c.Signature)))
	dst = AppendBytes(dst, c.Algorithm)
	return AppendBytes(dst, c.Signature)
}

// ParseCredential reads [Message.Credential]. Octets behind the signature are ignored.
func ParseCredential(src []byte) (Credential, error) {
	c := cursor{b: src}
	var d Credential
	d.Version, d.Reserved, d.Options = c.int1(), c.int1(), c.int2()
	d.Signer, d.Counter, d.Type = c.bytes(), c.int4(), c.bytes()
	signed := cursor{b: c.bytes(), err: c.err}
	d.Algorithm, d.Signature = signed.bytes(), signed.bytes()
	if signed.err != nil {
		return Credential{}, signed.err
	}
	return d, nil
}
