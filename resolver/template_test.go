package resolver_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
)

// templated is the value of a prefix record with a template, which divides handles at "-".
func templated(body string) identifier.Value {
	return text(1, "HS_NAMESPACE", `<namespace><template delimiter="-">`+body+`</template></namespace>`)
}

func hosted(prefix string) identifier.Namespace {
	return identifier.Namespace{Prefix: prefix, State: identifier.NamespaceActive, Mode: identifier.Hosted}
}

const (
	copyAll   = `<foreach><value/></foreach>`
	withPages = `<foreach><if value="type" expression="URL"><value data="${data}#p=${extension}"/></if></foreach>`
	pageOnly  = `<if test="matches" expression="p(\d+)" parameter="x"><value type="DESC" data="page ${x[1]} of ${base}"/></if><else><notfound/></else>`
)

// show is an answer's outcome and values: "found: URL=a DESC=b".
func show(q *resolver.Query, a *resolver.Answer) string {
	out := a.Status.String()
	sep := ": "
	a.Values(q, func(v *identifier.Value) bool {
		out += sep + v.Type + "=" + string(v.Data)
		sep = " "
		return true
	})
	return out
}

func TestTemplates(t *testing.T) {
	f := newFixture(t, nil)
	record := func(id string, values ...identifier.Value) {
		t.Helper()
		f.record(id, false, identifier.Record{Values: values})
	}
	// ns is a namespace whose prefix record holds a template, with a base handle.
	ns := func(prefix, body string) {
		t.Helper()
		f.namespace(hosted(prefix))
		record("0.NA/"+prefix, templated(body))
		record(prefix+"/doc", text(1, "URL", "https://doc"))
	}
	ns("88.1021.1", withPages)
	secret := text(3, "SECRET", "s")
	secret.Perms = identifier.AdminRead
	record("88.1021.1/both", text(1, "URL", "https://both"), secret)
	record("88.1021.1/own-1", text(1, "URL", "https://own"))
	f.record("88.1021.1/gone", false, identifier.Record{State: identifier.Revoked, Values: []identifier.Value{text(1, "URL", "u")}})
	f.record("88.1021.1/doc-gone", false, identifier.Record{State: identifier.Revoked})

	ns("88.1021.2", pageOnly)
	record("88.1021.2/nested", text(1, "URL", "https://nested"), text(2, "HS_NAMESPACE", `<namespace><template delimiter="-"><value type="A" data="${extension}"/></template></namespace>`))
	record("88.1021.2/plain", text(2, "HS_NAMESPACE", `<namespace><contact>a@example.com</contact></namespace>`))
	record("88.1021.2/broken", text(2, "HS_NAMESPACE", `<namespace>`))
	record("88.1021.2/closed", text(2, "HS_NAMESPACE", `<namespace><status>inactive</status></namespace>`))
	hidden := text(2, "HS_NAMESPACE", `<namespace><template delimiter="-"><value type="A" data="a"/></template></namespace>`)
	hidden.Perms = identifier.AdminRead
	record("88.1021.2/hidden", hidden)
	f.namespace(hosted("88.1021.2.1")) // derived, with nothing of its own
	f.namespace(hosted("88.1021.2.2")) // derived, with a record that has no template
	record("0.NA/88.1021.2.2", text(1, "HS_NAMESPACE", `<namespace><contact>b@example.com</contact></namespace>`))
	f.namespace(hosted("88.1021.2.3")) // derived, with a template of its own
	record("0.NA/88.1021.2.3", templated(`<value type="OWN" data="${extension}"/>`))

	ns("88.1021.3", `<def parameter="u"><value type="x" data="${base}!"/></def><value type="A" data="${u}${u}"/>`+
		`<value type="10320/loc"><locations><location href="${extension}"/></locations></value>`)
	f.namespace(hosted("88.1021.4"))
	record("0.NA/88.1021.4", text(1, "HS_NAMESPACE", `<namespace><template delimiter="-" ref="7:88.1021.5/templates"/></namespace>`))
	record("88.1021.4/doc", text(1, "URL", "https://doc"))
	f.namespace(hosted("88.1021.5"))
	record("88.1021.5/templates", text(7, "XML", `<template><foreach><value data="${data}/${extension}"/></foreach></template>`))
	for prefix, ref := range map[string]string{"88.1021.6": "8:88.1021.5/templates", "88.1021.7": "7:99.1/elsewhere", "88.1021.8": "3:88.1021.1/both"} {
		f.namespace(hosted(prefix))
		record("0.NA/"+prefix, text(1, "HS_NAMESPACE", `<namespace><template delimiter="-" ref="`+ref+`"/></namespace>`))
	}
	ns("88.1021.9", `<if test="matches" expression="(?=a)b"><value type="A" data="a"/></if>`)
	f.namespace(hosted("88.1021.10"))
	record("0.NA/88.1021.10", text(1, "HS_NAMESPACE", "no XML"))
	f.namespace(hosted("88.1021.11"))
	record("0.NA/88.1021.11", text(1, "HS_NAMESPACE", `<namespace><status>inactive</status><template delimiter="-"><value type="A" data="a"/></template></namespace>`))
	f.namespace(hosted("88.1021.12"))
	record("0.NA/88.1021.12", text(1, "HS_NAMESPACE", `<namespace><template delimiter="/">`+withPages+`</template></namespace>`), text(2, "URL", "https://prefix"))
	sensitive := hosted("88.1021.13")
	sensitive.CaseSensitive = true
	f.namespace(sensitive)
	record("0.NA/88.1021.13", templated(`<if test="matches" expression="A"><foreach><value/></foreach></if>`))
	f.record("88.1021.13/Doc", true, identifier.Record{Values: []identifier.Value{text(1, "URL", "https://Doc")}})
	f.namespace(identifier.Namespace{Prefix: "88.1021.14", State: identifier.NamespaceSuspended, Mode: identifier.Hosted})
	record("0.NA/88.1021.14", templated(`<value type="A" data="a"/>`))
	f.namespace(hosted("88.1021.14.1"))
	f.namespace(hosted("88.1021.10.1"))
	f.namespace(hosted("88.1021.10.2"))
	record("0.NA/88.1021.10.2", templated(`<value type="A" data="a"/>`))

	private := func(q *resolver.Query) { q.Private = true }
	for _, tt := range []struct {
		name, id string
		edit     func(*resolver.Query)
		want     string
	}{
		{"computed of the base's values", "88.1021.1/doc-7", nil, "found: URL=https://doc#p=7"},
		{"the first delimiter divides", "88.1021.1/doc-7-8", nil, "found: URL=https://doc#p=7-8"},
		{"an empty extension", "88.1021.1/doc-", nil, "found: URL=https://doc#p="},
		{"the base in another case", "88.1021.1/DOC-Ab", nil, "found: URL=https://doc#p=Ab"},
		{"by type", "88.1021.1/doc-7", func(q *resolver.Query) { q.Types = []string{"EMAIL"} }, "no_values"},
		{"the base itself", "88.1021.1/doc", nil, "found: URL=https://doc"},
		{"a record of its own wins", "88.1021.1/own-1", nil, "found: URL=https://own"},
		{"a tombstone wins", "88.1021.1/doc-gone", nil, "revoked"},
		{"no delimiter", "88.1021.1/none", nil, "not_found"},
		{"no base", "88.1021.1/none-1", nil, "not_found"},
		{"a revoked base", "88.1021.1/gone-1", nil, "not_found"},
		{"a condition", "88.1021.2/doc-p12", nil, "found: DESC=page 12 of 88.1021.2/doc"},
		{"without a base", "88.1021.2/none-p3", nil, "found: DESC=page 3 of 88.1021.2/none"},
		{"refused by a template", "88.1021.2/doc-x", nil, "not_found"},
		{"a template of the base", "88.1021.2/nested-x", nil, "found: A=x"},
		{"a base's namespace without a template", "88.1021.2/plain-p1", nil, "found: DESC=page 1 of 88.1021.2/plain"},
		{"a base's namespace that is broken", "88.1021.2/broken-p1", nil, "not_found"},
		{"a base's namespace that is not active", "88.1021.2/closed-p1", nil, "not_found"},
		{"a base's namespace that is not public", "88.1021.2/hidden-p1", nil, "found: DESC=page 1 of 88.1021.2/hidden"},
		{"a derived prefix", "88.1021.2.1/doc-p12", nil, "found: DESC=page 12 of 88.1021.2.1/doc"},
		{"a derived prefix with a namespace without a template", "88.1021.2.2/doc-p12", nil, "found: DESC=page 12 of 88.1021.2.2/doc"},
		{"a derived prefix with a template", "88.1021.2.3/doc-p12", nil, "found: OWN=p12"},
		{"definitions, markup", "88.1021.3/doc-x", nil, `found: A=88.1021.3/doc!88.1021.3/doc! 10320/loc=<locations><location href="x"/></locations>`},
		{"a template elsewhere", "88.1021.4/doc-x", nil, "found: URL=https://doc/x"},
		{"a template that is not there", "88.1021.6/doc-x", nil, "not_found"},
		{"a template on another node", "88.1021.7/doc-x", nil, "not_found"},
		{"a template that not everybody may read", "88.1021.8/doc-x", private, "not_found"},
		{"an expression that cannot be evaluated", "88.1021.9/doc-x", nil, "not_found"},
		{"no XML", "88.1021.10/doc-x", nil, "not_found"},
		{"below a prefix with no XML", "88.1021.10.1/doc-x", nil, "not_found"},
		{"a template below a prefix with no XML", "88.1021.10.2/doc-x", nil, "found: A=a"},
		{"a namespace that is not active", "88.1021.11/doc-x", nil, "not_found"},
		{"the prefix as base", "88.1021.12/x", nil, "found: URL=https://prefix#p=x"},
		{"case-sensitive", "88.1021.13/Doc-A", nil, "found: URL=https://Doc"},
		{"case-sensitive, another base", "88.1021.13/doc-A", nil, "not_found"},
		{"case-sensitive, another extension", "88.1021.13/Doc-a", nil, "not_found"},
		{"below a suspended prefix", "88.1021.14.1/doc-x", nil, "not_found"},
		{"a namespace without records", "88.1021.5/doc-x", nil, "not_found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // the second with what the first has left in caches
				q, a := f.ask(tt.id, tt.edit)
				if got := show(&q, &a); got != tt.want {
					t.Errorf("%s: got %s, want %s", tt.id, got, tt.want)
				}
				if a.Status == resolver.Found && strings.Contains(tt.id, "-") && (a.Tier == resolver.TierComputed) == (tt.id == "88.1021.1/own-1") {
					t.Errorf("%s: from %v", tt.id, a.Tier)
				}
				if a.Status == resolver.Found && a.Record.ID != tt.id {
					t.Errorf("record of %s, want %s", a.Record.ID, tt.id)
				}
			}
		})
	}

	f.record("0.NA/88.1021.1", false, identifier.Record{Values: []identifier.Value{templated(copyAll)}})
	if q, a := f.ask("88.1021.1/both-1", private); show(&q, &a) != "found: URL=https://both" {
		t.Errorf("a copy of a private value: got %s", show(&q, &a))
	}
}

// TestTemplateTrace: the steps say that an answer was computed, or why it was not.
func TestTemplateTrace(t *testing.T) {
	f := newFixture(t, nil)
	f.namespace(hosted("88.1021.1"))
	f.record("0.NA/88.1021.1", false, identifier.Record{Values: []identifier.Value{templated(pageOnly)}})
	f.record("88.1021.1/gone", false, identifier.Record{State: identifier.Revoked})
	f.namespace(hosted("88.1021.2"))
	f.record("0.NA/88.1021.2", false, identifier.Record{Values: []identifier.Value{text(1, "HS_NAMESPACE", "<")}})
	f.namespace(hosted("88.1021.3"))
	for id, want := range map[string]string{
		"88.1021.1/A-p1":   "pattern handle:88.1021.1/a found computed: computed by a template",
		"88.1021.1/A-x":    "pattern handle:88.1021.1/a not_found store: the template makes no values",
		"88.1021.1/gone-1": "pattern handle:88.1021.1/gone not_found store: the template's base is revoked",
		"88.1021.1/none":   "record handle:88.1021.1/none not_found store: ",
		"88.1021.2/a-1":    "pattern handle:88.1021.2/a-1 not_found store: the template's namespace cannot be read",
		"88.1021.3/a-1":    "record handle:88.1021.3/a-1 not_found store: ",
	} {
		_, a := f.ask(id, func(q *resolver.Query) { q.Trace = true })
		s := a.Steps[len(a.Steps)-1]
		if got := fmt.Sprintf("%s %s %v %v: %s", s.Stage, s.Name, s.Status, s.Tier, s.Detail); got != want {
			t.Errorf("%s:\n got %s\nwant %s", id, got, want)
		}
	}
}

// TestTemplateReadYourWrites has readers ask for a computed handle while all that it is made from is
// changed: a query that starts after a change was acknowledged sees it.
func TestTemplateReadYourWrites(t *testing.T) {
	f := newFixture(t, nil)
	f.namespace(hosted("88.1021.1"))
	f.namespace(hosted("88.1021.1.5"))
	f.namespace(hosted("88.1021.2"))
	n := func(i int64) identifier.Value { return text(1, "N", fmt.Sprint(i)) }
	cite := `<namespace><template delimiter="-" ref="1:88.1021.2/t"/></namespace>`
	writes := map[string]func(i int64) identifier.Value{
		"0.NA/88.1021.1":  func(i int64) identifier.Value { return templated(fmt.Sprintf(`<value type="N" data="%d"/>`, i)) },
		"88.1021.1.5/doc": n,
		"88.1021.2/t": func(i int64) identifier.Value {
			return text(1, "XML", fmt.Sprintf(`<template><value type="N" data="%d"/></template>`, i))
		},
	}
	for _, tt := range []struct{ name, write, template, id string }{
		{"the template", "0.NA/88.1021.1", "", "88.1021.1/doc-1"},
		{"a template above", "0.NA/88.1021.1", "", "88.1021.1.5/doc-1"},
		{"the base", "88.1021.1.5/doc", copyAll, "88.1021.1.5/doc-1"},
		{"a template elsewhere", "88.1021.2/t", cite, "88.1021.1.5/doc-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			switch tt.template {
			case "":
			case cite:
				f.record("0.NA/88.1021.1", false, identifier.Record{Values: []identifier.Value{text(1, "HS_NAMESPACE", cite)}})
			default:
				f.record("0.NA/88.1021.1", false, identifier.Record{Values: []identifier.Value{templated(tt.template)}})
			}
			write := func(i int64) {
				f.record(tt.write, false, identifier.Record{Values: []identifier.Value{writes[tt.write](i)}})
			}
			write(0)
			var acknowledged atomic.Int64
			done := make(chan struct{})
			var readers sync.WaitGroup
			for range 4 {
				readers.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						want := acknowledged.Load()
						q, a := f.ask(tt.id, nil)
						var got int64 = -1
						a.Values(&q, func(v *identifier.Value) bool { fmt.Sscan(string(v.Data), &got); return true })
						if got < want {
							t.Errorf("read %d after %d was acknowledged (%v)", got, want, a.Status)
							return
						}
					}
				})
			}
			for i := int64(1); i <= 500; i++ {
				write(i)
				acknowledged.Store(i)
			}
			close(done)
			readers.Wait()
		})
	}
}

// TestTemplateStamps: an answer that was kept is not told again once anything it was made from has
// changed, and that there is none not after a template has come.
func TestTemplateStamps(t *testing.T) {
	f := newFixture(t, nil)
	f.namespace(hosted("88.1021.1"))
	f.namespace(hosted("88.1021.1.5"))
	f.namespace(hosted("88.1021.2"))
	kept := func(id string, want resolver.Status) resolver.Stamp {
		t.Helper()
		_, a := f.ask(id, nil)
		if a.Status != want || !f.resolver.Current(a.Stamp) {
			t.Fatalf("%s: %v, current: %v", id, a.Status, f.resolver.Current(a.Stamp))
		}
		return a.Stamp
	}
	changed := func(what string, s resolver.Stamp, want bool) {
		t.Helper()
		if f.resolver.Current(s) == want {
			t.Errorf("%s: current is %v", what, !want)
		}
	}
	unrelated := func(i int) {
		f.record(fmt.Sprintf("88.1021.2/%d", i), false, identifier.Record{Values: []identifier.Value{text(1, "A", "a")}})
	}
	s := kept("88.1021.1.5/doc-1", resolver.NotFound)
	unrelated(1)
	changed("not found without a template, another record", s, false)
	f.record("0.NA/88.1021.1", false, identifier.Record{Values: []identifier.Value{templated(copyAll)}})
	changed("a template", s, true)
	s = kept("88.1021.1.5/doc-1", resolver.NotFound)
	plain := kept("88.1021.1.5/doc", resolver.NotFound)
	f.record("88.1021.1.5/doc", false, identifier.Record{Values: []identifier.Value{text(1, "A", "a")}})
	changed("the base is created", s, true)
	changed("the base itself", plain, true)
	s = kept("88.1021.1.5/doc-1", resolver.Found)
	f.record("88.1021.1.5/doc", false, identifier.Record{Values: []identifier.Value{text(1, "A", "b")}})
	changed("the base", s, true)
	s = kept("88.1021.1.5/doc-1", resolver.Found)
	f.record("0.NA/88.1021.1.5", false, identifier.Record{Values: []identifier.Value{templated(pageOnly)}})
	changed("a nearer template", s, true)
	s = kept("88.1021.1.5/doc-1", resolver.NotFound)
	ns := hosted("88.1021.1.5")
	ns.CaseSensitive = true
	f.namespace(ns)
	changed("the namespace", s, true)
}

// failingReader fails to read one record.
type failingReader struct {
	storage.Reader
	key []byte
}

func (r *failingReader) Get(ctx context.Context, key []byte) (storage.Item, error) {
	if string(key) == string(r.key) {
		return storage.Item{}, storage.ErrUnavailable
	}
	return r.Reader.Get(ctx, key)
}

// TestTemplateUnread: a record that cannot be read is a failure, and is not remembered as absence.
func TestTemplateUnread(t *testing.T) {
	broken := &failingReader{}
	f := newFixture(t, func(s storage.Store) storage.Reader { broken.Reader = s; return broken })
	f.namespace(hosted("88.1021.1"))
	f.namespace(hosted("88.1021.2"))
	f.record("0.NA/88.1021.1", false, identifier.Record{Values: []identifier.Value{
		text(1, "HS_NAMESPACE", `<namespace><template delimiter="-" ref="1:88.1021.2/t"/></namespace>`)}})
	f.record("88.1021.1/doc", false, identifier.Record{Values: []identifier.Value{text(1, "A", "a")}})
	f.record("88.1021.2/t", false, identifier.Record{Values: []identifier.Value{text(1, "XML", `<template>`+copyAll+`</template>`)}})
	for _, name := range []string{"0.na/88.1021.1", "0.na/88.1021", "88.1021.1/doc", "88.1021.2/t", ""} {
		broken.key = storage.RecordKey(identifier.Key{Scheme: identifier.Handle, Name: name})
		_, a := f.ask("88.1021.1/doc-1", func(q *resolver.Query) { q.NoCache = true })
		if name == "" && a.Status != resolver.Found || name != "" && (a.Status != resolver.Failed || a.Err == nil || f.resolver.Current(a.Stamp)) {
			t.Errorf("%s unread: %v with %v", name, a.Status, a.Err)
		}
	}
}
