package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// feedBatch is the most entries that are looked at in one go.
const feedBatch = 256

// follow reads the change log at its end, once for all subscriptions that have nothing to do, and wakes
// those that have. It starts and stops subscriptions as they change. It returns when ctx ends.
func (s *Sender) follow(ctx, requests context.Context) {
	known := false
	for ctx.Err() == nil {
		var err error
		if !known {
			err = s.loadAll(ctx, requests)
			known = err == nil
		}
		if known {
			err = s.advance(ctx, requests)
			if errors.Is(err, storage.ErrTrimmed) { // we fell behind further than the log reaches
				known, err = false, nil
			}
		}
		if errors.Is(err, storage.ErrClosed) {
			return
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("webhooks do not follow the change log", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// loadAll reads all subscriptions. What changes after the log's end at that time, advance sees.
func (s *Sender) loadAll(ctx, requests context.Context) error {
	last, err := s.o.Store.Last(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.tail = last
	s.mu.Unlock()
	found := make(map[string]bool)
	err = s.o.Store.Scan(ctx, storage.TableRange(storage.TableWebhook), func(_ []byte, item storage.Item) error {
		h, err := registry.DecodeWebhook(item)
		if err == nil {
			found[h.ID] = true
			s.put(ctx, requests, h)
		}
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.states {
		if !found[id] {
			s.drop(id)
			delete(s.states, id)
		}
	}
	return nil
}

// advance shows the next entries to the subscriptions, after a wait for them.
func (s *Sender) advance(ctx, requests context.Context) error {
	s.mu.Lock()
	tail := s.tail
	s.mu.Unlock()
	entries, err := s.o.Store.Read(ctx, tail, feedBatch)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return s.o.Store.Wait(ctx, tail)
	}
	for i := range entries {
		e := &entries[i]
		if err := s.show(ctx, e); err != nil {
			return err
		}
		for _, c := range e.Changes {
			if storage.TableOf(c.Key) != storage.TableWebhook {
				continue
			}
			if err := s.reload(ctx, requests, string(c.Key[1:])); err != nil {
				return err
			}
		}
	}
	return nil
}

// show wakes the idle subscriptions that e concerns, and moves on behind it.
func (s *Sender) show(ctx context.Context, e *storage.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(e.Changes) && len(s.active) > 0; i++ {
		n, err := s.classify(ctx, &e.Changes[i])
		if err != nil {
			return err
		}
		for _, sub := range s.owners[n.enterprise] {
			if sub.idle && e.Seq > sub.after && sub.filter.wants(&n) {
				sub.idle, sub.after = false, max(sub.after, s.tail)
				sub.signal()
			}
		}
	}
	s.tail = e.Seq
	return nil
}

// reload reads a subscription that has changed.
func (s *Sender) reload(ctx, requests context.Context, id string) error {
	item, err := s.o.Store.Get(ctx, storage.WebhookKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		s.mu.Lock()
		s.drop(id)
		delete(s.states, id)
		s.mu.Unlock()
		return nil
	}
	if err != nil {
		return fmt.Errorf("read webhook %s: %w", id, err)
	}
	h, err := registry.DecodeWebhook(item)
	if err != nil {
		return err
	}
	s.put(ctx, requests, h)
	return nil
}

// put brings the subscription of h to its newest state.
func (s *Sender) put(ctx, requests context.Context, h *registry.Webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[h.ID] = h.State
	sub := s.active[h.ID]
	switch {
	case h.State != registry.WebhookActive:
		s.drop(h.ID)
	case sub != nil:
		sub.hook, sub.filter = h, newFilter(h)
		sub.idle, sub.stale = false, true
		sub.signal()
	default:
		sub = &subscription{id: h.ID, hook: h, filter: newFilter(h), woken: make(chan struct{}, 1)}
		own, stop := context.WithCancel(ctx)
		sub.stop = stop
		s.active[h.ID] = sub
		if s.owners[h.Enterprise] == nil {
			s.owners[h.Enterprise] = make(map[string]*subscription)
		}
		s.owners[h.Enterprise][h.ID] = sub
		s.work.Go(func() {
			defer stop()
			s.serve(own, requests, sub)
		})
	}
}

// drop stops a subscription, if it runs. s.mu is held.
func (s *Sender) drop(id string) {
	sub := s.active[id]
	if sub == nil {
		return
	}
	sub.stop()
	delete(s.active, id)
	delete(s.owners[sub.hook.Enterprise], id)
	if len(s.owners[sub.hook.Enterprise]) == 0 {
		delete(s.owners, sub.hook.Enterprise)
	}
}
