package pebblestore

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/internal/rowenc"
)

// format is the layout of keys and rows that this version reads and writes.
const format = 1

// identity is stored under storage.MetaKey("format").
type identity struct {
	Format  int       `json:"format"`
	Store   string    `json:"store"` // random, tells stores apart
	Created time.Time `json:"created"`
}

// checkFormat refuses stores that this version does not understand, and marks a new one.
func (s *Store) checkFormat() error {
	key := storage.MetaKey("format")
	item, err := get(find, s.db, key, nil)
	switch {
	case err == nil:
		var id identity
		if err := json.Unmarshal(item.Value, &id); err != nil {
			return fmt.Errorf("read store format: %w", err)
		}
		if id.Format != format {
			return fmt.Errorf("the store has format %d, this version of the node knows only %d", id.Format, format)
		}
		return nil
	case !errors.Is(err, storage.ErrNotFound):
		return fmt.Errorf("read store format: %w", err)
	}
	iter, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	empty := !iter.First()
	if err := iter.Close(); err != nil {
		return err
	}
	if !empty {
		return errors.New("the directory holds another program's Pebble store")
	}
	if s.frozen {
		return errors.New("the directory holds no store")
	}
	unique := make([]byte, 16)
	rand.Read(unique)
	value, err := json.Marshal(identity{format, hex.EncodeToString(unique), time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return s.apart(func() error { return s.db.Set(key, rowenc.AppendItem(nil, 0, value), pebble.Sync) })
}
