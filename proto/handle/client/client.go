// Package client asks servers of the Handle protocol. [Resolve] and [GetSiteInfo] ask once, over UDP with
// repeats and answers in pieces, or over TCP. A [Client] keeps a TCP connection on which many requests are
// under way at a time, answers challenges, and administers. Both ask the server that they are given; [Follow]
// goes where its referrals lead.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// Request asks for the values of a handle.
type Request struct {
	Handle  string
	Indexes []uint32 // values asked for; together with Types a union; both empty asks for all
	Types   []string // types asked for; one ending in "." asks for its sub-types too

	Private       bool // ask for values without public read too: the server may answer with a challenge
	Authoritative bool // ask a primary
	DoNotRefer    bool // prefer "not found" to a referral
	Digest        bool // have the server prove that it answers this question
}

// Response is the answer of a server, whatever its code. Only Code, Network, Version and Expires
// are set always.
type Response struct {
	Code       handle.Rcode
	Network    string // "udp" or "tcp": what it came over
	Version    handle.Version
	SiteSerial uint16    // serial of the server's site record; get it anew if it is not the one known
	Expires    time.Time // when the answer may no longer be used

	Handle  string             // success: as the server writes it; referral: the service to ask, or empty
	Values  []identifier.Value // success and referral
	Site    *handle.Site       // success of GetSiteInfo
	Message string             // errors: a text for people, often empty
	Nonce   []byte             // challenge
	Session uint32             // challenge: its name
}

var (
	// ErrNoAnswer says that a server did not answer in time.
	ErrNoAnswer = errors.New("no answer")
	// ErrBadAnswer says that what a server sent is no answer to the question.
	ErrBadAnswer = errors.New("bad answer")
)

// Resolve asks the server at addr over network: "udp", "tcp", or "auto" for UDP and, if that
// brings no answer or "too busy", TCP. An error means that there is no answer; it wraps
// [ErrNoAnswer], [ErrBadAnswer] or what the network or ctx said.
func Resolve(ctx context.Context, network, addr string, q Request) (*Response, error) {
	h := handle.Header{Opcode: handle.OpResolve, Flags: handle.FlagRecurse | handle.FlagCacheCertify}
	set := func(on bool, f handle.OpFlags) {
		if on {
			h.Flags |= f
		}
	}
	set(!q.Private, handle.FlagPublicOnly)
	set(q.Authoritative, handle.FlagAuthoritative)
	set(q.DoNotRefer, handle.FlagDoNotRefer)
	set(q.Digest, handle.FlagDigest)
	r, err := ask(ctx, network, addr, h, handle.AppendResolveRequest(nil, q.Handle, q.Indexes, q.Types))
	if err != nil {
		return nil, fmt.Errorf("resolve %s at %s: %w", q.Handle, addr, err)
	}
	return r, nil
}

// GetSiteInfo asks the server at addr for its site record, over network as [Resolve] does.
func GetSiteInfo(ctx context.Context, network, addr string) (*Response, error) {
	h := handle.Header{Opcode: handle.OpGetSiteInfo, Flags: handle.FlagRecurse | handle.FlagCacheCertify | handle.FlagPublicOnly}
	r, err := ask(ctx, network, addr, h, handle.AppendHandleRequest(nil, "/"))
	if err != nil {
		return nil, fmt.Errorf("get site info of %s: %w", addr, err)
	}
	return r, nil
}

// question is a request that has been put into octets.
type question struct {
	id      uint32
	flags   handle.OpFlags
	core    []byte // header and body: what the digest in an answer covers
	message []byte // with its envelope, as it is sent
}

func newQuestion(h handle.Header, body []byte) question {
	q, e := begin(&h)
	q.message = handle.Finish(append(handle.Begin(nil), body...), 0, e, h)
	q.core = q.message[handle.EnvelopeSize : len(q.message)-4]
	return q
}

// begin draws a request's id, and completes its header.
func begin(h *handle.Header) (question, handle.Envelope) {
	var random [4]byte
	rand.Read(random[:])
	q := question{id: binary.BigEndian.Uint32(random[:]), flags: h.Flags}
	h.SiteSerial = handle.NoSiteSerial
	h.Expiration = uint32(time.Now().Unix() + handle.Lifetime)
	return q, handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: q.id}
}

func ask(ctx context.Context, network, addr string, h handle.Header, body []byte) (*Response, error) {
	q := newQuestion(h, body)
	switch network {
	case "udp":
		return q.over(ctx, network, addr, exchangeUDP)
	case "tcp":
		return q.over(ctx, network, addr, exchangeTCP)
	case "auto":
		r, err := q.over(ctx, "udp", addr, exchangeUDP)
		if ctx.Err() == nil && (err != nil || r.Code == handle.RcodeServerTooBusy) {
			return q.over(ctx, "tcp", addr, exchangeTCP)
		}
		return r, err
	}
	return nil, fmt.Errorf("unknown network %q", network)
}

// over sends q by way of exchange, which returns the whole answer.
func (q question) over(ctx context.Context, network, addr string, exchange func(context.Context, string, question) (handle.Envelope, []byte, error)) (*Response, error) {
	e, src, err := exchange(ctx, addr, q)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	r, err := q.read(e, src)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	r.Network = network
	return r, nil
}

// read reads the answer src that came behind e. Nothing in the response is a view into src.
func (q question) read(e handle.Envelope, src []byte) (*Response, error) {
	if e.Flags&handle.EnvelopeEncrypted != 0 {
		return nil, errors.New("it is encrypted")
	}
	m, err := handle.ParseMessage(bytes.Clone(src))
	if err != nil {
		return nil, err
	}
	r := &Response{
		Code: m.Header.Rcode, Version: e.Version, SiteSerial: m.Header.SiteSerial,
		Expires: time.Unix(int64(m.Header.Expiration), 0),
	}
	body, err := q.hold(e, &m)
	if err != nil {
		return nil, err
	}
	if r.Code == handle.RcodeAuthNeeded {
		_, r.Nonce, err = handle.ParseChallenge(body, e.Version)
		r.Session = e.SessionID
		return r, err
	}
	var name, text []byte
	switch {
	case r.Code == handle.RcodeServiceReferral || r.Code == handle.RcodePrefixReferral:
		name, r.Values, err = handle.ParseReferral(body)
	case r.Code != handle.RcodeSuccess:
		text, err = handle.ParseError(body)
	case m.Header.Opcode == handle.OpGetSiteInfo:
		r.Site, err = handle.ParseSite(body)
	default:
		name, r.Values, err = handle.ParseResolveResponse(body)
	}
	r.Handle, r.Message = string(name), string(text)
	return r, err
}

// hold makes sure that m, which came behind e, answers q, and returns its body: without the digest of the
// request, but for a challenge, which has it as a part.
func (q question) hold(e handle.Envelope, m *handle.Message) (body []byte, err error) {
	if m.Header.Rcode == handle.RcodeRequest {
		return nil, errors.New("it is a request")
	}
	if time.Unix(int64(m.Header.Expiration), 0).Before(time.Now()) {
		return nil, errors.New("it has expired")
	}
	var digest []byte
	switch body = m.Body; {
	case m.Header.Rcode == handle.RcodeAuthNeeded:
		digest, _, err = handle.ParseChallenge(body, e.Version)
	case m.Header.Flags&handle.FlagDigest != 0:
		digest, body, err = handle.ParseDigest(body, e.Version)
	case q.flags&handle.FlagDigest != 0:
		return nil, errors.New("it has no digest of the request")
	default:
		return body, nil
	}
	if err == nil {
		err = q.check(digest, e.Version)
	}
	return body, err
}

// check compares the digest in an answer with the request's.
func (q question) check(digest []byte, v handle.Version) error {
	if !bytes.Equal(digest, handle.AppendDigest(nil, v, q.core)) {
		return errors.New("it answers another request")
	}
	return nil
}
