package sheet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/template"
)

func (b *workbook) helpName() string { return b.say("说明", "Help") }

// help makes the sheet that explains the fields in both languages.
func (b *workbook) help(name string, revision uint32, c *template.Content) {
	sheet := b.helpName()
	row := 0
	line := func(style int, cells ...string) {
		row++
		for i, text := range cells {
			b.text(sheet, i+1, row, style, text)
		}
	}
	line(b.cell, "模板 Template", name)
	line(b.cell, "修订 Revision", strconv.FormatUint(uint64(revision), 10))
	line(b.cell, "名称 Title", c.Title.ZH, c.Title.EN)
	if c.Description != "" {
		line(b.cell, "描述 Description", c.Description)
	}
	line(b.cell, "填写 How to", "从第 3 行开始填写，每行一个标识。不要改动第 2 行。所有单元格保持文本格式，长数字和前导零才不会丢失。",
		"Fill in from row 3 on, one identifier a row. Leave row 2 as it is. Keep all cells in the format Text, else long numbers and leading zeros are lost.")
	row++
	line(b.head, "列名 Column", "中文名称", "English title", "索引 Index", "类型 Type", "单位 Unit", "规则", "Rules")
	for i := range c.Fields {
		f := &c.Fields[i]
		if f.Disabled {
			continue
		}
		line(b.cell, f.Name, f.Title.ZH, f.Title.EN, strconv.FormatUint(uint64(f.Index), 10),
			typeNames[f.Type][0]+" "+string(f.Type), f.Unit, rules(f, "zh"), rules(f, "en"))
	}
	for _, width := range []struct {
		columns string
		width   float64
	}{{"A", 22}, {"B", 28}, {"C", 28}, {"D", 12}, {"E", 18}, {"F", 12}, {"G", 50}, {"H", 50}} {
		b.do(func() error { return b.SetColWidth(sheet, width.columns, width.columns, width.width) })
	}
}

// typeNames are, for each type, its Chinese name and how to write a value in Chinese and in English.
var typeNames = map[template.Type][3]string{
	template.String:    {"字符串", "文本", "text"},
	template.Number:    {"数字", "十进制数字，不用指数和千位分隔符，例如 -12.5", "a decimal number without exponent and thousands separators, such as -12.5"},
	template.Boolean:   {"布尔", "true 或 false", "true or false"},
	template.Date:      {"日期", "日期 2026-01-02 或时间 2026-01-02T15:04:05+08:00", "a day 2026-01-02 or a moment 2026-01-02T15:04:05+08:00"},
	template.Enum:      {"枚举", "列表中的一个值", "one of the list"},
	template.Reference: {"引用", "另一个标识，例如 88.101.5/SN-001", "another identifier, such as 88.101.5/SN-001"},
	template.URL:       {"网址", "完整的网址，例如 https://example.com/", "an absolute URL, such as https://example.com/"},
	template.File:      {"文件", "已上传文件的编号", "the id of an uploaded file"},
}

// maxListed is how many options a note lists.
const maxListed = 20

// rules tells in the language "zh" or "en" what the field takes.
func rules(f *template.Field, language string) string {
	zh := language != "en"
	var out []string
	add := func(chinese, english string, args ...any) {
		if zh {
			out = append(out, fmt.Sprintf(chinese, args...))
		} else {
			out = append(out, fmt.Sprintf(english, args...))
		}
	}
	if f.Required {
		add("必填", "required")
	}
	add("%[1]s", "%[2]s", typeNames[f.Type][1], typeNames[f.Type][2])
	if f.MinLength != nil {
		add("至少 %d 个字符", "at least %d characters", *f.MinLength)
	}
	if f.MaxLength != nil {
		add("至多 %d 个字符", "at most %d characters", *f.MaxLength)
	}
	if f.Pattern != "" {
		add("格式 %s", "pattern %s", f.Pattern)
	}
	if f.Minimum != "" {
		add("不小于 %s", "at least %s", string(f.Minimum))
	}
	if f.Maximum != "" {
		add("不大于 %s", "at most %s", string(f.Maximum))
	}
	if f.Decimals != nil {
		add("至多 %d 位小数", "at most %d decimals", *f.Decimals)
	}
	if f.Earliest != "" {
		add("不早于 %s", "not before %s", f.Earliest)
	}
	if f.Latest != "" {
		add("不晚于 %s", "not after %s", f.Latest)
	}
	if f.Unit != "" {
		add("单位 %s", "unit %s", f.Unit)
	}
	if f.Template != "" {
		add("遵循模板 %s", "of the template %s", f.Template)
	}
	if len(f.MediaTypes) > 0 {
		add("类型 %s", "types %s", strings.Join(f.MediaTypes, ", "))
	}
	for i, o := range f.Options {
		if i == maxListed {
			add("……共 %d 个", "… %d in all", len(f.Options))
			break
		}
		if title := o.Title.In(language); title != "" {
			out = append(out, o.Value+" = "+title)
		} else {
			out = append(out, o.Value)
		}
	}
	return strings.Join(out, "\n")
}
