package client_test

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/identifier"
)

// refer answers with a referral to servers, by their addresses.
func refer(code handle.Rcode, service, kind string, addrs func() []string) answerer {
	return func(e handle.Envelope, m handle.Message) []byte {
		var values []identifier.Value
		for i, addr := range addrs() {
			data := []byte(addr)
			if at, err := netip.ParseAddrPort(addr); err == nil {
				site := handle.ServiceSite(&identifier.Service{IP: at.Addr(), TCP: at.Port(), UDP: at.Port()})
				data = handle.AppendSite(nil, &site)
			}
			values = append(values, identifier.Value{Index: uint32(i + 1), Type: kind, Data: data})
		}
		return answer(e, m, code, handle.AppendResolveResponse(nil, service, values))
	}
}

func both(t *testing.T, a answerer) string { return serve(t, a, a) }

func TestFollow(t *testing.T) {
	const id = "88.990.1001/item-1"
	want := values(t, id)
	home := both(t, func(e handle.Envelope, m handle.Message) []byte {
		return answer(e, m, handle.RcodeSuccess, handle.AppendResolveResponse(nil, id, want))
	})
	to := func(addrs ...string) func() []string { return func() []string { return addrs } }
	prefix := both(t, refer(handle.RcodePrefixReferral, "", "HS_SITE.PREFIX", to(home)))
	delegate := both(t, refer(handle.RcodePrefixReferral, "", "HS_NA_DELEGATE", to(prefix)))
	site := both(t, refer(handle.RcodeServiceReferral, "0.SITE/x", "HS_SITE", to(home)))
	second := both(t, refer(handle.RcodePrefixReferral, "", "HS_SITE.PREFIX", to("127.0.0.1:1", home)))

	// named answers with a service alone; asked for that, with its site.
	service := func(body []byte, kind string) answerer {
		return func(e handle.Envelope, m handle.Message) []byte {
			var r handle.ResolveRequest
			if handle.ParseResolveRequest(m.Body, &r) != nil {
				return nil
			}
			if string(r.Handle) == "0.SERV/s" {
				at := netip.MustParseAddrPort(home)
				site := handle.ServiceSite(&identifier.Service{IP: at.Addr(), TCP: at.Port(), UDP: at.Port()})
				return answer(e, m, handle.RcodeSuccess, handle.AppendResolveResponse(nil, "0.SERV/s",
					[]identifier.Value{{Index: 1, Type: "HS_SITE", Data: handle.AppendSite(nil, &site)}}))
			}
			return answer(e, m, handle.RcodeServiceReferral, body)
		}
	}
	named := both(t, service(handle.AppendBytes(nil, "0.SERV/s"), ""))
	serv := both(t, service(handle.AppendResolveResponse(nil, "", []identifier.Value{{Index: 1, Type: "HS_SERV", Data: []byte("0.SERV/s")}}), ""))

	for name, addr := range map[string]string{"no referral": home, "HS_SITE.PREFIX": prefix, "two steps": delegate, "HS_SITE": site, "a dead server first": second,
		"service by name": named, "HS_SERV": serv} {
		for _, network := range []string{"udp", "tcp", "auto"} {
			r, err := client.Follow(t.Context(), network, addr, client.Request{Handle: id}, nil)
			if err != nil || r.Code != handle.RcodeSuccess || len(r.Values) != len(want) {
				t.Errorf("%s over %s: %+v, %v", name, network, r, err)
			}
		}
	}
}

func TestFollowLost(t *testing.T) {
	var self, other string
	self = both(t, refer(handle.RcodePrefixReferral, "", "HS_SITE.PREFIX", func() []string { return []string{other} }))
	other = both(t, refer(handle.RcodePrefixReferral, "", "HS_SITE.PREFIX", func() []string { return []string{self} }))
	nobody := both(t, refer(handle.RcodePrefixReferral, "", "HS_SITE.PREFIX", func() []string { return nil }))
	endless := both(t, refer(handle.RcodeServiceReferral, "0.SERV/s", "HS_SERV", func() []string { return nil }))
	for name, addr := range map[string]string{"circle": self, "no site": nobody, "a service that refers to itself": endless} {
		if r, err := client.Follow(t.Context(), "tcp", addr, client.Request{Handle: "88.1/x"}, nil); !errors.Is(err, client.ErrLost) {
			t.Errorf("%s: %+v, %v; want ErrLost", name, r, err)
		}
	}
	var asked []netip.AddrPort
	_, err := client.Follow(t.Context(), "tcp", self, client.Request{Handle: "88.1/x"}, func(at netip.AddrPort) bool {
		asked = append(asked, at)
		return false
	})
	if !errors.Is(err, client.ErrLost) || len(asked) != 1 || asked[0].String() != other {
		t.Errorf("addresses that are not allowed: %v, asked about %v", err, asked)
	}

	var n atomic.Int32
	var all [client.MaxSteps + 2]string
	for i := range all {
		all[i] = both(t, refer(handle.RcodePrefixReferral, "", "HS_SITE.PREFIX", func() []string {
			n.Add(1)
			return []string{all[min(i+1, len(all)-1)]}
		}))
	}
	_, err = client.Follow(t.Context(), "tcp", all[0], client.Request{Handle: "88.1/x"}, nil)
	if !errors.Is(err, client.ErrLost) || n.Load() != client.MaxSteps || !strings.Contains(err.Error(), strconv.Itoa(client.MaxSteps)) {
		t.Errorf("%d servers asked: %v", n.Load(), err)
	}
}
