package pebblestore

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/idnode/idnode/storage"
)

// benchKey is a record key as the registry makes them, about as long as real ones.
func benchKey(dst []byte, i uint64) []byte {
	dst = append(dst, "r\x0188.1021.150/sn-"...)
	return binary.BigEndian.AppendUint64(dst, i*0x9e3779b97f4a7c15)
}

// BenchmarkApply measures durable registrations: a record, an idempotency and an audit entry and
// one change each, from many clients at once, on the real disk.
func BenchmarkApply(b *testing.B) {
	for _, clients := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			value := make([]byte, 250)
			var next atomic.Uint64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range clients {
				wg.Go(func() {
					var batch storage.Batch
					for {
						i := next.Add(1)
						if i > uint64(b.N) {
							return
						}
						batch.Reset()
						key := benchKey(nil, i)
						batch.Put(key, value, 0)
						batch.Set(append([]byte("i"), key...), value[:60])
						batch.Set(append([]byte("a"), key...), value[:120])
						batch.Log(storage.Change{Op: storage.OpCreate, Key: key, Version: 1})
						if _, err := s.Apply(b.Context(), &batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "batches/s")
		})
	}
}

// BenchmarkApplyLarge measures bulk import: a thousand records a batch.
func BenchmarkApplyLarge(b *testing.B) {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	value := make([]byte, 250)
	i := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		var batch storage.Batch
		for range 1000 {
			i++
			key := benchKey(nil, i)
			batch.Put(key, value, 0)
			batch.Log(storage.Change{Op: storage.OpCreate, Key: key, Version: 1})
		}
		if _, err := s.Apply(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "records/s")
}

const benchRecords = 200_000

func openFilled(b *testing.B) *Store {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 250)
	for i := uint64(0); i < benchRecords; {
		var batch storage.Batch
		for range 1000 {
			batch.Put(benchKey(nil, i), value, 0)
			i++
		}
		if _, err := s.Apply(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.db.Flush(); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkGet measures lookups in tables, out of the block cache.
func BenchmarkGet(b *testing.B) {
	s := openFilled(b)
	defer s.Close()
	f := func(name string, from uint64) {
		b.Run(name, func(b *testing.B) {
			var key []byte
			b.ReportAllocs()
			for b.Loop() {
				key = benchKey(key[:0], from+rand.Uint64N(benchRecords))
				s.Get(b.Context(), key)
			}
		})
	}
	f("found", 0)
	f("absent", benchRecords)
}

// BenchmarkMultiGet compares one iterator over sorted keys, as MultiGet does it, with a Get for
// each key on one snapshot. Times are a key.
func BenchmarkMultiGet(b *testing.B) {
	s := openFilled(b)
	defer s.Close()
	for _, n := range []int{1, 10, 1000} {
		fill := func(keys [][]byte) {
			for i := range keys {
				keys[i] = benchKey(keys[i][:0], rand.Uint64N(benchRecords))
			}
		}
		keys := make([][]byte, n)
		b.Run(fmt.Sprintf("way=iterator/keys=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fill(keys)
				if _, err := multiGet(b.Context(), s.db, keys); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/key")
		})
		b.Run(fmt.Sprintf("way=gets/keys=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fill(keys)
				snap := s.db.NewSnapshot()
				for _, key := range keys {
					if _, err := get(find, snap, key, nil); err != nil {
						b.Fatal(err)
					}
				}
				snap.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/key")
		})
	}
}
