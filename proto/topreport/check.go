package topreport

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Fault is one thing that is wrong with a row.
type Fault struct {
	Field  string // JSON Pointer (RFC 6901) into the row: "/data/sources/3/ip"
	Format string // one English sentence with the verbs of fmt
	Args   []any  // of Format
}

// String is the sentence in English, behind the field.
func (f Fault) String() string { return f.Field + ": " + f.Detail("en") }

// Detail is the sentence in the language "zh" or "en".
func (f Fault) Detail(language string) string {
	format := f.Format
	if zh, ok := faultsZH[format]; ok && language == "zh" {
		format = zh
	}
	return fmt.Sprintf(format, f.Args...)
}

// Sentences of faults that a receiver finds beside Check.
const (
	NotAnObject  = "not a JSON object in UTF-8"
	NoIdentifier = "an identifier is expected"
	NotYours     = "not of a prefix that is delegated to you"
	Missing      = "required"
)

// faultsZH are the sentences of faults in Chinese.
var faultsZH = map[string]string{
	"no table %q":                              "没有表 %q",
	"the row is of table %s":                   "该行属于表 %s",
	"a sequence number from 1 is expected":     "应为从 1 开始的序号",
	"a key of 1 to %d octets is expected":      "应为 1 至 %d 字节的键",
	"add, change or delete is expected":        "应为 add、change 或 delete",
	"the time of the row is required":          "必须填写时间",
	"an object is expected":                    "应为对象",
	"a list is expected":                       "应为列表",
	"%d elements; at most %d":                  "有 %d 个元素，最多 %d 个",
	Missing:                                    "必填",
	"the table has no such field":              "该表没有此项",
	"base64 is expected":                       "应为 base64",
	"text is expected":                         "应为文本",
	"longer than %d characters":                "超过 %d 个字符",
	"not UTF-8, or with control characters":    "不是 UTF-8 或含控制字符",
	"a number from 0 is expected":              "应为不小于 0 的数",
	"a whole number from 0 is expected":        "应为不小于 0 的整数",
	"true or false is expected":                "应为 true 或 false",
	"a day such as 2026-11-23 is expected":     "应为日期，如 2026-11-23",
	"a month such as 2026-11 is expected":      "应为月份，如 2026-11",
	"a moment of RFC 3339 is expected":         "应为 RFC 3339 时间",
	"an IP address is expected":                "应为 IP 地址",
	"one of %s is expected":                    "应为 %s 之一",
	"the operation is not that of the row, %s": "与该行的操作 %s 不一致",
	NotAnObject:                                "不是 UTF-8 编码的 JSON 对象",
	NoIdentifier:                               "应为标识",
	NotYours:                                   "不属于委托给您的前缀",
}

// Check reports everything that is wrong with a row of the table: its head, and each field of its data. A row that
// deletes may leave out what is required but for the fields of its key.
func Check(table string, r *Row) []Fault {
	k := &checker{}
	t := Find(table)
	if t == nil {
		k.add("/table", "no table %q", short(table))
		return k.faults
	}
	if r.Table != table {
		k.add("/table", "the row is of table %s", short(r.Table))
	}
	if r.Seq == 0 {
		k.add("/seq", "a sequence number from 1 is expected")
	}
	if r.Key == "" || len(r.Key) > MaxKey || !printable(r.Key) {
		k.add("/key", "a key of 1 to %d octets is expected", MaxKey)
	}
	if r.Op.Code() == 0 {
		k.add("/op", "add, change or delete is expected")
	}
	if r.Time.IsZero() {
		k.add("/time", "the time of the row is required")
	}
	k.data(t, r)
	return k.faults
}

type checker struct {
	faults  []Fault
	key     []string // of a row that deletes: what is required all the same
	deletes bool
}

// mostFaults bounds what is told of one row.
const mostFaults = 100

func (k *checker) add(field, format string, args ...any) {
	if len(k.faults) < mostFaults {
		k.faults = append(k.faults, Fault{field, format, args})
	}
}

func (k *checker) data(t *Table, r *Row) {
	value, err := decode(r.Data)
	if err != nil {
		k.add("/data", NotAnObject)
		return
	}
	k.key, k.deletes = t.Key, r.Op == Delete
	k.object("/data", t.Fields, value, true)
	if t.Name != "T9" {
		return
	}
	if data, ok := value.(map[string]any); ok {
		if code, ok := data["operation"].(string); ok && code != strconv.Itoa(r.Op.Code()) && r.Op.Code() != 0 {
			k.add("/data/operation", "the operation is not that of the row, %s", string(r.Op))
		}
	}
}

func decode(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return value, nil
}

// object checks an object; top says that it is the row's data itself.
func (k *checker) object(path string, fields []Field, value any, top bool) {
	members, ok := value.(map[string]any)
	if !ok {
		k.add(path, "an object is expected")
		return
	}
	for i := range fields {
		f := &fields[i]
		v, there := members[f.Name]
		if !there || v == nil || v == "" {
			if f.Required && (!k.deletes || top && slices.Contains(k.key, f.Name)) {
				k.add(path+"/"+f.Name, Missing)
			}
			continue
		}
		k.value(path+"/"+f.Name, f, f.Kind, v)
	}
	var unknown []string
	for name := range members {
		if !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		k.add(path+"/"+escape(short(name)), "the table has no such field")
	}
}

// value checks a value of the kind, which is f's own or that of its elements.
func (k *checker) value(path string, f *Field, kind Kind, v any) {
	switch kind {
	case Object:
		k.object(path, f.Fields, v, false)
		return
	case List:
		k.list(path, f, v)
		return
	case File:
		if o, ok := v.(map[string]any); ok {
			k.file(path, o)
			return
		}
	case Boolean:
		if _, ok := v.(bool); !ok {
			k.add(path, "true or false is expected")
		}
		return
	case Integer:
		n, ok := v.(json.Number)
		if _, err := strconv.ParseUint(string(n), 10, 63); !ok || err != nil {
			k.add(path, "a whole number from 0 is expected")
		}
		return
	case Number:
		n, ok := v.(json.Number)
		if x, err := n.Float64(); !ok || err != nil || x < 0 {
			k.add(path, "a number from 0 is expected")
		}
		return
	}
	text, ok := v.(string)
	if !ok {
		k.add(path, "text is expected")
		return
	}
	k.text(path, f, kind, text)
}

// fileFields are those of a file that comes with its octets.
var fileFields = []Field{must(text(0, "id", "编号", "Id", maxText)), text(0, "name", "名称", "Name", maxText), text(0, "mediaType", "媒体类型", "Media type", maxText),
	must(text(0, "data", "内容", "Content, base64", maxFile))}

// maxFile bounds a file in base64, in characters: SNMS takes files of up to 5 MB.
const maxFile = 16 << 20

func (k *checker) file(path string, members map[string]any) {
	k.object(path, fileFields, members, false)
	if data, ok := members["data"].(string); ok {
		if _, err := base64.StdEncoding.DecodeString(data); err != nil {
			k.add(path+"/data", "base64 is expected")
		}
	}
}

func (k *checker) list(path string, f *Field, v any) {
	elements, ok := v.([]any)
	if !ok {
		k.add(path, "a list is expected")
		return
	}
	if f.Required && len(elements) == 0 {
		k.add(path, Missing)
	}
	if len(elements) > f.Max {
		k.add(path, "%d elements; at most %d", len(elements), f.Max)
		return
	}
	for i, e := range elements {
		k.value(path+"/"+strconv.Itoa(i), f, f.Of, e)
	}
}

func (k *checker) text(path string, f *Field, kind Kind, text string) {
	switch kind {
	case Day:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			k.add(path, "a day such as 2026-11-23 is expected")
		}
	case Month:
		if _, err := time.Parse("2006-01", text); err != nil {
			k.add(path, "a month such as 2026-11 is expected")
		}
	case Moment:
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			k.add(path, "a moment of RFC 3339 is expected")
		}
	case Address:
		if a, err := netip.ParseAddr(text); err != nil || a.Zone() != "" {
			k.add(path, "an IP address is expected")
		}
	case Choice:
		if !slices.Contains(f.Choices, text) {
			k.add(path, "one of %s is expected", strings.Join(f.Choices, ", "))
		}
	default:
		most := maxText
		if kind == f.Kind && f.Max > 0 {
			most = f.Max
		}
		if utf8.RuneCountInString(text) > most {
			k.add(path, "longer than %d characters", most)
		}
		if !printable(text) {
			k.add(path, "not UTF-8, or with control characters")
		}
	}
}

// printable reports whether text is UTF-8 without control characters but for those that lay out text.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f
	})
}

func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// short keeps a sentence short whatever was sent.
func short(text string) string {
	const most = 60
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "�")
}

// KeyOf is the key of a row with this data: the fields of the table's key, with a blank between them.
func (t *Table) KeyOf(data map[string]any) string {
	parts := make([]string, len(t.Key))
	for i, name := range t.Key {
		parts[i] = fmt.Sprint(data[name])
	}
	return strings.Join(parts, " ")
}
