package handleserver

import (
	"log/slog"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// TestOtherSchemes asks Handle questions whose names are codes of other schemes.
func TestOtherSchemes(t *testing.T) {
	var b storage.Batch
	for _, ns := range []identifier.Namespace{
		{Scheme: identifier.Handle, Prefix: "88.101.5"}, {Scheme: identifier.OID, Prefix: "1.2.156.10001"},
		{Scheme: identifier.GS1, Prefix: "690123"}, {Scheme: identifier.Ecode, Prefix: "10064"},
	} {
		ns.State, ns.Mode = identifier.NamespaceActive, identifier.Hosted
		value, err := storage.EncodeNamespace(&ns)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.NamespaceKey(ns.Key()), value, 0)
	}
	for _, name := range []string{"88.101.5/x", "oid:1.2.156.10001.7", "gs1:6901234567892", "ecode:10064000123456789"} {
		id, err := identifier.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.RecordKey(id.Key(false)), identifier.AppendRecord(nil, &identifier.Record{Scheme: id.Scheme(), ID: id.String(),
			State: identifier.Active, Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte(id.Qualified()), Perms: identifier.DefaultPerms}}}), 0)
	}
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	if _, err := store.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	namespaces, err := storage.LoadNamespaces(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolver.New(resolver.Options{Store: store, Namespaces: namespaces})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Resolver: r, Site: func() []byte { return handletest.Site(t) }, Logger: slog.New(slog.DiscardHandler)})
	for _, tc := range []struct {
		name string
		code handle.Rcode
		data string
	}{
		{"88.101.5/x", handle.RcodeSuccess, "handle:88.101.5/x"},
		{"oid:1.2.156.10001.7", handle.RcodeSuccess, "oid:1.2.156.10001.7"},
		{"1.2.156.10001.7", handle.RcodeSuccess, "oid:1.2.156.10001.7"},
		{"urn:oid:1.2.156.10001.7", handle.RcodeSuccess, "oid:1.2.156.10001.7"},
		{"(01)06901234567892", handle.RcodeSuccess, "gs1:(01)06901234567892"},
		{"https://id.example.cn/01/06901234567892", handle.RcodeSuccess, "gs1:(01)06901234567892"},
		{"10064000123456789", handle.RcodeSuccess, "ecode:10064000123456789"},
		{"1.2.156.10001.8", handle.RcodeHandleNotFound, ""},
		{"(01)06901234567893", handle.RcodeServerNotResponsible, ""}, // a wrong check digit
		{"88.102.5/x", handle.RcodeServerNotResponsible, ""},
		{"88.101.5/", handle.RcodeHandleNotFound, ""},
		{"1.3.1", handle.RcodeServerNotResponsible, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, err := client.Resolve(t.Context(), "tcp", s.Addr().String(), client.Request{Handle: tc.name})
			if err != nil {
				t.Fatal(err)
			}
			if resp.Code != tc.code {
				t.Fatalf("got %v, want %v", resp.Code, tc.code)
			}
			if tc.data == "" {
				return
			}
			if len(resp.Values) != 1 || string(resp.Values[0].Data) != tc.data {
				t.Errorf("got %q for %+v, want %q", resp.Handle, resp.Values, tc.data)
			}
			if resp.Handle != tc.name {
				t.Errorf("the answer is for %q", resp.Handle)
			}
		})
	}
}
