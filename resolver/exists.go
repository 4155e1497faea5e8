package resolver

import (
	"context"
	"fmt"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// maxTombstones is how many revoked records in a row are looked past for one that is not; where
// there are more, names are taken to exist.
const maxTombstones = 16

// HasBeneath reports whether records are registered whose canonical names in scheme begin with
// beginning. It is one ordered seek, whatever the number of records.
func (r *Resolver) HasBeneath(ctx context.Context, scheme identifier.Scheme, beginning string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.ReadTimeout)
	defer cancel()
	keys := storage.PrefixRange(storage.RecordKey(identifier.Key{Scheme: scheme, Name: beginning}))
	keys.Limit = maxTombstones
	seen, active := 0, false
	err := r.o.Store.Scan(ctx, keys, func(_ []byte, item storage.Item) error {
		seen++
		rec, err := identifier.DecodeRecord(item.Value)
		if err != nil {
			return err
		}
		if rec.State == identifier.Revoked {
			return nil
		}
		active = true
		return storage.Stop
	})
	if err != nil {
		return false, fmt.Errorf("look beneath %s:%s: %w", scheme, beginning, err)
	}
	return active || seen == maxTombstones, nil
}

// HasNamespaceBeneath reports whether the canonical name of a namespace of scheme, allocated or the
// node's own, begins with beginning.
func (r *Resolver) HasNamespaceBeneath(scheme identifier.Scheme, beginning string) bool {
	for _, own := range r.o.Own {
		if own.Scheme == scheme && strings.HasPrefix(own.Name, beginning) {
			return true
		}
	}
	return r.o.Namespaces.Begin(scheme, beginning)
}

// HasLongName reports whether an identifier has, or had, a DNS name below the one whose labels stand
// in reversed from the zone down, each with a dot behind it, where that cannot be told from the order of records: see
// [storage.LongNameKey].
func (r *Resolver) HasLongName(ctx context.Context, reversed string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.ReadTimeout)
	defer cancel()
	keys := storage.PrefixRange(storage.LongNameKey(reversed))
	keys.Limit = 1
	found := false
	err := r.o.Store.Scan(ctx, keys, func([]byte, storage.Item) error {
		found = true
		return storage.Stop
	})
	if err != nil {
		return false, fmt.Errorf("look for names below %s: %w", reversed, err)
	}
	return found, nil
}
