package node

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/trust"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver/handleserver"
)

// TestTrustedQuery registers a record and its signature as clients do, and asks whether it can be trusted: what was
// signed before the registrar wrote it, with its own times, is still what the signature covers.
func TestTrustedQuery(t *testing.T) {
	a := newHandleAdmin(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s, err := handleserver.New(handleserver.Options{Resolver: a.resolver, Admin: a, Logger: a.log,
		TrustRoots: []trust.Root{{Handle: "0.0/0.0", Key: &key.PublicKey}}})
	if err != nil {
		t.Fatal(err)
	}
	const name = "88.990.1001/Signed-1"
	change := func(values ...identifier.Value) {
		t.Helper()
		if err := a.Change(t.Context(), handleserver.Change{ID: handleID(t, name), Op: "create", Who: serverAdmin, From: from, Decide: set(values...)}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, want handle.OpFlags) {
		t.Helper()
		request := handle.Finish(handle.AppendResolveRequest(handle.Begin(nil), name, nil, []string{"NOTE"}), 0,
			handle.Envelope{Version: handle.Latest, Suggested: handle.Latest}, handle.Header{Opcode: handle.OpResolve, Flags: handle.FlagPublicOnly | handle.FlagCheckTrust})
		m, err := handle.ParseMessage(s.AppendAnswer(context.Background(), nil, request, netip.Addr{})[handle.EnvelopeSize:])
		if err != nil || m.Header.Rcode != handle.RcodeSuccess {
			t.Fatalf("%s: %+v, %v", what, m.Header, err)
		}
		if got := m.Header.Flags & (handle.FlagCheckTrust | handle.FlagTrusted); got != want {
			t.Errorf("%s: flags %d, want %d", what, got, want)
		}
	}
	signed := []identifier.Value{note(1, "a"), note(2, "b")}
	signature := identifier.Value{Index: 400, Type: trust.TypeSignature, Data: signRecord(t, key, name, signed), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
	change(signed...)
	want("not signed", 0)
	change(append(signed, signature)...)
	want("signed", handle.FlagCheckTrust|handle.FlagTrusted)
	change(note(1, "a"), note(2, "c"), signature)
	want("altered", handle.FlagCheckTrust)
}

// signRecord is the data of a signature of values by the root.
func signRecord(t *testing.T, key *rsa.PrivateKey, name string, values []identifier.Value) []byte {
	t.Helper()
	digests, err := trust.DigestValues("SHA-256", values)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"sub": name, "iss": "300:0.0/0.0", "digests": digests})
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64([]byte(`{"alg":"RS256"}`)) + "." + b64(payload)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return []byte(input + "." + b64(signature))
}
