package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/idnode/idnode/proto/handle"
)

// MaxSteps bounds the questions of one [Follow]: about what stock clients allow (spec/handle-protocol.md, section 11).
const MaxSteps = 40

// ErrLost says that referrals lead nowhere: in a circle, to no server that may be asked, or too far.
var ErrLost = errors.New("referrals lead nowhere")

// Follow asks the server at addr over network, as [Resolve] does, and, where an answer refers to others (codes 302 and
// 303), asks those, until one answers otherwise. Of each site it takes the server that the handle's hash names, and
// of its interfaces those of network (section 12); a service that is only named is looked up at the server that
// named it. Where a server gives no answer, the next one of the referral is asked.
//
// allow says whether a referral may lead to an address, so that a record cannot send the asker into a network that is
// not public; nil allows all. It is not asked about addr. Referrals that lead nowhere are [ErrLost]; other errors
// are those of [Resolve].
func Follow(ctx context.Context, network, addr string, q Request, allow func(netip.AddrPort) bool) (*Response, error) {
	f := follower{network: network, allow: allow}
	return f.ask(ctx, target{network, addr}, q)
}

// target is where to ask.
type target struct{ network, addr string }

// follower is one walk along referrals.
type follower struct {
	network string
	allow   func(netip.AddrPort) bool
	asked   []step
}

// step is a question that was put. Again it would only bring the same answer.
type step struct {
	target
	handle string
}

func (f *follower) ask(ctx context.Context, at target, q Request) (*Response, error) {
	if len(f.asked) == MaxSteps {
		return nil, fmt.Errorf("resolve %s: %w: more than %d servers", q.Handle, ErrLost, MaxSteps)
	}
	f.asked = append(f.asked, step{at, q.Handle})
	r, err := Resolve(ctx, at.network, at.addr, q)
	if err != nil || r.Code != handle.RcodeServiceReferral && r.Code != handle.RcodePrefixReferral {
		return r, err
	}
	sites, err := f.sites(ctx, at, r)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("resolve %s: %w: %s names no server to ask next", q.Handle, ErrLost, at.addr)
	for _, next := range f.targets(sites, q) {
		if slices.Contains(f.asked, step{next, q.Handle}) {
			continue
		}
		r, err = f.ask(ctx, next, q)
		if errors.Is(err, ErrLost) || ctx.Err() != nil || err == nil && r.Code != handle.RcodeServerTooBusy {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// sites are those that a referral gives, or those of the service that it names.
func (f *follower) sites(ctx context.Context, at target, r *Response) ([]*handle.Site, error) {
	sites, service := readSites(r)
	if len(sites) > 0 || service == "" || slices.Contains(f.asked, step{at, service}) {
		return sites, nil
	}
	r, err := f.ask(ctx, at, Request{Handle: service, Types: []string{"HS_SITE", "HS_SITE.6"}})
	if err != nil {
		return nil, err
	}
	if r.Code == handle.RcodeSuccess {
		sites, _ = readSites(r)
	}
	return sites, nil
}

// readSites returns the sites in an answer, and the service that it names.
func readSites(r *Response) (sites []*handle.Site, service string) {
	service = r.Handle
	for i := range r.Values {
		switch v := &r.Values[i]; v.Type {
		case "HS_SITE", "HS_SITE.6", "HS_SITE.PREFIX", "HS_NA_DELEGATE":
			if site, err := handle.ParseSite(v.Data); err == nil {
				sites = append(sites, site)
			}
		case "HS_SERV", "HS_SERV.PREFIX":
			if service == "" {
				service = string(v.Data)
			}
		}
	}
	return sites, service
}

// targets are the interfaces to try, in the order of the sites, UDP before TCP; of primaries only if q asks for one.
func (f *follower) targets(sites []*handle.Site, q Request) (all []target) {
	for _, site := range sites {
		server := site.ServerFor(q.Handle)
		if server == nil || q.Authoritative && site.Flags&handle.SitePrimary == 0 {
			continue
		}
		for _, p := range []struct {
			transport handle.Transport
			network   string
		}{{handle.TransportUDP, "udp"}, {handle.TransportTCP, "tcp"}} {
			if f.network != "auto" && f.network != p.network {
				continue
			}
			for _, i := range server.Interfaces {
				if i.Protocol != p.transport || i.Type&handle.InterfaceQuery == 0 || i.Port == 0 || i.Port > 1<<16-1 {
					continue
				}
				at := netip.AddrPortFrom(server.Addr.Unmap(), uint16(i.Port))
				if f.allow == nil || f.allow(at) {
					all = append(all, target{p.network, at.String()})
				}
			}
		}
	}
	return all
}
