package node

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/querylog"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// TestSyncFeeder: what is in the log of requests is counted once, over restarts too; what is older than the sync is not.
func TestSyncFeeder(t *testing.T) {
	ctx := t.Context()
	engine := memstore.New()
	defer engine.Close()
	namespaces, err := storage.LoadNamespaces(ctx, engine)
	if err != nil {
		t.Fatal(err)
	}
	node := identifier.Key{Scheme: identifier.Handle, Name: "88.100"}
	store := storage.Observe(engine, func(c []storage.Change) { _ = namespaces.Observe(context.Background(), c) })
	reg, err := registry.New(registry.Options{Store: store, Namespaces: namespaces, NodePrefixes: []identifier.Key{node}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	op := registry.Write{Actor: registry.NodeActor()}
	e, err := reg.CreateEnterprise(ctx, registry.Enterprise{Name: "a"}, op)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reg.AllocatePrefix(ctx, registry.PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.1", Enterprise: e.ID}, op); err != nil {
		t.Fatal(err)
	}
	log, err := querylog.New(querylog.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { log.Run(running) })
	defer func() { stop(); work.Wait() }()
	sync, err := topsync.New(topsync.Options{Store: engine, Registrar: reg, Prefixes: []identifier.Key{node}, CountsRequests: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	feeder := func() *syncFeeder {
		return &syncFeeder{queries: &queryCounter{log: log, namespaces: namespaces}, counts: sync.Requests()}
	}
	ask := func(text string, status resolver.Status) {
		log.Pen(querylog.HTTP).Note(time.Now(), 3*time.Millisecond, netip.MustParseAddr("192.0.2.1"), []byte(text), resolver.Outcome{Scheme: identifier.Handle, Status: status})
	}
	counted := func(table, prefix string) (requests, successes, sources int) {
		day := time.Now().In(topsync.China).Format(time.DateOnly)
		item, err := engine.Get(ctx, storage.SyncKey(storage.SyncDay, []string{day, table, prefix}, nil))
		if err != nil {
			return 0, 0, 0
		}
		var row struct{ Requests, Successes, Sources int }
		if err := json.Unmarshal(item.Value, &row); err != nil {
			t.Fatal(err)
		}
		return row.Requests, row.Successes, row.Sources
	}
	ask("88.100.1/before", resolver.Found)
	f := feeder()
	time.Sleep(10 * time.Millisecond)
	if err := f.count(ctx); err != nil { // it begins here
		t.Fatal(err)
	}
	ask("88.100.1/x", resolver.Found)
	ask("88.100.1/y", resolver.NotFound)
	ask("88.100.2/z", resolver.NotFound) // nobody's, below the node
	ask("88.200/z", resolver.NotResponsible)
	wait := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if err := f.count(ctx); err != nil {
				t.Fatal(err)
			}
			if n, _, _ := counted("T3", "88.100"); n >= want {
				return
			}
			if time.Now().After(deadline) {
				n, _, _ := counted("T3", "88.100")
				t.Fatalf("%d requests are counted, want %d", n, want)
			}
		}
	}
	wait(3)
	f = feeder() // a restart
	ask("88.100.1/x", resolver.Referral)
	wait(4)
	if err := f.count(ctx); err != nil {
		t.Fatal(err)
	}
	if r, s, n := counted("T3", "88.100"); r != 4 || s != 2 || n != 1 {
		t.Errorf("T3: %d requests, %d answered, %d sources", r, s, n)
	}
	if r, s, n := counted("T8", "88.100.1"); r != 3 || s != 2 || n != 1 {
		t.Errorf("T8: %d requests, %d answered, %d sources", r, s, n)
	}
}
