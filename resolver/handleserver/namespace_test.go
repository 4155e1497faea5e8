package handleserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// templateServer serves the namespace 88.990.1001 from a store whose changes the resolver observes, and
// keeps answers. write stores one value of a handle.
func templateServer(t *testing.T) (s *Server, write func(name, typ, data string)) {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	ns := identifier.Namespace{Scheme: identifier.Handle, Prefix: "88.990.1001", State: identifier.NamespaceActive, Mode: identifier.Hosted}
	value, err := storage.EncodeNamespace(&ns)
	if err != nil {
		t.Fatal(err)
	}
	var b storage.Batch
	b.Put(storage.NamespaceKey(ns.Key()), value, 0)
	if _, err := engine.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolver.New(resolver.Options{Store: engine, Namespaces: namespaces})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cache.NewAnswers(cache.AnswersOptions{Current: r.Current})
	if err != nil {
		t.Fatal(err)
	}
	store := storage.Observe(engine, func(c []storage.Change) { r.Forget(context.Background(), c) })
	write = func(name, typ, data string) {
		t.Helper()
		id, err := identifier.Handle.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		key := storage.RecordKey(id.Key(false))
		old, err := store.Get(t.Context(), key)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			t.Fatal(err)
		}
		var b storage.Batch
		b.Put(key, identifier.AppendRecord(nil, &identifier.Record{Scheme: identifier.Handle, ID: name, State: identifier.Active,
			Values: []identifier.Value{{Index: 1, Type: typ, Data: []byte(data), TTL: 60, Perms: identifier.DefaultPerms}}}), old.Version)
		b.Log(storage.Change{Op: storage.OpUpdate, Key: key, Version: old.Version + 1})
		if _, err := store.Apply(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	return start(t, Options{Resolver: r, Answers: answers, Site: func() []byte { return handletest.Site(t) }, Logger: slog.New(slog.DiscardHandler)}), write
}

// TestTemplatedHandles asks over UDP for handles that have no record, while what computes them changes:
// each answer is that of what was written last, kept answers or not.
func TestTemplatedHandles(t *testing.T) {
	s, write := templateServer(t)
	want := func(name string, code handle.Rcode, values ...string) {
		t.Helper()
		for range 3 { // kept from the second on, if at all
			r, err := client.Resolve(t.Context(), "udp", s.Addr().String(), client.Request{Handle: name})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range r.Values {
				got = append(got, v.Type+"="+string(v.Data))
			}
			if r.Code != code || strings.Join(got, " ") != strings.Join(values, " ") {
				t.Fatalf("%s: %v with %q, want %v with %q", name, r.Code, got, code, values)
			}
			if code == handle.RcodeSuccess && r.Handle != name {
				t.Errorf("answer for %s, want %s", r.Handle, name)
			}
		}
	}
	const page, base, prefix = "88.990.1001/Doc-7", "88.990.1001/doc", "0.NA/88.990.1001"
	template := func(body string) string {
		return `<namespace><template delimiter="-">` + body + `</template></namespace>`
	}
	want(page, handle.RcodeHandleNotFound)
	write(prefix, "HS_NAMESPACE", template(`<foreach><value data="${data}#p=${extension}"/></foreach>`))
	want(page, handle.RcodeHandleNotFound) // there is no base yet
	write(base, "URL", "https://a")
	want(page, handle.RcodeSuccess, "URL=https://a#p=7")
	write(base, "URL", "https://b")
	want(page, handle.RcodeSuccess, "URL=https://b#p=7")
	for i := range 20 {
		write(prefix, "HS_NAMESPACE", template(fmt.Sprintf(`<value type="N" data="%d of ${base}"/>`, i)))
		want(page, handle.RcodeSuccess, fmt.Sprintf("N=%d of 88.990.1001/Doc", i))
	}
	want("88.990.1001/Doc", handle.RcodeSuccess, "URL=https://b")
	want("88.990.1001/none", handle.RcodeHandleNotFound)
	write("0.NA/88.990", "HS_NAMESPACE", template(`<value type="ABOVE" data="${extension}"/>`))
	write(prefix, "HS_NAMESPACE", `<namespace><contact>a@example.com</contact></namespace>`)
	want(page, handle.RcodeSuccess, "ABOVE=7")
	write(base, "HS_NAMESPACE", template(`<value type="OWN" data="${extension}"/>`))
	want(page, handle.RcodeSuccess, "OWN=7")
	write(prefix, "HS_NAMESPACE", "<broken")
	want(page, handle.RcodeHandleNotFound)
	write(prefix, "DESC", "none")
	want(page, handle.RcodeSuccess, "OWN=7")
	write("0.NA/88.990", "DESC", "none")
	want(page, handle.RcodeHandleNotFound)
	write(page, "URL", "https://own")
	want(page, handle.RcodeSuccess, "URL=https://own")
}
