package template

import "strings"

// decimal is a number by its digits: no zeros before whole nor at the end of part, and zero is not negative.
type decimal struct {
	negative    bool
	whole, part string
}

// parseDecimal reads a number as JSON writes it, without an exponent and of at most MaxDigits digits.
func parseDecimal(text string) (decimal, bool) {
	var d decimal
	digits, negative := strings.CutPrefix(text, "-")
	whole, part, point := strings.Cut(digits, ".")
	if !isDigits(whole) || point && !isDigits(part) || len(whole) > 1 && whole[0] == '0' || len(whole)+len(part) > MaxDigits {
		return d, false
	}
	d.whole, d.part = strings.TrimLeft(whole, "0"), strings.TrimRight(part, "0")
	d.negative = negative && d.whole+d.part != ""
	return d, true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// compare is -1, 0 or 1 as d is less than, equal to or greater than e.
func (d decimal) compare(e decimal) int {
	switch {
	case d.negative && !e.negative:
		return -1
	case !d.negative && e.negative:
		return 1
	case d.negative:
		d, e = e, d
	}
	if n := len(d.whole) - len(e.whole); n != 0 {
		return max(-1, min(1, n))
	}
	if n := strings.Compare(d.whole, e.whole); n != 0 {
		return n
	}
	return strings.Compare(d.part, e.part)
}

// String is the shortest text of the number.
func (d decimal) String() string {
	s := d.whole
	if s == "" {
		s = "0"
	}
	if d.part != "" {
		s += "." + d.part
	}
	if d.negative {
		s = "-" + s
	}
	return s
}
