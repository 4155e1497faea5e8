// Package measure records what a load generator sees.
package measure

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	longest = time.Minute // latencies beyond it count as it
	figures = 3           // significant figures kept of a latency
)

// Recorder gathers the outcomes of operations. It belongs to one goroutine.
type Recorder struct {
	Done     uint64 // operations that succeeded
	Failed   uint64 // answered with a refusal or an error, or cut off
	TimedOut uint64 // not answered in time
	First    error  // the first failure, to show

	latency *hdrhistogram.Histogram // of those that succeeded, in microseconds
}

// NewRecorder returns an empty Recorder.
func NewRecorder() *Recorder {
	return &Recorder{latency: hdrhistogram.New(1, longest.Microseconds(), figures)}
}

// Success takes in an operation that took d.
func (r *Recorder) Success(d time.Duration) {
	r.Done++
	// Nothing fails: the value is within the histogram's range.
	_ = r.latency.RecordValue(min(max(d, time.Microsecond), longest).Microseconds())
}

// Failure takes in an operation that ended with err.
func (r *Recorder) Failure(err error) {
	if r.First == nil {
		r.First = err
	}
	var timeout net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		r.TimedOut++
		return
	}
	r.Failed++
}

// Add takes in all that o has recorded.
func (r *Recorder) Add(o *Recorder) {
	r.Done += o.Done
	r.Failed += o.Failed
	r.TimedOut += o.TimedOut
	if r.First == nil {
		r.First = o.First
	}
	r.latency.Merge(o.latency)
}

// Percentile is the latency within which p percent of the successes came, to three figures.
func (r *Recorder) Percentile(p float64) time.Duration {
	return time.Duration(r.latency.ValueAtQuantile(p)) * time.Microsecond
}

// Usage is what the server has spent since it started.
type Usage struct {
	CPU     time.Duration // user and system
	Mallocs float64       // heap objects allocated
}

// Sub is what was spent since o.
func (u Usage) Sub(o Usage) Usage { return Usage{u.CPU - o.CPU, u.Mallocs - o.Mallocs} }

// Result is a measured run.
type Result struct {
	Name    string
	Elapsed time.Duration
	*Recorder
	Server *Usage // in the run; nil if it is not known
}

// Rate is successes a second.
func (r *Result) Rate() float64 { return float64(r.Done) / r.Elapsed.Seconds() }

// CPU is the server's CPU time for each success; 0 if it is not known.
func (r *Result) CPU() time.Duration {
	if r.Server == nil || r.Done == 0 {
		return 0
	}
	return r.Server.CPU / time.Duration(r.Done)
}

// Short is d to three figures.
func Short(d time.Duration) string {
	for unit := time.Nanosecond; ; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
}
