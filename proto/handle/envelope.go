package handle

import "encoding/binary"

const (
	EnvelopeSize = 20     // octets of an envelope
	HeaderSize   = 24     // octets of a header
	MaxMessage   = 262144 // longest message in octets, envelope excluded (Handle.Net)
)

// Version is a version of the protocol.
type Version struct {
	Major, Minor uint8
}

// Latest is the newest version spoken here, and the one that servers and sites declare.
var Latest = Version{2, 11}

// oldest is the oldest version with this message layout.
var oldest = Version{2, 0}

// Before reports whether v is older than w.
func (v Version) Before(w Version) bool {
	return v.Major < w.Major || v.Major == w.Major && v.Minor < w.Minor
}

// EnvelopeFlags are the flags of an envelope.
type EnvelopeFlags uint8

const (
	EnvelopeCompressed EnvelopeFlags = 0x80 // never put to use by anyone
	EnvelopeEncrypted  EnvelopeFlags = 0x40 // the message is encrypted with the session's key
	EnvelopeTruncated  EnvelopeFlags = 0x20 // the datagram holds a piece of the message
)

// Envelope stands before a message, and over UDP before each piece of it.
type Envelope struct {
	Version   Version       // of this message's layout
	Flags     EnvelopeFlags // upper three bits of their octet
	Suggested Version       // newest version that the sender can do; Major 0 in old messages
	SessionID uint32        // 0 is none
	RequestID uint32        // chosen by the client, echoed by the server
	Sequence  uint32        // number of the piece, from 0
	Length    uint32        // octets of the whole message, without envelopes
}

// AppendEnvelope appends e in wire form.
func AppendEnvelope(dst []byte, e Envelope) []byte {
	var b [EnvelopeSize]byte
	putEnvelope(b[:], e)
	return append(dst, b[:]...)
}

func putEnvelope(b []byte, e Envelope) {
	_ = b[EnvelopeSize-1]
	b[0], b[1] = e.Version.Major, e.Version.Minor
	b[2], b[3] = uint8(e.Flags)&0xe0|e.Suggested.Major&0x1f, e.Suggested.Minor
	binary.BigEndian.PutUint32(b[4:], e.SessionID)
	binary.BigEndian.PutUint32(b[8:], e.RequestID)
	binary.BigEndian.PutUint32(b[12:], e.Sequence)
	binary.BigEndian.PutUint32(b[16:], e.Length)
}

// ParseEnvelope reads an envelope. It does not judge Length.
func ParseEnvelope(src []byte) (e Envelope, rest []byte, err error) {
	if len(src) < EnvelopeSize {
		return Envelope{}, nil, ErrShort
	}
	return Envelope{
		Version:   Version{src[0], src[1]},
		Flags:     EnvelopeFlags(src[2] & 0xe0),
		Suggested: Version{src[2] & 0x1f, src[3]},
		SessionID: binary.BigEndian.Uint32(src[4:]),
		RequestID: binary.BigEndian.Uint32(src[8:]),
		Sequence:  binary.BigEndian.Uint32(src[12:]),
		Length:    binary.BigEndian.Uint32(src[16:]),
	}, src[EnvelopeSize:], nil
}

// sdk is the version of the national SDK's messages (spec/handle-protocol.md, section 14).
var sdk = Version{2, 10}

// AnswerVersion is the version in which to answer a message with this envelope: the lower of what
// its sender suggests and [Latest]. The national SDK is answered in 2.10, which it speaks, though it
// suggests 2.11.
func (e *Envelope) AnswerVersion() Version {
	v := e.Suggested
	if v.Major == 0 || e.Version == sdk {
		v = e.Version
	}
	if v.Before(oldest) {
		return oldest
	}
	if Latest.Before(v) {
		return Latest
	}
	return v
}

// Header stands at the front of a message.
type Header struct {
	Opcode     Opcode
	Rcode      Rcode
	Flags      OpFlags
	SiteSerial uint16 // serial of the site record that the client knows, or that the server has; 65535 is none
	Recursion  uint8  // how often the request has been passed on
	Expiration uint32 // seconds since 1970; 12 hours after sending by custom
	BodyLength uint32
}

// NoSiteSerial says in Header.SiteSerial that no site record is known.
const NoSiteSerial = 65535

// Lifetime is how long a message is good for, in seconds: Header.Expiration is the time of sending
// plus this.
const Lifetime = 12 * 60 * 60

// AppendHeader appends h in wire form.
func AppendHeader(dst []byte, h Header) []byte {
	var b [HeaderSize]byte
	putHeader(b[:], h)
	return append(dst, b[:]...)
}

func putHeader(b []byte, h Header) {
	_ = b[HeaderSize-1]
	binary.BigEndian.PutUint32(b[0:], uint32(h.Opcode))
	binary.BigEndian.PutUint32(b[4:], uint32(h.Rcode))
	binary.BigEndian.PutUint32(b[8:], uint32(h.Flags))
	binary.BigEndian.PutUint16(b[12:], h.SiteSerial)
	b[14], b[15] = h.Recursion, 0
	binary.BigEndian.PutUint32(b[16:], h.Expiration)
	binary.BigEndian.PutUint32(b[20:], h.BodyLength)
}

// ParseHeader reads a header. It ignores the reserved octet and does not judge BodyLength.
func ParseHeader(src []byte) (h Header, rest []byte, err error) {
	if len(src) < HeaderSize {
		return Header{}, nil, ErrShort
	}
	return Header{
		Opcode:     Opcode(binary.BigEndian.Uint32(src[0:])),
		Rcode:      Rcode(binary.BigEndian.Uint32(src[4:])),
		Flags:      OpFlags(binary.BigEndian.Uint32(src[8:])),
		SiteSerial: binary.BigEndian.Uint16(src[12:]),
		Recursion:  src[14],
		Expiration: binary.BigEndian.Uint32(src[16:]),
		BodyLength: binary.BigEndian.Uint32(src[20:]),
	}, src[HeaderSize:], nil
}
