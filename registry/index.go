package registry

import (
	"encoding/binary"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// reindex brings what the indexes have of a record from the state before to that after, in the
// batch that writes the record. Most records are in no index and cost nothing.
func (r *Registrar) reindex(b *storage.Batch, k identifier.Key, out outcome) {
	after := r.indexKeys(k, out.record)
	before := r.indexKeys(k, out.before)
	if len(after) == 0 && len(before) == 0 {
		return
	}
	gone := make(map[string]struct{}, len(before))
	for _, key := range before {
		gone[string(key)] = struct{}{}
	}
	for _, key := range after {
		if _, there := gone[string(key)]; there {
			delete(gone, string(key))
			continue
		}
		b.Set(key, []byte{})
	}
	for key := range gone {
		b.Delete([]byte(key), 0)
	}
}

// indexKeys are the keys that the indexes have of a state of a record, each once.
func (r *Registrar) indexKeys(k identifier.Key, rec *identifier.Record) [][]byte {
	if rec == nil {
		return nil
	}
	var keys [][]byte
	for _, ref := range r.references(rec) {
		keys = append(keys, storage.IndexKey(storage.IndexReference,
			[]string{ref.to.Scheme.String(), ref.to.Name, k.Scheme.String(), k.Name}, binary.BigEndian.AppendUint32(nil, ref.index)))
	}
	return keys
}
