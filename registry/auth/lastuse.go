package auth

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// flushEvery is how often times of last use are written: each credential's at most once in it.
const flushEvery = time.Minute

// flushTimeout bounds the last write, at the end of Run.
const flushTimeout = 5 * time.Second

// lastUse keeps in memory when credentials were used that have not been written since. It holds at
// most one time for each credential that there is.
type lastUse struct {
	mu    sync.Mutex
	times map[string]time.Time
}

func (l *lastUse) note(name string, now time.Time) {
	l.mu.Lock()
	if l.times == nil {
		l.times = make(map[string]time.Time)
	}
	l.times[name] = now
	l.mu.Unlock()
}

// flush writes what was noted, in one batch. What could not be written is written the next time.
func (l *lastUse) flush(ctx context.Context, w storage.Writer) error {
	l.mu.Lock()
	times := l.times
	l.times = nil
	l.mu.Unlock()
	if len(times) == 0 {
		return nil
	}
	var b storage.Batch
	for name, t := range times {
		b.Set(registry.LastUseKey(name), registry.AppendLastUse(nil, t))
	}
	_, err := w.Apply(ctx, &b)
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, t := range l.times {
		times[name] = t
	}
	l.times = times
	return err
}

// Run writes the times at which credentials were last used, once a minute until ctx ends and then
// once more.
func (v *Verifier) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
			defer cancel()
			v.flush(last)
			return
		case <-tick.C:
			v.flush(ctx)
		}
	}
}

func (v *Verifier) flush(ctx context.Context) {
	if err := v.used.flush(ctx, v.store); err != nil && ctx.Err() == nil {
		v.log.Warn("times of last use were not written", "err", err)
	}
}

// logger is l, or the default one.
func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.Default()
	}
	return l
}
