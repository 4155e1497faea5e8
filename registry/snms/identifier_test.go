package snms

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

func prefixKey(prefix string) identifier.Key {
	return identifier.Key{Scheme: identifier.Handle, Name: prefix}
}

// TestIdentifierRefusals has what is wrong with an identifier, in the words that clients see: of single calls and of
// rows.
func TestIdentifierRefusals(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	m.template("v")
	m.must("POST /snms/api/v5/template", with2(with2(body(head, item), "88.101.5", "88.1021.150"), `"version":"1"`, `"version":"other"`))
	good := named("88.1021.150/1", "v", "泵")
	with := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct{ name, body, message string }{
		{"no handle", with(`"handle"`, `"h"`), "缺少必要的请求参数: handle"},
		{"handle empty", with(`88.1021.150/1`, ``), "缺少必要的请求参数: handle"},
		{"handle null", with(`"88.1021.150/1"`, `null`), "缺少必要的请求参数: handle"},
		{"handle long", with(`/1`, "/"+strings.Repeat("1", 244)), "handle 长度不能超过 255"},
		{"handle an object", with(`"88.1021.150/1"`, `{}`), "请求参数类型错误: handle"},
		{"no suffix", with(`/1`, ``), "handle 应为 前缀/后缀: 88.1021.150"},
		{"prefix record", with(`88.1021.150/1`, `0.NA/88.1021.150`), "handle 应为 前缀/后缀: 0.NA/88.1021.150"},
		{"blank at the end", with(`/1`, `/1 `), "不是合法的 handle 标识：后缀的首尾有空格"},
		{"no version", with(`"templateVersion"`, `"t"`), "缺少必要的请求参数: templateVersion"},
		{"version long", with(`"v"`, `"`+strings.Repeat("v", 129)+`"`), "templateVersion 长度不能超过 128"},
		{"no template", with(`"v"`, `"w"`), "模板不存在"},
		{"template of another prefix", with(`88.1021.150/1`, `88.101.5/1`), "模板不存在"},
		{"no value", with(`"value":[`, `"v":[`), "缺少必要的请求参数: value"},
		{"value null", `{"handle":"88.1021.150/1","templateVersion":"v","value":null}`, "缺少必要的请求参数: value"},
		{"value an object", `{"handle":"88.1021.150/1","templateVersion":"v","value":{}}`, "请求参数类型错误: value"},
		{"no index", with(`"index"`, `"i"`), "缺少必要的请求参数: value[0].index"},
		{"no type", with(`"type"`, `"t"`), "缺少必要的请求参数: value[0].type"},
		{"no data", with(`"data"`, `"d"`), "缺少必要的请求参数: value[0].data"},
		{"no format", with(`"format"`, `"f"`), "缺少必要的请求参数: value[0].data.format"},
		{"no data.value", with(`"value":"泵"`, `"v":"泵"`), "缺少必要的请求参数: value[0].data.value"},
		{"index 1000", with(`2000`, `1000`), "非法操作，索引1000在模板中不存在"},
		{"index 1001", with(`2000`, `1001`), "非法操作，索引1001在模板中不存在"},
		{"index unknown", with(`2000`, `99999999999`), "非法操作，索引99999999999在模板中不存在"},
		{"index negative", with(`2000`, `-1`), "非法操作，索引-1在模板中不存在"},
		{"index a word", with(`2000`, `"x"`), "请求参数类型错误: value.index"},
		{"other type", with(`"name"`, `"note"`), "非法操作，索引2000的类型应为name"},
		{"other format", with(`"string"`, `"base64"`), "value[0].data.format 只支持 string"},
		{"value too long for all", with(`"泵"`, `"`+strings.Repeat("泵", 256)+`"`), "value[0].data.value 长度不能超过 255"},
		{"value too long for the template", with(`"泵"`, `"`+strings.Repeat("泵", 21)+`"`), "字段 name 有 21 个字符，最多 20 个"},
		{"value too short for the template", with(`"泵"`, `""`), "字段 name 有 0 个字符，至少 1 个"},
		{"required", `{"handle":"88.1021.150/1","templateVersion":"v","value":[]}`, "缺少必填字段 name（索引 2000）"},
		{"twice", with(`}}]`, `}},{"index":2000,"type":"name","data":{"format":"string","value":"x"}}]`), "非法操作，索引2000重复"},
	} {
		m.refused(m.token, "POST /identityv2/data", c.body, -2, c.message)
		var row struct{ Handle any }
		_ = json.Unmarshal([]byte(c.body), &row)
		handle, _ := row.Handle.(string)
		before := m.contents()
		got := m.do(m.token, "POST /identityv2/data/batchCreate", "["+c.body+"]")
		want, _ := json.Marshal(map[string]any{"message": "success", "status": 1, "data": []any{map[string]any{"handle": handle, "msg": c.message}}})
		if !sameJSON(got, string(want)) || len(before) != len(m.contents()) {
			t.Errorf("%s in a batch:\n got %s\nwant %s", c.name, got, want)
		}
	}
	m.refused(m.token, "POST /identityv2/data", "[]", -2, "请求体不是合法的 JSON")
	m.refused(m.token, "POST /identityv2/data", named("88.1021.9/1", "v", "x"), -3, "前缀 88.1021.9 不属于您")
	m.refused(m.token, "PUT /identityv2/data", named("88.1021.9/1", "v", "x"), -3, "前缀 88.1021.9 不属于您")
	m.refused(m.token, "DELETE /identityv2/data", `{"handle":"88.1021.9/1"}`, -3, "前缀 88.1021.9 不属于您")
	m.refused(m.token, "POST /identityv2/data", named("99.1/1", "v", "x"), -3, "99.1/1 不在本节点的任何前缀之下")
	m.refused(m.login("maker.guest"), "POST /identityv2/data", good, -3, "角色 reader 不能写入标识")
	m.refused("", "POST /identityv2/data", good, -1, "没有登录，需要验证")
	m.refused("x.y.z", "GET /identityv2/data/detail?handle=88.1021.150/1", "", -1, "没有登录，需要验证")

	token := m.token
	m.now = m.now.Add(24*time.Hour + time.Second)
	m.refused(token, "POST /identityv2/data", good, -1, "没有登录，需要验证")
	m.token = m.login("maker")

	m.refused(m.token, "DELETE /identityv2/data", `{}`, -2, "缺少必要的请求参数: handle")
	m.refused(m.token, "GET /identityv2/data/detail?handle=88.1021.150", "", -2, "handle 应为 前缀/后缀: 88.1021.150")
	m.refused(m.token, "GET /identityv2/data/detail?handle=88.1021.150/none", "", -2, "标识不存在")
	m.refused(m.token, "GET /identityv2/data/detail?handle=99.1/none", "", -2, "标识不存在")
	if _, err := m.reg.PrefixAction(t.Context(), prefixKey("88.101.5"), registry.ActionSuspend, "", "", operator); err != nil {
		t.Fatal(err)
	}
	m.refused(m.token, "GET /identityv2/data/detail?handle=88.101.5/x", "", -3, "前缀 88.101.5 的状态是 suspended")
	mode, service := identifier.Delegated, &identifier.Service{IP: netip.MustParseAddr("203.0.113.7"), TCP: 2641, HTTP: 8000}
	if _, err := m.reg.UpdatePrefix(t.Context(), prefixKey("86.709.612"), registry.PrefixPatch{Mode: &mode, Service: service}, operator); err != nil {
		t.Fatal(err)
	}
	m.refused(m.token, "GET /identityv2/data/detail?handle=86.709.612/x", "", -2, "前缀 86.709.612 的标识由企业节点 TCP 203.0.113.7:2641、HTTP 203.0.113.7:8000 解析")
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

// TestBatchBounds: a batch that cannot be taken as a whole leaves nothing.
func TestBatchBounds(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	m.template("v")
	var rows, handles []string
	for i := range DefaultBatchRows + 1 {
		rows = append(rows, named(fmt.Sprint("88.1021.150/", i), "v", "x"))
		handles = append(handles, fmt.Sprintf("%q", fmt.Sprint("88.1021.150/", i)))
	}
	all, names := "["+strings.Join(rows, ",")+"]", "["+strings.Join(handles, ",")+"]"
	const message = "批量操作最多支持 2000 条，本次 2001 条"
	m.refused(m.token, "POST /identityv2/data/batchCreate", all, -2, message)
	m.refused(m.token, "PUT /identityv2/data/batchUpdate", all, -2, message)
	m.refused(m.token, "DELETE /identityv2/data/batchDelete", names, -2, message)
	m.refused(m.token, "DELETE /identityv2/data/batchDelete", `{"handles":`+names+`}`, -2, message)
	for _, call := range []string{"POST /identityv2/data/batchCreate", "PUT /identityv2/data/batchUpdate", "DELETE /identityv2/data/batchDelete"} {
		m.refused(m.token, call, "[]", -2, "批量操作至少需要 1 条")
		m.refused(m.token, call, "7", -2, "请求体应为 JSON 数组")
		m.refused(m.token, call, "", -2, "请求体不是合法的 JSON")
		m.refused(m.token, call, "[", -2, "请求体不是合法的 JSON")
		m.refused("", call, "[]", -1, "没有登录，需要验证")
	}
	m.refused(m.token, "POST /identityv2/data/batchCreate", "{}", -2, "请求体应为 JSON 数组")
	m.refused(m.token, "DELETE /identityv2/data/batchDelete", "{}", -2, "缺少必要的请求参数: handles")
	m.refused(m.token, "DELETE /identityv2/data/batchDelete", `{"handles":null}`, -2, "缺少必要的请求参数: handles")
	m.refused(m.token, "DELETE /identityv2/data/batchDelete", `{"handles":7}`, -2, "请求体应为 JSON 数组")
}

// TestRows: rows come to what they would one after the other, and each has its own answer.
func TestRows(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	m.template("v")
	messages := func(call string, rows ...string) string {
		t.Helper()
		var a struct {
			Status int
			Data   []struct {
				Handle, Msg string
				Code        *int
			}
		}
		out := m.do(m.token, call, "["+strings.Join(rows, ",")+"]")
		if err := json.Unmarshal([]byte(out), &a); err != nil || a.Status != 1 || len(a.Data) != len(rows) {
			t.Fatalf("%s: %s", call, out)
		}
		var all []string
		for _, d := range a.Data {
			if d.Code != nil && (*d.Code == 1) != (d.Msg == "success") {
				t.Errorf("%+v", d)
			}
			all = append(all, d.Msg)
		}
		return strings.Join(all, "|")
	}
	f := func(want, call string, rows ...string) {
		t.Helper()
		if got := messages(call, rows...); got != want {
			t.Errorf("%s:\n got %s\nwant %s", call, got, want)
		}
	}
	const create, update, remove = "POST /identityv2/data/batchCreate", "PUT /identityv2/data/batchUpdate", "DELETE /identityv2/data/batchDelete"
	row := func(suffix, name string) string { return named("88.1021.150/"+suffix, "v", name) }
	f("success|success|标识已存在|标识已存在|标识已存在", create, row("a", "1"), row("b", "1"), row("a", "1"), row("a", "2"), row("A", "1"))
	f("success|success|标识已存在|标识已存在|标识已存在", create, row("a", "1"), row("b", "1"), row("a", "1"), row("a", "2"), row("A", "1"))
	tooLong := strings.Repeat("x", 21)
	f("字段 name 有 21 个字符，最多 20 个|success|标识已存在|前缀 88.1021.9 不属于您|模板不存在", create,
		row("c", tooLong), row("c", "1"), row("c", "1"), named("88.1021.9/x", "v", "1"), named("88.1021.150/x", "none", "1"))
	f("success|success|标识不存在|字段 name 有 21 个字符，最多 20 个", update, row("a", "2"), row("a", "3"), row("none", "1"), row("a", tooLong))
	if got := m.name("88.1021.150/a"); got != "3" {
		t.Errorf("after two updates: %s", got)
	}
	f("success|标识不存在|标识不存在|前缀 88.1021.9 不属于您|缺少必要的请求参数: handle|handle 应为字符串|handle 应为 前缀/后缀: 88.1021.150", remove,
		`"88.1021.150/a"`, `"88.1021.150/A"`, `"88.1021.150/none"`, `"88.1021.9/x"`, `""`, `{}`, `"88.1021.150"`)
	f("标识不存在|标识不存在", update, row("a", "1"), row("a", "1"))
	f("success|标识已存在", create, row("a", "1"), row("a", "1"))
}

// name is what the template's field name says in the detail of an identifier.
func (m *market) name(handle string) string {
	m.t.Helper()
	var a struct {
		Data struct {
			Value []struct {
				Index int
				Data  struct{ Value string }
			}
		}
	}
	out := m.do(m.token, "GET /identityv2/data/detail?handle="+handle, "")
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		m.t.Fatal(err)
	}
	for _, v := range a.Data.Value {
		if v.Index == 2000 {
			return v.Data.Value
		}
	}
	return out
}

// TestUpdate: what the template describes is replaced, and the rest stays: administrative values, permissions, TTL.
func TestUpdate(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	m.template("v")
	m.template("w")
	m.must("POST /identityv2/data", `{"handle":"88.1021.150/u","templateVersion":"v","value":[
		{"index":2001,"type":"note","data":{"format":"string","value":17}},{"index":2000,"type":"name","data":{"format":"string","value":"A"}}]}`)
	id, _ := identifier.Parse("88.1021.150/u")
	private := valueOf(2000, "name", "A")
	private.Perms, private.TTL = identifier.AdminRead|identifier.AdminWrite, 60
	_, err := m.reg.Merge(t.Context(), id, registry.Patch{Values: []registry.PatchValue{
		{Value: valueOf(100, "HS_ADMIN", "admin"), Fields: registry.FieldType | registry.FieldData},
		{Value: private, Fields: registry.FieldPerms | registry.FieldTTL},
	}}, operator)
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string) {
		t.Helper()
		rec, err := m.reg.Get(t.Context(), id, registry.Get{Actor: operator.Actor})
		if err != nil {
			t.Fatal(err)
		}
		got := rec.Template
		for _, v := range rec.Values {
			got += fmt.Sprintf(" %d=%s", v.Index, strings.TrimPrefix(string(v.Data), "88.1021.150/"))
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	const v, w = "TEMPLATE_4c94485e0c21ae6c41ce1dfe7b6bface", "TEMPLATE_50e721e49c013f00c62cf59f2163542a"
	f("v 1000=" + v + " 1001=v 2000=A 2001=17 100=admin")
	m.must("PUT /identityv2/data", named("88.1021.150/u", "v", "B"))
	f("v 1000=" + v + " 1001=v 2000=B 100=admin")
	m.must("PUT /identityv2/data", named("88.1021.150/u", "w", "B"))
	f("w 1000=" + w + " 1001=w 2000=B 100=admin")
	rec, err := m.reg.Get(t.Context(), id, registry.Get{Actor: operator.Actor})
	if err != nil || rec.Values[2].Public() || rec.Values[2].TTL != 60 {
		t.Errorf("permissions and TTL of a value: %+v, %v", rec.Values[2], err)
	}
	version := rec.Version
	m.must("PUT /identityv2/data", named("88.1021.150/u", "w", "B"))
	if rec, err = m.reg.Get(t.Context(), id, registry.Get{Actor: operator.Actor}); err != nil || rec.Version != version {
		t.Errorf("an update to the same: version %d, %v", rec.Version, err)
	}
	const shown = `{"message":"success","status":1,"data":{"code":"200","prefix":"88.1021.150","handle":"88.1021.150/u","templateVersion":"w","value":[` +
		`{"data":{"format":"string","value":"88.1021.150/` + w + `"},"auth":"1","index":1000,"type":"TEMPLATE_ID"},` +
		`{"data":{"format":"string","value":"w"},"auth":"1","index":1001,"type":"TEMPLATE"}`
	if got, want := m.do(m.token, "GET /identityv2/data/detail?handle=88.1021.150/U", ""),
		shown+`,{"data":{"format":"string","value":"B"},"auth":"","index":2000,"type":"name"}]}}`; got != want {
		t.Errorf("to its owner:\n got %s\nwant %s", got, want)
	}
	if got := m.do(m.login("rival"), "GET /identityv2/data/detail?handle=88.1021.150/u", ""); got != shown+"]}}" {
		t.Errorf("to others: %s", got)
	}

	// Of another surface: no note, and a value that is no text.
	if _, err := m.reg.Create(t.Context(), &identifier.Record{ID: "88.1021.150/raw", Template: "v", Values: []identifier.Value{valueOf(2000, "name", "A")}}, operator); err != nil {
		t.Fatal(err)
	}
	if _, err := m.reg.Create(t.Context(), &identifier.Record{ID: "88.101.5/raw", Values: []identifier.Value{valueOf(7, "KEY", "\xff\x00")}}, operator); err != nil {
		t.Fatal(err)
	}
	if got := m.name("88.1021.150/raw"); got != "A" || !strings.Contains(m.do(m.token, "GET /identityv2/data/detail?handle=88.1021.150/raw", ""), v) {
		t.Errorf("got %s", got)
	}
	if got := m.do(m.token, "GET /identityv2/data/detail?handle=88.101.5/raw", ""); !strings.Contains(got,
		`"templateVersion":"","value":[{"data":{"format":"base64","value":"/wA="},"auth":"1","index":7,"type":"KEY"}]`) {
		t.Errorf("got %s", got)
	}
}

// TestLostAnswer: a create that is repeated by the same account is done, whoever else is there is not hidden.
func TestLostAnswer(t *testing.T) {
	const exists, done = `{"message":"标识已存在","status":-2,"data":null}`, `{"message":"success","status":1,"data":true}`
	m := newMarket(t, memstore.New(), nil)
	m.template("v")
	f := func(name, want, got string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	const call = "POST /identityv2/data"
	a := named("88.1021.150/a", "v", "A")
	f("create", done, m.do(m.token, call, a))
	f("again", done, m.do(m.token, call, a))
	f("again after a new login", done, m.do(m.login("maker"), call, a))
	f("a colleague", exists, m.do(m.login("maker.line"), call, a))
	f("other content", exists, m.do(m.token, call, named("88.1021.150/a", "v", "B")))
	batch := func(rows ...string) string {
		return m.do(m.token, "POST /identityv2/data/batchCreate", "["+strings.Join(rows, ",")+"]")
	}
	answer := func(msgs ...string) string {
		for i := range msgs {
			msgs[i] = fmt.Sprintf(`{"handle":"88.1021.150/%c","msg":%q}`, msgs[i][0], msgs[i][2:])
		}
		return `{"message":"success","status":1,"data":[` + strings.Join(msgs, ",") + "]}"
	}
	row := func(suffix, name string) string { return named("88.1021.150/"+suffix, "v", name) }
	f("batch", answer("a success", "b success", "c success"), batch(a, row("b", "B"), row("c", "C")))
	m.now = m.now.Add(time.Minute)
	f("regrouped", answer("d success", "c success", "b 标识已存在"), batch(row("d", "D"), row("c", "C"), row("b", "X")))
	f("alone", done, m.do(m.token, call, row("d", "D")))
	m.must("PUT /identityv2/data", row("d", "E"))
	f("changed", exists, m.do(m.token, call, row("d", "D")))
	m.must("PUT /identityv2/data", row("d", "D"))
	f("changed back", answer("d 标识已存在"), batch(row("d", "D")))
	m.must("DELETE /identityv2/data", `{"handle":"88.1021.150/d"}`)
	f("deleted", done, m.do(m.token, call, row("d", "D")))
	if got := m.name("88.1021.150/d"); got != "D" {
		t.Errorf("created again: %s", got)
	}
	f("created again, again", answer("d success"), batch(row("d", "D")))
	id, _ := identifier.Parse("88.1021.150/d")
	if _, err := m.reg.Revoke(t.Context(), id, "scrapped", "", operator); err != nil {
		t.Fatal(err)
	}
	f("scrapped by the operator", `{"message":"88.1021.150/d 已注销，可通过恢复操作重新启用","status":-2,"data":null}`, m.do(m.token, call, row("d", "D")))
	m.now = m.now.Add(24 * time.Hour)
	m.token = m.login("maker")
	f("a day later", exists, m.do(m.token, call, a))
}

// TestTogether: of many identical creates at the same time one creates, and all are done; of different ones
// exactly one is.
func TestTogether(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	m.template("v")
	const writers = 16
	var wg sync.WaitGroup
	var done atomic.Int32
	for i := range writers {
		wg.Go(func() {
			same := named("88.1021.150/same", "v", "A")
			if i%2 == 0 {
				if out := m.do(m.token, "POST /identityv2/data", same); !strings.Contains(out, "success") {
					t.Error(out)
				}
			} else if out := m.do(m.token, "POST /identityv2/data/batchCreate", "["+same+"]"); !strings.Contains(out, `"msg":"success"`) {
				t.Error(out)
			}
			if out := m.do(m.token, "POST /identityv2/data", named("88.1021.150/mine", "v", fmt.Sprint(i))); strings.Contains(out, "success") {
				done.Add(1)
			} else if !strings.Contains(out, "标识已存在") {
				t.Error(out)
			}
		})
	}
	wg.Wait()
	if n := done.Load(); n != 1 {
		t.Errorf("%d different creates of one identifier are done", n)
	}
	id, _ := identifier.Parse("88.1021.150/same")
	if rec, err := m.reg.Get(t.Context(), id, registry.Get{Actor: operator.Actor}); err != nil || rec.Version != 1 {
		t.Errorf("%+v, %v", rec, err)
	}
}

// doubtful is a store that applies what is written and then cannot say so.
type doubtful struct {
	storage.Store
	doubt atomic.Bool
}

func (d *doubtful) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	seq, err := d.Store.Apply(ctx, b)
	if err == nil && d.doubt.CompareAndSwap(true, false) {
		return 0, storage.ErrUnavailable
	}
	return seq, err
}

// TestDoubt: where the store cannot say whether it wrote, the client is told that we are busy, and a repeat settles
// it.
func TestDoubt(t *testing.T) {
	var d *doubtful
	m := newMarket(t, memstore.New(), func(s storage.Store) storage.Store {
		d = &doubtful{Store: s}
		return d
	})
	m.template("v")
	const busy = `{"message":"系统繁忙","status":-4,"data":null}`
	for call, body := range map[string]string{
		"POST /identityv2/data":             named("88.1021.150/1", "v", "A"),
		"POST /identityv2/data/batchCreate": "[" + named("88.1021.150/2", "v", "A") + "," + named("88.1021.150/3", "v", "A") + "]",
		"POST /snms/api/v5/template":        body(head, item),
	} {
		d.doubt.Store(true)
		if out := m.do(m.token, call, body); out != busy {
			t.Errorf("%s: %s", call, out)
		}
		if out := m.do(m.token, call, body); strings.Count(out, "success") != 1+strings.Count(out, "handle") {
			t.Errorf("%s again: %s", call, out)
		}
	}
}

// TestScopes: a credential that is limited to reading writes nothing, and one for other things reads nothing.
func TestScopes(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	m.template("v")
	m.must("POST /identityv2/data", named("88.1021.150/1", "v", "A"))
	a, err := m.reg.Account(t.Context(), "maker", operator.Actor)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := m.reg.IssueKey(t.Context(), registry.KeyRequest{Enterprise: a.Enterprise, Role: registry.RoleAdmin, Scopes: []registry.Scope{registry.ScopeIdentifiersRead}}, operator)
	if err != nil {
		t.Fatal(err)
	}
	if out := m.do(key, "GET /identityv2/data/detail?handle=88.1021.150/1", ""); !strings.Contains(out, "success") {
		t.Error(out)
	}
	for _, call := range []string{"POST /identityv2/data", "PUT /identityv2/data", "DELETE /identityv2/data", "POST /identityv2/data/batchCreate",
		"PUT /identityv2/data/batchUpdate", "DELETE /identityv2/data/batchDelete", "GET /snms/api/v5/template", "POST /snms/api/v5/template",
		"PUT /snms/api/v5/template", "DELETE /snms/api/v5/template", "GET /snms/api/v3/template", "POST /snms/api/v3/template", "DELETE /snms/api/v3/template"} {
		before := len(m.contents())
		if out := m.do(key, call, named("88.1021.150/2", "v", "A")); !strings.Contains(out, `"status":-3,`) || len(m.contents()) != before {
			t.Errorf("%s: %s", call, out)
		}
	}
}

// BenchmarkBatchCreate registers 2000 identifiers a call.
func BenchmarkBatchCreate(b *testing.B) {
	m := newMarket(b, memstore.New(), nil)
	m.template("v")
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		var rows []string
		for i := range DefaultBatchRows {
			rows = append(rows, named(fmt.Sprintf("88.1021.150/%d-%d", n, i), "v", "泵"))
		}
		if out := m.do(m.token, "POST /identityv2/data/batchCreate", "["+strings.Join(rows, ",")+"]"); strings.Count(out, "success") != DefaultBatchRows+1 {
			b.Fatal(out)
		}
	}
}
