package identifier

import (
	"maps"
	"slices"
	"strings"
)

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
