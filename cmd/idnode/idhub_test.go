package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

// hubAnswer is the envelope of the enterprise node's API.
type hubAnswer struct {
	Code    int
	Message string
	Data    json.RawMessage
}

// hub makes a call of the enterprise node's API. HTTP says 200.
func (d *daemon) hub(token, call string, body any) hubAnswer {
	d.t.Helper()
	method, path, _ := strings.Cut(call, " ")
	code, out, err := d.call(token, method, path, body)
	var a hubAnswer
	if err == nil {
		err = json.Unmarshal(out, &a)
	}
	if err != nil || code != 200 {
		d.t.Fatalf("%s: %d %.300s, %v", call, code, out, err)
	}
	return a
}

// TestIDHubJob does what the software of an enterprise does on its own node, with nothing changed but the address:
// log in by signing, metadata, records.
func TestIDHubJob(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	enterprise, _ := d.tenant("Alice", "88.1021.150")
	d.tenant("Mallory", "88.1021.666")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	const app = "88.1021.150/App_mes"
	d.must(201, d.key, "POST", "/v1/identities", map[string]any{"identity": "300:" + app, "enterprise": enterprise, "role": "admin", "name": "MES",
		"publicKey": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))})

	f := func(token, call string, body any, code int, message string) hubAnswer {
		t.Helper()
		a := d.hub(token, call, body)
		if a.Code != code || a.Message != message {
			t.Errorf("%s: %d %s %.200s, want %d %s", call, a.Code, a.Message, a.Data, code, message)
		}
		return a
	}
	const processed = "operation was successfully processed"
	sign := func() map[string]string {
		t.Helper()
		var nonce string
		if err := json.Unmarshal(f("", "GET /api/v1/doip/public/challenge?handle="+app, nil, 1, processed).Data, &nonce); err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte(nonce))
		sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"handle": app, "signature": base64.StdEncoding.EncodeToString(sig)}
	}
	const verify = "POST /api/v1/doip/public/verify-response"
	wrong := sign()
	wrong["signature"] = "AAAA" + wrong["signature"][4:]
	f("", verify, wrong, 401, "认证失败")
	signed := sign()
	var login struct{ Token string }
	if err := json.Unmarshal(f("", verify, signed, 1, processed).Data, &login); err != nil {
		t.Fatal(err)
	}
	f("", verify, signed, 401, "认证失败") // the nonce was used
	token := login.Token

	const meta, id = "88.1021.150/META_pump", "88.1021.150/pump-1"
	item := func(code, english, chinese string, kind, required int) map[string]any {
		return map[string]any{"itemCode": code, "englishName": english, "chineseName": chinese, "required": required, "itemSchemaCreateDTO": map[string]any{"dataType": kind}}
	}
	f(token, "POST /api/v1/open/meta/create", map[string]any{
		"classifyCode": "UN_CLASSIFIED", "metaHandle": meta, "metaName": "泵", "metaCode": "pump",
		"industryCategory": "C", "industrySpecific": "34", "industryTrade": "344", "industrySubclass": "3441",
		"metaItemCreateDTOS": []any{item("1", "URL", "网址", 1, 1), item("2", "weight", "重量", 2, 0)}}, 1, "成功")
	operation := func(op, target string) string { return "POST /api/v1/doip?targetId=" + target + "&operationId=" + op }
	content := func(members map[string]any) map[string]any {
		return map[string]any{"type": meta, "attributes": map[string]any{"content": members}}
	}
	const site = "https://pump.example/1"
	record := content(map[string]any{"URL": site, "weight": "12.5"})
	f(token, operation("0.DOIP/Op.Create", id), record, 600, "元数据未发布")
	f(token, "PUT /api/v1/open/meta/publish-or-withdraw", map[string]any{"metaHandleList": []string{meta}, "opType": "publish"}, 10000, "成功")
	f(token, "GET /api/v1/doip?targetId="+meta+"&operationId=0.DOIP/Op.Retrieve", nil, 1, "成功")

	f(token, operation("0.DOIP/Op.Create", "88.1021.666/pump-1"), record, 701, "非本企业标识")
	f(token, operation("0.DOIP/Op.Create", id), content(map[string]any{"weight": "1"}), 601, "缺少必填字段 URL（索引 2000）")
	f(token, operation("0.DOIP/Op.Create", id), content(map[string]any{"URL": site, "colour": "red"}), 603, "实体colour不属于该元数据")
	f("", operation("0.DOIP/Op.Create", id), record, 101, "无效的token")
	f(token, operation("0.DOIP/Op.Create", id), record, 10000, "成功")
	f(token, operation("0.DOIP/Op.Create", id), record, 105, "标识对象已存在")
	const retrieve = "GET /api/v1/doip?targetId=" + id + "&operationId=0.DOIP/Op.Retrieve"
	elements := func(want string) {
		t.Helper()
		for _, as := range []string{token, ""} {
			var data struct {
				ID, Type   string
				Attributes struct {
					Elements []struct {
						Index, DataType   int
						Type, Name, Value string
					}
				}
			}
			if err := json.Unmarshal(f(as, retrieve, nil, 1, "成功").Data, &data); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(data); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
	elements("{" + id + " " + meta + " {[{2000 1 URL 网址 " + site + "} {2001 2 weight 重量 12.5}]}}")
	d.expect(id, site, site, site, site, site)

	f(token, operation("0.DOIP.EXTEND/Op.Update.Non.Overlay", id), content(map[string]any{"weight": 13}), 10000, "success")
	elements("{" + id + " " + meta + " {[{2000 1 URL 网址 " + site + "} {2001 2 weight 重量 13}]}}")
	const moved = "https://pump.example/2"
	f(token, operation("0.DOIP/Op.Update", id), content(map[string]any{"URL": moved}), 10000, "success")
	elements("{" + id + " " + meta + " {[{2000 1 URL 网址 " + moved + "}]}}")
	d.expect(id, moved, moved, moved, moved, moved)

	d.kill() // what was acknowledged is there, and the token is good
	d = startDaemon(t, dir)
	defer d.stop()
	f = func(token, call string, body any, code int, message string) hubAnswer {
		t.Helper()
		a := d.hub(token, call, body)
		if a.Code != code || a.Message != message {
			t.Errorf("%s: %d %s %.200s, want %d %s", call, a.Code, a.Message, a.Data, code, message)
		}
		return a
	}
	elements("{" + id + " " + meta + " {[{2000 1 URL 网址 " + moved + "}]}}")
	f(token, operation("0.DOIP/Op.Delete", id), nil, 10000, "成功")
	f(token, operation("0.DOIP/Op.Delete", id), nil, 104, "标识对象不存在")
	f("", retrieve, nil, 104, "标识对象不存在")

	// The Handle REST interface beside it is what it was.
	if code, out, err := d.call("", "GET", "/api/handles/"+app, nil); err != nil || code != 200 || !strings.Contains(string(out), `"responseCode":1`) {
		t.Errorf("GET /api/handles: %d %s, %v", code, out, err)
	}
	if code, out, err := d.call("", "GET", "/api/v1/open/unknown", nil); err != nil || code != 404 || !strings.Contains(string(out), "接口不存在") {
		t.Errorf("an unknown call: %d %s, %v", code, out, err)
	}
}
