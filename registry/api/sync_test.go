package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/registry/topsync"
)

// silentTarget is a top-level node that does not answer.
type silentTarget struct{}

func (silentTarget) Push(context.Context, topsync.Batch) (topsync.Receipt, error) {
	return topsync.Receipt{}, errors.New("no answer")
}

func TestSync(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		s.keys["auditor"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"self","role":"auditor"}`).want(201).field("key")
		s.call("a", "GET", "/v1/sync", "").wantProblem(403, "forbidden")
		s.call("auditor", "GET", "/v1/sync?target=nobody", "").wantProblem(404, "not_found")
		s.call("auditor", "GET", "/v1/sync?table=T1", "").wantProblem(404, "not_found")
		st := s.call("auditor", "GET", "/v1/sync", "").want(200)
		if st.field("targets.0.name") != "top" || st.field("targets.0.tables.1.table") != "T9" || st.field("targets.0.tables.1.state") != "ok" {
			t.Errorf("status: %s", st.body)
		}
		s.call("auditor", "POST", "/v1/sync:pause", "").wantProblem(403, "forbidden")
		s.call("op", "POST", "/v1/sync:pause", `{"table":"T12"}`).wantProblem(404, "not_found")
		s.call("op", "POST", "/v1/sync:replay", `{"from":7}`).wantProblem(400, "invalid_request")
		s.call("op", "POST", "/v1/sync:replay", `{"from":7,"table":"T9"}`).wantProblem(400, "invalid_request")
		if st := s.call("op", "POST", "/v1/sync:pause", `{"table":"T9","reason":"their maintenance"}`).want(200); st.field("targets.0.tables.1.state") != "paused" || st.field("targets.0.tables.0.state") != "ok" {
			t.Errorf("paused: %s", st.body)
		}
		if st := s.call("op", "POST", "/v1/sync:resume", "").want(200); st.field("targets.0.tables.1.state") != "ok" {
			t.Errorf("resumed: %s", st.body)
		}
		if a := s.call("op", "GET", "/v1/audit", "").want(200); !strings.Contains(a.body, "sync.pause") || !strings.Contains(a.body, "their maintenance") {
			t.Error("orders are not audited")
		}

		s.call("auditor", "POST", "/v1/sync:abnormal", `{"category":"1"}`).wantProblem(403, "forbidden")
		s.call("op", "POST", "/v1/sync:abnormal", `{"category":"5"}`).wantProblem(400, "invalid_request")
		s.call("op", "POST", "/v1/sync:abnormal", `{"category":"1","number":"x"}`).wantProblem(400, "invalid_request")
		s.call("op", "POST", "/v1/sync:abnormal", `{"category":"1","at":"2099-01-01T00:00:00Z"}`).wantProblem(400, "invalid_request")
		number := s.call("op", "POST", "/v1/sync:abnormal", `{"category":"3","cause":"a flood of requests"}`).want(200).field("number")
		s.call("op", "POST", "/v1/sync:normal", `{"number":"2000"}`).wantProblem(404, "not_found")
		if e := s.call("op", "POST", "/v1/sync:normal", `{"number":"`+number+`","cause":"one network","solution":"it was shut out"}`).want(200); e.field("recovered") == "" || e.field("closedBy") == "" {
			t.Errorf("the end of an event: %s", e.body)
		}
		s.call("op", "POST", "/v1/sync:normal", `{"number":"`+number+`"}`).wantProblem(409, "invalid_state")

		month := time.Now().In(topsync.China).Format("2006-01")
		if m := s.call("auditor", "GET", "/v1/reports/monthly", "").want(200); m.field("month") != month || m.field("complete") != "false" || m.field("emergencies.0.solution") != "it was shut out" {
			t.Errorf("monthly: %s", m.body)
		}
		if m := s.call("op", "GET", "/v1/reports/monthly?format=html", "", "Accept-Language: zh").want(200); !strings.Contains(m.body, "二级节点运行月报") || !strings.Contains(m.header.Get("Content-Type"), "text/html") {
			t.Errorf("monthly as a page: %s", m.body)
		}
		s.call("op", "GET", "/v1/reports/monthly?format=pdf", "").wantProblem(400, "invalid_request")
		s.call("op", "GET", "/v1/reports/monthly?month=2001-01", "").wantProblem(404, "not_found")
		s.call("op", "GET", "/v1/reports/monthly?month=now", "").wantProblem(400, "invalid_request")
		s.call("a", "GET", "/v1/reports/monthly", "").wantProblem(403, "forbidden")
	})
}

func TestReceiveReports(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		const right = `{"table":"T9","seq":1,"key":"x","op":"add","time":"2026-11-22T16:00:00Z","data":{"identifier":"88.100.9/x","created":"2026-11-22","operation":"1"}}`
		ndjson := "Content-Type: application/x-ndjson"
		s.call("a", "POST", "/v1/reports/T9", right, ndjson).wantProblem(409, "invalid_state") // nothing is delegated
		s.call("op", "POST", "/v1/prefixes", `{"prefix":"88.100.9","enterprise":"`+s.ents["a"]+`","mode":"delegated","service":{"ip":"192.0.2.1","tcp":2641}}`).want(201)
		s.call("reader", "POST", "/v1/reports/T9", right, ndjson).wantProblem(403, "forbidden")
		s.call("a", "POST", "/v1/reports/T3", right, ndjson).wantProblem(404, "not_found")
		s.call("a", "POST", "/v1/reports/T9", "nonsense", ndjson).wantProblem(400, "invalid_request")
		s.call("a", "POST", "/v1/reports/T9", right, "Content-Type: text/html").wantProblem(415, "unsupported_media_type")

		body := strings.Join([]string{right, strings.NewReplacer(`"seq":1`, `"seq":2`, "88.100.9/x", "88.100.2/x").Replace(right),
			strings.NewReplacer(`"seq":1`, `"seq":3`, `"created":"2026-11-22"`, `"created":"22.11."`).Replace(right), strings.Replace(right, `"seq":1`, `"seq":4`, 1)}, "\n")
		out := s.call("a", "POST", "/v1/reports/T9", body, ndjson).want(200)
		for field, want := range map[string]string{"acknowledged": "4", "accepted": "2", "duplicates": "0", "results.0.result": "accepted", "results.1.result": "refused",
			"results.1.faults.0.field": "/data/identifier", "results.2.faults.0.field": "/data/created", "results.3.line": "4", "rejected.0.seq": "2"} {
			if got := out.field(field); got != want {
				t.Errorf("%s is %q, want %q in %s", field, got, want, out.body)
			}
		}
		again := s.call("a", "POST", "/v1/reports/T9", strings.Join([]string{right, strings.Replace(right, `"seq":1`, `"seq":2`, 1)}, "\n")+"\n", ndjson, "Accept-Language: zh").want(200)
		if again.field("results.0.result") != "duplicate" || again.field("results.1.result") != "accepted" || again.field("acknowledged") != "4" {
			t.Errorf("again: %s", again.body)
		}
		if zh := s.call("a", "POST", "/v1/reports/M2", `{"table":"M2","seq":1,"key":"x","op":"add","time":"2026-11-22T16:00:00Z","data":{}}`, ndjson, "Accept-Language: zh").want(200); zh.field("results.0.faults.0.detail") != "必填" {
			t.Errorf("in Chinese: %s", zh.body)
		}
		if st := s.call("op", "GET", "/v1/sync?table=T9", "").want(200); st.field("targets.0.tables.0.last") != "3" || st.field("targets.0.tables.0.lagRows") != "0" {
			t.Errorf("rows that wait for the end of the day: %s", st.body)
		}
		s.keys["narrow"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"writer","scopes":["reports:write"]}`).want(201).field("key")
		s.call("narrow", "POST", "/v1/reports/T9", right, ndjson).want(200)
		s.call("narrow", "GET", "/v1/identifiers", "").wantProblem(403, "forbidden")
	})
}
