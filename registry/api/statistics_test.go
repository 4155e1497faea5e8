package api_test

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestStatistics(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.counts.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		s.keys["auditor"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"self","role":"auditor"}`).want(201).field("key")
		s.keys["narrow"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"reader","scopes":["identifiers:read"]}`).want(201).field("key")
		for s.call("op", "GET", "/v1/statistics", "").want(200).field("totals.11.records") == "" {
			time.Sleep(time.Millisecond)
		}
		for _, id := range []string{"88.100.1/a", "88.100.1/b"} {
			s.call("a", "POST", "/v1/identifiers", `{"id":"`+id+`","values":[{"index":1,"type":"URL","data":"https://a.example/"}]}`).want(201)
		}
		s.call("a", "DELETE", "/v1/identifiers?id=88.100.1/b&reason=gone", "").want(200)
		s.call("b", "POST", "/v1/identifiers", `{"id":"88.100.2/a","values":[{"index":1,"type":"URL","data":"https://a.example/"}]}`).want(201)
		for s.call("op", "GET", "/v1/statistics", "").want(200).field("totals.11.registrations.created") != "3" {
			time.Sleep(time.Millisecond)
		}
		month := time.Now().In(time.FixedZone("CST", 8*60*60)).Format("2006-01")
		a := s.call("a", "GET", "/v1/statistics", "").want(200)
		if a.field("items.0.enterprise") != s.ents["a"] || a.field("items.1.enterprise") != "" || a.field("totals") != "" || strings.Contains(a.body, s.ents["b"]) {
			t.Errorf("of a: %s", a.body)
		}
		want := `"period":"` + month + `","resolutions":{"total":0,"found":0,"notFound":0,"other":0},"registrations":{"created":2,"updated":0,"revoked":1,"restored":0},"records":{"active":1,"revoked":1}}`
		if !strings.Contains(a.body, want) {
			t.Errorf("of a: %s", a.body)
		}
		for _, who := range []string{"op", "auditor"} {
			all := s.call(who, "GET", "/v1/statistics?by=prefix&granularity=day&from="+month+"&to="+month, "").want(200)
			if !strings.Contains(all.body, `"scheme":"handle","prefix":"88.100.1"`) || !strings.Contains(all.body, `"scheme":"handle","prefix":"88.100.2"`) || all.field("granularity") != "day" {
				t.Errorf("%s: %s", who, all.body)
			}
		}
		s.call("a", "GET", "/v1/statistics?enterprise="+s.ents["b"], "").wantProblem(403, "forbidden")
		s.call("a", "GET", "/v1/statistics?enterprise=nobody", "").wantProblem(403, "forbidden")
		s.call("narrow", "GET", "/v1/statistics", "").wantProblem(403, "forbidden")
		s.call("op", "GET", "/v1/statistics?enterprise=nobody", "").wantProblem(404, "not_found")
		for _, bad := range []string{"from=x", "to=2026-13", "granularity=year", "by=enterprise", "from=2026-02&to=2026-01", "from=1900-01"} {
			s.call("op", "GET", "/v1/statistics?"+bad, "").wantProblem(400, "invalid_request")
		}
	})
}
