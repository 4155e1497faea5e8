package api_test

import (
	"testing"
)

// TestPrefixApplication: applied for, returned, amended, approved; and the quota that came with it.
func TestPrefixApplication(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		s.keys["admin"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin"}`).want(201).field("key")
		s.keys["reviewer"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"self","role":"reviewer"}`).want(201).field("key")
		const path = "/v1/prefix-applications"
		s.call("a", "POST", path, `{}`).wantProblem(403, "forbidden")
		s.call("admin", "POST", path, `{"prefix":"88.100.2"}`).wantProblem(409, "already_exists")
		s.call("admin", "POST", path, `{"prefix":"88.7.1"}`).wantProblem(400, "invalid_prefix")
		s.call("admin", "POST", path, `{"colour":"red"}`).wantProblem(400, "invalid_request")
		made := s.call("admin", "POST", path, `{"prefix":"88.100.30","quota":{"records":2},"purpose":"轴承"}`, "Idempotency-Key: one").want(201)
		id := made.field("id")
		if made.field("state") != "pending" || made.header.Get("Location") != path+"/"+id || made.header.Get("ETag") != `"1"` {
			t.Errorf("made %v %s", made.header, made.body)
		}
		if again := s.call("admin", "POST", path, `{"prefix":"88.100.30","quota":{"records":2},"purpose":"轴承"}`, "Idempotency-Key: one").want(201); again.body != made.body {
			t.Errorf("repeated: %s", again.body)
		}
		s.call("b", "GET", path+"/"+id, "").wantProblem(404, "not_found")
		s.call("admin", "POST", path+"/"+id+":approve", "").wantProblem(403, "forbidden")
		s.call("reviewer", "POST", path+"/"+id+":return", "").wantProblem(400, "invalid_request")
		s.call("reviewer", "POST", path+"/"+id+":return", `{"reason":"which products?"}`).want(200)
		s.call("admin", "PATCH", path+"/"+id, `{"purpose":"深沟球轴承"}`, `If-Match: "1"`).wantProblem(412, "version_mismatch")
		s.call("admin", "PATCH", path+"/"+id, `{"purpose":"深沟球轴承"}`, `If-Match: "2"`).want(200)
		s.call("reviewer", "POST", path+"/"+id+":approve", "").wantProblem(409, "invalid_state")
		s.call("admin", "POST", path+"/"+id+":submit", "").want(200)
		s.call("reviewer", "POST", path+"/"+id+":frobnicate", "").wantProblem(400, "invalid_request")
		if a := s.call("reviewer", "POST", path+"/"+id+":approve", `{}`).want(200); a.field("allocated") != "88.100.30" {
			t.Errorf("approved: %s", a.body)
		}
		if a := s.call("admin", "GET", path+"?state=approved", "").want(200); a.field("items.0.id") != id {
			t.Errorf("listed: %s", a.body)
		}
		for _, sn := range []string{"1", "2"} {
			s.call("a", "POST", "/v1/identifiers", body("88.100.30/"+sn, "x")).want(201)
		}
		s.call("a", "POST", "/v1/identifiers", body("88.100.30/3", "x")).wantProblem(403, "quota_records")
		if a := s.call("a", "GET", "/v1/prefixes:usage?prefix=88.100.30", "").want(200); a.field("records") != "2" || a.field("requestsToday") != "2" {
			t.Errorf("usage: %s", a.body)
		}
		s.call("b", "GET", "/v1/prefixes:usage?prefix=88.100.30", "").wantProblem(403, "not_your_namespace")
		s.call("op", "PATCH", "/v1/prefixes?prefix=88.100.30", `{"quota":{"requestsPerDay":1}}`).want(200)
		if a := s.call("a", "POST", "/v1/identifiers", body("88.100.30/3", "x")); a.status != 201 && a.header.Get("Retry-After") == "" {
			t.Errorf("over the day's quota: %d %v", a.status, a.header)
		}
	})
}

// TestProblemLanguage: errors are told in the language asked for, with what to do about them.
func TestProblemLanguage(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		for accept, want := range map[string][3]string{
			"":               {"en", "Not found", "Check the name; it may not be registered yet, or not be visible to you."},
			"zh-CN,en;q=0.5": {"zh", "未找到", "请核对名称；可能尚未注册，或您无权查看。"},
		} {
			a := s.call("op", "GET", "/v1/enterprises/nobody", "", "Accept-Language: "+accept).wantProblem(404, "not_found")
			if a.header.Get("Content-Language") != want[0] || a.field("title") != want[1] || a.field("action") != want[2] {
				t.Errorf("%q: %v %s", accept, a.header, a.body)
			}
		}
		if a := s.call("op", "GET", "/v1/enterprises/nobody", "", "Accept-Language: zh").want(404); a.field("detail") != "没有企业 nobody" {
			t.Errorf("detail: %s", a.body)
		}
	})
}
