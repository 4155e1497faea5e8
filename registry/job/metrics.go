package job

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/registry"
)

// counters are the metrics of jobs. Labels come from closed sets.
type counters struct {
	jobs *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, s *Runner) (*counters, error) {
	m := &counters{jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idnode_job_ended_total", Help: "Bulk jobs that ran to an end, by outcome: done or failed.",
	}, []string{"outcome"})}
	m.jobs.WithLabelValues("done")
	m.jobs.WithLabelValues("failed")
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.jobs,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "idnode_job_running", Help: "Bulk jobs under way."}, func() float64 { return float64(len(s.Running())) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "idnode_job_oldest_pending_seconds", Help: "Age of the oldest bulk job that has not ended; 0 without one."}, s.oldest),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "idnode_job_rest_seconds", Help: "How long jobs rest before each chunk of 1000 rows, because the node is busy with more urgent things."}, func() float64 {
			return time.Duration(s.pace.rest.Load()).Seconds()
		}),
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *counters) ended(err error) {
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	m.jobs.WithLabelValues(outcome).Inc()
}

// oldest is the age in seconds of the oldest job that has not ended.
func (s *Runner) oldest() float64 {
	var oldest time.Time
	err := s.o.Registrar.EachJob(context.Background(), func(j *registry.Job) error {
		if !j.State.Ended() && (oldest.IsZero() || j.Created.Before(oldest)) {
			oldest = j.Created
		}
		return nil
	})
	if err != nil || oldest.IsZero() {
		return 0
	}
	return s.o.Clock().Sub(oldest).Seconds()
}
