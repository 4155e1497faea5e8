package dnsname

import (
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// The labels that stand next to the zone, one a scheme.
const (
	labelHandle = "hdl"
	labelOID    = "oid"
	labelEcode  = "ecode"
	labelGS1    = "gs1"
)

// Encoded is the label behind a value in base32hex (RFC 4648, section 7).
const Encoded = "_b32"

const (
	// MaxName is the longest name in octets of its text, without the last dot: 255 on the wire
	// (RFC 1035, section 2.3.4).
	MaxName = 253
	// MaxLabel is the longest label in octets (RFC 1035, section 2.3.4).
	MaxLabel = 63
	// MaxShort is the longest value in octets whose encoded form is one label.
	MaxShort = MaxLabel * 5 / 8
)

// ErrTooLong says that an identifier's name passes the limits of the DNS.
var ErrTooLong = errors.New("name is longer than 255 octets")

var encoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// Owner returns the name of id relative to a zone, without a dot at its end: "123.21.06901234567892.01.gs1".
// Names of OIDs end in "oid", for which see [In]. Where caseSensitive is set, a property of a
// Handle's namespace, an upper-case letter forces the encoded form; that form is right in other
// namespaces too, so that who does not know sets it. The error says why there is no name; it is [ErrTooLong]
// if the length forbids it. That the name fits below its zone is not checked: see [In].
func Owner(id identifier.ID, caseSensitive bool) (string, error) {
	labels, err := owner(id, caseSensitive, false)
	if err != nil {
		return "", fmt.Errorf("name %s: %w", id.Qualified(), err)
	}
	return strings.Join(labels, "."), nil
}

// In returns the fully qualified name of id, with the last dot: an OID's below the suffix ors of the
// OID resolution system, others' below zone. The errors are those of [Owner], for the whole name.
func In(id identifier.ID, caseSensitive bool, zone, ors string) (string, error) {
	name, err := Owner(id, caseSensitive)
	if err != nil {
		return "", err
	}
	if id.Scheme() == identifier.OID {
		name, zone = strings.TrimSuffix(name, "."+labelOID), ors
	}
	if zone = strings.TrimSuffix(zone, "."); zone != "" {
		name += "." + zone
	}
	if len(name) > MaxName {
		return "", fmt.Errorf("name %s: %w", id.Qualified(), ErrTooLong)
	}
	return name + ".", nil
}

// Long returns, for an identifier whose encoded form is of more than one label, the labels above
// the leftmost one from the zone down, each with a dot behind it: "hdl.88.1021.150._b32.<last chunk>.".
// A name exists for being above that one if its labels, written so, are the beginning of it. It returns
// false for identifiers without such a name.
func Long(id identifier.ID, caseSensitive bool) (string, bool) {
	labels, err := owner(id, caseSensitive, true)
	if err != nil {
		return "", false
	}
	if i := slices.Index(labels, Encoded); i < 2 {
		return "", false
	}
	return Reverse(labels[1:]), true
}

// Reverse writes labels from the last to the first, each with a dot behind it.
func Reverse(labels []string) string {
	size := len(labels)
	for _, label := range labels {
		size += len(label)
	}
	var b strings.Builder
	b.Grow(size)
	for _, label := range slices.Backward(labels) {
		b.WriteString(label)
		b.WriteByte('.')
	}
	return b.String()
}

// owner returns the labels of id's name. Where encoded is set plain values are encoded as well.
func owner(id identifier.ID, caseSensitive, encoded bool) ([]string, error) {
	var labels []string
	var err error
	switch id.Scheme() {
	case identifier.Handle:
		labels, err = ownerHandle(id, caseSensitive, encoded)
	case identifier.OID:
		labels = strings.Split(id.Canonical(), ".")
		slices.Reverse(labels)
		labels = append(labels, labelOID)
	case identifier.Ecode:
		labels = ownerEcode(id, encoded)
	case identifier.GS1:
		labels = ownerGS1(id, encoded)
	default:
		err = fmt.Errorf("identifiers of scheme %s have no names", id.Scheme())
	}
	if err != nil {
		return nil, err
	}
	n := -1
	for _, label := range labels {
		if len(label) > MaxLabel {
			return nil, errors.New("a part is longer than a label of 63 octets")
		}
		n += 1 + len(label)
	}
	if n > MaxName {
		return nil, ErrTooLong
	}
	return labels, nil
}

func ownerHandle(id identifier.ID, caseSensitive, encoded bool) ([]string, error) {
	prefix := id.Prefix()
	var labels []string
	if id.IsPrefixRecord() {
		_, prefix, _ = strings.Cut(id.Canonical(), "/")
	} else {
		suffix := id.Suffix()
		if suffix == "" {
			return nil, errors.New("suffix is empty")
		}
		plain := suffix
		if !caseSensitive {
			plain = identifier.FoldASCII(suffix)
		}
		labels = appendValue(nil, plain, suffix, encoded || isDigits(suffix))
	}
	segments := strings.Split(prefix, ".")
	for _, segment := range slices.Backward(segments) {
		if !isDigits(segment) {
			return nil, errors.New("prefix has a segment that is not all digits")
		}
		labels = append(labels, segment)
	}
	return append(labels, labelHandle), nil
}

func ownerEcode(id identifier.ID, encoded bool) []string {
	code := id.Canonical()
	head := 1 + nsiDigits[code[0]-'0']
	nsi, md := code[1:head], code[head:]
	plain := md
	if code[0] == '0' { // hexadecimal digits mean the same in either case
		nsi, plain = strings.ToLower(nsi), strings.ToLower(md)
	}
	return append(appendValue(nil, plain, md, encoded), nsi, "v"+code[:1], labelEcode)
}

func ownerGS1(id identifier.ID, encoded bool) []string {
	var pairs [][]string
	for ai, value := range id.Elements() {
		pairs = append(pairs, append(appendValue(nil, value, value, encoded), ai))
	}
	slices.Reverse(pairs)
	return append(slices.Concat(pairs...), labelGS1)
}

// appendValue appends the labels of a value: plain if it can be a label and encoded is not set,
// otherwise value in base32hex, cut from the left.
func appendValue(labels []string, plain, value string, encoded bool) []string {
	if !encoded && isPlain(plain) {
		return append(labels, plain)
	}
	text := encoding.EncodeToString([]byte(value))
	for len(text) > MaxLabel {
		labels = append(labels, text[:MaxLabel])
		text = text[MaxLabel:]
	}
	return append(labels, text, Encoded)
}

// isPlain reports whether value is 1 to 63 lower-case letters, digits and hyphens between them.
func isPlain(value string) bool {
	n := len(value)
	if n == 0 || n > MaxLabel || value[0] == '-' || value[n-1] == '-' {
		return false
	}
	for i := range n {
		c := value[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// nsiDigits is the length of an Ecode's coding-system number by version (GB/T 31866, table 1).
var nsiDigits = [...]int{2, 4, 4, 5, 5}
