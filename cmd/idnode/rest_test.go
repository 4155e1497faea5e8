package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

var (
	sessionID = regexp.MustCompile(`node0[0-9a-z]+`)
	nonceText = regexp.MustCompile(`nonce"?[=:]"([^"]*)"`)
)

// TestCapturedREST replays what clients of the REST interface and of the proxy sent, in their order, within TLS where they
// did, and compares with what the reference server answered.
func TestCapturedREST(t *testing.T) {
	d := capturedNode(t)
	defer d.stop()
	key, err := auth.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: handletest.Key(t, "admin_rsa")}), nil)
	if err != nil {
		t.Fatal(err)
	}
	var session string
	var nonce []byte
	n := 0
	for _, v := range handletest.RESTVectors(t) {
		n++
		t.Run(v.Name, func(t *testing.T) {
			request := v.Request()
			if session != "" {
				request = sessionID.ReplaceAll(request, []byte(session))
			}
			if v.Number() == "161" { // signed anew: over our nonce
				request = signAnew(t, request, key, nonce)
			}
			got, want := d.raw(t, v.Transport == "https", request), readReply(t, bytes.NewReader(v.Response()))
			if got.status != want.status {
				t.Fatalf("status %d, want %d\n%s", got.status, want.status, got.body)
			}
			for _, name := range []string{"Content-Type", "Location"} {
				if name == "Content-Type" && len(want.body) == 0 {
					continue
				}
				if got.header.Get(name) != want.header.Get(name) {
					t.Errorf("%s: %q, want %q", name, got.header.Get(name), want.header.Get(name))
				}
			}
			if got.header.Get("Expires") == "" != (want.header.Get("Expires") == "") {
				t.Errorf("Expires: %q, want %q", got.header.Get("Expires"), want.header.Get("Expires"))
			}
			if a, b := schemes(got.header), schemes(want.header); !slices.Equal(a, b) {
				t.Errorf("WWW-Authenticate: %q, want %q", a, b)
			}
			switch v.Number() {
			case "135": // our page is another one, of the same values
				for _, text := range []string{"88.990.1001/item-1", "https://example.invalid/item/1", "mailto:owner@example.invalid", "测试产品 item one", "HS_ADMIN", "88.990/admin"} {
					if !strings.Contains(string(got.body), text) {
						t.Errorf("the page has no %q:\n%s", text, got.body)
					}
				}
				return
			case "160":
				var made struct{ SessionID, Nonce string }
				if err := json.Unmarshal(got.body, &made); err != nil {
					t.Fatal(err)
				}
				session = made.SessionID
				if nonce, err = base64.StdEncoding.DecodeString(made.Nonce); err != nil || len(nonce) != 16 {
					t.Errorf("nonce %q: %v", made.Nonce, err)
				}
			}
			compareBodies(t, v.Number(), got.body, want.body)
		})
	}
	if n != 37 {
		t.Errorf("%d exchanges", n)
	}
}

// schemes are the ways to authenticate that a response offers, and its error, without session and nonce.
func schemes(h http.Header) (out []string) {
	for _, text := range h.Values("WWW-Authenticate") {
		scheme, _, _ := strings.Cut(text, " ")
		_, failure, _ := strings.Cut(text, "error=")
		out = append(out, scheme+failure)
		if scheme == "Handle" && !nonceText.MatchString(text) {
			out = append(out, "without a nonce: "+text)
		}
	}
	return out
}

func signAnew(t *testing.T, request []byte, key auth.PrivateKey, nonce []byte) []byte {
	t.Helper()
	cnonce := regexp.MustCompile(`cnonce="([^"]*)"`).FindSubmatch(request)[1]
	octets, err := base64.StdEncoding.DecodeString(string(cnonce))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := auth.AnswerWithKey(key, handle.Latest, identifier.Ref{Handle: "88.990/admin", Index: 300}, nonce, octets)
	if err != nil {
		t.Fatal(err)
	}
	signature := answer[4+len("SHA-256")+4:]
	return regexp.MustCompile(`signature="[^"]*"`).ReplaceAll(request, []byte(`signature="`+base64.StdEncoding.EncodeToString(signature)+`"`))
}

// compareBodies compares JSON by what it says, without session ids, nonces and times of now, and all else as it is.
func compareBodies(t *testing.T, number string, got, want []byte) {
	t.Helper()
	if !json.Valid(want) {
		if string(got) != string(want) {
			t.Errorf("body %q, want %q", got, want)
		}
		return
	}
	var a, b map[string]any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		t.Fatal(err)
	}
	for _, m := range []map[string]any{a, b} {
		for _, name := range []string{"sessionId", "nonce"} {
			if _, ok := m[name]; ok {
				m[name] = "some"
			}
		}
		if number == "155" { // each parser has its own words
			delete(m, "message")
		}
		if list, ok := m["handles"].([]any); ok { // in any order: how many, and of which prefix
			for i, h := range list {
				list[i] = strings.HasPrefix(h.(string), "88.990.1003/L")
			}
		}
		values, _ := m["values"].([]any)
		for _, v := range values {
			if at, ok := v.(map[string]any)["timestamp"].(string); ok && at > "2026" { // written by a vector before
				v.(map[string]any)["timestamp"] = "now"
			}
		}
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}
