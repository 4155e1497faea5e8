package sheet

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/idnode/idnode/proto/template"
)

func bearing() *template.Content {
	two := 2
	c := &template.Content{
		Title: template.Text{ZH: "轴承", EN: "Bearing"}, Description: "=1+1",
		Fields: []template.Field{
			{Name: "model", Title: template.Text{ZH: "型号", EN: "Model"}, Type: template.String, Required: true, Pattern: "[0-9A-Z]+"},
			{Name: "weight", Title: template.Text{ZH: "重量", EN: "Weight"}, Type: template.Number, Unit: "kg", Minimum: "0", Maximum: "9", Decimals: &two},
			{Name: "made", Title: template.Text{ZH: "日期", EN: "Made"}, Type: template.Date, Earliest: "2000-01-01"},
			{Name: "sealed", Type: template.Boolean},
			{Name: "cage", Type: template.Enum, Options: []template.Option{{Value: "steel, hard", Title: template.Text{ZH: "钢"}}, {Value: "=brass"}}},
			{Name: "gone", Type: template.String, Disabled: true},
			{Name: "note", Type: template.String},
		},
	}
	c.Normalise()
	return c
}

// written is the sheet that Write makes, opened.
func written(t *testing.T, language string) *excelize.File {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, "bearing", 3, bearing(), language); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func saved(t *testing.T, f *excelize.File) []byte {
	t.Helper()
	out, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWrite(t *testing.T) {
	for language, want := range map[string][]string{
		"zh": {"数据", "说明", "标识 *", "型号 *", "重量 (kg)", "必填\n文本\n格式 [0-9A-Z]+"},
		"en": {"Data", "Help", "Identifier *", "Model *", "Weight (kg)", "required\ntext\npattern [0-9A-Z]+"},
	} {
		t.Run(language, func(t *testing.T) {
			f := written(t, language)
			sheets := f.GetSheetList()
			if sheets[0] != want[0] || sheets[1] != want[1] {
				t.Errorf("sheets %v", sheets)
			}
			if visible, _ := f.GetSheetVisible(listsName); visible {
				t.Error("the lists are visible")
			}
			rows, err := f.GetRows(sheets[0])
			if err != nil || len(rows) != 2 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			if got := rows[0][:3]; !slices.Equal(got, want[2:5]) {
				t.Errorf("titles %q", got)
			}
			if got := strings.Join(rows[1], " "); got != "@id model weight made sealed cage note" {
				t.Errorf("names %s", got)
			}
			for _, at := range []string{"A3", "B3", "C1000", "G1048576"} {
				id, err := f.GetCellStyle(sheets[0], at)
				if err != nil {
					t.Fatal(err)
				}
				if s, err := f.GetStyle(id); err != nil || s.NumFmt != textForm {
					t.Errorf("%s is not of the format Text: %+v", at, s)
				}
			}
			lists, _ := f.GetDataValidations(sheets[0])
			if len(lists) != 2 || lists[0].Sqref != "E3:E1048576" || lists[0].Formula1 != `"true,false"` || lists[1].Formula1 != "lists!$F$1:$F$2" {
				t.Errorf("lists %+v %+v", lists[0], lists[1])
			}
			if v, _ := f.GetCellValue(listsName, "F2"); v != "=brass" {
				t.Errorf("option %q", v)
			}
			notes, _ := f.GetComments(sheets[0])
			if len(notes) != 7 || !slices.ContainsFunc(notes, func(c excelize.Comment) bool { return c.Cell == "B1" && c.Text == want[5] }) {
				t.Errorf("notes %+v", notes)
			}
			if p, _ := f.GetPanes(sheets[0]); !p.Freeze || p.YSplit != 2 || p.XSplit != 1 {
				t.Errorf("panes %+v", p)
			}
			help, _ := f.GetRows(sheets[1])
			text := ""
			for _, r := range help {
				text += strings.Join(r, "|") + "\n"
			}
			for _, s := range []string{"|bearing\n", "修订 Revision|3\n", "weight|重量|Weight|2001|数字 number|kg|", "不小于 0\n不大于 9", "at least 0\nat most 9\nat most 2 decimals", "=1+1"} {
				if !strings.Contains(text, s) {
					t.Errorf("%q is not in the help:\n%s", s, text)
				}
			}
		})
	}
}

// read is what Read makes of a file: a line for each row.
func read(t *testing.T, file []byte, limit int) []Row {
	t.Helper()
	rows, err := Read(bytes.NewReader(file), int64(len(file)), bearing(), Options{Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(rows)
}

func TestFillAndRead(t *testing.T) {
	f := written(t, "zh")
	set := func(at string, value any) {
		t.Helper()
		if err := f.SetCellValue("数据", at, value); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range []string{"88.101.5/00012", "006204", "0.120", "2026-01-02", "true", "steel, hard", " a\n\"b\"<_x "} {
		set(string(rune('A'+i))+"3", v)
	}
	set("A5", "88.101.5/n") // numbers, booleans and days that were pasted in
	set("B5", 6204)
	set("C5", 8.2)
	set("D5", 46024)
	set("E5", true)
	set("G5", 123456789012345)
	set("A6", "88.101.5/lost")
	set("B6", 123456789012345678)
	set("C6", "1.23457E+17")
	set("D6", 0.5)
	set("E6", "maybe")
	set("G6", "1.23457E+17")
	set("A7", 1.5e20)
	set("B7", "X")
	set("C7", "1,234.5")
	set("B8", "X") // no identifier
	set("A9", " ") // nothing
	v, err := bearing().Compile()
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, saved(t, f), 0)
	want := []struct {
		line          int
		id, fields    string
		problems      string
		wrongInRecord int
	}{
		{3, "88.101.5/00012", `{"model":"006204","weight":0.120,"made":"2026-01-02","sealed":true,"cage":"steel, hard","note":"a\n\"b\"\u003c_x"}`, "", 0},
		{5, "88.101.5/n", `{"model":"6204","weight":8.2,"made":"2026-01-02","sealed":true,"note":"123456789012345"}`, "", 0},
		{6, "88.101.5/lost", `{}`, "/fields/model /fields/weight /fields/made /fields/sealed /fields/note", 1},
		{7, "", `{"model":"X"}`, "/id /fields/weight", 0},
		{8, "", `{"model":"X"}`, "/id", 0},
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows: %+v", len(got), got)
	}
	for i, w := range want {
		var paths []string
		for _, p := range got[i].Problems {
			paths = append(paths, p.Path)
			if strings.Contains(p.String(), "%!") {
				t.Error(p)
			}
		}
		if g := got[i]; g.Line != w.line || g.ID != w.id || string(g.Fields) != w.fields || strings.Join(paths, " ") != w.problems {
			t.Errorf("got  %d %s %s %v\nwant %d %s %s %s", g.Line, g.ID, g.Fields, g.Problems, w.line, w.id, w.fields, w.problems)
		}
		values, wrong := v.FromJSON(got[i].Fields)
		if len(wrong) > 0 || len(v.Record(values, nil)) != w.wrongInRecord {
			t.Errorf("row %d: %v, %v", w.line, wrong, v.Record(values, nil))
		}
	}
	if !strings.Contains(got[2].Problems[0].String(), "more than 15 digits") || !strings.Contains(got[2].Problems[4].String(), "scientific notation") {
		t.Errorf("what was lost: %v", got[2].Problems)
	}
}

func TestReadRefuses(t *testing.T) {
	fails := func(name string, file []byte, limit int, want string) {
		t.Helper()
		_, err := Read(bytes.NewReader(file), int64(len(file)), bearing(), Options{Limit: limit})
		e, ok := errors.AsType[*Error](err)
		if !ok || !strings.Contains(e.Error(), want) || strings.Contains(e.Error(), "%!") {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	f := written(t, "en")
	for i := range 5 {
		f.SetCellStr("Data", "A"+strconv.Itoa(i+3), "88.101.5/x")
	}
	good := saved(t, f)
	if n := len(read(t, good, 5)); n != 5 {
		t.Errorf("%d rows", n)
	}
	fails("too many rows", good, 4, "more than 4 rows")
	fails("empty", nil, 0, "not a workbook")
	fails("no zip", []byte("id,model\n1,2\n"), 0, "not a workbook")
	fails("cut off", good[:len(good)/2], 0, "not a workbook")

	for part := range map[string]bool{"xl/workbook.xml": true, "xl/_rels/workbook.xml.rels": true, "xl/worksheets/sheet1.xml": true} {
		fails("without "+part, repack(t, good, part, nil), 0, "not a workbook")
		fails("cut off in "+part, repack(t, good, part, func(b []byte) []byte { return b[:len(b)*2/3] }), 0, "")
	}
	fails("sheet cut between elements", repack(t, good, "xl/worksheets/sheet1.xml", func(b []byte) []byte { return b[:bytes.LastIndex(b, []byte("</row>"))] }), 0, "not a workbook")
	fails("bits flipped", flipped(good), 0, "not a workbook")
	fails("bomb", repack(t, good, "xl/media/image1.png", func([]byte) []byte { return make([]byte, MaxUnzipped) }), 0, "more than 67108864 octets")
	fails("longer than it says", lying(t), 0, "not a workbook")
	fails("wide", repack(t, good, "xl/worksheets/sheet1.xml", func([]byte) []byte {
		return []byte("<worksheet><sheetData><row>" + strings.Repeat("<c><v>1</v></c>", maxColumns+1) + "</row></sheetData></worksheet>")
	}), 0, "not a workbook")

	f.SetCellStr("Data", "C2", "mass")
	f.SetCellStr("Data", "D2", "Model")
	fails("unknown column", saved(t, f), 0, "/columns/C: the template has no field mass")
	f.SetCellStr("Data", "A2", "")
	fails("no names", saved(t, f), 0, "no row of the first sheet")
}

func TestReadOrder(t *testing.T) {
	f := excelize.NewFile()
	defer f.Close()
	for at, v := range map[string]string{"A1": "A heading of our own", "B3": "NOTE", "D3": "@id", "E3": "model", "D4": "88.101.5/a", "E4": "M", "B4": "n", "A4": "not ours", "D9": "88.101.5/b"} {
		f.SetCellStr("Sheet1", at, v)
	}
	got := read(t, saved(t, f), 0)
	if len(got) != 2 || string(got[0].Fields) != `{"note":"n","model":"M"}` || got[1].Line != 9 || len(got[0].Problems) > 0 {
		t.Errorf("%+v", got)
	}
	for range read(t, saved(t, f), 0) {
		break
	}
}

// TestForeignCells: what programs other than ours write.
func TestForeignCells(t *testing.T) {
	file := repack(t, saved(t, written(t, "en")), "xl/worksheets/sheet1.xml", func([]byte) []byte {
		return []byte(`<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData>` +
			`<x:row><x:c t="inlineStr"><x:is><x:r><x:t>@</x:t></x:r><x:r><x:t>id</x:t></x:r><x:rPh><x:t>no</x:t></x:rPh></x:is></x:c><x:c t="inlineStr"><x:is><x:t>weight</x:t></x:is></x:c><x:c t="str"><x:v>made</x:v></x:c><x:c t="str"><x:v>note</x:v></x:c></x:row>` +
			`<x:row><x:c t="str"><x:f>"a"</x:f><x:v>88.101.5/a</x:v></x:c><x:c><x:v>8.1999999999999993</x:v></x:c><x:c t="d"><x:v>2026-01-02</x:v></x:c><x:c t="str"><x:v>a_x000A_b_x</x:v></x:c></x:row>` +
			`<x:row><x:c t="s"><x:v>99999</x:v></x:c><x:c t="e"><x:v>#N/A</x:v></x:c><x:c><x:v>1</x:v></x:c><x:c><x:v>1.2E-3</x:v></x:c></x:row>` +
			`</x:sheetData></x:worksheet>`)
	})
	got := read(t, file, 0)
	if len(got) != 2 || got[0].ID != "88.101.5/a" || string(got[0].Fields) != `{"weight":8.2,"made":"2026-01-02","note":"a\nb_x"}` || len(got[0].Problems) > 0 {
		t.Fatalf("%+v", got)
	}
	if len(got[1].Problems) != 3 || string(got[1].Fields) != `{"note":"0.0012"}` {
		t.Errorf("%s %v", got[1].Fields, got[1].Problems)
	}
}

func TestColumnNames(t *testing.T) {
	for _, n := range []int{1, 26, 27, 52, 702, 703, maxColumns} {
		want, _ := excelize.ColumnNumberToName(n)
		if got := lettersOf(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
		if got, ok := columnOf(want + "7"); got != n || !ok {
			t.Errorf("%s is %d, want %d", want, got, n)
		}
	}
	for _, bad := range []string{"", "7", "A", "a1", "XFE1", "ZZZZZZZZZZ1"} {
		if n, ok := columnOf(bad); ok {
			t.Errorf("%q is column %d", bad, n)
		}
	}
}

// repack changes or, with nil, removes or adds one part of a file.
func repack(t *testing.T, file []byte, part string, change func([]byte) []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	put := func(name string, content []byte) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	found := false
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case f.Name != part:
			put(f.Name, content)
		case change != nil:
			put(f.Name, change(content))
		}
		found = found || f.Name == part
	}
	if !found {
		put(part, change(nil))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// lying is a file whose first part unpacks to far more than its header says.
func lying(t *testing.T) []byte {
	t.Helper()
	content := []byte("<workbook>" + strings.Repeat(" ", 1<<20) + "</workbook>")
	var packed, out bytes.Buffer
	d, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	d.Write(content)
	d.Close()
	z := zip.NewWriter(&out)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "xl/workbook.xml", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(content),
		CompressedSize64: uint64(packed.Len()), UncompressedSize64: 100})
	if err == nil {
		_, err = w.Write(packed.Bytes())
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// flipped damages the contents of the sheet.
func flipped(file []byte) []byte {
	file = bytes.Clone(file)
	at := bytes.Index(file, []byte("xl/worksheets/sheet1.xml"))
	for i := at + 60; i < at+120; i++ {
		file[i] ^= 0x55
	}
	return file
}
