package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/storage"
)

const (
	pageRows   = 500     // rows of the chain that are read at once
	pageOctets = 4 << 20 // values of a page; the last may pass it
)

// page is a piece of the log, of one moment.
type page struct {
	state   state
	entries []auditchain.Entry
	next    uint64 // where the next page begins
}

// page reads entries from a number up to another, the latter included. Nothing is held when it returns:
// who hands entries to clients takes as long as they do.
func (l *Log) page(ctx context.Context, from, to uint64) (page, error) {
	snap, err := l.store.Snapshot(ctx)
	if err != nil {
		return page{}, err
	}
	defer snap.Close()
	p := page{next: to + 1}
	if p.state, err = l.read(ctx, snap); err != nil {
		return p, err
	}
	var links []link
	r := storage.Range{Start: storage.ChainKey(from), End: storage.ChainKey(to + 1), Limit: pageRows}
	err = snap.Scan(ctx, r, func(key []byte, item storage.Item) error {
		row, err := parseLink(key, append([]byte(nil), item.Value...))
		links = append(links, row)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("read chain: %w", err)
	}
	octets := 0
	for i, row := range links {
		item, err := snap.Get(ctx, row.key)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return p, fmt.Errorf("read audit entry %d: %w", row.n, err)
		}
		if err == nil && item.Value == nil {
			item.Value = []byte{}
		}
		p.entries = append(p.entries, auditchain.Entry{N: row.n, Hash: row.hash, Key: row.key, Value: item.Value})
		if octets += len(item.Value); octets > pageOctets || i == pageRows-1 {
			p.next = row.n + 1
			break
		}
	}
	return p, nil
}
