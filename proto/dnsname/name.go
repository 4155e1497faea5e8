package dnsname

import (
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// Name is what a name below a zone stands for: an identifier, or something above identifiers, or
// both. The zero Name is neither.
type Name struct {
	Scheme identifier.Scheme // whose part of the zone it is in; 0 for none

	// ID is the identifier, or the zero ID. It names a Handle prefix by its prefix record.
	ID identifier.ID

	// The name stands above others, and so exists, if there is a record whose canonical name begins
	// with one of Beginnings, or a namespace whose name begins with one of Namespaces, or an
	// identifier whose [Long] begins with Long, where that is not empty.
	Beginnings []string
	Namespaces []string
	Long       string

	// Key is the identifier that tells the namespace in which the name lies: the prefix of a
	// Handle, the primary key of a GS1 identifier. KeyLabels is how many labels, from the zone
	// down, its name has: that is where a delegation cuts. Key may be set where ID is not.
	Key       identifier.ID
	KeyLabels int

	labels int // of the whole name
}

// Parse reads the labels of a name below a zone, the leftmost first, as raw octets in any case. An
// OID's end in "oid".
func Parse(labels []string) Name {
	n := len(labels)
	if n == 0 {
		return Name{}
	}
	labels = folded(labels)
	switch rest := labels[:n-1]; labels[n-1] {
	case labelHandle:
		return parseHandle(labels)
	case labelOID:
		name := ParseORS(rest)
		if name.KeyLabels > 0 {
			name.KeyLabels++
		}
		return name
	case labelEcode:
		return parseEcode(labels)
	case labelGS1:
		return parseGS1(rest)
	}
	return Name{}
}

// ParseORS reads the labels of a name below a suffix of the OID resolution system. Labels that are
// no numbers end what it reads: for the labels right of them Key is set.
func ParseORS(labels []string) Name {
	name := Name{Scheme: identifier.OID}
	run := digitsRun(labels)
	dotted := join(labels[len(labels)-run:])
	var err error
	switch run {
	case 0:
		if len(labels) == 0 {
			name.Beginnings, name.Namespaces = []string{""}, []string{""}
		}
		return name
	case 1:
		if dotted != "0" && dotted != "1" && dotted != "2" {
			return name
		}
	default:
		if name.Key, err = identifier.OID.Parse(dotted); err != nil {
			return name
		}
		name.KeyLabels = run
	}
	if run == len(labels) {
		name.ID = name.Key
		name.Beginnings, name.Namespaces = []string{dotted + "."}, []string{dotted + "."}
	}
	return name
}

func parseHandle(all []string) Name {
	labels := all[:len(all)-1]
	name := Name{Scheme: identifier.Handle}
	run := digitsRun(labels)
	if run == 0 {
		if len(labels) == 0 {
			name.Beginnings, name.Namespaces = []string{""}, []string{""}
		}
		return name
	}
	prefix := join(labels[len(labels)-run:])
	key, err := identifier.Handle.Parse(prefix)
	if err != nil {
		return name
	}
	name.Key, name.KeyLabels = key, run+1
	rest := labels[:len(labels)-run]
	if len(rest) == 0 {
		name.ID = key
		name.Beginnings = []string{prefix + "/", prefix + ".", "0.na/" + prefix + "."}
		name.Namespaces = []string{prefix + "."}
		return name
	}
	name.value(rest, prefix+"/", all)
	return name
}

func parseEcode(all []string) Name {
	labels := all[:len(all)-1]
	name := Name{Scheme: identifier.Ecode, labels: len(all)}
	n := len(labels)
	if n == 0 {
		name.Beginnings, name.Namespaces = []string{""}, []string{""}
		return name
	}
	v := labels[n-1]
	if len(v) != 2 || v[0] != 'v' || v[1] < '0' || int(v[1]-'0') >= len(nsiDigits) {
		return name
	}
	version := v[1:]
	if n == 1 {
		name.Beginnings, name.Namespaces = []string{version}, []string{version}
		return name
	}
	nsi := labels[n-2]
	if version == "0" {
		nsi = strings.ToUpper(nsi)
	}
	head, err := identifier.Ecode.ParseNamespace(version + nsi)
	if err != nil || len(nsi) != nsiDigits[version[0]-'0'] {
		return name
	}
	// Any code of the system tells its namespace; "0" is one under every version.
	if name.Key, err = identifier.Ecode.Parse(head + "0"); err == nil {
		name.KeyLabels = 3
	}
	rest := labels[:n-2]
	if len(rest) == 0 {
		name.Beginnings, name.Namespaces = []string{head}, []string{head}
		return name
	}
	name.value(rest, head, all)
	if !name.ID.IsZero() {
		name.Key = name.ID
	}
	return name
}

// value reads the labels of a single value, plain or encoded, which makes an identifier behind
// head. They are the first of all labels of the name.
func (n *Name) value(labels []string, head string, all []string) {
	last := len(labels) - 1
	if labels[last] != Encoded {
		if last == 0 && isPlain(labels[0]) {
			n.identify(head, labels[0])
		}
		return
	}
	chunks := labels[:last]
	if len(chunks) == 0 {
		n.Beginnings = []string{head}
		return
	}
	for _, chunk := range chunks[:len(chunks)-1] {
		if len(chunk) != MaxLabel {
			return
		}
	}
	for _, chunk := range chunks {
		if strings.Trim(chunk, "0123456789abcdefghijklmnopqrstuv") != "" {
			return
		}
	}
	n.Long = Reverse(all)
	if text, ok := decode(strings.Join(chunks, "")); ok {
		n.identify(head, text)
	}
}

// maxChunks is how many labels of a value a name has room for.
const maxChunks = 4

// FoldedLong returns what Long is when the letters of the value are in lower case, as [Long] has it for
// namespaces that fold case. Which octets a chunk holds depends on how many chunks stand left of it, so
// that there is one for each number of them.
func (n Name) FoldedLong() []string {
	head, tail, ok := strings.Cut(n.Long, "."+Encoded+".")
	if !ok || n.Scheme != identifier.Handle {
		return nil
	}
	chunks := strings.Split(strings.TrimSuffix(tail, "."), ".")
	slices.Reverse(chunks)
	text := strings.Join(chunks, "")
	var all []string
	add := func(folded string) {
		labels := []string{Encoded}
		for ; len(folded) > MaxLabel; folded = folded[MaxLabel:] {
			labels = slices.Insert(labels, len(labels)-1, folded[:MaxLabel])
		}
		labels = slices.Insert(labels, len(labels)-1, folded)
		if long := head + "." + Reverse(labels); long != n.Long && !slices.Contains(all, long) {
			all = append(all, long)
		}
	}
	for left := 1; left+len(chunks) <= maxChunks; left++ {
		before := strings.Repeat("0", left*MaxLabel)
		value, ok := decode(before + text)
		if !ok {
			continue // no value ends so
		}
		folded := []byte(identifier.FoldASCII(value))
		add(encoding.EncodeToString(folded)[len(before):])
		// The first bit of the octet that is cut in two may be left of the chunk: then it is no letter.
		if cut := len(before) * 5 / 8; folded[cut] != value[cut] {
			folded[cut] = value[cut]
			add(encoding.EncodeToString(folded)[len(before):])
		}
	}
	return all
}

// identify sets the identifier if head and value make one.
func (n *Name) identify(head, value string) {
	id, err := n.Scheme.Parse(head + value)
	if err != nil || id.IsPrefixRecord() {
		return
	}
	// The parts must be those of the identifier: a spelling that stands for another one is none.
	if got := id.Canonical(); !strings.HasPrefix(got, head) || !identifier.EqualFoldASCII(got, head+value) {
		return
	}
	n.ID = id
}

// decode reads base32hex without padding. Texts whose last character has bits to spare that are set are not
// canonical, and refused (RFC 4648, section 3.5).
func decode(text string) (string, bool) {
	b, err := encoding.DecodeString(text)
	if err != nil || len(b) == 0 || encoding.EncodeToString(b) != text {
		return "", false
	}
	return string(b), true
}

// parseGS1 reads pairs of value and application identifier from the zone down.
func parseGS1(labels []string) Name {
	name := Name{Scheme: identifier.GS1}
	var pairs [][2]string
	var head strings.Builder // the canonical form of pairs
	rest := labels
	for len(rest) > 0 {
		n := len(rest) - 1
		ai := rest[n]
		if len(ai) < 2 || len(ai) > 4 || !isDigits(ai) {
			return name
		}
		rest = rest[:n]
		head.WriteString("(" + ai + ")")
		known := len(pairs) > 0 || isGS1Key(ai)
		if n == 0 || n == 1 && rest[0] == Encoded {
			if known {
				name.Beginnings = []string{head.String()}
				if len(pairs) == 0 {
					name.Namespaces = []string{""}
				}
			}
			return name
		}
		value := rest[n-1]
		rest = rest[:n-1]
		if value == Encoded { // no value of a key is longer than a chunk
			text, ok := decode(rest[n-2])
			if !ok {
				return name
			}
			value, rest = text, rest[:n-2]
		} else if !isPlain(value) {
			return name
		}
		pairs = append(pairs, [2]string{ai, value})
		head.WriteString(strings.ReplaceAll(value, "(", `\(`))
		if id, ok := gs1(pairs); ok && len(pairs) == 1 {
			name.Key, name.KeyLabels = id, 1+len(labels)-len(rest)
		}
	}
	if len(pairs) == 0 {
		name.Beginnings, name.Namespaces = []string{"("}, []string{""}
		return name
	}
	name.Beginnings = []string{head.String() + "("}
	if id, ok := gs1(pairs); ok {
		name.ID = id
		if name.Key.IsZero() {
			name.Key, name.KeyLabels = id, 1+len(labels)
		}
	}
	return name
}

// gs1 makes the identifier whose canonical elements are pairs.
func gs1(pairs [][2]string) (identifier.ID, bool) {
	id, err := identifier.ParseGS1Elements(slices.Clone(pairs))
	if err != nil {
		return identifier.ID{}, false
	}
	i := 0
	for ai, value := range id.Elements() {
		if i == len(pairs) || pairs[i] != [2]string{ai, value} {
			return identifier.ID{}, false
		}
		i++
	}
	return id, i == len(pairs)
}

// isGS1Key reports whether ai is that of a primary key.
func isGS1Key(ai string) bool {
	lead := "(" + ai + ")"
	return slices.ContainsFunc(identifier.GS1Beginnings(""), func(b string) bool { return strings.HasPrefix(b, lead) })
}

// digitsRun is how many labels at the end are all digits.
func digitsRun(labels []string) int {
	n := 0
	for n < len(labels) && isDigits(labels[len(labels)-1-n]) {
		n++
	}
	return n
}

// join writes labels from the last to the first with dots between them.
func join(labels []string) string { return strings.TrimSuffix(Reverse(labels), ".") }

// folded is labels with ASCII letters in lower case, as the DNS compares them (RFC 4343).
func folded(labels []string) []string {
	all := make([]string, len(labels))
	for i, label := range labels {
		all[i] = identifier.FoldASCII(label)
	}
	return all
}

// Depth is how many labels, from the zone down, the name of a namespace has that holds n.Key. Where
// a namespace has no name of its own it is that of the part of it that n is in: the primary key of a
// GS1 company prefix, the code of an Ecode's namespace that goes into main codes.
func (n Name) Depth(namespace string) int {
	switch n.Scheme {
	case identifier.OID:
		return n.KeyLabels - strings.Count(n.Key.Canonical(), ".") + strings.Count(namespace, ".")
	case identifier.Ecode:
		if !n.ID.IsZero() && len(namespace) > 1+nsiDigits[namespace[0]-'0'] {
			return n.labels
		}
	}
	return n.KeyLabels
}
