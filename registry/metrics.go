package registry

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry/internal/gauges"
	"github.com/idnode/idnode/storage"
)

type metrics struct {
	replays   prometheus.Counter
	conflicts prometheus.Counter
	quotas    *prometheus.CounterVec
}

// quotaKinds are the kinds of quotas, by the code of their refusals.
var quotaKinds = map[string]string{CodeQuotaRecords: "records", CodeQuotaRequests: "requests", CodeQuotaPrefixes: "prefixes"}

func newMetrics(r *Registrar, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		replays: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "idnode_registry_idempotent_replays_total",
			Help: "Requests answered with the first answer to their idempotency key.",
		}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "idnode_registry_conflicts_total",
			Help: "Batches that were evaluated again because another writer was faster.",
		}),
		quotas: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idnode_quota_rejected_total",
			Help: "Writes that were refused because a quota is used up, by its kind.",
		}, []string{"kind"}),
	}
	for _, kind := range quotaKinds {
		m.quotas.WithLabelValues(kind)
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.replays), reg.Register(m.conflicts), reg.Register(m.quotas),
		reg.Register(gauges.New("idnode_enterprises", "Enterprises, by state; the node itself is none.", []string{"state"}, r.countEnterprises)),
		reg.Register(gauges.New("idnode_namespaces", "Allocated namespaces, by scheme and state.", []string{"scheme", "state"}, r.countNamespaces)))
}

// overQuota counts a refusal because of a quota, and returns it.
func (m *metrics) overQuota(e *Error) *Error {
	m.quotas.WithLabelValues(quotaKinds[e.Code]).Inc()
	return e
}

func (r *Registrar) countEnterprises(ctx context.Context, set func(float64, ...string)) error {
	counts := map[EnterpriseState]int{EnterprisePending: 0, EnterpriseReturned: 0, EnterpriseRejected: 0, EnterpriseActive: 0, EnterpriseSuspended: 0, EnterpriseWithdrawn: 0}
	err := r.store.Scan(ctx, storage.TableRange(storage.TableEnterprise), func(_ []byte, item storage.Item) error {
		e, err := decodeEnterprise(item)
		if err == nil && e.ID != Self {
			counts[e.State]++
		}
		return err
	})
	for state, n := range counts {
		set(float64(n), string(state))
	}
	return err
}

func (r *Registrar) countNamespaces(ctx context.Context, set func(float64, ...string)) error {
	type kind struct {
		scheme identifier.Scheme
		state  identifier.NamespaceState
	}
	counts := make(map[kind]int)
	for _, scheme := range identifier.Schemes() {
		counts[kind{scheme, identifier.NamespaceActive}] = 0
	}
	err := r.store.Scan(ctx, namespaceRange(0), func(_ []byte, item storage.Item) error {
		ns, err := storage.DecodeNamespace(item)
		if err == nil {
			counts[kind{ns.Scheme, ns.State}]++
		}
		return err
	})
	for k, n := range counts {
		set(float64(n), k.scheme.String(), string(k.state))
	}
	return err
}
