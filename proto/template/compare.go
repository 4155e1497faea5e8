package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// Compare returns every reason for which a record that follows old might not follow revised, both of them
// normalised. Fields are the same that have the same index; paths point into revised.
//
// No reason are: wider bounds, more options, new fields that are not required, fields disabled, titles,
// units, roles, notes and read rights. A field on that is made searchable is one: records are not indexed after
// the fact. So is a new field where old allowed values that no field describes: such a value may stand
// where the field is.
func Compare(old, revised *Content) []Problem {
	var all []Problem
	if old.Additional && !revised.Additional {
		all = append(all, problem("/additional", "records may hold values that no field describes; this stays allowed"))
	}
	before := make(map[uint32]*Field, len(old.Fields))
	for i := range old.Fields {
		before[old.Fields[i].Index] = &old.Fields[i]
	}
	kept := make(map[uint32]bool, len(revised.Fields))
	for i := range revised.Fields {
		f := &revised.Fields[i]
		path := fmt.Sprintf("/fields/%d", i)
		if o := before[f.Index]; o != nil {
			kept[f.Index] = true
			all = append(all, compareFields(path, o, f)...)
			continue
		}
		if f.required() {
			all = append(all, problem(path+"/required", "the new field %s cannot be required: records without it are stored", f.Name))
		}
		if old.Additional {
			all = append(all, problem(path+"/index", "the new field %s cannot be added: records may hold another value at index %d", f.Name, f.Index))
		}
	}
	for i := range old.Fields {
		if o := &old.Fields[i]; !kept[o.Index] {
			all = append(all, problem("/fields", "the field %s, at index %d, is missing: a field is not removed nor moved to another index, but disabled", o.Name, o.Index))
		}
	}
	return all
}

func compareFields(path string, old, f *Field) (all []Problem) {
	if !identifier.EqualFoldASCII(old.Name, f.Name) {
		all = append(all, problem(path+"/name", "the field %s keeps its name: it is the type of stored values", old.Name))
	}
	if old.Type != f.Type {
		return append(all, problem(path+"/type", "the field %s stays of type %s", old.Name, string(old.Type)))
	}
	if f.required() && !old.required() {
		all = append(all, problem(path+"/required", "the field %s cannot become required: records without it are stored", old.Name))
	}
	if f.Searchable && !old.Searchable {
		all = append(all, problem(path+"/searchable", "the field %s cannot become searchable: stored records are not in the index", old.Name))
	}
	switch f.Type {
	case String, Reference, URL:
		all = append(all, compareTexts(path, old, f)...)
	case Number:
		all = append(all, compareNumbers(path, old, f)...)
	case Date:
		switch {
		case f.Earliest == "" || f.Earliest <= old.Earliest:
		case old.Earliest == "":
			all = append(all, problem(path+"/earliest", "a bound cannot be added: records beyond it may be stored"))
		default:
			all = append(all, problem(path+"/earliest", "the first day cannot become later than %s", old.Earliest))
		}
		switch {
		case f.Latest == "" || old.Latest != "" && f.Latest >= old.Latest:
		case old.Latest == "":
			all = append(all, problem(path+"/latest", "a bound cannot be added: records beyond it may be stored"))
		default:
			all = append(all, problem(path+"/latest", "the last day cannot become earlier than %s", old.Latest))
		}
	case Enum:
		all = append(all, compareOptions(path, old, f)...)
	case File:
		if !coversMedia(f.MediaTypes, old.MediaTypes) {
			all = append(all, problem(path+"/mediaTypes", "the field %s keeps all its media types", old.Name))
		}
	}
	return all
}

func compareTexts(path string, old, f *Field) (all []Problem) {
	if f.minLength() > old.minLength() && (f.MinLength != nil || !f.required()) {
		all = append(all, problem(path+"/minLength", "the least length cannot become greater than %d", old.minLength()))
	}
	if f.maxLength() < old.maxLength() {
		all = append(all, problem(path+"/maxLength", "the greatest length cannot become less than %d", old.maxLength()))
	}
	if f.Pattern != "" && f.Pattern != old.Pattern {
		all = append(all, problem(path+"/pattern", "a pattern cannot be added or changed, only removed"))
	}
	if f.Template != "" && f.Template != old.Template {
		all = append(all, problem(path+"/template", "the template of a reference cannot be added or changed, only removed"))
	}
	return all
}

func compareNumbers(path string, old, f *Field) (all []Problem) {
	least, hasLeast := parseDecimal(string(f.Minimum))
	switch before, had := parseDecimal(string(old.Minimum)); {
	case !hasLeast || had && least.compare(before) <= 0:
	case !had:
		all = append(all, problem(path+"/minimum", "a bound cannot be added: records beyond it may be stored"))
	default:
		all = append(all, problem(path+"/minimum", "the least number cannot become greater than %s", string(old.Minimum)))
	}
	greatest, hasGreatest := parseDecimal(string(f.Maximum))
	switch before, had := parseDecimal(string(old.Maximum)); {
	case !hasGreatest || had && greatest.compare(before) >= 0:
	case !had:
		all = append(all, problem(path+"/maximum", "a bound cannot be added: records beyond it may be stored"))
	default:
		all = append(all, problem(path+"/maximum", "the greatest number cannot become less than %s", string(old.Maximum)))
	}
	if f.Decimals != nil && *f.Decimals < MaxDigits && (old.Decimals == nil || *f.Decimals < *old.Decimals) {
		all = append(all, problem(path+"/decimals", "decimals cannot become fewer"))
	}
	return all
}

func compareOptions(path string, old, f *Field) (all []Problem) {
	now := make(map[string]bool, len(f.Options))
	for _, o := range f.Options {
		now[o.Value] = true
	}
	for _, o := range old.Options {
		if !now[o.Value] {
			all = append(all, problem(path+"/options", "the option %s cannot be removed: records may have it", o.Value))
		}
	}
	return all
}

// coversMedia reports whether everything that old allows is allowed by now.
func coversMedia(now, old []string) bool {
	if len(now) == 0 {
		return true
	}
	for _, m := range old {
		kind, _, _ := strings.Cut(m, "/")
		if !slices.Contains(now, m) && !slices.Contains(now, kind+"/*") && !slices.Contains(now, "*/*") {
			return false
		}
	}
	return len(old) > 0
}
