package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/pebblestore"
)

// BenchmarkCreate is what 256 clients get who each wait for their answers, over sockets on one
// machine: the clients' own cost is in it.
func BenchmarkCreate(b *testing.B) {
	engine, err := pebblestore.Open(b.TempDir(), pebblestore.Options{MinFreeBytes: 1})
	if err != nil {
		b.Fatal(err)
	}
	s := newSite(b, engine, registry.Limits{})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(128)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			in := body(fmt.Sprintf("88.100.1/SN-%d", n.Add(1)), "https://example.com/")
			req, err := http.NewRequestWithContext(b.Context(), "POST", s.url+"/v1/identifiers", strings.NewReader(in))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+s.keys["a"])
			req.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body) // or the connection is not used again
			resp.Body.Close()
			if resp.StatusCode != http.StatusCreated {
				b.Error(resp.Status)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "registrations/s")
}
