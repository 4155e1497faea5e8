package node

import (
	"context"
	"time"

	"github.com/idnode/idnode/registry/topsync"
)

const (
	healthEvery = 10 * time.Second
	// illAfter is how long the store must refuse writes before that is an event.
	illAfter = time.Minute
)

// watchHealth reports to the top-level node that the store does not take writes, and that it does again. What cannot be
// stored while it lasts is reported when it is over, with the moment at which it began.
func (n *Node) watchHealth(ctx context.Context) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	var w healthWatch
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if err := w.look(ctx, n.engine.Health(), now, n.sync); err != nil && ctx.Err() == nil {
				n.log.Error("report an event to the top-level node", "err", err)
			}
		}
	}
}

// healthWatch is what is known of the store's health.
type healthWatch struct {
	since  time.Time // it has not taken writes; zero: it does
	cause  string
	number string // of the event that was reported
}

// events take reports of events.
type events interface {
	Abnormal(ctx context.Context, at time.Time, category topsync.Category, cause string) (string, error)
	Normal(ctx context.Context, number string, at time.Time, cause, solution string) error
}

// look takes the store's health at the time.
func (w *healthWatch) look(ctx context.Context, health error, now time.Time, to events) error {
	if health != nil {
		if w.since.IsZero() {
			w.since, w.cause = now, "the store does not take writes: "+health.Error()
		}
		return nil // there is nowhere to keep an event
	}
	if w.since.IsZero() {
		return nil
	}
	if w.number == "" && now.Sub(w.since) >= illAfter {
		number, err := to.Abnormal(ctx, w.since, topsync.CategorySystem, w.cause)
		if err != nil {
			return err
		}
		w.number = number
	}
	if w.number != "" {
		if err := to.Normal(ctx, w.number, now, w.cause, ""); err != nil {
			return err
		}
	}
	*w = healthWatch{}
	return nil
}
