package cli

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/standardwebhooks"
)

func TestWebhookCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	secret := standardwebhooks.NewSecret().Text()
	if err := os.WriteFile("secret", []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url, got := recording(t, map[string]string{
		"POST /v1/webhooks": `{"id":"w1","secret":"` + secret + `"}`, "GET /v1/webhooks": `{"items":[{"id":"w1","url":"https://x.example/","state":"active"}]}`,
		"GET /v1/webhooks/w1": `{"id":"w1","state":"disabled","reason":"410"}`, "PATCH /v1/webhooks/w1": `{"id":"w1","state":"active"}`, "DELETE /v1/webhooks/w1": ``,
		"POST /v1/webhooks/w1:rotate": `{"id":"w1","secret":"` + secret + `"}`, "POST /v1/webhooks/w1:test": `{"result":"delivered","status":204,"durationMs":12}`,
		"POST /v1/webhooks/w2:test": `{"result":"failed","error":"no answer in time"}`, "POST /v1/webhooks/w1:replay": `{"from":"2026-01-01T00:00:00Z","delivery":{"result":"delivered","status":200}}`,
		"GET /v1/webhooks/w1/deliveries": `{"items":[{"serial":1,"result":"failed","status":500,"message":"msg_1"}]}`,
	})
	for _, c := range []struct {
		args []string
		code int
		what string
		body string
		out  string
	}{
		{[]string{"create", "--url", "https://x.example/", "--event", "identifier.created,prefix.changed", "--namespace", "88.1", "--secret-file", "secret"}, 0,
			"POST /v1/webhooks", `{"events":["identifier.created","prefix.changed"],"namespaces":["88.1"],"secret":"` + secret + `","url":"https://x.example/"}`, secret},
		{[]string{"create", "--url", "https://x.example/", "-O", "new"}, 0, "POST /v1/webhooks", `{"url":"https://x.example/"}`, "secret of webhook w1 in new"},
		{[]string{"list"}, 0, "GET /v1/webhooks", "", "https://x.example/"},
		{[]string{"show", "w1"}, 0, "GET /v1/webhooks/w1", "", "410"},
		{[]string{"update", "w1", "--enable", "--description", ""}, 0, "PATCH /v1/webhooks/w1", `{"description":"","state":"active"}`, "w1 is active"},
		{[]string{"update", "w1"}, 2, "", "", ""},
		{[]string{"update", "w1", "--enable", "--disable"}, 2, "", "", ""},
		{[]string{"rotate", "w1", "--grace", "1h"}, 0, "POST /v1/webhooks/w1:rotate", `{"grace":"1h0m0s"}`, secret},
		{[]string{"test", "w1"}, 0, "POST /v1/webhooks/w1:test", "", "answered 204"},
		{[]string{"test", "w2"}, 1, "POST /v1/webhooks/w2:test", "", ""},
		{[]string{"replay", "w1"}, 2, "", "", ""},
		{[]string{"replay", "w1", "--message", "msg_1"}, 0, "POST /v1/webhooks/w1:replay", `{"message":"msg_1"}`, "answered 200"},
		{[]string{"replay", "w1", "--since", "2026-01-01T00:00:00Z"}, 0, "POST /v1/webhooks/w1:replay", `{"since":"2026-01-01T00:00:00Z"}`, "since 2026"},
		{[]string{"deliveries", "w1"}, 0, "GET /v1/webhooks/w1/deliveries", "", "msg_1"},
		{[]string{"delete", "w1"}, 0, "DELETE /v1/webhooks/w1", "", "deleted webhook w1"},
	} {
		*got = nil
		var out, errs strings.Builder
		code := Run(t.Context(), append([]string{"--server", url, "webhook"}, c.args...), IO{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(string) string { return "" }})
		if code != c.code || !strings.Contains(out.String(), c.out) {
			t.Errorf("%v: exit %d, %q, %q", c.args, code, out.String(), errs.String())
		}
		switch {
		case c.what == "" && len(*got) != 0, c.what != "" && len(*got) != 1:
			t.Errorf("%v: asked %+v", c.args, *got)
		case c.what != "" && ((*got)[0].what != c.what || strings.TrimSpace((*got)[0].body) != c.body):
			t.Errorf("%v: asked %+v, want %s %s", c.args, *got, c.what, c.body)
		}
	}
	if raw, err := os.ReadFile("new"); err != nil || strings.TrimSpace(string(raw)) != secret {
		t.Errorf("the file has %q, %v", raw, err)
	}
}

func TestWebhookVerify(t *testing.T) {
	t.Chdir(t.TempDir())
	secret := standardwebhooks.NewSecret()
	if err := os.WriteFile("secret", []byte(secret.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	body, sent := `{"type":"webhook.test"}`, time.Now().Add(-time.Hour)
	h := make(http.Header)
	standardwebhooks.SetHeaders(h, []standardwebhooks.Secret{secret}, "msg_1", sent, []byte(body))
	verify := func(body string, more ...string) int {
		args := append([]string{"webhook", "verify", "--secret-file", "secret", "--id", "msg_1", "--timestamp", h.Get(standardwebhooks.HeaderTimestamp),
			"--signature", h.Get(standardwebhooks.HeaderSignature)}, more...)
		var out, errs strings.Builder
		return Run(t.Context(), args, IO{In: strings.NewReader(body), Out: &out, Err: &errs, Getenv: func(string) string { return "" }})
	}
	at := []string{"--at", sent.Format(time.RFC3339)}
	if code := verify(body, at...); code != 0 {
		t.Errorf("a good message: exit %d", code)
	}
	if code := verify(body); code != 1 {
		t.Errorf("an old message: exit %d", code)
	}
	if code := verify(body+" ", at...); code != 1 {
		t.Errorf("another body: exit %d", code)
	}
	if code := verify(body, "--secret-file", "none"); code != 1 {
		t.Errorf("no secret: exit %d", code)
	}
}
