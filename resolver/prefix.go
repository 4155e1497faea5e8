package resolver

import (
	"context"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// The indexes at which a computed prefix record holds its values.
const (
	siteIndex  = 1
	adminIndex = 100
)

// prefixRecord answers a question for the namespace ns itself. A stored record of the prefix wins;
// otherwise the answer is made from the namespace.
func (r *Resolver) prefixRecord(ctx context.Context, q *Query, ns *identifier.Namespace) Answer {
	rec, tier, err := r.record(ctx, q.ID.Key(false), q)
	if rec == nil && err == nil {
		site := r.o.Site()
		if ns.Mode == identifier.Delegated {
			theirs := handle.ServiceSite(ns.Service)
			site = handle.AppendSite(nil, &theirs)
		}
		rec, tier = r.computed(q.ID, site, uint32(ns.Updated.Unix())), TierComputed
		rec.Created, rec.Updated, rec.Version = ns.Created, ns.Updated, ns.Version
	}
	return r.answer(q, ns, rec, tier, err)
}

// ownPrefix answers a question for a prefix that is not allocated: the node's own ones have a record.
func (r *Resolver) ownPrefix(q *Query) Answer {
	for prefix := range q.ID.Namespaces() {
		k := identifier.Key{Scheme: q.ID.Scheme(), Name: prefix}
		for _, own := range r.o.Own {
			if own == k {
				return r.answer(q, nil, r.computed(q.ID, r.o.Site(), 0), TierComputed, nil)
			}
		}
		if r.Owns(k) {
			return Answer{Status: NotFound}
		}
	}
	return Answer{Status: NotResponsible}
}

// computed makes a prefix record: where to ask (HS_SITE at index 1) and who administers (HS_ADMIN
// at 100).
func (r *Resolver) computed(id identifier.ID, site []byte, timestamp uint32) *identifier.Record {
	admin := r.o.Admin
	if admin.Handle == "" {
		admin = identifier.Ref{Handle: "0.NA/" + id.Suffix(), Index: 300}
	}
	value := func(index uint32, typ string, data []byte) identifier.Value {
		return identifier.Value{Index: index, Type: typ, Data: data, TTL: identifier.DefaultTTL,
			Perms: identifier.DefaultPerms, Timestamp: timestamp}
	}
	rec := &identifier.Record{Scheme: id.Scheme(), ID: id.String(), State: identifier.Active}
	if site != nil {
		rec.Values = append(rec.Values, value(siteIndex, "HS_SITE", site))
	}
	rec.Values = append(rec.Values, value(adminIndex, "HS_ADMIN",
		handle.AppendAdmin(nil, handle.Admin{Perms: handle.MayAll, Ref: admin})))
	return rec
}
