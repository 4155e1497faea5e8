package statistics

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry/internal/gauges"
	"github.com/idnode/idnode/storage"
)

// scrapePatience bounds what a scrape waits for the store.
const scrapePatience = time.Second

func (s *Statistics) register(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	records := gauges.New("idnode_records", "Records of enterprises, by scheme and status (active, revoked); absent until they have been counted.", []string{"scheme", "status"}, s.records)
	return errors.Join(reg.Register(records), reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "idnode_statistics_lag_seconds", Help: "Age of the oldest batch whose registrations are not in the statistics yet.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
		defer cancel()
		return s.lag(ctx).Seconds()
	})))
}

// records tells how many records there are, if that is known.
func (s *Statistics) records(ctx context.Context, set func(float64, ...string)) error {
	st, err := readState(ctx, s.store)
	if err != nil || !st.Known {
		return err
	}
	sums := make(map[identifier.Scheme]holding)
	for _, scheme := range identifier.Schemes() {
		sums[scheme] = holding{}
	}
	err = s.store.Scan(ctx, storage.PrefixRange(storage.CounterKey(storage.CounterHeld, "")), func(key []byte, item storage.Item) error {
		k, ok := storage.ParseHeldKey(key)
		h, err := parseHolding(item.Value)
		if !ok {
			err = errDamaged
		}
		sum := sums[k.Scheme]
		sum.active += h.active
		sum.revoked += h.revoked
		sums[k.Scheme] = sum
		return err
	})
	for scheme, sum := range sums {
		set(float64(sum.active), scheme.String(), "active")
		set(float64(sum.revoked), scheme.String(), "revoked")
	}
	return err
}

// lag is the age of the oldest batch behind the cursor, 0 if there is none or nobody can tell.
func (s *Statistics) lag(ctx context.Context) time.Duration {
	st, err := readState(ctx, s.store)
	if err != nil {
		return 0
	}
	entries, err := s.store.Read(ctx, st.cursor, 1)
	if err != nil || len(entries) == 0 {
		return 0
	}
	return max(0, s.o.Clock().Sub(entries[0].Time))
}
