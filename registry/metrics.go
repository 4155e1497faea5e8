package registry

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	replays   prometheus.Counter
	conflicts prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		replays: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "idnode_registry_idempotent_replays_total",
			Help: "Requests answered with the first answer to their idempotency key.",
		}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "idnode_registry_conflicts_total",
			Help: "Batches that were evaluated again because another writer was faster.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.replays), reg.Register(m.conflicts))
}
