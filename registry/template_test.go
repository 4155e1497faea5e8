package registry_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	. "github.com/idnode/idnode/registry"
)

// publish makes and publishes a template of 88.100.1.
func (n *node) publish(t *testing.T, name string, fields ...template.Field) {
	t.Helper()
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
	if _, err := n.CreateTemplate(t.Context(), k, name, &template.Content{Fields: fields}, Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.TemplateAction(t.Context(), k, name, ActionPublish, "", Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
}

func templated(id, name string, values ...identifier.Value) *identifier.Record {
	return &identifier.Record{ID: id, Template: name, Values: values}
}

func text(index uint32, kind, data string) identifier.Value {
	return identifier.Value{Index: index, Type: kind, Data: []byte(data), TTL: 86400, Perms: identifier.DefaultPerms}
}

// TestTemplateOverHandle: who writes over the Handle protocol is held to the template too, may add
// administrative values, and changes the index with the record.
func TestTemplateOverHandle(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		n.publish(t, "pump", template.Field{Name: "model", Type: template.String, Required: true, Searchable: true})
		must(t)(n.Create(t.Context(), templated("88.100.1/P", "pump", text(2000, "model", "A")), Write{Actor: n.a}))
		change := func(values ...identifier.Value) error {
			_, err := n.native("modify", "88.100.1/P", func(*identifier.Record) ([]identifier.Value, error) { return values, nil })
			return err
		}
		before := n.contents()
		for _, bad := range [][]identifier.Value{{text(1, "URL", "x")}, {text(2000, "model", "A"), text(1, "URL", "x")}, {text(2000, "type", "A")}} {
			if err := change(bad...); code(err) != CodeTemplateMismatch {
				t.Errorf("%v: %v", bad, err)
			}
		}
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("refused changes left something:\n%s", diff)
		}
		if err := change(text(2000, "model", "B"), text(100, "HS_ADMIN", "x")); err != nil {
			t.Fatal(err)
		}
		for value, want := range map[string]int{"A": 0, "B": 1} {
			p, err := n.Search(t.Context(), Search{Actor: n.a, Template: "pump", Field: "model", Value: value})
			if err != nil || len(p.Records) != want {
				t.Errorf("search %s: %d records, %v", value, len(p.Records), err)
			}
		}
	})
}

// TestTransferredTemplate: with a prefix go its templates and what can be found by them.
func TestTransferredTemplate(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		n.publish(t, "pump", template.Field{Name: "model", Type: template.String, Searchable: true})
		must(t)(n.Create(t.Context(), templated("88.100.1/P", "pump", text(2000, "model", "A")), Write{Actor: n.a}))
		k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
		if _, err := n.PrefixAction(t.Context(), k, ActionTransfer, "sold", n.b.Enterprise, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Create(t.Context(), templated("88.100.1/Q", "pump", text(2000, "model", "A")), Write{Actor: n.a}); code(err) != CodeNotYourNamespace {
			t.Errorf("the former holder: %v", err)
		}
		must(t)(n.Create(t.Context(), templated("88.100.1/Q", "pump", text(2000, "model", "A")), Write{Actor: n.b}))
		if p, err := n.Search(t.Context(), Search{Actor: n.b, Template: "pump", Field: "model", Value: "A"}); err != nil || len(p.Records) != 2 {
			t.Errorf("the new holder finds %d records, %v", len(p.Records), err)
		}
		if _, err := n.Search(t.Context(), Search{Actor: n.a, Template: "pump"}); code(err) != CodeNotFound {
			t.Errorf("the former holder searches: %v", err)
		}
	})
}

// TestPublishUnderWrites: a revision is published while records are written; each record follows the
// revision that was in force when it was, and none is left that the new one forbids.
func TestPublishUnderWrites(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		long := 20
		n.publish(t, "pump", template.Field{Name: "model", Type: template.String, MaxLength: &long})
		k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
		short := 5
		if _, err := n.EditTemplate(t.Context(), k, "pump", &template.Content{Fields: []template.Field{{Name: "model", Type: template.String, MaxLength: &short}}}, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		var writers sync.WaitGroup
		start := make(chan struct{})
		for w := range 8 {
			writers.Go(func() {
				<-start
				for i := range 20 {
					_, err := n.Create(t.Context(), templated(fmt.Sprintf("88.100.1/%d-%d", w, i), "pump", text(2000, "model", strings.Repeat("x", 10))), Write{Actor: n.a})
					if c := code(err); c != "" && c != CodeTemplateMismatch {
						t.Error(err)
					}
				}
			})
		}
		close(start)
		_, err := n.TemplateAction(t.Context(), k, "pump", ActionPublish, "", Write{Actor: n.op})
		writers.Wait()
		page, listErr := n.List(t.Context(), List{Actor: n.a, Limit: 1000})
		if listErr != nil {
			t.Fatal(listErr)
		}
		switch code(err) {
		case "": // it came first: no record of ten characters may be there
			if len(page.Records) != 0 {
				t.Errorf("%d records break the revision", len(page.Records))
			}
		case CodeIncompatible:
			if len(page.Records) != 160 {
				t.Errorf("%d of 160 records", len(page.Records))
			}
		default:
			t.Error(err)
		}
	})
}
