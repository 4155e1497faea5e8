package registry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
	"github.com/idnode/idnode/storage/pebblestore"
)

// node is a registrar on a store, and two enterprises: a with 88.100.1, b with 88.100.2.
type node struct {
	*Registrar
	t          testing.TB
	store      storage.Store
	namespaces *storage.Namespaces
	op         Actor
	a, b       Actor // writers
}

func eachStore(t *testing.T, test func(t *testing.T, n *node)) {
	t.Run("memstore", func(t *testing.T) { test(t, newNode(t, memstore.New())) })
	t.Run("pebblestore", func(t *testing.T) { test(t, newNode(t, openPebble(t))) })
}

func openPebble(t testing.TB) storage.Store {
	t.Helper()
	s, err := pebblestore.Open(t.TempDir(), pebblestore.Options{CacheBytes: 8 << 20, MemTableBytes: 8 << 20, MinFreeBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newNode(t testing.TB, engine storage.Store) *node { return newNodeWith(t, engine, engine, nil) }

// newNodeWith makes a node whose registrar writes through store, which stands before engine.
func newNodeWith(t testing.TB, engine, store storage.Store, clock func() time.Time) *node {
	t.Helper()
	t.Cleanup(func() { engine.Close() })
	ctx := t.Context()
	namespaces, err := storage.LoadNamespaces(ctx, engine)
	if err != nil {
		t.Fatal(err)
	}
	observed := storage.Observe(store, func(changes []storage.Change) {
		if err := namespaces.Observe(context.Background(), changes); err != nil {
			t.Error(err)
		}
	})
	reg, err := New(Options{
		Store: observed, Namespaces: namespaces, Clock: clock, Logger: slog.New(slog.DiscardHandler),
		NodePrefixes: []identifier.Key{
			{Scheme: identifier.Handle, Name: "88.100"}, {Scheme: identifier.OID, Name: "1.3.6.1.4.1"}, {Scheme: identifier.GS1, Name: "690123"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Registrar: reg, t: t, store: observed, namespaces: namespaces, op: Actor{Enterprise: Self, KeyID: "kop", Role: RoleOperator}}
	n.a = n.tenant("88.100.1", RoleWriter)
	n.b = n.tenant("88.100.2", RoleWriter)
	return n
}

// tenant makes an enterprise with a prefix and returns an actor of it.
func (n *node) tenant(prefix string, role Role) Actor {
	n.t.Helper()
	e, err := n.CreateEnterprise(n.t.Context(), Enterprise{Name: "holder of " + prefix}, Write{Actor: n.op})
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.AllocatePrefix(n.t.Context(), PrefixRequest{Scheme: identifier.Handle, Prefix: prefix, Enterprise: e.ID}, Write{Actor: n.op}); err != nil {
		n.t.Fatal(err)
	}
	return Actor{Enterprise: e.ID, KeyID: "k" + prefix, Role: role}
}

func value(index uint32, data string) identifier.Value {
	return identifier.Value{Index: index, Type: "URL", Data: []byte(data), TTL: 86400, Perms: identifier.DefaultPerms}
}

func record(id string, data ...string) *identifier.Record {
	rec := &identifier.Record{ID: id}
	for i, d := range data {
		rec.Values = append(rec.Values, value(uint32(i+1), d))
	}
	return rec
}

func parse(t *testing.T, text string) identifier.ID {
	t.Helper()
	id, err := identifier.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// code is the code of err, "" for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return "no *Error: " + err.Error()
}

// must gives the result of a write that must succeed.
func must(t *testing.T) func(Result, error) Result {
	t.Helper()
	return func(res Result, err error) Result {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
}

// contents is everything in the store but the audit log, for tests that nothing was changed.
func (n *node) contents() map[string]string {
	n.t.Helper()
	all := make(map[string]string)
	err := n.store.Scan(n.t.Context(), storage.Range{Start: []byte{0}, End: []byte{0xFF}}, func(key []byte, item storage.Item) error {
		all[fmt.Sprintf("%q", key)] = fmt.Sprintf("%d %q", item.Version, item.Value)
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return all
}

func TestLife(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx, w := t.Context(), Write{Actor: n.a}
		id := parse(t, "88.100.1/SN-1")

		res := must(t)(n.Create(ctx, record("88.100.1/SN-1", "one"), w))
		if !res.Created || res.Record.Version != 1 || res.Record.ID != "88.100.1/SN-1" || res.Seq == 0 {
			t.Fatalf("create: %+v", res)
		}
		if v := res.Record.Values[0]; v.Timestamp == 0 {
			t.Error("create: the value has no timestamp")
		}
		_, err := n.Create(ctx, record("88.100.1/sn-1", "two"), w)
		if code(err) != CodeAlreadyExists {
			t.Errorf("create again in other letter case: %v", err)
		}
		if res = must(t)(n.Replace(ctx, record("88.100.1/SN-1", "one"), w)); res.Record.Version != 1 || res.Seq != 0 || res.Created {
			t.Errorf("replace with the same content: %+v", res)
		}
		if res = must(t)(n.Replace(ctx, record("88.100.1/SN-1", "two"), w)); res.Record.Version != 2 || res.Created {
			t.Errorf("replace: %+v", res)
		}
		patch := Patch{Values: []PatchValue{
			{Value: value(1, "three"), Fields: FieldData},
			{Value: identifier.Value{Index: 7, Type: "DESC", Data: []byte("轴承")}, Fields: FieldType | FieldData},
		}}
		res = must(t)(n.Merge(ctx, id, patch, w))
		if res.Record.Version != 3 || len(res.Record.Values) != 2 || string(res.Record.Values[0].Data) != "three" || res.Record.Values[0].Type != "URL" {
			t.Errorf("merge: %+v", res.Record)
		}
		if v := res.Record.Values[1]; v.TTL != identifier.DefaultTTL || v.Perms != identifier.DefaultPerms {
			t.Errorf("merge: a new value lacks defaults: %+v", v)
		}
		if res = must(t)(n.Merge(ctx, id, patch, w)); res.Record.Version != 3 {
			t.Errorf("merge of the same: version %d", res.Record.Version)
		}
		res = must(t)(n.Merge(ctx, id, Patch{Values: []PatchValue{{Value: identifier.Value{Index: 1}, Delete: true}}}, w))
		if res.Record.Version != 4 || len(res.Record.Values) != 1 || res.Record.Values[0].Index != 7 {
			t.Errorf("merge that deletes: %+v", res.Record)
		}

		res = must(t)(n.Revoke(ctx, id, "scrapped", "88.100.1/SN-2", w))
		if r := res.Record; r.Version != 5 || r.State != identifier.Revoked || r.Reason != "scrapped" || r.Successor != "88.100.1/SN-2" || r.Values != nil {
			t.Errorf("revoke: %+v", r)
		}
		if res = must(t)(n.Revoke(ctx, id, "scrapped", "88.100.1/SN-2", w)); res.Record.Version != 5 {
			t.Errorf("revoke again: version %d", res.Record.Version)
		}
		for name, err := range map[string]error{
			"create":             second(n.Create(ctx, record("88.100.1/SN-1", "x"), w)),
			"replace":            second(n.Replace(ctx, record("88.100.1/SN-1", "x"), w)),
			"merge":              second(n.Merge(ctx, id, patch, w)),
			"revoke differently": second(n.Revoke(ctx, id, "other", "", w)),
		} {
			if e, ok := errors.AsType[*Error](err); !ok || e.Code != CodeRevoked || e.Record == nil || e.Record.Reason != "scrapped" {
				t.Errorf("%s over a tombstone: %v", name, err)
			}
		}
		if rec, err := n.Get(ctx, id, Get{Actor: n.a}); err != nil || rec.State != identifier.Revoked || rec.Values != nil {
			t.Errorf("get of a tombstone: %+v, %v", rec, err)
		}
		res = must(t)(n.Restore(ctx, id, w))
		if r := res.Record; r.Version != 6 || r.State != identifier.Active || len(r.Values) != 1 || r.Reason != "" {
			t.Errorf("restore: %+v", r)
		}
		if _, err := n.Restore(ctx, id, w); code(err) != CodeNotRevoked {
			t.Errorf("restore of an active one: %v", err)
		}
		for version, want := range map[uint64]string{1: "one", 2: "two", 3: "three", 4: "轴承"} {
			rec, err := n.Get(ctx, id, Get{Actor: n.a, Version: version})
			if err != nil || rec.Version != version || string(rec.Values[0].Data) != want {
				t.Errorf("version %d: %+v, %v", version, rec, err)
			}
		}
		if _, err := n.Get(ctx, id, Get{Actor: n.a, Version: 7}); code(err) != CodeNotFound {
			t.Errorf("version 7: %v", err)
		}
	})
}

func second(_ Result, err error) error { return err }

func TestGetAt(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	engine := memstore.New()
	n := newNodeWith(t, engine, engine, func() time.Time { return now })
	start := now
	for i := range 3 {
		now = start.Add(time.Duration(i) * time.Hour)
		must(t)(n.Replace(t.Context(), record("88.100.1/T", fmt.Sprint(i)), Write{Actor: n.a}))
	}
	for _, c := range []struct {
		at   time.Duration
		want string
	}{{-1, ""}, {0, "0"}, {time.Minute, "0"}, {time.Hour, "1"}, {2*time.Hour - 1, "1"}, {2 * time.Hour, "2"}, {48 * time.Hour, "2"}} {
		rec, err := n.Get(t.Context(), parse(t, "88.100.1/T"), Get{Actor: n.a, At: start.Add(c.at)})
		got := ""
		if err == nil {
			got = string(rec.Values[0].Data)
		}
		if got != c.want || err != nil && code(err) != CodeNotFound {
			t.Errorf("at %v: %q, %v; want %q", c.at, got, err, c.want)
		}
	}
	// A clock set back does not bring versions out of order.
	now = start
	res := must(t)(n.Replace(t.Context(), record("88.100.1/T", "3"), Write{Actor: n.a}))
	if want := start.Add(2 * time.Hour); !res.Record.Updated.Equal(want) {
		t.Errorf("updated %v, want %v", res.Record.Updated, want)
	}
}

func TestRefusals(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		with := func(change func(v *identifier.Value)) *identifier.Record {
			rec := record("88.100.1/R", "one", "two")
			change(&rec.Values[1])
			return rec
		}
		many := record("88.100.1/R")
		for i := range 2049 {
			many.Values = append(many.Values, value(uint32(i+1), "x"))
		}
		for _, c := range []struct {
			name        string
			in          *identifier.Record
			actor       Actor
			code, field string
		}{
			{"no id", record("", "x"), n.a, CodeInvalidIdentifier, "/id"},
			{"no identifier", record("///", "x"), n.a, CodeInvalidIdentifier, "/id"},
			{"too long for the national system", record("88.100.1/"+strings.Repeat("x", 250), "x"), n.a, CodeInvalidIdentifier, "/id"},
			{"foreign", record("88.100.2/R", "x"), n.a, CodeNotYourNamespace, "/id"},
			{"foreign before values", record("88.100.2/R"), n.a, CodeNotYourNamespace, "/id"},
			{"nobody's", record("88.100.3/R", "x"), n.a, CodeNotYourNamespace, "/id"},
			{"not the node's", record("88.777.3/R", "x"), n.op, CodeNotYourNamespace, "/id"},
			{"prefix record", record("0.NA/88.100.1", "x"), n.a, CodeForbidden, "/id"},
			{"reader", record("88.100.1/R", "x"), Actor{Enterprise: n.a.Enterprise, Role: RoleReader}, CodeForbidden, "/id"},
			{"auditor", record("88.100.1/R", "x"), Actor{Enterprise: Self, Role: RoleAuditor}, CodeForbidden, "/id"},
			{"nobody", record("88.100.1/R", "x"), Actor{}, CodeNotYourNamespace, "/id"},
			{"beyond its prefixes", record("88.100.1/R", "x"), Actor{Enterprise: n.a.Enterprise, Role: RoleWriter,
				Prefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.9"}}}, CodeNotYourNamespace, "/id"},
			{"no values", record("88.100.1/R"), n.a, CodeInvalidValue, "/values"},
			{"many values", many, n.a, CodeTooLarge, "/values"},
			{"index 0", with(func(v *identifier.Value) { v.Index = 0 }), n.a, CodeInvalidValue, "/values/1/index"},
			{"index 2^31", with(func(v *identifier.Value) { v.Index = 1 << 31 }), n.a, CodeInvalidValue, "/values/1/index"},
			{"index twice", with(func(v *identifier.Value) { v.Index = 1 }), n.a, CodeInvalidValue, "/values/1/index"},
			{"no type", with(func(v *identifier.Value) { v.Type = "" }), n.a, CodeInvalidValue, "/values/1/type"},
			{"type with newline", with(func(v *identifier.Value) { v.Type = "A\nB" }), n.a, CodeInvalidValue, "/values/1/type"},
			{"type not UTF-8", with(func(v *identifier.Value) { v.Type = "\xff" }), n.a, CodeInvalidValue, "/values/1/type"},
			{"long type", with(func(v *identifier.Value) { v.Type = strings.Repeat("x", 256) }), n.a, CodeTooLarge, "/values/1/type"},
			{"perms", with(func(v *identifier.Value) { v.Perms = 16 }), n.a, CodeInvalidValue, "/values/1/perms"},
			{"ttl type", with(func(v *identifier.Value) { v.TTLType = 2 }), n.a, CodeInvalidValue, "/values/1/ttlType"},
			{"ttl", with(func(v *identifier.Value) { v.TTL = -1 }), n.a, CodeInvalidValue, "/values/1/ttl"},
			{"large value", with(func(v *identifier.Value) { v.Data = make([]byte, 1<<20+1) }), n.a, CodeTooLarge, "/values/1/data"},
			{"large record", with(func(v *identifier.Value) { v.Data = make([]byte, 256000) }), n.a, CodeTooLarge, "/values"},
			{"reference", with(func(v *identifier.Value) { v.Refs = []identifier.Ref{{}} }), n.a, CodeInvalidValue, "/values/1/refs/0/handle"},
		} {
			before := n.contents()
			_, err := n.Create(ctx, c.in, Write{Actor: c.actor})
			e, _ := errors.AsType[*Error](err)
			if e == nil || e.Code != c.code || e.Field != c.field {
				t.Errorf("%s: %v; want %s at %s", c.name, err, c.code, c.field)
			}
			if diff := cmp.Diff(before, n.contents()); diff != "" {
				t.Errorf("%s changed the store:\n%s", c.name, diff)
			}
		}
	})
}

func TestNamespaceStates(t *testing.T) {
	n := newNode(t, memstore.New())
	ctx := t.Context()
	key := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
	write := func() error {
		return second(n.Replace(ctx, record("88.100.1/S", fmt.Sprint(time.Now())), Write{Actor: n.a}))
	}
	step := func(action Action, to, want string) {
		t.Helper()
		if _, err := n.PrefixAction(ctx, key, action, "because", to, Write{Actor: n.op}); code(err) != want {
			t.Errorf("%s: %v; want %q", action, err, want)
		}
	}
	wantWrite := func(want string) {
		t.Helper()
		if err := write(); code(err) != want {
			t.Errorf("write: %v; want %q", err, want)
		}
	}
	wantWrite("")
	step(ActionActivate, "", CodeInvalidState)
	step(ActionSuspend, "", "")
	wantWrite(CodeNamespaceSuspended)
	step(ActionSuspend, "", CodeInvalidState)
	step(ActionActivate, "", "")
	wantWrite("")

	if _, err := n.Transition(ctx, n.a.Enterprise, ActionSuspend, "unpaid", Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	wantWrite(CodeEnterpriseSuspended)
	if _, err := n.Transition(ctx, n.a.Enterprise, ActionActivate, "", Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	wantWrite("")

	delegated, hosted, yes := identifier.Delegated, identifier.Hosted, true
	if _, err := n.UpdatePrefix(ctx, key, PrefixPatch{Mode: &delegated}, Write{Actor: n.op}); code(err) != CodeInvalidPrefix {
		t.Errorf("delegated without a service: %v", err)
	}
	service := &identifier.Service{IP: n.addr("192.0.2.1"), UDP: 2641}
	if _, err := n.UpdatePrefix(ctx, key, PrefixPatch{Mode: &delegated, Service: service}, Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	wantWrite(CodeDelegated)
	if _, err := n.UpdatePrefix(ctx, key, PrefixPatch{Mode: &hosted}, Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.UpdatePrefix(ctx, key, PrefixPatch{CaseSensitive: &yes}, Write{Actor: n.op}); code(err) != CodeHasRecords {
		t.Errorf("case rule of a namespace with records: %v", err)
	}
	other := identifier.Key{Scheme: identifier.Handle, Name: "88.100.2"}
	if _, err := n.UpdatePrefix(ctx, other, PrefixPatch{CaseSensitive: &yes}, Write{Actor: n.op}); err != nil {
		t.Errorf("case rule of an empty namespace: %v", err)
	}
	must(t)(n.Create(ctx, record("88.100.2/X", "upper"), Write{Actor: n.b}))
	must(t)(n.Create(ctx, record("88.100.2/x", "lower"), Write{Actor: n.b}))

	step(ActionTransfer, "nobody", CodeNotFound)
	step(ActionTransfer, n.b.Enterprise, "")
	wantWrite(CodeNotYourNamespace)
	must(t)(n.Replace(ctx, record("88.100.1/S", "b's now"), Write{Actor: n.b}))
	step(ActionWithdraw, "", "")
	step(ActionActivate, "", CodeInvalidState)
	if _, err := n.PrefixAction(ctx, key, ActionSuspend, "", "", Write{Actor: n.b}); code(err) != CodeForbidden {
		t.Errorf("suspension by an enterprise: %v", err)
	}
}

func TestAllocation(t *testing.T) {
	n := newNode(t, memstore.New())
	ctx := t.Context()
	for _, c := range []struct {
		name         string
		q            PrefixRequest
		actor        Actor
		code, prefix string
	}{
		{"next free", PrefixRequest{Scheme: identifier.Handle, Enterprise: Self}, n.op, "", "88.100.3"},
		{"asked for", PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.150", Enterprise: Self}, n.op, "", "88.100.150"},
		{"next after it", PrefixRequest{Scheme: identifier.Handle, Enterprise: Self}, n.op, "", "88.100.151"},
		{"taken", PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.150", Enterprise: Self}, n.op, CodeAlreadyExists, ""},
		{"not under the node", PrefixRequest{Scheme: identifier.Handle, Prefix: "88.1001", Enterprise: Self}, n.op, CodeInvalidPrefix, ""},
		{"not a prefix", PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.1/x", Enterprise: Self}, n.op, CodeInvalidPrefix, ""},
		{"the node's own arc", PrefixRequest{Scheme: identifier.OID, Prefix: "1.3.6.1.4.1", Enterprise: Self}, n.op, "", "1.3.6.1.4.1"},
		{"an arc inside it", PrefixRequest{Scheme: identifier.OID, Prefix: "1.3.6.1.4.1.9", Enterprise: n.b.Enterprise}, n.op, "", "1.3.6.1.4.1.9"},
		{"inside another's", PrefixRequest{Scheme: identifier.OID, Prefix: "1.3.6.1.4.1.9.1", Enterprise: n.a.Enterprise}, n.op, CodeInvalidPrefix, ""},
		{"inside its own", PrefixRequest{Scheme: identifier.OID, Prefix: "1.3.6.1.4.1.9.1", Enterprise: n.b.Enterprise}, n.op, "", "1.3.6.1.4.1.9.1"},
		{"next arc", PrefixRequest{Scheme: identifier.OID, Enterprise: n.b.Enterprise}, n.op, "", "1.3.6.1.4.1.10"},
		{"no numbers of a scheme", PrefixRequest{Scheme: identifier.GS1, Enterprise: Self}, n.op, CodeInvalidPrefix, ""},
		{"no enterprise", PrefixRequest{Scheme: identifier.Handle, Enterprise: "e0"}, n.op, CodeNotFound, ""},
		{"enterprise missing", PrefixRequest{Scheme: identifier.Handle}, n.op, CodeInvalidPrefix, ""},
		{"no operator", PrefixRequest{Scheme: identifier.Handle, Enterprise: n.a.Enterprise}, n.a, CodeForbidden, ""},
		{"delegated to nothing", PrefixRequest{Scheme: identifier.Handle, Enterprise: Self, Mode: identifier.Delegated}, n.op, CodeInvalidPrefix, ""},
		{"delegated without ports", PrefixRequest{Scheme: identifier.Handle, Enterprise: Self, Mode: identifier.Delegated,
			Service: &identifier.Service{IP: n.addr("192.0.2.1")}}, n.op, CodeInvalidPrefix, ""},
		{"delegated", PrefixRequest{Scheme: identifier.Handle, Enterprise: Self, Mode: identifier.Delegated,
			Service: &identifier.Service{IP: n.addr("192.0.2.1"), TCP: 2641}}, n.op, "", "88.100.152"},
	} {
		ns, err := n.AllocatePrefix(ctx, c.q, Write{Actor: c.actor})
		if code(err) != c.code || err == nil && ns.Prefix != c.prefix {
			t.Errorf("%s: %+v, %v; want %q %q", c.name, ns, err, c.code, c.prefix)
		}
	}
	// The longest namespace decides whose an identifier is.
	must(t)(n.Create(ctx, record("1.3.6.1.4.1.9.1", "x"), Write{Actor: n.b}))
	if _, err := n.Create(ctx, record("1.3.6.1.4.1.8.1", "x"), Write{Actor: n.b}); code(err) != CodeNotYourNamespace {
		t.Errorf("beside the own arc: %v", err)
	}
	page, next, err := n.ListPrefixes(ctx, PrefixList{Actor: n.b, Paging: Paging{Limit: 2}})
	if err != nil || len(page) != 2 || next == "" {
		t.Fatalf("first page: %d, %q, %v", len(page), next, err)
	}
	if page, next, err = n.ListPrefixes(ctx, PrefixList{Actor: n.b, Paging: Paging{Limit: 2, Cursor: next}}); err != nil || len(page) != 2 || next != "" {
		t.Errorf("second page: %d, %q, %v", len(page), next, err)
	}
}

func TestEnterprises(t *testing.T) {
	n := newNode(t, memstore.New())
	ctx := t.Context()
	reviewer := Actor{Enterprise: Self, Role: RoleReviewer}
	for _, c := range []struct {
		name        string
		in          Enterprise
		actor       Actor
		code, field string
	}{
		{"valid credit code", Enterprise{Name: "x", CreditCode: "91110108589104047H"}, n.op, "", ""},
		{"wrong check character", Enterprise{Name: "x", CreditCode: "91110108589104047J"}, n.op, CodeInvalidEnterprise, "/creditCode"},
		{"character not of the alphabet", Enterprise{Name: "x", CreditCode: "9111010858910404OH"}, n.op, CodeInvalidEnterprise, "/creditCode"},
		{"short credit code", Enterprise{Name: "x", CreditCode: "9111"}, n.op, CodeInvalidEnterprise, "/creditCode"},
		{"no name", Enterprise{Name: " "}, n.op, CodeInvalidEnterprise, "/name"},
		{"website", Enterprise{Name: "x", Website: "javascript:x"}, n.op, CodeInvalidEnterprise, "/website"},
		{"mail", Enterprise{Name: "x", Contact: &Contact{Email: "x"}}, n.op, CodeInvalidEnterprise, "/contact/email"},
		{"by a writer", Enterprise{Name: "x"}, n.a, CodeForbidden, ""},
	} {
		_, err := n.CreateEnterprise(ctx, c.in, Write{Actor: c.actor})
		e, _ := errors.AsType[*Error](err)
		if code(err) != c.code || e != nil && e.Field != c.field {
			t.Errorf("%s: %v; want %q at %q", c.name, err, c.code, c.field)
		}
	}

	e, err := n.CreateEnterprise(ctx, Enterprise{Name: "under review", State: EnterpriseActive}, Write{Actor: reviewer})
	if err != nil || e.State != EnterprisePending {
		t.Fatalf("by a reviewer: %+v, %v", e, err)
	}
	for _, s := range []struct {
		action Action
		actor  Actor
		code   string
		state  EnterpriseState
	}{
		{ActionSuspend, n.op, CodeInvalidState, ""},
		{ActionReturn, reviewer, "", EnterpriseReturned},
		{ActionReturn, reviewer, CodeInvalidState, ""},
		{ActionApprove, n.a, CodeForbidden, ""},
		{ActionApprove, reviewer, "", EnterpriseActive},
		{ActionReject, reviewer, CodeInvalidState, ""},
		{ActionSuspend, reviewer, CodeForbidden, ""},
		{ActionSuspend, n.op, "", EnterpriseSuspended},
		{ActionWithdraw, n.op, "", EnterpriseWithdrawn},
		{ActionActivate, n.op, CodeInvalidState, ""},
		{"dissolve", n.op, CodeInvalidRequest, ""},
	} {
		got, err := n.Transition(ctx, e.ID, s.action, "r", Write{Actor: s.actor})
		if code(err) != s.code || err == nil && got.State != s.state {
			t.Errorf("%s: %+v, %v; want %q %q", s.action, got, err, s.code, s.state)
		}
	}
	if _, err := n.Transition(ctx, Self, ActionSuspend, "", Write{Actor: n.op}); code(err) != CodeInvalidState {
		t.Errorf("suspension of self: %v", err)
	}
	if _, err := n.Enterprise(ctx, n.b.Enterprise, n.a); code(err) != CodeForbidden {
		t.Errorf("another enterprise: %v", err)
	}
	if own, _, err := n.ListEnterprises(ctx, n.a, Paging{}); err != nil || len(own) != 1 || own[0].ID != n.a.Enterprise {
		t.Errorf("list by an enterprise: %v, %v", own, err)
	}
}

// TestIncrements lets many writers count on one record: with If-Match, trying again after 412, and
// without, by merges that the registrar itself evaluates again.
func TestIncrements(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		const writers, each = 64, 5
		ctx := t.Context()
		id := parse(t, "88.100.1/counter")
		must(t)(n.Create(ctx, record("88.100.1/counter", "0"), Write{Actor: n.a}))
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for done := 0; done < each; {
					cur, err := n.Get(ctx, id, Get{Actor: n.a})
					if err != nil {
						t.Error(err)
						return
					}
					var count int
					fmt.Sscan(string(cur.Values[0].Data), &count)
					_, err = n.Replace(ctx, record("88.100.1/counter", fmt.Sprint(count+1)), Write{Actor: n.a, IfMatch: cur.Version})
					switch code(err) {
					case "":
						done++
					case CodeVersionMismatch:
					default:
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		rec, err := n.Get(ctx, id, Get{Actor: n.a})
		if err != nil || string(rec.Values[0].Data) != fmt.Sprint(writers*each) || rec.Version != writers*each+1 {
			t.Errorf("after %d increments: %+v, %v", writers*each, rec, err)
		}

		must(t)(n.Create(ctx, record("88.100.1/set", "0"), Write{Actor: n.a}))
		set := parse(t, "88.100.1/set")
		for i := range writers {
			wg.Go(func() {
				p := Patch{Values: []PatchValue{{Value: value(uint32(100+i), "mine"), Fields: FieldType | FieldData}}}
				if _, err := n.Merge(ctx, set, p, Write{Actor: n.a}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if rec, err = n.Get(ctx, set, Get{Actor: n.a}); err != nil || len(rec.Values) != writers+1 || rec.Version != writers+1 {
			t.Errorf("after %d merges: %d values, version %d, %v", writers, len(rec.Values), rec.Version, err)
		}
	})
}

func TestPublicValues(t *testing.T) {
	n := newNode(t, memstore.New())
	ctx := t.Context()
	rec := record("88.100.1/P", "open", "secret")
	rec.Values[1].Perms = identifier.AdminRead | identifier.AdminWrite
	must(t)(n.Create(ctx, rec, Write{Actor: n.a}))
	limited := n.a
	limited.Prefixes = []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.9"}}
	for _, c := range []struct {
		name  string
		actor Actor
		want  int
	}{
		{"owner", n.a, 2}, {"operator", n.op, 2}, {"auditor", Actor{Enterprise: Self, Role: RoleAuditor}, 2},
		{"another enterprise", n.b, 1}, {"owner's key for other prefixes", limited, 1}, {"reviewer", Actor{Enterprise: Self, Role: RoleReviewer}, 1},
	} {
		got, err := n.Get(ctx, parse(t, "88.100.1/P"), Get{Actor: c.actor})
		if err != nil || len(got.Values) != c.want {
			t.Errorf("%s: %+v, %v; want %d values", c.name, got, err, c.want)
		}
	}
}

func TestList(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		n.tenantArc("1.3.6.1.4.1", Self)
		n.tenantArc("1.3.6.1.4.1.9", n.b.Enterprise)
		if _, err := n.AllocatePrefix(ctx, PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.10", Enterprise: n.b.Enterprise}, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"88.100.1/A", "88.100.1/B-1", "88.100.1/B-2", "88.100.10/A", "88.100.2/A", "1.3.6.1.4.1.9", "1.3.6.1.4.1.9.1", "1.3.6.1.4.1.90"} {
			must(t)(n.Create(ctx, record(id, "x"), Write{Actor: n.op}))
		}
		must(t)(n.Revoke(ctx, parse(t, "88.100.2/A"), "gone", "", Write{Actor: n.op}))
		handles := "88.100.1/A 88.100.1/B-1 88.100.1/B-2 88.100.10/A 88.100.2/A"
		for _, c := range []struct {
			name string
			l    List
			want string
		}{
			{"all", List{Actor: n.op}, handles + " 1.3.6.1.4.1.9 1.3.6.1.4.1.9.1 1.3.6.1.4.1.90"},
			{"a scheme", List{Actor: n.op, Scheme: identifier.Handle}, handles},
			{"a prefix, not its number's beginning", List{Actor: n.op, Prefix: "88.100.1"}, "88.100.1/A 88.100.1/B-1 88.100.1/B-2"},
			{"a prefix above", List{Actor: n.op, Prefix: "88.100"}, handles},
			{"the beginning of a suffix", List{Actor: n.op, Prefix: "88.100.1/b-"}, "88.100.1/B-1 88.100.1/B-2"},
			{"an arc", List{Actor: n.op, Prefix: "oid:1.3.6.1.4.1.9"}, "1.3.6.1.4.1.9 1.3.6.1.4.1.9.1"},
			{"own", List{Actor: n.a}, "88.100.1/A 88.100.1/B-1 88.100.1/B-2"},
			{"own of several", List{Actor: n.b}, "88.100.10/A 88.100.2/A 1.3.6.1.4.1.9 1.3.6.1.4.1.9.1"},
			{"own under a prefix", List{Actor: n.b, Prefix: "88.100.10"}, "88.100.10/A"},
			{"another's", List{Actor: n.a, Prefix: "88.100.2"}, ""},
		} {
			for _, limit := range []int{0, 1, 2} {
				var got []string
				l := c.l
				l.Limit = limit
				for {
					page, err := n.List(ctx, l)
					if err != nil {
						t.Fatalf("%s: %v", c.name, err)
					}
					for _, rec := range page.Records {
						got = append(got, rec.ID)
						if rec.Version == 0 || (rec.State == identifier.Revoked) != (rec.ID == "88.100.2/A") {
							t.Errorf("%s: %+v", c.name, rec)
						}
					}
					if l.Cursor = page.Next; page.Next == "" {
						break
					}
				}
				if s := strings.Join(got, " "); s != c.want {
					t.Errorf("%s, limit %d: %s; want %s", c.name, limit, s, c.want)
				}
			}
		}
		for _, l := range []List{{Actor: n.op, Cursor: "!"}, {Actor: n.op, Cursor: "aGVsbG8"}, {Actor: n.op, Limit: 1001}, {Actor: n.op, Limit: -1}, {Actor: Actor{}}} {
			if _, err := n.List(ctx, l); err == nil {
				t.Errorf("%+v is accepted", l)
			}
		}
	})
}

// TestListGS1 lists by company prefix, which stands inside of the names, at places that differ by key.
func TestListGS1(t *testing.T) {
	n := newNode(t, memstore.New())
	for prefix, enterprise := range map[string]string{"690123": n.a.Enterprise, "69012399": n.b.Enterprise} {
		q := PrefixRequest{Scheme: identifier.GS1, Prefix: prefix, Enterprise: enterprise}
		if prefix == "69012399" {
			q.Enterprise = n.a.Enterprise // inside another's is refused: it moves afterwards
		}
		if _, err := n.AllocatePrefix(t.Context(), q, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
	}
	inner := identifier.Key{Scheme: identifier.GS1, Name: "69012399"}
	if _, err := n.PrefixAction(t.Context(), inner, ActionTransfer, "", n.b.Enterprise, Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"(01)06901234567892", "(01)06901234567892(21)A1", "(8004)690123AB", "(8004)69012399AB"} {
		must(t)(n.Create(t.Context(), record(id, "x"), Write{Actor: n.op}))
	}
	for _, c := range []struct {
		l    List
		want string
	}{
		{List{Actor: n.a}, "(01)06901234567892 (01)06901234567892(21)A1 (8004)690123AB"},
		{List{Actor: n.a, Scheme: identifier.GS1, Prefix: "(01)"}, "(01)06901234567892 (01)06901234567892(21)A1"},
		{List{Actor: n.b, Scheme: identifier.GS1}, "(8004)69012399AB"},
	} {
		var got []string
		for c.l.Limit = 1; ; {
			page, err := n.List(t.Context(), c.l)
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range page.Records {
				got = append(got, rec.ID)
			}
			if c.l.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v: %s; want %s", c.l, s, c.want)
		}
	}
}

func (n *node) tenantArc(prefix, enterprise string) {
	n.t.Helper()
	if _, err := n.AllocatePrefix(n.t.Context(), PrefixRequest{Scheme: identifier.OID, Prefix: prefix, Enterprise: enterprise}, Write{Actor: n.op}); err != nil {
		n.t.Fatal(err)
	}
}

// TestOneBatch holds the registrar to one storage batch a registration, with all that belongs to it.
func TestOneBatch(t *testing.T) {
	engine := memstore.New()
	rec := &recording{Store: engine}
	n := newNodeWith(t, engine, rec, nil)
	rec.batches = nil
	must(t)(n.Create(t.Context(), record("88.100.1/B", "one"), Write{Actor: n.a, IdempotencyKey: "k"}))
	must(t)(n.Replace(t.Context(), record("88.100.1/B", "two"), Write{Actor: n.a}))
	want := []string{"put r 0, put i 0, set a 0, create r, create a", "put r 1, set h 0, set a 0, update r, create a"}
	if diff := cmp.Diff(want, rec.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

// recording notes the batches that go through it.
type recording struct {
	storage.Store
	mu      sync.Mutex
	batches []string
}

func (r *recording) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	kinds := map[storage.WriteKind]string{storage.WritePut: "put", storage.WriteSet: "set"}
	ops := map[storage.Op]string{storage.OpCreate: "create", storage.OpUpdate: "update"}
	var parts []string
	order := "rhiankM"
	for _, table := range order {
		for _, w := range b.Writes() {
			if rune(w.Key[0]) == table {
				parts = append(parts, fmt.Sprintf("%s %c %d", kinds[w.Kind], table, w.Expect))
			}
		}
	}
	for _, c := range b.Changes() {
		parts = append(parts, fmt.Sprintf("%s %c", ops[c.Op], storage.TableOf(c.Key)))
	}
	r.mu.Lock()
	r.batches = append(r.batches, strings.Join(parts, ", "))
	r.mu.Unlock()
	return r.Store.Apply(ctx, b)
}

func (n *node) addr(text string) netip.Addr {
	n.t.Helper()
	a, err := netip.ParseAddr(text)
	if err != nil {
		n.t.Fatal(err)
	}
	return a
}
