package storage_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// failing answers every Apply with an error.
type failing struct {
	storage.Store
	err error
}

func (f failing) Apply(context.Context, *storage.Batch) (storage.Seq, error) { return 0, f.err }

func TestObserve(t *testing.T) {
	change := storage.Change{Op: storage.OpCreate, Key: []byte("rk"), Version: 1}
	var b storage.Batch
	b.Put([]byte("rk"), nil, 0)
	b.Log(change)
	for _, tt := range []struct {
		name string
		err  error
		told bool
	}{
		{"applied", nil, true},
		{"perhaps applied", storage.ErrUnavailable, true},
		{"refused", &storage.ConflictError{}, false},
		{"no space", storage.ErrNoSpace, false},
		{"closed", storage.ErrClosed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []storage.Change
			s := storage.Observe(failing{memstore.New(), tt.err}, func(c []storage.Change) { got = append(got, c...) })
			if _, err := s.Apply(t.Context(), &b); !errors.Is(err, tt.err) {
				t.Errorf("Apply = %v, want %v", err, tt.err)
			}
			var want []storage.Change
			if tt.told {
				want = b.Changes()
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("observed (-want +got):\n%s", diff)
			}
			if _, err := s.Apply(t.Context(), new(storage.Batch)); !errors.Is(err, tt.err) || len(got) != len(want) {
				t.Errorf("a batch without changes was observed")
			}
		})
	}
}

func TestNamespaces(t *testing.T) {
	ctx := t.Context()
	engine := memstore.New()
	write := func(s storage.Store, ns *identifier.Namespace, expect uint64) {
		t.Helper()
		value, err := storage.EncodeNamespace(ns)
		if err != nil {
			t.Fatal(err)
		}
		var b storage.Batch
		b.Put(storage.NamespaceKey(ns.Key()), value, expect)
		b.Log(storage.Change{Op: storage.OpCreate, Key: storage.NamespaceKey(ns.Key()), Version: expect + 1})
		if _, err := s.Apply(ctx, &b); err != nil {
			t.Fatal(err)
		}
	}
	handle := &identifier.Namespace{Scheme: identifier.Handle, Prefix: "88.1021.150", Enterprise: "e1", State: identifier.NamespaceActive, Mode: identifier.Hosted}
	write(engine, handle, 0)
	n, err := storage.LoadNamespaces(ctx, engine)
	if err != nil {
		t.Fatal(err)
	}
	s := storage.Observe(engine, func(c []storage.Change) {
		if err := n.Observe(ctx, c); err != nil {
			t.Error(err)
		}
	})
	find := func(text, want string, version uint64) {
		t.Helper()
		id, err := identifier.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		ns := n.Find(id)
		switch {
		case ns == nil && want != "":
			t.Errorf("Find %s found nothing, want %s", text, want)
		case ns != nil && (ns.Prefix != want || ns.Version != version):
			t.Errorf("Find %s = %s version %d, want %q version %d", text, ns.Prefix, ns.Version, want, version)
		}
	}
	find("88.1021.150/x", "88.1021.150", 1)
	find("88.1021/x", "", 0)
	find("88.1021.150.1/x", "", 0)

	write(s, &identifier.Namespace{Scheme: identifier.OID, Prefix: "1.2.156"}, 0)
	write(s, &identifier.Namespace{Scheme: identifier.OID, Prefix: "1.2.156.10001"}, 0)
	find("1.2.156.10001.7", "1.2.156.10001", 1)
	find("1.2.156.1000", "1.2.156", 1)
	find("1.2.15", "", 0)

	handle.State = identifier.NamespaceSuspended
	write(s, handle, 1)
	find("88.1021.150/x", "88.1021.150", 2)
	if got := n.Get(handle.Key()); got == nil || got.Serves() {
		t.Errorf("Get = %v, want it suspended", got)
	}

	var b storage.Batch
	b.Delete(storage.NamespaceKey(handle.Key()), 2)
	b.Log(storage.Change{Op: storage.OpRevoke, Key: storage.NamespaceKey(handle.Key())})
	if _, err := s.Apply(ctx, &b); err != nil {
		t.Fatal(err)
	}
	find("88.1021.150/x", "", 0)
}

func TestLoadNamespacesRefuses(t *testing.T) {
	s := memstore.New()
	var b storage.Batch
	b.Set(storage.NamespaceKey(identifier.Key{Scheme: identifier.Handle, Name: "88.1"}), []byte("no JSON"))
	if _, err := s.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.LoadNamespaces(t.Context(), s); err == nil {
		t.Error("a corrupt namespace was loaded")
	}
}
