package dnsserver

import (
	"context"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/querylog"
)

// exchange answers messages, one at a time, and keeps what it needs for the next.
type exchange struct {
	s     *Server
	front *resolver.FrontMetrics
	pen   *querylog.Pen
	tcp   bool
	packer

	start   time.Time // of the message at hand: set by who hands it in
	query   query
	r       response
	outcome resolver.Outcome
	opt     options
	valid   bool // the query had a server cookie of ours
	cookie  [clientCookie + serverCookie]byte
	scratch resolver.Scratch

	key      []byte // what the reply is kept under, empty if it is not
	keyRoom  [maxKey]byte
	keepRoom []byte // the reply as it is kept

	// Memory of direct.
	labels []string
	name   []byte
	values []*identifier.Value
	text   []byte
}

// reply appends the reply to msg, which has a whole header and is no response, to dst.
func (x *exchange) reply(ctx context.Context, dst, msg []byte, from netip.Addr) []byte {
	out, ok := x.kept(dst, msg, from)
	if !ok {
		out = x.make(ctx, dst, msg, from)
	}
	return out
}

// make is reply where no reply is kept, after kept has found none.
func (x *exchange) make(ctx context.Context, dst, msg []byte, from netip.Addr) []byte {
	out, ok := x.direct(ctx, dst)
	if !ok {
		out = append(out, x.answer(ctx, msg, from)...)
	}
	x.note(from, time.Since(x.start))
	return out
}

// note logs the query at hand, which took so long.
func (x *exchange) note(from netip.Addr, took time.Duration) {
	if n := len(x.query.question) - fixedQuestion; n > 0 {
		x.pen.Note(x.start, took, from, x.query.question[:n], x.outcome)
	}
}

// answer returns the reply to msg, which has a whole header and is no response. It is good until the
// next call; x.outcome is what to count.
func (x *exchange) answer(ctx context.Context, msg []byte, from netip.Addr) (out []byte) {
	x.valid = false
	x.r = response{op: "malformed"}
	defer func() {
		if p := recover(); p != nil {
			x.front.Panic()
			x.s.log.Error("panic while answering", "panic", p, "stack", string(debug.Stack()))
			out = x.fail()
		}
		x.outcome = x.count()
	}()
	rcode := x.query.parse(msg)
	x.bake(from)
	var last dns.RR
	if rcode == dns.RcodeSuccess && x.query.tsig > 0 {
		if last = unknownKey(msg, &x.query, x.start); last == nil {
			rcode = dns.RcodeFormatError
		}
	}
	x.r = x.decide(ctx, rcode)
	x.opt = x.options()
	out, err := x.pack(&x.query, &x.r, &x.opt, last, x.limit(), x.tcp)
	if err != nil {
		x.s.log.Error("a reply cannot be written", "err", err)
		return x.fail()
	}
	x.outcome = x.count()
	x.keep(out[:x.full])
	return out
}

// limit is how many octets the reply may have.
func (x *exchange) limit() int {
	if x.tcp {
		return maxMessage
	}
	return x.query.opt.limit()
}

// decide says what to reply to a message that was read with rcode.
func (x *exchange) decide(ctx context.Context, rcode int) response {
	q := x.query.q
	refuse := func(rcode int, op string) response {
		return response{rcode: rcode, op: op, status: resolver.Invalid}
	}
	switch {
	case x.query.opcode() != dns.OpcodeQuery:
		return refuse(dns.RcodeNotImplemented, "opcode")
	case rcode != dns.RcodeSuccess:
		return refuse(rcode, "malformed")
	case x.query.tsig > 0:
		return refuse(dns.RcodeNotAuth, "tsig")
	case x.query.question == nil:
		return response{op: "cookie", status: resolver.Found}
	case q.Qtype == dns.TypeOPT:
		return refuse(dns.RcodeFormatError, "malformed")
	case 128 <= q.Qtype && q.Qtype <= dns.TypeTSIG, q.Qtype == dns.TypeMAILA, q.Qtype == dns.TypeMAILB:
		return refuse(dns.RcodeNotImplemented, "meta") // RFC 6895, section 3.1: no types of data
	case q.Qclass == dns.ClassCHAOS && x.s.o.NSID != "" && isIdentity(q.Name):
		return x.identity(q)
	}
	return x.s.zones.answer(ctx, q, &x.scratch)
}

// isIdentity reports whether name, in class CHAOS, asks which server answers (RFC 4892).
func isIdentity(name string) bool {
	name = dns.CanonicalName(name)
	return name == "id.server." || name == "hostname.bind."
}

func (x *exchange) identity(q dns.Question) response {
	r := response{authoritative: true, op: "chaos", status: resolver.Found}
	if q.Qtype == dns.TypeTXT || q.Qtype == dns.TypeANY {
		r.answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS},
			Txt: []string{escapeText(x.s.o.NSID)}}}
	}
	return r
}

// bake makes the cookie of the reply: the one that came if it is good and young, or else a new one.
func (x *exchange) bake(from netip.Addr) {
	o := &x.query.opt
	if o.client == nil {
		return
	}
	cookie := append(x.cookie[:0], o.client...)
	valid, fresh := x.s.cookies.check(o.client, o.server, x.start, from)
	x.valid = valid
	if fresh {
		copy(x.cookie[clientCookie:], o.server)
		return
	}
	x.s.cookies.append(cookie, o.client, x.start, from)
}

// options are those of the reply that x.r is.
func (x *exchange) options() options {
	o := options{rcode: x.r.rcode, do: x.query.opt.do, ede: x.r.ede}
	if x.query.opt.nsid {
		o.nsid = x.s.o.NSID
	}
	if x.query.opt.client != nil {
		o.cookie = x.cookie[:]
	}
	if x.tcp && x.query.opt.keepalive {
		o.keepalive = x.s.o.keepalive()
	}
	return o
}

// fail makes the reply SERVFAIL.
func (x *exchange) fail() []byte {
	x.r = response{rcode: dns.RcodeServerFailure, op: x.r.op, status: resolver.Failed}
	return x.bare(&options{do: x.query.opt.do})
}

// busy makes the reply to msg, of a client whose network has had enough: one that shows a cookie is
// told to come again with the one that goes with it (RFC 7873, section 5.2.3), others to come over TCP.
// The latter is no longer than what they sent.
func (x *exchange) busy(msg []byte) []byte {
	x.query.parse(msg) // of what is wrong with it no more is told
	x.outcome.Status, x.outcome.Tier = resolver.Overloaded, resolver.TierNone
	if x.query.opt.client != nil {
		x.r = response{rcode: dns.RcodeBadCookie}
		return x.bare(&options{rcode: dns.RcodeBadCookie, do: x.query.opt.do, cookie: x.cookie[:]})
	}
	x.r = response{}
	out := x.bare(&options{do: x.query.opt.do})
	out[2] |= flagTC >> 8
	return out
}

// bare is x.r, which has no records.
func (x *exchange) bare(o *options) []byte {
	out, _ := x.pack(&x.query, &x.r, o, nil, x.limit(), x.tcp) // only records fail to be written
	return out
}

// count is what the reply that x.r is counts as.
func (x *exchange) count() resolver.Outcome {
	o := resolver.Outcome{Scheme: x.r.scheme, Op: x.front.Op(x.r.op), Status: x.r.status, Tier: x.r.tier}
	if o.Status == 0 {
		o.Status = statusOf(x.r.rcode)
	}
	return o
}

// statusOf is the outcome of what no resolution was needed for.
func statusOf(rcode int) resolver.Status {
	switch rcode {
	case dns.RcodeSuccess:
		return resolver.Found
	case dns.RcodeNameError:
		return resolver.NotFound
	case dns.RcodeServerFailure:
		return resolver.Failed
	}
	return resolver.Invalid
}

// unknownKey is the TSIG record that answers the one of q, in msg: we share no keys with anyone (RFC 8945,
// sections 5.2.1 and 5.3.2). It is nil if that cannot be read, which is told with FORMERR.
func unknownKey(msg []byte, q *query, now time.Time) dns.RR {
	rr, _, err := dns.UnpackRR(msg, q.tsig)
	if err != nil {
		return nil
	}
	t, ok := rr.(*dns.TSIG)
	if !ok || t.Algorithm == "" {
		return nil
	}
	return &dns.TSIG{Hdr: dns.RR_Header{Name: t.Hdr.Name, Rrtype: dns.TypeTSIG, Class: dns.ClassANY}, Algorithm: t.Algorithm,
		TimeSigned: uint64(now.Unix()), Fudge: t.Fudge, OrigId: q.id, Error: dns.RcodeBadKey}
}
