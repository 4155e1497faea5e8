package httpserver

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// newSchemes serves a namespace of each scheme, with some records and, in one, a pattern.
func newSchemes(t *testing.T) *httptest.Server {
	t.Helper()
	var b storage.Batch
	for _, ns := range []identifier.Namespace{
		{Scheme: identifier.Handle, Prefix: "88.101.5", Patterns: []identifier.Pattern{{Match: `SN-(\d+)`, URL: "https://x.example/{1}"}}},
		{Scheme: identifier.OID, Prefix: "1.2.156.10001"}, {Scheme: identifier.GS1, Prefix: "690123"},
		{Scheme: identifier.Ecode, Prefix: "10064"}, {Scheme: identifier.Ecode, Prefix: "10695"},
	} {
		ns.State, ns.Mode, ns.Version = identifier.NamespaceActive, identifier.Hosted, 1
		value, err := storage.EncodeNamespace(&ns)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.NamespaceKey(ns.Key()), value, 0)
	}
	for _, name := range []string{
		"88.101.5/x", "oid:1.2.156.10001.7", "gs1:6901234567892", "gs1:(01)06901234567892(10)L1", "ecode:10064000123456789", "ecode:106952012345678908",
	} {
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
	res, err := resolver.New(resolver.Options{Store: store, Namespaces: namespaces})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Resolver: res, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv
}

// at is the member of a decoded body under a path with dots; a number goes into an array.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i := int(name[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// TestOneDoor asks for codes of all schemes in many spellings.
func TestOneDoor(t *testing.T) {
	srv := newSchemes(t)
	const gtin = "gs1:(01)06901234567892"
	for _, tt := range []struct {
		name, id, params string
		status           int
		want             map[string]any // members by path
	}{
		{"handle", "88.101.5/X", "", 200, map[string]any{"id": "88.101.5/x", "canonical": "handle:88.101.5/x", "record": "88.101.5/x", "reading.scheme": "handle", "fallback": nil, "candidates": nil, "steps": nil, "meant": nil}},
		{"scanned handle", "https://hdl.handle.net/88.101.5/x", "", 200, map[string]any{"id": "88.101.5/x", "reading.carrier": "Handle proxy address"}},
		{"GTIN-13", "6901234567892", "", 200, map[string]any{"canonical": gtin, "scheme": "gs1", "namespace": "690123", "tier": "store", "version": 1.0, "reading.form": "GTIN-13", "reading.level": "product", "values.0.data": gtin}},
		{"element string", "(01)06901234567892(10)L1", "", 200, map[string]any{"canonical": gtin + "(10)L1", "reading.level": "batch"}},
		{"scanned element string", "]d20106901234567892", "", 200, map[string]any{"canonical": gtin, "reading.carrier": "AIM ]d2"}},
		{"Digital Link", "https://x.example/01/06901234567892/10/L1?17=251231", "", 200, map[string]any{"canonical": gtin + "(10)L1"}},
		{"EPC", "urn:epc:id:sgtin:690123.0456789.1", "&fallback=1", 200, map[string]any{"canonical": gtin + "(21)1", "record": "(01)06901234567892"}},
		{"serial", "(01)06901234567892(21)A1", "", 404, map[string]any{"reason": "not_found", "fallback": nil, "record": nil, "canonical": gtin + "(21)A1"}},
		{"serial that falls back", "(01)06901234567892(10)L1(21)A1", "&fallback=1", 200, map[string]any{
			"id": "(01)06901234567892(10)L1(21)A1", "record": "(01)06901234567892(10)L1", "values.0.data": gtin + "(10)L1",
			"fallback": map[string]any{"from": gtin + "(10)L1(21)A1", "to": gtin + "(10)L1", "level": "batch"}}},
		{"OID as URN", "urn:oid:1.2.156.10001.7", "", 200, map[string]any{"canonical": "oid:1.2.156.10001.7", "scheme": "oid"}},
		{"OID below", "1.2.156.10001.7.8.9", "&fallback=true", 200, map[string]any{"record": "1.2.156.10001.7", "fallback.level": "arc"}},
		{"Ecode", "10064000123456789", "", 200, map[string]any{"scheme": "ecode"}},
		{"Ecode or SSCC", "106952012345678908", "", 200, map[string]any{"scheme": "ecode", "candidates.0.scheme": "ecode", "candidates.1.scheme": "gs1", "candidates.1.canonical": "gs1:(00)106952012345678908"}},
		{"SSCC by its scheme", "106952012345678908", "&scheme=gs1", 404, map[string]any{"scheme": "gs1", "candidates": nil}},
		{"the scheme twice", "gs1:6901234567892", "&scheme=gs1", 200, map[string]any{"canonical": gtin}},
		{"schemes that differ", "oid:1.2.156", "&scheme=gs1", 400, map[string]any{"scheme": nil}},
		{"wrong check digit", "6901234567893", "", 400, map[string]any{"responseCode": 4.0, "reason": "invalid", "id": "6901234567893", "scheme": nil, "meant": "6901234567892",
			"candidates.0.scheme": "gs1", "candidates.0.meant": "6901234567892", "candidates.0.canonical": nil}},
		{"wrong check digit, scheme named", "6901234567893", "&scheme=gs1", 400, map[string]any{"meant": "6901234567892"}},
		{"pattern", "88.101.5/sn-007", "", 200, map[string]any{"values.0.data": "https://x.example/007", "tier": "computed", "record": "88.101.5/sn-007"}},
		{"pattern that does not match", "88.101.5/sn-x", "", 404, nil},
		{"MA", "MA.156.1003.1629/10.46100000.riseplatform", "", 404, map[string]any{"responseCode": 301.0, "reason": "not_responsible", "scheme": "ma"}},
		{"DID", "did:cn:88.100.1", "", 404, map[string]any{"reason": "not_responsible", "scheme": "did"}},
		{"trace", "(01)06901234567892(21)A1", "&fallback=1&trace=1", 200, map[string]any{"steps.0.stage": "read", "steps.1.stage": "namespace", "steps.1.name": "gs1:690123", "steps.2.status": "not_found"}},
		{"nothing known", "no identifier", "", 400, map[string]any{"reason": "invalid", "candidates": nil, "scheme": nil}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, raw := get(t, srv.URL+"/resolve?id="+url.QueryEscape(tt.id)+tt.params)
			var body any
			if err := json.Unmarshal(raw, &body); err != nil {
				t.Fatalf("%v in %s", err, raw)
			}
			if status != tt.status {
				t.Errorf("got %d, want %d: %s", status, tt.status, raw)
			}
			for path, want := range tt.want {
				if diff := cmp.Diff(want, at(body, path)); diff != "" {
					t.Errorf("%s (-want +got):\n%s in %s", path, diff, raw)
				}
			}
		})
	}
	status, _, raw := get(t, srv.URL+"/resolve?id=6901234567893")
	if detail, _ := at(decode(t, raw), "detail").(string); status != 400 || !strings.Contains(detail, "it should be 2") {
		t.Errorf("the detail does not name the right digit: %s", raw)
	}
	if status, _, raw := get(t, srv.URL+"/api/handles/6901234567892"); status != 400 {
		t.Errorf("/api/handles answers for a GTIN: %d %s", status, raw)
	}
}

func decode(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}
