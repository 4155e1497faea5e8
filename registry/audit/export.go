package audit

import (
	"context"
	"strconv"
	"time"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// Bound is where a part of the log begins or ends: at a number, or at a time. The zero Bound is none.
type Bound struct {
	N    uint64
	Time time.Time
}

// ParseBound reads a number, or a time in RFC 3339. "" is none.
func ParseBound(text string) (Bound, bool) {
	if text == "" {
		return Bound{}, true
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return Bound{N: n}, n > 0
	}
	t, err := time.Parse(time.RFC3339, text)
	return Bound{Time: t}, err == nil && t.Year() >= 1970 && t.Year() < 2262
}

// Part is a part of the log without gaps: by numbers from From to To, both included; by times such that
// it holds all entries from From up to, but not including, To, and perhaps some more, for the entries
// of the chain do not quite stand in the order of their times. The zero Part is all.
type Part struct {
	From, To Bound
}

// Export writes the part of the log that has been chained, in lines as package auditchain has them; write
// is called with some lines at a time, and no state of the store is held meanwhile. What is not right
// with the log is exported as it is: who verifies the export finds it. Refusal: registry.CodeForbidden.
// With any other error the export has no last line.
func (l *Log) Export(ctx context.Context, part Part, a registry.Actor, write func(lines []byte) error) error {
	if err := allow(a); err != nil {
		return err
	}
	at, err := l.read(ctx, l.store)
	if err != nil {
		return registry.AsError(err)
	}
	from, to, err := l.resolve(ctx, part, at)
	if err != nil {
		return registry.AsError(err)
	}
	before, err := hashAt(ctx, l.store, at, from-1)
	if err != nil {
		return registry.AsError(err)
	}
	end := l.outside(at.head)
	if to != at.head.N {
		end.N = to
		if end.Hash, err = hashAt(ctx, l.store, at, to); err != nil {
			return registry.AsError(err)
		}
	}
	lines := auditchain.AppendAnchor(nil, auditchain.Anchor{Store: l.id.Store, N: from - 1, Hash: before})
	for next := from; next <= to; {
		p, err := l.page(ctx, next, to)
		if err != nil {
			return registry.AsError(err)
		}
		if p.state.anchor.N >= next {
			return registry.Refuse(registry.CodeConflict, "", "entries were removed for their age while they were exported: export again")
		}
		for _, e := range p.entries {
			if lines = auditchain.AppendEntry(lines, e); len(lines) >= 32<<10 {
				if err := write(lines); err != nil {
					return err
				}
				lines = lines[:0]
			}
		}
		next = p.next
	}
	return write(auditchain.AppendEnd(lines, end))
}

// resolve returns the first and last number of part, of what the chain still has. If it has nothing of
// it, the last is the one before the first.
func (l *Log) resolve(ctx context.Context, part Part, at state) (from, to uint64, err error) {
	from, to = at.anchor.N+1, at.head.N
	if part.From.N > 0 {
		from = max(from, part.From.N)
	}
	if part.To.N > 0 {
		to = min(to, part.To.N)
	}
	if !part.From.Time.IsZero() || !part.To.Time.IsZero() {
		first, last, err := l.numbers(ctx, part.From.Time, part.To.Time)
		if err != nil {
			return 0, 0, err
		}
		if first == 0 { // nothing is of that time
			first, last = at.head.N+1, at.head.N
		}
		from, to = max(from, first), min(to, last)
	}
	from = max(at.anchor.N+1, min(from, at.head.N+1))
	return from, max(to, from-1), nil
}

// numbers returns the least and the greatest number of an entry from one time up to another, 0 if there is none.
func (l *Log) numbers(ctx context.Context, from, to time.Time) (first, last uint64, err error) {
	span := storage.PrefixRange(storage.IndexKey(storage.IndexAudit, nil, nil))
	if !from.IsZero() {
		span.Start = indexKey(storage.AuditKey(from, [8]byte{}))
	}
	if !to.IsZero() {
		span.End = indexKey(storage.AuditKey(to, [8]byte{}))
	}
	err = l.store.Scan(ctx, span, func(_ []byte, item storage.Item) error {
		n := decodeNumber(item.Value)
		if n > 0 && (first == 0 || n < first) {
			first = n
		}
		last = max(last, n)
		return nil
	})
	return first, last, err
}
