package registry

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/idnode/idnode/storage"
)

// LastUseKey is where the time is kept at which a credential was last used: of the API key of that
// id, or of an account as accountUse names it.
func LastUseKey(name string) []byte { return storage.CounterKey(storage.CounterLastUse, name) }

// AppendLastUse appends the stored form of a time of last use: milliseconds since 1970 in 8 octets.
func AppendLastUse(dst []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t.UnixMilli()))
}

func parseLastUse(value []byte) time.Time {
	if len(value) != 8 {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(value))).UTC()
}

// lastUses reads when credentials were last used, the zero time for never.
func (r *Registrar) lastUses(ctx context.Context, names []string) ([]time.Time, error) {
	keys := make([][]byte, len(names))
	for i, name := range names {
		keys[i] = LastUseKey(name)
	}
	items, err := r.store.MultiGet(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read times of last use: %w", err)
	}
	times := make([]time.Time, len(items))
	for i, item := range items {
		times[i] = parseLastUse(item.Value)
	}
	return times, nil
}

func (r *Registrar) addLastUse(ctx context.Context, keys []*Key) error {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.ID
	}
	times, err := r.lastUses(ctx, names)
	for i, t := range times {
		keys[i].LastUsed = t
	}
	return err
}
