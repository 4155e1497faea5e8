package snms

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
)

// templateForm is a template in requests (section 4.3). What is not there is nil.
type templateForm struct {
	templateName
	IndustryCategory *text       `json:"industryCategory"`
	IndustrySpecific *text       `json:"industrySpecific"`
	IndustryTrade    *text       `json:"industryTrade"`
	IndustrySubclass *text       `json:"industrySubclass"`
	Type             *number     `json:"type"`
	Description      *text       `json:"description"`
	Items            *[]itemForm `json:"items"`
}

// itemForm is an item of a template: one field, whose values are strings.
type itemForm struct {
	Name     *text         `json:"name"`
	IDType   *text         `json:"idType"`
	IDIndex  *number       `json:"idIndex"`
	Required *flag         `json:"required"`
	State    *flag         `json:"state"`
	Metadata *metadataForm `json:"metadata"`
}

// metadataForm is what an item may hold.
type metadataForm struct {
	Type      *text   `json:"type"`
	MinLength *number `json:"minLength"`
	MaxLength *number `json:"maxLength"`
}

// UnmarshalJSON implements json.Unmarshaler. The tables call it an array and the samples send an object: an
// array of one object is taken too.
func (m *metadataForm) UnmarshalJSON(b []byte) error {
	type plain metadataForm
	if b[0] != '[' {
		return json.Unmarshal(b, (*plain)(m))
	}
	var one []plain
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	if len(one) != 1 {
		return wrongType(b, *m)
	}
	*m = metadataForm(one[0])
	return nil
}

// Types of objects (section 4.3).
const (
	typeCarrier = 1 // active identifier carrier
	typeOther   = 2
)

// reservedIndexes are kept by the original, besides those that package template keeps.
var reservedIndexes = []number{template.IDIndex, template.VersionIndex, 1999}

var sectionForm = regexp.MustCompile(`^[A-Ta-t]$`)

// content is the content of a new template.
func (f *templateForm) content() (*template.Content, error) {
	c := new(template.Content)
	if err := f.head(c); err != nil {
		return nil, err
	}
	if len(*f.Items) == 0 {
		return nil, missing("items")
	}
	return c, f.items(c)
}

// over is the content that comes of old: an item with the index and the type of one that is there changes it,
// others are new, and what is not sent stays. old is not modified.
func (f *templateForm) over(old *template.Content) (*template.Content, error) {
	c := *old
	c.Fields = slices.Clone(old.Fields)
	if err := f.head(&c); err != nil {
		return nil, err
	}
	return &c, f.items(&c)
}

// head checks and sets what is not of one item.
func (f *templateForm) head(c *template.Content) error {
	levels := []struct {
		name string
		text *text
	}{
		{"industryCategory", f.IndustryCategory}, {"industrySpecific", f.IndustrySpecific},
		{"industryTrade", f.IndustryTrade}, {"industrySubclass", f.IndustrySubclass},
	}
	section, digits := "", ""
	for i, l := range levels {
		code, err := needed(l.name, l.text)
		if err != nil {
			return err
		}
		switch {
		case i == 0:
			if section = strings.ToUpper(code); !sectionForm.MatchString(code) {
				return refuse(l.name + " 应为 GB/T 4754 门类代码 A 至 T")
			}
			continue
		case len(code) != i+1 || strings.Trim(code, "0123456789") != "":
			return refuse(fmt.Sprintf("%s 应为 %d 位数字", l.name, i+1))
		case !strings.HasPrefix(code, digits):
			return refuse(fmt.Sprintf("%s 应以 %s 的代码 %s 开头", l.name, levels[i-1].name, digits))
		}
		digits = code
	}
	switch {
	case f.Type == nil:
		return missing("type")
	case *f.Type != typeCarrier && *f.Type != typeOther:
		return refuse("type 应为 1（主动标识载体）或 2（其他）")
	case f.Items == nil:
		return missing("items")
	}
	c.Industry, c.Carrier = section+digits, *f.Type == typeCarrier
	if f.Description != nil {
		c.Description = string(*f.Description)
	}
	return nil
}

// items changes and adds the items of f in c.
func (f *templateForm) items(c *template.Content) error {
	for i := range *f.Items {
		item := &(*f.Items)[i]
		if err := item.check(fmt.Sprintf("items[%d].", i)); err != nil { // with this, name, idType and metadata are there
			return err
		}
		at := -1
		if item.IDIndex != nil {
			at = slices.IndexFunc(c.Fields, func(o template.Field) bool { return o.Index == uint32(*item.IDIndex) })
		}
		if at >= 0 && !identifier.EqualFoldASCII(c.Fields[at].Name, string(*item.IDType)) {
			return refuse(fmt.Sprintf("idIndex 重复: %d 已用于 %s", *item.IDIndex, c.Fields[at].Name))
		}
		twice := at >= 0 && slices.ContainsFunc((*f.Items)[:i], func(o itemForm) bool { return o.IDIndex != nil && *o.IDIndex == *item.IDIndex })
		if at < 0 || twice {
			if slices.ContainsFunc(c.Fields, func(o template.Field) bool { return identifier.EqualFoldASCII(o.Name, string(*item.IDType)) }) {
				return refuse("idType 重复: " + string(*item.IDType))
			}
			c.Fields = append(c.Fields, template.Field{Type: template.String, Name: string(*item.IDType)})
			at = len(c.Fields) - 1
		}
		item.set(&c.Fields[at])
	}
	c.Normalise()
	for i := range c.Fields {
		if name := c.Fields[i].Title.ZH; name != "" && slices.ContainsFunc(c.Fields[:i], func(o template.Field) bool { return o.Title.ZH == name }) {
			return refuse("name 重复: " + name)
		}
	}
	return nil
}

// check holds an item to what it needs; at is where it stands.
func (item *itemForm) check(at string) error {
	if _, err := needed(at+"name", item.Name); err != nil {
		return err
	}
	if _, err := bounded(at+"idType", item.IDType, template.MaxName); err != nil {
		return err
	}
	m := item.Metadata
	switch {
	case item.IDIndex != nil && slices.Contains(reservedIndexes, *item.IDIndex):
		return refuse(fmt.Sprintf("%sidIndex 不可使用预留索引 %d", at, *item.IDIndex))
	case item.IDIndex != nil && (*item.IDIndex < 1 || *item.IDIndex > 1<<31-1):
		return refuse(at + "idIndex 应为 1 至 2147483647 的整数，建议从 2000 开始")
	case m == nil:
		return missing(at + "metadata")
	case m.Type != nil && *m.Type != text(template.String):
		return refuse(at + "metadata.type 只支持小写 string")
	case m.MinLength == nil:
		return missing(at + "metadata.minLength")
	case m.MaxLength == nil:
		return missing(at + "metadata.maxLength")
	case *m.MinLength < 0 || *m.MaxLength < 1 || *m.MinLength > *m.MaxLength || *m.MaxLength > template.MaxLength:
		return refuse(fmt.Sprintf("%smetadata 的长度应满足 0 ≤ minLength ≤ maxLength，且 maxLength 为 1 至 %d", at, template.MaxLength))
	}
	return nil
}

// set puts what the item says into its field.
func (item *itemForm) set(f *template.Field) {
	f.Title.ZH = string(*item.Name)
	least, greatest := int(*item.Metadata.MinLength), int(*item.Metadata.MaxLength)
	f.MinLength, f.MaxLength = &least, &greatest
	if item.IDIndex != nil {
		f.Index = uint32(*item.IDIndex)
	}
	if item.Required != nil {
		f.Required = bool(*item.Required)
	}
	if item.State != nil {
		f.Disabled = !bool(*item.State)
	}
}

// templateView is a template in answers; members are in the order of the samples.
type templateView struct {
	ID               int32      `json:"id"`
	Prefix           string     `json:"prefix"`
	Name             string     `json:"name"` // always empty
	Version          string     `json:"version"`
	IndustryCategory string     `json:"industryCategory"`
	IndustrySpecific string     `json:"industrySpecific"`
	IndustryTrade    string     `json:"industryTrade"`
	IndustrySubclass string     `json:"industrySubclass"`
	Type             int        `json:"type"`
	Description      string     `json:"description"`
	Handle           string     `json:"handle,omitempty"` // v5
	Items            []itemView `json:"items"`
}

// itemView is an item in answers.
type itemView struct {
	Name       string       `json:"name"`
	IDType     string       `json:"idType"`
	IDIndex    uint32       `json:"idIndex,omitempty"`    // v5
	MetadataID int32        `json:"metadataId,omitempty"` // v5
	Metadata   metadataView `json:"metadata"`
	Required   bool         `json:"required"`
	State      *int         `json:"state,omitempty"` // v5
}

// metadataView is what an item may hold, in answers.
type metadataView struct {
	Type      string `json:"type"`
	MinLength int    `json:"minLength"`
	MaxLength int    `json:"maxLength"`
}

// viewV5 is t as v5 shows it.
func viewV5(t *registry.Template) any {
	v := viewOf(t)
	v.Handle = t.Handle()
	for i := range t.Content.Fields {
		f := &t.Content.Fields[i]
		state := 1
		if f.Disabled {
			state = 0
		}
		item := itemOf(f)
		item.IDIndex, item.MetadataID, item.State = f.Index, templateID(t.Prefix, t.Name, strconv.Itoa(int(f.Index))), &state
		v.Items = append(v.Items, item)
	}
	return v
}

// viewV3 is t as v3 shows it. It knows no state: items that are disabled are not there.
func viewV3(t *registry.Template) any {
	v := viewOf(t)
	for i := range t.Content.Fields {
		if f := &t.Content.Fields[i]; !f.Disabled {
			v.Items = append(v.Items, itemOf(f))
		}
	}
	return v
}

func viewOf(t *registry.Template) *templateView {
	c := t.Content
	level := func(from, to int) string {
		if len(c.Industry) < to {
			return ""
		}
		return c.Industry[from:to]
	}
	v := &templateView{
		ID: templateID(t.Prefix, t.Name), Prefix: t.Prefix, Version: t.Name, Type: typeOther, Description: c.Description,
		IndustryCategory: level(0, 1), IndustrySpecific: level(1, 3), IndustryTrade: level(1, 4), IndustrySubclass: level(1, 5),
		Items: []itemView{},
	}
	if c.Carrier {
		v.Type = typeCarrier
	}
	return v
}

func itemOf(f *template.Field) itemView {
	m := metadataView{Type: string(template.String), MaxLength: template.DefaultLength}
	switch {
	case f.MaxLength != nil:
		m.MaxLength = *f.MaxLength
	case f.Pattern != "":
		m.MaxLength = template.MaxMatched
	}
	if f.MinLength != nil {
		m.MinLength = *f.MinLength
	}
	return itemView{Name: f.Title.String(), IDType: f.Name, Metadata: m, Required: f.Required}
}
