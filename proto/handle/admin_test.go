package handle_test

import (
	"bytes"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// encrypted reports whether the message is one that only its session's key opens.
func encrypted(packets [][]byte) bool {
	if len(packets) == 0 {
		return false
	}
	e, _, err := handle.ParseEnvelope(packets[0])
	return err == nil && e.SessionID != 0 && e.Flags&handle.EnvelopeEncrypted != 0
}

// appendRequest parses the body of a request and appends it again.
func appendRequest(t *testing.T, dst []byte, m handle.Message) []byte {
	t.Helper()
	body, start := m.Body, len(dst)
	var err error
	switch m.Header.Opcode {
	case handle.OpResolve:
		var r handle.ResolveRequest
		if err = handle.ParseResolveRequest(body, &r); err == nil {
			types := make([]string, len(r.Types))
			for i := range r.Types {
				types[i] = string(r.Types[i])
			}
			dst = handle.AppendResolveRequest(dst, string(r.Handle), r.Indexes, types)
		}
	case handle.OpCreateHandle, handle.OpAddValue, handle.OpModifyValue:
		var h []byte
		var values []identifier.Value
		h, values, err = handle.ParseValuesRequest(body)
		dst = handle.AppendValuesRequest(dst, string(h), values)
	case handle.OpRemoveValue:
		var h []byte
		var indexes []uint32
		h, indexes, err = handle.ParseIndexesRequest(body)
		dst = handle.AppendIndexesRequest(dst, string(h), indexes)
	case handle.OpChallengeResponse:
		var a handle.ChallengeAnswer
		a, err = handle.ParseChallengeAnswer(body)
		dst = handle.AppendChallengeAnswer(dst, a)
	case handle.OpVerifyResponse:
		var v handle.Verification
		v, err = handle.ParseVerification(body)
		dst = handle.AppendVerification(dst, v)
	case handle.OpSessionSetup:
		var s handle.SessionSetup
		s, err = handle.ParseSessionSetup(body)
		dst = handle.AppendSessionSetup(dst, s)
	case handle.OpLogin:
		var r identifier.Ref
		r, err = handle.ParseLogin(body)
		dst = handle.AppendLogin(dst, r)
	default:
		var h []byte
		h, err = handle.ParseHandleRequest(body)
		dst = handle.AppendHandleRequest(dst, string(h))
	}
	if err != nil {
		t.Fatal(err)
	}
	// What follows is kept: V099 and V100 are resolve bodies under another opcode, V091 has two
	// zeros, and the idpointer SDK adds a string to what it resolves.
	return append(dst, body[len(dst)-start:]...)
}

// appendSuccess parses the body of a successful response of an administrative operation, behind its
// digest, and appends it again.
func appendSuccess(t *testing.T, dst []byte, op handle.Opcode, body []byte) []byte {
	t.Helper()
	var err error
	start := len(dst)
	switch {
	case len(body) == 0:
	case op == handle.OpListHandles || op == handle.OpListHomedPrefixes:
		var handles [][]byte
		handles, err = handle.ParseHandles(body)
		dst = handle.AppendHandles(dst, handles)
	case op == handle.OpVerifyResponse:
		var valid bool
		valid, err = handle.ParseVerified(body)
		dst = handle.AppendVerified(dst, valid)
	case op == handle.OpSessionSetup:
		var mode handle.SessionMode
		var data []byte
		if mode, data, err = handle.ParseSessionKey(body); err == nil {
			var cipher handle.SessionCipher
			var public []byte
			cipher, public, err = handle.ParseDHKey(data)
			dst = handle.AppendSessionKey(dst, mode, handle.AppendDHKey(nil, cipher, public))
			dst = append(dst, body[len(dst)-start:]...) // two zeros
		}
	case op == handle.OpCreateHandle:
		var h []byte
		h, err = handle.ParseHandleRequest(body)
		dst = handle.AppendHandleRequest(dst, string(h))
	default:
		t.Errorf("opcode %d with a body: %x", op, body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dst
}

func TestLyingAdminBodies(t *testing.T) {
	parse := map[string]func([]byte) error{
		"values":       func(b []byte) error { _, _, err := handle.ParseValuesRequest(b); return err },
		"indexes":      func(b []byte) error { _, _, err := handle.ParseIndexesRequest(b); return err },
		"handles":      func(b []byte) error { _, err := handle.ParseHandles(b); return err },
		"answer":       func(b []byte) error { _, err := handle.ParseChallengeAnswer(b); return err },
		"verification": func(b []byte) error { _, err := handle.ParseVerification(b); return err },
		"verified":     func(b []byte) error { _, err := handle.ParseVerified(b); return err },
		"set-up":       func(b []byte) error { _, err := handle.ParseSessionSetup(b); return err },
		"session key":  func(b []byte) error { _, _, err := handle.ParseSessionKey(b); return err },
		"DH key":       func(b []byte) error { _, _, err := handle.ParseDHKey(b); return err },
		"login":        func(b []byte) error { _, err := handle.ParseLogin(b); return err },
	}
	ref := identifier.Ref{Handle: "88.1/a", Index: 300}
	good := map[string][]byte{
		"values":       handle.AppendValuesRequest(nil, "88.1/a", []identifier.Value{{Index: 1, Type: "URL"}}),
		"indexes":      handle.AppendIndexesRequest(nil, "88.1/a", []uint32{1, 2}),
		"handles":      handle.AppendHandles(nil, []string{"88.1/a", "88.1/b"}),
		"answer":       handle.AppendChallengeAnswer(nil, handle.ChallengeAnswer{KeyType: []byte("HS_PUBKEY"), Identity: ref, Answer: []byte{1}}),
		"verification": handle.AppendVerification(nil, handle.Verification{Key: ref, Nonce: []byte{1}, Digest: []byte{2}, Answer: []byte{3}}),
		"verified":     handle.AppendVerified(nil, true),
		"set-up":       handle.AppendSessionSetup(nil, handle.SessionSetup{Mode: handle.SessionDH, Identity: ref, PublicKey: []byte{1}}),
		"session key":  handle.AppendSessionKey(nil, handle.SessionDH, []byte{1}),
		"DH key":       handle.AppendDHKey(nil, handle.CipherAES, nil),
		"login":        handle.AppendLogin(nil, ref),
	}
	for name, octets := range good {
		if err := parse[name](octets); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range octets {
			if err := parse[name](octets[:n:n]); err == nil {
				t.Errorf("%s: took %d of %d octets", name, n, len(octets))
			}
		}
	}
	huge := append([]byte{0, 0, 0, 1, 'a'}, 0x7f, 0xff, 0xff, 0xff)
	for _, name := range []string{"values", "indexes"} {
		if err := parse[name](huge); err != handle.ErrCount {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := parse["handles"](huge[5:]); err != handle.ErrCount {
		t.Errorf("handles: %v", err)
	}
	if err := parse["set-up"](handle.AppendSessionSetup(nil, handle.SessionSetup{Mode: 5})); err != handle.ErrBody {
		t.Errorf("mode 5: %v", err)
	}
}

func TestFinishWith(t *testing.T) {
	e := handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: 4}
	h := handle.Header{Opcode: handle.OpDeleteHandle}
	dst := append(handle.Begin([]byte("before")), "body"...)
	core := bytes.Clone(handle.FinishCore(dst, 6, h))
	dst = handle.FinishWith(dst, 6, e, h, []byte("credential"))
	got, rest, err := handle.ParseEnvelope(dst[6:])
	if err != nil || int(got.Length) != len(rest) {
		t.Fatalf("length %d of %d, %v", got.Length, len(rest), err)
	}
	m, err := handle.ParseMessage(rest)
	if err != nil || string(m.Body) != "body" || string(m.Credential) != "credential" || !bytes.Equal(m.Core, core) {
		t.Errorf("%+v, %v", m, err)
	}
	e.Flags = handle.EnvelopeEncrypted
	if got, rest, err = handle.ParseEnvelope(handle.AppendEnveloped(nil, e, []byte("sealed"))); err != nil || got.Length != 6 || string(rest) != "sealed" || got.Flags != e.Flags {
		t.Errorf("%+v %q, %v", got, rest, err)
	}
}

func TestDigestSum(t *testing.T) {
	for minor, want := range map[uint8]int{0: 16, 1: 20, 6: 20, 7: 32, 11: 32} {
		v := handle.Version{Major: 2, Minor: minor}
		if got := len(handle.DigestSum(handle.AppendDigest(nil, v, []byte("core")), v)); got != want {
			t.Errorf("2.%d: %d octets, want %d", minor, got, want)
		}
	}
	if got := handle.DigestSum(nil, handle.Latest); len(got) != 0 {
		t.Errorf("of nothing: %x", got)
	}
}
