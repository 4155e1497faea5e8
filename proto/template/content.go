package template

import (
	"encoding/json"
	"slices"
	"strings"
)

// Bounds of a template.
const (
	MaxFields  = 512
	MaxOptions = 1000 // of one field
	MaxText    = 1024 // octets of a title or description
	MaxName    = 128  // octets of a field's name: the type of a value in SNMS (snms-api.md, section 4.4)
	MaxOption  = 255  // octets of an option's value
	MaxUnit    = 64   // octets
	MaxPattern = 512  // octets of an expression
	MaxReaders = 1000 // enterprises that may read one field
	MaxMedia   = 100  // media types of one field
	MaxDigits  = 38   // of a number, as in IDHub (snms-api.md, section 5.2)
	MaxNotes   = 32   // of a template, and of each field; their names have at most 64 octets, their texts MaxText

	// MaxLength is the greatest length, in characters, that a text may be allowed, and DefaultLength the
	// greatest if the field does not say (IDHub: strings are of at most 4000).
	MaxLength     = 100_000
	DefaultLength = 4000
	// MaxMatched is the greatest length, in characters, of a text with a pattern, and its default:
	// with the size of a compiled pattern the bound on the time that a match takes.
	MaxMatched = 1000

	// FirstIndex is where the indexes of fields begin that do not choose one (snms-api.md, section 5.1).
	FirstIndex = 2000
)

// Indexes and types of the values in which SNMS notes the template of a record (snms-api.md, section 5.1).
const (
	IDIndex      = 1000
	IDType       = "TEMPLATE_ID" // identifier of the template
	VersionIndex = 1001
	VersionType  = "TEMPLATE" // its version
)

// Content is what a data template says.
type Content struct {
	Title       Text   `json:"title,omitzero"`
	Description string `json:"description,omitempty"`
	// Industry is a code of GB/T 4754-2017: the letter of a category, alone or with the two, three or four
	// digits of a division, group or class: "C3451".
	Industry string `json:"industry,omitempty"`
	// Carrier says that the identifiers are those of active identifier carriers (主动标识载体): object type 1
	// of table T4, else 2.
	Carrier bool `json:"carrier,omitempty"`
	// Additional allows values in a record that no field describes.
	Additional bool    `json:"additional,omitempty"`
	Fields     []Field `json:"fields"`
	// Notes are what a surface keeps with the template for its clients, by name: codes and remarks that say
	// nothing about records, such as classifyCode of IDHub.
	Notes map[string]string `json:"notes,omitempty"`
}

// Text is a text for people in Chinese and English; either may be missing.
type Text struct {
	ZH string `json:"zh,omitempty"`
	EN string `json:"en,omitempty"`
}

// String is the Chinese text, else the English one.
func (t Text) String() string { return t.In("zh") }

// In is the text in the language "zh" or "en", else in the other.
func (t Text) In(language string) string {
	first, second := t.ZH, t.EN
	if language == "en" {
		first, second = second, first
	}
	if first != "" {
		return first
	}
	return second
}

func (t *Text) trim() { t.ZH, t.EN = strings.TrimSpace(t.ZH), strings.TrimSpace(t.EN) }

// Field is one field of a record: the value at Index, of the type Name.
type Field struct {
	// Name is the field's English name (idType in SNMS), which is the type of its values: a letter, then
	// letters, digits, "_", "-" and "."; unique in the template without regard to ASCII case.
	Name  string `json:"name"`
	Title Text   `json:"title,omitzero"`
	// Index is where the field's value stands in a record (idIndex in SNMS). Normalise gives those that have
	// none the next free from 2000.
	Index      uint32 `json:"index,omitempty"`
	Type       Type   `json:"type"`
	Unit       string `json:"unit,omitempty"`       // of measurement, for people: "mm"
	Required   bool   `json:"required,omitempty"`   // records must have it, and a text in it must not be empty
	Disabled   bool   `json:"disabled,omitempty"`   // old values stay, new ones are refused; no longer required
	Searchable bool   `json:"searchable,omitempty"` // records can be found by it

	MinLength *int `json:"minLength,omitempty"` // characters of a string, reference or url; default 0
	MaxLength *int `json:"maxLength,omitempty"` // same; default 4000, with a pattern 1000
	// Pattern is an expression in the syntax of RE2 that the whole of a string, reference or url has to match.
	Pattern string `json:"pattern,omitempty"`

	Minimum  json.Number `json:"minimum,omitempty"`  // least number
	Maximum  json.Number `json:"maximum,omitempty"`  // greatest number
	Decimals *int        `json:"decimals,omitempty"` // most decimals of a number, trailing zeros not counted; 0 to 38

	Earliest string `json:"earliest,omitempty"` // first day of a date, YYYY-MM-DD
	Latest   string `json:"latest,omitempty"`   // last day

	Options []Option `json:"options,omitempty"` // what an enum may be

	// Template is the name of the template that the record of a reference must follow. The registry checks it.
	Template string `json:"template,omitempty"`
	// MediaTypes are those a file may have, "image/png" or "image/*"; empty for all. The registry checks them.
	MediaTypes []string `json:"mediaTypes,omitempty"`

	Role    Role     `json:"role,omitempty"`
	Read    Access   `json:"read,omitempty"`
	Readers []string `json:"readers,omitempty"` // ids of the enterprises of Read "enterprises"

	Notes map[string]string `json:"notes,omitempty"` // as Content.Notes
}

// Option is one of the values of an enum.
type Option struct {
	Value string `json:"value"`
	Title Text   `json:"title,omitzero"`
}

// Type says what a field holds.
type Type string

// The types. In a record every value is text.
const (
	String    Type = "string"
	Number    Type = "number"    // decimal: "-12.50"; no exponent, at most 38 digits
	Boolean   Type = "boolean"   // "true" or "false"
	Date      Type = "date"      // a day YYYY-MM-DD or a moment of RFC 3339
	Enum      Type = "enum"      // one of the field's options
	Reference Type = "reference" // another identifier, in any accepted spelling
	URL       Type = "url"       // an absolute URL
	File      Type = "file"      // the id of a file that the node keeps
)

// Types lists all types.
func Types() []Type { return []Type{String, Number, Boolean, Date, Enum, Reference, URL, File} }

// isText reports whether values of t have a length and may have a pattern.
func (t Type) isText() bool { return t == String || t == Reference || t == URL }

// Role says which item of the data about an identifier that the top-level node asks for (toplevel.md,
// table T9) is filled from a field.
type Role string

// The roles. Those from RoleTerminalType on are of active identifier carriers only.
const (
	RoleProductType     Role = "productType"     // product type
	RoleBrand           Role = "brand"           // brand
	RoleProductName     Role = "productName"     // product name
	RoleMaker           Role = "maker"           // maker
	RoleMade            Role = "made"            // time made
	RoleValidUntil      Role = "validUntil"      // valid until
	RoleTerminalType    Role = "terminalType"    // terminal type
	RoleOwner           Role = "owner"           // owner
	RoleUse             Role = "use"             // use
	RoleSerial          Role = "serial"          // serial number or IMEI
	RoleLicence         Role = "licence"         // network licence number
	RoleCarrierID       Role = "carrierId"       // the carrier's identification code
	RoleCarrierSequence Role = "carrierSequence" // its sequence number
)

// Roles lists all roles.
func Roles() []Role {
	return []Role{RoleProductType, RoleBrand, RoleProductName, RoleMaker, RoleMade, RoleValidUntil, RoleTerminalType,
		RoleOwner, RoleUse, RoleSerial, RoleLicence, RoleCarrierID, RoleCarrierSequence}
}

// OfCarrier reports whether the role is one of active identifier carriers only.
func (r Role) OfCarrier() bool {
	all := Roles()
	return slices.Index(all, r) >= slices.Index(all, RoleTerminalType)
}

// Access says who may read a field besides the record's owner.
type Access string

// The accesses. Without one, each value's own permissions decide.
const (
	ReadPublic      Access = "public"      // everyone
	ReadEnterprises Access = "enterprises" // the enterprises in Readers
	ReadPrivate     Access = "private"     // nobody
)

// Normalise puts c into the form that is kept: texts without blanks around them, the letter of the
// industry in upper case, and an index for each field without one, the next free from 2000.
func (c *Content) Normalise() {
	c.Title.trim()
	c.Description = strings.TrimSpace(c.Description)
	c.Industry = strings.ToUpper(strings.TrimSpace(c.Industry))
	taken := map[uint32]bool{}
	for i := range c.Fields {
		c.Fields[i].trim()
		taken[c.Fields[i].Index] = true
	}
	next := uint32(FirstIndex)
	for i := range c.Fields {
		f := &c.Fields[i]
		if f.Index != 0 {
			continue
		}
		for taken[next] {
			next++
		}
		f.Index = next
		next++
	}
}

func (f *Field) trim() {
	for _, s := range []*string{&f.Name, &f.Unit, &f.Earliest, &f.Latest, &f.Template} {
		*s = strings.TrimSpace(*s)
	}
	f.Title.trim()
	for i := range f.Options {
		f.Options[i].Value = strings.TrimSpace(f.Options[i].Value)
		f.Options[i].Title.trim()
	}
	for i := range f.MediaTypes {
		f.MediaTypes[i] = strings.ToLower(strings.TrimSpace(f.MediaTypes[i]))
	}
	for i := range f.Readers {
		f.Readers[i] = strings.TrimSpace(f.Readers[i])
	}
}

// required reports whether records must have the field.
func (f *Field) required() bool { return f.Required && !f.Disabled }

// minLength is the least length of a text in the field, in characters.
func (f *Field) minLength() int {
	n := 0
	if f.required() {
		n = 1
	}
	if f.MinLength != nil {
		n = max(n, *f.MinLength)
	}
	return n
}

// maxLength is the greatest length of a text in the field, in characters.
func (f *Field) maxLength() int {
	switch {
	case f.MaxLength != nil:
		return *f.MaxLength
	case f.Pattern != "":
		return MaxMatched
	}
	return DefaultLength
}
