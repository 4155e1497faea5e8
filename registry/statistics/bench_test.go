package statistics

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/pebblestore"
)

// filled is a store with n records in 100 namespaces, which were registered in batches of so many.
func filled(b *testing.B, n, batch int) storage.Store {
	b.Helper()
	s, err := pebblestore.Open(b.TempDir(), pebblestore.Options{CacheBytes: 64 << 20, MinFreeBytes: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	apply := func(t *storage.Batch) {
		if _, err := s.Apply(b.Context(), t); err != nil {
			b.Fatal(err)
		}
	}
	var first storage.Batch
	for i := range 100 {
		ns := &identifier.Namespace{Scheme: identifier.Handle, Prefix: fmt.Sprintf("88.100.%d", i), Enterprise: fmt.Sprintf("e%d", i), State: identifier.NamespaceActive, Mode: identifier.Hosted}
		value, err := storage.EncodeNamespace(ns)
		if err != nil {
			b.Fatal(err)
		}
		first.Put(storage.NamespaceKey(ns.Key()), value, 0)
	}
	apply(&first)
	now := time.Now()
	for i := 0; i < n; i += batch {
		var t storage.Batch
		for j := range batch {
			id := fmt.Sprintf("88.100.%d/%08d", (i/batch)%100, i+j)
			rec := record(id)
			rec.Scheme, rec.State, rec.Created, rec.Updated = identifier.Handle, identifier.Active, now, now
			key := storage.RecordKey(identifier.Key{Scheme: identifier.Handle, Name: id})
			t.Put(key, identifier.AppendRecord(nil, rec), 0)
			t.Log(storage.Change{Op: storage.OpCreate, Key: key, Version: 1})
		}
		apply(&t)
	}
	return s
}

// BenchmarkFollow counts a change log, BenchmarkCensus the records of a store.
func BenchmarkFollow(b *testing.B) {
	for _, batch := range []int{1, 1000} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			const n = 100000
			store := filled(b, n, batch)
			for b.Loop() {
				s, err := New(Options{Store: store, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				f, err := s.resume(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				f.st.cursor, f.st.Known, f.st.Again = 0, true, false
				for more := true; more; {
					if more, err = f.step(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/change")
		})
	}
}

func BenchmarkCensus(b *testing.B) {
	const n = 200000
	store := filled(b, n, 1000)
	snap, err := store.Snapshot(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Close()
	namespaces, err := storage.LoadNamespaces(b.Context(), snap)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		found, err := countRecords(b.Context(), snap, namespaces)
		if err != nil || len(found) != 100 {
			b.Fatal(len(found), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}

// BenchmarkRead reads a year of all of a thousand enterprises that were busy every day.
func BenchmarkRead(b *testing.B) {
	s := filled(b, 1000, 1000)
	var t storage.Batch
	octets := 0
	put := func(key, value []byte) { t.Set(key, value); octets += len(key) + len(value) }
	for e := range 1000 {
		k := identifier.Key{Scheme: identifier.Handle, Name: fmt.Sprintf("88.100.%d", e)}
		for d := dayOf(time.Now().AddDate(-1, 0, 0), China); d <= dayOf(time.Now(), China); d = d.plus(0, 1) {
			row := dayRow{change: change{1200, 300, 20, 1}, holds: true, active: 1234567, revoked: 4321}
			name := series{fmt.Sprintf("e%012d", e), k}
			put(name.key(storage.CounterRegistrations, d), row.append(nil))
			q := questions{54321, 987, 12}
			put(name.key(storage.CounterResolutions, d), q.append(nil))
		}
		if _, err := s.Apply(b.Context(), &t); err != nil {
			b.Fatal(err)
		}
		t = storage.Batch{}
	}
	st, err := New(Options{Store: s})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if got, err := st.Read(b.Context(), Query{}, operator); err != nil || len(got.Items) < 12000 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(octets)/1000, "octets/enterprise/year")
}
