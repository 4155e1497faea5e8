package handleserver

import (
	"context"
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
	if ans.Status == resolver.NotFound && flags&handle.FlagDoNotRefer == 0 && !q.ID.IsZero() {
		if values := a.ancestor(ctx, q.ID, ans.Namespace); values != nil {
			a.stamp = resolver.Stamp{} // other records were looked for, too
			a.outcome.Status, a.outcome.Tier = resolver.Referral, resolver.TierStore
			return a.refer(x, values)
		}
	}
	a.outcome.Status, a.outcome.Tier = ans.Status, ans.Tier
	switch ans.Status {
	case resolver.Found, resolver.NoValues:
		return a.values(ctx, x, &q, &ans)
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
func (a *answerer) values(ctx context.Context, x *exchange, q *resolver.Query, ans *resolver.Answer) []byte {
	if ans.Record == nil {
		return a.fail(x, handle.RcodeValuesNotFound, "")
	}
	public := true
	if x.message.Header.Flags&handle.FlagPublicOnly == 0 {
		switch permit(q, ans.Record) {
		case handle.RcodePermissionDenied:
			return a.fail(x, handle.RcodePermissionDenied, "")
		case handle.RcodeAuthNeeded:
			if out, ok := a.mayReadPrivate(ctx, x, ans.Record); !ok {
				return out
			}
			public, x.private = false, true
		}
	}
	a.body(x)
	out, count := handle.BeginValues(x.out, a.request.Handle)
	n := 0
	for i := range ans.Record.Values {
		if v := &ans.Record.Values[i]; (v.Public() || !public) && q.Wants(v) {
			out = handle.AppendValue(out, v)
			n++
		}
	}
	x.out = handle.FinishValues(out, count, n)
	if n == 0 {
		return a.fail(x, handle.RcodeValuesNotFound, "")
	}
	var flags handle.OpFlags
	if x.message.Header.Flags&handle.FlagCheckTrust != 0 {
		flags = a.trusted(ctx, q, ans.Record, public)
	}
	return a.finish(x, handle.RcodeSuccess, flags)
}

// mayReadPrivate makes sure that the asker may read what not everybody may; otherwise it returns the answer.
func (a *answerer) mayReadPrivate(ctx context.Context, x *exchange, rec *identifier.Record) (out []byte, ok bool) {
	if a.s.o.Admin == nil {
		return a.fail(x, handle.RcodePermissionDenied, ""), false
	}
	a.stamp = resolver.Stamp{}
	return a.authorised(x, func(who identifier.Ref) *refusal {
		switch ok, err := a.s.may(ctx, who, rec, handle.MayReadPrivate); {
		case err != nil:
			return a.s.refusalOf("read", err)
		case !ok:
			return refuse(handle.RcodeInvalidAdmin, "")
		}
		return nil
	})
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
	return a.refer(x, []identifier.Value{v})
}

// maxRecursion is how often a request may have been passed on before it is not sent further: Handle.Net's limit.
const maxRecursion = 10

// refer answers with values that say whom to ask instead, unless the request has come a long way already: servers
// that send it round would never end.
func (a *answerer) refer(x *exchange, values []identifier.Value) []byte {
	if x.message.Header.Recursion >= maxRecursion {
		return a.fail(x, handle.RcodeRecursionLimit, "")
	}
	a.body(x)
	x.out = handle.AppendResolveResponse(x.out, "", values)
	return a.finish(x, handle.RcodePrefixReferral, 0)
}

// referralTypes are the types of a prefix's values that say who answers for the prefixes derived from it.
var referralTypes = []string{"HS_SITE.PREFIX", "HS_NA_DELEGATE", "HS_SERV.PREFIX"}

// ancestor returns what the nearest prefix above says of the prefixes derived from it, for an identifier whose
// own prefix is not known here (spec/handle-protocol.md, section 10, "Referral"); nil if none says anything.
// held is the namespace that holds the identifier, nil if there is none.
func (a *answerer) ancestor(ctx context.Context, id identifier.ID, held *identifier.Namespace) []identifier.Value {
	prefix := identifier.FoldASCII(id.Prefix())
	if id.IsPrefixRecord() {
		prefix = identifier.FoldASCII(id.Suffix())
	}
	if held != nil && held.Prefix == prefix {
		return nil
	}
	for {
		dot := strings.LastIndexByte(prefix, '.')
		if dot < 0 {
			return nil
		}
		prefix = prefix[:dot]
		above, err := identifier.Handle.Parse("0.NA/" + prefix)
		if err != nil {
			return nil
		}
		q := resolver.Query{ID: above, Types: referralTypes}
		ans := a.s.resolve(ctx, q)
		if ans.Status != resolver.Found || ans.Record == nil {
			continue
		}
		var values []identifier.Value
		for _, v := range ans.Record.Values {
			if v.Public() && q.Wants(&v) {
				values = append(values, v)
			}
		}
		if values != nil {
			return values
		}
	}
}
