package registry_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestAgain: a create that is repeated because its answer was lost is done, and nothing else is.
func TestAgain(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	engine := memstore.New()
	n := newNodeWith(t, engine, engine, func() time.Time { return now })
	ctx := t.Context()
	w := Write{Actor: n.a, Again: true, Revive: true}
	person := n.a
	person.KeyID, person.Account = "", "li"
	colleague := n.a
	colleague.KeyID = "k2"
	create := func(w Write, rec *identifier.Record) string { return code(second(n.Create(ctx, rec, w))) }
	inBatch := func(w Write, rec *identifier.Record) string {
		// Among other rows, one of which is new each time.
		now = now.Add(time.Millisecond)
		out, err := n.Batch(ctx, []Operation{
			{Kind: OpCreate, Record: record(fmt.Sprintf("88.100.1/row-%d", now.UnixMilli()), "x")}, {Kind: OpCreate, Record: rec},
		}, w)
		if err != nil {
			t.Fatal(err)
		}
		if out[1].Err != nil {
			return out[1].Err.Code
		}
		return ""
	}
	for way, again := range map[string]func(Write, *identifier.Record) string{"single": create, "batch": inBatch} {
		id := "88.100.1/" + way
		f := func(name, want, got string) {
			t.Helper()
			if got != want {
				t.Errorf("%s, %s: %q, want %q", way, name, got, want)
			}
		}
		f("create", "", again(w, record(id, "one", "two")))
		start, before := now, n.contents()
		f("repeated alone", "", create(w, record(id, "one", "two")))
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("a repeated create left something:\n%s", diff)
		}
		f("repeated in a batch", "", inBatch(w, record(id, "one", "two")))
		f("not asked for", CodeAlreadyExists, again(Write{Actor: n.a}, record(id, "one", "two")))
		f("other content", CodeAlreadyExists, again(w, record(id, "one")))
		f("other spelling", CodeAlreadyExists, again(w, record("88.100.1/"+string(way[0]-32)+way[1:], "one", "two")))
		f("other key", CodeAlreadyExists, again(Write{Actor: colleague, Again: true}, record(id, "one", "two")))
		f("an account", CodeAlreadyExists, again(Write{Actor: person, Again: true}, record(id, "one", "two")))

		now = start.Add(24 * time.Hour)
		f("a day later", "", create(w, record(id, "one", "two")))
		now = start.Add(24*time.Hour + time.Second)
		f("more than a day later", CodeAlreadyExists, create(w, record(id, "one", "two")))

		must(t)(n.Replace(ctx, record(id, "three"), Write{Actor: n.a}))
		f("changed", CodeAlreadyExists, again(w, record(id, "one", "two")))
		f("as changed", CodeAlreadyExists, again(w, record(id, "three")))
		must(t)(n.Replace(ctx, record(id, "one", "two"), Write{Actor: n.a}))
		f("changed back", CodeAlreadyExists, again(w, record(id, "one", "two")))

		must(t)(n.Revoke(ctx, parse(t, id), "deleted", "", Write{Actor: n.a}))
		f("created anew", "", again(w, record(id, "one", "two")))
		res, err := n.Get(ctx, parse(t, id), Get{Actor: n.a})
		if err != nil || res.State != identifier.Active || res.Version != 5 {
			t.Errorf("created anew: %+v, %v", res, err)
		}
		f("created anew, repeated", "", again(w, record(id, "one", "two")))
		must(t)(n.Revoke(ctx, parse(t, id), "scrapped", "", Write{Actor: n.a}))
		f("revoked", CodeRevoked, again(w, record(id, "one", "two")))
	}
}

// TestAgainTogether: of identical creates at the same time one creates, and all are done.
func TestAgainTogether(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		const writers = 16
		w := Write{Actor: n.a, Again: true}
		var wg sync.WaitGroup
		created := make([]bool, writers)
		for i := range writers {
			wg.Go(func() {
				if i%2 == 0 {
					res, err := n.Create(t.Context(), record("88.100.1/S", "x"), w)
					if created[i] = res.Created; err != nil {
						t.Error(err)
					}
					return
				}
				out, err := n.Batch(t.Context(), []Operation{{Kind: OpCreate, Record: record("88.100.1/S", "x")}, {Kind: OpCreate, Record: record(fmt.Sprint("88.100.1/S", i), "x")}}, w)
				if err != nil || out[0].Err != nil || out[1].Err != nil {
					t.Errorf("%v, %v", out, err)
					return
				}
				created[i] = out[0].Created
			})
		}
		wg.Wait()
		sum := 0
		for _, c := range created {
			if c {
				sum++
			}
		}
		rec, err := n.Get(t.Context(), parse(t, "88.100.1/S"), Get{Actor: n.a})
		if sum != 1 || err != nil || rec.Version != 1 {
			t.Errorf("%d creates created, %+v, %v", sum, rec, err)
		}
	})
}

// TestPresent: with Write.Present a revocation is of what is there.
func TestPresent(t *testing.T) {
	n := newNode(t, memstore.New())
	must(t)(n.Create(t.Context(), record("88.100.1/P", "x"), Write{Actor: n.a}))
	w := Write{Actor: n.a, Present: true}
	must(t)(n.Revoke(t.Context(), parse(t, "88.100.1/P"), "deleted", "", w))
	if err := second(n.Revoke(t.Context(), parse(t, "88.100.1/P"), "deleted", "", w)); code(err) != CodeRevoked {
		t.Errorf("revoked again: %v", err)
	}
	out, err := n.Batch(t.Context(), []Operation{{Kind: OpRevoke, ID: parse(t, "88.100.1/P"), Reason: "deleted"}}, w)
	if err != nil || out[0].Err == nil || out[0].Err.Code != CodeRevoked {
		t.Errorf("revoked again in a batch: %v, %v", out, err)
	}
	must(t)(n.Revoke(t.Context(), parse(t, "88.100.1/P"), "deleted", "", Write{Actor: n.a}))
}

// TestWholePatch: a whole patch leaves of the fields of the templates what it names, and everything else.
func TestWholePatch(t *testing.T) {
	n := newNode(t, memstore.New())
	n.publish(t, "pump", template.Field{Name: "model", Type: template.String}, template.Field{Name: "maker", Type: template.String},
		template.Field{Name: "old", Type: template.String})
	n.publish(t, "valve", template.Field{Name: "bore", Index: 3000, Type: template.String})
	ctx, id := t.Context(), parse(t, "88.100.1/W")
	must(t)(n.Create(ctx, templated("88.100.1/W", "pump", text(100, "HS_ADMIN", "a"), text(2000, "model", "A"), text(2001, "maker", "B"), text(2002, "old", "C")), Write{Actor: n.a}))
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
	c := &template.Content{Fields: []template.Field{{Name: "model", Type: template.String}, {Name: "maker", Type: template.String}, {Name: "old", Type: template.String, Disabled: true}}}
	if _, err := n.ReviseTemplate(ctx, k, "pump", c, Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	indexes := func(rec *identifier.Record) string {
		s := ""
		for _, v := range rec.Values {
			s += fmt.Sprintf("%d=%s ", v.Index, v.Data)
		}
		return s
	}
	whole := func(name string, values ...identifier.Value) Patch {
		p := Patch{Whole: true, Template: &name}
		for _, v := range values {
			p.Values = append(p.Values, PatchValue{Value: v, Fields: FieldType | FieldData})
		}
		return p
	}
	res := must(t)(n.Merge(ctx, id, whole("pump", text(2001, "maker", "D")), Write{Actor: n.a}))
	if got := indexes(res.Record); got != "100=a 2001=D 2002=C " {
		t.Errorf("whole patch: %s", got)
	}
	if err := second(n.Merge(ctx, id, whole("valve", text(3000, "bore", "9")), Write{Actor: n.a})); code(err) != CodeTemplateMismatch {
		t.Errorf("the disabled field's value is none of the other template: %v", err)
	}
	must(t)(n.Merge(ctx, id, Patch{Values: []PatchValue{{Value: identifier.Value{Index: 2002}, Delete: true}}}, Write{Actor: n.a}))
	res = must(t)(n.Merge(ctx, id, whole("valve", text(3000, "bore", "9")), Write{Actor: n.a}))
	if got := indexes(res.Record); got != "100=a 3000=9 " || res.Record.Template != "valve" {
		t.Errorf("whole patch to another template: %s", got)
	}
}
