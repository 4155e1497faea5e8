package handleserver

import (
	"context"
	"strings"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/identifier"
)

// claim is the answer to a challenge: that its sender is who it says.
type claim struct {
	kind   string // the type of the key, HS_PUBKEY or HS_SECKEY
	ref    identifier.Ref
	answer []byte
	nonce  []byte
	digest []byte // of the request, without the octet of its algorithm
}

// maxKeys is how many keys of an identity are tried when the claim leaves open which.
const maxKeys = 8

// prove checks c against the identity's keys, and returns the identity with the index of the key that
// fitted. Refusals: RC_AUTHEN_ERROR if there is no such key, RC_AUTHENTICATION_FAILED if none fits.
func (s *Server) prove(ctx context.Context, c *claim) (identifier.Ref, *refusal) {
	keys, r := s.keys(ctx, c.kind, c.ref)
	if r != nil {
		return identifier.Ref{}, r
	}
	if !s.heavy.enter() {
		return identifier.Ref{}, refuse(handle.RcodeServerTooBusy, "")
	}
	defer s.heavy.leave()
	for i := range keys {
		var err error
		if c.kind == typePublicKey {
			var key any
			if key, err = auth.ParsePublicKey(keys[i].Data); err == nil {
				err = auth.VerifyKeyAnswer(key, c.ref, c.nonce, c.digest, c.answer)
			}
		} else {
			err = auth.VerifySecretAnswer(keys[i].Data, c.nonce, c.digest, c.answer)
		}
		if err == nil {
			return identifier.Ref{Handle: c.ref.Handle, Index: keys[i].Index}, nil
		}
	}
	return identifier.Ref{}, refuse(handle.RcodeAuthFailed, "")
}

// keys are the values of an identity that hold its keys of that type: the one of the reference's index,
// or all, lowest index first, if that is 0.
func (s *Server) keys(ctx context.Context, kind string, ref identifier.Ref) ([]identifier.Value, *refusal) {
	if kind != typePublicKey && kind != typeSecretKey {
		return nil, refuse(handle.RcodeUnableToAuth, "Unknown type of key")
	}
	rec, err := s.identity(ctx, ref.Handle)
	if err != nil {
		return nil, s.refusalOf("authenticate", err)
	}
	var keys []identifier.Value
	if rec != nil {
		for _, v := range rec.Values {
			if strings.EqualFold(v.Type, kind) && (ref.Index == 0 || v.Index == ref.Index) && len(keys) < maxKeys {
				keys = append(keys, v)
			}
		}
	}
	if len(keys) == 0 {
		return nil, refuse(handle.RcodeUnableToAuth, "No such key")
	}
	return keys, nil
}

// identity returns the record of an identity: one of this node, or by Options.Foreign that of another; nil if
// there is none.
func (s *Server) identity(ctx context.Context, name string) (*identifier.Record, error) {
	id, err := identifier.Handle.Parse(name)
	if err != nil {
		return nil, nil
	}
	rec, err := s.o.Admin.Record(ctx, id)
	if rec != nil || err != nil || s.o.Foreign == nil {
		return rec, err
	}
	return s.o.Foreign(ctx, name)
}

// verify answers whether an answer to a challenge fits a key of this node, for another server that
// challenged (opcode 201).
func (a *answerer) verify(x *exchange) []byte {
	v, err := handle.ParseVerification(x.message.Body)
	if err != nil {
		return a.refuse(x, handle.RcodeProtocolError, err.Error())
	}
	a.countOp("verify")
	_, r := a.s.prove(a.s.base, &claim{kind: typeSecretKey, ref: v.Key, answer: v.Answer, nonce: v.Nonce, digest: v.Digest})
	if r != nil && r.code != handle.RcodeAuthFailed {
		return a.deny(x, "verify", r.code, r.text)
	}
	a.body(x)
	x.out = handle.AppendVerified(x.out, r == nil)
	return a.finish(x, handle.RcodeSuccess, 0)
}
