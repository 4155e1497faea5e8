package registry_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

var (
	moving    = identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
	elsewhere = &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), TCP: 2641, HTTP: 8080}
)

func (n *node) move(t *testing.T, action Action, service *identifier.Service, digest string, a Actor) (*identifier.Namespace, error) {
	t.Helper()
	return n.MovePrefix(t.Context(), PrefixMove{Prefix: moving, Action: action, Reason: "own node", Service: service, Digest: digest}, Write{Actor: a})
}

// TestMove: freeze, hand-over, take-back: who may, in which state, and what it does to writers.
func TestMove(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		admin := Actor{Enterprise: n.a.Enterprise, KeyID: "kadmin", Role: RoleAdmin}
		pattern := []identifier.Pattern{{URL: "https://e.example/{suffix}"}}
		if _, err := n.UpdatePrefix(ctx, moving, PrefixPatch{Patterns: &pattern}, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		ours := handle.ServiceSite(&identifier.Service{IP: netip.MustParseAddr("192.0.2.1"), TCP: 2641})
		site := identifier.Value{Index: 1, Type: "HS_SITE", Data: handle.AppendSite(nil, &ours), TTL: 86400, Perms: identifier.DefaultPerms}
		must(t)(n.Create(ctx, &identifier.Record{ID: "0.NA/88.100.1", Values: []identifier.Value{site, text(300, "HS_PUBKEY", "k")}}, Write{Actor: n.op}))
		must(t)(n.Create(ctx, record("88.100.1/x", "1"), Write{Actor: n.a}))
		must(t)(n.Create(ctx, record("88.100.1/gone", "1"), Write{Actor: n.a}))
		must(t)(n.Revoke(ctx, parse(t, "88.100.1/gone"), "deleted", "", Write{Actor: n.a}))
		refused := func(name string, err error, want string) {
			t.Helper()
			if code(err) != want {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
		try := func(action Action, service *identifier.Service, digest string, a Actor, want string) {
			t.Helper()
			before := n.contents()
			_, err := n.move(t, action, service, digest, a)
			refused(fmt.Sprintf("%s by %s", action, a.Role), err, want)
			if diff := cmp.Diff(before, n.contents()); want != "" && diff != "" {
				t.Errorf("refused %s left something:\n%s", action, diff)
			}
		}
		try(ActionFreeze, nil, "", n.a, CodeForbidden)
		try(ActionFreeze, nil, "", Actor{Enterprise: n.b.Enterprise, Role: RoleAdmin}, CodeNotYourNamespace)
		try(ActionFreeze, &identifier.Service{}, "", admin, CodeInvalidPrefix)
		try(ActionHandover, elsewhere, "", n.op, CodeInvalidState)
		try(ActionTakeback, nil, "", n.op, "") // it is hosted: nothing to do
		try("melt", nil, "", n.op, CodeInvalidRequest)
		try(ActionFreeze, elsewhere, "", admin, "")
		before := n.contents()
		try(ActionFreeze, elsewhere, "", n.op, "") // done already
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("frozen again:\n%s", diff)
		}

		_, err := n.Create(ctx, record("88.100.1/new", "1"), Write{Actor: n.a})
		refused("create", err, CodeFrozen)
		if !strings.Contains(err.Error(), "192.0.2.7 (tcp 2641, http 8080)") {
			t.Errorf("writers are not told where to: %v", err)
		}
		refused("replace by an operator", second(n.Replace(ctx, record("88.100.1/x", "2"), Write{Actor: n.op})), CodeFrozen)
		refused("revoke", second(n.Revoke(ctx, parse(t, "88.100.1/x"), "r", "", Write{Actor: n.a})), CodeFrozen)
		refused("restore", second(n.Restore(ctx, parse(t, "88.100.1/gone"), Write{Actor: n.a})), CodeFrozen)
		_, err = n.native("modify", "88.100.1/x", create(value(1, "y")))
		refused("Handle", err, CodeFrozen)
		_, err = n.CreateTemplate(ctx, moving, "late", &template.Content{Fields: []template.Field{{Name: "a", Type: template.String}}}, Write{Actor: admin})
		refused("template", err, CodeFrozen)
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("refused writes left something:\n%s", diff)
		}
		must(t)(n.Create(ctx, record("88.100.2/x", "1"), Write{Actor: n.b}))

		try(ActionUnfreeze, nil, "", admin, "")
		must(t)(n.Replace(ctx, record("88.100.1/x", "2"), Write{Actor: n.a}))
		try(ActionFreeze, nil, "", admin, "")
		try(ActionHandover, elsewhere, "", admin, CodeForbidden)
		try(ActionHandover, nil, "", n.op, CodeInvalidPrefix)
		try(ActionHandover, elsewhere, "0000", n.op, CodeConflict)
		d, err := n.PrefixDigest(ctx, moving, n.a)
		if err != nil || d.Records != 2 || d.Revoked != 1 || !d.Frozen {
			t.Fatalf("%+v, %v", d, err)
		}
		ns, err := n.move(t, ActionHandover, elsewhere, d.Content, n.op)
		if err != nil || ns.Mode != identifier.Delegated || *ns.Service != *elsewhere || ns.Frozen != nil || ns.Patterns != nil || ns.Handover.Digest != d.Content {
			t.Fatalf("%+v, %v", ns, err)
		}
		theirs := handle.ServiceSite(elsewhere)
		rec, err := n.Get(ctx, parse(t, "0.NA/88.100.1"), Get{Actor: n.op})
		if err != nil || len(rec.Values) != 2 || string(rec.Values[0].Data) != string(handle.AppendSite(nil, &theirs)) || rec.Values[1].Type != "HS_PUBKEY" {
			t.Errorf("prefix record: %+v, %v", rec, err)
		}
		refused("create", second(n.Create(ctx, record("88.100.1/new", "1"), Write{Actor: n.a})), CodeDelegated)
		if again, err := n.move(t, ActionHandover, elsewhere, d.Content, n.op); err != nil || again.Version != ns.Version {
			t.Errorf("handed over again: %+v, %v", again, err)
		}
		try(ActionFreeze, nil, "", admin, CodeInvalidState)

		ns, err = n.move(t, ActionTakeback, nil, "", n.op)
		if err != nil || ns.Mode != identifier.Hosted || ns.Service != nil || ns.Handover != nil || len(ns.Patterns) != 1 {
			t.Fatalf("%+v, %v", ns, err)
		}
		if rec, err := n.Get(ctx, parse(t, "0.NA/88.100.1"), Get{Actor: n.op}); err != nil || string(rec.Values[0].Data) != string(site.Data) {
			t.Errorf("prefix record: %+v, %v", rec, err)
		}
		must(t)(n.Replace(ctx, record("88.100.1/x", "3"), Write{Actor: n.a}))
	})
}

// TestMoveRecords: the archive of a prefix brings its records to another node, a second one what has
// changed since, and then both have the same digest.
func TestMoveRecords(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx, w := t.Context(), Write{Actor: n.a}
		n.publish(t, "pump", template.Field{Name: "model", Type: template.String, Required: true, Searchable: true})
		for i := range 30 {
			must(t)(n.Create(ctx, templated(fmt.Sprintf("88.100.1/P-%d", i), "pump", text(2000, "model", fmt.Sprint(i))), w))
		}
		in := n.export(ExportRequest{Prefix: moving}, n.op)
		_, first := members(t, in)
		m := emptyNode(t, memstore.New())
		o := LoadOptions{Actor: m.op, Update: true}
		if sum, results, err := m.load(t, in, o); err != nil || results != nil || sum.Enterprise != Self {
			t.Fatalf("%+v, %v, %v", sum, results, err)
		}
		must(t)(n.Create(ctx, templated("88.100.1/late", "pump", text(2000, "model", "late")), w))
		for range 2 {
			must(t)(n.Revoke(ctx, parse(t, "88.100.1/P-7"), "lost", "88.100.1/late", w))
			must(t)(n.Restore(ctx, parse(t, "88.100.1/P-7"), w))
		}
		must(t)(n.Revoke(ctx, parse(t, "88.100.1/P-8"), "lost", "88.100.1/late", w))
		must(t)(n.Create(ctx, record("88.100.2/x", "1"), Write{Actor: n.b}))
		delta := n.export(ExportRequest{Prefix: moving, After: 1}, n.op)
		if _, m := members(t, delta); m.Lines("records") != 31 {
			t.Errorf("all since the first change: %d records", m.Lines("records"))
		}
		delta = n.export(ExportRequest{Prefix: moving, After: storage.Seq(first.Seq)}, n.op)
		if all, m := members(t, delta); m.Lines("records") != 3 || m.After != first.Seq || strings.Contains(all["records.ndjson"], "88.100.2") {
			t.Errorf("what changed: %d records", m.Lines("records"))
		}
		if _, results, err := m.load(t, delta, LoadOptions{Actor: m.op}); err != nil || len(results) != 2 {
			t.Errorf("without update: %v, %v", results, err)
		}
		if _, results, err := m.load(t, delta, o); err != nil || results != nil {
			t.Errorf("%v, %v", results, err)
		}
		here, err := n.PrefixDigest(ctx, moving, n.op)
		if err != nil {
			t.Fatal(err)
		}
		there, err := m.PrefixDigest(ctx, moving, m.op)
		if err != nil || here.SHA256 != there.SHA256 || here.Content != there.Content || here.Records != 31 || there.Revoked != 1 {
			t.Errorf("here %+v, there %+v, %v", here, there, err)
		}
		p, err := m.Search(ctx, Search{Actor: m.op, Template: "pump", Field: "model", Value: "late"})
		if err != nil || len(p.Records) != 1 {
			t.Errorf("search: %+v, %v", p, err)
		}
		must(t)(m.Replace(ctx, templated("88.100.1/P-9", "pump", text(2000, "model", "new")), Write{Actor: m.op}))
		if there, err = m.PrefixDigest(ctx, moving, m.op); err != nil || here.Content == there.Content {
			t.Errorf("another value, the same digest: %v", err)
		}
	})
}
