package snms

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

const (
	head = `"prefix":"88.101.5","version":"1","industryCategory":"A","industrySpecific":"01","industryTrade":"011","industrySubclass":"0111","type":1`
	item = `{"name":"地址","idType":"ip","idIndex":2000,"metadata":{"minLength":1,"maxLength":10}}`
)

func body(head string, items ...string) string {
	return "{" + head + `,"items":[` + strings.Join(items, ",") + "]}"
}

// TestTemplateRefusals has what is wrong with requests about templates, in the words that clients see.
func TestTemplateRefusals(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	m.template("taken")
	f := func(name, body string, message string) {
		t.Helper()
		m.refused(m.token, "POST /snms/api/v5/template", body, -2, message)
	}
	for _, p := range []string{"prefix", "version", "industryCategory", "industrySpecific", "industryTrade", "industrySubclass", "type"} {
		f("missing", body(strings.Replace(head, `"`+p+`"`, `"other"`, 1), item), "缺少必要的请求参数: "+p)
	}
	with := func(old, new string) string { return strings.Replace(body(head, item), old, new, 1) }
	f("null", with(`"88.101.5"`, `null`), "缺少必要的请求参数: prefix")
	f("blank", with(`"88.101.5"`, `" "`), "缺少必要的请求参数: prefix")
	f("long prefix", with(`88.101.5`, "88."+strings.Repeat("1", 62)), "prefix 长度不能超过 64")
	f("long version", with(`"1"`, `"`+strings.Repeat("x", 129)+`"`), "version 长度不能超过 128")
	f("category", with(`"A"`, `"农业"`), "industryCategory 应为 GB/T 4754 门类代码 A 至 T")
	f("specific", with(`"01"`, `"1"`), "industrySpecific 应为 2 位数字")
	f("trade", with(`"011"`, `"021"`), "industryTrade 应以 industrySpecific 的代码 01 开头")
	f("subclass", with(`"0111"`, `"01x1"`), "industrySubclass 应为 4 位数字")
	f("type", with(`"type":1`, `"type":3`), "type 应为 1（主动标识载体）或 2（其他）")
	f("type is a word", with(`"type":1`, `"type":"x"`), "请求参数类型错误: type")
	f("no items", "{"+head+"}", "缺少必要的请求参数: items")
	f("items empty", body(head), "缺少必要的请求参数: items")
	f("items no array", "{"+head+`,"items":{}}`, "请求参数类型错误: items")
	f("no name", with(`"name"`, `"n"`), "缺少必要的请求参数: items[0].name")
	f("no idType", with(`"idType"`, `"n"`), "缺少必要的请求参数: items[0].idType")
	f("long idType", with(`"ip"`, `"`+strings.Repeat("x", 129)+`"`), "items[0].idType 长度不能超过 128")
	f("no metadata", with(`"metadata"`, `"n"`), "缺少必要的请求参数: items[0].metadata")
	f("two metadata", with(`{"minLength":1,"maxLength":10}`, `[{},{}]`), "请求参数类型错误: items.metadata")
	f("no minLength", with(`"minLength"`, `"n"`), "缺少必要的请求参数: items[0].metadata.minLength")
	f("no maxLength", with(`"maxLength"`, `"n"`), "缺少必要的请求参数: items[0].metadata.maxLength")
	f("a type that is not of strings", with(`{"minLength"`, `{"type":"String","minLength"`), "items[0].metadata.type 只支持小写 string")
	f("lengths crossed", with(`:10}`, `:0}`), "items[0].metadata 的长度应满足 0 ≤ minLength ≤ maxLength，且 maxLength 为 1 至 100000")
	for _, index := range []string{"1000", "1001", "1999"} {
		f("reserved", with(`2000`, index), "items[0].idIndex 不可使用预留索引 "+index)
	}
	f("index of the Handle System", with(`2000`, `100`), "ip: 索引 100 保留作管理用，请换一个，建议从 2000 起")
	f("index out of range", with(`2000`, `-1`), "items[0].idIndex 应为 1 至 2147483647 的整数，建议从 2000 开始")
	f("index is a word", with(`2000`, `"x"`), "请求参数类型错误: items.idIndex")
	f("idType in Chinese", with(`"ip"`, `"地址"`), "地址: 名称以字母开头，只能含字母、数字、_、- 和 .")
	f("two wrong items", body(head, with2(item, "ip", "1"), with2(with2(item, "ip", "2"), "2000", "2001"), with2(with2(item, "地址", "三"), "2000", "2002")),
		"name 重复: 地址")
	f("same index", body(head, item, with2(with2(item, "地址", "型号"), "ip", "model")), "idIndex 重复: 2000 已用于 ip")
	f("same type", body(head, item, with2(with2(item, "地址", "型号"), "2000", "2001")), "idType 重复: ip")
	f("same type in other case", body(head, item, with2(with2(with2(item, "地址", "型号"), "2000", "2001"), "ip", "IP")), "idType 重复: IP")
	f("the same item twice", body(head, item, item), "idType 重复: ip")
	f("same name", body(head, item, with2(with2(item, "ip", "model"), "2000", "2001")), "name 重复: 地址")
	f("exists", with2(with2(body(head, item), "88.101.5", "88.1021.150"), `"1"`, `"taken"`), "模板已存在")
	f("no prefix", with2(body(head, item), "88.101.5", "x"), "前缀 x 尚未分配")
	f("not allocated", with2(body(head, item), "88.101.5", "88.101.77"), "前缀 88.101.77 尚未分配")
	f("not JSON", "{", "请求体不是合法的 JSON")
	m.refused(m.token, "POST /snms/api/v5/template", with2(body(head, item), "88.101.5", "88.1021.9"), -3, "前缀 88.1021.9 不属于您")
	m.refused(m.login("maker.line"), "POST /snms/api/v5/template", body(head, item), -3, "角色 writer 不能修改数据模板")
	m.refused("x", "POST /snms/api/v5/template", body(head, item), -1, "没有登录，需要验证")

	for _, method := range []string{"GET", "DELETE"} {
		m.refused(m.token, method+" /snms/api/v5/template?prefix=88.101.5", "", -2, "缺少必要的请求参数: version")
		m.refused(m.token, method+" /snms/api/v5/template?version=1", "", -2, "缺少必要的请求参数: prefix")
		m.refused(m.token, method+" /snms/api/v5/template?prefix=88.101.5&version=1", "", -2, "模板不存在")
		m.refused(m.token, method+" /snms/api/v5/template?prefix=88.1021.9&version=1", "", -3, "前缀 88.1021.9 不属于您")
	}
	m.refused(m.token, "PUT /snms/api/v5/template", body(head, item), -2, "模板不存在")
	m.refused(m.token, "DELETE /snms/api/v5/template", "", -2, "请求体不是合法的 JSON")
}

func with2(text, old, new string) string { return strings.Replace(text, old, new, 1) }

// TestTemplateRevision: a PUT changes what it names, adds the rest, and removes nothing.
func TestTemplateRevision(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	m.template("v")
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.1021.150"}
	const own = `"prefix":"88.1021.150","version":"v","industryCategory":"C","industrySpecific":"34","industryTrade":"345","industrySubclass":"3451","type":2`
	items := func() (s string) {
		t.Helper()
		p, err := m.reg.Template(t.Context(), k, "v", 0, operator.Actor)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.Content.Fields {
			s += fmt.Sprintf("%d %s %s %t %t %d-%d; ", f.Index, f.Name, f.Title.ZH, f.Required, f.Disabled, *f.MinLength, *f.MaxLength)
		}
		return s
	}
	f := func(want string, items_ ...string) {
		t.Helper()
		m.must("PUT /snms/api/v5/template", body(own, items_...))
		if got := items(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f("2000 name 名称 true false 1-20; 2001 note 备注 false false 0-4000; ")
	f("2000 name 名字 true false 1-30; 2001 note 备注 false false 0-4000; ",
		`{"name":"名字","idType":"NAME","idIndex":"2000","metadata":{"minLength":1,"maxLength":30}}`)
	f("2000 name 名字 false true 1-30; 2001 note 备注 false false 0-4000; 2005 a 甲 false false 0-1; 2002 b 乙 true false 0-1; ",
		`{"name":"名字","idType":"name","idIndex":2000,"state":0,"required":0,"metadata":{"minLength":1,"maxLength":30}}`,
		`{"name":"甲","idType":"a","idIndex":2005,"state":"1","metadata":{"minLength":0,"maxLength":1}}`,
		`{"name":"乙","idType":"b","required":true,"metadata":{"minLength":0,"maxLength":1}}`)
	f("2000 name 名字 false false 1-30; 2001 note 备注 false false 0-4000; 2005 a 甲 false false 0-1; 2002 b 乙 true false 0-1; ",
		`{"name":"名字","idType":"name","idIndex":2000,"state":1,"metadata":{"minLength":1,"maxLength":30}}`)
	for name, c := range map[string][2]string{
		"another type at the index": {`{"name":"丙","idType":"c","idIndex":2000,"metadata":{"minLength":1,"maxLength":30}}`, "idIndex 重复: 2000 已用于 name"},
		"a known type elsewhere":    {`{"name":"名字","idType":"name","idIndex":2009,"metadata":{"minLength":1,"maxLength":30}}`, "idType 重复: name"},
		"a known type, no index":    {`{"name":"丁","idType":"name","metadata":{"minLength":1,"maxLength":30}}`, "idType 重复: name"},
		"a known name":              {`{"name":"甲","idType":"d","metadata":{"minLength":1,"maxLength":30}}`, "name 重复: 甲"},
	} {
		t.Log(name)
		m.refused(m.token, "PUT /snms/api/v5/template", body(own, c[0]), -2, c[1])
	}

	m.must("POST /identityv2/data", `{"handle":"88.1021.150/1","templateVersion":"v","value":[{"index":2002,"type":"b","data":{"format":"string","value":"x"}}]}`)
	m.refused(m.token, "PUT /snms/api/v5/template", body(own, `{"name":"名字","idType":"name","idIndex":2000,"required":true,"metadata":{"minLength":1,"maxLength":29}}`),
		-2, "name: 字段 name 不能改为必填：已有数据可能没有它；name: 最大长度不能小于 30")
	m.refused(m.token, "DELETE /snms/api/v5/template", `{"prefix":"88.1021.150","version":"v"}`, -2, "已有标识使用数据模板 v")

	// A revision through another surface with an item that is no string is not for this one.
	p, err := m.reg.Template(t.Context(), k, "v", 0, operator.Actor)
	if err != nil {
		t.Fatal(err)
	}
	p.Content.Fields = append(p.Content.Fields, template.Field{Name: "weight", Type: template.Number})
	if _, err := m.reg.ReviseTemplate(t.Context(), k, "v", p.Content, operator); err != nil {
		t.Fatal(err)
	}
	m.refused(m.token, "GET /snms/api/v5/template?prefix=88.1021.150&version=v", "", -2, "模板含有非字符型属性，不能通过此接口操作")
	m.refused(m.token, "PUT /snms/api/v5/template", body(own), -2, "模板含有非字符型属性，不能通过此接口操作")
	// Drafts are not there.
	if _, err := m.reg.CreateTemplate(t.Context(), k, "draft", &template.Content{Fields: []template.Field{{Name: "a", Type: template.String}}}, operator); err != nil {
		t.Fatal(err)
	}
	m.refused(m.token, "GET /snms/api/v5/template?prefix=88.1021.150&version=draft", "", -2, "模板不存在")
	m.refused(m.token, "POST /identityv2/data", named("88.1021.150/2", "draft", "x"), -2, "模板不存在")
	if _, err := m.reg.TemplateAction(t.Context(), k, "v", registry.ActionWithdraw, "", operator); err != nil {
		t.Fatal(err)
	}
	m.refused(m.token, "POST /identityv2/data", `{"handle":"88.1021.150/2","templateVersion":"v","value":[{"index":2002,"type":"b","data":{"format":"string","value":"x"}}]}`,
		-2, "数据模板 v 的状态是 withdrawn：标识只能使用已发布的模板")
}

// TestTemplateAgain: a create whose answer was lost is done when it comes again, also many times at once.
func TestTemplateAgain(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if out := m.do(m.token, "POST /snms/api/v5/template", body(head, item)); out != `{"message":"success","status":1,"data":true}` {
				t.Error(out)
			}
		})
	}
	wg.Wait()
	m.refused(m.token, "POST /snms/api/v5/template", body(head, with2(item, "10", "11")), -2, "模板已存在")
	m.now = m.now.Add(23*time.Hour + 59*time.Minute)
	m.must("POST /snms/api/v5/template", body(head, item))
	m.now = m.now.Add(2 * time.Minute)
	m.token = m.login("maker")
	m.refused(m.token, "POST /snms/api/v5/template", body(head, item), -2, "模板已存在")
}
