package template

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// Validator is a template made ready for records. It is safe for concurrent use.
type Validator struct {
	additional bool
	fields     []*rule // by index
	byIndex    map[uint32]*rule
	byName     map[string]*rule // by folded name
	searchable []*Field
}

// rule is a field with what was computed from it.
type rule struct {
	Field
	match              *regexp.Regexp // nil: no pattern
	minimum, maximum   *decimal
	decimals           int // -1: any
	options            map[string]bool
	shortest, greatest int
}

// Compile makes a validator of c, which is normalised. The error tells the first of its problems.
func (c *Content) Compile() (*Validator, error) {
	if wrong := c.Check(); len(wrong) > 0 {
		return nil, fmt.Errorf("compile template: %s", wrong[0])
	}
	v := &Validator{additional: c.Additional, byIndex: map[uint32]*rule{}, byName: map[string]*rule{}}
	for i := range c.Fields {
		r := newRule(c.Fields[i])
		v.fields = append(v.fields, r)
		v.byIndex[r.Index] = r
		v.byName[identifier.FoldASCII(r.Name)] = r
	}
	slices.SortFunc(v.fields, func(a, b *rule) int { return cmp.Compare(a.Index, b.Index) })
	for _, r := range v.fields {
		if r.Searchable {
			v.searchable = append(v.searchable, &r.Field)
		}
	}
	return v, nil
}

// newRule computes what f, which is correct, needs for a check.
func newRule(f Field) *rule {
	r := &rule{Field: f, decimals: -1, shortest: f.minLength(), greatest: f.maxLength()}
	if f.Pattern != "" {
		r.match, _ = compilePattern("", f.Pattern)
	}
	if d, ok := parseDecimal(string(f.Minimum)); ok {
		r.minimum = &d
	}
	if d, ok := parseDecimal(string(f.Maximum)); ok {
		r.maximum = &d
	}
	if f.Decimals != nil {
		r.decimals = *f.Decimals
	}
	if len(f.Options) > 0 {
		r.options = make(map[string]bool, len(f.Options))
		for _, o := range f.Options {
			r.options[o.Value] = true
		}
	}
	return r
}

// Field returns the field at an index, nil if there is none. Callers must not modify it.
func (v *Validator) Field(index uint32) *Field {
	if r := v.byIndex[index]; r != nil {
		return &r.Field
	}
	return nil
}

// FieldByName returns the field of that name, without regard to ASCII case; nil if there is none.
// Callers must not modify it.
func (v *Validator) FieldByName(name string) *Field {
	if r := v.byName[identifier.FoldASCII(name)]; r != nil {
		return &r.Field
	}
	return nil
}

// Searchable returns the fields by which records can be found, by index. Callers must not modify them.
func (v *Validator) Searchable() []*Field { return v.searchable }

// isAdministrative reports whether a value is no matter of templates: of a type of the Handle System, or
// the note of the record's template.
func isAdministrative(v *identifier.Value) bool {
	return len(v.Type) >= 3 && identifier.EqualFoldASCII(v.Type[:3], "HS_") ||
		v.Index == IDIndex && identifier.EqualFoldASCII(v.Type, IDType) ||
		v.Index == VersionIndex && identifier.EqualFoldASCII(v.Type, VersionType)
}

// Record returns everything that is wrong with the values of a record. Paths are "/values/3/data" and the
// like, "/values" where a value is missing. A value of a disabled field is refused unless one of the same
// index, type and data stood in before, the values of the record until now. Values of types HS_* and the
// note of the record's template are always allowed. That a referenced identifier or
// a file is there, and what it is like, is not checked here.
func (v *Validator) Record(values, before []identifier.Value) []Problem {
	var all []Problem
	seen := make(map[uint32]bool, len(values))
	for i := range values {
		value := &values[i]
		path := fmt.Sprintf("/values/%d", i)
		if isAdministrative(value) {
			continue
		}
		r := v.byIndex[value.Index]
		switch {
		case r == nil:
			if p, ok := v.undescribed(path, value); !ok {
				all = append(all, p)
			}
			continue
		case seen[value.Index]:
			all = append(all, problem(path+"/index", "there is a value of the field %s already", r.Name))
			continue
		}
		seen[value.Index] = true
		if !identifier.EqualFoldASCII(value.Type, r.Name) {
			all = append(all, problem(path+"/type", "the value at index %d is of type %s", r.Index, r.Name))
			continue
		}
		if r.Disabled {
			if !holds(before, value) {
				all = append(all, problem(path, "the field %s is disabled and takes no new values", r.Name))
			}
			continue
		}
		all = append(all, r.data(path+"/data", value.Data)...)
	}
	for _, r := range v.fields {
		if r.required() && !seen[r.Index] {
			all = append(all, problem("/values", "the required field %s, at index %d, is missing", r.Name, r.Index))
		}
	}
	return all
}

// undescribed judges a value at an index that is no field's.
func (v *Validator) undescribed(path string, value *identifier.Value) (Problem, bool) {
	if r := v.byName[identifier.FoldASCII(value.Type)]; r != nil {
		return problem(path+"/index", "the field %s stands at index %d", r.Name, r.Index), false
	}
	if !v.additional {
		return problem(path+"/index", "the template has no field at index %d", value.Index), false
	}
	return Problem{}, true
}

// holds reports whether one of values has the index, type and data of value.
func holds(values []identifier.Value, value *identifier.Value) bool {
	return slices.ContainsFunc(values, func(o identifier.Value) bool {
		return o.Index == value.Index && identifier.EqualFoldASCII(o.Type, value.Type) && string(o.Data) == string(value.Data)
	})
}

// Perms sets in values, in place, the permission of everyone to read as their fields say. A field
// without a word on it leaves its value as it is.
func (v *Validator) Perms(values []identifier.Value) {
	for i := range values {
		if r := v.byIndex[values[i].Index]; r != nil && identifier.EqualFoldASCII(values[i].Type, r.Name) {
			values[i].Perms = r.perms(values[i].Perms)
		}
	}
}

func (f *Field) perms(p identifier.Perms) identifier.Perms {
	switch f.Read {
	case ReadPublic:
		return p | identifier.PublicRead
	case ReadEnterprises, ReadPrivate:
		return p &^ identifier.PublicRead
	}
	return p
}

// names lists the names of the enabled fields for a person, not too many of them.
func (v *Validator) names() string {
	const most = 20
	var names []string
	for _, r := range v.fields {
		if len(names) == most {
			names = append(names, "…")
			break
		}
		if !r.Disabled {
			names = append(names, r.Name)
		}
	}
	return strings.Join(names, ", ")
}
