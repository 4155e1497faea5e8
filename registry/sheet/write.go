package sheet

import (
	"fmt"
	"io"
	"strconv"

	"github.com/xuri/excelize/v2"

	"github.com/idnode/idnode/proto/template"
)

// IDColumn is the name of the column of identifiers in the second header row. No field can have it.
const IDColumn = "@id"

const (
	titleRow  = 1
	nameRow   = 2
	firstRow  = 3 // of data
	lastRow   = excelize.TotalRows
	listsName = "lists" // hidden; holds the options of enums
	textForm  = 49      // the number format "@", text (ECMA-376 part 1, section 18.8.30)
)

// workbook is a sheet in the making. The first error stays, and nothing is done after it.
type workbook struct {
	*excelize.File
	language string
	err      error

	column, title, name, head, cell int // styles
}

// Write writes the empty fill-in sheet of the template's revision in the language "zh" or "en". Fields
// that are disabled are left out.
func Write(w io.Writer, name string, revision uint32, c *template.Content, language string) error {
	b := &workbook{File: excelize.NewFile(), language: language}
	defer b.Close()
	b.styles()
	b.data(c)
	b.help(name, revision, c)
	if b.err == nil {
		b.err = b.File.Write(w)
	}
	if b.err != nil {
		return fmt.Errorf("write sheet of template %s: %w", name, b.err)
	}
	return nil
}

func (b *workbook) do(f func() error) {
	if b.err == nil {
		b.err = f()
	}
}

// say chooses the text in the language of the sheet.
func (b *workbook) say(zh, en string) string {
	if b.language == "en" {
		return en
	}
	return zh
}

func (b *workbook) styles() {
	style := func(to *int, s *excelize.Style) {
		s.NumFmt = textForm
		b.do(func() (err error) { *to, err = b.NewStyle(s); return err })
	}
	border := []excelize.Border{{Type: "bottom", Color: "808080", Style: 1}}
	style(&b.column, &excelize.Style{})
	style(&b.title, &excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{WrapText: true, Vertical: "center"}})
	style(&b.name, &excelize.Style{Font: &excelize.Font{Color: "808080"}, Border: border,
		Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"EEEEEE"}}})
	style(&b.head, &excelize.Style{Font: &excelize.Font{Bold: true}, Border: border})
	style(&b.cell, &excelize.Style{Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
}

// text puts a text into a cell; it is never taken for a formula.
func (b *workbook) text(sheet string, column, row, style int, text string) {
	b.do(func() error {
		at, err := excelize.CoordinatesToCellName(column, row)
		if err != nil {
			return err
		}
		if err := b.SetCellStr(sheet, at, text); err != nil {
			return err
		}
		return b.SetCellStyle(sheet, at, at, style)
	})
}

// data makes the sheet that is filled in.
func (b *workbook) data(c *template.Content) {
	sheet := b.say("数据", "Data")
	b.do(func() error { return b.SetSheetName("Sheet1", sheet) })
	b.do(func() error { _, err := b.NewSheet(b.helpName()); return err })
	b.do(func() error { _, err := b.NewSheet(listsName); return err })
	b.do(func() error { return b.SetSheetVisible(listsName, false) })

	b.heading(sheet, 1, b.say("标识", "Identifier")+" *", IDColumn,
		b.say("要登记的标识，例如 88.101.5/SN-001。必填。", "The identifier to register, such as 88.101.5/SN-001. Required."))
	column := 1
	for i := range c.Fields {
		f := &c.Fields[i]
		if f.Disabled {
			continue
		}
		column++
		title := f.Title.In(b.language)
		if title == "" {
			title = f.Name
		}
		if f.Unit != "" {
			title += " (" + f.Unit + ")"
		}
		if f.Required {
			title += " *"
		}
		b.heading(sheet, column, title, f.Name, rules(f, b.language))
		b.choice(sheet, column, f)
	}
	b.do(func() error {
		return b.SetPanes(sheet, &excelize.Panes{Freeze: true, XSplit: 1, YSplit: nameRow, TopLeftCell: "B" + strconv.Itoa(firstRow), ActivePane: "bottomRight"})
	})
}

// heading makes a column with its two headers and a note.
func (b *workbook) heading(sheet string, column int, title, name, note string) {
	b.do(func() error {
		letters, err := excelize.ColumnNumberToName(column)
		if err != nil {
			return err
		}
		if err := b.SetColStyle(sheet, letters, b.column); err != nil {
			return err
		}
		if err := b.SetColWidth(sheet, letters, letters, 22); err != nil {
			return err
		}
		return b.AddComment(sheet, excelize.Comment{Cell: letters + strconv.Itoa(titleRow), Author: "idnode", Text: note, Width: 320, Height: 160})
	})
	b.text(sheet, column, titleRow, b.title, title)
	b.text(sheet, column, nameRow, b.name, name)
}

// choice gives the column of an enum or boolean its list.
func (b *workbook) choice(sheet string, column int, f *template.Field) {
	if f.Type != template.Enum && f.Type != template.Boolean {
		return
	}
	for i, o := range f.Options {
		b.text(listsName, column, i+1, b.column, o.Value)
	}
	b.do(func() error {
		letters, err := excelize.ColumnNumberToName(column)
		if err != nil {
			return err
		}
		list := excelize.NewDataValidation(true)
		list.SetSqref(fmt.Sprintf("%s%d:%s%d", letters, firstRow, letters, lastRow))
		if f.Type == template.Enum {
			list.SetSqrefDropList(fmt.Sprintf("%s!$%s$1:$%s$%d", listsName, letters, letters, len(f.Options)))
		} else if err := list.SetDropList([]string{"true", "false"}); err != nil {
			return err
		}
		list.SetError(excelize.DataValidationErrorStyleStop, f.Name, b.say("请从列表中选择", "Choose from the list"))
		return b.AddDataValidation(sheet, list)
	})
}
