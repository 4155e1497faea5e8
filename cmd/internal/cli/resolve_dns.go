package cli

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// maxAliases is how many CNAMEs are followed.
const maxAliases = 8

// resolveDNS asks for the TXT records of the identifier's name: over DNS it is idctl that reads the
// text. Where it may be of several schemes, each is asked for until one is there.
func (a *app) resolveDNS(ctx context.Context, q question) (*answer, error) {
	all, err := readText(q.id, q.scheme)
	if err != nil {
		return nil, err
	}
	addr := orDefault(q.addr, a.defaultAddr("5300"))
	z, err := zonesOf(ctx, addr, q.zone)
	if err != nil {
		return nil, err
	}
	var best *answer
	var unnamed error
	for _, c := range all {
		if c.Err != nil {
			continue
		}
		ans := &answer{ID: c.ID.String(), Canonical: c.ID.Qualified(), Scheme: c.Scheme.String(), Reading: readingOf(c.ID, c.Carrier)}
		if len(all) > 1 {
			ans.Candidates = candidatesOf(all)
		}
		name, err := dnsname.In(c.ID, true, z.zone, z.ors)
		if err != nil && c.Scheme.Served() {
			unnamed = failf("cannot be asked over DNS: %v", err)
			continue
		}
		if err := z.ask(ctx, name, &q, ans); err != nil {
			return nil, err
		}
		if best == nil || best.status == http.StatusNotFound && best.ResponseCode == int(handle.RcodeServerNotResponsible) {
			best = ans
		}
		if ans.status != http.StatusNotFound {
			return ans, nil
		}
	}
	if best == nil {
		return nil, unnamed
	}
	return best, nil
}

// readText reads text as the node would. At least one of the candidates is an identifier.
func readText(text, scheme string) ([]identifier.Candidate, error) {
	if name, rest, ok := strings.Cut(text, ":"); ok && scheme == "" {
		if _, err := identifier.ParseScheme(name); err == nil {
			scheme, text = name, rest
		}
	}
	all := identifier.Detect(text)
	if scheme != "" {
		s, err := identifier.ParseScheme(scheme)
		if err != nil {
			return nil, usagef("--scheme is one of %s, not %q", strings.Join(schemeNames(), ", "), scheme)
		}
		id, err := s.Parse(strings.TrimPrefix(text, scheme+":"))
		if err == nil {
			return []identifier.Candidate{{Scheme: s, ID: id}}, nil
		}
		all = slices.DeleteFunc(all, func(c identifier.Candidate) bool { return c.Scheme != s })
		if len(all) == 0 {
			return nil, &problem{Status: http.StatusBadRequest, Code: "invalid_identifier", Detail: err.Error()}
		}
	}
	if slices.ContainsFunc(all, func(c identifier.Candidate) bool { return c.Err == nil }) {
		return all, nil
	}
	p := &problem{Status: http.StatusBadRequest, Code: "invalid_identifier", Candidates: candidatesOf(all)}
	if len(all) > 0 {
		p.Detail, p.Meant = all[0].Err.Error(), all[0].Err.Meant
	} else {
		p.Detail = "not an identifier: no scheme has identifiers of this form"
	}
	return nil, p
}

// zones are where a server has its names.
type zones struct {
	addr string
	zone string
	ors  string // suffix of the OID resolution system
}

// zonesOf returns the zones below zone or, if that is "", those that the server names.
func zonesOf(ctx context.Context, addr, zone string) (*zones, error) {
	z := &zones{addr: addr, zone: strings.TrimSuffix(zone, ".")}
	if z.zone != "" {
		z.ors = "oid." + z.zone
		return z, nil
	}
	r, err := askDNS(ctx, addr, dnsmessage.Question{Name: dnsmessage.MustNewName("zones.idnode."), Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassCHAOS})
	if err != nil {
		return nil, err
	}
	texts, _ := r.texts()
	for _, text := range slices.Concat(texts...) {
		if ors, ok := strings.CutPrefix(text, "ors="); ok {
			if z.ors == "" {
				z.ors = strings.TrimSuffix(ors, ".")
			}
		} else if z.zone == "" {
			z.zone = strings.TrimSuffix(text, ".")
		}
	}
	if z.zone == "" {
		return nil, failf("%s does not say which zone it serves: name it with --zone", addr)
	}
	if z.ors == "" {
		z.ors = "oid." + z.zone
	}
	return z, nil
}

// ask asks for the TXT records of name and completes ans. No name: that of a scheme without any.
func (z *zones) ask(ctx context.Context, text string, q *question, ans *answer) error {
	if text == "" {
		ans.ResponseCode, ans.status = int(handle.RcodeServerNotResponsible), http.StatusNotFound
		return nil
	}
	for range maxAliases {
		name, err := dnsmessage.NewName(text)
		if err != nil {
			return failf("name %s: %v", text, err)
		}
		r, err := askDNS(ctx, z.addr, dnsmessage.Question{Name: name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET})
		if err != nil {
			return err
		}
		texts, _ := r.texts()
		if target := r.alias(); target != "" && len(texts) == 0 && r.code == dnsmessage.RCodeSuccess {
			text = target
			continue
		}
		return ans.fromDNS(r, q)
	}
	return failf("too many aliases in a row")
}

// fromDNS completes ans with the same as over HTTP.
func (ans *answer) fromDNS(r *dnsReply, q *question) error {
	ans.status, ans.Message = http.StatusOK, r.said()
	switch {
	case r.withheld():
		ans.ResponseCode, ans.status, ans.Reason = int(handle.RcodeHandleNotFound), http.StatusForbidden, r.said()
	case r.code == dnsmessage.RCodeNameError:
		ans.ResponseCode, ans.status = int(handle.RcodeHandleNotFound), http.StatusNotFound
	case r.code == dnsmessage.RCodeRefused:
		ans.ResponseCode, ans.status = int(handle.RcodeServerNotResponsible), http.StatusNotFound
	case r.code == dnsmessage.RCodeServerFailure:
		return &problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: orDefault(r.said(), "the node cannot answer now")}
	case r.code != dnsmessage.RCodeSuccess:
		return failf("the node answered %s %s", strings.TrimPrefix(r.code.String(), "RCode"), r.said())
	case len(r.referred) > 0:
		ans.ResponseCode = int(handle.RcodePrefixReferral)
		ans.Referral = &referral{Namespace: strings.TrimSuffix(r.referred[0].Header.Name.String(), ".")}
	default:
		return ans.dnsValues(r, q)
	}
	return nil
}

// dnsValues takes the values out of TXT records, "<index> <type>=<data>".
func (ans *answer) dnsValues(r *dnsReply, q *question) error {
	texts, ttls := r.texts()
	var values []identifier.Value
	for i, strs := range texts {
		text := strings.Join(strs, "")
		if index, ok := strings.CutPrefix(text, "truncated="); ok {
			ans.Message = strings.TrimPrefix(ans.Message+"; value "+index+" is too long for the DNS", "; ")
			continue
		}
		number, rest, _ := strings.Cut(text, " ")
		index, err := strconv.ParseUint(number, 10, 31)
		typ, data, ok := strings.Cut(rest, "=")
		if err != nil || !ok {
			continue // somebody else's TXT record
		}
		v := identifier.Value{Index: uint32(index), Type: typ, Data: []byte(data), TTL: int32(min(ttls[i], 1<<31-1)), Perms: identifier.DefaultPerms}
		if q.wants(&v) {
			values = append(values, v)
		}
	}
	ans.ResponseCode = int(handle.RcodeSuccess)
	if len(values) == 0 {
		ans.ResponseCode = int(handle.RcodeValuesNotFound)
	}
	var err error
	ans.Values, err = fromValues(values)
	return err
}

// wants reports whether v is asked for.
func (q *question) wants(v *identifier.Value) bool {
	return len(q.types) == 0 && len(q.indexes) == 0 || slices.Contains(q.indexes, v.Index) || slices.ContainsFunc(q.types, v.MatchType)
}
