package registry

import (
	"encoding/binary"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// reindex brings what the indexes have of a record from the state before to that after, in the
// batch that writes the record. Most records are in no index and cost nothing.
func (r *Registrar) reindex(b *storage.Batch, k identifier.Key, out outcome) {
	after := r.indexKeys(k, out.record, out.follows)
	before := r.indexKeys(k, out.before, out.followed)
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

// indexKeys are the keys that the indexes have of a state of a record that follows t, each once. A
// tombstone is found by its template, so that the template stays such that it can be restored, and by
// its successor.
func (r *Registrar) indexKeys(k identifier.Key, rec *identifier.Record, t *compiled) [][]byte {
	if rec == nil {
		return nil
	}
	var keys [][]byte
	if t != nil && t.Validator != nil {
		place := append([]byte{byte(k.Scheme)}, k.Name...)
		keys = append(keys, storage.IndexKey(storage.IndexField, append(fieldParts(t.Template, 0), ""), place))
		for _, f := range t.Searchable() {
			for i := 0; i < len(rec.Values) && rec.State == identifier.Active; i++ {
				if v := &rec.Values[i]; v.Index == f.Index {
					keys = append(keys, storage.IndexKey(storage.IndexField, append(fieldParts(t.Template, f.Index), t.IndexText(f, v.Data)), place))
				}
			}
		}
	}
	for _, ref := range r.references(rec, t) {
		keys = append(keys, storage.IndexKey(storage.IndexReference,
			[]string{ref.to.Scheme.String(), ref.to.Name, k.Scheme.String(), k.Name}, binary.BigEndian.AppendUint32(nil, ref.index)))
	}
	return keys
}

// fieldParts begin the index of the records of a template by a field; field 0 is that of all of them.
func fieldParts(t *Template, field uint32) []string {
	return []string{t.Scheme.String(), t.Prefix, t.Name, string(binary.BigEndian.AppendUint32(nil, field))}
}
