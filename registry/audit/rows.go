package audit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/storage"
)

var (
	identityKey = storage.MetaKey("audit")
	headKey     = storage.MetaKey("audit.head")
	anchorKey   = storage.MetaKey("audit.anchor")
	cursorKey   = storage.CursorKey("audit")
)

// identity is the row of identityKey.
type identity struct {
	Store   auditchain.StoreID `json:"store"`
	Created time.Time          `json:"created"`
}

// head is the row of headKey.
type head struct {
	N      uint64          `json:"n"`
	Hash   auditchain.Hash `json:"hash"`
	Time   time.Time       `json:"time"`           // when N was chained
	Newest time.Time       `json:"newest"`         // the latest time of an entry that was chained
	Scan   []byte          `json:"scan,omitempty"` // the table of entries is being gone through, from this key on
}

// anchor is the row of anchorKey.
type anchor struct {
	N    uint64          `json:"n"`
	Hash auditchain.Hash `json:"hash"`
}

// state is the rows that say how far the chain is.
type state struct {
	head    head
	version uint64 // of head; 0: there is none yet
	anchor  anchor
	cursor  storage.Seq
	follows bool // there is a cursor
}

// read reads the state. Before the first entry head and anchor are hash(0).
func (l *Log) read(ctx context.Context, from storage.Reader) (state, error) {
	items, err := from.MultiGet(ctx, [][]byte{headKey, anchorKey, cursorKey})
	if err != nil {
		return state{}, fmt.Errorf("read head of the chain: %w", err)
	}
	start := auditchain.Start(l.id.Store)
	s := state{head: head{Hash: start, Time: l.id.Created}, anchor: anchor{Hash: start}, version: items[0].Version}
	if items[0].Value != nil {
		if err := json.Unmarshal(items[0].Value, &s.head); err != nil {
			return s, fmt.Errorf("read head of the chain: %w", err)
		}
	}
	if items[1].Value != nil {
		if err := json.Unmarshal(items[1].Value, &s.anchor); err != nil {
			return s, fmt.Errorf("read anchor of the chain: %w", err)
		}
	}
	if s.follows = items[2].Value != nil; s.follows {
		if s.cursor, err = storage.DecodeCursor(items[2].Value); err != nil {
			return s, err
		}
	}
	return s, nil
}

// outside is h as others see it.
func (l *Log) outside(h head) auditchain.Head {
	return auditchain.Head{Store: l.id.Store, N: h.N, Hash: h.Hash, Time: h.Time}
}

func read[T any](ctx context.Context, from storage.Reader, key []byte) (v T, version uint64, err error) {
	item, err := from.Get(ctx, key)
	if err != nil {
		return v, 0, err
	}
	return v, item.Version, json.Unmarshal(item.Value, &v)
}

// link is a row of the chain.
type link struct {
	n    uint64
	key  []byte
	hash auditchain.Hash
}

func appendLink(dst []byte, key []byte, hash auditchain.Hash) []byte {
	return append(append(dst, key...), hash[:]...)
}

func parseLink(key, value []byte) (link, error) {
	n, ok := storage.ParseChainKey(key)
	if !ok || len(value) != auditchain.KeySize+len(auditchain.Hash{}) {
		return link{}, fmt.Errorf("row %x of the chain is damaged", key)
	}
	return link{n, value[:auditchain.KeySize:auditchain.KeySize], auditchain.Hash(value[auditchain.KeySize:])}, nil
}

// indexKey is where the number is kept of the entry of that key.
func indexKey(key []byte) []byte { return storage.IndexKey(storage.IndexAudit, nil, key) }

func encodeNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// decodeNumber is the inverse of encodeNumber; 0 if there is none.
func decodeNumber(value []byte) uint64 {
	if len(value) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(value)
}

// last returns the last row of the chain, a link with n 0 if it has none.
func (l *Log) last(ctx context.Context) (last link, err error) {
	r := storage.TableRange(storage.TableChain)
	r.Reverse, r.Limit = true, 1
	err = l.store.Scan(ctx, r, func(key []byte, item storage.Item) error {
		var err error
		last, err = parseLink(key, append([]byte(nil), item.Value...))
		return err
	})
	return last, err
}

// hashAt returns hash(n), the zero hash if the chain has no row for it.
func hashAt(ctx context.Context, from storage.Reader, s state, n uint64) (auditchain.Hash, error) {
	if n == s.anchor.N {
		return s.anchor.Hash, nil
	}
	key := storage.ChainKey(n)
	item, err := from.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return auditchain.Hash{}, nil
	}
	if err != nil {
		return auditchain.Hash{}, err
	}
	row, err := parseLink(key, item.Value)
	return row.hash, err
}
