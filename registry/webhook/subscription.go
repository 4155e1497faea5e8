package webhook

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

const (
	// saveEvery is how old the stored cursor of a webhook that is told nothing may become.
	saveEvery = time.Minute
	// turnMessages is how many messages a webhook sends before others have its place.
	turnMessages = 64
	// slowAnswer makes a receiver one of the slow ones.
	slowAnswer = 2 * time.Second
)

// errMoved says that somebody else has changed the webhook or its cursor: read them again.
var errMoved = errors.New("webhook changed")

// subscription is an active webhook. Its fields are guarded by Sender.mu.
type subscription struct {
	id     string // does not change
	hook   *registry.Webhook
	filter filter
	stop   context.CancelFunc
	woken  chan struct{}

	stale bool        // hook is newer than what serve works with
	retry bool        // do not wait for the next try
	idle  bool        // nothing to do up to after, or where the sender's tail is if that is further
	after storage.Seq // while idle

	pending atomic.Int64 // when the oldest change was made that is known and not delivered, in ns; 0: none
}

// signal wakes serve.
func (sub *subscription) signal() {
	select {
	case sub.woken <- struct{}{}:
	default: // it is awake
	}
}

// delivery is what serve works with.
type delivery struct {
	*state
	sub    *subscription
	hook   registry.Webhook
	reader reader
	slow   bool
	saved  time.Time // when the cursor was last written
}

// serve sends the messages of sub until ctx ends.
func (s *Sender) serve(ctx, requests context.Context, sub *subscription) {
	defer sub.pending.Store(0)
	for ctx.Err() == nil {
		d, err := s.begin(ctx, sub)
		for err == nil {
			err = s.turn(ctx, requests, d)
		}
		switch {
		case errors.Is(err, storage.ErrClosed):
			return
		case errors.Is(err, storage.ErrTrimmed):
			err = s.skip(ctx, d)
		}
		if err == nil || errors.Is(err, errMoved) || ctx.Err() != nil {
			continue
		}
		s.log.Error("webhook is not served", "webhook", sub.id, "err", err)
		sleep(ctx, nil, time.Second)
	}
}

// begin reads how far the deliveries of sub are.
func (s *Sender) begin(ctx context.Context, sub *subscription) (*delivery, error) {
	s.mu.Lock()
	d := &delivery{sub: sub, hook: *sub.hook, reader: reader{filter: sub.filter}, saved: time.Now()}
	sub.stale, sub.idle = false, false
	s.mu.Unlock()
	st, err := s.readState(ctx, d.hook.ID)
	if errors.Is(err, storage.ErrNotFound) {
		// It was disabled or deleted: follow will see that, and end us.
		sleep(ctx, sub.woken, time.Second)
		return nil, errMoved
	}
	if err != nil {
		return nil, err
	}
	d.state, d.reader.place = st, st.place
	if f := st.progress.Failing; f != nil && f.Since.Before(d.hook.Fresh) {
		st.progress.Failing = nil
	}
	return d, nil
}

// moved reports whether sub has changed since d began, and whether the next try need not be waited for.
func (s *Sender) moved(sub *subscription) (stale, retry bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	retry, sub.retry = sub.retry, false
	return sub.stale, retry
}

// turn does what there is to do for d now, and waits if that is nothing. Errors: errMoved, ctx's, those of
// the store.
func (s *Sender) turn(ctx, requests context.Context, d *delivery) error {
	stale, retry := s.moved(d.sub)
	if stale {
		return errMoved
	}
	if f := d.progress.Failing; f != nil && !retry {
		if wait := time.Until(f.Next); wait > 0 {
			sleep(ctx, d.sub.woken, wait)
			return ctx.Err()
		}
	}
	release, err := s.take(ctx, d.slow || d.progress.Failing != nil)
	if err != nil {
		return err
	}
	wait, err := s.sendSome(ctx, requests, d)
	release()
	if err != nil || wait < 0 {
		return err
	}
	if wait > 0 {
		sleep(ctx, d.sub.woken, wait)
		return ctx.Err()
	}
	return s.rest(ctx, d)
}

// sendSome sends the next messages, one after the other. It returns how long nothing is to be done:
// below 0 to go on at once, 0 until there is news.
func (s *Sender) sendSome(ctx, requests context.Context, d *delivery) (time.Duration, error) {
	defer func() { d.reader.ahead = nil }() // who waits for a place keeps no memory
	for range turnMessages {
		m, end, what, err := s.gather(ctx, &d.reader)
		if err != nil {
			return 0, err
		}
		if m != nil {
			d.sub.pending.Store(m.items[0].time.UnixNano())
		}
		switch {
		case what == onWard:
			if time.Since(d.saved) < saveEvery {
				continue
			}
			if err := s.moveOn(ctx, d, d.reader.place.After); err != nil {
				return 0, err
			}
			continue
		case what == atEnd && m != nil:
			return max(time.Until(m.second.Add(window+settle)), time.Millisecond), nil
		case what == atEnd:
			d.sub.pending.Store(0)
			return 0, nil
		}
		ok, err := s.deliver(ctx, requests, d, m, end)
		if err != nil || !ok {
			return -1, err
		}
		if stale, _ := s.moved(d.sub); stale {
			return 0, errMoved
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return -1, nil
}

// deliver sends a message and stores what became of it: delivered, the place behind it; failed, the
// next try, or that there is none and the webhook is disabled.
func (s *Sender) deliver(ctx, requests context.Context, d *delivery, m *message, end registry.WebhookPlace) (bool, error) {
	attempt := registry.WebhookDelivery{Message: m.id(d.hook.ID), Event: string(m.event), Items: len(m.items),
		Kind: registry.DeliveryChange, Attempt: 1, Place: m.place}
	f := d.progress.Failing
	if f != nil {
		attempt.Attempt = f.Attempts + 1
	}
	body, err := s.body(ctx, m)
	if err != nil {
		return false, err
	}
	out := s.send(requests, &d.hook, attempt.Message, body, &attempt)
	if requests.Err() != nil {
		return false, requests.Err() // it was cut: who knows
	}
	d.slow = out.took > slowAnswer
	store := context.WithoutCancel(ctx) // the answer is here: keep it, even if we are told to end
	if attempt.Result == registry.DeliveryDelivered {
		return true, s.advanceTo(store, d, end, m.items[len(m.items)-1].time, &attempt)
	}
	now := time.Now().UTC()
	if f == nil {
		f = &failing{Since: now}
	}
	next := *f
	next.Attempts++
	switch deadline := next.Since.Add(s.o.GiveUp); {
	case out.gone:
		return false, s.stop(store, d, "the receiver answered 410 Gone", &attempt)
	case !now.Before(deadline):
		return false, s.stop(store, d, fmt.Sprintf("message %s was not accepted for %s: %s", attempt.Message, s.o.GiveUp, attempt.Error), &attempt)
	default:
		next.Next = now.Add(backoff(next.Attempts, out.retryAfter))
		if next.Next.After(deadline) {
			next.Next = deadline
		}
		attempt.Next = next.Next
	}
	return false, s.fail(store, d, &next, &attempt)
}

// rest waits for news. Now and then it stores how far the log has been looked through, so that
// the webhook does not hold it back.
func (s *Sender) rest(ctx context.Context, d *delivery) error {
	sub := d.sub
	s.mu.Lock()
	if sub.stale || d.reader.place.After < s.tail {
		s.mu.Unlock()
		return nil
	}
	sub.idle, sub.after = true, d.reader.place.After
	s.mu.Unlock()
	for ctx.Err() == nil {
		woken := sleep(ctx, sub.woken, saveEvery)
		s.mu.Lock()
		idle := sub.idle
		if idle {
			sub.after = max(sub.after, s.tail)
		}
		d.reader.place = registry.WebhookPlace{After: sub.after}
		s.mu.Unlock()
		if !idle {
			return nil
		}
		if woken || d.reader.place == d.place {
			continue
		}
		if err := s.moveOn(ctx, d, d.reader.place.After); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// skip goes on where the change log begins now, and notes what was lost.
func (s *Sender) skip(ctx context.Context, d *delivery) error {
	place, err := registry.PlaceBefore(ctx, s.o.Store, time.Time{})
	if err != nil {
		return err
	}
	var first time.Time
	next, err := s.o.Store.Read(ctx, place, 1)
	if err != nil {
		return err
	}
	if len(next) > 0 {
		first = next[0].Time
	}
	lost := registry.WebhookDelivery{Kind: registry.DeliveryChange, Result: registry.DeliverySkipped, Time: time.Now().UTC().Truncate(time.Millisecond),
		Error: "the change log no longer has what changed " + between(d.progress.Time, first)}
	s.log.Warn("a webhook was not told everything: the change log had been trimmed", "webhook", d.hook.ID)
	s.metrics.messages.WithLabelValues(string(lost.Result)).Inc()
	return s.advanceTo(ctx, d, registry.WebhookPlace{After: place}, d.progress.Time, &lost)
}

// between tells a stretch of time of which either end may not be known.
func between(from, to time.Time) string {
	text := "since the webhook was made"
	if !from.IsZero() {
		text = "after " + from.Format(time.RFC3339)
	}
	if !to.IsZero() {
		text += " and before " + to.Format(time.RFC3339)
	}
	return text
}

// sleep waits, but not longer than ctx or for a signal on woken, which may be nil. It reports
// whether that came.
func sleep(ctx context.Context, woken <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-woken:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}
