package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func TestStatistics(t *testing.T) {
	t.Chdir(t.TempDir())
	const answer = `{"granularity":"month","from":"2026-10","to":"2026-11","items":[
{"enterprise":"","period":"2026-11","scheme":"gs1","resolutions":{"total":4,"found":0,"notFound":3,"other":1},"registrations":{"created":0,"updated":0,"revoked":0,"restored":0},"records":{"active":0,"revoked":0}},
{"enterprise":"e1","name":"=1+1, \u001b[31m","period":"2026-10","scheme":"handle","prefix":"88.100.1","resolutions":{"total":3,"found":2,"notFound":1,"other":0},"registrations":{"created":5,"updated":6,"revoked":7,"restored":8},"records":null}],
"totals":[{"period":"2026-10","resolutions":{"total":7,"found":2,"notFound":4,"other":1},"registrations":{"created":5,"updated":6,"revoked":7,"restored":8},"records":{"active":9,"revoked":10}}],
"incompleteSince":"2026-10-03T00:00:00Z","counting":true}`
	var asked string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI()
		_, _ = w.Write([]byte(answer))
	}))
	defer srv.Close()
	statistics := func(args ...string) (string, string) {
		t.Helper()
		out, errs, code := run(t, "", append([]string{"--server", srv.URL, "statistics"}, args...)...)
		if code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, errs)
		}
		return out, errs
	}
	out, errs := statistics()
	if asked != "/v1/statistics" {
		t.Errorf("asked for %s", asked)
	}
	var lines []string
	for line := range strings.Lines(out) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"period enterprise resolutions found not_found other created updated revoked restored records tombstones name",
		"2026-11 - 4 0 3 1 0 0 0 0 0 0 -",
		`2026-10 e1 3 2 1 0 5 6 7 8 ? ? =1+1, \x1b[31m`,
		"2026-10 total 7 2 4 1 5 6 7 8 9 10 -",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("table:\n%s", got)
	}
	if !strings.Contains(errs, "may lack some from 2026-10-03T00:00:00Z on") || !strings.Contains(errs, "still counting") {
		t.Errorf("said: %s", errs)
	}
	if out, _ := statistics("--by-prefix", "--by-day", "--enterprise", "e1", "--from", "2026-10", "--to", "2026-11"); !strings.Contains(out, "handle:88.100.1") || !strings.Contains(out, "gs1:-") {
		t.Errorf("by prefix:\n%s", out)
	}
	if asked != "/v1/statistics?by=prefix&enterprise=e1&from=2026-10&granularity=day&to=2026-11" {
		t.Errorf("asked for %s", asked)
	}
	if out, _ := statistics("--by-prefix", "-O", "f.csv"); out != "" {
		t.Errorf("printed %s", out)
	}
	table, err := os.ReadFile("f.csv")
	if err != nil {
		t.Fatal(err)
	}
	const csv = "\uFEFFperiod,enterprise,name,scheme,prefix,resolutions,found,not_found,other,created,updated,revoked,restored,records,tombstones\n" +
		"2026-11,,,gs1,,4,0,3,1,0,0,0,0,0,0\n" +
		"2026-10,e1,\"'=1+1, \x1b[31m\",handle,88.100.1,3,2,1,0,5,6,7,8,,\n"
	if string(table) != csv {
		t.Errorf("csv: %q", table)
	}
	if out, _ := statistics("-O", "-"); !strings.HasPrefix(out, "\uFEFFperiod,enterprise,name,resolutions") {
		t.Errorf("csv: %s", out)
	}
	if out, errs := statistics("-o", "json"); !strings.Contains(out, `"incompleteSince": "2026-10-03T00:00:00Z"`) || errs != "" {
		t.Errorf("json: %s%s", out, errs)
	}
	if out, _ := statistics("-o", "json", "-O", "-"); strings.TrimSpace(out) != answer {
		t.Errorf("json: %s", out)
	}
}
