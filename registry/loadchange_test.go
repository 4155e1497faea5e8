package registry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// TestLoadedChanges: the change log tells what a load does to the records here, tombstones included, so
// that who counts them need not know what was there before.
func TestLoadedChanges(t *testing.T) {
	n, m := newNode(t, memstore.New()), emptyNode(t, memstore.New())
	w := Write{Actor: n.a}
	q := ExportRequest{Enterprise: n.a.Enterprise}
	var at storage.Seq
	loaded := func() []storage.Op {
		t.Helper()
		in := n.export(q, Actor{Enterprise: n.a.Enterprise, KeyID: "kadmin", Role: RoleAdmin})
		if sum, results, err := m.load(t, in, LoadOptions{Actor: m.op, Update: true}); err != nil || len(results) > 0 {
			t.Fatalf("%+v, %+v, %v", sum, results, err)
		}
		var ops []storage.Op
		entries, err := m.store.Read(t.Context(), at, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			at = e.Seq
			for _, c := range e.Changes {
				if k, ok := storage.ParseRecordKey(c.Key); ok && k.Scheme == identifier.Handle {
					ops = append(ops, c.Op)
				}
			}
		}
		return ops
	}
	check := func(want ...storage.Op) {
		t.Helper()
		if diff := cmp.Diff(want, loaded()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	revoke := func(id string) { must(t)(n.Revoke(t.Context(), parse(t, id), "over", "", w)) }
	for _, id := range []string{"a", "b", "c"} {
		must(t)(n.Create(t.Context(), record("88.100.1/"+id, "x"), w))
	}
	revoke("88.100.1/b")
	check(storage.OpCreate, storage.OpEntomb, storage.OpCreate)
	must(t)(n.Replace(t.Context(), record("88.100.1/a", "y"), w))
	must(t)(n.Restore(t.Context(), parse(t, "88.100.1/b"), w))
	revoke("88.100.1/b")
	revoke("88.100.1/c")
	check(storage.OpUpdate, storage.OpUpdate, storage.OpRevoke)
	must(t)(n.Restore(t.Context(), parse(t, "88.100.1/c"), w))
	check(storage.OpRestore)
}
