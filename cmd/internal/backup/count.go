package backup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/idnode/idnode/storage"
)

// Table is what was counted of a table: its rows, and a SHA-256 over all of them in order, each as the length of the key, the key,
// the version, the length of the value, the value; numbers are uvarints.
type Table struct {
	Rows   uint64 `json:"rows"`
	SHA256 string `json:"sha256"`
}

// counted is what a store holds.
type counted struct {
	store    string
	position storage.Seq
	tables   map[string]Table // nil: not counted
}

func (c *counted) rows() (n uint64) {
	for _, t := range c.tables {
		n += t.Rows
	}
	return n
}

// count reads who the store is and how far its change log goes and, if all is set, every row.
func count(ctx context.Context, s storage.Store, all bool) (c counted, err error) {
	item, err := s.Get(ctx, storage.MetaKey("format"))
	if err != nil {
		return c, fmt.Errorf("read identity of the store: %w", err)
	}
	var id struct{ Store string }
	if err := json.Unmarshal(item.Value, &id); err != nil {
		return c, fmt.Errorf("read identity of the store: %w", err)
	}
	c.store = id.Store
	if c.position, err = s.Last(ctx); err != nil || !all {
		return c, err
	}
	var sum hash.Hash
	var now storage.Table
	var rows uint64
	buf := make([]byte, 0, 64<<10)
	c.tables = make(map[string]Table)
	flush := func() {
		sum.Write(buf)
		buf = buf[:0]
	}
	end := func() {
		if rows > 0 {
			flush()
			c.tables[now.String()] = Table{rows, hex.EncodeToString(sum.Sum(nil))}
		}
		sum, rows = sha256.New(), 0
	}
	end()
	err = s.Scan(ctx, storage.Range{Start: []byte{0}, End: []byte{0xff}}, func(key []byte, item storage.Item) error {
		if t := storage.TableOf(key); t != now {
			end()
			now = t
		}
		rows++
		if len(buf)+len(key)+len(item.Value)+30 > cap(buf) {
			flush()
		}
		buf = binary.AppendUvarint(buf, uint64(len(key)))
		buf = append(buf, key...)
		buf = binary.AppendUvarint(buf, item.Version)
		buf = binary.AppendUvarint(buf, uint64(len(item.Value)))
		if len(item.Value) > cap(buf)/2 {
			flush()
			sum.Write(item.Value)
			return nil
		}
		buf = append(buf, item.Value...)
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("count rows: %w", err)
	}
	end()
	return c, nil
}

// compare reports in what c is not what the manifest says.
func (c *counted) compare(m *Manifest) (wrong []error) {
	if c.store != m.Store {
		wrong = append(wrong, fmt.Errorf("the store is %s, the manifest says %s", c.store, m.Store))
	}
	if c.position != m.Position {
		wrong = append(wrong, fmt.Errorf("the change log ends at %d, the manifest says %d", c.position, m.Position))
	}
	if c.tables == nil || m.Tables == nil {
		return wrong
	}
	both := maps.Clone(m.Tables)
	maps.Copy(both, c.tables)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		if got, want := c.tables[name], m.Tables[name]; got != want {
			wrong = append(wrong, fmt.Errorf("table %s has %d rows, digest %.12s; the manifest says %d, %.12s", name, got.Rows, got.SHA256, want.Rows, want.SHA256))
		}
	}
	return wrong
}
