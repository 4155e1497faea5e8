package registry

import (
	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/storage"
)

// longNames adds to a batch, once each, the names of the DNS that stand above those of its new
// records and that the order of records does not tell, see [storage.LongNameKey]. They are never
// removed: a tombstone keeps the name that it had.
type longNames map[string]struct{}

func (l *longNames) add(b *storage.Batch, q *request) {
	if len(q.key.Name) <= dnsname.MaxShort {
		return
	}
	caseSensitive := q.key.Name != q.id.Canonical()
	l.put(b, q, caseSensitive)
	if folded, err := q.id.Scheme().Parse(q.id.Canonical()); err == nil && !caseSensitive && folded.String() != q.id.String() {
		l.put(b, &request{id: folded}, false) // asked for in the spelling of a DNS name as well
	}
}

func (l *longNames) put(b *storage.Batch, q *request, caseSensitive bool) {
	name, ok := dnsname.Long(q.id, caseSensitive)
	if !ok {
		return
	}
	if _, known := (*l)[name]; known {
		return
	}
	if *l == nil {
		*l = make(longNames)
	}
	(*l)[name] = struct{}{}
	b.Set(storage.LongNameKey(name), []byte{})
}
