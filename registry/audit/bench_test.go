package audit

import (
	"fmt"
	"testing"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/pebblestore"
)

// BenchmarkLog chains, verifies and exports logs of 10 000 entries of some 250 octets; the figures are an entry's.
func BenchmarkLog(b *testing.B) {
	s, err := pebblestore.Open(b.TempDir(), pebblestore.Options{MinFreeBytes: 1})
	if err != nil {
		b.Fatal(err)
	}
	g := newLogged(b, s, Options{})
	g.chained()
	const entries = 10000
	n := 0
	write := func() {
		now := g.time()
		var batch storage.Batch
		for i := range entries {
			if i%500 == 0 {
				g.apply(&batch)
				batch.Reset()
			}
			key := storage.AuditKey(now, [8]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
			batch.Set(key, fmt.Appendf(nil, `{"time":"2026-01-02T03:04:05.678Z","enterprise":"e0123456789","key":"k0123456789","role":"writer","addr":"192.0.2.7","op":"identifier.create","id":"handle:88.1021.150/%d","version":1}`, n))
			batch.Log(storage.Change{Op: storage.OpCreate, Key: key})
			n++
		}
		g.apply(&batch)
	}
	b.Run("chain", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			write()
			b.StartTimer()
			g.chained()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
	})
	b.Run("verify", func(b *testing.B) {
		var last uint64
		for b.Loop() {
			f, err := g.Verify(b.Context(), operator)
			if err != nil || !f.Verified {
				b.Fatal(f, err)
			}
			last = f.Head.N
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(last), "ns/entry")
	})
	b.Run("export", func(b *testing.B) {
		var last auditchain.Head
		for b.Loop() {
			last = g.head()
			if err := g.Export(b.Context(), Part{}, operator, func([]byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(last.N), "ns/entry")
	})
}
