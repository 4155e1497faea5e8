package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	neturl "net/url"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"pgregory.net/rapid"

	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
)

const zone = "id.example"

// nasty are legal identifiers that some transport, proxy or shell might spoil.
var nasty = []string{
	"88.1021.150//", "88.1021.150//a//b/", "88.1021.150/..", "88.1021.150/.", "88.1021.150/../../etc/passwd", "88.1021.150/a/./b",
	"88.1021.150/?", "88.1021.150/a?type=URL&index=1", "88.1021.150/#a", "88.1021.150/a%2Fb", "88.1021.150/%", "88.1021.150/%zz",
	"88.1021.150/%00", "88.1021.150/a b", "88.1021.150/a+b", "88.1021.150/a&b=c", `88.1021.150/a\b`, `88.1021.150/"a'b"`, "88.1021.150/`$(id)`",
	"88.1021.150/批次-2024.001", "88.1021.150/🔩", "88.1021.150/e\u0301", "88.1021.150/Ä", "88.1021.150/123", "88.1021.150/0", "88.1021.150/-",
	"88.1021.150/a-", "88.1021.150/_b32", "88.1021.150/_up", "88.1021.150/a.b.c", "88.1021.150/*", "88.1021.150/@", "88.1021.150/;a,b",
	"88.1021.150/<GS>", "88.1021.150/^a", "88.1021.150/~1", "88.1021.150/{id}", "88.1021.150/[x]", "88.1021.150/hdl:88.1/x", "88.1021.150/urn:oid:1.2",
	"88.1021.150/https://example.com/a?b#c", "88.1021.150/" + strings.Repeat("x", 63), "88.1021.150/" + strings.Repeat("x", 64),
	"88.1021.150/" + strings.Repeat("深", 40), "88.1021.150/" + strings.Repeat("y", 243), "88.1021.150/" + strings.Repeat("批", 81),
	"1.2.156.10001.7.0", "1.2.156.10001.7.329800735698586629295641978511506172918", "1.2.156.10001.7" + strings.Repeat(".9", 60),
	"100641", "10064" + strings.Repeat("0", 20), "300001aBc", "300001" + strings.Repeat("Zz9", 13), "400001产品甲-01", "ecode:400001a b/c?d#e%2F", "400001🔩",
	"(01)06901234567892(21)A", "(01)06901234567892(21)a", `(01)06901234567892(21)!"%&'*+,-./:;<=>?_`, "(01)06901234567892(10)..(21)//",
	"(01)06901234567892(21)%2F", `(01)06901234567892(21)A\(1)`, "(01)06901234567892(22)C(10)L(21)12345678901234567890",
}

// legal draws identifiers of the four schemes below the namespaces of serveAll.
func legal() *rapid.Generator[string] {
	suffix := rapid.StringOfN(rapid.RuneFrom([]rune("aZ0-_./?#%&+\\\"' \u00e9批🔩:;=@^~{}[]()<>|*$`!,")), 1, 60, 243)
	set82 := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09!\"%&'*+,-./:;<=>?_")), 1, 20, 20)
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string { return "88.1021.150/" + suffix.Draw(t, "suffix") }),
		rapid.Custom(func(t *rapid.T) string {
			s := "1.2.156.10001.7"
			for _, n := range rapid.SliceOfN(rapid.Uint64(), 1, 6).Draw(t, "arcs") {
				s += fmt.Sprintf(".%d", n)
			}
			return s
		}),
		rapid.Custom(func(t *rapid.T) string { return "ecode:10064" + rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "md") }),
		rapid.Custom(func(t *rapid.T) string {
			return "ecode:300001" + rapid.StringMatching(`[0-9A-Za-z]{1,39}`).Draw(t, "md")
		}),
		rapid.Custom(func(t *rapid.T) string { return "ecode:400001" + suffix.Draw(t, "md") }),
		rapid.Custom(func(t *rapid.T) string { return "(01)06901234567892(21)" + set82.Draw(t, "serial") }),
		rapid.Custom(func(t *rapid.T) string {
			return "(01)06901234567892(10)" + set82.Draw(t, "lot") + "(21)" + set82.Draw(t, "serial")
		}),
	)
}

// registrable reads text, which may name its scheme, and reports whether it may be registered: drawn
// suffixes may begin with a blank, say.
func registrable(text string) (identifier.ID, bool) {
	parse := identifier.Parse
	if name, rest, ok := strings.Cut(text, ":"); ok {
		if scheme, err := identifier.ParseScheme(name); err == nil {
			text, parse = rest, scheme.Parse
		}
	}
	id, err := parse(text)
	return id, err == nil && id.Validate() == nil
}

// TestEveryTransport: what is registered is found, with the same value, over every transport.
func TestEveryTransport(t *testing.T) {
	d := serveAll(t, "IDNODE_DNS_ZONE="+zone)
	c := transports{d: d, conn: d.dial(), seen: make(map[string]bool)}
	for _, text := range nasty {
		id, ok := registrable(text)
		if !ok {
			t.Errorf("%q is not registrable: not one of the nasty", text)
			continue
		}
		if err := c.roundTrip(t, id); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		id, ok := registrable(legal().Draw(rt, "id"))
		if !ok {
			return
		}
		if err := c.roundTrip(t, id); err != nil {
			rt.Fatalf("%q: %v", id.String(), err)
		}
	})
	if c.named < 50 || c.unnamed == 0 {
		t.Errorf("%d identifiers were asked over DNS, %d had no name: want more", c.named, c.unnamed)
	}
	d.stop()
}

// transports asks a node over all of them.
type transports struct {
	d              *daemon
	conn           *grpc.ClientConn
	seen           map[string]bool
	named, unnamed int // identifiers with and without a name of the DNS
}

// roundTrip registers id and asks for it everywhere.
func (c *transports) roundTrip(t *testing.T, id identifier.ID) error {
	want := "https://example.com/" + neturl.PathEscape(id.Canonical())
	if key := id.Qualified(); !c.seen[key] {
		rec := record(id.String(), want)
		rec["scheme"] = id.Scheme().String()
		if code, out, err := c.d.call(c.d.key, "POST", "/v1/identifiers", rec); err != nil || code != http.StatusCreated {
			return fmt.Errorf("register: %d %s %v", code, out, err)
		}
		c.seen[key] = true
	}
	ask := id.Qualified() // of its scheme beyond doubt
	var errs []error
	check := func(how string, got []string, err error) {
		if err != nil || !slices.Equal(got, []string{want}) {
			errs = append(errs, fmt.Errorf("%s: got %q, %v; want %q", how, got, err, want))
		}
	}
	got, err := c.overJSON("/resolve?id=" + neturl.QueryEscape(ask))
	check("/resolve", got, err)
	resolver := nodepb.NewResolverClient(c.conn)
	req := &nodepb.ResolveRequest{Id: id.String(), Scheme: id.Scheme().String()}
	resp, err := resolver.Resolve(t.Context(), req)
	check("gRPC", urlsOf(resp), err)
	batch, err := resolver.BatchResolve(t.Context(), &nodepb.BatchResolveRequest{Requests: []*nodepb.ResolveRequest{req, {Id: ask}}})
	if err == nil && len(batch.GetResponses()) != 2 {
		err = fmt.Errorf("%d responses", len(batch.GetResponses()))
	}
	if err != nil {
		check("batch", nil, err)
	} else {
		check("batch, with scheme", urlsOf(batch.GetResponses()[0]), nil)
		check("batch, qualified", urlsOf(batch.GetResponses()[1]), nil)
	}
	if id.Scheme() == identifier.Handle {
		got, err = c.overJSON("/api/handles/" + neturl.PathEscape(id.String()))
		check("/api/handles", got, err)
		for _, network := range []string{"udp", "tcp"} {
			got, err = c.overHandle(t, network, id.String())
			check("handle "+network, got, err)
		}
	}
	name, err := dnsname.In(id, true, zone, "oid."+zone)
	switch {
	case err == nil:
		c.named++
		for _, network := range []string{"udp", "tcp"} {
			got, err = c.overDNS(network, name)
			check("dns "+network+" "+name, got, err)
		}
	case len(id.Canonical()) < 100 && !strings.Contains(err.Error(), "label"):
		errs = append(errs, fmt.Errorf("no name of the DNS: %w", err))
	default:
		c.unnamed++
	}
	return errors.Join(errs...)
}

func (c *transports) overJSON(path string) ([]string, error) {
	_, out, err := c.d.call("", "GET", path, nil)
	if err != nil {
		return nil, err
	}
	var body struct {
		Values []struct {
			Type string
			Data any
		}
	}
	if err := json.Unmarshal(out, &body); err != nil {
		return nil, fmt.Errorf("%w in %s", err, out)
	}
	var urls []string
	for _, v := range body.Values {
		if m, ok := v.Data.(map[string]any); ok {
			v.Data = m["value"]
		}
		urls = append(urls, fmt.Sprint(v.Data))
	}
	return urls, nil
}

func (c *transports) overHandle(t *testing.T, network, id string) ([]string, error) {
	r, err := client.Resolve(t.Context(), network, c.d.handle, client.Request{Handle: id})
	if err != nil {
		return nil, err
	}
	if r.Code != handle.RcodeSuccess {
		return nil, fmt.Errorf("code %d %s", r.Code, r.Message)
	}
	var urls []string
	for _, v := range r.Values {
		urls = append(urls, string(v.Data))
	}
	return urls, nil
}

// overDNS asks for the URI records, whose targets are octets as they are.
func (c *transports) overDNS(network, name string) ([]string, error) {
	m := new(dns.Msg).SetQuestion(name, dns.TypeURI)
	m.SetEdns0(1232, false)
	asker := dns.Client{Net: network}
	r, _, err := asker.Exchange(m, c.d.dns)
	if err != nil {
		return nil, err
	}
	if r.Rcode != dns.RcodeSuccess || !r.Authoritative {
		return nil, fmt.Errorf("%s, authoritative %v", dns.RcodeToString[r.Rcode], r.Authoritative)
	}
	if r.Truncated && network == "udp" {
		return c.overDNS("tcp", name)
	}
	var urls []string
	for _, rr := range r.Answer {
		switch rr := rr.(type) {
		case *dns.URI:
			urls = append(urls, rr.Target)
		case *dns.RFC3597:
			urls = append(urls, rr.Rdata)
		}
	}
	return urls, nil
}

func urlsOf(r *nodepb.ResolveResponse) []string {
	var urls []string
	for _, v := range r.GetRecord().GetValues() {
		urls = append(urls, string(v.GetData()))
	}
	return urls
}
