package job

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/internal/gauges"
)

// counters are the metrics of jobs. Labels come from closed sets.
type counters struct {
	jobs *prometheus.CounterVec
	rows *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, s *Runner) (*counters, error) {
	m := &counters{jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idnode_job_ended_total", Help: "Bulk jobs that ran to an end, by outcome: done or failed.",
	}, []string{"outcome"}), rows: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idnode_job_rows_total", Help: "Rows of bulk jobs that were dealt with, by what they came to.",
	}, []string{"result"})}
	m.counted(registry.Summary{})
	m.jobs.WithLabelValues("done")
	m.jobs.WithLabelValues("failed")
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.jobs, m.rows,
		gauges.New("idnode_jobs", "Bulk jobs that are kept, by state.", []string{"state"}, s.countJobs),
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

// counted counts the rows of a chunk.
func (m *counters) counted(sum registry.Summary) {
	m.rows.WithLabelValues("stored").Add(float64(sum.Stored))
	m.rows.WithLabelValues("skipped").Add(float64(sum.Skipped))
	m.rows.WithLabelValues("failed").Add(float64(sum.Failed))
}

func (s *Runner) countJobs(ctx context.Context, set func(float64, ...string)) error {
	counts := map[registry.JobState]int{registry.JobQueued: 0, registry.JobRunning: 0, registry.JobDone: 0, registry.JobCancelled: 0, registry.JobFailed: 0}
	err := s.o.Registrar.EachJob(ctx, func(j *registry.Job) error {
		counts[j.State]++
		return nil
	})
	for state, n := range counts {
		set(float64(n), string(state))
	}
	return err
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
