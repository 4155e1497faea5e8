package snms

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
)

// Bounds of identifiers (section 4.4).
const (
	maxHandle = 255 // octets
	maxValue  = 255 // characters; below that the template decides
)

// formatString is the only format of values.
const formatString = "string"

// identifierForm is an identifier in requests (section 4.4). What is not there is nil; the permissions that
// clients send with a value, "auth", are reserved and not read.
type identifierForm struct {
	Handle          *text        `json:"handle"`
	TemplateVersion *text        `json:"templateVersion"`
	Value           *[]valueForm `json:"value"`
}

type valueForm struct {
	Index *number   `json:"index"`
	Type  *text     `json:"type"`
	Data  *dataForm `json:"data"`
}

type dataForm struct {
	Format *text `json:"format"`
	Value  *text `json:"value"`
	Vlaue  *text `json:"vlaue"` // as the tables spell it
}

// entry is an identifier that a request asks to write: its record follows the template version, and values are
// those of the request and the note of the template, by index.
type entry struct {
	id      identifier.ID
	version string
	values  []identifier.Value
}

// reader reads the identifiers of one call, and remembers the templates that they name.
type reader struct {
	s     *server
	r     *request
	known map[string]*items
}

// items are those of one template.
type items struct {
	note    []identifier.Value // of the template, in records
	byIndex map[number]*template.Field
}

func (s *server) reader(r *request) *reader { return &reader{s, r, make(map[string]*items)} }

// parseHandle reads an identifier of the Handle System that may have a record.
func (s *server) parseHandle(t *text) (identifier.ID, error) {
	handle, err := bounded("handle", t, maxHandle)
	if err != nil {
		return identifier.ID{}, err
	}
	id, err := s.Registrar.ParseID(identifier.Handle, handle, "handle")
	if err == nil && id.IsPrefixRecord() {
		err = refuse("handle 应为 前缀/后缀: " + handle)
	}
	return id, err
}

// read holds f to the rules of its template.
func (d *reader) read(f *identifierForm) (*entry, error) {
	if err := f.complete(); err != nil {
		return nil, err
	}
	id, err := d.s.parseHandle(f.Handle)
	if err != nil {
		return nil, err
	}
	e := &entry{id: id, version: string(*f.TemplateVersion)}
	t, err := d.template(id, e.version)
	if err != nil {
		return nil, err
	}
	e.values = append(make([]identifier.Value, 0, len(t.note)+len(*f.Value)), t.note...)
	for i := range *f.Value {
		v, err := (*f.Value)[i].read(fmt.Sprintf("value[%d].", i), t)
		if err != nil {
			return nil, err
		}
		e.values = append(e.values, v)
	}
	slices.SortStableFunc(e.values, func(a, b identifier.Value) int { return int(a.Index) - int(b.Index) })
	for i := range e.values[1:] {
		if e.values[i].Index == e.values[i+1].Index {
			return nil, refuse(fmt.Sprintf("非法操作，索引%d重复", e.values[i].Index))
		}
	}
	return e, nil
}

// complete refuses a form in which something is missing.
func (f *identifierForm) complete() error {
	if _, err := bounded("handle", f.Handle, maxHandle); err != nil {
		return err
	}
	if _, err := bounded("templateVersion", f.TemplateVersion, maxVersion); err != nil {
		return err
	}
	if f.Value == nil {
		return missing("value")
	}
	for i := range *f.Value {
		v, at := &(*f.Value)[i], fmt.Sprintf("value[%d].", i)
		if v.Data != nil && v.Data.Value == nil {
			v.Data.Value = v.Data.Vlaue
		}
		switch {
		case v.Index == nil:
			return missing(at + "index")
		case v.Type == nil || *v.Type == "":
			return missing(at + "type")
		case v.Data == nil:
			return missing(at + "data")
		case v.Data.Format == nil:
			return missing(at + "data.format")
		case v.Data.Value == nil:
			return missing(at + "data.value")
		}
	}
	return nil
}

// read is the value of a field of the template; at is where it stands.
func (v *valueForm) read(at string, t *items) (identifier.Value, error) {
	f := t.byIndex[*v.Index]
	switch {
	case f == nil:
		return identifier.Value{}, refuse(fmt.Sprintf(messageIndex, *v.Index))
	case !identifier.EqualFoldASCII(f.Name, string(*v.Type)):
		return identifier.Value{}, refuse(fmt.Sprintf("非法操作，索引%d的类型应为%s", *v.Index, f.Name))
	case *v.Data.Format != formatString:
		return identifier.Value{}, refuse(at + "data.format 只支持 string")
	case utf8.RuneCountInString(string(*v.Data.Value)) > maxValue:
		return identifier.Value{}, tooLong(at+"data.value", maxValue)
	}
	return valueOf(f.Index, f.Name, string(*v.Data.Value)), nil
}

func valueOf(index uint32, kind, data string) identifier.Value {
	return identifier.Value{Index: index, Type: kind, Data: []byte(data), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
}

// template finds the template that the record of id is to follow.
func (d *reader) template(id identifier.ID, version string) (*items, error) {
	key := id.Prefix() + "/" + version
	if t := d.known[key]; t != nil {
		return t, nil
	}
	t, err := d.s.Registrar.TemplateFor(d.r.Context(), id, version, d.r.actor)
	if err != nil {
		if e := registry.AsError(err); e.Code == registry.CodeNotFound && e.Field == "/template" {
			err = refuse(messageNoTemplate)
		}
		return nil, err
	}
	if t.Content == nil {
		return nil, refuse(messageNoTemplate)
	}
	all := &items{note: noteOf(t), byIndex: make(map[number]*template.Field, len(t.Content.Fields))}
	for i := range t.Content.Fields {
		f := &t.Content.Fields[i]
		all.byIndex[number(f.Index)] = f
	}
	d.known[key] = all
	return all, nil
}

// noteOf is how records note that they follow t (section 5.1).
func noteOf(t *registry.Template) []identifier.Value {
	return []identifier.Value{
		valueOf(template.IDIndex, template.IDType, t.Handle()), valueOf(template.VersionIndex, template.VersionType, t.Name),
	}
}

// record is e as a new record.
func (e *entry) record() *identifier.Record {
	return &identifier.Record{Scheme: identifier.Handle, ID: e.id.String(), Template: e.version, Values: e.values}
}

// patch replaces what a record says by its template, and lets everything else be: values of the Handle System,
// and those that the template does not describe.
func (e *entry) patch() registry.Patch {
	p := registry.Patch{Template: &e.version, Whole: true}
	for _, v := range e.values {
		p.Values = append(p.Values, registry.PatchValue{Value: v, Fields: registry.FieldType | registry.FieldData})
	}
	return p
}
