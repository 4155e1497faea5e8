package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// full is a store whose disk fills up when it is told so.
type full struct {
	storage.Store
	now atomic.Bool
}

func (f *full) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	if f.now.Load() {
		return 0, storage.ErrNoSpace
	}
	return f.Store.Apply(ctx, b)
}

// TestImportEndsEarly has the disk fill up while a client sends, before and after the answer began:
// the client is told, whether it goes on sending or stalls, and the handler ends.
func TestImportEndsEarly(t *testing.T) {
	for _, c := range []struct {
		name  string
		first string // lines sent before the disk is full
		stall bool
		want  string
	}{
		{"before the answer", "", false, `"code":"no_space"`},
		{"after failures", strings.Repeat(body("88.100.2/foreign", "x")+"\n", 3000), false, `{"status":"aborted","code":"no_space"`},
		{"client stalls", "", true, `"code":"no_space"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := &full{Store: memstore.New()}
			s := newSite(t, store, registry.Limits{})
			r, w := io.Pipe()
			defer r.Close()
			go func() {
				io.WriteString(w, c.first)
				time.Sleep(300 * time.Millisecond) // a stale failure goes out with the next row
				store.now.Store(true)
				for i := 0; ; i++ {
					if c.stall && i == 20_000 { // more than is read ahead of the stored chunks
						return
					}
					if _, err := fmt.Fprintln(w, body(fmt.Sprintf("88.100.1/%d", i), "x")); err != nil {
						return
					}
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			// A transport waits for the body it is reading, whatever became of the request.
			defer context.AfterFunc(ctx, func() { r.Close() })()
			req, err := http.NewRequestWithContext(ctx, "POST", s.url+"/v1/identifiers:import", r)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+s.keys["a"])
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if !strings.Contains(string(b), c.want) || strings.Contains(string(b), `"total"`) {
				t.Errorf("%d …%s, %v; want %s", resp.StatusCode, b[max(0, len(b)-300):], err, c.want)
			}
		})
	}
}
