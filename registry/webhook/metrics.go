package webhook

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/registry"
)

type metrics struct {
	messages *prometheus.CounterVec
}

func newMetrics(s *Sender, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{messages: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idnode_webhook_messages_total",
		Help: "Attempts to deliver messages, by result; skipped: the change log no longer had what they tell.",
	}, []string{"result"})}
	for _, result := range []registry.DeliveryResult{registry.DeliveryDelivered, registry.DeliveryFailed, registry.DeliverySkipped} {
		m.messages.WithLabelValues(string(result))
	}
	if reg == nil {
		return m, nil
	}
	all := []prometheus.Collector{m.messages, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "idnode_webhook_oldest_pending_seconds",
		Help: "How long ago the oldest change was made that a receiver is still to be told.",
	}, s.oldestPending)}
	for _, state := range []registry.WebhookState{registry.WebhookActive, registry.WebhookDisabled} {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "idnode_webhook_subscriptions", Help: "Webhooks, by state.", ConstLabels: prometheus.Labels{"state": string(state)},
		}, func() float64 { return s.count(state) }))
	}
	var errs []error
	for _, c := range all {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

func (s *Sender) oldestPending() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest int64
	for _, sub := range s.active {
		if at := sub.pending.Load(); at != 0 && (oldest == 0 || at < oldest) {
			oldest = at
		}
	}
	if oldest == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(0, oldest)).Seconds())
}

func (s *Sender) count(state registry.WebhookState) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, of := range s.states {
		if of == state {
			n++
		}
	}
	return float64(n)
}
