package identifier

import (
	"net/url"
	"strings"
)

// readLink reads a Digital Link URI or its path, compressed or not, and appends to named the key
// and the qualifiers of its path.
func readLink(buffer, named []gs1Pair, text string) ([]gs1Pair, string, gs1Slip) {
	pairs, n, slip := splitLink(buffer, text)
	// What is no more than a wrong check digit is not read as compressed, which it seldom is.
	if slip.what != "" && slip.part == "" && looksCompressed(text) {
		if packed, reason := decompressLink(text); reason == "" {
			if pairs, slip := nameElements(named, packed); slip.what == "" || slip.part != "" {
				return pairs, formPacked, slip
			}
		}
	}
	if slip.what != "" {
		return nil, formLink, slip
	}
	named = append(named, pairs[:n]...)
	_, slip = relateElements(pairs)
	return named, formLink, slip
}

func isWebURI(text string) bool {
	switch {
	case len(text) > 8 && (text[4] == 's' || text[4] == 'S'):
		return EqualFoldASCII(text[:8], "https://")
	case len(text) > 7:
		return EqualFoldASCII(text[:7], "http://")
	}
	return false
}

// splitLink appends the elements of a Digital Link to dst: first the path's, as many as it says,
// then the query's. The path's are checked: the primary key may follow other segments, its
// qualifiers in their order end the path.
func splitLink(dst []gs1Pair, text string) (pairs []gs1Pair, named int, slip gs1Slip) {
	text, _, _ = strings.Cut(text, "#")
	text, query, _ := strings.Cut(text, "?")
	bare := text[0] == '/'
	if !bare {
		_, rest, _ := strings.Cut(text, "://")
		slash := strings.IndexByte(rest, '/')
		if slash <= 0 {
			return nil, 0, gs1Slip{what: "a Digital Link has a domain and a path"}
		}
		text = rest[slash:]
	}
	// The key stands as far to the left as what follows it allows: AI and value in turns. Where
	// nothing is right, a wrong check digit says best what is wrong, then the first attempt.
	first := gs1Slip{what: "no primary key in the path of the Digital Link"}
	path := strings.TrimSuffix(text[1:], "/")
	for rest := path; rest != ""; {
		segment, after, more := strings.Cut(rest, "/")
		if ai := linkAI(segment); isKey(ai) && more {
			attempt, slip := splitPath(dst[:0], rest)
			if slip.what == "" {
				return splitQuery(attempt, query)
			}
			// A segment may happen to look like a key: then its value hardly looks like one.
			meant := bare && rest == path || after != "" && isDigit(after[0])
			if meant && (first.ai == "" || slip.part != "" && first.part == "") {
				first = slip
			}
		}
		rest = after
	}
	return nil, 0, first
}

func isKey(ai string) bool {
	_, ok := gs1Keys[ai]
	return ok
}

// splitPath appends the elements of a path that begins with a primary key, and checks them.
func splitPath(dst []gs1Pair, path string) ([]gs1Pair, gs1Slip) {
	for rest, more := path, true; more; {
		var name, value string
		name, rest, more = strings.Cut(rest, "/")
		ai := linkAI(name)
		if ai == "" {
			return nil, gs1Slip{ai: dst[0].ai, what: "is followed by a segment that is no application identifier"}
		}
		if !more {
			return nil, gs1Slip{ai: ai, what: "has no value"}
		}
		value, rest, more = strings.Cut(rest, "/")
		value, err := url.PathUnescape(value)
		if err != nil {
			return nil, gs1Slip{ai: ai, what: "has a broken percent sign"}
		}
		if ai == "01" && isGTINLength(value) {
			value = padGTIN(value)
		}
		p := gs1Pair{ai, value}
		if slip := checkElement(p); slip.what != "" {
			return nil, slip
		}
		dst = append(dst, p)
	}
	if len(dst) == 1 {
		return dst, gs1Slip{}
	}
	for _, sequence := range gs1Keys[dst[0].ai].qualifiers {
		if isInOrder(dst[1:], sequence) {
			return dst, gs1Slip{}
		}
	}
	return nil, gs1Slip{ai: dst[0].ai, what: "has qualifiers that do not belong to it in this order"}
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

// splitQuery appends the attributes in the query of a link to the elements of its path. Parameters
// whose names are not all digits are the resolver's and others' business.
func splitQuery(pairs []gs1Pair, query string) ([]gs1Pair, int, gs1Slip) {
	path := len(pairs)
	for query != "" {
		end := strings.IndexAny(query, "&;")
		parameter := query
		if query = ""; end >= 0 {
			parameter, query = parameter[:end], parameter[end+1:]
		}
		ai, value, _ := strings.Cut(parameter, "=")
		if !isDigits(ai) {
			continue
		}
		value, err := url.PathUnescape(value)
		if err != nil {
			return nil, 0, gs1Slip{ai: ai, what: "has a broken percent sign"}
		}
		e := findElem(ai)
		if e == nil {
			return nil, 0, gs1Slip{ai: ai, what: "is no application identifier"}
		}
		p := gs1Pair{ai, value}
		if slip := checkElement(p); slip.what != "" {
			return nil, 0, slip
		}
		for _, sequence := range gs1Keys[pairs[0].ai].qualifiers {
			for _, qualifier := range sequence {
				if ai == qualifier {
					return nil, 0, gs1Slip{ai: ai, what: "belongs into the path of the Digital Link"}
				}
			}
		}
		if !e.attr || ai == pairs[0].ai {
			return nil, 0, gs1Slip{ai: ai, what: "does not belong into the query of a Digital Link"}
		}
		pairs = append(pairs, p)
	}
	return pairs, path, gs1Slip{}
}

// linkAI returns the AI that a segment of a path names, in digits or by the short name that
// versions 1.0 and 1.1 of the Digital Link standard had for keys and qualifiers; "" for others.
func linkAI(segment string) string {
	if segment != "" && isDigit(segment[0]) {
		if len(segment) == lengthOfAI(segment) && isDigits(segment) {
			return segment
		}
		return ""
	}
	switch segment {
	case "sscc":
		return "00"
	case "gtin":
		return "01"
	case "lot":
		return "10"
	case "ser":
		return "21"
	case "cpv":
		return "22"
	case "gdti":
		return "253"
	case "glnx":
		return "254"
	case "gcn":
		return "255"
	case "ginc":
		return "401"
	case "gsin":
		return "402"
	case "gln":
		return "414"
	case "payTo":
		return "415"
	case "partyGLN":
		return "417"
	case "grai":
		return "8003"
	case "giai":
		return "8004"
	case "itip":
		return "8006"
	case "cpid":
		return "8010"
	case "cpsn":
		return "8011"
	case "gmn":
		return "8013"
	case "gsrnp":
		return "8017"
	case "gsrn":
		return "8018"
	case "srin":
		return "8019"
	case "refno":
		return "8020"
	}
	return ""
}

// LooksLikeDigitalLink reports whether the path of a URI, escaped, is meant as a GS1 Digital Link: it begins with a primary
// key, by its number or its short name, and something behind it, or it holds a key with a value that is right further
// on (GS1 Digital Link URI Syntax, section 4). The path of a Handle is none, whatever stands in its suffix.
func LooksLikeDigitalLink(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	first, rest, more := strings.Cut(path[1:], "/")
	if isKey(linkAI(first)) && more && rest != "" {
		return true
	}
	if strings.Contains(first, ".") && isDigits(strings.ReplaceAll(first, ".", "")) {
		return false
	}
	var buffer [12]gs1Pair
	_, _, slip := splitLink(buffer[:0], path)
	return slip.what == ""
}

// IsCompressedLink reports whether id was read from a compressed GS1 Digital Link.
func (id ID) IsCompressedLink() bool { return id.form == formPacked }

// DigitalLinkPath is the path of the GS1 Digital Link of id, escaped and not compressed, such as
// "/01/06901234567892/21/A1"; it is empty for identifiers of other schemes.
func (id ID) DigitalLinkPath() string {
	if id.scheme != GS1 {
		return ""
	}
	var buffer [4]gs1Pair
	pairs, _ := splitElements(buffer[:0], id.name)
	var b strings.Builder
	for _, p := range pairs {
		b.WriteString("/" + p.ai + "/" + url.PathEscape(p.value))
	}
	return b.String()
}
