package api_test

import (
	"strings"
	"testing"
)

// TestMint: identifiers are made by a rule and registered at once.
func TestMint(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		const path = "/v1/identifiers:mint"
		f := func(a *answer, member, want string) {
			t.Helper()
			if got := a.field(member); got != want {
				t.Errorf("%s is %q, want %q: %s", member, got, want, a.body)
			}
		}
		all := s.call("a", "POST", path, `{"prefix":"88.100.1","rule":"SN-{serial:4}","count":2,"record":{"values":[{"index":1,"type":"URL","data":"u"}]}}`).want(201)
		if all.body != `{"items":[{"id":"88.100.1/SN-0001","version":1},{"id":"88.100.1/SN-0002","version":1}]}` {
			t.Errorf("answer: %s", all.body)
		}
		items := `{"prefix":"handle:88.100.1","rule":"SN-{serial:4}","items":[{"values":[{"index":1,"type":"URL","data":"u3"}]},{"values":[{"index":1,"type":"URL","data":"u4"}]}],"reason":"night shift"}`
		f(s.call("a", "POST", path, strings.Replace(items, `"reason"`, `"dryRun":true,"reason"`, 1)).want(200), "items.1.id", "88.100.1/SN-0004")
		s.call("a", "GET", "/v1/identifiers?id=88.100.1/SN-0004", "").want(404)
		f(s.call("a", "POST", path, items).want(201), "items.1.id", "88.100.1/SN-0004")
		f(s.call("a", "GET", "/v1/identifiers?id=88.100.1/SN-0004", "").want(200), "values.0.data", "u4")
		history := s.call("a", "GET", "/v1/identifiers:history?id=88.100.1/SN-0004", "").want(200)
		f(history, "items.0.by.via", "mint")
		f(history, "items.0.reason", "night shift")

		for name, body := range map[string]string{
			"invalid_request":    `{"prefix":"88.100.1","rule":"SN-{serial:4}","items":[],"count":3}`,
			"invalid_request 2":  `{"prefix":"88.100.1","rule":"SN-{serial:4}"}`,
			"invalid_request 3":  `{"prefix":"88.100.1","rule":"SN-{serial:4}","count":-1}`,
			"invalid_request 4":  `{"prefix":"88.100.1","rule":"SN-{serial:4}","items":[{"id":"88.100.1/x"}]}`,
			"invalid_request 5":  `{"prefix":"88.100.1","rule":"SN","count":1}`,
			"invalid_request 6":  `{"prefix":"88.100.1","rule":"SN-{serial:4}","count":1,"unknown":1}`,
			"invalid_prefix":     `{"rule":"SN-{serial:4}","count":1}`,
			"invalid_value":      `{"prefix":"88.100.1","rule":"SN-{serial:4}","items":[{"values":[{"index":0,"type":"URL","data":"u"}]}]}`,
			"not_your_namespace": `{"prefix":"88.100.2","rule":"SN-{serial:4}","count":1}`,
			"too_large":          `{"prefix":"88.100.1","rule":"SN-{serial:4}","count":1001}`,
		} {
			code, _, _ := strings.Cut(name, " ")
			status := map[string]int{"not_your_namespace": 403, "too_large": 413}[code]
			if status == 0 {
				status = 400
			}
			s.call("a", "POST", path, body).wantProblem(status, code)
		}
		s.call("", "POST", path, items).wantProblem(401, "unauthenticated")
	})
}
