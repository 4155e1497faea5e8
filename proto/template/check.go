package template

import (
	"fmt"
	"maps"
	"mime"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
)

var (
	industryForm = regexp.MustCompile(`^[A-T]([0-9]{2,4})?$`)
	nameForm     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	noteForm     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)
)

// reserved are the indexes at which the Handle System and SNMS expect values of their own (domain.md:
// HS_ADMIN, HS_VLIST, HS_PUBKEY, HS_CERT and HS_SIGNATURE, TEMPLATE_ID, TEMPLATE).
var reserved = []uint32{100, 101, 200, 300, 301, 400, IDIndex, VersionIndex}

// checker gathers problems.
type checker struct{ problems []Problem }

func (k *checker) add(p Problem) { k.problems = append(k.problems, p) }

// Check returns everything that is wrong with c, which is normalised. Paths point into c.
func (c *Content) Check() []Problem {
	k := &checker{}
	k.text("/title/zh", c.Title.ZH, MaxText)
	k.text("/title/en", c.Title.EN, MaxText)
	if len(c.Description) > MaxText {
		k.add(problem("/description", "longer than %d octets", MaxText))
	}
	if !utf8.ValidString(c.Description) {
		k.add(problem("/description", "not UTF-8"))
	}
	if c.Industry != "" && !industryForm.MatchString(c.Industry) {
		k.add(problem("/industry", "not a code of GB/T 4754: a letter from A to T, alone or with two to four digits, such as C3451"))
	}
	k.notes("/notes", c.Notes)
	switch {
	case len(c.Fields) == 0:
		k.add(problem("/fields", "a template needs at least one field"))
	case len(c.Fields) > MaxFields:
		k.add(problem("/fields", "%d fields; at most %d", len(c.Fields), MaxFields))
		return k.problems
	}
	names, indexes, roles := map[string]int{}, map[uint32]int{}, map[Role]int{}
	for i := range c.Fields {
		f := &c.Fields[i]
		path := fmt.Sprintf("/fields/%d", i)
		k.field(path, f)
		if first, ok := names[identifier.FoldASCII(f.Name)]; ok && f.Name != "" {
			k.add(problem(path+"/name", "field %d has this name too; letter case does not count", first))
		} else {
			names[identifier.FoldASCII(f.Name)] = i
		}
		if first, ok := indexes[f.Index]; ok && f.Index != 0 {
			k.add(problem(path+"/index", "field %d has this index too", first))
		} else {
			indexes[f.Index] = i
		}
		if f.Role == "" {
			continue
		}
		if first, ok := roles[f.Role]; ok {
			k.add(problem(path+"/role", "field %d has this role too", first))
		} else {
			roles[f.Role] = i
		}
		if f.Role.OfCarrier() && !c.Carrier {
			k.add(problem(path+"/role", "the role %s is for templates of active identifier carriers only: set carrier, or choose another role", string(f.Role)))
		}
	}
	return k.problems
}

// text checks a text of one line.
func (k *checker) text(path, text string, most int) {
	switch {
	case len(text) > most:
		k.add(problem(path, "longer than %d octets", most))
	case !utf8.ValidString(text):
		k.add(problem(path, "not UTF-8"))
	case strings.ContainsFunc(text, isControl):
		k.add(problem(path, "there is a control character in it"))
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 }

func (k *checker) field(path string, f *Field) {
	k.name(path+"/name", f.Name)
	k.text(path+"/title/zh", f.Title.ZH, MaxText)
	k.text(path+"/title/en", f.Title.EN, MaxText)
	k.text(path+"/unit", f.Unit, MaxUnit)
	switch {
	case f.Index < 1 || f.Index > 1<<31-1:
		k.add(problem(path+"/index", "an index is from 1 to 2147483647"))
	case slices.Contains(reserved, f.Index):
		k.add(problem(path+"/index", "index %d is kept for administration; choose another, best from 2000 on", f.Index))
	}
	if !slices.Contains(Types(), f.Type) {
		k.add(problem(path+"/type", "a type is one of string, number, boolean, date, enum, reference, url and file"))
	} else {
		k.fitting(path, f)
	}
	k.lengths(path, f)
	k.numbers(path, f)
	k.dates(path, f)
	k.options(path, f)
	k.text(path+"/template", f.Template, MaxText)
	k.mediaTypes(path, f)
	k.role(path, f)
	k.readers(path, f)
	k.notes(path+"/notes", f.Notes)
}

// notes checks notes, in the order of their names.
func (k *checker) notes(path string, notes map[string]string) {
	if len(notes) > MaxNotes {
		k.add(problem(path, "%d notes; at most %d", len(notes), MaxNotes))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		if !noteForm.MatchString(name) {
			k.add(problem(path, "the name of a note begins with a letter and has at most 64 letters, digits, _, - and ."))
			continue
		}
		k.text(path+"/"+name, notes[name], MaxText)
	}
}

// name checks a field's name. Names of values of the Handle System and of the note of the template are
// not for fields: they are allowed in every record.
func (k *checker) name(path, name string) {
	folded := identifier.FoldASCII(name)
	switch {
	case name == "":
		k.add(problem(path, "a field needs a name"))
	case len(name) > MaxName:
		k.add(problem(path, "longer than %d octets", MaxName))
	case !nameForm.MatchString(name):
		k.add(problem(path, "a name begins with a letter and has letters, digits, _, - and . only"))
	case strings.HasPrefix(folded, "hs_") || folded == identifier.FoldASCII(IDType) || folded == identifier.FoldASCII(VersionType):
		k.add(problem(path, "the name %s is kept for administration; choose another", name))
	}
}

// fitting refuses members that say nothing about f's type.
func (k *checker) fitting(path string, f *Field) {
	text, number, date := f.Type.isText(), f.Type == Number, f.Type == Date
	for _, m := range []struct {
		member    string
		set, fits bool
	}{
		{"minLength", f.MinLength != nil, text}, {"maxLength", f.MaxLength != nil, text}, {"pattern", f.Pattern != "", text},
		{"minimum", f.Minimum != "", number}, {"maximum", f.Maximum != "", number}, {"decimals", f.Decimals != nil, number},
		{"earliest", f.Earliest != "", date}, {"latest", f.Latest != "", date},
		{"options", len(f.Options) > 0, f.Type == Enum},
		{"template", f.Template != "", f.Type == Reference},
		{"mediaTypes", len(f.MediaTypes) > 0, f.Type == File},
		{"searchable", f.Searchable, f.Type != File},
	} {
		if m.set && !m.fits {
			k.add(problem(path+"/"+m.member, "a field of type %s has no %s", string(f.Type), m.member))
		}
	}
}

func (k *checker) lengths(path string, f *Field) {
	most := MaxLength
	if f.Pattern != "" {
		most = MaxMatched
		_, wrong := compilePattern(path+"/pattern", f.Pattern)
		k.problems = append(k.problems, wrong...)
	}
	for _, b := range []struct {
		member string
		length *int
	}{{"minLength", f.MinLength}, {"maxLength", f.MaxLength}} {
		if b.length == nil {
			continue
		}
		if *b.length < 0 || *b.length > most {
			k.add(problem(path+"/"+b.member, "a length is from 0 to %d", most))
		}
	}
	if f.Type.isText() && f.minLength() > f.maxLength() && (f.MinLength != nil || f.MaxLength != nil) {
		k.add(problem(path+"/minLength", "the least length, %d, is greater than the greatest, %d", f.minLength(), f.maxLength()))
	}
}

func (k *checker) numbers(path string, f *Field) {
	least, okLeast := parseDecimal(string(f.Minimum))
	if f.Minimum != "" && !okLeast {
		k.add(problem(path+"/minimum", "a number is written with at most %d digits and without an exponent", MaxDigits))
	}
	greatest, okGreatest := parseDecimal(string(f.Maximum))
	if f.Maximum != "" && !okGreatest {
		k.add(problem(path+"/maximum", "a number is written with at most %d digits and without an exponent", MaxDigits))
	}
	if okLeast && okGreatest && least.compare(greatest) > 0 {
		k.add(problem(path+"/minimum", "the least number, %s, is greater than the greatest, %s", string(f.Minimum), string(f.Maximum)))
	}
	if f.Decimals != nil && (*f.Decimals < 0 || *f.Decimals > MaxDigits) {
		k.add(problem(path+"/decimals", "decimals are from 0 to %d", MaxDigits))
	}
}

func (k *checker) dates(path string, f *Field) {
	if f.Earliest != "" && !isDay(f.Earliest) {
		k.add(problem(path+"/earliest", "a day is written YYYY-MM-DD"))
	}
	if f.Latest != "" && !isDay(f.Latest) {
		k.add(problem(path+"/latest", "a day is written YYYY-MM-DD"))
	}
	if isDay(f.Earliest) && isDay(f.Latest) && f.Earliest > f.Latest {
		k.add(problem(path+"/earliest", "the first day, %s, is after the last, %s", f.Earliest, f.Latest))
	}
}

func (k *checker) options(path string, f *Field) {
	if f.Type == Enum && len(f.Options) == 0 {
		k.add(problem(path+"/options", "an enum needs at least one option"))
	}
	if len(f.Options) > MaxOptions {
		k.add(problem(path+"/options", "%d options; at most %d", len(f.Options), MaxOptions))
		return
	}
	seen := map[string]int{}
	for i, o := range f.Options {
		at := fmt.Sprintf("%s/options/%d", path, i)
		if o.Value == "" {
			k.add(problem(at+"/value", "an option needs a value"))
		}
		k.text(at+"/value", o.Value, MaxOption)
		k.text(at+"/title/zh", o.Title.ZH, MaxText)
		k.text(at+"/title/en", o.Title.EN, MaxText)
		if first, ok := seen[o.Value]; ok {
			k.add(problem(at+"/value", "option %d has this value too", first))
		} else {
			seen[o.Value] = i
		}
	}
}

func (k *checker) mediaTypes(path string, f *Field) {
	if len(f.MediaTypes) > MaxMedia {
		k.add(problem(path+"/mediaTypes", "%d media types; at most %d", len(f.MediaTypes), MaxMedia))
		return
	}
	for i, m := range f.MediaTypes {
		base, params, err := mime.ParseMediaType(m)
		if err != nil || len(params) > 0 || base != m || !strings.Contains(m, "/") {
			k.add(problem(fmt.Sprintf("%s/mediaTypes/%d", path, i), "a media type is written type/subtype in lower case, such as application/pdf or image/*"))
		}
	}
}

func (k *checker) role(path string, f *Field) {
	switch {
	case f.Role == "":
	case !slices.Contains(Roles(), f.Role):
		k.add(problem(path+"/role", "a role is one of productType, brand, productName, maker, made, validUntil, terminalType, owner, use, serial, licence, carrierId and carrierSequence"))
	case f.Type == File || f.Type == Boolean:
		k.add(problem(path+"/role", "a field of type %s cannot have the role %s", string(f.Type), string(f.Role)))
	case (f.Role == RoleMade || f.Role == RoleValidUntil) && f.Type != Date && f.Type != String:
		k.add(problem(path+"/role", "the role %s is for a field of type date or string", string(f.Role)))
	}
}

func (k *checker) readers(path string, f *Field) {
	switch {
	case !slices.Contains([]Access{"", ReadPublic, ReadEnterprises, ReadPrivate}, f.Read):
		k.add(problem(path+"/read", "read is one of public, enterprises and private, or is left out"))
	case f.Read == ReadEnterprises && len(f.Readers) == 0:
		k.add(problem(path+"/readers", "name at least one enterprise that may read the field"))
	case f.Read != ReadEnterprises && len(f.Readers) > 0:
		k.add(problem(path+"/readers", "readers are named only where read is enterprises"))
	}
	if len(f.Readers) > MaxReaders {
		k.add(problem(path+"/readers", "%d readers; at most %d", len(f.Readers), MaxReaders))
		return
	}
	for i, r := range f.Readers {
		at := fmt.Sprintf("%s/readers/%d", path, i)
		if r == "" {
			k.add(problem(at, "a reader is the id of an enterprise"))
		}
		k.text(at, r, MaxOption)
		if first := slices.Index(f.Readers, r); first < i {
			k.add(problem(at, "reader %d is the same", first))
		}
	}
}
