package api_test

import (
	"strings"
	"testing"
)

func TestReports(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		s.keys["admin"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin"}`).want(201).field("key")
		o := s.call("op", "GET", "/v1/operator", "").want(200)
		if o.field("id") != "self" || o.header.Get("ETag") != `"1"` {
			t.Errorf("operator: %s", o.body)
		}
		o = s.call("op", "PATCH", "/v1/operator", `{"name":"海北二级节点","realNameCheck":{"mode":"self"}}`, `If-Match: "1"`).want(200)
		if o.field("name") != "海北二级节点" || o.field("realNameCheck.mode") != "self" {
			t.Errorf("operator: %s", o.body)
		}
		s.call("op", "PATCH", "/v1/operator", `{"name":"x"}`, `If-Match: "1"`).wantProblem(412, "version_mismatch")
		s.call("admin", "PATCH", "/v1/operator", `{"name":"x"}`).wantProblem(403, "forbidden")

		r := s.call("op", "GET", "/v1/reports/T1", "").want(200)
		if r.field("table") != "T1" || r.field("complete") != "false" || r.field("rows.0.items.0.value") != "海北二级节点" || r.field("rows.0.items.44.number") != "45" {
			t.Errorf("T1: %s", r.body)
		}
		app := s.call("admin", "POST", "/v1/apps", `{"name":"溯源","type":"mini_program","users":3,"recursiveServer":{"ip":"192.0.2.1","port":3641}}`).want(201)
		path := "/v1/apps/" + app.field("id")
		if app.header.Get("Location") != path || app.field("enterprise") != s.ents["a"] {
			t.Errorf("app: %s", app.body)
		}
		s.call("admin", "PATCH", path, `{"users":4}`, `If-Match: "9"`).wantProblem(412, "version_mismatch")
		s.call("admin", "PATCH", path, `{"usres":4}`).wantProblem(400, "invalid_request")
		if got := s.call("admin", "PATCH", path, `{"users":4}`, `If-Match: "1"`).want(200); got.field("users") != "4" || got.header.Get("ETag") != `"2"` {
			t.Errorf("patched: %s", got.body)
		}
		s.call("b", "GET", path, "").wantProblem(404, "not_found")
		r = s.call("admin", "GET", "/v1/reports/T10", "").want(200)
		if r.field("rows.0.app") != app.field("id") || r.field("rows.0.items.2.missing") != "true" || r.field("rows.0.items.1.value.code") != "2" {
			t.Errorf("T10: %s", r.body)
		}
		s.call("admin", "GET", "/v1/reports/T1", "").wantProblem(403, "forbidden")
		s.call("op", "GET", "/v1/reports/T9", "").wantProblem(404, "not_found")
		s.call("admin", "DELETE", path, "").want(204)
		if l := s.call("op", "GET", "/v1/apps", "").want(200); l.field("items.0") != "" {
			t.Errorf("apps: %s", l.body)
		}
		f := s.call("nobody", "GET", "/v1/forms/T6", "").want(200)
		if f.header.Get("Content-Type") != "application/schema+json" || !strings.Contains(f.body, `"单位名称 / Name"`) {
			t.Errorf("form: %s", f.body)
		}
		s.call("nobody", "GET", "/v1/forms/T2", "").wantProblem(404, "not_found")
	})
}
