package idhub

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
)

// Types of items (snms-api.md, section 5.2).
const (
	typeString = 1 + iota
	typeNumber
	typeDate
	typeFile
	typeReference
	typeAudio
	typeVideo
	typePicture
)

// typeNames are the names of the types in Chinese.
var typeNames = [...]string{typeString: "字符型", typeNumber: "数值型", typeDate: "日期型", typeFile: "文件型", typeReference: "引用型", typeAudio: "音频型", typeVideo: "视频型", typePicture: "图片型"}

// Names of the notes that this API keeps with templates and fields: the members of its own requests.
const (
	noteClassify   = "classifyCode"
	noteCode       = "metaCode"
	noteStandard   = "standard"
	noteBase       = "baseonHandle" // of a copy
	noteEnglish    = "englishName"  // where the field's name is another
	noteItemCode   = "itemCode"
	noteDefinition = "definition"
	noteComment    = "comment"
	noteInput      = "inputNecessary"
	noteList       = "listItemNecessary"
	noteCharRange  = "charRange"
	noteFileType   = "fileType"
	noteFileRange  = "fileRange"
	noteSuffix     = "selfDefFileSuffix"
	noteReference  = "referenceMetaHandle"
)

// unclassified is the classifyCode of metadata that has none.
const unclassified = "UN_CLASSIFIED"

// metaForm is metadata in requests. What is not there is nil, or "" where that means the same.
type metaForm struct {
	ClassifyCode     text `json:"classifyCode"`
	MetaHandle       text `json:"metaHandle"`
	MetaHanlde       text `json:"metaHanlde"` // as the tables spell it
	MetaName         text `json:"metaName"`
	MetaCode         text `json:"metaCode"`
	IndustryCategory text `json:"industryCategory"`
	IndustrySpecific text `json:"industrySpecific"`
	IndustryTrade    text `json:"industryTrade"`
	IndustrySubclass text `json:"industrySubclass"`
	Standard         text `json:"standard"`
	MetaDesc         text `json:"metaDesc"`

	Items   []itemForm `json:"metaItemCreateDTOS"` // of a create
	Changed []itemForm `json:"metaItemDTOS"`       // of an update
}

// handle is the identifier of the metadata, "" if none is named.
func (f *metaForm) handle() string {
	if f.MetaHandle == "" {
		return string(f.MetaHanlde)
	}
	return string(f.MetaHandle)
}

type itemForm struct {
	ItemIndex         *number        `json:"itemIndex"`
	ItemCode          text           `json:"itemCode"`
	EnglishName       text           `json:"englishName"`
	ChineseName       text           `json:"chineseName"`
	Definition        *text          `json:"definition"`
	Comment           *text          `json:"comment"`
	ItemState         *number        `json:"itemState"`
	InputNecessary    *number        `json:"inputNecessary"`
	ListItemNecessary *number        `json:"listItemNecessary"`
	Required          *number        `json:"required"`
	UniqueField       *number        `json:"uniqueField"`
	Schema            *schemaForm    `json:"itemSchemaCreateDTO"`
	Reference         *referenceForm `json:"itemReferenceDTO"`
}

type schemaForm struct {
	DataType          *number `json:"dataType"`
	MinLength         *number `json:"minLength"`
	MaxLength         *number `json:"maxLength"`
	CharRange         text    `json:"charRange"`
	NumberRange       text    `json:"numberRange"`
	Accuracy          *number `json:"accuracy"`
	DateFormat        text    `json:"dateFormat"`
	MaxFileCount      *number `json:"maxFileCount"`
	FileRange         *number `json:"fileRange"`
	FileType          text    `json:"fileType"`
	SelfDefFileSuffix text    `json:"selfDefFileSuffix"`
}

type referenceForm struct {
	ReferenceMetaHandle text `json:"referenceMetaHandle"`
}

// head sets what is not of one item, and notes what is wrong with it.
func (f *metaForm) head(c *template.Content, wrong *bind) {
	wrong.needed("classifyCode", f.ClassifyCode, 100)
	wrong.needed("metaName", f.MetaName, 100)
	wrong.needed("metaCode", f.MetaCode, 100)
	wrong.bounded("standard", f.Standard, 200)
	wrong.bounded("metaDesc", f.MetaDesc, 1000)
	c.Industry = f.industry(wrong)
	c.Title.ZH, c.Description = string(f.MetaName), string(f.MetaDesc)
	c.Notes = noted(c.Notes, noteClassify, string(f.ClassifyCode))
	c.Notes = noted(c.Notes, noteCode, string(f.MetaCode))
	c.Notes = noted(c.Notes, noteStandard, string(f.Standard))
}

var sectionForm = regexp.MustCompile(`^[A-Ta-t]$`)

// industry is the code of GB/T 4754 that the four levels make.
func (f *metaForm) industry(wrong *bind) string {
	before := ""
	for i, l := range []struct {
		name string
		code text
	}{{"industryCategory", f.IndustryCategory}, {"industrySpecific", f.IndustrySpecific}, {"industryTrade", f.IndustryTrade}, {"industrySubclass", f.IndustrySubclass}} {
		code := string(l.code)
		switch {
		case code == "":
			wrong.missing(l.name)
		case i == 0 && !sectionForm.MatchString(code):
			wrong.add(l.name, "应为 GB/T 4754 门类代码 A 至 T")
		case i == 0:
		case len(code) != i+1 || strings.Trim(code, "0123456789") != "":
			wrong.add(l.name, fmt.Sprintf("应为 %d 位数字", i+1))
		case !strings.HasPrefix(code, before):
			wrong.add(l.name, "应以上一级代码 "+before+" 开头")
		default:
			before = code
		}
	}
	return strings.ToUpper(string(f.IndustryCategory)) + before
}

// needed notes that a member is missing, or longer than so many characters.
func (b *bind) needed(name string, t text, most int) {
	if strings.TrimSpace(string(t)) == "" {
		b.missing(name)
		return
	}
	b.bounded(name, t, most)
}

func (b *bind) bounded(name string, t text, most int) {
	if utf8.RuneCountInString(string(t)) > most {
		b.add(name, fmt.Sprintf("长度不能超过 %d", most))
	}
}

// noted is notes with one set, or removed where it is empty. notes is not modified.
func noted(notes map[string]string, name, said string) map[string]string {
	next := make(map[string]string, len(notes)+1)
	for k, v := range notes {
		next[k] = v
	}
	if delete(next, name); said != "" {
		next[name] = said
	}
	if len(next) == 0 {
		return nil
	}
	return next
}

// items changes items in c and adds others; none is removed. An item changes the one at its index, or without
// an index that of its english name. member names the list in the request.
func items(c *template.Content, member string, all []itemForm, wrong *bind) {
	for i := range all {
		item, at := &all[i], fmt.Sprintf("%s[%d].", member, i)
		noted := len(wrong.errors)
		item.check(at, wrong)
		if len(wrong.errors) > noted {
			continue
		}
		found := slices.IndexFunc(c.Fields, func(f template.Field) bool {
			if item.ItemIndex != nil && *item.ItemIndex != 0 {
				return number(f.Index) == *item.ItemIndex
			}
			return englishName(&f) == string(item.EnglishName)
		})
		if found < 0 {
			c.Fields = append(c.Fields, template.Field{Type: fieldTypes[*item.Schema.DataType]})
			found = len(c.Fields) - 1
		}
		item.set(&c.Fields[found])
	}
	c.Normalise()
}

// check notes what is wrong with an item; at is where it stands.
func (item *itemForm) check(at string, wrong *bind) {
	wrong.needed(at+"itemCode", item.ItemCode, 50)
	wrong.needed(at+"englishName", item.EnglishName, 50)
	wrong.needed(at+"chineseName", item.ChineseName, 50)
	if name := string(item.EnglishName); name != "" && !englishForm.MatchString(name) {
		wrong.add(at+"englishName", "只能含字母、数字、_、- 和 .，且以字母或数字开头")
	}
	if item.Definition != nil {
		wrong.bounded(at+"definition", *item.Definition, 200)
	}
	if item.Comment != nil {
		wrong.bounded(at+"comment", *item.Comment, 200)
	}
	if n := item.ItemIndex; n != nil && (*n < 0 || *n > 1<<31-1) {
		wrong.add(at+"itemIndex", "应为 1 至 2147483647 的整数，建议从 2000 开始")
	}
	if n := item.ItemState; n != nil && *n != 0 && *n != 1 {
		wrong.add(at+"itemState", "只支持 0（启用）和 1（禁用）")
	}
	if item.UniqueField != nil && *item.UniqueField != 0 {
		wrong.add(at+"uniqueField", "本节点不检查属性值的唯一性：请置为 0，以标识本身保证唯一")
	}
	at += "itemSchemaCreateDTO."
	m := item.Schema
	if m == nil || m.DataType == nil {
		wrong.missing(at + "dataType")
		return
	}
	if *m.DataType < typeString || *m.DataType > typePicture {
		wrong.add(at+"dataType", "应为 1 至 8")
		return
	}
	m.check(at, wrong)
	if *m.DataType == typeReference {
		if item.Reference == nil || item.Reference.ReferenceMetaHandle == "" {
			wrong.missing(strings.Replace(at, "itemSchemaCreateDTO.", "itemReferenceDTO.referenceMetaHandle", 1))
		} else if _, _, ok := parseMeta(string(item.Reference.ReferenceMetaHandle)); !ok {
			wrong.add(strings.Replace(at, "itemSchemaCreateDTO.", "itemReferenceDTO.referenceMetaHandle", 1), "应为 前缀/META_名称")
		}
	}
}

// check notes what is wrong with a schema of a known type.
func (m *schemaForm) check(at string, wrong *bind) {
	least, greatest := valueOr(m.MinLength, 0), valueOr(m.MaxLength, template.DefaultLength)
	switch *m.DataType {
	case typeString:
		if least < 0 || greatest < 1 || least > greatest || greatest > template.MaxLength {
			wrong.add(at+"maxLength", fmt.Sprintf("应满足 0 ≤ minLength ≤ maxLength ≤ %d", template.MaxLength))
		}
	case typeNumber:
		if least != 0 || m.MaxLength != nil && greatest != template.MaxDigits {
			wrong.add(at+"maxLength", fmt.Sprintf("数值型的长度固定为 0 至 %d，请用 numberRange 限定范围", template.MaxDigits))
		}
		if a := m.Accuracy; a != nil && (*a < 0 || *a > template.MaxDigits) {
			wrong.add(at+"accuracy", fmt.Sprintf("应为 0 至 %d", template.MaxDigits))
		}
		if _, _, ok := parseRange(string(m.NumberRange)); !ok {
			wrong.add(at+"numberRange", "只支持闭区间，例如 [1,10]")
		}
	case typeDate:
		if format := string(m.DateFormat); format != "" {
			if _, ok := layoutOf(format); !ok {
				wrong.add(at+"dateFormat", "应含 YYYY、MM 和 DD，例如 YYYY-MM-DD HH:mm:ss")
			}
		}
	case typeFile, typeAudio, typeVideo, typePicture:
		if n := m.MaxFileCount; n != nil && *n > 1 {
			wrong.add(at+"maxFileCount", "本节点每个属性只保存一个文件：请置为 1")
		}
	}
	wrong.bounded(at+"charRange", m.CharRange, 200)
	wrong.bounded(at+"fileType", m.FileType, 100)
	wrong.bounded(at+"selfDefFileSuffix", m.SelfDefFileSuffix, 100)
}

func valueOr(n *number, other number) number {
	if n == nil {
		return other
	}
	return *n
}

var rangeForm = regexp.MustCompile(`^\[\s*(-?[0-9.]*)\s*,\s*(-?[0-9.]*)\s*\]$`)

// parseRange reads "[1,10]", of which either bound may be left out; "" has none.
func parseRange(text string) (least, greatest string, ok bool) {
	if text == "" {
		return "", "", true
	}
	m := rangeForm.FindStringSubmatch(text)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// fieldTypes are the types of fields by those of items.
var fieldTypes = [...]template.Type{typeString: template.String, typeNumber: template.Number, typeDate: template.Date,
	typeFile: template.File, typeReference: template.Reference, typeAudio: template.File, typeVideo: template.File, typePicture: template.File}

// set puts what the item, which is correct, says into its field. A field keeps what this API has no word for.
func (item *itemForm) set(f *template.Field) {
	m := item.Schema
	if dataTypeOf(f) != int(*m.DataType) {
		*f = template.Field{Index: f.Index, Type: fieldTypes[*m.DataType], Read: f.Read, Readers: f.Readers, Notes: f.Notes}
	}
	if name := string(item.EnglishName); englishName(f) != name {
		f.Name, f.Notes = fieldName(name), noted(f.Notes, noteEnglish, "")
		if f.Name != name {
			f.Notes = noted(f.Notes, noteEnglish, name)
		}
	}
	f.Title.ZH = string(item.ChineseName)
	if item.ItemIndex != nil && *item.ItemIndex != 0 {
		f.Index = uint32(*item.ItemIndex)
	}
	if item.Required != nil {
		f.Required = *item.Required != 0
	}
	if item.ItemState != nil {
		f.Disabled = *item.ItemState == 1
	}
	f.Notes = noted(f.Notes, noteItemCode, string(item.ItemCode))
	for name, said := range map[string]*text{noteDefinition: item.Definition, noteComment: item.Comment} {
		if said != nil {
			f.Notes = noted(f.Notes, name, string(*said))
		}
	}
	for name, said := range map[string]*number{noteInput: item.InputNecessary, noteList: item.ListItemNecessary} {
		if said != nil {
			f.Notes = noted(f.Notes, name, fmt.Sprint(int64(*said)))
		}
	}
	m.set(f, item.Reference)
}

// set puts what is said of values into f, which is of the type of m.
func (m *schemaForm) set(f *template.Field, reference *referenceForm) {
	note := func(name, said string) { f.Notes = noted(f.Notes, name, said) }
	switch *m.DataType {
	case typeString:
		if f.Type == template.String || f.Type == template.URL {
			least, greatest := int(valueOr(m.MinLength, 0)), int(valueOr(m.MaxLength, template.DefaultLength))
			f.MinLength, f.MaxLength = &least, &greatest
		}
		note(noteCharRange, string(m.CharRange))
	case typeNumber:
		least, greatest, _ := parseRange(string(m.NumberRange))
		f.Minimum, f.Maximum, f.Decimals = json.Number(least), json.Number(greatest), nil
		if m.Accuracy != nil {
			decimals := int(*m.Accuracy)
			f.Decimals = &decimals
		}
	case typeDate:
		note(noteDateFormat, string(m.DateFormat))
		if m.DateFormat == dayFormat {
			note(noteDateFormat, "")
		}
	case typeReference:
		_, f.Template, _ = parseMeta(string(reference.ReferenceMetaHandle))
		note(noteReference, string(reference.ReferenceMetaHandle))
	default:
		f.MediaTypes = mediaTypes(int(*m.DataType), string(m.FileType), m.SelfDefFileSuffix != "")
		note(noteFileType, string(m.FileType))
		note(noteSuffix, string(m.SelfDefFileSuffix))
		if m.FileRange != nil {
			note(noteFileRange, fmt.Sprint(int64(*m.FileRange)))
		}
	}
}

// fileTypes are the media types of the codes of fileType that have a meaning (snms-api.md, section 5.2).
var fileTypes = map[string][]string{
	"2": {"application/msword", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/vnd.oasis.opendocument.text"},
	"3": {"application/vnd.ms-excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.oasis.opendocument.spreadsheet", "text/*"},
	"4": {"application/pdf"},
	"5": {"application/zip", "application/vnd.rar"},
}

// mediaTypes are those that an item takes, nil for all. A file type without a meaning, or a suffix of the client's
// own, may be any.
func mediaTypes(dataType int, codes string, own bool) []string {
	switch dataType {
	case typeAudio:
		return []string{"audio/*"}
	case typeVideo:
		return []string{"video/*"}
	case typePicture:
		return []string{"image/*"}
	}
	if codes == "" || own {
		return nil
	}
	var all []string
	for code := range strings.FieldsFuncSeq(codes, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		known, ok := fileTypes[code]
		if !ok {
			return nil
		}
		all = append(all, known...)
	}
	return all
}

// dataTypeOf is the type of the item that f is. What this API has no type for is text.
func dataTypeOf(f *template.Field) int {
	switch f.Type {
	case template.Number:
		return typeNumber
	case template.Date:
		return typeDate
	case template.Reference:
		return typeReference
	case template.File:
		for kind, begins := range map[int]string{typeAudio: "audio/", typeVideo: "video/", typePicture: "image/"} {
			if len(f.MediaTypes) > 0 && !slices.ContainsFunc(f.MediaTypes, func(m string) bool { return !strings.HasPrefix(m, begins) }) {
				return kind
			}
		}
		return typeFile
	}
	return typeString
}

// englishForm is what an english name may be.
var englishForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// fieldName is the name of a field for an english name: those begin with a digit too, and names of fields do not.
func fieldName(english string) string {
	if english != "" && english[0] >= '0' && english[0] <= '9' {
		return "n." + english
	}
	return english
}

// englishName is the key of f in the records of clients.
func englishName(f *template.Field) string {
	if said := f.Notes[noteEnglish]; said != "" && f.Name == fieldName(said) {
		return said
	}
	return f.Name
}

// itemNamed is the field of an english name, without regard to ASCII case; nil if there is none.
func itemNamed(c *template.Content, english string) *template.Field {
	for i := range c.Fields {
		if identifier.EqualFoldASCII(englishName(&c.Fields[i]), english) {
			return &c.Fields[i]
		}
	}
	return nil
}
