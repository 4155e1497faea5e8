package auth

import (
	"crypto"
	"encoding/binary"

	"github.com/idnode/idnode/proto/handle"
)

// Types of credentials.
const (
	typeSigned    = "HS_SIGNED"
	typeOldSigned = "HS_DSAPUBKEY" // an older name of the same
	typeMAC       = "HS_MAC"
)

// AppendSignature appends the HS_SIGNED credential of a message, without the length before it: a
// signature with a server's RSA or DSA key over what the envelope's version asks for
// (spec/handle-protocol.md section 6). The counter is 0 outside sessions; core is the message's
// header and body.
func AppendSignature(dst []byte, key PrivateKey, e handle.Envelope, counter uint32, core []byte) ([]byte, error) {
	name := key.hashFor(e.Version)
	signature, err := key.sign(name, signedPrefix(e, counter), core)
	if err != nil {
		return dst, err
	}
	return handle.AppendCredential(dst, handle.Credential{
		Counter: counter, Type: []byte(typeSigned), Algorithm: []byte(name), Signature: signature}), nil
}

// FinishSigned completes the message that [handle.Begin] started at dst[start], as [handle.Finish]
// does, with a credential by key.
func FinishSigned(dst []byte, start int, e handle.Envelope, h handle.Header, key PrivateKey) ([]byte, error) {
	credential, err := AppendSignature(nil, key, e, 0, handle.FinishCore(dst, start, h))
	if err != nil {
		return dst, err
	}
	return handle.FinishWith(dst, start, e, h, credential), nil
}

// VerifySignature reports with [ErrSignature] a message that was not signed by key: that of the
// server record by which its sender was found.
func VerifySignature(key crypto.PublicKey, e handle.Envelope, m handle.Message) error {
	c, err := handle.ParseCredential(m.Credential)
	if err != nil || string(c.Type) != typeSigned && string(c.Type) != typeOldSigned ||
		!verify(key, c.Algorithm, c.Signature, signedPrefix(e, c.Counter), m.Core) {
		return ErrSignature
	}
	return nil
}

// signedPrefix is what a signature covers before a message's core, by the version of the message:
// nothing up to 2.5, in 2.6 half of what was meant, and from 2.8 also the suggested version.
func signedPrefix(e handle.Envelope, counter uint32) []byte {
	v := e.Version
	minor := func(n uint8) handle.Version { return handle.Version{Major: 2, Minor: n} }
	if v.Before(minor(6)) {
		return nil
	}
	b := make([]byte, 0, 16)
	b = append(b, v.Major, v.Minor)
	if v.Before(minor(7)) {
		b = binary.BigEndian.AppendUint16(b, uint16(e.SessionID>>16))
		b = binary.BigEndian.AppendUint32(b, counter)
		return append(b, 0, 0, 0, 0, 0, 0)
	}
	if !v.Before(minor(8)) {
		b = append(b, e.Suggested.Major, e.Suggested.Minor)
	}
	b = binary.BigEndian.AppendUint32(b, e.SessionID)
	b = binary.BigEndian.AppendUint32(b, e.RequestID)
	return binary.BigEndian.AppendUint32(b, counter)
}
