package idhub

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
)

// reasonDeleted is the reason of the tombstone that a delete leaves; a create over it succeeds.
const reasonDeleted = "deleted"

// recordForm is a record in requests, and in the answers that repeat them.
type recordForm struct {
	Type       string `json:"type"`
	Attributes struct {
		Content json.RawMessage `json:"content"`
	} `json:"attributes"`
}

// create registers an identifier that follows metadata.
func (s *server) create(r *request, id identifier.ID) (any, error) {
	f, t, err := s.recordForm(r, id)
	if err != nil {
		return nil, err
	}
	if t.State != registry.TemplatePublished {
		return nil, deny(CodeUnpublished, messageDraft)
	}
	if k, name, ok := parseMeta(id.String()); ok {
		if _, err := s.Registrar.Template(r.Context(), k, name, 0, r.actor); err == nil {
			return nil, deny(CodeExists, messageExists)
		}
	}
	values, err := s.values(t, f.Attributes.Content)
	if err != nil {
		return nil, err
	}
	in := &identifier.Record{Scheme: identifier.Handle, ID: id.String(), Template: t.Name, Values: values}
	if _, err := s.Registrar.Create(r.Context(), in, createWrite(r.actor)); err != nil {
		return nil, err
	}
	return f, nil
}

// createWrite is how a create is made: what is there is refused, whoever made it, as by the original; what was
// deleted is created anew.
func createWrite(a registry.Actor) registry.Write { return registry.Write{Actor: a, Revive: true} }

// update changes what an identifier says by its metadata: all of it, or what the request names.
func (s *server) update(whole bool) operation {
	return func(r *request, id identifier.ID) (any, error) {
		f, t, err := s.recordForm(r, id)
		if err != nil {
			return nil, err
		}
		rec, err := s.Registrar.Get(r.Context(), id, registry.Get{Actor: r.actor})
		if err != nil {
			return nil, err
		}
		if rec.State == identifier.Active && rec.Template != t.Name {
			return nil, wrongParameter("type 与标识创建时基于的元数据不一致")
		}
		values, err := s.values(t, f.Attributes.Content)
		if err != nil {
			return nil, err
		}
		p := registry.Patch{Whole: whole}
		for _, v := range values {
			p.Values = append(p.Values, registry.PatchValue{Value: v, Fields: registry.FieldType | registry.FieldData})
		}
		if _, err := s.Registrar.Merge(r.Context(), id, p, registry.Write{Actor: r.actor}); err != nil {
			return nil, err
		}
		return f, nil
	}
}

// delete revokes an identifier.
func (s *server) delete(r *request, id identifier.ID) (any, error) {
	_, err := s.Registrar.Revoke(r.Context(), id, reasonDeleted, "", registry.Write{Actor: r.actor, Present: true})
	return nil, err
}

// recordForm reads the body of a write of id, and the metadata that it names.
func (s *server) recordForm(r *request, id identifier.ID) (*recordForm, *registry.Template, error) {
	f := new(recordForm)
	if err := r.read(f); err != nil {
		return nil, nil, err
	}
	switch {
	case f.Type == "":
		return nil, nil, wrongParameter("type 不能为空")
	case len(f.Attributes.Content) == 0 || string(f.Attributes.Content) == "null":
		return nil, nil, wrongParameter("attributes.content 不能为空")
	}
	k, name, ok := parseMeta(f.Type)
	if !ok {
		return nil, nil, deny(CodeNoMetadata, messageNoMetadata)
	}
	t, err := s.Registrar.TemplateFor(r.Context(), id, name, r.actor)
	if err != nil {
		if e := registry.AsError(err); e.Code == registry.CodeNotFound && e.Field == "/template" {
			err = deny(CodeNoMetadata, messageNoMetadata)
		}
		return nil, nil, err
	}
	if t.Prefix != k.Name {
		return nil, nil, deny(CodeNoMetadata, messageNoMetadata)
	}
	if t.Content == nil {
		return nil, nil, deny(CodeUnpublished, messageDraft)
	}
	return f, t, nil
}

// values are those of a content, {english name: value}, by index.
func (s *server) values(t *registry.Template, content json.RawMessage) ([]identifier.Value, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(content, &members) != nil {
		return nil, wrongParameter("attributes.content 应为 JSON 对象")
	}
	var values []identifier.Value
	var foreign []string
	for name, member := range members {
		f := itemNamed(t.Content, name)
		if f == nil {
			foreign = append(foreign, name)
			continue
		}
		data, err := s.data(f, name, member)
		if err != nil {
			return nil, err
		}
		values = append(values, identifier.Value{Index: f.Index, Type: f.Name, Data: data, TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms})
	}
	if len(foreign) > 0 {
		slices.Sort(foreign)
		return nil, foreignItems(foreign)
	}
	slices.SortFunc(values, func(a, b identifier.Value) int { return cmp.Compare(a.Index, b.Index) })
	return values, nil
}

func foreignItems(names []string) error {
	return deny(CodeForeignItem, fmt.Sprintf("实体%s不属于该元数据", strings.Join(names, "、")))
}

// data is what a member says of an item, as records keep it: text, dates in the form of the registry.
func (s *server) data(f *template.Field, name string, member json.RawMessage) ([]byte, error) {
	wrong := func(message string) ([]byte, error) { return nil, deny(CodeInput, "实体"+name+message) }
	var said text
	switch {
	case string(member) == "null":
		return wrong("的值不能为 null：属性不能删除，只能修改")
	case json.Unmarshal(member, &said) != nil:
		return wrong("的值应为字符串或数值")
	}
	if f.Type == template.Date {
		data, ok := s.readDate(f, string(said))
		if !ok {
			return wrong("的日期格式应为 " + dateFormat(f))
		}
		return []byte(data), nil
	}
	return []byte(said), nil
}

// recordView is a record in answers.
type recordView struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Attributes attributesView `json:"attributes"`
}

type attributesView struct {
	ID       string        `json:"id"`
	Type     string        `json:"type"`
	Elements []elementView `json:"elements"`
}

type elementView struct {
	Index    uint32 `json:"index"`
	Type     string `json:"type"` // english name
	Name     string `json:"name"` // Chinese name
	DataType int    `json:"dataType"`
	Value    string `json:"value,omitempty"`
}

// retrieve shows a record or metadata: to the enterprise whole, to others what is public of it or open to them.
func (s *server) retrieve(r *request, id identifier.ID) (any, error) {
	ns := s.Registrar.HolderOf(id)
	switch {
	case ns == nil:
		return nil, deny(CodeNotFound, messageNotFound)
	case ns.State != identifier.NamespaceActive:
		return nil, registry.Refuse(registry.CodeNamespaceSuspended, "targetId", "namespace %s is %s", ns.Prefix, ns.State)
	case ns.Mode == identifier.Delegated:
		return nil, registry.Refuse(registry.CodeDelegated, "targetId", "the records of %s are held by the enterprise's own node", ns.Prefix)
	}
	rec, err := s.Registrar.Get(r.Context(), id, registry.Get{Actor: r.actor})
	switch {
	case err != nil && registry.AsError(err).Code != registry.CodeNotFound:
		return nil, err
	case err == nil && rec.State == identifier.Active:
		return s.recordView(r, id, rec, ns)
	}
	if k, name, ok := parseMeta(id.String()); ok {
		return s.resolveMeta(r, k, name)
	}
	return nil, deny(CodeNotFound, messageNotFound)
}

// recordView is what the caller sees of rec, the record of id. Values of the Handle System and the note of a
// template are not shown.
func (s *server) recordView(r *request, id identifier.ID, rec *identifier.Record, ns *identifier.Namespace) (any, error) {
	t, err := s.Registrar.TemplateOf(r.Context(), id, rec)
	if err != nil {
		return nil, err
	}
	if len(rec.Values) == 0 && ns.Enterprise != r.actor.Enterprise && !r.actor.Has(registry.RoleOperator, registry.RoleAuditor) {
		return nil, deny(CodeUnreadable, messageUnreadable)
	}
	kind := rec.Template
	byIndex := make(map[uint32]*template.Field)
	if t != nil {
		kind = metaHandle(t)
		if t.Content != nil {
			for i := range t.Content.Fields {
				byIndex[t.Content.Fields[i].Index] = &t.Content.Fields[i]
			}
		}
	}
	view := &recordView{rec.ID, kind, attributesView{rec.ID, kind, []elementView{}}}
	for i := range rec.Values {
		v := &rec.Values[i]
		f := byIndex[v.Index]
		switch {
		case f != nil && identifier.EqualFoldASCII(f.Name, v.Type):
			view.Attributes.Elements = append(view.Attributes.Elements, elementView{v.Index, englishName(f), f.Title.String(), dataTypeOf(f), s.shown(f, v.Data)})
		case !administrative(v):
			view.Attributes.Elements = append(view.Attributes.Elements, elementView{v.Index, v.Type, v.Type, typeString, printed(v.Data)})
		}
	}
	slices.SortStableFunc(view.Attributes.Elements, func(a, b elementView) int { return cmp.Compare(a.Index, b.Index) })
	return view, nil
}

// shown is the data of a value of the item as clients see it.
func (s *server) shown(f *template.Field, data []byte) string {
	if f.Type == template.Date {
		return s.showDate(f, string(data))
	}
	return printed(data)
}

// printed is data as text, in base64 if it is none.
func printed(data []byte) string {
	if !utf8.Valid(data) {
		return base64.StdEncoding.EncodeToString(data)
	}
	return string(data)
}

// administrative reports whether v is of the Handle System, or notes the template of its record.
func administrative(v *identifier.Value) bool {
	return len(v.Type) >= 3 && identifier.EqualFoldASCII(v.Type[:3], "HS_") ||
		v.Index == template.IDIndex && identifier.EqualFoldASCII(v.Type, template.IDType) ||
		v.Index == template.VersionIndex && identifier.EqualFoldASCII(v.Type, template.VersionType)
}
