package idhub

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
)

// States of metadata.
const (
	stateUnpublished = 0
	statePublished   = 1
)

func stateOf(t *registry.Template) int {
	if t.State == registry.TemplatePublished {
		return statePublished
	}
	return stateUnpublished
}

// contentOf is what t says to its owner: what is published, else what is to be.
func contentOf(t *registry.Template) *template.Content {
	switch {
	case t.Draft != nil && (t.State != registry.TemplatePublished || t.Content == nil):
		return t.Draft
	case t.Content != nil:
		return t.Content
	}
	return new(template.Content)
}

// industryView is the industry of metadata at its four levels.
type industryView struct {
	Industry         string `json:"industry"` // names, as far as they are known here: of section and division
	IndustryCategory string `json:"industryCategory"`
	IndustrySpecific string `json:"industrySpecific"`
	IndustryTrade    string `json:"industryTrade"`
	IndustrySubclass string `json:"industrySubclass"`
}

func industryOf(code string) industryView {
	level := func(from, to int) string {
		if len(code) < to {
			return ""
		}
		return code[from:to]
	}
	section, division := registry.IndustryOf(code)
	return industryView{strings.Trim(section.ZH+"/"+division.ZH, "/"), level(0, 1), level(1, 3), level(1, 4), level(1, 5)}
}

// metaView is metadata in answers to who manages it.
type metaView struct {
	ClassifyCode string `json:"classifyCode"`
	ClassifyName string `json:"classifyName"`
	MetaHandle   string `json:"metaHandle"`
	MetaName     string `json:"metaName"`
	MetaCode     string `json:"metaCode"`
	industryView
	MetaState       int        `json:"metaState"`
	MetaContributor string     `json:"metaContributor"`
	Standard        string     `json:"standard"`
	MetaDesc        string     `json:"metaDesc"`
	CreatedTime     string     `json:"createdTime"`
	UpdatedTime     string     `json:"updatedTime"`
	ItemVOS         []itemView `json:"itemVOS"`
}

type itemView struct {
	ItemIndex         uint32         `json:"itemIndex"`
	ItemCode          string         `json:"itemCode"`
	EnglishName       string         `json:"englishName"`
	ChineseName       string         `json:"chineseName"`
	ItemState         int            `json:"itemState"`
	Definition        string         `json:"definition,omitempty"`
	InputNecessary    int            `json:"inputNecessary"`
	ListItemNecessary int            `json:"listItemNecessary"`
	Required          int            `json:"required"`
	UniqueField       int            `json:"uniqueField"` // always 0
	Comment           string         `json:"comment,omitempty"`
	ItemSchemaVO      schemaView     `json:"itemSchemaVO"`
	ItemReferenceVO   *referenceView `json:"itemReferenceVO,omitempty"`
}

// schemaView is what an item may hold; members are those of its type.
type schemaView struct {
	DataType          int    `json:"dataType"`
	DataTypeString    string `json:"dataTypeString,omitempty"` // where metadata is resolved
	MinLength         *int   `json:"minLength,omitempty"`
	MaxLength         *int   `json:"maxLength,omitempty"`
	CharRange         string `json:"charRange,omitempty"`
	Accuracy          *int   `json:"accuracy,omitempty"`
	NumberRange       string `json:"numberRange,omitempty"`
	DateFormat        string `json:"dateFormat,omitempty"`
	MaxFileCount      int    `json:"maxFileCount,omitempty"`
	FileRange         int    `json:"fileRange,omitempty"`
	FileType          string `json:"fileType,omitempty"`
	SelfDefFileSuffix string `json:"selfDefFileSuffix,omitempty"`
	ReferenceType     int    `json:"referenceType,omitempty"`
}

type referenceView struct {
	ReferenceMetaHandle string `json:"referenceMetaHandle"`
}

func flagOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// noteFlag is a note that is 0 or 1.
func noteFlag(f *template.Field, name string, other int) int {
	if said, err := strconv.Atoi(f.Notes[name]); err == nil {
		return flagOf(said != 0)
	}
	return other
}

// inForms reports whether the item is asked for where records are entered, which it is unless it says otherwise.
func inForms(f *template.Field) int { return noteFlag(f, noteInput, 1) }
func inLists(f *template.Field) int { return noteFlag(f, noteList, 0) }

// schemaOf is what values of f may be. prefix is that of the template.
func schemaOf(f *template.Field, prefix string) (schemaView, *referenceView) {
	v := schemaView{DataType: dataTypeOf(f)}
	length := func(n *int, other int) *int {
		if n != nil {
			other = *n
		}
		return &other
	}
	switch v.DataType {
	case typeString:
		most := template.DefaultLength
		if f.Pattern != "" {
			most = template.MaxMatched
		}
		v.MinLength, v.MaxLength, v.CharRange = length(f.MinLength, 0), length(f.MaxLength, most), f.Notes[noteCharRange]
	case typeNumber:
		v.MinLength, v.MaxLength, v.Accuracy = length(nil, 0), length(nil, template.MaxDigits), length(f.Decimals, 0)
		if f.Minimum != "" || f.Maximum != "" {
			v.NumberRange = "[" + string(f.Minimum) + "," + string(f.Maximum) + "]"
		}
	case typeDate:
		v.DateFormat = dateFormat(f)
	case typeReference:
		v.ReferenceType = 1
		if f.Template == "" {
			return v, nil
		}
		named := f.Notes[noteReference]
		if _, name, ok := parseMeta(named); !ok || name != f.Template {
			named = prefix + "/" + metaMark + f.Template
		}
		return v, &referenceView{named}
	default:
		v.MaxFileCount = 1
		v.FileType, v.SelfDefFileSuffix = f.Notes[noteFileType], f.Notes[noteSuffix]
		v.FileRange, _ = strconv.Atoi(f.Notes[noteFileRange])
	}
	return v, nil
}

// metaView is what t says to who manages it.
func (s *server) metaView(t *registry.Template) *metaView {
	c := contentOf(t)
	classify := classifyOf(c)
	v := &metaView{
		ClassifyCode: classify, ClassifyName: classifyName(classify), MetaHandle: metaHandle(t), MetaName: nameOf(t, c), MetaCode: c.Notes[noteCode],
		industryView: industryOf(c.Industry), MetaState: stateOf(t), MetaContributor: t.Prefix, Standard: c.Notes[noteStandard], MetaDesc: c.Description,
		CreatedTime: s.moment(t.Created), UpdatedTime: s.moment(t.Updated), ItemVOS: []itemView{},
	}
	for i := range c.Fields {
		f := &c.Fields[i]
		schema, reference := schemaOf(f, t.Prefix)
		v.ItemVOS = append(v.ItemVOS, itemView{
			ItemIndex: f.Index, ItemCode: f.Notes[noteItemCode], EnglishName: englishName(f), ChineseName: f.Title.String(), ItemState: flagOf(f.Disabled),
			Definition: f.Notes[noteDefinition], InputNecessary: inForms(f), ListItemNecessary: inLists(f), Required: flagOf(f.Required),
			Comment: f.Notes[noteComment], ItemSchemaVO: schema, ItemReferenceVO: reference,
		})
	}
	return v
}

func nameOf(t *registry.Template, c *template.Content) string {
	return cmp.Or(c.Title.String(), t.Name)
}

// resolvedView is metadata as it is resolved.
type resolvedView struct {
	ID         string             `json:"id"`
	Type       string             `json:"type"`
	Attributes resolvedAttributes `json:"attributes"`
}

type resolvedAttributes struct {
	Content  resolvedContent `json:"content"`
	MetaData resolvedTimes   `json:"metaData"`
}

type resolvedContent struct {
	BasicInfo  basicInfo      `json:"basicInfo"`
	ItemInfos  []resolvedItem `json:"itemInfos"`
	Required   []string       `json:"required"`
	Uniqueness []string       `json:"uniqueness"` // always empty
	InputItem  []string       `json:"inputItem"`
	ListItem   []string       `json:"listItem"`
}

type basicInfo struct {
	MetaName string `json:"metaName"`
	MetaCode string `json:"metaCode"`
	industryView
	MetaState        int    `json:"metaState"`
	MetaContributor  string `json:"metaContributor"`
	Standard         string `json:"standard"`
	MetaDesc         string `json:"metaDesc"`
	IsQuote          int    `json:"isQuote"`
	PublishedTime    string `json:"publishedTime"`
	EffectiveTime    string `json:"effectiveTime"`
	LatestUpdateTime string `json:"latestUpdateTime"`
}

type resolvedItem struct {
	ItemBasicInfo struct {
		ItemIndex uint32 `json:"itemIndex"`
		ItemCode  string `json:"itemCode"`
		EnName    string `json:"enName"`
		CnName    string `json:"cnName"`
		State     int    `json:"state"`
	} `json:"itemBasicInfo"`
	ItemSchemaInfo    schemaView     `json:"itemSchemaInfo"`
	ItemReferenceInfo *referenceView `json:"itemReferenceInfo,omitempty"`
}

// resolvedTimes tells when the metadata was made. By whom the registry keeps in its audit log: the prefix is told.
type resolvedTimes struct {
	CreateTime string `json:"createTime"`
	UpdateTime string `json:"updateTime"`
	Creator    string `json:"creator"`
}

// typeMetadata is the type of metadata as a digital object.
const typeMetadata = "0.TYPE/DO.DOIPMETA"

// resolvedView is t, which is published, as it is resolved.
func (s *server) resolvedView(t *registry.Template) *resolvedView {
	c := t.Content
	content := resolvedContent{
		BasicInfo: basicInfo{
			MetaName: nameOf(t, c), MetaCode: c.Notes[noteCode], industryView: industryOf(c.Industry), MetaState: stateOf(t), MetaContributor: t.Prefix,
			Standard: c.Notes[noteStandard], MetaDesc: c.Description, IsQuote: flagOf(c.Notes[noteBase] != ""),
			PublishedTime: s.moment(t.Published), EffectiveTime: s.moment(t.Created), LatestUpdateTime: s.moment(t.Updated),
		},
		ItemInfos: []resolvedItem{}, Required: []string{}, Uniqueness: []string{}, InputItem: []string{}, ListItem: []string{},
	}
	for i := range c.Fields {
		f := &c.Fields[i]
		var item resolvedItem
		item.ItemBasicInfo.ItemIndex, item.ItemBasicInfo.ItemCode, item.ItemBasicInfo.EnName = f.Index, f.Notes[noteItemCode], englishName(f)
		item.ItemBasicInfo.CnName, item.ItemBasicInfo.State = f.Title.String(), flagOf(f.Disabled)
		item.ItemSchemaInfo, item.ItemReferenceInfo = schemaOf(f, t.Prefix)
		item.ItemSchemaInfo.DataTypeString = typeNames[item.ItemSchemaInfo.DataType]
		content.ItemInfos = append(content.ItemInfos, item)
		for _, l := range []struct {
			list *[]string
			in   bool
		}{{&content.Required, f.Required}, {&content.InputItem, inForms(f) == 1}, {&content.ListItem, inLists(f) == 1}} {
			if l.in {
				*l.list = append(*l.list, englishName(f))
			}
		}
	}
	return &resolvedView{metaHandle(t), typeMetadata, resolvedAttributes{content, resolvedTimes{s.moment(t.Created), s.moment(t.Updated), t.Prefix}}}
}

// classifyOf is the code of the class that metadata is in. Classes are no things of the registry: one is there as
// long as metadata names it.
func classifyOf(c *template.Content) string { return cmp.Or(c.Notes[noteClassify], unclassified) }

// classifyName is the name of a class.
func classifyName(code string) string {
	if code == unclassified {
		return "未分类"
	}
	return code
}
