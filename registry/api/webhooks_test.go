package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/standardwebhooks"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestWebhooks goes through a webhook's life over HTTP, with a real receiver.
func TestWebhooks(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.hooks.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })

	type message struct {
		header http.Header
		body   []byte
	}
	got := make(chan message, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- message{r.Header, body}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(receiver.Close)

	s.keys["admin"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin"}`).want(201).field("key")
	made := s.call("admin", "POST", "/v1/webhooks", `{"url":"`+receiver.URL+`/hook","events":["identifier.created"],"description":"MES"}`).want(201)
	id := made.field("id")
	secret, err := standardwebhooks.ParseSecret(made.field("secret"))
	if err != nil || made.header.Get("Location") != "/v1/webhooks/"+id || made.header.Get("ETag") != `"1"` {
		t.Fatalf("made %s, %v", made.body, err)
	}
	if a := s.call("admin", "GET", "/v1/webhooks/"+id, "").want(200); strings.Contains(a.body, "whsec") || a.field("state") != "active" || a.field("description") != "MES" {
		t.Errorf("read %s", a.body)
	}
	if a := s.call("op", "GET", "/v1/webhooks?enterprise="+s.ents["a"], "").want(200); !strings.Contains(a.body, id) {
		t.Errorf("list %s", a.body)
	}
	if a := s.call("op", "GET", "/v1/webhooks?enterprise="+s.ents["b"], "").want(200); strings.Contains(a.body, id) {
		t.Errorf("list of b %s", a.body)
	}

	if a := s.call("admin", "POST", "/v1/webhooks/"+id+":test", "").want(200); a.field("result") != "delivered" || a.field("event") != "webhook.test" {
		t.Errorf("test %s", a.body)
	}
	m := <-got
	if err := secret.Verify(m.header, m.body, time.Now()); err != nil || !strings.Contains(string(m.body), `"webhook.test"`) {
		t.Errorf("the test %s: %v", m.body, err)
	}
	s.call("a", "POST", "/v1/identifiers", `{"id":"88.100.1/x","values":[{"index":1,"type":"URL","data":"https://x.example"}]}`).want(201)
	m = <-got
	if err := secret.Verify(m.header, m.body, time.Now()); err != nil || !strings.Contains(string(m.body), `"88.100.1/x"`) {
		t.Errorf("the message %s: %v", m.body, err)
	}
	first := m.header.Get(standardwebhooks.HeaderID)
	var list struct {
		Items []struct{ Message, Kind, Result string }
		Next  string
	}
	for deadline := time.Now().Add(10 * time.Second); len(list.Items) < 2 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err := json.Unmarshal([]byte(s.call("admin", "GET", "/v1/webhooks/"+id+"/deliveries", "").want(200).body), &list); err != nil {
			t.Fatal(err)
		}
	}
	if len(list.Items) != 2 || list.Items[0].Message != first || list.Items[0].Kind != "change" || list.Items[1].Kind != "test" {
		t.Errorf("deliveries %+v", list)
	}
	if a := s.call("admin", "POST", "/v1/webhooks/"+id+":replay", `{"message":"`+first+`"}`).want(200); !strings.Contains(a.body, `"kind":"replay"`) {
		t.Errorf("replay %s", a.body)
	}
	if m := <-got; m.header.Get(standardwebhooks.HeaderID) != first {
		t.Errorf("replayed %s", m.header.Get(standardwebhooks.HeaderID))
	}
	if a := s.call("admin", "POST", "/v1/webhooks/"+id+":replay", `{"since":"`+time.Now().Add(-time.Minute).Format(time.RFC3339)+`"}`).want(200); a.field("from") == "" {
		t.Errorf("replay %s", a.body)
	}
	if m := <-got; m.header.Get(standardwebhooks.HeaderID) != first {
		t.Errorf("replayed since %s", m.header.Get(standardwebhooks.HeaderID))
	}

	rotated := s.call("admin", "POST", "/v1/webhooks/"+id+":rotate", `{"grace":"1h"}`).want(200)
	if rotated.field("secret") == made.field("secret") || rotated.field("previousUntil") == "" {
		t.Errorf("rotated %s", rotated.body)
	}
	if a := s.call("admin", "PATCH", "/v1/webhooks/"+id, `{"state":"disabled"}`, "If-Match: \"1\"").want(412); a.field("code") != registry.CodeVersionMismatch {
		t.Errorf("%s", a.body)
	}
	if a := s.call("admin", "PATCH", "/v1/webhooks/"+id, `{"state":"disabled"}`).want(200); a.field("state") != "disabled" {
		t.Errorf("%s", a.body)
	}
	s.call("admin", "DELETE", "/v1/webhooks/"+id, "").want(204)
	s.call("admin", "GET", "/v1/webhooks/"+id, "").want(404)
}

// TestWebhookProblems has requests that are refused, with what they are told.
func TestWebhookProblems(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	s.keys["admin"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin"}`).want(201).field("key")
	s.keys["other"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["b"]+`","role":"admin"}`).want(201).field("key")
	s.keys["reads"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin","scopes":["identifiers:read"]}`).want(201).field("key")
	s.keys["hooks"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin","scopes":["webhooks:write"]}`).want(201).field("key")
	id := s.call("hooks", "POST", "/v1/webhooks", `{"url":"https://receiver.example/"}`).want(201).field("id")
	one := "/v1/webhooks/" + id
	tests := []struct {
		who, method, path, body string
		status                  int
		code                    string
	}{
		{"", "GET", "/v1/webhooks", "", 401, registry.CodeUnauthenticated},
		{"a", "GET", "/v1/webhooks", "", 403, registry.CodeForbidden},
		{"a", "POST", "/v1/webhooks", `{"url":"https://receiver.example/"}`, 403, registry.CodeForbidden},
		{"reads", "GET", "/v1/webhooks", "", 403, registry.CodeForbidden},
		{"reads", "POST", one + ":test", "", 403, registry.CodeForbidden},
		{"other", "GET", one, "", 404, registry.CodeNotFound},
		{"other", "GET", one + "/deliveries", "", 404, registry.CodeNotFound},
		{"other", "POST", one + ":test", "", 404, registry.CodeNotFound},
		{"other", "POST", one + ":replay", `{"message":"m"}`, 404, registry.CodeNotFound},
		{"other", "POST", one + ":rotate", "", 404, registry.CodeNotFound},
		{"other", "DELETE", one, "", 404, registry.CodeNotFound},
		{"admin", "POST", "/v1/webhooks", `{"url":"https://192.168.1.1/"}`, 400, registry.CodeInvalidRequest},
		{"admin", "POST", "/v1/webhooks", `{"url":"http://receiver.example/","events":["x"]}`, 400, registry.CodeInvalidRequest},
		{"admin", "POST", "/v1/webhooks", `{"url":"https://receiver.example/","secret":"whsec_short"}`, 400, registry.CodeInvalidRequest},
		{"admin", "POST", "/v1/webhooks", `{"urls":[]}`, 400, registry.CodeInvalidRequest},
		{"admin", "POST", one + ":replay", `{}`, 400, registry.CodeInvalidRequest},
		{"admin", "POST", one + ":replay", `{"message":"m","since":"2026-01-01T00:00:00Z"}`, 400, registry.CodeInvalidRequest},
		{"admin", "POST", one + ":replay", `{"message":"m"}`, 404, registry.CodeNotFound},
		{"admin", "POST", one + ":rotate", `{"grace":"soon"}`, 400, registry.CodeInvalidRequest},
		{"admin", "POST", one + ":explode", `{}`, 404, registry.CodeNotFound},
		{"admin", "GET", one + "/deliveries?cursor=x", "", 400, registry.CodeInvalidCursor},
	}
	for _, test := range tests {
		a := s.call(test.who, test.method, test.path, test.body)
		if a.status != test.status || a.field("code") != test.code {
			t.Errorf("%s %s %s %s: %d %s", test.who, test.method, test.path, test.body, a.status, a.body)
		}
	}
	if a := s.call("admin", "POST", "/v1/webhooks", `{"url":"ftp://x","events":["x"]}`, "Accept-Language: zh-CN").want(400); !strings.Contains(a.body, "网址") || !strings.Contains(a.body, "/events/0") {
		t.Errorf("in Chinese: %s", a.body)
	}
}
