package identifier

import (
	"iter"
	"strings"
)

// splitElements reads a bracketed element string and appends its elements to dst.
func splitElements(dst []gs1Pair, text string) ([]gs1Pair, gs1Slip) {
	for text != "" {
		ai, rest, ok := strings.Cut(text[1:], ")")
		if text[0] != '(' || !ok || !isDigits(ai) {
			return nil, gs1Slip{what: "an application identifier is not in brackets"}
		}
		value, escaped := rest, false
		for i := 0; i < len(rest); i++ {
			if rest[i] == '(' {
				value = rest[:i]
				break
			}
			if rest[i] == '\\' && i+1 < len(rest) && rest[i+1] == '(' {
				escaped = true
				i++
			}
		}
		text = rest[len(value):]
		if escaped {
			value = strings.ReplaceAll(value, `\(`, "(")
		}
		dst = append(dst, gs1Pair{ai, value})
	}
	return dst, gs1Slip{}
}

// joinElements writes a bracketed element string.
func joinElements(pairs []gs1Pair) string {
	var b strings.Builder
	n := 0
	for _, p := range pairs {
		n += len(p.ai) + len(p.value) + 2
	}
	b.Grow(n)
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

// Elements yields the application identifiers and values of a GS1 identifier, the primary key
// first, then its qualifiers in order. Values are unescaped. Other schemes yield nothing.
func (id ID) Elements() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if id.scheme != GS1 {
			return
		}
		var buffer [4]gs1Pair
		pairs, _ := splitElements(buffer[:0], id.name)
		for _, p := range pairs {
			if !yield(p.ai, p.value) {
				return
			}
		}
	}
}

// ParseGS1Elements makes an identifier of application identifiers and their values, in any order,
// as [Parse] does of a bracketed element string. The error is a *[SyntaxError].
func ParseGS1Elements(elements [][2]string) (ID, error) {
	pairs := make([]gs1Pair, len(elements))
	for i, e := range elements {
		pairs[i] = gs1Pair{e[0], e[1]}
	}
	text := joinElements(pairs)
	if len(text) > MaxLength {
		return ID{}, syntaxError(GS1, text, tooLong)
	}
	named, slip := nameElements(nil, pairs)
	if slip.what != "" {
		err := syntaxError(GS1, text, slip.String())
		err.Meant = meantGS1(text, slip)
		return ID{}, err
	}
	return gs1ID(named, formBracketed), nil
}

// nameElements checks every element and how they go together, and appends to dst what names
// something: the primary key and its qualifiers in their order.
func nameElements(dst, pairs []gs1Pair) ([]gs1Pair, gs1Slip) {
	pairs, slip := checkElements(pairs)
	if slip.what != "" {
		return nil, slip
	}
	primary := -1
	for _, beside := range [2]bool{false, true} {
		for i, p := range pairs {
			key, ok := gs1Keys[p.ai]
			if !ok || key.beside != beside {
				continue
			}
			if primary >= 0 {
				return nil, gs1Slip{ai: pairs[primary].ai, what: "is a primary key, and so is", other: p.ai}
			}
			primary = i
		}
		if primary >= 0 {
			break
		}
	}
	if primary < 0 {
		return nil, gs1Slip{what: "no primary key"}
	}
	key := pairs[primary].ai
	dst = append(dst, pairs[primary])
	// Of alternatives the one whose last qualifier, the narrowest, is there.
	var chosen []string
	closed := ""
	for _, sequence := range gs1Keys[key].qualifiers {
		for i, ai := range sequence {
			last := i == len(sequence)-1
			if !hasElement(pairs, ai) {
				continue
			}
			if last && closed != "" {
				return nil, gs1Slip{ai: closed, what: "may not stand beside", other: ai}
			}
			if last {
				closed = ai
			}
			if last || chosen == nil {
				chosen = sequence
			}
		}
	}
	for _, ai := range chosen {
		for _, p := range pairs {
			if p.ai == ai {
				dst = append(dst, p)
			}
		}
	}
	return dst, gs1Slip{}
}

// checkElements checks every element by itself and beside the others, and returns them without
// repetition.
func checkElements(pairs []gs1Pair) ([]gs1Pair, gs1Slip) {
	for _, p := range pairs {
		if slip := checkElement(p); slip.what != "" {
			return nil, slip
		}
	}
	return relateElements(pairs)
}

// relateElements checks which elements stand beside one another.
func relateElements(pairs []gs1Pair) ([]gs1Pair, gs1Slip) {
	// The same element may stand in two symbols of one label; a different value is a contradiction.
	unique := pairs[:0]
next:
	for _, p := range pairs {
		for _, q := range unique {
			if p == q {
				continue next
			}
			if p.ai == q.ai {
				return nil, gs1Slip{ai: p.ai, what: "stands twice with different values"}
			}
		}
		unique = append(unique, p)
	}
	for _, p := range unique {
		e := findElem(p.ai)
		for rest := e.excludes; rest != ""; {
			var pattern string
			pattern, rest, _ = strings.Cut(rest, ",")
			for _, q := range unique {
				if q.ai != p.ai && matchAI(pattern, q.ai) {
					return nil, gs1Slip{ai: p.ai, what: "may not stand beside", other: q.ai}
				}
			}
		}
		if e.needs != "" && !hasOneOf(unique, e.needs) {
			return nil, gs1Slip{ai: p.ai, what: "needs", other: e.needs}
		}
	}
	return unique, gs1Slip{}
}

// hasOneOf reports whether what an element needs is among pairs.
func hasOneOf(pairs []gs1Pair, needs string) bool {
	for needs != "" {
		var all string
		all, needs, _ = strings.Cut(needs, ",")
		ok := true
		for ok && all != "" {
			var pattern string
			pattern, all, _ = strings.Cut(all, "+")
			ok = hasElement(pairs, pattern)
		}
		if ok {
			return true
		}
	}
	return false
}

func hasElement(pairs []gs1Pair, pattern string) bool {
	for _, p := range pairs {
		if matchAI(pattern, p.ai) {
			return true
		}
	}
	return false
}

// checkElement checks one value by its format.
func checkElement(p gs1Pair) gs1Slip {
	e := findElem(p.ai)
	if e == nil {
		return gs1Slip{ai: p.ai, what: "is no application identifier"}
	}
	rest := p.value
	for i := range e.parts {
		part := &e.parts[i]
		if rest == "" && part.optional {
			continue
		}
		if len(rest) < part.min {
			if !part.holds(rest) {
				return gs1Slip{ai: p.ai, what: "has a character that it may not hold"}
			}
			return gs1Slip{ai: p.ai, what: "is too short"}
		}
		text := rest[:min(len(rest), part.max)]
		rest = rest[len(text):]
		if !part.holds(text) {
			return gs1Slip{ai: p.ai, what: "has a character that it may not hold"}
		}
		if part.check != nil {
			if what := part.check(text); what != "" {
				return gs1Slip{ai: p.ai, what: what, part: text}
			}
		}
	}
	if rest != "" {
		return gs1Slip{ai: p.ai, what: "is too long"}
	}
	return gs1Slip{}
}
