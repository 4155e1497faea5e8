package api_test

import (
	"strings"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestApplication: an enterprise without a credential applies, amends with the key it got, and is approved.
func TestApplication(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		a := s.call("nobody", "POST", "/v1/applications", `{"enterprise":{"name":"海北","contact":{"name":"王","idType":"passport","idNumber":"E12345678"}},
			"prefix":{"prefix":"88.100.77","mode":"delegated","service":{"ip":"192.0.2.1","tcp":2641},"purpose":"bearings"}}`).want(201)
		if a.field("state") != "pending" {
			t.Errorf("applied: %s", a.body)
		}
		s.keys["applicant"] = a.field("key")
		s.keys["reviewer"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"self","role":"reviewer"}`).want(201).field("key")
		s.keys["auditor"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"self","role":"auditor"}`).want(201).field("key")
		path := "/v1/enterprises/" + a.field("id")

		e := s.call("applicant", "GET", path, "").want(200)
		if e.header.Get("ETag") != `"1"` || e.field("prefixApplication") == "" || e.field("contact.idNumber") != "E12345678" || strings.Contains(e.body, "missing") {
			t.Errorf("shown to the applicant: %s %s", e.header.Get("ETag"), e.body)
		}
		if e := s.call("auditor", "GET", path, "").want(200); e.field("contact.idNumber") != "E12****78" {
			t.Errorf("shown to an auditor: %s", e.body)
		}
		if e := s.call("reviewer", "GET", path, "").want(200); e.field("missing.0") != "/creditCode" || e.field("contact.idNumber") != "E12345678" {
			t.Errorf("shown to a reviewer: %s", e.body)
		}
		s.call("a", "GET", path, "").wantProblem(403, "forbidden")
		s.call("applicant", "POST", "/v1/apikeys", `{"enterprise":"`+a.field("id")+`","role":"writer"}`).wantProblem(403, "enterprise_suspended")
		s.call("applicant", "POST", "/v1/accounts", `{"username":"somebody","password":"correct horse","enterprise":"`+a.field("id")+`","roles":["writer"]}`).wantProblem(403, "enterprise_suspended")
		e = s.call("applicant", "PATCH", path, `{"region":"320505","contact":{"phone":"0512-66668888"}}`, `If-Match: "1"`, "Content-Type: application/merge-patch+json").want(200)
		if e.field("province") != "320000" || e.field("county") != "320505" || e.field("contact.name") != "王" || e.header.Get("ETag") != `"2"` {
			t.Errorf("amended: %s", e.body)
		}
		if p := s.call("applicant", "PATCH", path, `{"region":null}`, `If-Match: "1"`).wantProblem(412, "version_mismatch"); p.field("current") != "2" || p.field("expected") != "1" {
			t.Errorf("stale: %s", p.body)
		}
		if p := s.call("applicant", "PATCH", path, `{"region":"1","industry":"x"}`).wantProblem(400, "invalid_enterprise"); p.field("errors.1.location") == "" {
			t.Errorf("two mistakes: %s", p.body)
		}
		s.call("applicant", "PATCH", path, `{"state":"active"}`).wantProblem(400, "invalid_request")
		s.call("applicant", "PATCH", path, `{"contact":{"phone":1}}`).wantProblem(400, "invalid_request")
		s.call("applicant", "POST", path+":approve", "").wantProblem(403, "forbidden")
		s.call("reviewer", "POST", path+":return", "").wantProblem(400, "invalid_request")
		s.call("reviewer", "POST", path+":return", `{"reason":"phone"}`).want(200)
		s.call("applicant", "POST", path+":submit", "").want(200)
		e = s.call("reviewer", "POST", path+":approve", `{"verification":{"method":"visit","source":"licence","result":"passed"}}`).want(200)
		if e.field("state") != "active" || e.field("verification.method") != "visit" || e.field("verification.role") != "reviewer" {
			t.Errorf("approved: %s", e.body)
		}
		s.call("applicant", "POST", "/v1/apikeys", `{"enterprise":"`+a.field("id")+`","role":"writer"}`).want(201)
		if e = s.call("applicant", "PATCH", path, `{"name":"海南"}`).want(200); e.field("change.patch.name") != "海南" || e.field("name") != "海北" {
			t.Errorf("proposed: %s", e.body)
		}
		if e = s.call("reviewer", "POST", path+":return", `{"reason":"no proof"}`).want(200); e.field("changeReason") != "no proof" || e.field("state") != "active" {
			t.Errorf("returned change: %s", e.body)
		}
		if l := s.call("applicant", "GET", "/v1/audit?op=enterprise.&order=desc", "").want(200); !strings.Contains(l.body, `"op":"enterprise.change.return"`) || l.field("next") != "" {
			t.Errorf("audit: %s", l.body)
		}
		s.call("a", "GET", "/v1/audit", "").wantProblem(403, "forbidden")
		s.call("op", "GET", "/v1/audit?order=up", "").wantProblem(400, "invalid_request")
		s.call("op", "GET", "/v1/audit?since=yesterday", "").wantProblem(400, "invalid_request")
	})
}

// TestApplicationBounds: what anyone may send is small and rare.
func TestApplicationBounds(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	s.call("nobody", "POST", "/v1/applications", `{"enterprise":{"name":"`+strings.Repeat("x", 300<<10)+`"}}`).wantProblem(413, "too_large")
	s.call("nobody", "POST", "/v1/applications", `{"enterprise":{"name":"x"},"prefix":{"prefix":"20.500"}}`).wantProblem(400, "invalid_enterprise")
	s.call("nobody", "POST", "/v1/enterprises", `{"name":"x"}`).wantProblem(401, "unauthenticated")
	for range 5 {
		s.call("nobody", "POST", "/v1/applications", `{"enterprise":{"name":"x"}}`).want(201)
	}
	p := s.call("nobody", "POST", "/v1/applications", `{"enterprise":{"name":"x"}}`, "Accept-Language: zh-CN").wantProblem(429, "too_many_requests")
	if p.header.Get("Retry-After") == "" || !strings.Contains(p.field("detail"), "同一网络") {
		t.Errorf("sixth: %s", p.body)
	}
}
