// Package gauges tells figures that have to be read from the store, without reading them at each scrape.
package gauges

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	fresh    = 30 * time.Second // how old a reading may be
	patience = 2 * time.Second  // how long a scrape waits for the store
)

// Reading gives the values of a gauge, with the values of its labels.
type Reading func(ctx context.Context, set func(value float64, labels ...string)) error

// Gauge is a gauge with labels of closed sets. It is a prometheus.Collector.
type Gauge struct {
	desc *prometheus.Desc
	read Reading

	mu     sync.Mutex
	at     time.Time
	values []prometheus.Metric
}

// New returns a gauge that tells what read gives, read anew if it is older than half a minute. If reading fails, nothing
// is told: a gap in the curve says more than an old figure.
func New(name, help string, labels []string, read Reading) *Gauge {
	return &Gauge{desc: prometheus.NewDesc(name, help, labels, nil), read: read}
}

// Describe implements prometheus.Collector.
func (g *Gauge) Describe(ch chan<- *prometheus.Desc) { ch <- g.desc }

// Collect implements prometheus.Collector.
func (g *Gauge) Collect(ch chan<- prometheus.Metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); now.Sub(g.at) > fresh || len(g.values) == 0 {
		g.at, g.values = now, nil
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var values []prometheus.Metric
		err := g.read(ctx, func(value float64, labels ...string) {
			values = append(values, prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value, labels...))
		})
		if err == nil {
			g.values = values
		}
	}
	for _, m := range g.values {
		ch <- m
	}
}
