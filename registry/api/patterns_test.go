package api_test

import "testing"

func TestPatterns(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		create := `{"prefix":"88.100.7","enterprise":"` + s.ents["a"] + `","patterns":[{"match":"SN-([0-9]+)","url":"https://x.example/{1}"},{"url":"https://x.example/?{suffix}","type":"INFO","index":5,"ttl":60}]}`
		a := s.call("op", "POST", "/v1/prefixes", create).want(201)
		if a.field("patterns.0.match") != "SN-([0-9]+)" || a.field("patterns.1.index") != "5" {
			t.Errorf("created %s", a.body)
		}
		const target = "/v1/prefixes?scheme=handle&prefix=88.100.7"
		a = s.call("a", "GET", target, "").want(200)
		if a.field("patterns.0.url") != "https://x.example/{1}" || a.field("patterns.1.type") != "INFO" {
			t.Errorf("read %s", a.body)
		}
		for body, field := range map[string]string{
			`{"patterns":[{"url":"https://x.example/","match":"("}]}`:      "/patterns/0/match",
			`{"patterns":[{"url":"x"}]}`:                                   "/patterns/0/url",
			`{"patterns":[{"url":"https://x.example/","ttl":-1}]}`:         "/patterns/0/ttl",
			`{"mode":"delegated","service":{"ip":"192.0.2.1","tcp":2641}}`: "/patterns",
		} {
			if a := s.call("op", "PATCH", target, body).wantProblem(400, "invalid_prefix"); a.field("errors.0.location") != field {
				t.Errorf("%s: %s, want %s", body, a.body, field)
			}
		}
		s.call("op", "PATCH", target, `{"patterns":[{"url":"https://x.example/","uri":"x"}]}`).wantProblem(400, "invalid_request")
		s.call("a", "PATCH", target, `{"patterns":[]}`).wantProblem(403, "forbidden")
		if a := s.call("op", "PATCH", target, `{"patterns":[]}`).want(200); a.field("patterns") != "" {
			t.Errorf("removed: %s", a.body)
		}
	})
}
