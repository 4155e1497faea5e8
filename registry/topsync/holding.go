package topsync

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// holding is what the sync knows of a namespace.
type holding struct {
	Records   int64     `json:"records"` // that are active
	Known     bool      `json:"known"`   // the rest is filled in
	Live      bool      `json:"live"`    // not withdrawn
	Own       bool      `json:"own"`     // an enterprise's, not the node's
	Hosted    bool      `json:"hosted"`
	Effective time.Time `json:"effective,omitzero"` // when it was first active
}

func (k *keeper) holding(ns identifier.Key) *holding {
	h := k.holdings[ns]
	if h == nil {
		h = new(holding)
		k.holdings[ns] = h
	}
	return h
}

func holdingKey(k identifier.Key) []byte {
	return storage.SyncKey(storage.SyncHolding, []string{qualified(k)}, nil)
}

// qualified names a namespace in keys and rows: a Handle prefix as it is, others behind their scheme.
func qualified(k identifier.Key) string {
	if k.Scheme == identifier.Handle {
		return k.Name
	}
	return k.Scheme.String() + ":" + k.Name
}

// unqualified is the inverse of qualified.
func unqualified(text string) (identifier.Key, bool) {
	if name, rest, found := strings.Cut(text, ":"); found {
		scheme, err := identifier.ParseScheme(name)
		return identifier.Key{Scheme: scheme, Name: rest}, err == nil
	}
	return identifier.Key{Scheme: identifier.Handle, Name: text}, text != ""
}

func (k *keeper) readHoldings(ctx context.Context) error {
	span := storage.PrefixRange(storage.SyncKey(storage.SyncHolding, nil, nil))
	err := k.s.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
		_, parts, _, ok := storage.ParseSyncKey(key, 1)
		if !ok {
			return errDamaged
		}
		ns, ok := unqualified(parts[0])
		if !ok {
			return errDamaged
		}
		h := new(holding)
		k.holdings[ns] = h
		return json.Unmarshal(item.Value, h)
	})
	if err != nil {
		return fmt.Errorf("read what prefixes hold: %w", err)
	}
	return nil
}

// Kinds of what is new on a day.
const (
	countIdentifiers = "identifiers"
	countPrefixes    = "prefixes"
)

// freshKey is where it is counted how many things of a kind are new on a day.
func freshKey(d day, kind string, of identifier.Key) []byte {
	return storage.SyncKey(storage.SyncDay, []string{string(d), kind, qualified(of)}, nil)
}

func readCount(ctx context.Context, from storage.Reader, key []byte) (uint64, error) {
	item, err := from.Get(ctx, key)
	if isNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return parseCount(item.Value)
}

func parseCount(value []byte) (uint64, error) {
	n, size := binary.Uvarint(value)
	if size <= 0 {
		return 0, errDamaged
	}
	return n, nil
}

func appendCount(n uint64) []byte { return binary.AppendUvarint(nil, n) }

func isNotFound(err error) bool { return errors.Is(err, storage.ErrNotFound) }
