package handleserver

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// administer answers a request that changes or lists handles. What can be refused to everybody is refused
// at once; then the client has to prove who it is, and has to have the right.
func (a *answerer) administer(ctx context.Context, x *exchange) []byte {
	a.countOp(opNames[x.message.Header.Opcode])
	var r *refusal
	switch x.message.Header.Opcode {
	case handle.OpListHandles:
		return a.list(ctx, x)
	case handle.OpListHomedPrefixes:
		return a.listHomed(ctx, x)
	case handle.OpHomePrefix, handle.OpUnhomePrefix:
		return a.home(ctx, x)
	case handle.OpListDerived:
		return a.deny(x, "admin", handle.RcodeOperationDenied, textUnsupported)
	}
	o, r := parseOperation(&x.message)
	if r == nil {
		r = a.aim(ctx, o)
	}
	if r != nil {
		return a.denied(x, r)
	}
	cur, err := a.s.o.Admin.Record(ctx, o.id)
	if err != nil {
		return a.denied(x, a.s.refusalOf(opNames[o.op], err))
	}
	if r := o.check(cur); r != nil {
		return a.denied(x, r)
	}
	open := o.open(cur)
	if !open && x.who == nil && x.claim == nil {
		return a.challenge(x)
	}
	_, need, r := o.plan(cur)
	if r != nil {
		return a.denied(x, r)
	}
	if !open {
		allowed := func(who identifier.Ref) *refusal { return a.allowed(ctx, o, who, cur, need) }
		if r := a.identify(x, allowed); r != nil {
			return a.denied(x, r)
		}
	}
	change := Change{ID: o.id, Op: opNames[o.op], From: a.from}
	if x.who != nil {
		change.Who = *x.who
	}
	change.Decide = func(cur *identifier.Record) ([]identifier.Value, error) {
		next, need, r := o.plan(cur)
		if r == nil && !o.open(cur) {
			if x.who == nil {
				return nil, refuse(handle.RcodeInvalidAdmin, "")
			}
			r = a.allowed(ctx, o, *x.who, cur, need)
		}
		if r != nil {
			return nil, r
		}
		a.replaced = o.replaces(cur)
		return next, nil
	}
	if err := a.s.o.Admin.Change(ctx, change); err != nil {
		return a.denied(x, a.s.refusalOf(change.Op, err))
	}
	a.outcome.Status = resolver.Found
	var flags handle.OpFlags
	a.body(x)
	if o.op == handle.OpCreateHandle {
		x.out = handle.AppendBytes(x.out, o.name)
		if a.replaced {
			flags |= handle.FlagOverwrite
		}
		if o.mint {
			flags |= handle.FlagMint
		}
	}
	return a.finish(x, handle.RcodeSuccess, flags)
}

// aim finds what o is about, and refuses what does not live here.
func (a *answerer) aim(ctx context.Context, o *operation) *refusal {
	id, err := identifier.Handle.Parse(o.name)
	if err != nil {
		if a.misnamed(ctx, o.name).Status == resolver.NotResponsible {
			return refuse(handle.RcodeServerNotResponsible, textNotResponsible)
		}
		return refuse(handle.RcodeInvalidHandle, "")
	}
	if !a.lives(ctx, id) {
		return refuse(handle.RcodeServerNotResponsible, textNotResponsible)
	}
	o.id = id
	return nil
}

// lives reports whether records such as id are kept by this node.
func (a *answerer) lives(ctx context.Context, id identifier.ID) bool {
	ans := a.s.resolve(ctx, resolver.Query{ID: id})
	return ans.Status != resolver.NotResponsible && ans.Status != resolver.Referral
}

// allowed reports why who may not do o to the record cur, which takes the rights need; nil if it may.
func (a *answerer) allowed(ctx context.Context, o *operation, who identifier.Ref, cur *identifier.Record, need handle.AdminPerms) *refusal {
	var ok bool
	var err error
	switch {
	case o.op == handle.OpCreateHandle && cur == nil:
		ok, err = a.s.mayCreate(ctx, who, o.id)
	case o.op == handle.OpCreateHandle:
		// An administrator who may name administrators has every right within reach, and one who may delete
		// the handle and create it again has this one.
		if ok, err = a.s.may(ctx, who, cur, need); !ok && err == nil {
			ok, err = a.s.may(ctx, who, cur, handle.MayAddAdmin)
		}
		if !ok && err == nil {
			if ok, err = a.s.may(ctx, who, cur, handle.MayDeleteHandle); ok && err == nil {
				ok, err = a.s.mayCreate(ctx, who, o.id)
			}
		}
	default:
		ok, err = a.s.may(ctx, who, cur, need)
	}
	if err != nil {
		return a.s.refusalOf("authorise", err)
	}
	if !ok {
		return refuse(handle.RcodeInvalidAdmin, "")
	}
	return nil
}

// identify makes x.who the asker, if it is allowed and proves to be who it claims. As in the reference server the right
// comes first: who has none learns nothing of keys.
func (a *answerer) identify(x *exchange, allowed func(identifier.Ref) *refusal) *refusal {
	if x.who == nil && x.claim.ref.Index == 0 {
		if r := a.proveClaim(x); r != nil {
			return r
		}
	}
	if x.who != nil {
		return allowed(*x.who)
	}
	if r := allowed(x.claim.ref); r != nil {
		return r
	}
	return a.proveClaim(x)
}

func (a *answerer) proveClaim(x *exchange) *refusal {
	who, r := a.s.prove(a.s.base, x.claim)
	if r != nil {
		return r
	}
	if s := x.session; s != nil {
		s.proved.Store(true)
	}
	x.who = &who
	return nil
}

// denied answers with a refusal.
func (a *answerer) denied(x *exchange, r *refusal) []byte {
	a.outcome.Status = resolver.Invalid
	if r.code == handle.RcodeError || r.code == handle.RcodeServerTooBusy {
		a.outcome.Status = resolver.Failed
	}
	return a.fail(x, r.code, r.text)
}

// authorised makes sure that the asker has been told apart and is allowed; otherwise it returns the answer.
func (a *answerer) authorised(x *exchange, allowed func(identifier.Ref) *refusal) (out []byte, ok bool) {
	if x.who == nil && x.claim == nil {
		return a.challenge(x), false
	}
	if r := a.identify(x, allowed); r != nil {
		return a.denied(x, r), false
	}
	return nil, true
}

// serverAdmin is what home, un-home and the list of homed prefixes take.
func (a *answerer) serverAdmin(who identifier.Ref) *refusal {
	if !a.s.runsServer(who) {
		return refuse(handle.RcodeInvalidAdmin, "")
	}
	return nil
}

// home makes the node answer for a prefix, or no longer.
func (a *answerer) home(ctx context.Context, x *exchange) []byte {
	prefix, r := parsePrefix(&x.message)
	if r != nil {
		return a.denied(x, r)
	}
	if out, ok := a.authorised(x, a.serverAdmin); !ok {
		return out
	}
	do := a.s.o.Admin.Home
	if x.message.Header.Opcode == handle.OpUnhomePrefix {
		do = a.s.o.Admin.Unhome
	}
	if err := do(ctx, prefix, *x.who, a.from); err != nil {
		return a.denied(x, a.s.refusalOf(opNames[x.message.Header.Opcode], err))
	}
	a.outcome.Status = resolver.Found
	a.body(x)
	return a.finish(x, handle.RcodeSuccess, 0)
}

// parsePrefix reads a request about a prefix, which is named by its record ("0.NA/88.101.5") or by itself.
func parsePrefix(m *handle.Message) (string, *refusal) {
	name, err := handle.ParseHandleRequest(m.Body)
	if err != nil {
		return "", refuse(handle.RcodeProtocolError, "%v", err)
	}
	if !utf8.Valid(name) {
		return "", refuse(handle.RcodeInvalidHandle, "")
	}
	id, err := identifier.Handle.Parse(string(name))
	if err != nil || !id.IsPrefixRecord() {
		return "", refuse(handle.RcodeInvalidHandle, "")
	}
	_, prefix, ok := strings.Cut(id.String(), "/")
	if !ok {
		prefix = id.String()
	}
	return prefix, nil
}
