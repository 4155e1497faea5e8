package audit

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapePatience bounds what a scrape waits for the store.
const scrapePatience = time.Second

type metrics struct {
	chained prometheus.Counter
	missing prometheus.Counter
	removed prometheus.Counter
}

func newMetrics(l *Log, reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		chained: counter("idnode_audit_chain_entries_total", "Audit entries that were added to the hash chain."),
		missing: counter("idnode_audit_chain_missing_total", "Audit entries that were gone before they could be chained: somebody has been at the store."),
		removed: counter("idnode_audit_removed_entries_total", "Audit entries that were removed after audit.retention."),
	}
	if reg == nil {
		return m, nil
	}
	lag := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "idnode_audit_chain_lag_seconds", Help: "Age of the oldest batch whose audit entries are not in the hash chain yet.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
		defer cancel()
		return l.lag(ctx).Seconds()
	})
	return m, errors.Join(reg.Register(m.chained), reg.Register(m.missing), reg.Register(m.removed), reg.Register(lag))
}

// lag is the age of the oldest batch behind the cursor, 0 if there is none or nobody can tell.
func (l *Log) lag(ctx context.Context) time.Duration {
	s, err := l.read(ctx, l.store)
	if err != nil {
		return 0
	}
	entries, err := l.store.Read(ctx, s.cursor, 1)
	if err != nil || len(entries) == 0 {
		return 0
	}
	return max(0, l.o.Clock().Sub(entries[0].Time))
}
