package handleserver

import (
	"bytes"
	"context"
	"crypto/subtle"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// AppendAnswerFor appends the answer to one whole message without a session, envelope included, as over TCP. Nobody is
// challenged: code 402, with an empty text, says that the asker has to prove who it is. Replaced reports that a handle
// which was created, or one of the values that were added, had been there before.
func (s *Server) AppendAnswerFor(ctx context.Context, dst, message []byte, asker resolver.Asker) (out []byte, replaced bool) {
	a := s.spare.Get().(*answerer)
	a.asker = &asker
	defer func() {
		a.asker, a.replaced = nil, false
		s.spare.Put(a)
	}()
	out = a.whole(ctx, dst, message, asker.From)
	return out, a.replaced
}

// ListHandles calls yield with each handle of a prefix ("88.101.5"), in any order, until it returns an error, which
// is returned. The asker needs the right to list. Refusals have a method Rcode() [handle.Rcode].
func (s *Server) ListHandles(ctx context.Context, prefix string, asker resolver.Asker, yield func(name string) error) error {
	id, r := s.listed(ctx, prefix)
	switch {
	case r != nil:
		return r
	case asker.Who == nil:
		return refuse(handle.RcodeAuthNeeded, "")
	}
	if r := s.mayList(ctx, *asker.Who, id); r != nil {
		return r
	}
	if err := s.o.Admin.ListHandles(ctx, prefix, yield); err != nil {
		return err
	}
	return nil
}

// Prove returns the identity, with the index of the key that fits. Refusals have a method Rcode() [handle.Rcode].
func (s *Server) Prove(ctx context.Context, p resolver.Proof) (identifier.Ref, error) {
	if s.o.Admin == nil {
		return identifier.Ref{}, refuse(handle.RcodeUnableToAuth, "")
	}
	kind := p.Type
	switch {
	case p.Secret != nil:
		kind = typeSecretKey
	case p.Key != nil:
		kind = typePublicKey
	default:
		who, r := s.prove(ctx, &claim{kind: kind, ref: p.Ref, answer: p.Answer, nonce: p.Nonce, digest: p.ClientNonce})
		if r != nil {
			return identifier.Ref{}, r
		}
		return who, nil
	}
	keys, r := s.keys(ctx, kind, p.Ref)
	if r != nil {
		return identifier.Ref{}, r
	}
	for i := range keys {
		if fits(&p, &keys[i]) {
			return identifier.Ref{Handle: p.Ref.Handle, Index: keys[i].Index}, nil
		}
	}
	return identifier.Ref{}, refuse(handle.RcodeAuthFailed, "")
}

// fits reports whether v is the secret, or holds the key.
func fits(p *resolver.Proof, v *identifier.Value) bool {
	if p.Secret != nil {
		return len(v.Data) > 0 && subtle.ConstantTimeCompare(v.Data, p.Secret) == 1
	}
	key, err := auth.ParsePublicKey(v.Data)
	if err != nil {
		return false
	}
	kept, err := auth.AppendPublicKey(nil, key)
	if err != nil {
		return false
	}
	given, err := auth.AppendPublicKey(nil, p.Key)
	return err == nil && bytes.Equal(kept, given)
}
