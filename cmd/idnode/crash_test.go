package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/nodepb"
)

// TestKilledWhileRegistering kills the node, round after round, in the middle of concurrent
// registrations over HTTP and gRPC, starts it again, and asks for every one that was acknowledged.
// What was in flight is sent again with its Idempotency-Key: it succeeds whether or not it had
// happened.
func TestKilledWhileRegistering(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	_, key := d.tenant("Alice", "88.1021.150")
	var acknowledged []string
	for round := range 3 {
		if round > 0 {
			d = startDaemon(t, dir)
		}
		acked, unsure := registerUntilKilled(d, key, round)
		if len(acked) == 0 {
			t.Fatalf("round %d: nothing was acknowledged", round)
		}
		acknowledged = append(acknowledged, acked...)
		d = startDaemon(t, dir)
		for _, id := range unsure {
			d.must(201, key, "POST", "/v1/identifiers", record(id, url(id)), "Idempotency-Key", id)
		}
		acknowledged = append(acknowledged, unsure...)
		t.Logf("round %d: %d acknowledged, %d in flight when killed", round, len(acked), len(unsure))
		missing := 0
		for _, id := range acknowledged {
			status, out, err := d.call("", "GET", "/resolve?id="+id, nil)
			if err != nil {
				t.Fatal(err)
			}
			if status != 200 || !strings.Contains(string(out), url(id)) {
				if missing++; missing < 5 {
					t.Errorf("round %d: %s was acknowledged; after the restart: %d %s", round, id, status, out)
				}
			}
		}
		if missing > 0 {
			t.Fatalf("round %d: %d of %d acknowledged registrations are lost", round, missing, len(acknowledged))
		}
		d.kill()
	}
}

func url(id string) string { return "https://example.com/" + strings.ReplaceAll(id, "/", ".") }

// registerUntilKilled has workers register one identifier after the other until the node dies. It
// returns what was acknowledged and what was sent over HTTP without an answer.
func registerUntilKilled(d *daemon, key string, round int) (acked, unsure []string) {
	registry := nodepb.NewRegistryClient(d.dial())
	var mu sync.Mutex
	var dead atomic.Bool
	var workers sync.WaitGroup
	for w := range 16 {
		workers.Go(func() {
			for i := 0; !dead.Load(); i++ {
				id := fmt.Sprintf("88.1021.150/r%d-w%d-%d", round, w, i)
				var err error
				if w%2 == 0 {
					code, out, callErr := d.call(key, "POST", "/v1/identifiers", record(id, url(id)), "Idempotency-Key", id)
					if err = callErr; err == nil && code != 201 {
						d.t.Errorf("register %s: %d %s", id, code, out)
						return
					}
				} else {
					ctx, cancel := context.WithTimeout(bearer(context.Background(), key), 10*time.Second)
					_, err = registry.Register(ctx, &nodepb.RegisterRequest{Record: &nodepb.Record{Id: id,
						Values: []*nodepb.Value{{Index: 1, Type: "URL", Data: []byte(url(id))}}}})
					cancel()
				}
				mu.Lock()
				switch {
				case err == nil:
					acked = append(acked, id)
				case w%2 == 0:
					unsure = append(unsure, id)
				case status.Code(err).String() == "PermissionDenied":
					d.t.Errorf("register %s: %v", id, err)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	time.Sleep(300*time.Millisecond + rand.N(500*time.Millisecond))
	d.kill()
	dead.Store(true)
	workers.Wait()
	return acked, unsure
}

// TestFullDisk: a node whose disk has no room refuses to write, says so, and goes on resolving.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	_, key := d.tenant("Alice", "88.1021.150")
	d.must(201, key, "POST", "/v1/identifiers", record("88.1021.150/before", "u"))
	d.stop()
	d = startDaemon(t, dir, "IDNODE_STORE_MIN_FREE_BYTES=1000TiB")
	status, out, err := d.call(key, "POST", "/v1/identifiers", record("88.1021.150/after", "u"))
	if err != nil || status < 500 || !strings.Contains(string(out), "no_space") {
		t.Errorf("register on a full disk: got %d %s %v, want no_space", status, out, err)
	}
	d.expect("88.1021.150/before", "u", "u", "u", "u", "u")
	d.expect("88.1021.150/after", "100", "100", "NOT_FOUND", "100", "100")
	front := d.http
	d.http = d.admin
	if got := d.must(503, "", "GET", "/readyz?verbose", nil); !strings.Contains(fmt.Sprint(got["store"]), "space") {
		t.Errorf("readyz on a full disk: got %v", got)
	}
	d.http = front
	d.stop()
}
