package resolver_test

import (
	"context"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
)

// slowStore holds a write up after it can be read and before it is acknowledged.
type slowStore struct {
	storage.Store
	written chan struct{} // a batch has been applied
	release chan struct{} // Apply may return
	err     error
}

func (s *slowStore) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	if s.err != nil {
		return 0, s.err
	}
	seq, err := s.Store.Apply(ctx, b)
	s.written <- struct{}{}
	<-s.release
	return seq, err
}

// TestNewsIsNotTakenBack: while a write can be read by some and is not acknowledged, nobody is told
// from a cache what was before. A refused write ends that as well.
func TestNewsIsNotTakenBack(t *testing.T) {
	var engine storage.Store
	f := newFixture(t, func(s storage.Store) storage.Reader { engine = s; return s })
	f.namespace(identifier.Namespace{Prefix: "88.100.1", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	f.record("88.100.1/a", false, identifier.Record{Values: []identifier.Value{text(1, "URL", "https://old.example")}})
	slow := &slowStore{Store: engine, written: make(chan struct{}), release: make(chan struct{})}
	store := storage.Bracket(slow, f.resolver.Announce, func(c []storage.Change, applied bool) {
		f.resolver.Conclude(context.Background(), c, applied)
	})
	id, err := identifier.Parse("88.100.1/a")
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (string, resolver.Stamp) {
		t.Helper()
		a := f.resolver.Resolve(t.Context(), resolver.Query{ID: id})
		if a.Status != resolver.Found {
			t.Fatalf("status %v, %v", a.Status, a.Err)
		}
		return string(a.Record.Values[0].Data), a.Stamp
	}
	before, old := ask() // and again, from the cache
	if again, _ := ask(); before != "https://old.example" || again != before || !f.resolver.Current(old) {
		t.Fatalf("before: %s, %s", before, again)
	}
	key := storage.RecordKey(id.Key(false))
	item, err := f.store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := identifier.DecodeRecord(item.Value)
	if err != nil {
		t.Fatal(err)
	}
	rec.Values[0].Data = []byte("https://new.example")
	var b storage.Batch
	b.Put(key, identifier.AppendRecord(nil, rec), item.Version)
	b.Log(storage.Change{Op: storage.OpUpdate, Key: key, Version: item.Version + 1})
	done := make(chan error)
	go func() {
		_, err := store.Apply(context.Background(), &b)
		done <- err
	}()
	<-slow.written
	got, stamp := ask()
	if got != "https://new.example" || f.resolver.Current(old) || f.resolver.Current(stamp) {
		t.Errorf("under way: %s; kept answers: the old one %v, the new one %v", got, f.resolver.Current(old), f.resolver.Current(stamp))
	}
	slow.release <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got, stamp = ask()
	if got != "https://new.example" || !f.resolver.Current(stamp) {
		t.Errorf("afterwards: %s, kept %v", got, f.resolver.Current(stamp))
	}
	slow.err = storage.ErrConflict
	if _, err := store.Apply(t.Context(), &b); err == nil {
		t.Fatal("not refused")
	}
	if !f.resolver.Current(stamp) {
		t.Error("a refused write is still under way")
	}
}
