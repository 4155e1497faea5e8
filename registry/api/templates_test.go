package api_test

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/xuri/excelize/v2"
)

// bearing is a template with a field of many kinds.
const bearing = `{"title":{"zh":"深沟球轴承","en":"deep groove ball bearing"},"industry":"C3451","fields":[
	{"name":"model","title":{"zh":"型号"},"type":"string","required":true,"maxLength":20,"searchable":true,"role":"productName"},
	{"name":"bore","type":"number","unit":"mm","minimum":1,"maximum":500,"decimals":2,"searchable":true},
	{"name":"sealed","type":"boolean"},
	{"name":"made","type":"date","earliest":"2020-01-01","searchable":true,"role":"made"},
	{"name":"grade","type":"enum","options":[{"value":"P0"},{"value":"P6"}]},
	{"name":"housing","type":"reference","template":"housing"},
	{"name":"price","type":"number","read":"private"},
	{"name":"test-report","type":"url","read":"enterprises","readers":["%s"]}]}`

// templates makes a site where enterprise a has the published templates bearing and housing.
func templates(t *testing.T, s *site) {
	t.Helper()
	s.keys["admin"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin"}`).want(201).field("key")
	content := fmt.Sprintf(bearing, s.ents["b"])
	for name, c := range map[string]string{"bearing": content, "housing": `{"fields":[{"name":"material","type":"string"}]}`} {
		s.call("admin", "POST", "/v1/templates", `{"prefix":"88.100.1","name":"`+name+`","content":`+c+`}`).want(201)
		s.call("admin", "POST", "/v1/templates:publish", `{"prefix":"88.100.1","name":"`+name+`"}`).want(200)
	}
}

// locations are the places that a problem names, sorted.
func (a *answer) locations() string {
	var out []string
	for i := 0; a.field(fmt.Sprintf("errors.%d.location", i)) != ""; i++ {
		out = append(out, a.field(fmt.Sprintf("errors.%d.location", i)))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestTemplateLife: draft, published, revised, withdrawn, deleted; who may, and what is refused.
func TestTemplateLife(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		templates(t, s)
		const path, name = "/v1/templates", "?prefix=88.100.1&name=bearing"
		put := func(content string) string { return `{"prefix":"88.100.1","name":"bearing","content":` + content + `}` }
		publish := `{"prefix":"88.100.1","name":"bearing"}`
		content := fmt.Sprintf(bearing, s.ents["b"])

		bad := s.call("admin", "POST", path, `{"prefix":"88.100.1","name":"x","content":{"fields":[{"name":"9","type":"string"},{"name":"a","type":"number","minLength":1},{"name":"A","type":"word"}]}}`)
		if bad.wantProblem(400, "invalid_template"); bad.locations() != "/content/fields/0/name /content/fields/1/minLength /content/fields/2/name /content/fields/2/type" {
			t.Errorf("all mistakes: %s", bad.locations())
		}
		s.call("admin", "POST", path, put(content)).wantProblem(409, "already_exists")
		s.call("a", "POST", path, `{"prefix":"88.100.1","name":"y","content":{"fields":[]}}`).wantProblem(403, "forbidden")
		s.call("admin", "POST", path, `{"prefix":"88.100.2","name":"y","content":{"fields":[]}}`).wantProblem(403, "not_your_namespace")
		s.call("op", "POST", "/v1/enterprises/"+s.ents["a"]+":suspend", `{"reason":"unpaid"}`).want(200)
		s.call("admin", "POST", path, `{"prefix":"88.100.1","name":"y","content":{"fields":[]}}`).wantProblem(403, "enterprise_suspended")
		s.call("op", "POST", "/v1/enterprises/"+s.ents["a"]+":activate", "").want(200)
		s.call("admin", "POST", path, `{"prefix":"88.100.77","name":"y","content":{"fields":[]}}`).wantProblem(404, "not_found")
		s.call("admin", "POST", path, `{"prefix":"88.100.1","name":" y","content":{"fields":[]}}`).wantProblem(400, "invalid_template")
		s.call("b", "GET", path+name, "").wantProblem(403, "not_your_namespace")
		s.call("admin", "POST", path+":publish", publish).wantProblem(409, "invalid_state")

		read := s.call("a", "GET", path+name, "").want(200)
		if read.field("state") != "published" || read.field("revision") != "1" || read.field("content.fields.1.index") != "2001" || read.header.Get("ETag") != `"2"` {
			t.Errorf("read %v %s", read.header, read.body)
		}
		if l := s.call("a", "GET", path+"?limit=1", "").want(200); l.field("items.0.name") != "bearing" || l.field("next") == "" {
			t.Errorf("list: %s", l.body)
		}
		if l := s.call("b", "GET", path, "").want(200); l.field("items.0.name") != "" {
			t.Errorf("b lists %s", l.body)
		}

		// A narrower revision is fine as long as nothing is registered, and after that only a wider one.
		narrow := strings.Replace(content, `"maxLength":20`, `"maxLength":10`, 1)
		s.call("admin", "PUT", path, put(narrow), `If-Match: "1"`).wantProblem(412, "version_mismatch")
		s.call("admin", "PUT", path, put(narrow), `If-Match: "2"`).want(200)
		s.call("admin", "POST", path+":publish", publish).want(200)
		s.call("a", "POST", "/v1/identifiers", `{"id":"88.100.1/B-1","template":"bearing","fields":{"model":"6204"}}`).want(201)
		worse := strings.NewReplacer(`"maxLength":10`, `"maxLength":5`, `{"name":"sealed","type":"boolean"}`, `{"name":"sealed","type":"boolean","required":true}`,
			`,{"value":"P6"}`, ``).Replace(narrow)
		if c := s.call("admin", "POST", path+":check", put(worse)).want(200); c.field("valid") != "true" || c.field("compatible") != "false" || c.field("incompatible.2.location") == "" {
			t.Errorf("check: %s", c.body)
		}
		s.call("admin", "PUT", path, put(worse)).want(200)
		refused := s.call("admin", "POST", path+":publish", publish)
		if refused.wantProblem(409, "incompatible"); refused.locations() != "/draft/fields/0/maxLength /draft/fields/2/required /draft/fields/4/options" {
			t.Errorf("incompatible: %s", refused.body)
		}
		wider := strings.NewReplacer(`"maxLength":10`, `"maxLength":30`, `,{"value":"P6"}`, `,{"value":"P6"},{"value":"P5"}`).Replace(narrow)
		s.call("admin", "PUT", path, put(wider)).want(200)
		if p := s.call("admin", "POST", path+":publish", publish).want(200); p.field("revision") != "3" || p.field("draft") != "" {
			t.Errorf("published: %s", p.body)
		}
		if past := s.call("a", "GET", path+name+"&revision=1", "").want(200); past.field("content.fields.0.maxLength") != "20" {
			t.Errorf("revision 1: %s", past.body)
		}
		s.call("a", "GET", path+name+"&revision=9", "").wantProblem(404, "not_found")

		s.call("admin", "DELETE", path+name, "").wantProblem(409, "invalid_state")
		s.call("admin", "POST", path+":withdraw", publish).want(200)
		s.call("a", "POST", "/v1/identifiers", `{"id":"88.100.1/B-2","template":"bearing","fields":{"model":"6204"}}`).wantProblem(400, "template_mismatch")
		s.call("a", "PATCH", "/v1/identifiers?id=88.100.1/B-1", `{"fields":{"grade":"P5"}}`).want(200)
		s.call("admin", "DELETE", path+name, "").wantProblem(409, "has_records")
		s.call("admin", "POST", path+":publish", publish).want(200)
		s.call("a", "POST", "/v1/identifiers", `{"id":"88.100.1/B-2","template":"bearing","fields":{"model":"6204"}}`).want(201)
		s.call("admin", "POST", path+":withdraw", `{"prefix":"88.100.1","name":"housing"}`).want(200)
		s.call("admin", "DELETE", path+"?prefix=88.100.1&name=housing", "").want(204)
		s.call("a", "GET", path+"?prefix=88.100.1&name=housing", "").wantProblem(404, "not_found")
	})
}

// TestTemplatedRecords: what is registered follows its template, whichever way it comes, with every
// mistake told at once.
func TestTemplatedRecords(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		templates(t, s)
		const path = "/v1/identifiers"
		s.call("a", "POST", path, `{"id":"88.100.1/H-1","template":"housing","fields":{"material":"cast iron"}}`).want(201)
		made := s.call("a", "POST", path, `{"id":"88.100.1/B-1","template":"bearing","fields":{"model":"6204","bore":20.00,"sealed":true,"made":"2026-01-02","grade":"P6",`+
			`"housing":"88.100.1/H-1","price":12.5,"test-report":"https://a.example/r"},"values":[{"index":100,"type":"HS_ADMIN","data":{"format":"hex","value":"07f2"}}]}`).want(201)
		if made.field("values.1.type") != "model" || made.field("values.1.index") != "2000" || made.field("values.2.data") != "20.00" {
			t.Errorf("made %s", made.body)
		}
		got := s.call("a", "GET", path+"?id=88.100.1/B-1&fields=true", "").want(200)
		if got.field("fields.bore") != "20.00" || got.field("fields.sealed") != "true" || got.field("fields.price") != "12.5" {
			t.Errorf("fields: %s", got.body)
		}
		// The same content again changes nothing, also where the template sets permissions.
		if again := s.call("a", "PUT", path+"?id=88.100.1/B-1", `{"template":"bearing","values":[{"index":100,"type":"HS_ADMIN","data":{"format":"hex","value":"07f2"}}],`+
			`"fields":{"model":"6204","bore":20.00,"sealed":true,"made":"2026-01-02","grade":"P6","housing":"88.100.1/H-1","price":12.5,"test-report":"https://a.example/r"}}`).want(200); again.field("version") != "1" {
			t.Errorf("again: %s", again.body)
		}
		bad := s.call("a", "POST", path, `{"id":"88.100.1/B-2","template":"bearing","values":[{"index":2001,"type":"bore","data":"600.123"},{"index":2003,"type":"made","data":"2019-12-31"},`+
			`{"index":2004,"type":"grade","data":"P9"},{"index":2005,"type":"housing","data":"88.100.1/none"},{"index":7,"type":"URL","data":"x"}]}`)
		if bad.wantProblem(400, "template_mismatch"); bad.locations() != "/values /values/0/data /values/0/data /values/1/data /values/2/data /values/3/data /values/4/index" {
			t.Errorf("all mistakes: %s", bad.locations())
		}
		zh := s.call("a", "POST", path, `{"id":"88.100.1/B-2","template":"bearing","fields":{"model":5}}`, "Accept-Language: zh-CN").wantProblem(400, "template_mismatch")
		if zh.field("errors.0.location") != "/fields/model" || !strings.ContainsRune(zh.field("errors.0.message"), '是') && zh.field("errors.0.message") == "" {
			t.Errorf("in Chinese: %s", zh.body)
		}
		s.call("a", "POST", path, `{"id":"88.100.1/B-2","template":"gearing","fields":{"model":"5"}}`).wantProblem(400, "template_mismatch")
		s.call("a", "POST", path, `{"id":"88.100.1/B-2","template":"gearing","values":[{"index":1,"type":"URL","data":"x"}]}`).wantProblem(400, "template_mismatch")
		s.call("a", "POST", path, `{"id":"88.100.1/B-2","fields":{"model":"5"}}`).wantProblem(400, "template_mismatch")
		s.call("a", "POST", path, `{"id":"88.100.1/B-2","template":"bearing","fields":{"modell":"5"}}`).wantProblem(400, "template_mismatch")
		s.call("a", "POST", path, `{"id":"88.100.1/B-2","template":"housing","fields":{"material":"x"}}`).want(201)
		s.call("a", "POST", path, `{"id":"88.100.1/B-3","template":"bearing","fields":{"model":"6204","housing":"88.100.1/B-1"}}`).wantProblem(400, "template_mismatch")
		s.call("a", "GET", path+"?id=88.100.1/B-3", "").wantProblem(404, "not_found")
		s.call("b", "POST", path, `{"id":"88.100.2/x","template":"whatever","values":[{"index":1,"type":"URL","data":"x"}]}`).want(201) // no templates there: a word

		s.call("a", "PATCH", path+"?id=88.100.1/B-1", `{"fields":{"bore":25,"grade":null}}`).want(200)
		if got := s.call("a", "GET", path+"?id=88.100.1/B-1&fields=true", "").want(200); got.field("fields.bore") != "25" || got.field("fields.grade") != "" || got.field("fields.model") != "6204" {
			t.Errorf("patched: %s", got.body)
		}
		s.call("a", "PATCH", path+"?id=88.100.1/B-1", `{"fields":{"model":null}}`).wantProblem(400, "template_mismatch")
		batch := s.call("a", "POST", path+":batch", `{"operations":[{"op":"merge","id":"88.100.1/B-1","fields":{"bore":30}},{"op":"create","record":{"id":"88.100.1/B-4","template":"bearing","fields":{"bore":2,"grade":"P9","made":"1999-01-01"}}}]}`).want(200)
		if batch.field("results.0.status") != "200" || batch.field("results.1.code") != "template_mismatch" || batch.field("results.1.errors.1.location") == "" {
			t.Errorf("batch: %s", batch.body)
		}
		imported := s.call("a", "POST", path+":import", `{"id":"88.100.1/I-1","template":"bearing","fields":{"model":"i"}}`+"\n"+`{"id":"88.100.1/I-2","template":"bearing","fields":{"bore":"i","sealed":1}}`).want(200)
		if lines := strings.Split(strings.TrimSpace(imported.body), "\n"); len(lines) != 2 || !strings.Contains(lines[0], "template_mismatch") || !strings.Contains(lines[0], `"location":"/fields/sealed"`) || !strings.Contains(lines[1], `"stored":1`) {
			t.Errorf("import: %s", imported.body)
		}

		// Read rights: b sees what is public and the report that it may see.
		seen := s.call("b", "GET", path+"?id=88.100.1/B-1&fields=true", "").want(200)
		if seen.field("fields.test-report") == "" || seen.field("fields.price") != "" || seen.field("fields.model") != "6204" {
			t.Errorf("b sees %s", seen.body)
		}
		if refs := s.call("a", "GET", path+":references?direction=to&id=88.100.1/H-1", "").want(200); refs.field("items.0.id") != "88.100.1/B-1" || refs.field("items.0.kind") != "field" {
			t.Errorf("references: %s", refs.body)
		}
	})
}

// TestSearch: records are found by what their fields say, in pages, and no longer once they change.
func TestSearch(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		templates(t, s)
		const path = "/v1/identifiers"
		for i := range 12 {
			s.call("a", "POST", path, fmt.Sprintf(`{"id":"88.100.1/B-%02d","template":"bearing","fields":{"model":"62%02d","bore":%d.0,"made":"2026-%02d-05"}}`, i, i%4, i%3+1, i+1)).want(201)
		}
		s.call("a", "DELETE", path+"?id=88.100.1/B-11", "").want(200)
		find := func(who, query string) string {
			t.Helper()
			var ids []string
			for cursor := ""; ; {
				a := s.call(who, "GET", path+"?limit=2&template=bearing&"+query+"&cursor="+url.QueryEscape(cursor), "").want(200)
				for i := 0; a.field(fmt.Sprintf("items.%d.id", i)) != ""; i++ {
					ids = append(ids, strings.TrimPrefix(a.field(fmt.Sprintf("items.%d.id", i)), "88.100.1/B-"))
				}
				if cursor = a.field("next"); cursor == "" {
					return strings.Join(ids, " ")
				}
			}
		}
		f := func(query, want string) {
			t.Helper()
			if got := find("a", query); got != want {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		f("field=model&value=6201", "01 05 09")
		f("field=2000&value=6201", "01 05 09")
		f("field=model&value=62&match=prefix", "00 04 08 01 05 09 02 06 10 03 07")
		f("field=bore&value=2", "01 04 07 10")
		f("field=bore&value=2.00&prefix=88.100.1/B-0", "01 04 07")
		f("field=made&value=2026-1&match=prefix", "09 10")
		f("field=model&value=none", "")
		f("", "00 01 02 03 04 05 06 07 08 09 10 11")
		f("prefix=88.100.1/b-1", "10 11")
		s.call("a", "PATCH", path+"?id=88.100.1/B-05", `{"fields":{"model":"6300"}}`).want(200)
		f("field=model&value=6201", "01 09")
		f("field=model&value=6300", "05")
		s.call("a", "POST", path+":restore", `{"id":"88.100.1/B-11"}`).want(200)
		f("field=model&value=6203", "03 07 11")
		s.call("a", "PATCH", path+"?id=88.100.1/B-03", `{"template":""}`).want(200)
		f("field=model&value=6203", "07 11")
		s.call("b", "GET", path+"?template=bearing", "").wantProblem(404, "not_found")
		s.call("a", "GET", path+"?template=bearing&field=sealed&value=true", "").wantProblem(400, "invalid_request")
		s.call("a", "GET", path+"?template=bearing&field=colour&value=x", "").wantProblem(400, "invalid_request")
		s.call("a", "GET", path+"?template=bearing&field=bore&value=2&match=prefix", "").wantProblem(400, "invalid_request")
		s.call("a", "GET", path+"?field=bore&value=2", "").wantProblem(400, "invalid_request")
	})
}

// TestTemplateForms: the JSON Schema says of an object what the node says, and the sheet has its columns.
func TestTemplateForms(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		templates(t, s)
		const query = "?prefix=88.100.1&name=bearing"
		a := s.call("a", "GET", "/v1/templates:schema"+query, "").want(200)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource("https://a.example/schema", doc); err != nil {
			t.Fatal(err)
		}
		schema, err := c.Compile("https://a.example/schema")
		if err != nil {
			t.Fatal(err)
		}
		for i, fields := range []string{`{"model":"6204"}`, `{"model":"6204","bore":501}`, `{"bore":5}`, `{"model":"6204","grade":"P6","sealed":false}`, `{"model":"6204","sealed":"no"}`} {
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(fields))
			if err != nil {
				t.Fatal(err)
			}
			status := s.call("a", "POST", "/v1/identifiers", fmt.Sprintf(`{"id":"88.100.1/S-%d","template":"bearing","fields":%s}`, i, fields)).status
			if (schema.Validate(value) == nil) != (status == 201) {
				t.Errorf("%s: the schema says %v, the node %d", fields, schema.Validate(value), status)
			}
		}
		x := s.call("a", "GET", "/v1/templates:sheet"+query+"&lang=zh", "").want(200)
		book, err := excelize.OpenReader(bytes.NewReader([]byte(x.body)))
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		rows, err := book.GetRows(book.GetSheetName(0))
		if err != nil || len(rows) < 2 || !strings.Contains(strings.Join(rows[0], " "), "型号") || !slices.Contains(rows[1], "bore") {
			t.Errorf("rows %q, %v", rows, err)
		}
	})
}

// TestFileFields: a field of type file names a file that the enterprise has uploaded, of a type that
// the field takes.
func TestFileFields(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		s.keys["admin"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin"}`).want(201).field("key")
		s.call("admin", "POST", "/v1/templates", `{"prefix":"88.100.1","name":"doc","content":{"fields":[{"name":"manual","type":"file","mediaTypes":["text/*"]},{"name":"any","type":"file"}]}}`).want(201)
		s.call("admin", "POST", "/v1/templates:publish", `{"prefix":"88.100.1","name":"doc"}`).want(200)
		upload := func(who, content string) string {
			t.Helper()
			return s.call(who, "POST", "/v1/files?name=x&purpose=record", content, "Content-Type: application/octet-stream").want(201).field("id")
		}
		text, pdf, other := upload("a", "how to mount"), upload("a", "%PDF-1.4\n%%EOF\n"), upload("b", "another's")
		f := func(fields string, want int) {
			t.Helper()
			a := s.call("a", "PUT", "/v1/identifiers?id=88.100.1/D", `{"template":"doc","fields":`+fields+`}`)
			if a.status != want || want == 400 && a.field("errors.0.location") != "/values/0/data" {
				t.Errorf("%s: %d %s, want %d", fields, a.status, a.body, want)
			}
		}
		f(`{"manual":"`+text+`"}`, 201)
		f(`{"manual":"`+pdf+`"}`, 400)
		f(`{"manual":"`+other+`"}`, 400)
		f(`{"manual":"fnone"}`, 400)
		f(`{"any":"`+pdf+`"}`, 200)
	})
}

// TestSheetImport: what is filled in the sheet is registered, and what is wrong is told cell by cell.
func TestSheetImport(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		templates(t, s)
		x := s.call("a", "GET", "/v1/templates:sheet?prefix=88.100.1&name=bearing&lang=en", "").want(200)
		book, err := excelize.OpenReader(strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		page := book.GetSheetName(0)
		for cell, text := range map[string]string{"A3": "88.100.1/X-1", "B3": "006204", "C3": "20", "A4": "88.100.1/X-2", "C4": "1.5E+2", "A5": "88.100.9/foreign", "B5": "6205"} {
			if err := book.SetCellStr(page, cell, text); err != nil {
				t.Fatal(err)
			}
		}
		var filled bytes.Buffer
		if err := book.Write(&filled); err != nil {
			t.Fatal(err)
		}
		const path, kind = "/v1/identifiers:import?prefix=88.100.1&template=bearing", "Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		a := s.call("a", "POST", path, filled.String(), kind).want(200)
		lines := strings.Split(strings.TrimSpace(a.body), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], `"line":4`) || !strings.Contains(lines[1], `"not_your_namespace"`) || !strings.Contains(lines[2], `"total":3,"stored":1,"skipped":0,"failed":2`) {
			t.Errorf("import: %s", a.body)
		}
		if got := s.call("a", "GET", "/v1/identifiers?id=88.100.1/X-1&fields=true", "").want(200); got.field("fields.model") != "006204" {
			t.Errorf("registered %s", got.body)
		}
		s.call("a", "POST", "/v1/identifiers:import", filled.String(), kind).wantProblem(400, "invalid_request")
		s.call("a", "POST", path, "PK\x03\x04 no sheet", kind).wantProblem(400, "invalid_file")
		s.call("b", "POST", path, filled.String(), kind).wantProblem(403, "not_your_namespace")
	})
}
