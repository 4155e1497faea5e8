package sheet

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzRead: no worksheet makes Read panic, and what comes out is JSON that names fields of the template.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`<worksheet><sheetData><row r="2"><c r="A2" t="str"><v>@id</v></c><c r="B2" t="str"><v>weight</v></c><c t="str"><v>made</v></c></row><row r="3"><c r="A3" t="s"><v>0</v></c><c r="B3"><v>1.5</v></c><c t="n"><v>46024</v></c></row></sheetData></worksheet>`))
	f.Add([]byte(`<row><c t="inlineStr"><is><t>@id</t><rPh><t>x</t></rPh></is></c></row><row><c t="b"><v>1</v></c><c t="e"/></row>`))
	v, err := bearing().Compile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sheet []byte) {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for name, content := range map[string]string{
			"xl/workbook.xml":            `<workbook><sheets><sheet id="r1"/></sheets></workbook>`,
			"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Target="s.xml"/><Relationship Id="r2" Type="/sharedStrings" Target="/xl/t.xml"/></Relationships>`,
			"xl/t.xml":                   `<sst><si><t>88.101.5/a</t></si></sst>`,
			"xl/s.xml":                   string(sheet),
		} {
			w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			if err == nil {
				_, err = w.Write([]byte(content))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		rows, err := Read(bytes.NewReader(out.Bytes()), int64(out.Len()), bearing(), Options{Limit: 100})
		if err != nil {
			return
		}
		for row := range rows {
			if !json.Valid(row.Fields) {
				t.Fatalf("%s", row.Fields)
			}
			if _, wrong := v.FromJSON(row.Fields); len(wrong) > 0 && wrong[0].Format != "write the number with at most %d digits and without an exponent" {
				t.Fatalf("%s: %v", row.Fields, wrong)
			}
		}
	})
}
