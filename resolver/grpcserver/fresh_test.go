package grpcserver_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/grpcserver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// TestReadYourWrites: what is answered after a change was acknowledged is never older than the change, whichever
// way it is asked, while others ask for the same without pause and so have answers kept.
func TestReadYourWrites(t *testing.T) {
	var r *resolver.Resolver
	store := storage.Observe(fixture(t), func(c []storage.Change) { r.Forget(context.Background(), c) })
	r, answers := cached(t, store, nil)
	_, conn := serve(t, grpcserver.New(r, grpcserver.Options{Answers: answers, Logger: quiet()}))
	c := nodepb.NewResolverClient(conn)
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()

	ask := &nodepb.ResolveRequest{Id: "88.101.5/New"}
	batch := &nodepb.BatchResolveRequest{Requests: []*nodepb.ResolveRequest{{Id: "88.101.5/pump"}, ask, ask}}
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				c.Resolve(ctx, ask)
				c.BatchResolve(ctx, batch)
			}
		})
	}
	stream, err := c.ResolveStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	check := func(want nodepb.ResolveResponse_Status, version uint64) {
		t.Helper()
		one, err := c.Resolve(ctx, ask)
		if err != nil {
			t.Fatal(err)
		}
		many, err := c.BatchResolve(ctx, batch)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(ask); err != nil {
			t.Fatal(err)
		}
		streamed, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []*nodepb.ResolveResponse{one, many.Responses[1], many.Responses[2], streamed} {
			if got.Status != want || got.GetRecord().GetVersion() != version {
				t.Fatalf("%v at version %d, want %v at %d", got.Status, got.GetRecord().GetVersion(), want, version)
			}
			if want == nodepb.ResolveResponse_FOUND && string(got.Record.Values[0].Data) != fmt.Sprint(version) {
				t.Fatalf("version %d with the data of %s", version, got.Record.Values[0].Data)
			}
		}
	}

	id, err := identifier.Parse(ask.Id)
	if err != nil {
		t.Fatal(err)
	}
	key := storage.RecordKey(id.Key(false))
	write := func(version uint64, op storage.Op, state identifier.State) {
		t.Helper()
		var b storage.Batch
		b.Put(key, identifier.AppendRecord(nil, &identifier.Record{Scheme: identifier.Handle, ID: ask.Id, State: state, Values: []identifier.Value{
			{Index: 1, Type: "NAME", Data: fmt.Append(nil, version), Perms: identifier.DefaultPerms},
		}}), version-1)
		b.Log(storage.Change{Op: op, Key: key, Version: version})
		if _, err := store.Apply(ctx, &b); err != nil {
			t.Fatal(err)
		}
	}
	check(nodepb.ResolveResponse_NOT_FOUND, 0)
	for version := uint64(1); version < 200; {
		write(version, storage.OpCreate, identifier.Active)
		check(nodepb.ResolveResponse_FOUND, version)
		version++
		write(version, storage.OpUpdate, identifier.Active)
		check(nodepb.ResolveResponse_FOUND, version)
		version++
		write(version, storage.OpRevoke, identifier.Revoked)
		check(nodepb.ResolveResponse_REVOKED, version)
		version++
	}
	// A namespace is a change, too, of all that is in it.
	for i, state := range []identifier.NamespaceState{identifier.NamespaceSuspended, identifier.NamespaceActive} {
		ns := &identifier.Namespace{Scheme: identifier.Handle, Prefix: "88.101.5", State: state, Mode: identifier.Hosted, Enterprise: "e"}
		enc, err := storage.EncodeNamespace(ns)
		if err != nil {
			t.Fatal(err)
		}
		var b storage.Batch
		b.Put(storage.NamespaceKey(ns.Key()), enc, uint64(i+1))
		b.Log(storage.Change{Op: storage.OpUpdate, Key: storage.NamespaceKey(ns.Key()), Version: uint64(i + 2)})
		if _, err := store.Apply(ctx, &b); err != nil {
			t.Fatal(err)
		}
		if state == identifier.NamespaceSuspended {
			check(nodepb.ResolveResponse_SUSPENDED, 0)
		} else {
			check(nodepb.ResolveResponse_REVOKED, 201)
		}
	}
}

// TestAnotherReadingIsRegistered: a text that may be of two schemes is answered by the one that has a record of it, as
// soon as it has.
func TestAnotherReadingIsRegistered(t *testing.T) {
	memory := memstore.New()
	defer memory.Close()
	var r *resolver.Resolver
	store := storage.Observe(memory, func(c []storage.Change) { r.Forget(context.Background(), c) })
	var b storage.Batch
	for _, ns := range []identifier.Namespace{{Scheme: identifier.Ecode, Prefix: "10695"}, {Scheme: identifier.GS1, Prefix: "06952"}} {
		ns.State, ns.Mode = identifier.NamespaceActive, identifier.Hosted
		enc, err := storage.EncodeNamespace(&ns)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.NamespaceKey(ns.Key()), enc, 0)
	}
	if _, err := store.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	r, answers := cached(t, store, nil)
	_, conn := serve(t, grpcserver.New(r, grpcserver.Options{Answers: answers, Logger: quiet()}))
	ask := func(want nodepb.ResolveResponse_Status, scheme string) {
		t.Helper()
		for range 2 {
			got, err := nodepb.NewResolverClient(conn).Resolve(t.Context(), &nodepb.ResolveRequest{Id: "106952012345678908"})
			if err != nil || got.Status != want || got.Reading.GetScheme() != scheme || len(got.Candidates) != 2 {
				t.Fatalf("got %v, %v, want %v of %s", got, err, want, scheme)
			}
		}
	}
	ask(nodepb.ResolveResponse_NOT_FOUND, "ecode")
	id, err := identifier.Parse("gs1:(00)106952012345678908")
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	key := storage.RecordKey(id.Key(false))
	b.Put(key, identifier.AppendRecord(nil, &identifier.Record{Scheme: id.Scheme(), ID: id.String(), State: identifier.Active,
		Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte("x"), Perms: identifier.DefaultPerms}}}), 0)
	b.Log(storage.Change{Op: storage.OpCreate, Key: key, Version: 1})
	if _, err := store.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	ask(nodepb.ResolveResponse_FOUND, "gs1")
}
