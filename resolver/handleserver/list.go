package handleserver

import (
	"context"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// maxWhole is the octets of answers where all have to leave at once.
const maxWhole = 16 << 20

// listPage is how many handles a message of a list holds, as in the reference server.
const listPage = 50

// list answers with all handles of a prefix, in several messages if need be.
func (a *answerer) list(ctx context.Context, x *exchange) []byte {
	prefix, r := parsePrefix(&x.message)
	if r != nil {
		return a.denied(x, r)
	}
	id, r := a.s.listed(ctx, prefix)
	if r != nil {
		return a.denied(x, r)
	}
	if out, ok := a.authorised(x, func(who identifier.Ref) *refusal { return a.s.mayList(ctx, who, id) }); !ok {
		return out
	}
	p := pages{a: a, x: x}
	if err := a.s.o.Admin.ListHandles(ctx, prefix, p.add); err != nil {
		return a.denied(x, a.s.refusalOf("list", err))
	}
	return p.end()
}

// listed is the record of a prefix whose handles are asked for.
func (s *Server) listed(ctx context.Context, prefix string) (identifier.ID, *refusal) {
	id, err := identifier.Handle.Parse("0.NA/" + prefix)
	if err != nil {
		return id, refuse(handle.RcodeInvalidHandle, "")
	}
	if s.resolve(ctx, resolver.Query{ID: id}).Status == resolver.NotResponsible {
		return id, refuse(handle.RcodeServerNotResponsible, textNotResponsible)
	}
	return id, nil
}

// mayList reports why who may not list the handles of a prefix, by its record; nil if it may.
func (s *Server) mayList(ctx context.Context, who identifier.Ref, prefix identifier.ID) *refusal {
	rec, err := s.o.Admin.Record(ctx, prefix)
	if err != nil {
		return s.refusalOf("list", err)
	}
	ok, err := s.may(ctx, who, rec, handle.MayListHandles)
	switch {
	case err != nil:
		return s.refusalOf("list", err)
	case !ok:
		return refuse(handle.RcodeInvalidAdmin, "")
	}
	return nil
}

// listHomed answers with the prefixes that the node answers for.
func (a *answerer) listHomed(ctx context.Context, x *exchange) []byte {
	if out, ok := a.authorised(x, a.serverAdmin); !ok {
		return out
	}
	prefixes, err := a.s.o.Admin.Homed(ctx)
	if err != nil {
		return a.denied(x, a.s.refusalOf("list_homed", err))
	}
	p := pages{a: a, x: x}
	for _, prefix := range prefixes {
		if err := p.add(prefix); err != nil {
			return a.denied(x, a.s.refusalOf("list_homed", err))
		}
	}
	return p.end()
}

// pages makes a list of handles into messages, each of which says whether more follow.
type pages struct {
	a    *answerer
	x    *exchange
	page []string
}

func (p *pages) add(name string) error {
	if len(p.page) == listPage {
		p.flush(handle.FlagContinues)
		if err := p.a.spill(p.x); err != nil {
			return err
		}
	}
	p.page = append(p.page, name)
	return nil
}

func (p *pages) flush(flags handle.OpFlags) {
	p.a.body(p.x)
	p.x.out = handle.AppendHandles(p.x.out, p.page)
	p.x.out = p.a.finish(p.x, handle.RcodeSuccess, flags)
	p.page = p.page[:0]
}

func (p *pages) end() []byte {
	p.a.outcome.Status = resolver.Found
	p.flush(0)
	return p.x.out
}

// spill begins another message behind those there are, and sends those if they are many and there is a
// connection to send them on.
func (a *answerer) spill(x *exchange) error {
	if a.send == nil && len(x.out) > maxWhole {
		return refuse(handle.RcodeOperationDenied, "The list is too long for this transport; ask over TCP")
	}
	if a.send != nil && len(x.out) >= flushAt {
		if err := a.send(x.out); err != nil {
			return err
		}
		x.out = x.out[:0]
	}
	x.begin = len(x.out)
	return nil
}
