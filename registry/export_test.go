package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/password"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// emptyNode is a node without tenants.
func emptyNode(t *testing.T, engine storage.Store) *node {
	t.Helper()
	t.Cleanup(func() { engine.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	observed := storage.Observe(engine, func(changes []storage.Change) {
		if err := namespaces.Observe(context.Background(), changes); err != nil {
			t.Error(err)
		}
	})
	reg, err := New(Options{Store: observed, Namespaces: namespaces, Logger: slog.New(slog.DiscardHandler), Passwords: password.New(password.Options{Passes: 1, Memory: 64}),
		NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}, {Scheme: identifier.OID, Name: "1.3.6.1.4.1"}}})
	if err != nil {
		t.Fatal(err)
	}
	return &node{Registrar: reg, t: t, store: observed, namespaces: namespaces, op: Actor{Enterprise: Self, KeyID: "kop", Role: RoleOperator}}
}

// export returns an archive, not packed.
func (n *node) export(q ExportRequest, a Actor) []byte {
	n.t.Helper()
	x, err := n.BeginExport(n.t.Context(), q, a)
	if err != nil {
		n.t.Fatal(err)
	}
	defer x.Close()
	var b bytes.Buffer
	if err := x.Write(n.t.Context(), &b); err != nil {
		n.t.Fatal(err)
	}
	return b.Bytes()
}

// load loads an archive and returns what was counted and not loaded.
func (n *node) load(t *testing.T, in []byte, o LoadOptions) (LoadSummary, []LoadResult, error) {
	t.Helper()
	var results []LoadResult
	sum, err := n.Load(t.Context(), bytes.NewReader(in), o,
		func(r LoadResult) error { results = append(results, r); return nil }, func(LoadSummary) error { return nil })
	return sum, results, err
}

// members are the members of an archive, but for the manifest.
func members(t *testing.T, in []byte) (map[string]string, *archive.Manifest) {
	t.Helper()
	a := archive.NewReader(bytes.NewReader(in))
	all := make(map[string]string)
	for {
		m, err := a.Next()
		if errors.Is(err, io.EOF) {
			return all, a.Manifest()
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := m.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		all[m.Name] = string(body)
	}
}

// furnish gives enterprise a of n one of everything.
func furnish(t *testing.T, n *node) (admin Actor) {
	t.Helper()
	ctx, w, op := t.Context(), Write{Actor: n.a}, Write{Actor: n.op}
	admin = Actor{Enterprise: n.a.Enterprise, KeyID: "kadmin", Role: RoleAdmin}
	exact := true
	for _, q := range []PrefixRequest{
		{Scheme: identifier.Handle, Prefix: "88.100.11", Enterprise: n.a.Enterprise, CaseSensitive: &exact, Quota: &identifier.Quota{Records: 10}},
		{Scheme: identifier.OID, Prefix: "1.3.6.1.4.1.7", Enterprise: n.a.Enterprise, Patterns: []identifier.Pattern{{URL: "https://e.example/{suffix}"}}},
	} {
		if _, err := n.AllocatePrefix(ctx, q, op); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.AllocatePrefix(ctx, PrefixRequest{Scheme: identifier.OID, Prefix: "1.3.6.1.4.1.7.5", Enterprise: n.a.Enterprise}, op); err != nil {
		t.Fatal(err)
	}
	n.publish(t, "pump", template.Field{Name: "model", Type: template.String, Required: true, Searchable: true})
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
	if _, err := n.EditTemplate(ctx, k, "pump", &template.Content{Fields: []template.Field{
		{Name: "model", Type: template.String, Required: true, Searchable: true}, {Name: "note", Type: template.String}}}, op); err != nil {
		t.Fatal(err)
	}
	if _, err := n.TemplateAction(ctx, k, "pump", ActionPublish, "", op); err != nil {
		t.Fatal(err)
	}
	must(t)(n.Create(ctx, templated("88.100.1/P-1", "pump", text(2000, "model", "A <&> 轴承")), w))
	for i := range 3 {
		must(t)(n.Replace(ctx, record("88.100.1/Changed", fmt.Sprint(i)), w))
	}
	must(t)(n.Create(ctx, record("88.100.1/Gone", "x"), w))
	must(t)(n.Revoke(ctx, parse(t, "88.100.1/Gone"), "scrapped", "88.100.1/Changed", w))
	must(t)(n.Create(ctx, record("88.100.1/Back", "x"), w))
	must(t)(n.Revoke(ctx, parse(t, "88.100.1/Back"), "error", "", w))
	must(t)(n.Restore(ctx, parse(t, "88.100.1/Back"), w))
	odd := &identifier.Record{ID: "88.100.1/" + strings.Repeat("a-long-name.", 12), Values: []identifier.Value{
		{Index: 7, Type: "BIN", Data: []byte{0, 1, 0xff, 10}, TTLType: identifier.Absolute, TTL: 1893456000, Perms: identifier.AdminRead, Timestamp: 1},
		{Index: 3, Type: "HS_ALIAS", Data: []byte("88.100.1/Changed"), Perms: identifier.DefaultPerms, Refs: []identifier.Ref{{Handle: "88.100.1/Changed", Index: 1}, {Handle: "10.1/x", Index: 0}}},
		{Index: 4, Type: "EMPTY", TTL: 0, Perms: 15},
	}}
	must(t)(n.Create(ctx, odd, Write{Actor: n.a, KeepTimestamps: true}))
	must(t)(n.Create(ctx, record("88.100.11/Case", "upper"), w))
	must(t)(n.Create(ctx, record("88.100.11/case", "lower"), w))
	must(t)(n.Create(ctx, record("1.3.6.1.4.1.7.1", "arc"), w))
	must(t)(n.Create(ctx, record("1.3.6.1.4.1.7.5.1", "arc below"), w))
	must(t)(n.Create(ctx, record("0.NA/88.100.1", "of the prefix"), op))
	if _, err := n.AddFile(ctx, FileUpload{Name: "licence.pdf", Data: pictures(t)["application/pdf"]}, w); err != nil {
		t.Fatal(err)
	}
	if _, err := n.CreateApp(ctx, n.a.Enterprise, AppForm{Name: "MES", Type: "1"}, op); err != nil {
		t.Fatal(err)
	}
	if _, err := n.ApplyForPrefix(ctx, Application{Enterprise: n.a.Enterprise, Scheme: identifier.Handle, Prefix: "88.100.77"}, Write{Actor: admin}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.CreateAccount(ctx, AccountRequest{Username: "Wang", Password: "correct horse battery 7", Enterprise: n.a.Enterprise, Roles: []Role{RoleAdmin}, Email: "w@e.example"}, op); err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.IssueKey(ctx, KeyRequest{Enterprise: n.a.Enterprise, Role: RoleWriter, Name: "line 3"}, op); err != nil {
		t.Fatal(err)
	}
	must(t)(n.Create(ctx, record("88.100.2/other", "of another enterprise"), Write{Actor: n.b}))
	return admin
}

// TestExportLoad: what is exported and loaded into an empty node is the same there, to the row of the
// store, and exported again the same archive.
func TestExportLoad(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		admin := furnish(t, n)
		if _, err := n.Transition(t.Context(), n.a.Enterprise, ActionSuspend, "leaves", Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		in := n.export(ExportRequest{Enterprise: n.a.Enterprise}, admin)
		before, manifest := members(t, in)
		if manifest.Scope != archive.ScopeEnterprise || manifest.Enterprise != n.a.Enterprise || manifest.Lines(archive.Records) != 10 || manifest.Lines(archive.History) != 5 {
			t.Errorf("manifest: %+v", manifest)
		}
		for name, body := range before {
			if strings.Contains(body, "of another enterprise") || strings.Contains(strings.ToLower(body), "secret") || strings.Contains(body, "argon2") {
				t.Errorf("%s shows what it should not:\n%s", name, body)
			}
		}
		if !strings.Contains(before["keys.ndjson"], "line 3") || !strings.Contains(before["audit.ndjson"], "identifier.revoke") {
			t.Errorf("keys %s, audit %s", before["keys.ndjson"], before["audit.ndjson"])
		}

		m := emptyNode(t, memstore.New())
		o := LoadOptions{Actor: m.op}
		empty := m.contents()
		dry, results, err := m.load(t, in, LoadOptions{Actor: m.op, DryRun: true})
		if err != nil || results != nil || dry.Stored == 0 {
			t.Fatalf("dry run: %+v, %v, %v", dry, results, err)
		}
		if diff := cmp.Diff(empty, m.contents()); diff != "" {
			t.Errorf("a dry run left something:\n%s", diff)
		}
		sum, results, err := m.load(t, in, o)
		if err != nil || results != nil || sum != dry {
			t.Fatalf("load: %+v, dry %+v, %v, %v", sum, dry, results, err)
		}
		after, _ := members(t, m.export(ExportRequest{Enterprise: n.a.Enterprise}, m.op))
		for _, gone := range []string{"keys.ndjson", "audit.ndjson"} {
			delete(before, gone)
			delete(after, gone)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the archives differ:\n%s", diff)
		}
		rows := func(n *node) map[string]string {
			kept := make(map[string]string)
			for key, value := range n.contents() {
				if strings.Contains("rhntfbpdx", key[:1]) && !strings.Contains(key, "88.100.2") {
					kept[key] = value
				}
			}
			return kept
		}
		if diff := cmp.Diff(rows(n), rows(m)); diff != "" {
			t.Errorf("the stores differ:\n%s", diff)
		}
		if again, results, err := m.load(t, in, o); err != nil || results != nil || again.Stored != 0 || again.Skipped != sum.Stored {
			t.Errorf("loaded again: %+v, %v, %v", again, results, err)
		}
		if a, err := m.Account(t.Context(), "wang", m.op); err != nil || !a.Disabled || a.PasswordHash() != "" {
			t.Errorf("account: %+v, %v", a, err)
		}
		rec, err := m.Get(t.Context(), parse(t, "88.100.1/Changed"), Get{Actor: m.op, Version: 2})
		if err != nil || string(rec.Values[0].Data) != "1" {
			t.Errorf("past version: %+v, %v", rec, err)
		}
	})
}

// TestLoadConflicts: what is here and different stays as it is, the rest is loaded; a load that broke off goes on.
func TestLoadConflicts(t *testing.T) {
	n := newNode(t, memstore.New())
	admin := furnish(t, n)
	in := n.export(ExportRequest{Enterprise: n.a.Enterprise}, admin)
	m := emptyNode(t, memstore.New())
	o := LoadOptions{Actor: m.op}
	cut := bytes.Index(in, []byte("accounts.ndjson"))
	if sum, _, err := m.load(t, in[:cut], o); code(err) != CodeInvalidRequest || sum.Stored == 0 {
		t.Errorf("an archive that is cut off: %+v, %v", sum, err)
	}
	must(t)(m.Replace(t.Context(), record("88.100.1/Changed", "here"), Write{Actor: m.op}))
	first, results, err := m.load(t, in, o)
	if err != nil || first.Conflicts != 1 || first.Failed != 0 || first.Skipped == 0 || first.Stored == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	if r := results[0]; r.File != "records.ndjson" || r.ID != "handle:88.100.1/changed" || r.Status != "conflict" || r.Code != CodeAlreadyExists || r.Line == 0 {
		t.Errorf("%+v", r)
	}
	if rec, err := m.Get(t.Context(), parse(t, "88.100.1/Changed"), Get{Actor: m.op}); err != nil || string(rec.Values[0].Data) != "here" {
		t.Errorf("%+v, %v", rec, err)
	}

	// Under another id, where the prefixes are taken: nothing of it comes in.
	before := m.contents()
	sum, results, err := m.load(t, in, LoadOptions{Actor: m.op, Enterprise: "e-other"})
	if err != nil || sum.Failed+sum.Conflicts == 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	for _, r := range results {
		if r.Status != "conflict" && r.Code != CodeNotYourNamespace {
			t.Errorf("%+v", r)
		}
	}
	for key, value := range m.contents() {
		if strings.Contains("rhnt", key[:1]) && before[key] != value {
			t.Errorf("%q has changed", key)
		}
	}

	for _, bad := range []struct {
		name string
		in   []byte
	}{
		{"nothing", nil}, {"text", []byte(strings.Repeat("no archive ", 100))},
		{"another octet", bytes.Replace(in, []byte("scrapped"), []byte("Scrapped"), 1)},
	} {
		e := emptyNode(t, memstore.New())
		if _, _, err := e.load(t, bad.in, LoadOptions{Actor: e.op}); code(err) != CodeInvalidRequest {
			t.Errorf("%s: %v", bad.name, err)
		}
	}
	if _, _, err := m.load(t, in, LoadOptions{Actor: admin}); code(err) != CodeForbidden {
		t.Errorf("an admin loads: %v", err)
	}
}

// TestExportRefusals: who may not see something does not get it by an export, and an export leaves its
// mark in the audit log.
func TestExportRefusals(t *testing.T) {
	n := newNode(t, memstore.New())
	admin := Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin}
	limited, scoped := admin, admin
	limited.Prefixes = []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.1"}}
	scoped.Scopes = []Scope{ScopeEnterpriseRead}
	before := n.contents()
	for _, tc := range []struct {
		name string
		q    ExportRequest
		a    Actor
		want string
	}{
		{"writer", ExportRequest{Enterprise: n.a.Enterprise}, n.a, CodeForbidden},
		{"another's admin", ExportRequest{Enterprise: n.b.Enterprise}, admin, CodeForbidden},
		{"limited to a prefix", ExportRequest{Enterprise: n.a.Enterprise}, limited, CodeForbidden},
		{"limited to a scope", ExportRequest{Enterprise: n.a.Enterprise}, scoped, CodeForbidden},
		{"the node by an admin", ExportRequest{}, admin, CodeForbidden},
		{"the node by an auditor", ExportRequest{}, Actor{Enterprise: Self, Role: RoleAuditor}, CodeForbidden},
		{"no such enterprise", ExportRequest{Enterprise: "e0"}, n.op, CodeNotFound},
		{"no such prefix", ExportRequest{Prefix: identifier.Key{Scheme: identifier.Handle, Name: "88.100.9"}}, n.op, CodeNotFound},
		{"another's prefix", ExportRequest{Prefix: identifier.Key{Scheme: identifier.Handle, Name: "88.100.2"}}, admin, CodeNotYourNamespace},
		{"prefix by a writer", ExportRequest{Prefix: identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}}, n.a, CodeForbidden},
	} {
		if _, err := n.BeginExport(t.Context(), tc.q, tc.a); code(err) != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
	if diff := cmp.Diff(before, n.contents()); diff != "" {
		t.Errorf("refused exports left something:\n%s", diff)
	}
	var open []*Export
	for range 2 {
		x, err := n.BeginExport(t.Context(), ExportRequest{Enterprise: n.a.Enterprise}, admin)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, x)
	}
	if _, err := n.BeginExport(t.Context(), ExportRequest{}, n.op); code(err) != CodeTooManyRequests {
		t.Errorf("a third: %v", err)
	}
	for _, x := range open {
		x.Close()
	}
	if _, m := members(t, n.export(ExportRequest{}, n.op)); m.Scope != archive.ScopeNode || m.Time.After(time.Now()) {
		t.Errorf("%+v", m)
	}
	entries, _, err := n.ListAudit(t.Context(), AuditQuery{Op: "export"}, n.op)
	if err != nil || len(entries) != 3 {
		t.Errorf("audit: %d entries, %v", len(entries), err)
	}
}

// TestNodeExport: the archive of a whole node, loaded into an empty one, gives the same archive.
func TestNodeExport(t *testing.T) {
	n := newNode(t, memstore.New())
	furnish(t, n)
	in := n.export(ExportRequest{}, n.op)
	m := emptyNode(t, memstore.New())
	if sum, results, err := m.load(t, in, LoadOptions{Actor: m.op}); err != nil || results != nil {
		t.Fatalf("%+v, %v, %v", sum, results, err)
	}
	before, _ := members(t, in)
	after, _ := members(t, m.export(ExportRequest{}, m.op))
	for _, name := range []string{"keys.ndjson", "audit.ndjson", "enterprises.ndjson"} { // the node's own enterprise is as old as the node
		delete(before, name)
		delete(after, name)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the archives differ:\n%s", diff)
	}
}
