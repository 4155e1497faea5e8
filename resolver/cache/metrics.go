package cache

import (
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
)

const valueSize = int64(unsafe.Sizeof(identifier.Value{}))

var (
	entriesDesc = prometheus.NewDesc("idnode_cache_entries", "Entries in the cache.", []string{"layer", "kind"}, nil)
	bytesDesc   = prometheus.NewDesc("idnode_cache_bytes", "Octets that the cache occupies.", []string{"layer"}, nil)
)

// metrics are the counters of one LRU and a collector of them and of its size.
type metrics struct {
	c                          *LRU
	hits                       *prometheus.CounterVec
	positiveHits, negativeHits prometheus.Counter
	misses, evictions, dropped prometheus.Counter
}

func newMetrics(c *LRU) *metrics {
	labels := prometheus.Labels{"layer": "l1"}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
	}
	hits := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idnode_cache_hits_total", Help: "Lookups answered by the cache.", ConstLabels: labels}, []string{"kind"})
	return &metrics{
		c:            c,
		hits:         hits,
		positiveHits: hits.WithLabelValues("positive"),
		negativeHits: hits.WithLabelValues("negative"),
		misses:       counter("idnode_cache_misses_total", "Lookups that the cache could not answer."),
		evictions:    counter("idnode_cache_evictions_total", "Entries dropped to make room."),
		dropped:      counter("idnode_cache_stale_fills_total", "Fills dropped because of a change since they were read."),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- entriesDesc
	ch <- bytesDesc
	m.hits.Describe(ch)
	for _, c := range []prometheus.Counter{m.misses, m.evictions, m.dropped} {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	positive, negative, bytes := m.c.usage()
	ch <- prometheus.MustNewConstMetric(entriesDesc, prometheus.GaugeValue, float64(positive), "l1", "positive")
	ch <- prometheus.MustNewConstMetric(entriesDesc, prometheus.GaugeValue, float64(negative), "l1", "negative")
	ch <- prometheus.MustNewConstMetric(bytesDesc, prometheus.GaugeValue, float64(bytes), "l1")
	m.hits.Collect(ch)
	for _, c := range []prometheus.Counter{m.misses, m.evictions, m.dropped} {
		c.Collect(ch)
	}
}
