package cli

import (
	"os"
	"strings"
	"testing"
)

func TestReportMonthly(t *testing.T) {
	t.Chdir(t.TempDir())
	url, _ := recording(t, map[string]string{"GET /v1/reports/monthly": `{"month":"2026-11","availability":99.9,"stops":[{"from":"2026-11-01T00:00:00Z"}]}`})
	run := func(args ...string) string {
		var out, errs strings.Builder
		if code := Run(t.Context(), append([]string{"--server", url, "report", "monthly"}, args...), IO{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(string) string { return "" }}); code != 0 {
			t.Errorf("%v: exit %d: %s", args, code, errs.String())
		}
		return out.String()
	}
	if out := run(); !strings.Contains(out, "99.9") {
		t.Errorf("monthly: %s", out)
	}
	run("--month", "2026-11", "-O", "page.html")
	if page, err := os.ReadFile("page.html"); err != nil || !strings.Contains(string(page), "2026-11") {
		t.Errorf("page: %s, %v", page, err)
	}
}

func TestSyncCommands(t *testing.T) {
	const status = `{"day":"2026-11-23","gatherLagSeconds":0,"targets":[{"name":"top","kind":"jsonlines","tables":[
		{"table":"T8","state":"failing","acknowledged":3,"released":5,"last":5,"oldest":1,"lagRows":2,"lagSeconds":90,"refused":1,"failing":{"since":"2026-11-23T07:00:00Z","attempts":4,"next":"2026-11-23T08:00:00Z","error":"no answer in time"}}]}],
		"withheld":[{"table":"T6","things":1}],"things":[{"table":"T6","key":"e1","faults":[{"field":"/data/address","detail":"required"}]}],
		"refused":[{"target":"top","table":"T8","seq":2,"key":"88.1.2 2026-11-22 1","by":"target","detail":"too many","at":"2026-11-23T07:00:00Z"}]}`
	url, got := recording(t, map[string]string{"GET /v1/sync": status, "POST /v1/sync:pause": status, "POST /v1/sync:resume": status, "POST /v1/sync:replay": status,
		"POST /v1/sync:abnormal": `{"number":"20261123-1"}`, "POST /v1/sync:normal": `{"number":"20261123-1"}`})
	for _, c := range []struct {
		args []string
		code int
		what string
		body string
		out  string
	}{
		{[]string{"status"}, 0, "GET /v1/sync", "", "1m30s"},
		{[]string{"status"}, 0, "GET /v1/sync", "", "4 times since 2026-11-23T07:00:00Z: no answer in time"},
		{[]string{"status", "--table", "T6"}, 0, "GET /v1/sync?table=T6", "", "T6 e1: /data/address required"},
		{[]string{"status", "-o", "json"}, 0, "GET /v1/sync", "", `"lagRows": 2`},
		{[]string{"status"}, 0, "GET /v1/sync", "", "top T8 row 2 (88.1.2 2026-11-22 1), refused by the target: too many"},
		{[]string{"pause", "--target", "top", "--reason", "night"}, 0, "POST /v1/sync:pause", `{"reason":"night","target":"top"}`, "failing"},
		{[]string{"resume"}, 0, "POST /v1/sync:resume", `{}`, "failing"},
		{[]string{"replay", "--table", "T8", "--from", "2"}, 0, "POST /v1/sync:replay", `{"from":2,"table":"T8"}`, "failing"},
		{[]string{"abnormal", "--category", "attack", "--cause", "x"}, 0, "POST /v1/sync:abnormal", `{"category":"3","cause":"x"}`, "event 20261123-1"},
		{[]string{"abnormal", "--category", "fire"}, 2, "", "", ""},
		{[]string{"normal", "20261123-1", "--solution", "y"}, 0, "POST /v1/sync:normal", `{"cause":"","number":"20261123-1","solution":"y"}`, "is over"},
		{[]string{"replay", "--from", "2"}, 2, "", "", ""},
	} {
		*got = nil
		var out, errs strings.Builder
		code := Run(t.Context(), append([]string{"--server", url, "sync"}, c.args...), IO{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(string) string { return "" }})
		if code != c.code || !strings.Contains(out.String(), c.out) {
			t.Errorf("%v: exit %d, %q, %q", c.args, code, out.String(), errs.String())
		}
		switch {
		case c.what == "" && len(*got) != 0, c.what != "" && len(*got) != 1:
			t.Errorf("%v: asked %+v", c.args, *got)
		case c.what != "" && (!strings.HasPrefix(c.what, (*got)[0].what) || strings.TrimSpace((*got)[0].body) != c.body):
			t.Errorf("%v: asked %+v, want %s %s", c.args, *got, c.what, c.body)
		}
	}
}
