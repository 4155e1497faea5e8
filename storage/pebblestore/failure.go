package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/idnode/idnode/storage"
)

// fail marks the store as unable to write for the rest of its life, and wakes everybody who waits.
// It may be called by Pebble with its locks held.
func (s *Store) fail(err error) {
	if s.failure.CompareAndSwap(nil, &err) {
		close(s.failed)
		s.logger.Error("store failed: restart the node", "err", err)
	}
}

// failureErr is what callers are told after fail.
func (s *Store) failureErr() error {
	if cause := s.failure.Load(); cause != nil {
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, *cause)
	}
	return storage.ErrUnavailable
}

// apart runs fn on its own goroutine, since Pebble ends the one on which a write fails for good.
func (s *Store) apart(fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return err
	case <-s.failed:
		return s.failureErr()
	}
}

// unavailable marks an error of Pebble as one of ours. A nil error stays nil.
func unavailable(err error) error {
	if err == nil || errors.Is(err, storage.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
}

// logger hands Pebble's messages on.
type logger struct{ s *Store }

func (l logger) Infof(format string, args ...any) {
	if l.s.logger.Enabled(context.Background(), slog.LevelDebug) {
		l.s.logger.Debug("pebble", "msg", fmt.Sprintf(format, args...))
	}
}

func (l logger) Errorf(format string, args ...any) {
	l.s.logger.Error("pebble", "msg", fmt.Sprintf(format, args...))
}

// Fatalf is where Pebble would end the process: its log or manifest cannot be written. The store
// fails instead and the goroutine ends here, running its deferred unlocks, because Pebble does not
// expect Fatalf to return. Reads go on.
func (l logger) Fatalf(format string, args ...any) {
	l.s.fail(fmt.Errorf(format, args...))
	runtime.Goexit()
}

// listener follows what an operator must know of Pebble. The functions are called with Pebble's
// locks held.
func (s *Store) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			// Pebble tries a failed flush again and again, while writers may come to wait for it.
			// Refusing new ones keeps them from queueing behind it.
			full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
			if !full || s.space.full.CompareAndSwap(false, true) {
				s.logger.Error("store background work failed", "err", err)
			}
		},
		FlushEnd: func(info pebble.FlushInfo) {
			if info.Err == nil {
				s.space.full.Store(false)
			}
		},
		CompactionEnd: func(info pebble.CompactionInfo) {
			if info.Err == nil {
				s.space.full.Store(false)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			s.logger.Error("store corrupt", "path", info.Path, "err", info.Details)
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			s.logger.Warn("disk slow", "path", info.Path, "took", info.Duration)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			s.stalls.Add(1)
			s.logger.Warn("store writes stall", "reason", info.Reason)
		},
		WriteStallEnd: func() { s.logger.Info("store writes go on") },
	}
}
