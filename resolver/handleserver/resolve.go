package handleserver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"strings"
	"unsafe"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// referralSince is the version from which clients understand prefix referrals.
var referralSince = handle.Version{Major: 2, Minor: 10}

// resolve answers a resolve request.
func (a *answerer) resolve(ctx context.Context, x *exchange) []byte {
	defer a.release()
	if err := handle.ParseResolveRequest(x.message.Body, &a.request); err != nil {
		return a.refuse(x, handle.RcodeProtocolError, err.Error())
	}
	if x.envelope.SessionID != 0 {
		return a.deny(x, "resolve", handle.RcodeSessionTimeout, textSession)
	}
	a.count(identifier.Handle, "resolve", resolver.Failed)
	flags := x.message.Header.Flags
	a.types = a.types[:0]
	for _, t := range a.request.Types {
		a.types = append(a.types, string(t))
	}
	q := resolver.Query{
		Types:   a.types,
		Indexes: a.request.Indexes,
		// A client that cannot follow a referral is spared one, if the node is willing.
		Recurse: flags&handle.FlagRecurse != 0 && x.version.Before(referralSince),
		Scratch: &a.scratch,
	}
	var ans resolver.Answer
	// A view, good as long as the request is: a resolver keeps nothing of a query that has a Scratch.
	name := unsafe.String(unsafe.SliceData(a.request.Handle), len(a.request.Handle))
	if id, err := identifier.Handle.Parse(name); err == nil {
		q.ID = id
		ans = a.s.resolve(ctx, q)
		a.stamp = ans.Stamp
	} else {
		name = strings.Clone(name)
		ans = a.misnamed(ctx, name)
	}
	if ans.Status == resolver.NotResponsible {
		name = strings.Clone(name)
		a.stamp = resolver.Stamp{} // other readings were looked for, too
		if other, ok := a.otherwise(ctx, name, q); ok {
			q, ans = other.Query, other.Answer
		}
	}
	if ans.Status == resolver.Referral && (flags&handle.FlagDoNotRefer != 0 || ans.Service == nil) {
		ans.Status = resolver.NotFound
	}
	a.outcome.Status, a.outcome.Tier = ans.Status, ans.Tier
	switch ans.Status {
	case resolver.Found, resolver.NoValues:
		return a.values(x, &q, &ans)
	case resolver.Referral:
		return a.referral(x, &ans)
	case resolver.NotResponsible:
		return a.fail(x, rcodeOf(ans.Status), textNotResponsible)
	}
	return a.fail(x, rcodeOf(ans.Status), "")
}

// keptSelectors is how many types and indexes of a request an answerer keeps room for.
const keptSelectors = 256

// release lets go of the request: its views hold the whole message, and the lists of a long one
// many times that, for as long as a connection is idle.
func (a *answerer) release() {
	if cap(a.request.Types) > keptSelectors || cap(a.request.Indexes) > keptSelectors {
		a.request, a.types = handle.ResolveRequest{}, nil
		return
	}
	clear(a.request.Types)
	clear(a.types)
	a.request.Handle = nil
}

// misnamed answers for a name that no record can have: under a prefix that is answered for here
// there is no such handle, elsewhere we are not responsible.
func (a *answerer) misnamed(ctx context.Context, name string) resolver.Answer {
	prefix, _, _ := strings.Cut(name, "/")
	id, err := identifier.Handle.Parse(prefix)
	if err != nil || a.s.resolve(ctx, resolver.Query{ID: id}).Status == resolver.NotResponsible {
		return resolver.Answer{Status: resolver.NotResponsible}
	}
	return resolver.Answer{Status: resolver.NotFound}
}

// otherwise answers for a name that is no Handle of ours as for a code of another scheme.
func (a *answerer) otherwise(ctx context.Context, name string, q resolver.Query) (resolver.Asked, bool) {
	asked := a.s.o.Resolver.Ask(ctx, name, 0, q)
	switch {
	case asked.Answer.Status == resolver.NotResponsible, asked.Answer.Status == resolver.Invalid:
		return asked, false
	}
	return asked, asked.Query.ID.Scheme() != identifier.Handle
}

// values answers with the values of a record that are asked for.
func (a *answerer) values(x *exchange, q *resolver.Query, ans *resolver.Answer) []byte {
	if ans.Record == nil {
		return a.fail(x, handle.RcodeValuesNotFound, "")
	}
	if x.message.Header.Flags&handle.FlagPublicOnly == 0 {
		switch permit(q, ans.Record) {
		case handle.RcodePermissionDenied:
			return a.fail(x, handle.RcodePermissionDenied, "")
		case handle.RcodeAuthNeeded:
			return a.challenge(x)
		}
	}
	a.body(x)
	out, count := handle.BeginValues(x.out, a.request.Handle)
	n := 0
	for i := range ans.Record.Values {
		if v := &ans.Record.Values[i]; v.Public() && q.Wants(v) {
			out = handle.AppendValue(out, v)
			n++
		}
	}
	x.out = handle.FinishValues(out, count, n)
	if n == 0 {
		return a.fail(x, handle.RcodeValuesNotFound, "")
	}
	return a.finish(x, handle.RcodeSuccess, 0)
}

// permit says what an asker who wants private values too must do first: nothing, authenticate, or
// give up because of a value that nobody may read.
func permit(q *resolver.Query, r *identifier.Record) handle.Rcode {
	code := handle.RcodeSuccess
	for i := range r.Values {
		v := &r.Values[i]
		if v.Public() || !q.Wants(v) {
			continue
		}
		if v.Perms&identifier.AdminRead == 0 {
			return handle.RcodePermissionDenied
		}
		code = handle.RcodeAuthNeeded
	}
	return code
}

// challenge asks the client to authenticate. The session id names the challenge.
func (a *answerer) challenge(x *exchange) []byte {
	a.stamp = resolver.Stamp{}
	var random [20]byte
	rand.Read(random[:])
	x.session = binary.BigEndian.Uint32(random[16:])&0x7fffffff | 1
	x.out = handle.AppendChallenge(handle.Begin(x.out), x.version, x.message.Core, random[:16])
	return a.finish(x, handle.RcodeAuthNeeded, handle.FlagDigest)
}

// referral answers with the site to ask instead.
func (a *answerer) referral(x *exchange, ans *resolver.Answer) []byte {
	site := handle.ServiceSite(ans.Service)
	v := identifier.Value{
		Index: 1, Type: "HS_SITE.PREFIX", Data: handle.AppendSite(nil, &site),
		TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms,
	}
	if ans.Namespace != nil {
		v.Timestamp = uint32(ans.Namespace.Updated.Unix())
	}
	a.body(x)
	out, count := handle.BeginValues(x.out, "")
	x.out = handle.FinishValues(handle.AppendValue(out, &v), count, 1)
	return a.finish(x, handle.RcodePrefixReferral, 0)
}
