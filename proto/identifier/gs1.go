package identifier

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// gs1Grammar is the keys of the GS1 system (GS1 General Specifications; formats after the GS1
// Syntax Dictionary). One item has one canonical form, the bracketed element string of its primary
// key and the key's qualifiers in their fixed order, whichever way it is written:
//
//	6901234567892                                     GTIN-8, -12, -13 or -14
//	106952012345678908                                SSCC
//	(01)06901234567892(21)A1                          element string, in any order
//	/01/06901234567892/21/A1                          path of a Digital Link
//	https://example.com/some/01/06901234567892?17=251231
//
// Attributes, which describe an item and do not name it, are left out: the dates among element
// strings and the query of a Digital Link. An opening bracket in a value is written "\(", as by the
// GS1 syntax engine. Case is kept.
type gs1Grammar struct{}

// gs1Elem is what one application identifier (AI) may hold.
type gs1Elem struct {
	digits int               // leading digits, exactly
	check  func(string) bool // of the leading digits, or of all of it where there are none
	rule   string            // what is wrong if check says no
	more   int               // longest rest, in characters
	char   func(byte) bool   // the rest's characters
	whole  bool              // the rest has to be of that length exactly
}

// gs1Key is a primary key and what may follow it.
type gs1Key struct {
	qualifiers [][]string // alternatives, each in order
	company    int        // place of the GS1 company prefix in the value
}

const wrongCheck = "a wrong check digit"

var gs1Elems = map[string]gs1Elem{
	"00":   {digits: 18, check: checkMod10, rule: wrongCheck},
	"01":   {digits: 14, check: checkMod10, rule: wrongCheck},
	"10":   {more: 20, char: isSet82},
	"11":   {digits: 6, check: checkDate, rule: "no date"},
	"13":   {digits: 6, check: checkDate, rule: "no date"},
	"15":   {digits: 6, check: checkDate, rule: "no date"},
	"17":   {digits: 6, check: checkDate, rule: "no date"},
	"21":   {more: 20, char: isSet82},
	"22":   {more: 20, char: isSet82},
	"235":  {more: 28, char: isSet82},
	"253":  {digits: 13, check: checkMod10, rule: wrongCheck, more: 17, char: isSet82},
	"254":  {more: 20, char: isSet82},
	"255":  {digits: 13, check: checkMod10, rule: wrongCheck, more: 12, char: isDigit},
	"401":  {more: 30, char: isSet82},
	"402":  {digits: 17, check: checkMod10, rule: wrongCheck},
	"414":  {digits: 13, check: checkMod10, rule: wrongCheck},
	"417":  {digits: 13, check: checkMod10, rule: wrongCheck},
	"7040": {digits: 1, more: 3, char: isSet82, whole: true},
	"8003": {digits: 14, check: checkGRAI, rule: "no leading zero or " + wrongCheck, more: 16, char: isSet82},
	"8004": {more: 30, char: isSet82},
	"8006": {digits: 18, check: checkITIP, rule: "pieces that do not add up or " + wrongCheck},
	"8010": {more: 30, char: isSet39},
	"8011": {more: 12, char: isDigit},
	"8013": {more: 25, char: isSet82, check: checkGMN, rule: "a wrong check character pair"},
	"8017": {digits: 18, check: checkMod10, rule: wrongCheck},
	"8018": {digits: 18, check: checkMod10, rule: wrongCheck},
	"8019": {more: 10, char: isDigit},
}

var gs1Keys = map[string]gs1Key{
	"00":   {company: 1},
	"01":   {qualifiers: [][]string{{"22", "10", "21"}, {"235"}}, company: 1},
	"253":  {},
	"255":  {},
	"401":  {},
	"402":  {},
	"414":  {qualifiers: [][]string{{"254"}, {"7040"}}},
	"417":  {qualifiers: [][]string{{"7040"}}},
	"8003": {company: 1},
	"8004": {qualifiers: [][]string{{"7040"}}},
	"8006": {qualifiers: [][]string{{"22", "10", "21"}}, company: 1},
	"8010": {qualifiers: [][]string{{"8011"}}},
	"8013": {},
	"8017": {qualifiers: [][]string{{"8019"}}},
	"8018": {qualifiers: [][]string{{"8019"}}},
}

// gs1Pair is one element of an element string.
type gs1Pair struct{ ai, value string }

func (gs1Grammar) Name() string { return "gs1" }

func (gs1Grammar) Parse(text string) (ID, error) {
	var pairs []gs1Pair
	var reason string
	switch {
	case text == "":
		reason = "empty"
	case text[0] == '(':
		pairs, reason = splitElements(text)
		if reason == "" {
			pairs, reason = orderElements(pairs)
		}
	case text[0] == '/' || isWebURI(text):
		pairs, reason = splitLink(text)
	case isDigits(text) && len(text) == 18:
		pairs = []gs1Pair{{"00", text}}
	case isGTINLength(text):
		pairs = []gs1Pair{{"01", "00000000000000"[len(text):] + text}}
	default:
		reason = "neither a GTIN, an SSCC, an element string nor a Digital Link"
	}
	if reason == "" {
		reason = checkElements(pairs)
	}
	if reason != "" {
		return ID{}, syntaxError(GS1, text, reason)
	}
	name := joinElements(pairs)
	return ID{scheme: GS1, text: name, name: name}, nil
}

func isGTINLength(text string) bool {
	switch len(text) {
	case 8, 12, 13, 14:
		return isDigits(text)
	}
	return false
}

func isWebURI(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && (EqualFoldASCII(scheme, "https") || EqualFoldASCII(scheme, "http"))
}

// splitElements reads a bracketed element string.
func splitElements(text string) (pairs []gs1Pair, reason string) {
	for text != "" {
		ai, rest, ok := strings.Cut(text[1:], ")")
		if text[0] != '(' || !ok || !isDigits(ai) {
			return nil, "application identifier is not in brackets"
		}
		var value []byte
		for rest != "" && rest[0] != '(' {
			if strings.HasPrefix(rest, `\(`) {
				rest = rest[1:]
			}
			value = append(value, rest[0])
			rest = rest[1:]
		}
		pairs = append(pairs, gs1Pair{ai, string(value)})
		text = rest
	}
	return pairs, ""
}

// joinElements writes a bracketed element string.
func joinElements(pairs []gs1Pair) string {
	var b strings.Builder
	for _, p := range pairs {
		b.WriteByte('(')
		b.WriteString(p.ai)
		b.WriteByte(')')
		for i := range len(p.value) {
			if p.value[i] == '(' {
				b.WriteByte('\\')
			}
			b.WriteByte(p.value[i])
		}
	}
	return b.String()
}

// orderElements puts the primary key first and its qualifiers into their order, and drops dates.
func orderElements(pairs []gs1Pair) (ordered []gs1Pair, reason string) {
	values := make(map[string]string, len(pairs))
	var primary string
	for _, p := range pairs {
		if _, known := gs1Elems[p.ai]; !known {
			return nil, "application identifier (" + shorten(p.ai) + ") is not part of a key"
		}
		if _, twice := values[p.ai]; twice {
			return nil, "application identifier (" + p.ai + ") stands twice"
		}
		values[p.ai] = p.value
		if _, ok := gs1Keys[p.ai]; ok {
			if primary != "" {
				return nil, "two primary keys, (" + primary + ") and (" + p.ai + ")"
			}
			primary = p.ai
		}
	}
	for _, ai := range gs1Dates {
		if v, ok := values[ai]; ok {
			if reason := checkElement(gs1Pair{ai, v}, gs1Elems[ai]); reason != "" {
				return nil, reason
			}
			delete(values, ai)
		}
	}
	if primary == "" {
		return nil, "no primary key"
	}
	ordered = append(ordered, gs1Pair{primary, values[primary]})
	for _, sequence := range gs1Keys[primary].qualifiers {
		for _, ai := range sequence {
			if v, ok := values[ai]; ok {
				ordered = append(ordered, gs1Pair{ai, v})
			}
		}
	}
	if len(ordered) < len(values) {
		return nil, "a qualifier does not belong to (" + primary + ")"
	}
	return ordered, ""
}

// gs1Dates are the attributes that are dates: produced, packed, best before, expires.
var gs1Dates = []string{"11", "13", "15", "17"}

// shorten keeps a message short whatever the input.
func shorten(ai string) string { return ai[:min(len(ai), 8)] }

// splitLink reads the path of a Digital Link: the primary key may follow other segments, its
// qualifiers end the path.
func splitLink(text string) (pairs []gs1Pair, reason string) {
	text, _, _ = strings.Cut(text, "#")
	text, _, _ = strings.Cut(text, "?")
	if text[0] != '/' {
		_, rest, _ := strings.Cut(text, "://")
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return nil, "Digital Link has no path"
		}
		text = rest[slash:]
	}
	segments := strings.Split(strings.TrimSuffix(text[1:], "/"), "/")
	// The key stands as far to the left as what follows it allows: AI and value in turns. Where
	// nothing is right the first attempt says what is wrong.
	for i, ai := range segments {
		if _, ok := gs1Keys[ai]; !ok || (len(segments)-i)%2 != 0 {
			continue
		}
		var attempt []gs1Pair
		for j := i; j < len(segments); j += 2 {
			value, err := url.PathUnescape(segments[j+1])
			if err != nil {
				return nil, "Digital Link has a broken percent sign"
			}
			attempt = append(attempt, gs1Pair{segments[j], value})
		}
		if checkElements(attempt) == "" {
			return attempt, ""
		}
		if pairs == nil {
			pairs = attempt
		}
	}
	if pairs == nil {
		return nil, "Digital Link has no primary key"
	}
	return pairs, ""
}

// checkElements checks a primary key and the qualifiers that follow it in order.
func checkElements(pairs []gs1Pair) string {
	key, ok := gs1Keys[pairs[0].ai]
	if !ok {
		return "no primary key"
	}
	for _, p := range pairs {
		elem, known := gs1Elems[p.ai]
		if !known {
			return "application identifier (" + shorten(p.ai) + ") is not part of a key"
		}
		if reason := checkElement(p, elem); reason != "" {
			return reason
		}
	}
	if len(pairs) == 1 {
		return ""
	}
	for _, sequence := range key.qualifiers {
		if isInOrder(pairs[1:], sequence) {
			return ""
		}
	}
	return "qualifiers do not belong to (" + pairs[0].ai + ") in this order"
}

// isInOrder reports whether pairs are some of sequence, in its order and each at most once.
func isInOrder(pairs []gs1Pair, sequence []string) bool {
	for _, ai := range sequence {
		if len(pairs) > 0 && pairs[0].ai == ai {
			pairs = pairs[1:]
		}
	}
	return len(pairs) == 0
}

func checkElement(p gs1Pair, e gs1Elem) string {
	v := p.value
	switch {
	case len(v) < e.digits || e.digits > 0 && !isDigits(v[:e.digits]):
		return "(" + p.ai + ") has too few digits"
	case len(v) > e.digits+e.more:
		return "(" + p.ai + ") is too long"
	case e.digits == 0 && v == "", e.whole && len(v) != e.digits+e.more:
		return "(" + p.ai + ") is too short"
	}
	for i := e.digits; i < len(v); i++ {
		if !e.char(v[i]) {
			return "(" + p.ai + ") has a character that it may not hold"
		}
	}
	if p.ai == "8011" && v[0] == '0' && v != "0" {
		return "(8011) has a leading zero"
	}
	if e.check != nil {
		part := v
		if e.digits > 0 {
			part = v[:e.digits]
		}
		if !e.check(part) {
			return "(" + p.ai + ") has " + e.rule
		}
	}
	return ""
}

// checkMod10 checks the last digit: weights 3 and 1 in turns from the right before it (GS1 General
// Specifications, section 7.9).
func checkMod10(digits string) bool {
	sum, weight := 0, 1
	for i := len(digits) - 1; i >= 0; i-- {
		sum += int(digits[i]-'0') * weight
		weight = 4 - weight
	}
	return sum%10 == 0
}

// checkGRAI checks the zero that pads a GRAI to the length of a GTIN, and the check digit.
func checkGRAI(digits string) bool { return digits[0] == '0' && checkMod10(digits) }

// checkITIP checks a GTIN followed by the number of a piece and the total of pieces.
func checkITIP(digits string) bool {
	piece, total := digits[14:16], digits[16:18]
	return checkMod10(digits[:14]) && piece != "00" && piece <= total
}

// checkDate checks YYMMDD, where a day of 00 is the end of the month.
func checkDate(digits string) bool {
	month, day := digits[2:4], digits[4:6]
	if month < "01" || month > "12" {
		return false
	}
	last := "31"
	switch month {
	case "02":
		// The year's century is not told; 2000 was a leap year.
		last = "28"
		if ((digits[0]-'0')*10+digits[1]-'0')%4 == 0 {
			last = "29"
		}
	case "04", "06", "09", "11":
		last = "30"
	}
	return day <= last
}

const (
	// gs1Set82 is the invariant part of ISO/IEC 646 in the order of its values, 0 to 81.
	gs1Set82 = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
	gs1Set39 = `#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ`
	gs1Set32 = `23456789ABCDEFGHJKLMNPQRSTUVWXYZ` // of check character pairs
)

func isSet82(c byte) bool { return strings.IndexByte(gs1Set82, c) >= 0 }
func isSet39(c byte) bool { return strings.IndexByte(gs1Set39, c) >= 0 }

// checkGMN checks the two last characters of a GMN: primes from the right as weights, modulo 1021
// (GS1 General Specifications, section 7.9.5).
func checkGMN(text string) bool {
	primes := [...]int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83}
	n := len(text) - 2
	if n < 1 {
		return false
	}
	sum := 0
	for i := range n {
		sum += strings.IndexByte(gs1Set82, text[i]) * primes[n-1-i]
	}
	sum %= 1021
	return text[n] == gs1Set32[sum>>5] && text[n+1] == gs1Set32[sum&31]
}

// Validate has nothing to add: what names an item may be registered.
func (gs1Grammar) Validate(ID) error { return nil }

// Detect takes "(01)" for certain. The length and check digit of a GTIN are likelier than an Ecode
// of the same digits, those of an SSCC are not. A link is likely if a primary key stands in its
// path, even where the rest is wrong, so that the caller learns what.
func (g gs1Grammar) Detect(text string) Likelihood {
	switch {
	case text == "":
	case text[0] == '(':
		if ai, _, ok := strings.Cut(text[1:], ")"); ok && isDigits(ai) && len(ai) >= 2 && len(ai) <= 4 {
			return Certain
		}
	case text[0] == '/':
		ai, _, ok := strings.Cut(text[1:], "/")
		if _, known := gs1Keys[ai]; ok && known {
			return Likely
		}
	case isWebURI(text):
		if _, reason := splitLink(text); reason == "" {
			return Likely
		}
	case isGTINLength(text) && checkMod10(text):
		return Likely
	case len(text) == 18 && isDigits(text) && checkMod10(text):
		return Possible
	}
	return No
}

// A GS1 company prefix has four to twelve digits.
const (
	minCompanyPrefix = 4
	maxCompanyPrefix = 12
)

// NextNamespace returns the leading digits of the key, twelve down to four, from where the GS1
// company prefix stands: after the indicator digit of a GTIN, the extension digit of an SSCC.
func (gs1Grammar) NextNamespace(id ID, after string) string {
	name := after[:max(len(after)-1, 0)]
	if after == "" {
		ai, value, _ := strings.Cut(id.name[1:], ")")
		value = value[gs1Keys[ai].company:]
		n := 0
		for n < len(value) && n < maxCompanyPrefix && isDigit(value[n]) {
			n++
		}
		name = value[:n]
	}
	if len(name) < minCompanyPrefix {
		return ""
	}
	return name
}

// GS1Beginnings returns what the canonical names of the identifiers of a GS1 company prefix begin
// with, in order: the prefix stands in them after the application identifier, and after the
// indicator or extension digit of those keys that have one.
func GS1Beginnings(company string) []string {
	var all []string
	for _, ai := range slices.Sorted(maps.Keys(gs1Keys)) {
		lead := "(" + ai + ")"
		if gs1Keys[ai].company == 0 {
			all = append(all, lead+company)
			continue
		}
		for digit := byte('0'); digit <= '9'; digit++ {
			all = append(all, lead+string(digit)+company)
		}
	}
	return all
}

// ParseNamespace reads a GS1 company prefix or leading digits of one.
func (gs1Grammar) ParseNamespace(text string) (string, error) {
	if !isDigits(text) || len(text) < minCompanyPrefix || len(text) > maxCompanyPrefix {
		return "", syntaxError(GS1, text, "a company prefix has four to twelve digits")
	}
	return text, nil
}

func (gs1Grammar) Contains(outer, inner string) bool {
	return outer != "" && strings.HasPrefix(inner, outer)
}
