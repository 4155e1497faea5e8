package pebblestore

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// metrics is the collector of a store. What Pebble counts is read when it is asked for.
type metrics struct {
	s   *Store
	reg prometheus.Registerer

	ops               *prometheus.HistogramVec
	get, scan, commit prometheus.Observer
	batches           prometheus.Histogram

	fsync, disk, free, total, l0, readAmp, debt, stalls, hits, misses *prometheus.Desc
}

func newMetrics(s *Store, reg prometheus.Registerer) (*metrics, error) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("idnode_store_"+name, help, nil, nil)
	}
	m := &metrics{
		s:   s,
		reg: reg,
		ops: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "idnode_store_op_duration_seconds",
			Help:    "Time that reads, of gets one in 16, and durable commits take, waiting included.",
			Buckets: prometheus.ExponentialBuckets(5e-6, 2, 20),
		}, []string{"op"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "idnode_store_commit_batches",
			Help:    "Batches that were committed together.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		fsync:   desc("wal_fsync_duration_seconds", "Time that syncing the write-ahead log takes."),
		disk:    desc("disk_bytes", "Size of the store's files."),
		free:    desc("free_bytes", "Free space on the store's file system; absent if it cannot be told."),
		total:   desc("filesystem_bytes", "Size of the store's file system; absent if it cannot be told."),
		l0:      desc("l0_files", "Tables in level 0."),
		readAmp: desc("read_amplification", "Places that a lookup may have to look at."),
		debt:    desc("compaction_debt_bytes", "Octets to compact until the store is at rest."),
		stalls:  desc("write_stalls_total", "Times that writes had to wait for flushes or compactions."),
		hits:    desc("cache_hits_total", "Blocks found in the block cache."),
		misses:  desc("cache_misses_total", "Blocks not found in the block cache."),
	}
	m.get = m.ops.WithLabelValues("get")
	m.scan = m.ops.WithLabelValues("scan")
	m.commit = m.ops.WithLabelValues("commit")
	if err := reg.Register(m); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *metrics) unregister() {
	if m != nil {
		m.reg.Unregister(m)
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.ops.Describe(ch)
	m.batches.Describe(ch)
	for _, d := range []*prometheus.Desc{m.fsync, m.disk, m.free, m.total, m.l0, m.readAmp, m.debt, m.stalls, m.hits, m.misses} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.ops.Collect(ch)
	m.batches.Collect(ch)
	s := m.s
	// A failed Pebble may have left the lock locked that its metrics need.
	if s.failure.Load() != nil || !s.gate.enter() {
		return
	}
	defer s.gate.leave()
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	counter := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	p := s.db.Metrics()
	gauge(m.disk, float64(p.DiskSpaceUsage()))
	if avail := s.space.free(); avail != spaceUnknown {
		gauge(m.free, float64(avail))
		gauge(m.total, float64(s.space.total.Load()))
	}
	gauge(m.l0, float64(p.Levels[0].TablesCount))
	gauge(m.readAmp, float64(p.ReadAmp()))
	gauge(m.debt, float64(p.Compact.EstimatedDebt))
	counter(m.stalls, float64(s.stalls.Load()))
	counter(m.hits, float64(p.BlockCache.Hits))
	counter(m.misses, float64(p.BlockCache.Misses))
	if h, ok := m.fsyncs(p.LogWriter.FsyncLatency); ok {
		ch <- h
	}
}

// fsyncs turns Pebble's histogram, in nanoseconds with a hundred buckets, into one in seconds with
// some of them: counts are cumulative, so any may be left out.
func (m *metrics) fsyncs(h prometheus.Histogram) (prometheus.Metric, bool) {
	var out dto.Metric
	if h == nil || h.Write(&out) != nil || out.Histogram == nil {
		return nil, false
	}
	buckets := make(map[float64]uint64)
	last := 0.0
	for _, b := range out.Histogram.Bucket {
		bound := b.GetUpperBound() / float64(time.Second)
		if bound >= last*1.5 && bound > 0 {
			buckets[bound] = b.GetCumulativeCount()
			last = bound
		}
	}
	sum := out.Histogram.GetSampleSum() / float64(time.Second)
	metric, err := prometheus.NewConstHistogram(m.fsync, out.Histogram.GetSampleCount(), sum, buckets)
	return metric, err == nil
}
