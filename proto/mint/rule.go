// Package mint makes the last parts of new identifiers from a rule, such as
//
//	SN-{yyyy}{MM}-{serial:6}{check}
//
// A rule is text with places in braces; `{{` and `}}` are braces themselves:
//
//	{serial:W}         a number that counts up, with zeros in front to W digits (1 to 18); {serial} has none
//	{random:N}         N random symbols of Crockford's base32 (4 to 40), each 5 bits
//	{random:N:check}   the same and Crockford's check symbol behind them
//	{yyyy} {yy}        the year, of four or two digits
//	{MM} {dd} {DDD}    month, day of the month, day of the year (three digits)
//	{GGGG} {ww}        year and number of the week of ISO 8601
//	{HH}               the hour, of 24
//	{check}            check character over the letters and digits before it, ISO/IEC 7064 MOD 37,36
//	{check:luhn}       check digit over the digits before it, ISO/IEC 7812-1, annex B
//
// A rule has a serial number or a random part, or it would make one text only. What a serial number counts is
// told by [Rule.Period]: texts that differ in their dates count apart.
package mint

import (
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a rule.
const (
	MaxRule     = 255 // octets
	maxWidth    = 18  // digits of a serial number: they fit 63 bits
	minRandom   = 4   // symbols
	maxRandom   = 40
	defaultMost = 999_999_999_999_999_999 // of a serial number without a width
)

// Rule says how identifiers are made. It is immutable.
type Rule struct {
	text  string
	parts []part
	width int // of the serial number, 0 without a width
}

// kind is what a part of a rule is.
type kind byte

const (
	literal kind = iota
	serial
	random
	date
	check
)

type part struct {
	kind kind
	text string // literal: as it is; date: its name; check: its name
	n    int    // serial: width; random: symbols
	more bool   // random: with a check symbol
}

// Parse reads a rule. The error says what is wrong with it, for people.
func Parse(text string) (*Rule, error) {
	r := &Rule{text: text}
	if len(text) > MaxRule {
		return nil, fmt.Errorf("the rule has more than %d octets", MaxRule)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("the rule is not in UTF-8")
	}
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			r.parts = append(r.parts, part{kind: literal, text: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case (c == '{' || c == '}') && i+1 < len(text) && text[i+1] == c:
			lit.WriteByte(c)
			i += 2
		case c == '}':
			return nil, fmt.Errorf("a } without a { at octet %d; write }} for the character", i+1)
		case c == '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("the { at octet %d has no end; write {{ for the character", i+1)
			}
			flush()
			p, err := parsePlace(text[i+1 : i+end])
			if err != nil {
				return nil, err
			}
			r.parts = append(r.parts, p)
			i += end + 1
		default:
			lit.WriteByte(c)
			i++
		}
	}
	flush()
	return r, r.check()
}

// parsePlace reads what stands in braces.
func parsePlace(text string) (part, error) {
	fields := strings.Split(text, ":")
	number := func(least, most int) (int, error) {
		n, err := strconv.Atoi(fields[1])
		if err != nil || n < least || n > most || strconv.Itoa(n) != fields[1] {
			return 0, fmt.Errorf("{%s} needs a number from %d to %d", text, least, most)
		}
		return n, nil
	}
	switch fields[0] {
	case "serial":
		if len(fields) == 1 {
			return part{kind: serial}, nil
		}
		if len(fields) == 2 {
			n, err := number(1, maxWidth)
			return part{kind: serial, n: n}, err
		}
	case "random":
		if len(fields) == 2 || len(fields) == 3 && fields[2] == "check" {
			n, err := number(minRandom, maxRandom)
			return part{kind: random, n: n, more: len(fields) == 3}, err
		}
	case "check":
		if len(fields) == 1 || len(fields) == 2 && fields[1] == "luhn" {
			return part{kind: check, text: text}, nil
		}
	default:
		if _, ok := dates[text]; ok {
			return part{kind: date, text: text}, nil
		}
	}
	return part{}, fmt.Errorf("{%s} is no part of a rule; there are {serial:W}, {random:N}, {random:N:check}, {yyyy}, {yy}, {MM}, {dd}, {DDD}, {GGGG}, {ww}, {HH}, {check} and {check:luhn}", text)
}

// check holds a parsed rule to what no part alone tells.
func (r *Rule) check() error {
	serials, randoms := 0, 0
	for _, p := range r.parts {
		switch p.kind {
		case serial:
			serials++
			r.width = p.n
		case random:
			randoms++
		case check:
			if serials+randoms == 0 {
				return fmt.Errorf("{%s} stands behind the {serial} or {random} that it checks", p.text)
			}
			if p.text == "check:luhn" && randoms > 0 {
				return fmt.Errorf("{check:luhn} covers digits only; for letters there is {check}")
			}
		}
	}
	switch {
	case serials > 1:
		return fmt.Errorf("a rule has one {serial} at most")
	case serials+randoms == 0:
		return fmt.Errorf("a rule needs a {serial} or a {random}, or it makes one text only")
	}
	return nil
}

// String is the rule as it was given.
func (r *Rule) String() string { return r.text }

// Counts reports whether the rule has a serial number.
func (r *Rule) Counts() bool {
	for _, p := range r.parts {
		if p.kind == serial {
			return true
		}
	}
	return false
}

// Most is the last serial number that the rule has room for.
func (r *Rule) Most() uint64 {
	if r.width == 0 {
		return defaultMost
	}
	most := uint64(1)
	for range r.width {
		most *= 10
	}
	return most - 1
}

// Period names what serial numbers at the time t count: the rule with its dates filled in. Numbers of different
// periods are independent.
func (r *Rule) Period(t time.Time) string {
	var b strings.Builder
	for _, p := range r.parts {
		switch p.kind {
		case literal:
			b.WriteString(p.text)
		case date:
			b.WriteString(dates[p.text](t))
		case serial:
			b.WriteString("\x00")
		case random:
			b.WriteString("\x01")
		}
	}
	return b.String()
}

// Append appends to dst the text of a serial number at the time t, whose zone is that of the dates. Random parts
// are read from entropy.
func (r *Rule) Append(dst []byte, t time.Time, number uint64, entropy io.Reader) ([]byte, error) {
	start := len(dst)
	for _, p := range r.parts {
		switch p.kind {
		case literal:
			dst = append(dst, p.text...)
		case date:
			dst = append(dst, dates[p.text](t)...)
		case serial:
			digits := strconv.FormatUint(number, 10)
			if p.n > 0 && len(digits) > p.n {
				return nil, fmt.Errorf("number %d does not fit {serial:%d}", number, p.n)
			}
			for range p.n - len(digits) {
				dst = append(dst, '0')
			}
			dst = append(dst, digits...)
		case random:
			var err error
			if dst, err = appendRandom(dst, p.n, p.more, entropy); err != nil {
				return nil, err
			}
		case check:
			if p.text == "check:luhn" {
				dst = append(dst, luhn(dst[start:]))
			} else {
				dst = append(dst, mod37_36(dst[start:]))
			}
		}
	}
	return dst, nil
}

// dates writes the parts of a date.
var dates = map[string]func(t time.Time) string{
	"yyyy": func(t time.Time) string { return fmt.Sprintf("%04d", t.Year()) },
	"yy":   func(t time.Time) string { return fmt.Sprintf("%02d", t.Year()%100) },
	"MM":   func(t time.Time) string { return fmt.Sprintf("%02d", int(t.Month())) },
	"dd":   func(t time.Time) string { return fmt.Sprintf("%02d", t.Day()) },
	"DDD":  func(t time.Time) string { return fmt.Sprintf("%03d", t.YearDay()) },
	"HH":   func(t time.Time) string { return fmt.Sprintf("%02d", t.Hour()) },
	"GGGG": func(t time.Time) string { y, _ := t.ISOWeek(); return fmt.Sprintf("%04d", y) },
	"ww":   func(t time.Time) string { _, w := t.ISOWeek(); return fmt.Sprintf("%02d", w) },
}

// crockford is the alphabet of Crockford's base32; the last five are of check symbols only.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U"

func appendRandom(dst []byte, n int, more bool, entropy io.Reader) ([]byte, error) {
	bits := make([]byte, n)
	if _, err := io.ReadFull(entropy, bits); err != nil {
		return nil, err
	}
	value := new(big.Int)
	for _, b := range bits {
		symbol := b & 31
		dst = append(dst, crockford[symbol])
		if more {
			value.Add(value.Lsh(value, 5), big.NewInt(int64(symbol)))
		}
	}
	if more {
		dst = append(dst, crockford[new(big.Int).Mod(value, big.NewInt(37)).Int64()])
	}
	return dst, nil
}

// mod37_36 is the check character of the hybrid system MOD 37,36 (ISO/IEC 7064:2003) over the letters and digits
// of text, without regard to case.
func mod37_36(text []byte) byte {
	p := 36
	for _, c := range text {
		v := 0
		switch {
		case '0' <= c && c <= '9':
			v = int(c - '0')
		case 'A' <= c && c <= 'Z':
			v = int(c-'A') + 10
		case 'a' <= c && c <= 'z':
			v = int(c-'a') + 10
		default:
			continue
		}
		p = (p + v) % 36
		if p == 0 {
			p = 36
		}
		p = p * 2 % 37
	}
	return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(37-p)%36]
}

// luhn is the check digit over the digits of text (ISO/IEC 7812-1, annex B).
func luhn(text []byte) byte {
	sum, double := 0, true
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] < '0' || text[i] > '9' {
			continue
		}
		d := int(text[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return byte('0' + (10-sum%10)%10)
}
