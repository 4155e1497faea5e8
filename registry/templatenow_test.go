package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestTemplateAtOnce: templates are entered, revised and dropped in one step each.
func TestTemplateAtOnce(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	engine := memstore.New()
	n := newNodeWith(t, engine, engine, func() time.Time { return now })
	ctx := t.Context()
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
	admin := Actor{Enterprise: n.a.Enterprise, KeyID: "kadmin", Role: RoleAdmin}
	w := Write{Actor: admin, Again: true}
	content := func(names ...string) *template.Content {
		c := &template.Content{}
		for _, name := range names {
			c.Fields = append(c.Fields, template.Field{Name: name, Type: template.String})
		}
		return c
	}
	add := func(w Write, names ...string) error {
		_, err := n.AddTemplate(ctx, k, "pump", content(names...), w)
		return err
	}
	refused := func(what, want string, do func() error) {
		t.Helper()
		before := n.contents()
		if err := do(); code(err) != want {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("%s left something:\n%s", what, diff)
		}
	}
	refused("no name", CodeInvalidTemplate, func() error { _, err := n.AddTemplate(ctx, k, "", content("a"), w); return err })
	refused("bad field", CodeInvalidTemplate, func() error { return add(w, "1") })
	refused("a stranger", CodeNotYourNamespace, func() error { return add(Write{Actor: n.b}, "model") })
	refused("a writer", CodeForbidden, func() error { return add(Write{Actor: n.a}, "model") })
	p, err := n.AddTemplate(ctx, k, "pump", content("model"), w)
	if err != nil || p.State != TemplatePublished || p.Revision != 1 || p.Content == nil || p.Draft != nil || p.Version != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if got, want := p.Handle(), "88.100.1/TEMPLATE_0b203c464bb32a27e8621a5cfcfae0f8"; got != want {
		t.Errorf("identifier %s, want %s", got, want)
	}
	refused("repeated", "", func() error { return add(w, "model") })
	refused("repeated, not asked for", CodeAlreadyExists, func() error { return add(Write{Actor: admin}, "model") })
	refused("repeated by another", CodeAlreadyExists, func() error { return add(Write{Actor: n.op, Again: true}, "model") })
	refused("other content", CodeAlreadyExists, func() error { return add(w, "model", "maker") })
	now = now.Add(25 * time.Hour)
	refused("repeated late", CodeAlreadyExists, func() error { return add(w, "model") })
	now = now.Add(-25 * time.Hour)

	revise := func(names ...string) error {
		_, err := n.ReviseTemplate(ctx, k, "pump", content(names...), Write{Actor: admin})
		return err
	}
	refused("revised to the same", "", func() error { return revise("model") })
	if _, err := n.EditTemplate(ctx, k, "pump", content("draft"), Write{Actor: admin}); err != nil {
		t.Fatal(err)
	}
	must(t)(n.Create(ctx, templated("88.100.1/P", "pump", text(2000, "model", "A")), Write{Actor: n.a}))
	refused("incompatible", CodeIncompatible, func() error { return revise("maker") })
	if err := revise("model", "maker"); err != nil {
		t.Fatal(err)
	}
	p, err = n.Template(ctx, k, "pump", 0, admin)
	if err != nil || p.Revision != 2 || len(p.Content.Fields) != 2 || p.Draft == nil || p.Draft.Fields[0].Name != "draft" {
		t.Errorf("%+v, %v", p, err)
	}
	refused("repeated after a revision", CodeAlreadyExists, func() error { return add(w, "model") })
	if f, err := n.TemplateFor(ctx, parse(t, "88.100.1/any"), "pump", n.a); err != nil || f.Revision != 2 {
		t.Errorf("%+v, %v", f, err)
	}
	for name, a := range map[string]Actor{CodeNotYourNamespace: n.b, CodeForbidden: {Enterprise: n.a.Enterprise, KeyID: "kr", Role: RoleReader}} {
		if _, err := n.TemplateFor(ctx, parse(t, "88.100.1/any"), "pump", a); code(err) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := n.TemplateFor(ctx, parse(t, "88.100.1/any"), "valve", n.a); code(err) != CodeNotFound {
		t.Error(err)
	}

	drop := func() error { return n.DropTemplate(ctx, k, "pump", Write{Actor: admin}) }
	refused("dropped with records", CodeHasRecords, drop)
	if _, err := n.TemplateAction(ctx, k, "pump", ActionWithdraw, "", Write{Actor: admin}); err != nil {
		t.Fatal(err)
	}
	refused("revised when withdrawn", CodeInvalidState, func() error { return revise("model", "maker", "x") })
	if _, err := n.AddTemplate(ctx, k, "valve", content("bore"), w); err != nil {
		t.Fatal(err)
	}
	if err := n.DropTemplate(ctx, k, "valve", Write{Actor: admin}); err != nil {
		t.Fatal(err)
	}
	refused("dropped twice", CodeNotFound, func() error { return n.DropTemplate(ctx, k, "valve", Write{Actor: admin}) })
	if _, err := n.AddTemplate(ctx, k, "valve", content("bore"), w); err != nil {
		t.Error(err)
	}
}
