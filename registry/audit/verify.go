package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

const (
	verifyRows   = 2048 // entries that are looked at in one state of the store
	reportedRows = 100  // of the entries that are not in the chain, so many are told
)

// Findings is what Verify found.
type Findings struct {
	Verified bool              `json:"verified"`
	From     auditchain.Anchor `json:"from"` // what the log begins behind
	Head     auditchain.Head   `json:"head"` // what it was verified up to, if it was
	Pending  uint64            `json:"pending"`

	// Problem is what is wrong with the chain: its kind as package auditchain has it, and the first number.
	Problem *Fault `json:"problem,omitempty"`

	// Unchained is how many entries the log has that are not in the chain, although they are older than what
	// is: somebody put them there. Strangers are the first of them.
	Unchained uint64     `json:"unchained"`
	Strangers []Stranger `json:"strangers,omitempty"`
}

// Fault is what is wrong with the chain, and where first.
type Fault struct {
	Kind   string `json:"kind"`
	N      uint64 `json:"n"`
	Detail string `json:"detail"`
}

// Stranger is an entry that is not in the chain.
type Stranger struct {
	Key  string    `json:"key"` // base64url, as in exports
	Time time.Time `json:"time"`
}

// Verify goes through the whole log: whether each entry is what was chained, and whether each is in the
// chain. Pending are those that are to be chained yet, of the last seconds as a rule. It reads all there
// is, in pieces of one moment each. Refusal: registry.CodeForbidden.
func (l *Log) Verify(ctx context.Context, a registry.Actor) (*Findings, error) {
	if err := allow(a); err != nil {
		return nil, err
	}
	r := new(Findings)
	err := l.verifyChain(ctx, r)
	if problem, ok := errors.AsType[*auditchain.Problem](err); ok {
		r.Problem, err = &Fault{problem.Kind, problem.N, problem.Error()}, nil
	}
	if err == nil {
		err = l.findUnchained(ctx, r)
	}
	if err != nil {
		return nil, registry.AsError(err)
	}
	r.Verified = r.Problem == nil && r.Unchained == 0
	return r, nil
}

// verifyChain verifies the chain up to its present head.
func (l *Log) verifyChain(ctx context.Context, r *Findings) error {
	at, err := l.read(ctx, l.store)
	if err != nil {
		return err
	}
	r.Head = l.outside(at.head)
	r.From = auditchain.Anchor{Store: l.id.Store, N: at.anchor.N, Hash: at.anchor.Hash}
	v, err := auditchain.NewVerifier(r.From)
	if err != nil {
		return err
	}
	for next := at.anchor.N + 1; next <= at.head.N; {
		p, err := l.page(ctx, next, at.head.N)
		if err != nil {
			return err
		}
		if p.state.anchor.N >= next { // removed for its age meanwhile
			r.From.N, r.From.Hash = p.state.anchor.N, p.state.anchor.Hash
			if v, err = auditchain.NewVerifier(r.From); err != nil {
				return err
			}
		}
		for _, e := range p.entries {
			if err := v.Add(e); err != nil {
				return err
			}
		}
		next = p.next
	}
	if r.From.N > at.head.N { // all of it was removed meanwhile
		return nil
	}
	return v.End(at.head.N, at.head.Hash)
}

// findUnchained goes through the table of entries for those that are not in the chain.
func (l *Log) findUnchained(ctx context.Context, r *Findings) error {
	span := storage.TableRange(storage.TableAudit)
	span.Limit = verifyRows
	for span.Start != nil {
		next, err := l.unchained(ctx, span, r)
		if err != nil {
			return err
		}
		span.Start = next
	}
	return nil
}

// unchained looks at the entries of span, in one state of the store, and returns where the next begin, nil
// at the end.
func (l *Log) unchained(ctx context.Context, span storage.Range, r *Findings) (next []byte, err error) {
	snap, err := l.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	at, err := l.read(ctx, snap)
	if err != nil {
		return nil, err
	}
	var keys, index [][]byte
	err = snap.Scan(ctx, span, func(key []byte, _ storage.Item) error {
		key = append([]byte(nil), key...)
		keys, index = append(keys, key), append(index, indexKey(key))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(keys) == span.Limit {
		next = append(append([]byte(nil), keys[len(keys)-1]...), 0)
	}
	numbers, err := snap.MultiGet(ctx, index)
	if err != nil {
		return nil, err
	}
	rows := make([][]byte, len(keys))
	for i := range numbers {
		rows[i] = storage.ChainKey(decodeNumber(numbers[i].Value))
	}
	links, err := snap.MultiGet(ctx, rows)
	if err != nil {
		return nil, err
	}
	var due time.Time // entries from before are chained; zero: not known yet
	for i, key := range keys {
		if link, err := parseLink(rows[i], links[i].Value); err == nil && string(link.key) == string(key) && link.n <= at.head.N {
			continue
		}
		if due.IsZero() {
			if due, err = l.due(ctx, at); err != nil {
				return nil, err
			}
		}
		if l.expected(key, at, due) {
			r.Pending++
			continue
		}
		if r.Unchained++; len(r.Strangers) < reportedRows {
			s := Stranger{Key: base64.RawURLEncoding.EncodeToString(key)}
			if len(key) == auditchain.KeySize {
				s.Time = auditchain.KeyTime(key)
			}
			r.Strangers = append(r.Strangers, s)
		}
	}
	return next, nil
}

// due is the time from before which all entries are in the chain of that state: when the first batch was
// applied that the cursor has not passed, now if there is none.
func (l *Log) due(ctx context.Context, at state) (time.Time, error) {
	entries, err := l.store.Read(ctx, at.cursor, 1)
	switch {
	case errors.Is(err, storage.ErrTrimmed):
		return at.head.Newest, nil // the follower will go through the table from there on
	case err != nil:
		return time.Time{}, err
	case len(entries) == 0:
		return l.now(), nil
	}
	return entries[0].Time, nil
}

// expected reports whether an entry that is not in the chain is one that will be: its batch may have been
// applied after due, or the follower has not come to it in going through the table. One that is dated
// later than now is expected only while the follower has something to do.
func (l *Log) expected(key []byte, at state, due time.Time) bool {
	if len(key) != auditchain.KeySize {
		return false
	}
	if !at.follows || at.head.Scan != nil && string(key) >= string(at.head.Scan) {
		return true
	}
	dated := auditchain.KeyTime(key)
	if now := l.now(); dated.After(now.Add(lateness)) {
		return due.Before(now.Add(-time.Second))
	}
	return dated.After(due.Add(-lateness))
}
