package pebblestore

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/idnode/idnode/storage"
)

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	dir := t.TempDir()
	s, err := Open(dir, Options{Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Apply(t.Context(), one("ra")); err != nil {
		t.Fatal(err)
	}
	for range 30 * timedGets {
		if _, err := s.Get(t.Context(), []byte("ra")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Scan(t.Context(), storage.TableRange(storage.TableRecord), func([]byte, storage.Item) error { return nil }); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64) // how many observations, 1 for what is no histogram
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] += max(1, m.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]uint64{
		"idnode_store_op_duration_seconds":        3,
		"idnode_store_wal_fsync_duration_seconds": 1,
		"idnode_store_disk_bytes":                 1,
		"idnode_store_free_bytes":                 1,
		"idnode_store_filesystem_bytes":           1,
		"idnode_store_l0_files":                   1,
		"idnode_store_read_amplification":         1,
		"idnode_store_compaction_debt_bytes":      1,
		"idnode_store_write_stalls_total":         1,
		"idnode_store_cache_hits_total":           1,
		"idnode_store_cache_misses_total":         1,
		"idnode_store_commit_batches":             1,
	} {
		if got[name] < want {
			t.Errorf("%s has %d observations, want %d at least", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("metrics that nobody expects: %v", got)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}

	// Closing gives the names back.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, Options{Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
