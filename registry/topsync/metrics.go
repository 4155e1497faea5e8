package topsync

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapePatience bounds what a scrape waits for the store.
const scrapePatience = time.Second

type metrics struct {
	pushes *prometheus.CounterVec
	rows   *prometheus.CounterVec
}

func newMetrics(s *Syncer, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "idnode_sync_pushes_total", Help: "Pushes of rows to targets, by result."},
			[]string{"target", "table", "result"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "idnode_sync_rows_total", Help: "Rows that targets were told; refused: by the target, or before by our own check."},
			[]string{"target", "table", "result"}),
	}
	for _, l := range s.lanes {
		for _, result := range []string{"ok", "failed"} {
			m.pushes.WithLabelValues(l.target.Name, l.table, result)
		}
		for _, result := range []string{"acknowledged", "refused"} {
			m.rows.WithLabelValues(l.target.Name, l.table, result)
		}
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.pushes), reg.Register(m.rows), reg.Register(&lagCollector{s}))
}

// pushed counts a push.
func (m *metrics) pushed(l *lane, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.pushes.WithLabelValues(l.target.Name, l.table, result).Inc()
}

// stored counts rows that were dealt with.
func (m *metrics) stored(l *lane, acknowledged, refused int) {
	m.rows.WithLabelValues(l.target.Name, l.table, "acknowledged").Add(float64(max(0, acknowledged)))
	m.rows.WithLabelValues(l.target.Name, l.table, "refused").Add(float64(refused))
}

var (
	lagRows    = prometheus.NewDesc("idnode_sync_lag_rows", "Rows that may leave and are not acknowledged.", []string{"target", "table"}, nil)
	lagSeconds = prometheus.NewDesc("idnode_sync_lag_seconds", "Age of the oldest of these rows.", []string{"target", "table"}, nil)
	lastSent   = prometheus.NewDesc("idnode_sync_last_success_timestamp_seconds", "When the target last answered a push of the table's rows; 0 before the first since the start.", []string{"target", "table"}, nil)
	paused     = prometheus.NewDesc("idnode_sync_paused", "1 while an operator has paused the table.", []string{"target", "table"}, nil)
	breakerUp  = prometheus.NewDesc("idnode_sync_breaker_open", "1 while the target has failed so often that all its tables wait.", []string{"target"}, nil)
	gatherLag  = prometheus.NewDesc("idnode_sync_gather_lag_seconds", "Age of the oldest batch of the change log that has not been looked through.", nil, nil)
)

// lagCollector tells how far behind the targets are.
type lagCollector struct{ s *Syncer }

// Describe implements prometheus.Collector.
func (c *lagCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagRows, lagSeconds, lastSent, paused, breakerUp, gatherLag} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *lagCollector) Collect(out chan<- prometheus.Metric) {
	now := c.s.now()
	seen := make(map[string]bool)
	for _, l := range c.s.lanes {
		rows, age := l.lag(now)
		l.mu.Lock()
		isPaused := 0.0
		if l.place.Paused {
			isPaused = 1
		}
		sent := 0.0
		if !l.sent.IsZero() {
			sent = float64(l.sent.UnixMilli()) / 1000
		}
		l.mu.Unlock()
		out <- prometheus.MustNewConstMetric(lagRows, prometheus.GaugeValue, float64(rows), l.target.Name, l.table)
		out <- prometheus.MustNewConstMetric(lagSeconds, prometheus.GaugeValue, age.Seconds(), l.target.Name, l.table)
		out <- prometheus.MustNewConstMetric(lastSent, prometheus.GaugeValue, sent, l.target.Name, l.table)
		out <- prometheus.MustNewConstMetric(paused, prometheus.GaugeValue, isPaused, l.target.Name, l.table)
		if seen[l.target.Name] {
			continue
		}
		seen[l.target.Name] = true
		open := 0.0
		if l.breaker.isOpen() {
			open = 1
		}
		out <- prometheus.MustNewConstMetric(breakerUp, prometheus.GaugeValue, open, l.target.Name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	out <- prometheus.MustNewConstMetric(gatherLag, prometheus.GaugeValue, c.s.gatherLag(ctx).Seconds())
}
