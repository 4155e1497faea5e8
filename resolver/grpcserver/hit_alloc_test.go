//go:build !race

package grpcserver

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// TestHitAllocs: between gRPC and itself, a call that has a kept answer costs two small pieces of memory, which
// gRPC holds until the answer has left; a row of a batch costs none.
func TestHitAllocs(t *testing.T) {
	const rows = 1000
	store := memstore.New()
	defer store.Close()
	var b storage.Batch
	ns := &identifier.Namespace{Scheme: identifier.Handle, Prefix: "88.101.5", State: identifier.NamespaceActive, Mode: identifier.Hosted}
	enc, err := storage.EncodeNamespace(ns)
	if err != nil {
		t.Fatal(err)
	}
	b.Put(storage.NamespaceKey(ns.Key()), enc, 0)
	var requests, batch []byte
	for i := range rows {
		id, err := identifier.Parse(fmt.Sprintf("88.101.5/SN-%010d", i))
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.RecordKey(id.Key(false)), identifier.AppendRecord(nil, &identifier.Record{Scheme: identifier.Handle, ID: id.String(), State: identifier.Active,
			Values: []identifier.Value{{Index: 1, Type: "URL", Data: make([]byte, 100), Perms: identifier.DefaultPerms}}}), 0)
		if requests, err = proto.Marshal(&nodepb.ResolveRequest{Id: id.String()}); err != nil {
			t.Fatal(err)
		}
		batch = protowire.AppendBytes(protowire.AppendTag(batch, 1, protowire.BytesType), requests)
	}
	if _, err := store.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	namespaces, err := storage.LoadNamespaces(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolver.New(resolver.Options{Store: store, Namespaces: namespaces})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cache.NewAnswers(cache.AnswersOptions{Current: r.Current})
	if err != nil {
		t.Fatal(err)
	}
	m, err := resolver.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s := New(r, Options{Answers: answers, Metrics: m.Front("grpc")})

	stock := newCodec()
	// call does what gRPC does with a method, of which the memory is not counted here: the request is there before.
	call := func(h func(context.Context, func(any) error) (any, error), request []byte) float64 {
		data := mem.BufferSlice{mem.SliceBuffer(request)}
		receive := func(v any) error { return stock.Unmarshal(data, v) }
		return testing.AllocsPerRun(200, func() {
			reply, err := h(t.Context(), receive)
			if err != nil {
				t.Fatal(err)
			}
			out, err := stock.Marshal(reply)
			if err != nil || out.Len() < 100 {
				t.Fatalf("%d octets, %v", out.Len(), err)
			}
			out.Free()
		})
	}
	if n := call(s.resolve, requests); n > 2 {
		t.Errorf("%v allocations a call, want 2", n)
	}
	// The pieces of the response are a slice and an interface.
	if n := call(s.batchResolve, batch); n > 4 {
		t.Errorf("%v allocations a batch of %d rows, want 4", n, rows)
	}
}
