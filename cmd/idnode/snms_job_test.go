package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// marketAnswer is the envelope of the market's API.
type marketAnswer struct {
	Message string
	Status  int
	Data    json.RawMessage
}

// market makes a call of the market's API. HTTP says 200.
func (d *daemon) market(token, call string, body any) marketAnswer {
	d.t.Helper()
	method, path, _ := strings.Cut(call, " ")
	code, out, err := d.call(token, method, path, body)
	var a marketAnswer
	if err == nil {
		err = json.Unmarshal(out, &a)
	}
	if err != nil || code != 200 {
		d.t.Fatalf("%s: %d %.300s, %v", call, code, out, err)
	}
	return a
}

// TestSNMSJob does what the software of a production line does on another secondary node, with nothing changed but
// the address: login, template, 2000 identifiers, query, update, delete.
func TestSNMSJob(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	enterprise, _ := d.tenant("Alice", "88.1021.150")
	d.tenant("Mallory", "88.1021.666")
	d.must(201, d.key, "POST", "/v1/accounts", map[string]any{"username": "mes", "password": "correct horse", "enterprise": enterprise, "roles": []string{"admin"}})
	sum := func(text string) string {
		h := sha256.Sum256([]byte(text))
		return hex.EncodeToString(h[:])
	}
	login := func(path, password string) string {
		t.Helper()
		a := d.market("", "POST "+path, map[string]string{"username": "mes", "password": password})
		var data struct{ Token string }
		if err := json.Unmarshal(a.Data, &data); err != nil || a.Status != 1 || data.Token == "" {
			t.Fatalf("%s: %+v", path, a)
		}
		return data.Token
	}
	day := time.Now().In(time.FixedZone("CST", 8*60*60)).Format(time.DateOnly)
	token := login("/identity/token", "correct horse")
	hashed := login("/identity/token/v1", sum(sum("correct horse")+day))
	if a := d.market("", "POST /identity/token", map[string]string{"username": "mes", "password": "wrong"}); a.Status != -2 || a.Message != "用户名/密码错误！" {
		t.Errorf("wrong password: %+v", a)
	}

	f := func(token, call string, body any, status int, message string) {
		t.Helper()
		if a := d.market(token, call, body); a.Status != status || a.Message != message {
			t.Errorf("%s: %d %s %.200s, want %d %s", call, a.Status, a.Message, a.Data, status, message)
		}
	}
	template := map[string]any{
		"prefix": "88.1021.150", "version": "1.0.0", "industryCategory": "C", "industrySpecific": "34", "industryTrade": "345", "industrySubclass": "3451", "type": 2, "description": "测试模板",
		"items": []any{
			map[string]any{"name": "网址", "idType": "URL", "idIndex": "2000", "required": true, "metadata": map[string]any{"type": "string", "minLength": 1, "maxLength": 100}},
			map[string]any{"name": "名称", "idType": "name", "idIndex": "2001", "required": false, "metadata": map[string]any{"type": "string", "minLength": 1, "maxLength": 50}},
		}}
	f(token, "POST /snms/api/v5/template", template, 1, "success")
	f(token, "POST /snms/api/v5/template", template, 1, "success") // as after a lost answer
	f(token, "GET /snms/api/v5/template?prefix=88.1021.150&version=1.0.0", nil, 1, "success")

	identifier := func(prefix string, n int, site string) map[string]any {
		return map[string]any{"handle": fmt.Sprintf("%s/%04d", prefix, n), "templateVersion": "1.0.0", "value": []any{
			map[string]any{"index": 2000, "type": "URL", "auth": "", "data": map[string]any{"format": "string", "value": fmt.Sprintf("https://%s/%d", site, n)}},
			map[string]any{"index": 2001, "type": "name", "auth": "", "data": map[string]any{"format": "string", "value": "小型机械"}},
		}}
	}
	batch := func(token, call string, rows []any, want string) {
		t.Helper()
		start := time.Now()
		a := d.market(token, call, rows)
		var results []struct {
			Handle, Msg string
			Code        *int
		}
		if err := json.Unmarshal(a.Data, &results); err != nil || a.Status != 1 || a.Message != "success" || len(results) != len(rows) {
			t.Fatalf("%s: %d %s %.200s, %v", call, a.Status, a.Message, a.Data, err)
		}
		for i, r := range results {
			if r.Msg != want {
				t.Fatalf("%s, row %d: %+v, want %s", call, i, r, want)
			}
		}
		t.Logf("%s: %d rows in %v", call, len(rows), time.Since(start))
	}
	const rows = 2000
	var created, updated, handles []any
	for i := range rows {
		created = append(created, identifier("88.1021.150", i, "old.example"))
		updated = append(updated, identifier("88.1021.150", i, "new.example"))
		handles = append(handles, fmt.Sprintf("88.1021.150/%04d", i))
	}
	batch(token, "POST /identityv2/data/batchCreate", created, "success")
	batch(token, "POST /identityv2/data/batchCreate", created, "success") // the same account says the same
	batch(hashed, "POST /identityv2/data/batchCreate", created[:1000], "success")
	batch(token, "POST /identityv2/data/batchCreate", updated, "标识已存在")
	first := "https://old.example/0"
	d.expect("88.1021.150/0000", first, first, first, first, first)

	a := d.market(hashed, "GET /identityv2/data/detail?handle=88.1021.150%2F0000", nil)
	var detail struct {
		Code, Prefix, Handle, TemplateVersion string
		Value                                 []struct {
			Auth, Type string
			Index      int
			Data       struct{ Format, Value string }
		}
	}
	if err := json.Unmarshal(a.Data, &detail); err != nil || a.Status != 1 || detail.Code != "200" || detail.Prefix != "88.1021.150" ||
		detail.Handle != "88.1021.150/0000" || detail.TemplateVersion != "1.0.0" || len(detail.Value) != 4 || detail.Value[2].Data.Value != first {
		t.Errorf("detail: %+v, %v", a, err)
	}

	batch(token, "PUT /identityv2/data/batchUpdate", updated, "success")
	second := "https://new.example/1999"
	d.expect("88.1021.150/1999", second, second, second, second, second)
	f(token, "POST /identityv2/data", identifier("88.1021.150", 0, "new.example"), -2, "标识已存在")
	f(token, "PUT /identityv2/data", identifier("88.1021.150", 0, "third.example"), 1, "success")
	third := "https://third.example/0"
	d.expect("88.1021.150/0000", third, third, third, third, third)

	// What is refused.
	f(token, "POST /identityv2/data/batchCreate", append(created[:rows:rows], identifier("88.1021.150", rows, "x.example")), -2, "批量操作最多支持 2000 条，本次 2001 条")
	d.expect("88.1021.150/2000", "100", "100", "NOT_FOUND", "100", "100")
	f("garbage", "POST /identityv2/data", identifier("88.1021.150", 2, "x.example"), -1, "没有登录，需要验证")
	f(token[:len(token)-4]+"AAAA", "GET /identityv2/data/detail?handle=88.1021.150/0001", nil, -1, "没有登录，需要验证")
	f("", "GET /identityv2/data/detail?handle=88.1021.150/0001", nil, -1, "没有登录，需要验证")
	f(token, "POST /identityv2/data", identifier("88.1021.666", 2, "x.example"), -3, "前缀 88.1021.666 不属于您")
	batch(token, "POST /identityv2/data/batchCreate", []any{identifier("88.1021.666", 2, "x.example")}, "前缀 88.1021.666 不属于您")
	f(token, "DELETE /snms/api/v5/template", map[string]string{"prefix": "88.1021.150", "version": "1.0.0"}, -2, "已有标识使用数据模板 1.0.0")

	f(token, "DELETE /identityv2/data", map[string]any{"handle": handles[0]}, 1, "success")
	f(token, "DELETE /identityv2/data", map[string]any{"handle": handles[0]}, -2, "没有找到标识")
	batch(token, "DELETE /identityv2/data/batchDelete", handles[1:], "success")
	batch(token, "DELETE /identityv2/data/batchDelete", handles, "标识不存在")
	d.expect("88.1021.150/1999", "100", "100", "REVOKED", "100", "100")
	batch(token, "POST /identityv2/data/batchCreate", created[:1], "success")

	// A token outlives the process, and so does a create whose answer is not there.
	d.kill()
	d = startDaemon(t, dir)
	defer d.stop()
	batch(token, "POST /identityv2/data/batchCreate", created[:1], "success")
	d.expect("88.1021.150/0000", first, first, first, first, first)
}

// TestSNMSBatchRows: snms.batch_rows is what a batch takes.
func TestSNMSBatchRows(t *testing.T) {
	d := startDaemon(t, t.TempDir(), "IDNODE_SNMS_BATCH_ROWS=2")
	defer d.stop()
	if a := d.market(d.key, "DELETE /identityv2/data/batchDelete", []string{"a", "b", "c"}); a.Status != -2 || a.Message != "批量操作最多支持 2 条，本次 3 条" {
		t.Errorf("%+v", a)
	}
}
