package handleserver

import (
	"errors"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
)

// maxCredential is the octets that a credential may take of a message.
const maxCredential = 1024

// encryptSince is the version from which answers with private values are encrypted in a session.
var encryptSince = handle.Version{Major: 2, Minor: 8}

// secure completes an answer that is to be signed or encrypted: with the key of its session, or with the
// server's key, which signs session set-ups as well. Without either it goes out as it is, and says so.
func (a *answerer) secure(x *exchange, e handle.Envelope, h handle.Header) []byte {
	asked := x.message.Header.Flags
	encrypt := x.session != nil && (asked&handle.FlagEncrypt != 0 || x.private && !x.version.Before(encryptSince))
	if encrypt {
		h.Flags |= asked & handle.FlagEncrypt
	}
	var sign func(core []byte) ([]byte, error)
	if asked&handle.FlagCertify != 0 && !x.plain {
		switch {
		case x.session != nil:
			sign = func(core []byte) ([]byte, error) {
				return x.session.keys.AppendMAC(nil, e, x.session.counter.Add(1), core)
			}
		case !a.s.o.Key.IsZero():
			sign = func(core []byte) ([]byte, error) { return a.sign(e, core) }
		}
	}
	var credential []byte
	if sign != nil {
		h.Flags |= handle.FlagCertify
		var err error
		if credential, err = sign(handle.FinishCore(x.out, x.begin, h)); err != nil {
			if err != errBusy { // that is for anybody to bring about
				a.s.log.Error("answer not signed", "err", err)
			}
			h.Flags &^= handle.FlagCertify
		}
	}
	out := handle.FinishWith(x.out, x.begin, e, h, credential)
	if !encrypt {
		return out
	}
	sealed := x.session.keys.Seal(nil, out[x.begin+handle.EnvelopeSize:])
	e.Flags |= handle.EnvelopeEncrypted
	return handle.AppendEnveloped(out[:x.begin], e, sealed)
}

var errBusy = errors.New("too many signatures at a time")

// sign makes the server's signature. It takes a millisecond, and anybody may ask for it.
func (a *answerer) sign(e handle.Envelope, core []byte) ([]byte, error) {
	if !a.s.heavy.enter() {
		return nil, errBusy
	}
	defer a.s.heavy.leave()
	return auth.AppendSignature(nil, a.s.o.Key, e, 0, core)
}
