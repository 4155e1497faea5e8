package httpserver

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/handleserver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// TestSlowBody: a body that does not come is not waited for.
func TestSlowBody(t *testing.T) {
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	res, err := resolver.New(resolver.Options{Store: store, Namespaces: namespaces})
	if err != nil {
		t.Fatal(err)
	}
	handles, err := handleserver.New(handleserver.Options{Resolver: res})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Resolver: res, Handles: handles, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.bodyTimeout = 50 * time.Millisecond
	srv := httptest.NewServer(s)
	defer srv.Close()
	body, end := io.Pipe()
	defer end.Close()
	req, err := http.NewRequest(http.MethodPut, srv.URL+"/api/handles/88.1/x", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	go end.Write([]byte(`[{"index":1,`))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestSessions: sessions end by time, are bounded, and those in use stay.
func TestSessions(t *testing.T) {
	now := time.Unix(1700000000, 0)
	table := newSessions()
	table.now = func() time.Time { return now }
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	who := &identifier.Ref{Handle: "88.1/a", Index: 300}
	other := table.add(there)
	first := table.add(here)
	kept := table.add(here)
	kept.authenticated(who, "300:88.1/a")
	for range sessionsOfAddr {
		if table.get(kept.id) == nil {
			t.Fatal("a session in use is gone")
		}
		table.add(here)
	}
	if table.get(first.id) != nil || table.get(other.id) == nil || table.ofAddr[here] != sessionsOfAddr {
		t.Errorf("the first %v, another address's %v, %d of one", table.get(first.id), table.get(other.id), table.ofAddr[here])
	}
	now = now.Add(challengeTime)
	if table.get(other.id) != nil || table.get(kept.id) == nil {
		t.Error("nobody authenticated, or somebody did")
	}
	now = now.Add(sessionIdle)
	if table.get(kept.id) != nil {
		t.Error("an idle session goes on")
	}
	busy := table.add(here)
	busy.authenticated(who, "300:88.1/a")
	for range int(sessionTime/sessionIdle) * 2 {
		now = now.Add(sessionIdle / 2)
		table.get(busy.id)
	}
	if table.get(busy.id) != nil {
		t.Error("a session has no end")
	}
	table.add(here)
	if len(table.byID) != 1 || table.order.Len() != 1 || len(table.ofAddr) != 1 {
		t.Errorf("what has ended stays: %d, %d, %d", len(table.byID), table.order.Len(), len(table.ofAddr))
	}
}
