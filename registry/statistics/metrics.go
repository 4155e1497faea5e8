package statistics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapePatience bounds what a scrape waits for the store.
const scrapePatience = time.Second

func (s *Statistics) register(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	return reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "idnode_statistics_lag_seconds", Help: "Age of the oldest batch whose registrations are not in the statistics yet.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
		defer cancel()
		return s.lag(ctx).Seconds()
	}))
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
