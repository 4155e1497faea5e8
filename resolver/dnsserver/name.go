package dnsserver

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// The labels of names that stand beside those of identifiers. None is the label of an identifier.
const (
	labelIDIS    = "_idis" // _idis._tcp.<name>: the URI records of <name> (RFC 7553, section 4.1)
	labelTCP     = "_tcp"
	labelUp      = "_up"  // _up.<name>: the nearest registered superior of an OID
	labelService = "_svc" // <label>._svc.<rest>: the addresses of the service that <label>.<rest> is delegated to
)

// owner is a domain name that is asked for: as it was written, and taken apart.
type owner struct {
	text   string   // fully qualified, in presentation form
	labels []string // as raw octets in lower case
	starts []int    // of the labels in text
}

func newOwner(text string) owner {
	o := owner{text: text, starts: make([]int, 0, 12)}
	for start, end := 0, text == "."; !end; start, end = dns.NextLabel(text, start) {
		o.starts = append(o.starts, start)
	}
	o.labels = make([]string, len(o.starts))
	folded := identifier.FoldASCII(text) // of the same length
	for i, start := range o.starts {
		end := len(text)
		if i+1 < len(o.starts) {
			end = o.starts[i+1]
		}
		label := strings.TrimSuffix(folded[start:end], ".")
		if strings.Contains(label, `\`) {
			label = identifier.FoldASCII(unescape(label))
		}
		o.labels[i] = label
	}
	return o
}

// above is the name without its first n labels.
func (o owner) above(n int) owner {
	if n == len(o.starts) {
		return owner{text: "."}
	}
	return owner{text: o.text[o.starts[n]:], labels: o.labels[n:], starts: shifted(o.starts[n:])}
}

func shifted(starts []int) []int {
	all := make([]int, len(starts))
	for i, start := range starts {
		all[i] = start - starts[0]
	}
	return all
}

// has reports whether the labels of o from the i-th on are want.
func (o owner) has(i int, want ...string) bool {
	for j, label := range want {
		if i+j >= len(o.labels) || o.labels[i+j] != label {
			return false
		}
	}
	return true
}

// within reports whether o is top or below it.
func (o owner) within(top owner) bool {
	n := len(o.labels) - len(top.labels)
	return n >= 0 && o.has(n, top.labels...)
}

// is reports whether o and name are one name.
func (o owner) is(name owner) bool { return len(o.labels) == len(name.labels) && o.within(name) }

// wireLength is the octets of o in a message (RFC 1035, section 3.1).
func (o owner) wireLength() int {
	n := 1
	for _, label := range o.labels {
		n += 1 + len(label)
	}
	return n
}

// unescape returns the octets of a label in presentation form (RFC 1035, section 5.1).
func unescape(label string) string {
	var b strings.Builder
	for i := 0; i < len(label); i++ {
		if label[i] != '\\' || i+1 == len(label) {
			b.WriteByte(label[i])
			continue
		}
		i++
		if i+2 < len(label) && isDigit(label[i]) && isDigit(label[i+1]) && isDigit(label[i+2]) {
			b.WriteByte((label[i]-'0')*100 + (label[i+1]-'0')*10 + label[i+2] - '0')
			i += 2
			continue
		}
		b.WriteByte(label[i])
	}
	return b.String()
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// suffix is where the OID resolution system begins.
type suffix struct {
	owner
	apex *apex // of the zone that it is in
}

// place is where a name lies in the zones.
type place struct {
	apex *apex
	ors  *suffix // that the name is below or at, or nil
	n    int     // labels below the suffix, or else below the apex

	scratch *resolver.Scratch // of who asks
}

// find returns the place of o; its apex is nil for a name outside the zones.
func (z *zones) find(o owner) place {
	var p place
	for i := range z.apexes {
		a := &z.apexes[i]
		if o.within(a.owner) && (p.apex == nil || len(a.labels) > len(p.apex.labels)) {
			p = place{apex: a, n: len(o.labels) - len(a.labels)}
		}
	}
	for i := range z.suffixes {
		s := &z.suffixes[i]
		if s.apex == p.apex && o.within(s.owner) {
			p.ors, p.n = s, len(o.labels)-len(s.labels)
			break // the longest stand first
		}
	}
	return p
}

// parse reads what o, less its first skip labels, stands for.
func (p place) parse(o owner, skip int) dnsname.Name {
	labels := o.labels[skip:p.n]
	if p.ors != nil {
		return dnsname.ParseORS(labels)
	}
	if name := dnsname.Parse(labels); name.Scheme != identifier.OID {
		return name
	}
	return dnsname.Name{} // the names of OIDs are below the suffixes alone
}

// oidAlias is a label, known for a name of an arc, that names below it are redirected from.
type oidAlias struct {
	skip   int    // labels left of it
	target string // the name that it stands for
}

// alias finds the first label, from the suffix down, that is a name and not the number of an arc
// (X.672: DNAME records let both be asked).
func (p place) alias(o owner) (oidAlias, bool) {
	if p.ors == nil {
		return oidAlias{}, false
	}
	i := p.n - 1
	for i >= 0 && strings.Trim(o.labels[i], "0123456789") == "" {
		i--
	}
	if i < 0 {
		return oidAlias{}, false
	}
	parent := strings.TrimSuffix(dnsname.Reverse(o.labels[i+1:p.n]), ".")
	arcs, ok := identifier.OIDArc(parent, o.labels[i])
	return oidAlias{skip: i, target: reversed(arcs) + "." + o.above(i+1).text}, ok
}

// reversed writes dotted arcs in the order of a domain name.
func reversed(arcs string) string {
	return strings.TrimSuffix(dnsname.Reverse(strings.Split(arcs, ".")), ".")
}
