package snmsjson_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/snmsjson"
	"github.com/idnode/idnode/proto/template"
)

const (
	templateV5 = `{"id":7,"prefix":"88.1021.150","name":"","version":"pump","handle":"88.1021.150/META_1","industryCategory":"c","industrySpecific":"34","industryTrade":"345",
 "industrySubclass":"3451","type":1,"description":"泵","items":[
 {"name":"型号","idType":"model","idIndex":"2000","required":true,"state":1,"metadataId":3,"metadata":{"type":"string","minLength":1,"maxLength":20}},
 {"name":"旧","idType":"old","idIndex":2001,"required":"0","state":"0","metadata":[{"minLength":0,"maxLength":"255"}]}]}`
	detail = `{"code":"200","prefix":"88.1021.150","handle":"88.1021.150/1","templateVersion":"pump","value":[
 {"auth":"1","index":2000,"type":"model","data":{"format":"string","value":"A1"}},
 {"auth":"","index":2001,"type":"old","data":{"format":"string","value":"x"}},
 {"auth":"1","index":1000,"type":"TEMPLATE_ID","data":{"format":"string","value":"88.1021.150/META_1"}},
 {"auth":"1","index":1001,"type":"TEMPLATE","data":{"format":"string","value":"pump"}}]}`
	create = `{"handle":"88.1021.150/2","templateVersion":"pump","value":[{"index":"2000","type":"model","data":{"format":"string","vlaue":"A2"}}]}`
)

func envelope(data string) string { return `{"message":"success","status":1,"data":` + data + `}` }

func TestTemplate(t *testing.T) {
	length := func(n int) *int { return &n }
	want := &snmsjson.Template{Prefix: "88.1021.150", Name: "pump", Content: &template.Content{Description: "泵", Industry: "C3451", Carrier: true, Fields: []template.Field{
		{Name: "model", Title: template.Text{ZH: "型号"}, Index: 2000, Type: template.String, Required: true, MinLength: length(1), MaxLength: length(20)},
		{Name: "old", Title: template.Text{ZH: "旧"}, Index: 2001, Type: template.String, Disabled: true, MinLength: length(0), MaxLength: length(255)},
	}}}
	for _, in := range []string{templateV5, envelope(templateV5), strings.Replace(envelope(templateV5), `:1,"data"`, `:"1","data"`, 1)} {
		if got := snmsjson.Parse([]byte(in)); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%+v", got[0])
		}
	}
	if p := want.Content.Check(); len(p) > 0 {
		t.Error(p)
	}
	v3 := `{"prefix":"p","version":"v","industryCategory":"C","type":2,"items":[{"name":"n","idType":"n","metadata":{"minLength":0,"maxLength":9}}]}`
	got, ok := snmsjson.Parse([]byte(v3))[0].(*snmsjson.Template)
	if !ok || got.Content.Fields[0].Index != 2000 || got.Content.Industry != "C" || got.Content.Carrier || got.Content.Fields[0].Disabled {
		t.Errorf("%+v", got)
	}
}

func TestHandle(t *testing.T) {
	all := snmsjson.Parse([]byte(envelope("[" + detail + "," + create + "]")))
	if len(all) != 2 {
		t.Fatal(all...)
	}
	h := all[0].(*snmsjson.Handle)
	if h.Record.ID != "88.1021.150/1" || h.Record.Template != "pump" || h.NotPublic != 1 || len(h.Record.Values) != 4 {
		t.Errorf("%+v", h)
	}
	for i, want := range []identifier.Value{
		{Index: 1000, Type: "TEMPLATE_ID", Data: []byte("88.1021.150/META_1"), TTL: 86400, Perms: 14},
		{Index: 1001, Type: "TEMPLATE", Data: []byte("pump"), TTL: 86400, Perms: 14},
		{Index: 2000, Type: "model", Data: []byte("A1"), TTL: 86400, Perms: 14},
		{Index: 2001, Type: "old", Data: []byte("x"), TTL: 86400, Perms: 12},
	} {
		if !reflect.DeepEqual(h.Record.Values[i], want) {
			t.Errorf("%+v, want %+v", h.Record.Values[i], want)
		}
	}
	h = all[1].(*snmsjson.Handle)
	if h.NotPublic != 0 || string(h.Record.Values[0].Data) != "A2" || h.Record.Values[0].Perms != identifier.DefaultPerms {
		t.Errorf("%+v", h.Record)
	}
	h = snmsjson.Parse([]byte(strings.Replace(detail, `"templateVersion":"pump",`, "", 1)))[0].(*snmsjson.Handle)
	if h.Record.Template != "pump" {
		t.Errorf("%+v", h.Record)
	}
}

// TestWrong: all that is wrong is told with its place.
func TestWrong(t *testing.T) {
	f := func(in, id, want string) {
		t.Helper()
		got := snmsjson.Parse([]byte(in))
		e, ok := got[0].(*snmsjson.Error)
		if len(got) != 1 || !ok || e.ID != id || e.Error() != want {
			t.Errorf("%s: %v, want %q of %s", in, got[0], want, id)
		}
	}
	in := func(text, old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	f(`7`, "", "json: cannot unmarshal number into Go value of type snmsjson.object")
	f(`{"a":1}`, "", "neither a template (prefix, version, items) nor an identifier (handle, templateVersion, value)")
	f(`{"status":-2,"message":"标识不存在","data":null}`, "", "status: the answer is an error, -2: 标识不存在")
	f(envelope("true"), "", "data: the answer holds neither a template nor an identifier")
	f(envelope(`[{"handle":"a/b","msg":"success"}]`), "a/b", "neither a template (prefix, version, items) nor an identifier (handle, templateVersion, value)")
	f(in(templateV5, `"version":"pump"`, `"version":""`), "88.1021.150", "version: missing")
	f(in(templateV5, `"34"`, `"35"`), "88.1021.150 pump", "industryTrade: 345 does not begin with 35, the code above it")
	f(in(templateV5, `"c"`, `null`), "88.1021.150 pump", "industryCategory: missing")
	f(in(templateV5, `"type":1`, `"type":3`), "88.1021.150 pump", "type: a number from 1 to 2 is expected")
	f(in(templateV5, `"2000"`, `"x"`), "88.1021.150 pump", "items[0].idIndex: a whole number is expected")
	f(in(templateV5, `"required":true`, `"required":"perhaps"`), "88.1021.150 pump", "items[0].required: true or false is expected")
	f(in(in(templateV5, `"旧"`, `"型号"`), `"model"`, `{}`), "88.1021.150 pump", "items[0].idType: a text is expected; items[1].name: items[0] has the name 型号 too")
	f(in(templateV5, `"type":"string"`, `"type":"date"`), "88.1021.150 pump", "items[0].metadata.type: only string is known to SNMS")
	f(in(templateV5, `"maxLength":20`, `"maxLength":-1`), "88.1021.150 pump", "items[0].metadata.maxLength: a number from 0 to 2147483647 is expected")
	f(`{"prefix":"p","version":"v","items":[]}`, "p v", "items: a list of items is expected")
	f(`{"prefix":"p","version":"v","items":[7]}`, "p v", "items[0]: an object is expected")
	f(in(detail, `"value":"pump"`, `"value":"tank"`), "88.1021.150/1", "value[3].data.value: the note of the template says tank, templateVersion is pump")
	f(in(create, `"2000"`, `0`), "88.1021.150/2", "value[0].index: a number from 1 to 2147483647 is expected")
	f(in(create, `"type":"model"`, `"type":null`), "88.1021.150/2", "value[0].type: missing")
	f(in(create, `"string"`, `"number"`), "88.1021.150/2", "value[0].data.format: string is expected")
	f(in(create, `"vlaue"`, `"v"`), "88.1021.150/2", "value[0].data.value: missing")
	f(in(create, `"A2"`, `{}`), "88.1021.150/2", "value[0].data.vlaue: a text is expected")
	f(`{"handle":"a/b","templateVersion":"v","value":[1,{"index":1,"type":"t"}]}`, "a/b", "value[0]: an object is expected; value[1].data: an object with format and value is expected")
	f(`{"handle":"a/b","templateVersion":"v"}`, "a/b", "value: a list of values is expected")
}

func FuzzParse(f *testing.F) {
	for _, in := range []string{templateV5, detail, create, envelope(detail)} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, one := range snmsjson.Parse([]byte(in)) {
			if e, ok := one.(*snmsjson.Error); ok && e.Error() == "" {
				t.Error(fmt.Sprint(in, ": nothing is wrong"))
			}
		}
	})
}
