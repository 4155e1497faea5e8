package registerload

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/target"
	"github.com/idnode/idnode/proto/identifier"
)

// TestHTTP registers with a server that refuses one number, cuts the connection at another, and
// has seen each once.
func TestHTTP(t *testing.T) {
	c := corpus.Corpus{Names: corpus.Serials(target.Prefix), Seed: 1}
	var mu sync.Mutex
	seen := make(map[string]int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		rec, err := identifier.ParseRecordJSON(body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/identifiers" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("%s %s %q: %v", r.Method, r.URL, body, err)
			return
		}
		mu.Lock()
		seen[rec.ID]++
		mu.Unlock()
		switch rec.ID {
		case c.Names.At(3):
			http.Error(w, "exists", http.StatusConflict)
		case c.Names.At(5):
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(body)
		}
	}))
	defer server.Close()
	g := &Generator{Clients: 4, Most: 100, Corpus: c,
		Node: &target.Node{HTTP: strings.TrimPrefix(server.URL, "http://"), Key: "secret"}}
	clients, err := g.connect("http")
	if err != nil {
		t.Fatal(err)
	}
	rec, _, err := g.drive(t.Context(), clients, time.Minute)
	if err != nil || rec.Done != 98 || rec.Failed != 2 || rec.TimedOut != 0 {
		t.Errorf("%+v, %v; want 98 done and 2 failed", rec, err)
	}
	for _, c := range clients {
		c.close()
	}
	for i := range uint64(100) {
		if n := seen[c.Names.At(i)]; n != 1 {
			t.Errorf("%s was registered %d times", c.Names.At(i), n)
		}
	}
}

func TestSyncTime(t *testing.T) {
	if d, err := SyncTime(t.TempDir()); err != nil || d <= 0 {
		t.Errorf("%v, %v", d, err)
	}
}
