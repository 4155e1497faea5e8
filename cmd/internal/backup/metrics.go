package backup

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	last, open prometheus.Gauge
}

func newMetrics() *metrics {
	return &metrics{
		last: prometheus.NewGauge(prometheus.GaugeOpts{Name: "idnode_backup_last_success_timestamp_seconds",
			Help: "When the moment was of which the newest complete backup is; 0: there is none."}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "idnode_backup_checkpoints",
			Help: "Checkpoints that clients hold now, each of which keeps what the store has removed since."}),
	}
}

func (m *metrics) register(reg prometheus.Registerer) error {
	return errors.Join(reg.Register(m.last), reg.Register(m.open))
}
