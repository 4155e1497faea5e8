package sheet

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/template"
)

func TestTable(t *testing.T) {
	four := 4
	c := &template.Content{Fields: []template.Field{
		{Name: "name", Title: template.Text{ZH: "名称", EN: "Name"}, Type: template.String},
		{Name: "code", Type: template.String, MinLength: &four},
		{Name: "weight", Type: template.Number},
	}}
	f := func(o Options, header, line, want string) {
		t.Helper()
		table, err := NewTable(strings.Split(header, ","), c, o)
		if err != nil {
			e, _ := errors.AsType[*Error](err)
			if e == nil || e.Problems[0].String() != want {
				t.Errorf("%s: %v, want %s", header, err, want)
			}
			return
		}
		row, any := table.Row(7, strings.Split(line, ","))
		got := fmt.Sprintf("%d %s %s %t", row.Line, row.ID, row.Fields, any)
		for _, p := range row.Problems {
			got += " " + p.String()
		}
		if got != want {
			t.Errorf("%s: %s: %s, want %s", header, line, got, want)
		}
	}
	f(Options{}, "@id,name,weight", "88.1/a,轴承,1.5", `7 88.1/a {"name":"轴承","weight":1.5} true`)
	f(Options{}, "weight,名称,@id", "2,x,88.1/a", `7 88.1/a {"weight":2,"name":"x"} true`)
	f(Options{Columns: map[string]string{"编码": "@id", "品名": "name"}}, "编码,品名", "88.1/a,x", `7 88.1/a {"name":"x"} true`)
	f(Options{NoID: true}, "name,weight", "x,1", `7  {"name":"x","weight":1} true`)
	f(Options{}, "@id,name", ",", `7  {} false`)
	f(Options{}, "@id,name", "88.1/a", `7 88.1/a {} true`)
	f(Options{}, "@id,code", "88.1/a,17", `7 88.1/a {} true /fields/code: the cell code is the number 17 and too short: the zeros before it may be lost; format it as Text and write it again`)
	f(Options{}, "@id,code", "88.1/a,1.23457E+17", `7 88.1/a {} true /fields/code: the cell code is in scientific notation, 1.23457E+17, and has lost digits; format it as Text and write it again`)
	f(Options{}, "@id,colour", "", `/columns/B: the template has no field colour; remove the column or correct its name`)
	f(Options{}, "@id,name,名称", "", `/columns/C: two columns are of the field name`)
	f(Options{}, "name,weight", "", `the first line has no column @id for the identifiers`)
	f(Options{NoID: true}, "@id,name", "", `/columns/A: the identifiers are made by a rule: remove the column @id`)
}
