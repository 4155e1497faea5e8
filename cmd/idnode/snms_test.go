package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestSNMSLogin logs in as software of the market does, and uses the token.
func TestSNMSLogin(t *testing.T) {
	d := startDaemon(t, t.TempDir(), "IDNODE_AUTH_LOCKOUT_FAILURES=3")
	defer d.stop()
	enterprise, key := d.tenant("Alice", "88.1021.150")
	d.must(201, d.key, "POST", "/v1/accounts", map[string]any{"username": "mes", "password": "correct horse", "enterprise": enterprise, "roles": []string{"writer"}})
	sum := func(text string) string {
		h := sha256.Sum256([]byte(text))
		return hex.EncodeToString(h[:])
	}
	beijing := time.FixedZone("CST", 8*60*60)
	today := sum(sum("correct horse") + time.Now().In(beijing).Format(time.DateOnly))
	old := sum(sum("correct horse") + "2019-08-15")
	id, secret, _ := strings.Cut(strings.TrimPrefix(key, "idn_"), "_")
	f := func(path, username, password string, status int, message string) string {
		t.Helper()
		code, out, err := d.call("", "POST", path, map[string]string{"username": username, "password": password})
		if err != nil {
			t.Fatal(err)
		}
		var a struct {
			Message string
			Status  int
			Data    *struct{ Token string }
		}
		if err := json.Unmarshal(out, &a); err != nil || code != 200 || a.Status != status || a.Message != message || (a.Data != nil) != (status == 1) {
			t.Errorf("%s %s: %d %s, %v", path, username, code, out, err)
		}
		if a.Data == nil {
			return ""
		}
		return a.Data.Token
	}
	for i, token := range []string{
		f("/identity/token", "mes", "correct horse", 1, "success"),
		f("/identity/token/v1", "MES", today, 1, "success"),
		f("/identity/token", id, secret, 1, "success"), // AK and SK
	} {
		name := "88.1021.150/T-" + string(rune('a'+i))
		d.must(201, token, "POST", "/v1/identifiers", record(name, "u"))
	}
	f("/identity/token", "mes", "", -2, "缺少必要的请求参数: password")
	f("/identity/token", "nobody", "x", -2, "用户名/密码错误！")
	f("/identity/token/v1", "mes", old, -2, "用户名/密码错误！")
	f("/identity/token", "mes", "wrong", -2, "用户名/密码错误！")
	f("/identity/token", "mes", "wrong again", -2, "用户名/密码错误！")
	if code, out, err := d.call("", "POST", "/identity/token", map[string]string{"username": "mes", "password": "correct horse"}); err != nil || code != 200 || strings.Contains(string(out), "token\":\"") {
		t.Errorf("a locked account logs in: %s, %v", out, err)
	}
	if code, out, err := d.call("", "GET", "/identity/token", nil); err != nil || code != 405 {
		t.Errorf("GET: %d %s, %v", code, out, err)
	}
}
