package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/idnode/idnode/proto/identifier"
)

const (
	pingEvery = 200 * time.Millisecond
	silence   = 800 * time.Millisecond // without a word from Redis: the subscription is lost
	reconnect = 250 * time.Millisecond
)

// Forget drops what is kept of ids, in all spellings, and what is being asked for, here at once and on the other nodes as soon
// as they are told. An error means that Redis could not be told: it will be as soon as it can, until when this node
// tells nothing that Redis has of them.
func (s *Shared) Forget(ctx context.Context, ids ...identifier.ID) error {
	keys := make([]identifier.Key, 0, len(ids))
	for _, id := range ids {
		keys = append(keys, own(id).Key(false))
	}
	return s.forget(ctx, keys, nil)
}

// ForgetUnder is Forget for all identifiers in the namespaces and in those under them. In Redis it drops all that is kept: what
// is asked for often is in the processes, too, which drop no more than they have to.
func (s *Shared) ForgetUnder(ctx context.Context, namespaces ...identifier.Key) error {
	return s.forget(ctx, nil, namespaces)
}

func (s *Shared) forget(ctx context.Context, keys, under []identifier.Key) error {
	if len(keys)+len(under) == 0 {
		return nil
	}
	if s.far == nil {
		s.forgetNear(keys, under, false)
		return nil
	}
	// In this order: who looks into Redis after what is here was forgotten knows that it is to be forgotten there.
	debt := s.journal.add(keys, len(under) > 0)
	s.forgetNear(keys, under, false)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.far.forget(debt.keys, under, debt.everything); err != nil {
		return err
	}
	s.journal.settle(debt)
	return nil
}

func (s *Shared) forgetNear(keys, under []identifier.Key, everything bool) {
	if everything {
		s.near.clear()
		return
	}
	for _, k := range keys {
		s.near.forget(k)
	}
	for _, ns := range under {
		s.near.forgetUnder(ns)
	}
}

// pay has Redis forget what it could not be told in time; with recently, also what it may not remember to have been told.
func (s *Shared) pay(recently bool) {
	debt := s.journal.due(recently)
	if len(debt.keys) == 0 && !debt.everything {
		return
	}
	if err := s.far.forget(debt.keys, nil, debt.everything); err == nil {
		s.journal.settle(debt)
	}
}

// Run listens to what other nodes forget, until ctx ends. It then waits for what is under way, and lets go of
// Redis: from then on nothing is kept or told from here. It is to be called once.
func (s *Shared) Run(ctx context.Context) {
	defer func() {
		s.work.close()
		if s.far != nil {
			s.far.client.Close()
		}
	}()
	if s.far == nil {
		<-ctx.Done()
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for every := time.NewTicker(reconnect); ; {
			select {
			case <-ctx.Done():
				every.Stop()
				return
			case <-every.C:
				if s.journal.owing.Load() > 0 {
					s.pay(false)
				}
			}
		}
	})
	lost := false
	for ctx.Err() == nil {
		err := s.listen(ctx, func() {
			if lost {
				s.o.Logger.Info("redis is back")
			}
			lost = false
		})
		s.blind.Store(true)
		if ctx.Err() == nil && !lost {
			s.o.Logger.Warn("redis is lost: answers of other nodes are kept in this process alone", "err", err)
			lost = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(reconnect):
		}
	}
}

// listen subscribes, and does as it is told until the subscription is lost. It calls found once it has one.
func (s *Shared) listen(ctx context.Context, found func()) error {
	first, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	sub := s.far.client.Subscribe(first)
	defer sub.Close()
	defer context.AfterFunc(ctx, func() { sub.Close() })()
	if err := sub.Subscribe(first, s.far.channel()); err != nil {
		return err
	}
	var heard atomic.Int64
	begun := time.Now()
	var wg sync.WaitGroup
	defer wg.Wait()
	ended := make(chan struct{})
	defer close(ended)
	wg.Go(func() {
		for every := time.NewTicker(pingEvery); ; {
			select {
			case <-ended:
				every.Stop()
				return
			case <-every.C:
				if time.Since(begun)-time.Duration(heard.Load()) > silence {
					sub.Close()
					continue
				}
				ctx, cancel := context.WithTimeout(ctx, opTimeout)
				sub.Ping(ctx)
				cancel()
			}
		}
	})
	for {
		v, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		heard.Store(int64(time.Since(begun)))
		switch v := v.(type) {
		case *redis.Subscription:
			// Whatever was told in between is lost.
			s.m.invalidations.WithLabelValues(toldReconnect).Inc()
			s.near.clear()
			s.pay(true)
			s.blind.Store(false)
			found()
		case *redis.Message:
			s.m.invalidations.WithLabelValues(toldMessage).Inc()
			from, kind, keys := parseMessage(v.Payload)
			switch {
			case from == s.far.name: // it was forgotten here before, and may have been asked for since
			case kind == messageKeys:
				s.forgetNear(keys, nil, false)
			case kind == messageUnder:
				s.forgetNear(nil, keys, false)
			default:
				s.forgetNear(nil, nil, true)
			}
		}
	}
}
