package cli

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	dnsPayload  = 1232            // octets of a UDP answer that reach us whole: DNS flag day 2020
	dnsPatience = 2 * time.Second // for an answer over UDP, before the question is repeated
	dnsTries    = 3
)

// dnsReply is an answer of a DNS server.
type dnsReply struct {
	code     dnsmessage.RCode
	answers  []dnsmessage.Resource
	referred []dnsmessage.Resource // NS records of an answer that refers to another server
	errors   []dnsError
}

// dnsError is an Extended DNS Error (RFC 8914).
type dnsError struct {
	code uint16
	text string
}

// Codes of Extended DNS Errors that say that an answer is withheld.
const (
	dnsBlocked  = 15
	dnsCensored = 16
)

// askDNS asks the server at addr one question: over UDP and, where the answer is cut, over TCP.
func askDNS(ctx context.Context, addr string, q dnsmessage.Question) (*dnsReply, error) {
	query, id, err := dnsQuery(q)
	if err != nil {
		return nil, err
	}
	m, err := dnsOverUDP(ctx, addr, query, id, q)
	if err == nil && m.Truncated {
		m, err = dnsOverTCP(ctx, addr, query, id, q)
	}
	if err != nil {
		return nil, &unreachable{addr, err}
	}
	return readReply(m), nil
}

// dnsQuery packs a query with an OPT record.
func dnsQuery(q dnsmessage.Question) (packed []byte, id uint16, err error) {
	id = uint16(rand.Uint32())
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id})
	if err := b.StartQuestions(); err != nil {
		return nil, 0, err
	}
	if err := b.Question(q); err != nil {
		return nil, 0, failf("name %s: %v", q.Name, err)
	}
	if err := b.StartAdditionals(); err != nil {
		return nil, 0, err
	}
	var opt dnsmessage.ResourceHeader
	if err := opt.SetEDNS0(dnsPayload, dnsmessage.RCodeSuccess, false); err != nil {
		return nil, 0, err
	}
	if err := b.OPTResource(opt, dnsmessage.OPTResource{}); err != nil {
		return nil, 0, err
	}
	packed, err = b.Finish()
	return packed, id, err
}

func dnsOverUDP(ctx context.Context, addr string, query []byte, id uint16, q dnsmessage.Question) (*dnsmessage.Message, error) {
	c, err := new(net.Dialer).DialContext(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, 64<<10)
	for range dnsTries {
		if ctx.Err() != nil {
			break
		}
		wait := time.Now().Add(dnsPatience)
		if end, ok := ctx.Deadline(); ok && end.Before(wait) {
			wait = end
		}
		_ = c.SetReadDeadline(wait)
		if _, err := c.Write(query); err != nil {
			return nil, err
		}
		for {
			n, err := c.Read(buf)
			if isTimeout(err) {
				break
			}
			if err != nil {
				return nil, err
			}
			if m, err := parseReply(buf[:n], id, q); err == nil {
				return m, nil
			} // not an answer to us: whoever sent it, we wait on
		}
	}
	return nil, failf("nothing came in time")
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func dnsOverTCP(ctx context.Context, addr string, query []byte, id uint16, q dnsmessage.Question) (*dnsmessage.Message, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, failf("over TCP: %v", err)
	}
	answer := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, answer); err != nil {
		return nil, failf("over TCP: %v", err)
	}
	return parseReply(answer, id, q)
}

// parseReply reads an answer, which must be one to the question.
func parseReply(packed []byte, id uint16, q dnsmessage.Question) (*dnsmessage.Message, error) {
	m := new(dnsmessage.Message)
	if err := m.Unpack(packed); err != nil {
		return nil, failf("bad answer: %v", err)
	}
	if !m.Response || m.ID != id {
		return nil, failf("not an answer to the question")
	}
	for _, asked := range m.Questions {
		if asked.Type != q.Type || asked.Class != q.Class || !strings.EqualFold(asked.Name.String(), q.Name.String()) {
			return nil, failf("an answer to another question")
		}
	}
	return m, nil
}

func readReply(m *dnsmessage.Message) *dnsReply {
	r := &dnsReply{code: m.RCode, answers: m.Answers}
	negative := false
	for _, rr := range m.Authorities {
		switch rr.Header.Type {
		case dnsmessage.TypeNS:
			r.referred = append(r.referred, rr)
		case dnsmessage.TypeSOA:
			negative = true
		}
	}
	if negative || m.Authoritative || len(m.Answers) > 0 {
		r.referred = nil
	}
	for _, rr := range m.Additionals {
		opt, ok := rr.Body.(*dnsmessage.OPTResource)
		if !ok {
			continue
		}
		r.code = rr.Header.ExtendedRCode(m.RCode)
		for _, o := range opt.Options {
			if o.Code == 15 && len(o.Data) >= 2 {
				r.errors = append(r.errors, dnsError{binary.BigEndian.Uint16(o.Data), string(o.Data[2:])})
			}
		}
	}
	return r
}

// texts are the strings of the TXT records in an answer, one slice a record, and their TTLs.
func (r *dnsReply) texts() (texts [][]string, ttls []uint32) {
	for _, rr := range r.answers {
		if txt, ok := rr.Body.(*dnsmessage.TXTResource); ok {
			texts, ttls = append(texts, txt.TXT), append(ttls, rr.Header.TTL)
		}
	}
	return texts, ttls
}

// alias is the name that an answer's CNAME records lead to, "" without one.
func (r *dnsReply) alias() string {
	target := ""
	for _, rr := range r.answers {
		if c, ok := rr.Body.(*dnsmessage.CNAMEResource); ok {
			target = c.CNAME.String()
		}
	}
	return target
}

// said is what the server says of an error, "" for nothing.
func (r *dnsReply) said() string {
	var all []string
	for _, e := range r.errors {
		if e.text != "" {
			all = append(all, e.text)
		}
	}
	return strings.Join(all, "; ")
}

// withheld reports whether the server keeps the answer back by somebody's order.
func (r *dnsReply) withheld() bool {
	for _, e := range r.errors {
		if e.code == dnsBlocked || e.code == dnsCensored {
			return true
		}
	}
	return false
}
