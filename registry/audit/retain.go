package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/storage"
)

// removeRows is how many entries are removed in one batch.
const removeRows = 500

// removeOld removes at once, and then every interval, what has been kept long enough, until ctx ends.
func (l *Log) removeOld(ctx context.Context) {
	for {
		n, err := l.Sweep(ctx)
		if n > 0 {
			l.o.Logger.Info("old audit entries were removed", "entries", n)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, storage.ErrClosed) {
			l.o.Logger.Error("remove old audit entries", "err", err)
		}
		if !wait(ctx, l.o.Interval) {
			return
		}
	}
}

// Sweep removes the entries that are older than the retention, with their rows of the chain, from the
// front: the first that is younger ends it, and so does the end of the chain. What is removed last
// stays as the anchor of the rest. It returns how many were removed.
func (l *Log) Sweep(ctx context.Context) (removed uint64, err error) {
	if l.o.Retention <= 0 {
		return 0, nil
	}
	limit := l.now().Add(-l.o.Retention)
	for {
		n, err := l.removeSome(ctx, limit)
		removed += n
		if err != nil || n < removeRows {
			return removed, err
		}
	}
}

func (l *Log) removeSome(ctx context.Context, limit time.Time) (uint64, error) {
	s, err := l.read(ctx, l.store)
	if err != nil {
		return 0, err
	}
	var keys [][]byte
	last := s.anchor
	count := uint64(0)
	r := storage.Range{Start: storage.ChainKey(s.anchor.N + 1), End: storage.ChainKey(s.head.N + 1), Limit: removeRows}
	err = l.store.Scan(ctx, r, func(key []byte, item storage.Item) error {
		row, err := parseLink(append([]byte(nil), key...), append([]byte(nil), item.Value...))
		if err != nil {
			return err
		}
		if !auditchain.KeyTime(row.key).Before(limit) {
			return storage.Stop
		}
		keys = append(keys, storage.ChainKey(row.n), indexKey(row.key), row.key)
		last = anchor{row.n, row.hash}
		count++
		return nil
	})
	if err != nil || count == 0 {
		return 0, err
	}
	keys = append(keys, anchorKey)
	items, err := l.store.MultiGet(ctx, keys) // for their versions: somebody may have put what is set here
	if err != nil {
		return 0, err
	}
	var b storage.Batch
	for i, key := range keys[:len(keys)-1] {
		if items[i].Value != nil {
			b.Delete(key, items[i].Version)
		}
	}
	value, err := json.Marshal(&last)
	if err != nil {
		return 0, err
	}
	b.Put(anchorKey, value, items[len(items)-1].Version)
	if _, err := l.store.Apply(ctx, &b); err != nil {
		if errors.Is(err, storage.ErrConflict) { // another node removes
			return 0, nil
		}
		return 0, fmt.Errorf("remove up to entry %d: %w", last.N, err)
	}
	l.metrics.removed.Add(float64(count))
	return count, nil
}
