package statistics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/storage"
)

// China is the time zone in which days are counted if no other is given: UTC+8 without summer time.
var China = time.FixedZone("CST", 8*60*60)

// Options are the parts of a Statistics. Only Store is required.
type Options struct {
	Store storage.Store

	// Location is the time zone in which days begin. It should not change once something was counted:
	// days that are past stay as they were. Default: China.
	Location *time.Location

	// Gather is how long the follower waits for more changes before it counts those that came: a batch for
	// all of them instead of one each. Default 500 ms.
	Gather time.Duration

	// Clock tells the time. Default: time.Now.
	Clock func() time.Time

	// Logger takes what went wrong. Default: slog.Default().
	Logger *slog.Logger

	// Registerer takes the metrics. Default: none.
	Registerer prometheus.Registerer
}

// Statistics are the figures of a store. Its methods may be called from many goroutines.
type Statistics struct {
	o     Options
	store storage.Store
}

// New returns the statistics of o.Store. Registrations are counted while Run runs, questions by what
// Resolutions returns.
func New(o Options) (*Statistics, error) {
	if o.Store == nil {
		return nil, errors.New("statistics: Store is required")
	}
	if o.Location == nil {
		o.Location = China
	}
	if o.Gather == 0 {
		o.Gather = 500 * time.Millisecond
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Statistics{o: o, store: o.Store}
	if err := s.register(o.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Run counts registrations until ctx ends.
func (s *Statistics) Run(ctx context.Context) {
	var said time.Time
	for ctx.Err() == nil {
		err := s.follow(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, storage.ErrClosed):
			return
		case !errors.Is(err, errBehind) && time.Since(said) >= complainEvery:
			said = time.Now()
			s.o.Logger.Error("count registrations", "err", err)
		}
		wait(ctx, time.Second)
	}
}

// now is the time in UTC to the millisecond.
func (s *Statistics) now() time.Time { return s.o.Clock().UTC().Truncate(time.Millisecond) }

// wait waits for d, and reports whether ctx goes on.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
