package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// native makes one change of id over the Handle protocol: next gives its values from the present ones.
func (n *node) native(op, id string, next func(cur *identifier.Record) ([]identifier.Value, error)) (Result, error) {
	n.t.Helper()
	name, err := identifier.Parse(id)
	if err != nil {
		n.t.Fatal(err)
	}
	by := Identity{Ref: identifier.Ref{Handle: "88.100.1/admin", Index: 300}, Addr: n.addr("192.0.2.7")}
	return n.ChangeValues(n.t.Context(), NativeChange{ID: name, Op: op, By: by, Decide: next})
}

var errExists = errors.New("exists")

// create gives values to what does not exist.
func create(values ...identifier.Value) func(*identifier.Record) ([]identifier.Value, error) {
	return func(cur *identifier.Record) ([]identifier.Value, error) {
		if cur != nil {
			return nil, errExists
		}
		return append([]identifier.Value{}, values...), nil
	}
}

// add appends a value to what exists.
func add(v identifier.Value) func(*identifier.Record) ([]identifier.Value, error) {
	return func(cur *identifier.Record) ([]identifier.Value, error) {
		if cur == nil {
			return nil, errors.New("absent")
		}
		return append(slices.Clone(cur.Values), v), nil
	}
}

func remove(*identifier.Record) ([]identifier.Value, error) { return nil, nil }

// audited are the audit entries of changes over the Handle protocol, in short and sorted.
func (n *node) audited() (entries []string) {
	n.t.Helper()
	err := n.store.Scan(n.t.Context(), storage.TableRange(storage.TableAudit), func(_ []byte, item storage.Item) error {
		var e AuditEntry
		if err := json.Unmarshal(item.Value, &e); err != nil {
			return err
		}
		if e.Identity != "" {
			enterprise := map[string]string{n.a.Enterprise: "a", n.b.Enterprise: "b"}[e.Enterprise]
			entries = append(entries, fmt.Sprint(e.Op, " ", e.ID, " ", e.Version, " ", e.Identity, " ", e.Addr, " ", enterprise, e.Key, e.Role))
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	slices.Sort(entries) // those of one moment have no order
	return entries
}

func TestChangeValues(t *testing.T) {
	for name, open := range map[string]func() storage.Store{
		"memstore": func() storage.Store { return memstore.New() }, "pebblestore": func() storage.Store { return openPebble(t) },
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1_800_000_000, 0)
			engine := open()
			n := newNodeWith(t, engine, engine, func() time.Time { return now })
			times := func(rec *identifier.Record) (ages []int) {
				for _, v := range rec.Values {
					ages = append(ages, int(v.Timestamp)-1_800_000_000)
				}
				return ages
			}
			check := func(res Result, err error, version uint64, ages ...int) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				if got := times(res.Record); res.Record.Version != version || !slices.Equal(got, ages) {
					t.Errorf("version %d, times %v; want %d, %v", res.Record.Version, got, version, ages)
				}
			}
			stale := value(1, "one")
			stale.Timestamp = 7 // what the client says of times does not count
			res, err := n.native("create", "88.100.1/Pump", create(stale))
			check(res, err, 1, 0)
			if !res.Created || res.Seq == 0 || res.Record.ID != "88.100.1/Pump" {
				t.Errorf("create: %+v", res)
			}
			now = now.Add(10 * time.Second)
			res, err = n.native("add", "88.100.1/pump", add(value(2, "two")))
			check(res, err, 2, 0, 10)
			if res.Record.ID != "88.100.1/Pump" {
				t.Errorf("add changed the spelling to %s", res.Record.ID)
			}
			now = now.Add(10 * time.Second)
			res, err = n.native("remove", "88.100.1/pump", func(cur *identifier.Record) ([]identifier.Value, error) {
				return []identifier.Value{cur.Values[1], value(3, "three")}, nil
			})
			check(res, err, 3, 10, 20)
			res, err = n.native("modify", "88.100.1/pump", func(cur *identifier.Record) ([]identifier.Value, error) { return cur.Values, nil })
			check(res, err, 3, 10, 20)
			if res.Seq != 0 {
				t.Error("a change that changes nothing is in the change log")
			}
			if _, err = n.native("create", "88.100.1/pump", create(value(1, "x"))); err != errExists {
				t.Errorf("create of what exists: %v", err)
			}
			res, err = n.native("delete", "88.100.1/pump", remove)
			check(res, err, 4)
			if res.Record.State != identifier.Revoked || res.Record.Reason != "deleted" {
				t.Errorf("delete: %+v", res.Record)
			}
			if _, err = n.native("delete", "88.100.1/pump", remove); code(err) != CodeNotFound {
				t.Errorf("delete of what is gone: %v", err)
			}
			now = now.Add(10 * time.Second)
			res, err = n.native("create", "88.100.1/PUMP", create(value(1, "one")))
			check(res, err, 5, 30)
			if res.Created || res.Record.State != identifier.Active || res.Record.ID != "88.100.1/PUMP" {
				t.Errorf("create over the tombstone: %+v", res)
			}
			rec, err := n.Get(t.Context(), parse(t, "88.100.1/pump"), Get{Actor: n.a})
			if err != nil || cmp.Diff(rec, res.Record) != "" {
				t.Errorf("get: %v\n%s", err, cmp.Diff(rec, res.Record))
			}
			want := []string{"identifier.create handle:88.100.1/pump 1", "identifier.add handle:88.100.1/pump 2", "identifier.remove handle:88.100.1/pump 3",
				"identifier.delete handle:88.100.1/pump 4", "identifier.create handle:88.100.1/pump 5"}
			for i := range want {
				want[i] += " 300:88.100.1/admin 192.0.2.7 a"
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, n.audited()); diff != "" {
				t.Errorf("audit (-want +got):\n%s", diff)
			}
			entries, err := n.store.Read(t.Context(), 0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			var ops []storage.Op
			for _, e := range entries {
				for _, c := range e.Changes {
					if storage.TableOf(c.Key) == storage.TableRecord {
						ops = append(ops, c.Op)
					}
				}
			}
			if diff := cmp.Diff([]storage.Op{storage.OpCreate, storage.OpUpdate, storage.OpUpdate, storage.OpRevoke, storage.OpRestore}, ops); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangeValuesRefuses(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		must(t)(n.Create(t.Context(), record("88.100.1/there", "x"), Write{Actor: n.a}))
		must(t)(n.Create(t.Context(), record("88.100.1/recalled", "x"), Write{Actor: n.a}))
		must(t)(n.Revoke(t.Context(), parse(t, "88.100.1/recalled"), "recalled", "", Write{Actor: n.a}))
		must(t)(n.Create(t.Context(), record("88.100.2/there", "x"), Write{Actor: n.b}))
		n.tenant("88.100.3", RoleWriter)
		n.tenant("88.100.4", RoleWriter)
		if _, err := n.PrefixAction(t.Context(), identifier.Key{Scheme: identifier.Handle, Name: "88.100.3"}, ActionSuspend, "r", "", Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		delegated := identifier.Delegated
		if _, err := n.UpdatePrefix(t.Context(), identifier.Key{Scheme: identifier.Handle, Name: "88.100.4"}, PrefixPatch{Mode: &delegated,
			Service: &identifier.Service{IP: n.addr("192.0.2.1"), TCP: 2641}}, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Transition(t.Context(), n.b.Enterprise, ActionSuspend, "r", Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		large := value(1, strings.Repeat("x", 256000))
		one := value(1, "x")
		for _, c := range []struct {
			name, id string
			decide   func(*identifier.Record) ([]identifier.Value, error)
			code     string
		}{
			{"foreign", "88.777.1/x", create(one), CodeNotYourNamespace},
			{"nobody's", "88.100.9/x", create(one), CodeNotYourNamespace},
			{"suspended", "88.100.3/x", create(one), CodeNamespaceSuspended},
			{"delegated", "88.100.4/x", create(one), CodeDelegated},
			{"of a suspended enterprise", "88.100.2/there", add(value(2, "x")), CodeEnterpriseSuspended},
			{"revoked for another reason", "88.100.1/recalled", create(one), CodeRevoked},
			{"absent", "88.100.1/absent", remove, CodeNotFound},
			{"no values", "88.100.1/there", func(*identifier.Record) ([]identifier.Value, error) { return []identifier.Value{}, nil }, CodeInvalidValue},
			{"index twice", "88.100.1/there", add(value(1, "x")), CodeInvalidValue},
			{"index 0", "88.100.1/there", add(value(0, "x")), CodeInvalidValue},
			{"large", "88.100.1/x", create(large), CodeTooLarge},
			{"not to be registered", "88.100.1/" + strings.Repeat("x", 250), create(one), CodeInvalidIdentifier},
			{"record of a foreign prefix", "0.NA/88.777", create(one), CodeNotYourNamespace},
			{"record of a suspended prefix", "0.NA/88.100.3", create(one), CodeNamespaceSuspended},
			{"record of a suspended enterprise's prefix", "0.NA/88.100.2", create(one), CodeEnterpriseSuspended},
			{"record of no prefix", "0.NA/88.100.1.5", create(one), CodeInvalidPrefix},
			{"record of an allocated prefix that has none", "0.NA/88.100.1", remove, CodeNotFound},
		} {
			before := n.contents()
			if _, err := n.native("any", c.id, c.decide); code(err) != c.code {
				t.Errorf("%s: %v; want %s", c.name, err, c.code)
			}
			if diff := cmp.Diff(before, n.contents()); diff != "" {
				t.Errorf("%s changed the store:\n%s", c.name, diff)
			}
		}
		// An identity in a namespace or of an enterprise that is not active writes nowhere.
		for handle, want := range map[string]string{"88.100.3/admin": CodeNamespaceSuspended, "88.100.2/admin": CodeEnterpriseSuspended, "88.777/admin": ""} {
			_, err := n.ChangeValues(t.Context(), NativeChange{ID: parse(t, "88.100.1/by-"+handle[:8]), Op: "create",
				By: Identity{Ref: identifier.Ref{Handle: handle, Index: 300}}, Decide: create(one)})
			if code(err) != want {
				t.Errorf("by %s: %v; want %q", handle, err, want)
			}
		}
	})
}

// Each of two changes that meet has to see what the other did.
func TestChangeValuesRaces(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		const writers = 16
		var wait sync.WaitGroup
		var mu sync.Mutex
		created, exists := 0, 0
		for i := range writers {
			wait.Go(func() {
				_, err := n.native("create", "88.100.1/raced", create(value(100, fmt.Sprint(i))))
				mu.Lock()
				defer mu.Unlock()
				switch err {
				case nil:
					created++
				case errExists:
					exists++
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if created != 1 || exists != writers-1 {
			t.Errorf("%d created it, %d found it", created, exists)
		}
		for i := range writers {
			wait.Go(func() {
				if _, err := n.native("add", "88.100.1/raced", add(value(uint32(i+1), "x"))); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		rec, err := n.Get(t.Context(), parse(t, "88.100.1/raced"), Get{Actor: n.a})
		if err != nil || len(rec.Values) != writers+1 || rec.Version != writers+1 {
			t.Errorf("%v: version %d, %d values", err, rec.Version, len(rec.Values))
		}
	})
}

func TestPrefixRecords(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		key := identifier.Key{Scheme: identifier.Handle, Name: "88.100.7"}
		state := func(want, enterprise string) {
			t.Helper()
			ns := n.namespaces.Get(key)
			if ns == nil || ns.State != identifier.NamespaceState(want) || ns.Enterprise != enterprise || ns.Mode != identifier.Hosted {
				t.Fatalf("namespace: %+v; want %s, of %s", ns, want, enterprise)
			}
		}
		last := func() []storage.Change {
			t.Helper()
			entries, err := n.store.Read(t.Context(), 0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			return slices.DeleteFunc(entries[len(entries)-1].Changes, func(c storage.Change) bool { return storage.TableOf(c.Key) == storage.TableAudit })
		}
		// A bare prefix is its record.
		res := must(t)(n.native("create", "88.100.7", create(value(1, "site"))))
		if res.Record.ID != "0.NA/88.100.7" {
			t.Errorf("stored as %s", res.Record.ID)
		}
		state("active", Self)
		if c := last(); len(c) != 2 {
			t.Errorf("record and namespace are not of one batch: %+v", c)
		}
		want := []string{"identifier.create handle:0.na/88.100.7 1 300:88.100.1/admin 192.0.2.7 a",
			"prefix.create handle:88.100.7 1 300:88.100.1/admin 192.0.2.7 a"}
		if diff := cmp.Diff(want, n.audited()); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
		must(t)(n.native("create", "88.100.7/x", create(value(1, "x"))))
		if _, err := n.native("delete", "0.NA/88.100.7", remove); code(err) != CodeHasRecords {
			t.Errorf("delete of a prefix in use: %v", err)
		}
		state("active", Self)
		must(t)(n.native("delete", "88.100.7/x", remove))
		must(t)(n.native("delete", "0.NA/88.100.7", remove))
		state("withdrawn", Self)
		if c := last(); len(c) != 2 {
			t.Errorf("record and namespace are not of one batch: %+v", c)
		}
		if _, err := n.native("create", "88.100.7/x", create(value(1, "x"))); code(err) != CodeNamespaceSuspended {
			t.Errorf("create under a prefix that is gone: %v", err)
		}
		if res := must(t)(n.native("create", "0.NA/88.100.7", create(value(1, "site")))); res.Record.Version != 3 {
			t.Errorf("version %d", res.Record.Version)
		}
		state("active", Self)

		// Who holds the namespace above holds the new one, but gets none that another had.
		must(t)(n.native("delete", "0.NA/88.100.7", remove))
		c := n.tenant("88.100", RoleWriter)
		if _, err := n.native("create", "0.NA/88.100.7", create(value(1, "site"))); code(err) != CodeAlreadyExists {
			t.Errorf("create of another's: %v", err)
		}
		key.Name = "88.100.8"
		must(t)(n.native("create", "0.NA/88.100.8", create(value(1, "site"))))
		state("active", c.Enterprise)
		if _, err := n.Transition(t.Context(), c.Enterprise, ActionSuspend, "r", Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.native("create", "0.NA/88.100.10", create(value(1, "site"))); code(err) != CodeEnterpriseSuspended {
			t.Errorf("create below a suspended enterprise's: %v", err)
		}
		// The node's own prefix stays.
		if _, err := n.Transition(t.Context(), c.Enterprise, ActionActivate, "", Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		must(t)(n.native("create", "0.NA/88.100", create(value(1, "site"))))
		if _, err := n.native("delete", "0.NA/88.100", remove); code(err) != CodeInvalidState {
			t.Errorf("delete of the node's own prefix: %v", err)
		}
	})
}

// What resolves without being stored is changed as if it were.
func TestComputedPrefixRecords(t *testing.T) {
	n := newNode(t, memstore.New())
	computed := &identifier.Record{ID: "0.NA/88.100", Values: []identifier.Value{value(1, "site"), value(100, "admin")}}
	change := func(id string, decide func(*identifier.Record) ([]identifier.Value, error)) (Result, error) {
		return n.ChangeValues(t.Context(), NativeChange{ID: parse(t, id), Op: "any", Decide: decide,
			Computed: func(context.Context) (*identifier.Record, error) { return computed, nil }})
	}
	if _, err := change("0.NA/88.100", create(value(1, "x"))); err != errExists {
		t.Errorf("create: %v", err)
	}
	before := n.contents()
	same := func(cur *identifier.Record) ([]identifier.Value, error) { return cur.Values, nil }
	if res := must(t)(change("0.NA/88.100", same)); res.Seq != 0 || cmp.Diff(before, n.contents()) != "" {
		t.Error("a change that changes nothing stores the computed record")
	}
	if _, err := change("0.NA/88.100", remove); code(err) != CodeInvalidState {
		t.Errorf("delete of the node's own: %v", err)
	}
	res := must(t)(change("0.NA/88.100", add(value(2, "more"))))
	if len(res.Record.Values) != 3 || res.Record.Version != 1 || n.namespaces.Get(identifier.Key{Scheme: identifier.Handle, Name: "88.100"}) == nil {
		t.Errorf("add: %+v", res.Record)
	}
	must(t)(change("0.NA/88.100.1", remove))
	if ns := n.namespaces.Get(identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}); ns.State != identifier.NamespaceWithdrawn {
		t.Errorf("namespace of a deleted computed record: %+v", ns)
	}
	failed := errors.New("failed")
	_, err := n.ChangeValues(t.Context(), NativeChange{ID: parse(t, "0.NA/88.100.2"), Decide: remove,
		Computed: func(context.Context) (*identifier.Record, error) { return nil, failed }})
	if err != failed {
		t.Errorf("Computed failed: %v", err)
	}
}

// A Handle under a prefix of the node that nobody was allocated makes it the node's own enterprise's.
func TestOwnPrefixOverHandle(t *testing.T) {
	engine := memstore.New()
	rec := &recording{Store: engine}
	n := newNodeWith(t, engine, rec, nil)
	rec.batches = nil
	must(t)(n.native("create", "88.100/admin", create(value(300, "key"))))
	must(t)(n.native("create", "88.100/other", create(value(300, "key"))))
	must(t)(n.native("add", "88.100/other", add(value(301, "key"))))
	want := []string{"put r 0, set a 0, set a 0, put n 0, create r, create a, create n, create a", "put r 0, set a 0, create r, create a",
		"put r 1, set h 0, set a 0, update r, create a"}
	if diff := cmp.Diff(want, rec.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if ns := n.namespaces.Get(identifier.Key{Scheme: identifier.Handle, Name: "88.100"}); ns == nil || ns.Enterprise != Self {
		t.Errorf("namespace: %+v", ns)
	}
}

// A prefix goes only if nothing that it stands for goes with it.
func TestPrefixInUse(t *testing.T) {
	r := newSchemes(t, nil, "handle:20.500")
	n := &node{Registrar: r, t: t}
	step := func(op, id string, decide func(*identifier.Record) ([]identifier.Value, error), want string) {
		t.Helper()
		if _, err := n.native(op, id, decide); code(err) != want {
			t.Fatalf("%s %s: %v; want %q", op, id, err, want)
		}
	}
	step("create", "0.NA/20.500.1", create(value(1, "site")), "")
	step("create", "0.NA/20.500.1.2", create(value(1, "site")), "")
	step("delete", "0.NA/20.500.1", remove, CodeHasRecords)
	step("delete", "0.NA/20.500.1.2", remove, "")
	step("create", "20.500.1/x", create(value(1, "x")), "")
	operator := Write{Actor: Actor{Enterprise: Self, Role: RoleOperator}}
	must(t)(r.Revoke(t.Context(), parse(t, "20.500.1/x"), "recalled", "20.500.1/y", operator))
	step("delete", "0.NA/20.500.1", remove, CodeHasRecords) // the tombstone tells of a successor
	must(t)(r.Restore(t.Context(), parse(t, "20.500.1/x"), operator))
	step("delete", "20.500.1/x", remove, "")

	// The record of a delegated prefix is kept here: it says where its node is.
	key, delegated, hosted := identifier.Key{Scheme: identifier.Handle, Name: "20.500.1"}, identifier.Delegated, identifier.Hosted
	patch := PrefixPatch{Mode: &delegated, Service: &identifier.Service{IP: n.addr("192.0.2.1"), TCP: 2641}}
	if _, err := r.UpdatePrefix(t.Context(), key, patch, operator); err != nil {
		t.Fatal(err)
	}
	step("add", "0.NA/20.500.1", add(value(2, "site")), "")
	step("create", "20.500.1/y", create(value(1, "x")), CodeDelegated)
	step("create", "0.NA/20.500.1.3", create(value(1, "x")), CodeDelegated)
	if _, err := r.UpdatePrefix(t.Context(), key, PrefixPatch{Mode: &hosted}, operator); err != nil {
		t.Fatal(err)
	}
	step("delete", "0.NA/20.500.1", remove, "")
}
