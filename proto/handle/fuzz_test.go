package handle_test

import (
	"bytes"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handletest"
)

// seeds adds the parts of all captured messages that pick chooses.
func seeds(f *testing.F, pick func(m handle.Message) []byte) {
	for _, v := range handletest.Vectors(f) {
		for _, packets := range [][][]byte{v.Requests, v.Responses} {
			for _, p := range packets {
				if len(p) < handle.EnvelopeSize {
					continue
				}
				if m, err := handle.ParseMessage(p[handle.EnvelopeSize:]); err == nil {
					f.Add(pick(m))
				}
			}
		}
	}
}

// same fails unless again, what was parsed and appended, is how src begins.
func same(t *testing.T, src, again []byte) {
	t.Helper()
	if !bytes.HasPrefix(src, again) {
		t.Errorf("parsed and appended:\n got %x\nfrom %x", again, src)
	}
}

func FuzzMessage(f *testing.F) {
	for _, v := range handletest.Vectors(f) {
		f.Add(v.Request())
		f.Add(v.Response())
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		e, rest, err := handle.ParseEnvelope(src)
		if err != nil {
			return
		}
		same(t, src, handle.AppendEnvelope(nil, e))
		m, err := handle.ParseMessage(rest)
		if err != nil {
			return
		}
		rest[15] = 0 // reserved, not kept
		same(t, rest, handle.AppendHeader(nil, m.Header))
		same(t, rest, m.Core)
		if c, err := handle.ParseCredential(m.Credential); err == nil {
			again := handle.AppendCredential(nil, c)
			if d, err := handle.ParseCredential(again); err != nil || !bytes.Equal(handle.AppendCredential(nil, d), again) {
				t.Errorf("credential %x: %v", again, err)
			}
		}
	})
}

func FuzzResolveRequest(f *testing.F) {
	seeds(f, func(m handle.Message) []byte { return m.Body })
	f.Fuzz(func(t *testing.T, src []byte) {
		var r handle.ResolveRequest
		if handle.ParseResolveRequest(src, &r) != nil {
			return
		}
		types := make([]string, len(r.Types))
		for i := range r.Types {
			types[i] = string(r.Types[i])
		}
		same(t, src, handle.AppendResolveRequest(nil, string(r.Handle), r.Indexes, types))
	})
}

func FuzzResponse(f *testing.F) {
	seeds(f, func(m handle.Message) []byte { return m.Body })
	f.Fuzz(func(t *testing.T, src []byte) {
		if h, values, err := handle.ParseResolveResponse(src); err == nil {
			same(t, src, handle.AppendResolveResponse(nil, string(h), values))
			for i := range values {
				if a, err := handle.ParseAdmin(values[i].Data); err == nil {
					same(t, values[i].Data, handle.AppendAdmin(nil, a))
				}
			}
		}
		if h, values, err := handle.ParseReferral(src); err == nil && len(values) > 0 {
			same(t, src, handle.AppendResolveResponse(nil, string(h), values))
		}
		if text, err := handle.ParseError(src); err == nil && len(src) > 0 {
			same(t, src, handle.AppendError(nil, string(text)))
		}
		for _, v := range []handle.Version{{Major: 2}, {Major: 2, Minor: 1}, handle.Latest} {
			if digest, nonce, err := handle.ParseChallenge(src, v); err == nil {
				if len(digest)+4+len(nonce) > len(src) {
					t.Errorf("challenge of %d octets from %d", len(digest)+4+len(nonce), len(src))
				}
			}
		}
	})
}

func FuzzAdmin(f *testing.F) {
	seeds(f, func(m handle.Message) []byte { return m.Body })
	f.Fuzz(func(t *testing.T, src []byte) {
		if h, values, err := handle.ParseValuesRequest(src); err == nil {
			same(t, src, handle.AppendValuesRequest(nil, string(h), values))
		}
		if h, indexes, err := handle.ParseIndexesRequest(src); err == nil {
			same(t, src, handle.AppendIndexesRequest(nil, string(h), indexes))
		}
		if handles, err := handle.ParseHandles(src); err == nil {
			same(t, src, handle.AppendHandles(nil, handles))
		}
		if a, err := handle.ParseChallengeAnswer(src); err == nil {
			same(t, src, handle.AppendChallengeAnswer(nil, a))
		}
		if v, err := handle.ParseVerification(src); err == nil {
			same(t, src, handle.AppendVerification(nil, v))
		}
		if s, err := handle.ParseSessionSetup(src); err == nil {
			same(t, src, handle.AppendSessionSetup(nil, s))
		}
		if mode, data, err := handle.ParseSessionKey(src); err == nil {
			same(t, src, handle.AppendSessionKey(nil, mode, data))
		}
		if cipher, public, err := handle.ParseDHKey(src); err == nil {
			same(t, src, handle.AppendDHKey(nil, cipher, public))
		}
		if r, err := handle.ParseLogin(src); err == nil {
			same(t, src, handle.AppendLogin(nil, r))
		}
		if k, err := handle.ParsePublicKey(src); err == nil {
			if again, err := handle.ParsePublicKey(handle.AppendPublicKey(nil, k)); err != nil || again.Algorithm != k.Algorithm {
				t.Errorf("key %x: %v", src, err)
			}
		}
	})
}

func FuzzSite(f *testing.F) {
	f.Add(handletest.Site(f))
	for _, r := range handletest.Records(f) {
		for _, v := range r.Values {
			if v.Type == "HS_SITE" {
				f.Add(v.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if s, err := handle.ParseSite(src); err == nil {
			same(t, src, handle.AppendSite(nil, s))
		}
	})
}

func FuzzAssembly(f *testing.F) {
	f.Add(uint32(1000), []byte{0, 2, 1, 1})
	f.Add(uint32(493), []byte{1, 0})
	f.Fuzz(func(t *testing.T, n uint32, order []byte) {
		var a handle.Assembly
		e := handle.Envelope{RequestID: 7, Length: n}
		if a.Start(e) != nil {
			return
		}
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(i * i >> 3)
		}
		message := append(handle.AppendEnvelope(nil, e), body...)
		come := make(map[byte]bool)
		for _, k := range order {
			if int(k) >= handle.Pieces(int(n)) {
				continue
			}
			come[k] = true
			e, payload, err := handle.ParseEnvelope(handle.AppendPiece(nil, message, int(k)))
			if err != nil {
				t.Fatal(err)
			}
			whole, err := a.Add(e, payload)
			if err != nil || whole != (len(come) == handle.Pieces(int(n))) {
				t.Fatalf("whole = %v with %d of %d pieces: %v", whole, len(come), handle.Pieces(int(n)), err)
			}
			if whole {
				if _, got := a.Message(); !bytes.Equal(got, body) {
					t.Fatal("put together wrongly")
				}
				return
			}
		}
	})
}
