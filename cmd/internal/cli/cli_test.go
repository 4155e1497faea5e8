package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs idctl with an empty environment and returns what it printed and its exit code.
func run(t *testing.T, in string, args ...string) (out, errs string, code int) {
	t.Helper()
	return runEnv(t, nil, in, args...)
}

func runEnv(t *testing.T, env map[string]string, in string, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e strings.Builder
	code = Run(t.Context(), args, IO{In: strings.NewReader(in), Out: &o, Err: &e, Getenv: func(k string) string { return env[k] }})
	return o.String(), e.String(), code
}

// unused is an address on this machine at which nobody listens.
func unused(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{
		{"frob"},
		{"--frob", "version"},
		{"resolve"},
		{"resolve", "a", "b"},
		{"resolve", "88.1/x", "--via", "carrier-pigeon"},
		{"resolve", "88.1/x", "--index", "0"},
		{"resolve", "88.1/x", "--tls"},
		{"resolve", "88.1/x", "--scheme", "isbn"},
		{"resolve", "88.1/x", "--zone", "id.example"},
		{"resolve", "88.1/x", "--fallback", "--via", "handle-tcp"},
		{"resolve", "88.1/x", "--fallback", "--via", "dns"},
		{"trace"},
		{"trace", "88.1/x", "--via", "handle-tcp"},
		{"register"},
		{"register", "88.1/x"},
		{"register", "88.1/x", "--value", "URL=x"},
		{"register", "88.1/x", "--value", "0:URL=x"},
		{"register", "88.1/x", "--value", "1:=x"},
		{"register", "88.1/x", "--value", "1:URL=x", "-f", "x.json"},
		{"mint", "88.1"},
		{"mint", "88.1", "{serial:3}"},
		{"mint", "88.1", "{serial:3}", "--count", "2", "-f", "x.json"},
		{"revoke", "88.1/x"},
		{"import"},
		{"import", "records.txt"},
		{"import", "--mode", "merge", "records.ndjson"},
		{"import", "--encoding", "ebcdic", "records.csv"},
		{"export", "-f", "xlsx"},
		{"enterprise"},
		{"enterprise", "frob"},
		{"enterprise", "create"},
		{"prefix", "create", "88.1"},
		{"prefix", "create", "88.1", "--enterprise", "e", "--mode", "delegated"},
		{"prefix", "create", "88.1", "--enterprise", "e", "--mode", "delegated", "--ip", "192.0.2.1"},
		{"prefix", "create", "oid:1.2", "--scheme", "gs1", "--enterprise", "e"},
		{"prefix", "create", "88.1", "--enterprise", "e", "--match", "x"},
		{"prefix", "create", "88.1", "--enterprise", "e", "--pattern", "https://x/", "--match", "x", "--match", "y"},
		{"prefix", "update", "88.1"},
		{"prefix", "update", "88.1", "--mode", "both"},
		{"prefix", "update", "88.1", "--pattern", "https://x/", "--no-patterns"},
		{"prefix", "transfer", "88.1"},
		{"key", "create"},
		{"key", "create", "--enterprise", "e", "--expires", "2001-01-01"},
		{"list", "--limit", "-1"},
		{"list", "-o", "yaml"},
		{"list", "--server", "127.0.0.1:8080"},
	} {
		out, errs, code := run(t, "", args...)
		if code != exitUsage || out != "" || !strings.HasPrefix(errs, "idctl: ") {
			t.Errorf("idctl %v: exit %d, out %q, err %q; want exit 2 and a message", args, code, out, errs)
		}
	}
}

func TestVersion(t *testing.T) {
	out, _, code := run(t, "", "version")
	if code != exitDone || !strings.HasPrefix(out, "idctl ") {
		t.Errorf("version: exit %d, out %q", code, out)
	}
	out, _, code = run(t, "", "version", "-o", "json")
	if code != exitDone || !json.Valid([]byte(out)) {
		t.Errorf("version -o json: exit %d, out %q", code, out)
	}
}

func TestExitCodeOfAnswers(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tc := range []struct {
		status int
		kind   string
		body   string
		code   int
		says   string
	}{
		{200, "application/json", `{"id":"88.1/x","version":2,"values":[]}`, exitDone, ""},
		{404, "application/problem+json", `{"status":404,"code":"not_found","detail":"no such record"}`, exitNotFound, "idctl: 88.1/x: not_found: no such record\n"},
		{410, "application/problem+json", `{"code":"revoked","detail":"recalled"}`, exitNotFound, "idctl: 88.1/x: revoked: recalled\n"},
		{401, "application/problem+json", `{"code":"unauthenticated","detail":"no key"}`, exitDenied, "idctl: 88.1/x: unauthenticated: no key; is --key-file right?\n"},
		{403, "application/problem+json", `{"code":"not_your_namespace","detail":"88.1 is another's"}`, exitDenied, "idctl: 88.1/x: not_your_namespace: 88.1 is another's\n"},
		{412, "application/problem+json", `{"code":"version_mismatch","detail":"the version is 7","current":7,"expected":3}`, exitFailed, "idctl: 88.1/x: version_mismatch: the version is 7 (expected 3)\n"},
		{422, "application/problem+json", `{"title":"Unprocessable Entity","status":422,"errors":[{"message":"too big","location":"query.version"}]}`, exitFailed, "idctl: 88.1/x: unprocessable entity; too big (at query.version)\n"},
		{400, "application/problem+json", `{"code":"invalid_request","detail":"from 1","errors":[{"message":"from 1","location":"version"}]}`, exitFailed, "idctl: 88.1/x: invalid_request: from 1 (at version)\n"},
		{502, "text/html", "<h1>Bad\x1b[31m gateway</h1>\nmore", exitFailed, "idctl: 88.1/x: 502 bad gateway: <h1>Bad\\x1b[31m gateway</h1>\n"},
		{200, "application/json", `{"id":`, exitFailed, ""},
		{302, "text/plain", "elsewhere", exitFailed, ""},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tc.kind)
			w.WriteHeader(tc.status)
			_, _ = w.Write([]byte(tc.body))
		}))
		out, errs, code := run(t, "", "get", "88.1/x", "--server", srv.URL)
		if code != tc.code || tc.says != "" && errs != tc.says {
			t.Errorf("status %d %s: exit %d, out %q, err %q; want exit %d, err %q", tc.status, tc.body, code, out, errs, tc.code, tc.says)
		}
		if _, errs, _ := run(t, "", "get", "88.1/x", "--server", srv.URL, "-o", "json"); tc.code != exitDone && !json.Valid([]byte(errs)) {
			t.Errorf("status %d %s: with -o json the error is %q", tc.status, tc.body, errs)
		}
		srv.Close()
	}
}

func TestUnreachable(t *testing.T) {
	t.Chdir(t.TempDir())
	addr := unused(t)
	for _, args := range [][]string{
		{"get", "88.1/x", "--server", "http://" + addr},
		{"resolve", "88.1/x", "--server", "http://" + addr},
		{"resolve", "88.1/x", "--addr", addr},
		{"resolve", "88.1/x", "--via", "grpc", "--addr", addr},
		{"resolve", "88.1/x", "--via", "handle-tcp", "--addr", addr},
		{"resolve", "88.1/x", "--via", "handle-udp", "--addr", addr},
	} {
		out, errs, code := run(t, "", args...)
		if code != exitFailed || out != "" || !strings.Contains(errs, "refused") || strings.Count(errs, "\n") != 1 {
			t.Errorf("idctl %v: exit %d, out %q, err %q; want exit 1 and one line", args, code, out, errs)
		}
	}
	_, errs, code := run(t, "", "get", "88.1/x", "--server", "http://"+addr, "-o", "json")
	var e struct{ Code string }
	if code != exitFailed || json.Unmarshal([]byte(errs), &e) != nil || e.Code != "unreachable" {
		t.Errorf("with -o json: exit %d, err %q", code, errs)
	}
}

func TestExitCode(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, exitDone},
		{errors.New("x"), exitFailed},
		{context.Canceled, exitFailed},
		{usagef("x"), exitUsage},
		{&outcome{code: exitNotFound}, exitNotFound},
		{&problem{Status: 401}, exitDenied},
		{&problem{Status: 404}, exitNotFound},
		{&problem{Status: 500}, exitFailed},
		{&unreachable{"x", errors.New("y")}, exitFailed},
	} {
		if got := exitCode(tc.err); got != tc.want {
			t.Errorf("exitCode(%#v) = %d, want %d", tc.err, got, tc.want)
		}
	}
}

const testKey = "idn_k1_c2VjcmV0"

func TestKeySearch(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(name string, env map[string]string, server, keyFile, want, wantErr string) {
		t.Helper()
		a := &app{IO: IO{Getenv: func(k string) string { return env[k] }}, server: server, keyFile: keyFile}
		got, err := a.key()
		if got != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: key %q, err %v; want %q, %q", name, got, err, want, wantErr)
		}
	}
	const here, there = "http://127.0.0.1:8080", "https://node.example.com"

	check("nothing there", nil, here, "", "", "")
	check("named file missing", nil, here, "gone.key", "", "no such file")

	write("data/operator.key", "idn_data_x\n")
	check("data", nil, here, "", "idn_data_x", "")
	write(".run/data/operator.key", "idn_run_x\n")
	check("make run before data", nil, here, "", "idn_run_x", "")
	write("elsewhere/operator.key", testKey+"\n")
	env := map[string]string{"IDNODE_DATA_DIR": filepath.Join(dir, "elsewhere")}
	check("environment first", env, here, "", testKey, "")
	check("IPv6 loopback", env, "http://[::1]:8080", "", testKey, "")
	check("localhost", env, "http://localhost:8080", "", testKey, "")
	check("a found key stays here", env, there, "", "", "")
	check("a named key goes anywhere", env, there, "data/operator.key", "idn_data_x", "")

	write("bad.key", "hunter2\n")
	check("no key", nil, here, "bad.key", "", "does not hold")
	write("two.key", testKey+"\nidn_k2_y\n")
	check("two keys", nil, here, "two.key", "", "does not hold")
	write("long.key", strings.Repeat("x", maxKeyFile+1))
	check("long", nil, here, "long.key", "", "longer than")
	write("elsewhere/operator.key", "")
	check("found but empty", env, here, "", "", "does not hold")
}

func TestKeyIsSent(t *testing.T) {
	t.Chdir(t.TempDir())
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		_, _ = w.Write([]byte(`{"responseCode":1,"id":"88.1/x","items":[]}`))
	}))
	defer srv.Close()
	if err := os.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("data/operator.key", []byte(testKey), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{nil, []string{"list", "--server", srv.URL}, "Bearer " + testKey},
		{nil, []string{"resolve", "88.1/x", "--server", srv.URL}, ""},
		{map[string]string{"IDCTL_SERVER": srv.URL, "IDCTL_KEY_FILE": "data/operator.key"}, []string{"resolve", "88.1/x"}, "Bearer " + testKey},
	} {
		got = "nothing"
		if _, errs, code := runEnv(t, tc.env, "", tc.args...); code != exitDone || got != tc.want {
			t.Errorf("idctl %v: exit %d %s, sent %q, want %q", tc.args, code, errs, got, tc.want)
		}
	}
}

func TestParseValue(t *testing.T) {
	for text, want := range map[string]newValue{
		"1:URL=https://example.com/?a=b": {Index: 1, Type: "URL", Data: "https://example.com/?a=b"},
		"2147483647:DESC.ZH=轴承":          {Index: maxIndex, Type: "DESC.ZH", Data: "轴承"},
		"3:NOTE=":                        {Index: 3, Type: "NOTE", Data: ""},
	} {
		if got, err := parseValue(text); err != nil || got != want {
			t.Errorf("parseValue(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestRegisterBody(t *testing.T) {
	t.Chdir(t.TempDir())
	var method, target, body, header string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		method, target, body, header = r.Method, r.URL.String(), string(b), r.Header.Get("If-Match")+r.Header.Get("Idempotency-Key")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"id":"88.1/x","version":1,"values":[]}`))
	}))
	defer srv.Close()
	const file = `{"id":"88.1/x","values":[{"index":1,"type":"URL","data":"u"}]}`
	for _, tc := range []struct {
		in, method, target, body, header string
		args                             []string
	}{
		{"", "POST", "/v1/identifiers", `{"id":"88.1/x","values":[{"index":1,"type":"URL","data":"u=v","ttl":0},{"index":2,"type":"DESC","data":"轴承","ttl":0}]}`, "k1",
			[]string{"register", "88.1/x", "--value", "1:URL=u=v", "--value", "2:DESC=轴承", "--ttl", "0", "--idempotency-key", "k1"}},
		{file, "POST", "/v1/identifiers", file, "", []string{"register", "-f", "-"}},
		{"", "POST", "/v1/identifiers:mint", `{"prefix":"88.1","rule":"{serial:3}","start":7,"count":2,"record":{"values":[{"index":1,"type":"URL","data":"u"}]},"reason":"lot"}`, "k2",
			[]string{"mint", "88.1", "{serial:3}", "--count", "2", "--value", "1:URL=u", "--start", "7", "--reason", "lot", "--idempotency-key", "k2"}},
		{`{"values":[]} {"fields":{}}`, "POST", "/v1/identifiers:mint", `{"scheme":"oid","prefix":"1.2","rule":"{serial}","items":[{"values":[]},{"fields":{}}],"dryRun":true}`, "",
			[]string{"mint", "1.2", "{serial}", "--scheme", "oid", "-f", "-", "--dry-run"}},
		{`{"values":[]}`, "POST", "/v1/identifiers", `{"id":"88.1/x","values":[]}`, "", []string{"register", "88.1/x", "-f", "-"}},
		{file, "PUT", "/v1/identifiers?id=88.1%2Fx", file, `"3"`, []string{"replace", "88.1/x", "-f", "-", "--if-version", "3"}},
		{"", "DELETE", "/v1/identifiers?id=88.1%2Fx&reason=worn+out&successor=88.1%2Fy", "", "", []string{"revoke", "88.1/x", "--reason", "worn out", "--successor", "88.1/y"}},
	} {
		_, errs, code := run(t, tc.in, append(tc.args, "--server", srv.URL)...)
		if code != exitDone || method != tc.method || target != tc.target || body != tc.body || header != tc.header {
			t.Errorf("idctl %v: exit %d %s\n sent %s %s %s %q\n want %s %s %s %q", tc.args, code, errs, method, target, body, header, tc.method, tc.target, tc.body, tc.header)
		}
	}
	for _, in := range []string{"", "{", file + file, `{"id":7}`, `{"values":[]}`} {
		if _, errs, code := run(t, in, "register", "-f", "-", "--server", srv.URL); code == exitDone {
			t.Errorf("register -f - of %q succeeded: %s", in, errs)
		}
	}
	if _, _, code := run(t, file, "register", "88.1/other", "-f", "-", "--server", srv.URL); code != exitUsage {
		t.Errorf("two identifiers: exit %d, want 2", code)
	}
}

func TestKeyCreateKeepsTheKey(t *testing.T) {
	t.Chdir(t.TempDir())
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked > 2 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"id":"k1","key":"` + testKey + `"}`))
	}))
	defer srv.Close()
	create := func(args ...string) (string, int) {
		t.Helper()
		out, _, code := run(t, "", append([]string{"key", "create", "--enterprise", "e1", "--server", srv.URL}, args...)...)
		return out, code
	}
	if out, code := create(); code != exitDone || out != testKey+"\n" {
		t.Errorf("key create: exit %d, out %q", code, out)
	}
	if out, code := create("-O", "mes.key"); code != exitDone || strings.Contains(out, testKey) {
		t.Errorf("key create -O: exit %d, out %q", code, out)
	}
	if key, err := readKey("mes.key"); err != nil || key != testKey {
		t.Errorf("key file holds %q, %v", key, err)
	}
	if info, err := os.Stat("mes.key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
	if _, code := create("-O", "mes.key"); code != exitFailed || asked != 2 {
		t.Errorf("over an existing file: exit %d, %d keys made; want 1 and 2", code, asked)
	}
	if _, code := create("-O", "denied.key"); code != exitDenied {
		t.Errorf("denied: exit %d, want 4", code)
	}
	if _, err := os.Stat("denied.key"); err == nil {
		t.Error("a refused key left a file")
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"轴承 Φ25　®":   "轴承 Φ25　®",
		"a\x1b[31mb": `a\x1b[31mb`,
		"a\nb\tc":    `a\nb\tc`,
		"\u202egnp":  `\u202egnp`,
		"bad\xffend": `bad\xffend`,
		"true\uFFFD": "true\uFFFD",
		"":           "",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}
