package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

func identity(t *testing.T, index uint32, name, key string) *client.Identity {
	t.Helper()
	private, err := auth.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: handletest.Key(t, key)}), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client.Identity{Ref: identifier.Ref{Handle: name, Index: index}, Key: private}
}

// TestNativeClient administers a node with the native client: by challenges and in a session, with keys of every kind.
func TestNativeClient(t *testing.T) {
	d := capturedNode(t)
	defer d.stop()
	site, err := handle.ParseSite(handletest.Site(t))
	if err != nil {
		t.Fatal(err)
	}
	server, err := auth.ParsePublicKey(site.Servers[0].PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	secret := &client.Identity{Ref: identifier.Ref{Handle: "88.990/user-sk", Index: 301}, Secret: handletest.Key(t, "secret")}
	for _, c := range []struct {
		name    string
		who     *client.Identity
		session bool
	}{
		{"RSA", identity(t, 300, "88.990/admin", "admin_rsa"), false},
		{"RSA in a session", identity(t, 300, "88.990/admin", "admin_rsa"), true},
		{"secret", secret, false},
		{"secret in a session", secret, true},
		{"server administrator", identity(t, 300, "88.990/srvadmin", "srvadmin_rsa"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := client.New(d.handle, client.Options{Identity: c.who, Session: c.session, ServerKey: server})
			defer k.Close()
			ctx := t.Context()
			name := fmt.Sprintf("88.990.1001/client-%d-%v", c.who.Ref.Index, c.session)
			admin := identifier.Value{Index: 100, Type: "HS_ADMIN", TTL: 86400, Perms: identifier.DefaultPerms,
				Data: handle.AppendAdmin(nil, handle.Admin{Perms: handle.MayAll, Ref: c.who.Ref})}
			url := identifier.Value{Index: 1, Type: "URL", Data: []byte("https://a.example"), TTL: 86400, Perms: identifier.DefaultPerms}
			note := identifier.Value{Index: 2, Type: "NOTE", Data: []byte("for few"), TTL: 86400, Perms: identifier.AdminRead | identifier.AdminWrite}
			if got, err := k.Create(ctx, name, []identifier.Value{url, note, admin}, false); err != nil || got != name {
				t.Fatal(got, err)
			}
			if _, err := k.Create(ctx, name, []identifier.Value{url, admin}, false); code(err) != handle.RcodeHandleExists {
				t.Errorf("create again: %v", err)
			}
			if values, err := k.Resolve(ctx, client.Request{Handle: name, Private: true}); err != nil || len(values) != 3 || string(values[1].Data) != "for few" {
				t.Errorf("private values: %v, %v", values, err)
			}
			if values, err := k.Resolve(ctx, client.Request{Handle: name}); err != nil || len(values) != 2 {
				t.Errorf("public values: %v, %v", values, err)
			}
			mail := identifier.Value{Index: 3, Type: "EMAIL", Data: []byte("a@a.example"), TTL: 86400, Perms: identifier.DefaultPerms}
			if err := k.AddValues(ctx, name, []identifier.Value{mail}, false); err != nil {
				t.Error(err)
			}
			url.Data = []byte("https://b.example")
			if err := k.ModifyValues(ctx, name, []identifier.Value{url}); err != nil {
				t.Error(err)
			}
			if err := k.RemoveValues(ctx, name, []uint32{2}); err != nil {
				t.Error(err)
			}
			values, err := k.Resolve(ctx, client.Request{Handle: name, Types: []string{"URL", "NOTE"}})
			if err != nil || len(values) != 1 || string(values[0].Data) != "https://b.example" {
				t.Errorf("after the changes: %v, %v", values, err)
			}
			if err := k.Delete(ctx, name); err != nil {
				t.Error(err)
			}
			if _, err := k.Resolve(ctx, client.Request{Handle: name}); code(err) != handle.RcodeHandleNotFound {
				t.Errorf("after delete: %v", err)
			}
			if minted, err := k.Mint(ctx, "88.990.1001/m-", []identifier.Value{url, admin}); err != nil || len(minted) != len("88.990.1001/m-")+36 {
				t.Errorf("mint: %q, %v", minted, err)
			}
		})
	}

	ctx := t.Context()
	operator := client.New(d.handle, client.Options{Identity: identity(t, 300, "88.990/srvadmin", "srvadmin_rsa"), Session: true})
	defer operator.Close()
	var listed []string
	keep := func(name string) error { listed = append(listed, name); return nil }
	if err := operator.ListHandles(ctx, "0.NA/88.990.1003", keep); err != nil || len(listed) != 120 {
		t.Errorf("%d handles, %v", len(listed), err)
	}
	if err := operator.Home(ctx, "0.NA/88.990.7777"); err != nil {
		t.Error(err)
	}
	listed = nil
	if err := operator.ListHomed(ctx, keep); err != nil || !slices.Contains(listed, "0.NA/88.990.7777") {
		t.Errorf("homed: %q, %v", listed, err)
	}
	if err := operator.Unhome(ctx, "0.NA/88.990.7777"); err != nil {
		t.Error(err)
	}

	nobody := client.New(d.handle, client.Options{})
	defer nobody.Close()
	if err := nobody.Delete(ctx, "88.990.1001/item-1"); code(err) != handle.RcodeAuthNeeded {
		t.Errorf("without an identity: %v", err)
	}
	limited := client.New(d.handle, client.Options{Identity: identity(t, 300, "88.990/limited", "limited_rsa")})
	defer limited.Close()
	if err := limited.Delete(ctx, "88.990.1001/item-1"); code(err) != handle.RcodeInvalidAdmin {
		t.Errorf("without the right: %v", err)
	}
	wrong := client.New(d.handle, client.Options{Identity: identity(t, 300, "88.990/admin", "limited_rsa")})
	defer wrong.Close()
	if err := wrong.Delete(ctx, "88.990.1001/item-1"); code(err) != handle.RcodeAuthFailed {
		t.Errorf("with another's key: %v", err)
	}
	other := client.New(d.handle, client.Options{Identity: identity(t, 300, "88.990/admin", "admin_rsa"), Session: true, ServerKey: identity(t, 0, "", "limited_rsa").Key.Public()})
	defer other.Close()
	if err := other.Delete(ctx, "88.990.1001/item-1"); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("a server with another key: %v", err)
	}
	for _, good := range []bool{true, false} {
		nonce, digest := make([]byte, 16), make([]byte, 20)
		answer, err := auth.AnswerWithSecret(secret.Secret, handle.Latest, nonce, digest)
		if err != nil {
			t.Fatal(err)
		}
		if !good {
			nonce[0]++
		}
		got, err := nobody.Verify(ctx, handle.Verification{Key: secret.Ref, Nonce: nonce, Digest: digest, Answer: answer})
		if err != nil || got != good {
			t.Errorf("verify: %v, %v, want %v", got, err, good)
		}
	}
	var askers sync.WaitGroup
	for range 8 {
		askers.Go(func() {
			for range 50 {
				if values, err := nobody.Resolve(ctx, client.Request{Handle: "88.990.1001/item-1"}); err != nil || len(values) == 0 {
					t.Error(values, err)
					return
				}
			}
		})
	}
	askers.Wait()
}

func code(err error) handle.Rcode {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Code
	}
	return 0
}
