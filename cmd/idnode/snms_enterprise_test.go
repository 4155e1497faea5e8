package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// upload uploads a PDF over the market's API and gives its number.
func (d *daemon) upload(token string, n int) int64 {
	d.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", fmt.Sprintf("%d.pdf", n))
	if err != nil {
		d.t.Fatal(err)
	}
	fmt.Fprintf(part, "%%PDF-1.4\n%% %d\n%%%%EOF\n", n)
	w.Close()
	req, err := http.NewRequest(http.MethodPost, "http://"+d.http+"/snms/api/file/upload", &body)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", w.FormDataContentType())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	var a struct {
		Status int
		Data   struct{ ID int64 }
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || a.Status != 1 || a.Data.ID == 0 {
		d.t.Fatalf("upload: %+v, %v", a, err)
	}
	return a.Data.ID
}

// TestSNMSEnterprise brings an enterprise in over the market's API alone, but for the approval, over a restart: a person is entered, uploads
// scans and applies; the node's people approve; the prefix is hosted; an identifier is registered and resolved.
func TestSNMSEnterprise(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	id, secret, _ := strings.Cut(strings.TrimPrefix(d.key, "idn_"), "_")
	login := func(username, password string) string {
		t.Helper()
		var data struct{ Token string }
		a := d.market("", "POST /identity/token", map[string]string{"username": username, "password": password})
		if err := json.Unmarshal(a.Data, &data); err != nil || data.Token == "" {
			t.Fatalf("login of %s: %+v", username, a)
		}
		return data.Token
	}
	must := func(token, call string, body any) json.RawMessage {
		t.Helper()
		a := d.market(token, call, body)
		if a.Status != 1 || a.Message != "success" {
			t.Fatalf("%s: %+v", call, a)
		}
		return a.Data
	}
	admin := login(id, secret) // AK and SK of the operator
	sum := sha256.Sum256([]byte("a pass of 2026"))
	must(admin, "POST /identity/registry", map[string]any{"userName": "张三", "password": hex.EncodeToString(sum[:]), "email": "zs@example.com", "mobile": "13945056533", "remarks": ""})
	user := login("张三", "a pass of 2026")
	var files [5]int64
	for i := range files {
		files[i] = d.upload(user, i)
	}
	system := func(kind int) map[string]any {
		return map[string]any{"sysType": kind, "deployMode": 2, "name": "某云"}
	}
	form := map[string]any{
		"username": "张三",
		"entBasicInfo": map[string]any{"orgName": "东临电机股份有限公司", "orgNature": "2", "orgAddr": "一路一号", "orgAddrProvince": "320000", "orgAddrCity": "320500", "orgCrtType": "1", "orgCrtCode": "91110108MA0000000A",
			"orgCrtImgRid": files[0], "industryCategory": "C", "industrySpecific": "38", "contactName": "张三", "contactCrtType": 1, "contactCrtNo": "11010519491231002X", "contactEmail": "zs@example.com", "contactPhone": "13945056533",
			"contactCrtFrontImgRid": files[1], "contactCrtBackImgRid": files[2], "legalName": "李四", "legalCrtType": "1", "legalCrtNo": "11010519491231002X", "legalCrtFrontImgRid": files[3], "legalCrtBackImgRid": files[4], "entPrefix": "88.1021.300"},
		"entRegisterManageInfo": map[string]any{"entInfoSyses": []any{system(1), system(2), system(3), system(4)}, "servSysBuildType": 1, "servSysOperType": 1},
	}
	must(user, "POST /snms/api/v3/ent/upgrade-apply", form)
	must(user, "POST /snms/api/v3/ent/upgrade-apply", form) // the answer was lost
	d.kill()
	d = startDaemon(t, dir)
	defer d.stop()

	var page struct{ Content []struct{ ID int64 } }
	if err := json.Unmarshal(must(user, "GET /snms/api/v3/ent/page", nil), &page); err != nil || len(page.Content) != 1 {
		t.Fatalf("page: %+v, %v", page, err)
	}
	var detail struct{ EntBasicInfo map[string]any }
	if err := json.Unmarshal(must(user, fmt.Sprintf("GET /snms/api/v3/ent/detail?id=%d", page.Content[0].ID), nil), &detail); err != nil {
		t.Fatal(err)
	}
	for name, value := range form["entBasicInfo"].(map[string]any) {
		if got := fmt.Sprint(detail.EntBasicInfo[name]); got != fmt.Sprint(value) && got != fmt.Sprint(float64FromAny(value)) {
			t.Errorf("%s comes back as %s, was %v", name, got, value)
		}
	}
	status := func() string {
		t.Helper()
		var p struct{ Status int }
		if err := json.Unmarshal(must(user, "GET /snms/api/prefix/query?prefix=88.1021.300", nil), &p); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(p.Status)
	}
	if got := status(); got != "4" {
		t.Errorf("before the review the prefix has status %s", got)
	}
	applications := d.must(200, d.key, "GET", "/v1/prefix-applications?state=pending", nil)["items"].([]any)
	application := applications[0].(map[string]any)
	d.must(200, d.key, "POST", "/v1/enterprises/"+application["enterprise"].(string)+":approve", map[string]any{"reason": "checked"})
	d.must(200, d.key, "POST", "/v1/prefix-applications/"+application["id"].(string)+":approve", map[string]any{})
	if got := status(); got != "1" {
		t.Errorf("after the review the prefix has status %s", got)
	}
	must(login(id, secret), "POST /snms/api/ent/config", map[string]any{"proxyServerId": 1, "entPrefixConfig": map[string]any{"entPrefix": "88.1021.300"}})
	must(user, "POST /snms/api/v5/template", map[string]any{"prefix": "88.1021.300", "version": "1.0", "industryCategory": "C", "industrySpecific": "38", "industryTrade": "381", "industrySubclass": "3812", "type": 2,
		"items": []any{map[string]any{"name": "网址", "idType": "URL", "idIndex": "2000", "metadata": map[string]any{"type": "string", "minLength": 1, "maxLength": 100}}}})
	must(user, "POST /identityv2/data", map[string]any{"handle": "88.1021.300/1", "templateVersion": "1.0", "value": []any{map[string]any{"index": 2000, "type": "URL", "data": map[string]any{"format": "string", "value": "https://example.com/1"}}}})
	const url = "https://example.com/1"
	d.expect("88.1021.300/1", url, url, url, url, url)
}

// float64FromAny is a number as JSON gives it back, another value as it is.
func float64FromAny(v any) any {
	switch n := v.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	}
	return v
}
