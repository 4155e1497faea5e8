package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/resolver/handleserver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

var (
	serverAdmin = identifier.Ref{Handle: "88.990/srvadmin", Index: 300}
	operator    = registry.Actor{Enterprise: registry.Self, Role: registry.RoleOperator}
	from        = netip.MustParseAddr("192.0.2.7")
)

// newHandleAdmin is the administration of a node with the records of the captured server.
func newHandleAdmin(t *testing.T) *handleAdmin {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	lru, err := cache.NewLRU(cache.Options{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	own := []identifier.Key{{Scheme: identifier.Handle, Name: "88.990"}}
	log := slog.New(slog.DiscardHandler)
	answers, err := resolver.New(resolver.Options{Store: engine, Namespaces: namespaces, Own: own, Cache: lru, Admin: serverAdmin,
		Site: func() []byte { return handletest.Site(t) }, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	store := storage.Observe(engine, func(changes []storage.Change) { answers.Forget(context.Background(), changes) })
	registrar, err := registry.New(registry.Options{Store: store, Namespaces: namespaces, NodePrefixes: own, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	records, line := handletest.Records(t), 0
	sum, err := registrar.Import(t.Context(), func() (registry.Row, error) {
		if line == len(records) {
			return registry.Row{}, io.EOF
		}
		line++
		return registry.Row{Line: line, Record: records[line-1]}, nil
	}, registry.ImportOptions{Actor: operator, Allocate: true}, func(r registry.RowResult) error { return fmt.Errorf("%+v", r) })
	if err != nil || sum.Stored != len(records) {
		t.Fatal(sum, err)
	}
	return &handleAdmin{resolver: answers, registrar: registrar, log: log}
}

func handleID(t *testing.T, name string) identifier.ID {
	t.Helper()
	id, err := identifier.Handle.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// rcode is the response code that an error comes to, 0 for none.
func rcode(err error) handle.Rcode {
	var coded interface{ Rcode() handle.Rcode }
	switch {
	case err == nil:
		return 0
	case errors.As(err, &coded):
		return coded.Rcode()
	}
	return handle.RcodeError
}

// shape is what of a record the tests compare: index and type of its values.
func shape(rec *identifier.Record) string {
	if rec == nil {
		return "none"
	}
	var parts []string
	for _, v := range rec.Values {
		parts = append(parts, fmt.Sprint(v.Index, " ", v.Type))
	}
	return strings.Join(parts, ", ")
}

func set(values ...identifier.Value) func(*identifier.Record) ([]identifier.Value, error) {
	return func(*identifier.Record) ([]identifier.Value, error) { return values, nil }
}

func note(index uint32, data string) identifier.Value {
	return identifier.Value{Index: index, Type: "NOTE", Data: []byte(data), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
}

func TestHandleRecord(t *testing.T) {
	a := newHandleAdmin(t)
	w := registry.Write{Actor: operator}
	k := func(name string) identifier.Key { return identifier.Key{Scheme: identifier.Handle, Name: name} }
	for _, prefix := range []string{"88.990.2001", "88.990.2002", "88.990.2003"} {
		if _, err := a.registrar.AllocatePrefix(t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: prefix, Enterprise: registry.Self}, w); err != nil {
			t.Fatal(err)
		}
	}
	delegated := identifier.Delegated
	if _, err := a.registrar.UpdatePrefix(t.Context(), k("88.990.2002"), registry.PrefixPatch{Mode: &delegated, Service: &identifier.Service{IP: from, TCP: 2641}}, w); err != nil {
		t.Fatal(err)
	}
	if _, err := a.registrar.PrefixAction(t.Context(), k("88.990.2003"), registry.ActionSuspend, "r", "", w); err != nil {
		t.Fatal(err)
	}
	patterns := []identifier.Pattern{{URL: "https://example.com/"}}
	if _, err := a.registrar.UpdatePrefix(t.Context(), k("88.990.2001"), registry.PrefixPatch{Patterns: &patterns}, w); err != nil {
		t.Fatal(err)
	}
	if err := a.Change(t.Context(), handleserver.Change{ID: handleID(t, "88.990.1001/writable"), Op: "delete", Who: serverAdmin, Decide: set()}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"88.990.1001/private-1": "1 URL, 2 CONTACT, 100 HS_ADMIN", // private values, too
		"88.990.1001/PRIVATE-1": "1 URL, 2 CONTACT, 100 HS_ADMIN",
		"0.NA/88.990.1001":      "1 HS_SITE, 2 DESC, 100 HS_ADMIN, 101 HS_ADMIN, 102 HS_ADMIN", // stored
		"0.NA/88.990":           "1 HS_SITE, 100 HS_ADMIN",
		"0.NA/88.990.2001":      "1 HS_SITE, 100 HS_ADMIN",
		"88.990.2001":           "1 HS_SITE, 100 HS_ADMIN",
		"0.NA/88.990.2002":      "1 HS_SITE, 100 HS_ADMIN",
		"88.990.2001/any":       "none", // though a pattern answers for it
		"88.990.2002/x":         "none",
		"0.NA/88.990.2003":      "none",
		"88.990.1001/absent":    "none",
		"88.990.1001/writable":  "none", // a tombstone
		"0.NA/88.990.9":         "none",
		"88.777/x":              "none",
	} {
		rec, err := a.Record(t.Context(), handleID(t, name))
		if got := shape(rec); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
}

func TestHandleChange(t *testing.T) {
	a := newHandleAdmin(t)
	change := func(op, name string, decide func(*identifier.Record) ([]identifier.Value, error)) error {
		t.Helper()
		return a.Change(t.Context(), handleserver.Change{ID: handleID(t, name), Op: op, Who: serverAdmin, From: from, Decide: decide})
	}
	// What was changed is read at once, also through the cache.
	ask := func(name string) string {
		t.Helper()
		ans := a.resolver.Resolve(t.Context(), resolver.Query{ID: handleID(t, name), Private: true})
		return fmt.Sprint(ans.Status, " ", shape(ans.Record))
	}
	if got := ask("88.990.1001/new"); got != "not_found none" {
		t.Errorf("before: %s", got)
	}
	if err := change("create", "88.990.1001/new", set(note(1, "a"))); err != nil {
		t.Fatal(err)
	}
	if got := ask("88.990.1001/new"); got != "found 1 NOTE" {
		t.Errorf("created: %s", got)
	}
	if err := change("delete", "88.990.1001/new", set()); err != nil {
		t.Fatal(err)
	}
	if got := ask("88.990.1001/new"); !strings.HasPrefix(got, "revoked") {
		t.Errorf("deleted: %s", got)
	}
	// The computed record of a prefix is seen, changed, and stored from then on.
	if err := change("add", "88.990", func(cur *identifier.Record) ([]identifier.Value, error) {
		return append(slices.Clone(cur.Values), note(2, "a")), nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := ask("0.NA/88.990"); got != "found 1 HS_SITE, 100 HS_ADMIN, 2 NOTE" {
		t.Errorf("prefix record: %s", got)
	}
	// What another server's site says of a prefix is what resolves.
	elsewhere := handle.ServiceSite(&identifier.Service{IP: from, TCP: 2641})
	site := identifier.Value{Index: 1, Type: "HS_SITE", Data: handle.AppendSite(nil, &elsewhere), Perms: identifier.DefaultPerms}
	if err := change("create", "0.NA/88.990.3001", set(site, identifier.Value{Index: 3, Type: "HS_SERV", Data: []byte("88.990.3001/site")})); err != nil {
		t.Fatal(err)
	}
	if got := ask("88.990.3001"); got != "found 1 HS_SITE, 3 HS_SERV" {
		t.Errorf("prefix record: %s", got)
	}
	refused := &handleRefusal{code: handle.RcodeInvalidAdmin, text: "no"}
	fails := func(*identifier.Record) ([]identifier.Value, error) { return nil, refused }
	for _, c := range []struct {
		name, id string
		decide   func(*identifier.Record) ([]identifier.Value, error)
		want     handle.Rcode
		text     string
	}{
		{"decided", "88.990.1001/item-1", fails, handle.RcodeInvalidAdmin, "no"},
		{"foreign", "88.777/x", set(note(1, "a")), handle.RcodeServerNotResponsible, "no namespace of this node holds 88.777/x"},
		{"absent", "88.990.1001/absent", set(), handle.RcodeHandleNotFound, "88.990.1001/absent is not registered"},
		{"index twice", "88.990.1001/item-1", set(note(1, "a"), note(1, "b")), handle.RcodeInvalidValue, "index 1 is used twice"},
		{"prefix in use", "0.NA/88.990.1001", set(), handle.RcodeOperationDenied, "identifiers are registered under 88.990.1001"},
		{"no prefix", "0.NA/88.990.1001.1", set(note(1, "a")), handle.RcodeInvalidHandle, ""},
	} {
		err := change("any", c.id, c.decide)
		if rcode(err) != c.want || c.text != "" && err.Error() != c.text {
			t.Errorf("%s: %v %v; want %v %s", c.name, rcode(err), err, c.want, c.text)
		}
	}
	if err := change("any", "88.990.1001/item-1", fails); err != error(refused) {
		t.Errorf("the error of Decide became %#v", err)
	}
}

// Two changes that meet each see what the other did.
func TestHandleChangesMeet(t *testing.T) {
	a := newHandleAdmin(t)
	id := handleID(t, "88.990.1001/item-1")
	before, err := a.Record(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	const writers = 8
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			err := a.Change(t.Context(), handleserver.Change{ID: id, Op: "add", Who: serverAdmin, Decide: func(cur *identifier.Record) ([]identifier.Value, error) {
				return append(slices.Clone(cur.Values), note(uint32(1000+i), "x")), nil
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	after, err := a.Record(t.Context(), id)
	if err != nil || len(after.Values) != len(before.Values)+writers || after.Version != before.Version+writers {
		t.Errorf("%v: %s, version %d", err, shape(after), after.Version)
	}
}

// The lists are those of vectors 082 and 086: vector 083 homes a prefix, 087 un-homes it.
func TestHandleLists(t *testing.T) {
	a := newHandleAdmin(t)
	listed := func(number string) (names []string) {
		t.Helper()
		for _, raw := range handletest.Find(t, number).Responses {
			_, message, err := handle.ParseEnvelope(raw)
			if err != nil {
				t.Fatal(err)
			}
			m, err := handle.ParseMessage(message)
			if err != nil {
				t.Fatal(err)
			}
			handles, err := handle.ParseHandles(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range handles {
				names = append(names, string(bytes.Clone(h)))
			}
		}
		slices.Sort(names)
		return names
	}
	var got []string
	err := a.ListHandles(t.Context(), "88.990.1003", func(name string) error {
		got = append(got, name)
		return nil
	})
	if slices.Sort(got); err != nil || !slices.Equal(got, listed("082")) {
		t.Errorf("handles: %v, %v", got, err)
	}
	if err := a.Home(t.Context(), "88.990.5555", serverAdmin, from); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Homed(t.Context()); err != nil || !slices.Equal(got, listed("086")) {
		t.Errorf("homed: %v, %v", got, err)
	}
	if err := a.Unhome(t.Context(), "88.990.5555", serverAdmin, from); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Homed(t.Context()); err != nil || slices.Contains(got, "0.NA/88.990.5555") {
		t.Errorf("homed: %v, %v", got, err)
	}
	if err := a.Home(t.Context(), "88.777", serverAdmin, from); rcode(err) != handle.RcodeServerNotResponsible {
		t.Errorf("home of a foreign prefix: %v", err)
	}
}

func TestHandleCodes(t *testing.T) {
	a := &handleAdmin{log: slog.New(slog.DiscardHandler)}
	secret := errors.New("secret")
	for _, code := range registry.Codes() {
		c, ok := handleCodes[code]
		if !ok || c == handle.RcodeRequest || c == handle.RcodeSuccess || c == handle.RcodeAuthNeeded {
			t.Errorf("%s is told as %v", code, c)
		}
		err := a.refusal(fmt.Errorf("x: %w", &registry.Error{Code: code, Detail: "told", Err: secret}))
		if rcode(err) != c || err.Error() != "told" || !errors.Is(err, secret) {
			t.Errorf("%s: %v %v", code, rcode(err), err)
		}
	}
	if len(handleCodes) != len(registry.Codes()) {
		t.Error("codes are mapped that the registry does not have")
	}
	if err := a.refusal(registry.AsError(context.Canceled)); rcode(err) != handle.RcodeServerTooBusy {
		t.Errorf("canceled: %v", rcode(err))
	}
	if err := a.refusal(secret); err != secret {
		t.Errorf("an error that is not the registry's: %v", err)
	}
}
