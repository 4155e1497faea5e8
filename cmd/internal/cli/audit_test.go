package cli

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/auditchain"
)

// auditLog is an export of n entries, and their heads.
func auditLog(n int) (export []byte, heads []auditchain.Head) {
	store := auditchain.StoreID{7}
	hash := auditchain.Start(store)
	export = auditchain.AppendAnchor(nil, auditchain.Anchor{Store: store, Hash: hash})
	heads = []auditchain.Head{{Store: store, Hash: hash, Time: time.Unix(1767225600, 0).UTC()}}
	for i := 1; i <= n; i++ {
		key := binary.BigEndian.AppendUint64([]byte{'a'}, uint64(1767225600e9+i*1e9))
		key = append(key, "12345678"...)
		value := fmt.Appendf(nil, `{"op":"test","id":"%d"}`, i)
		hash = auditchain.Next(hash, uint64(i), key, auditchain.Leaf(value))
		export = auditchain.AppendEntry(export, auditchain.Entry{N: uint64(i), Hash: hash, Key: key, Value: value})
		heads = append(heads, auditchain.Head{Store: store, N: uint64(i), Hash: hash, Time: time.Unix(1767225600+int64(i), 0).UTC()})
	}
	return auditchain.AppendEnd(export, heads[n]), heads
}

func TestAuditVerifyFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	export, heads := auditLog(5)
	write := func(name string, b []byte) string {
		t.Helper()
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := write("good.ndjson", export)
	changed := write("changed.ndjson", bytes.Replace(export, []byte(`"id":"3"`), []byte(`"id":"4"`), 1))
	cut := write("cut.ndjson", export[:len(export)/2])
	shorter, _ := auditLog(3)
	short := write("short.ndjson", shorter)

	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	var kept, forged bytes.Buffer
	for _, n := range []int{0, 2, 5} {
		h := heads[n]
		h.Sign(key)
		text, _ := json.MarshalIndent(h, "", "  ")
		kept.Write(text)
		h.Time = h.Time.Add(time.Hour)
		text, _ = json.Marshal(h)
		forged.Write(text)
	}
	headFile, forgedFile := write("heads.json", kept.Bytes()), write("forged.json", forged.Bytes())
	at := func(n int) string { return fmt.Sprintf("%d:%s", n, heads[n].Hash) }

	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-f", good}, 0, "verified: 5 entries, 1 to 5\nhead: " + at(5) + "\n"},
		{[]string{"-f", good, "--head", at(2), "--head", at(5), "--head-file", headFile}, 0, "verified: 5 entries"},
		{[]string{"-f", changed}, 1, "idctl: not verified: entry 3 is not what was chained"},
		{[]string{"-f", cut}, 1, "idctl: not verified: the export ends at line "},
		{[]string{"-f", short}, 0, "verified: 3 entries, 1 to 3\n"},
		{[]string{"-f", short, "--head", at(5)}, 1, "idctl: not verified: the log ends before entry 5: its end was removed"},
		{[]string{"-f", good, "--head", fmt.Sprintf("2:%s", heads[3].Hash)}, 1, "idctl: not verified: entry 2 has another hash"},
		{[]string{"-f", good, "--head-file", forgedFile}, 1, "idctl: forged.json: the signature of head 0 is not that of its key"},
		{[]string{"-f", good, "--head-file", good}, 1, "idctl: "},
		{[]string{"-f", filepath.Join(dir, "none")}, 1, "idctl: "},
		{[]string{"-f", good, "--head", "5"}, 2, "idctl: --head is N:HASH"},
		{[]string{"-f", good, "more"}, 2, "idctl: "},
	} {
		out, errs, code := run(t, "", append([]string{"audit", "verify"}, tt.args...)...)
		if code != tt.code || !strings.HasPrefix(out+errs, tt.says) {
			t.Errorf("%v: exit %d, %q %q; want %d, %q", tt.args, code, out, errs, tt.code, tt.says)
		}
	}
	if out, errs, code := run(t, string(export), "audit", "verify", "-f", "-", "-o", "json"); code != 0 || errs != "" || !strings.Contains(out, `"verified": true`) || !strings.Contains(out, `"entries": 5`) {
		t.Errorf("json: exit %d, %s %s", code, out, errs)
	}
	if out, errs, code := run(t, "", "audit", "verify", "-f", changed, "-o", "json"); code != 1 || errs != "" || !strings.Contains(out, `"kind": "changed"`) || !strings.Contains(out, `"n": 3`) {
		t.Errorf("json: exit %d, %s %s", code, out, errs)
	}
	if _, errs, _ := runEnv(t, map[string]string{"LANG": "zh_CN.UTF-8"}, "", "audit", "verify", "-f", changed); !strings.HasPrefix(errs, "idctl: 验证未通过：条目 3 ") {
		t.Errorf("in Chinese: %s", errs)
	}
}

// TestAuditErrors: whatever may be wrong is told in idctl's words.
func TestAuditErrors(t *testing.T) {
	for _, kind := range []string{auditchain.Changed, auditchain.Removed, auditchain.Disorder, auditchain.NoValue, auditchain.Foreign, auditchain.Truncated,
		auditchain.Unlike, auditchain.Trimmed, auditchain.Malformed, auditchain.Cut, auditchain.Aborted} {
		p := &auditchain.Problem{Kind: kind, N: 7, Line: 8, Text: "x"}
		if got := auditError(p).Error(); got != "not verified: "+p.Error() {
			t.Errorf("%s: %q, not %q", kind, got, p)
		}
	}
}

// auditServer is a node with that export; what is nil in answers is as it should be.
func auditServer(t *testing.T, export []byte, head auditchain.Head, verify string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/audit/head":
			_ = json.NewEncoder(w).Encode(head)
		case "/v1/audit:verify":
			_, _ = w.Write([]byte(verify))
		case "/v1/audit:export":
			if from := r.URL.Query().Get("from"); from == "9" {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(`{"code":"forbidden","detail":"no"}`))
				return
			}
			_, _ = w.Write(export)
			if bytes.HasSuffix(export, []byte("\n")) {
				return
			}
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAuditOnline(t *testing.T) {
	t.Chdir(t.TempDir())
	export, heads := auditLog(5)
	const well = `{"verified":true,"pending":2,"unchained":0}`
	changed := bytes.Replace(export, []byte(`"id":"3"`), []byte(`"id":"4"`), 1)
	shorter, _ := auditLog(3)
	unsigned := heads[5]
	unsigned.Signature = []byte("x")
	for _, tt := range []struct {
		name   string
		export []byte
		head   auditchain.Head
		verify string
		args   []string
		code   int
		says   string
	}{
		{"verified", export, heads[5], well, nil, 0, "verified: 5 entries, 1 to 5; 2 newer ones are not in the chain yet\nhead: 5:"},
		{"with a head", export, heads[4], well, []string{"--head", fmt.Sprintf("1:%s", heads[1].Hash)}, 0, "verified: 5 entries"},
		{"changed", changed, heads[5], well, nil, 1, "idctl: not verified: entry 3 "},
		{"shorter than its head", shorter, heads[5], well, nil, 1, "idctl: not verified: the log ends before entry 5"},
		{"strangers", export, heads[5], `{"unchained":2,"strangers":[{"key":"YQ"}]}`, nil, 1, "idctl: not verified: 2 entries of the audit log are not in its chain"},
		{"the node finds something", export, heads[5], `{"problem":{"kind":"no_value","n":4}}`, nil, 1, "idctl: not verified: entry 4 is in the chain, but"},
		{"the node's signature is wrong", export, unsigned, well, nil, 1, "idctl: http"},
		{"no answer of ours", export, heads[5], "x", nil, 1, "idctl: answer of"},
		{"stalls", export[:300], heads[5], well, []string{"--timeout", "100ms"}, 1, "idctl: no answer from"},
	} {
		url := auditServer(t, tt.export, tt.head, tt.verify)
		out, errs, code := run(t, "", append([]string{"audit", "verify", "--server", url}, tt.args...)...)
		if code != tt.code || !strings.HasPrefix(out+errs, tt.says) {
			t.Errorf("%s: exit %d, %q %q; want %d, %q", tt.name, code, out, errs, tt.code, tt.says)
		}
	}
	url := auditServer(t, export, heads[5], `{"unchained":1,"strangers":[{"key":"YQ"}]}`)
	if out, _, code := run(t, "", "audit", "verify", "--server", url, "-o", "json"); code != 1 || !strings.Contains(out, `"verified": false`) || !strings.Contains(out, `"key": "YQ"`) {
		t.Errorf("json: exit %d, %s", code, out)
	}
	if out, _, code := run(t, "", "audit", "head", "--server", url); code != 0 || out != fmt.Sprintf("5:%s  2026-01-01T00:00:05Z\n", heads[5].Hash) {
		t.Errorf("head: exit %d, %q", code, out)
	}

	if out, errs, code := run(t, "", "audit", "export", "--server", url); code != 0 || out != string(export) || !strings.Contains(errs, "exported 5 entries, up to 5:") {
		t.Errorf("export: exit %d, %q %q", code, out, errs)
	}
	for _, tt := range []struct {
		name   string
		export []byte
		args   []string
		code   int
		says   string
		file   bool
	}{
		{"whole", export, nil, 0, "idctl: exported 5", true},
		{"part", export, []string{"--from", "1", "--to", "2026-02-01"}, 0, "idctl: exported 5", true},
		{"of a damaged log", changed, nil, 1, "idctl: not verified: entry 3 ", true},
		{"cut", export[:bytes.LastIndexByte(export[:len(export)-1], '\n')+1], nil, 1, "idctl: not verified: the export ends at line 6", false},
		{"cut, of a damaged log", changed[:bytes.LastIndexByte(changed[:len(changed)-1], '\n')+1], nil, 1, "idctl: not verified: the export ends at line 6", false},
		{"ended by the node", auditchain.AppendError(export[:bytes.IndexByte(export, '\n')+1:bytes.IndexByte(export, '\n')+1], "conflict", "trimmed"), nil, 1, "idctl: not verified: the node ended the export at line 2: conflict: trimmed", false},
		{"stalls", export[:300], []string{"--timeout", "100ms"}, 1, "idctl: no answer from", false},
		{"denied", export, []string{"--from", "9"}, 4, "idctl: forbidden: no", false},
		{"no bound", export, []string{"--to", "soon"}, 2, "idctl: ", false},
	} {
		name := filepath.Join(t.TempDir(), "audit.ndjson")
		url := auditServer(t, tt.export, heads[5], "")
		out, errs, code := run(t, "", append([]string{"audit", "export", "-O", name, "--server", url}, tt.args...)...)
		if code != tt.code || !strings.HasPrefix(errs, tt.says) || out != "" {
			t.Errorf("export %s: exit %d, %q %q; want %d, %q", tt.name, code, out, errs, tt.code, tt.says)
		}
		if written, err := os.ReadFile(name); (err == nil) != tt.file || tt.file && !bytes.Equal(written, tt.export) {
			t.Errorf("export %s: the file: %v, %d octets", tt.name, err, len(written))
		}
	}
}
