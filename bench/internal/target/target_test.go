package target

import (
	"strings"
	"testing"
	"time"
)

func TestParseUsage(t *testing.T) {
	u, err := parseUsage(strings.NewReader("# HELP process_cpu_seconds_total x\nprocess_cpu_seconds_total 1.25\ngo_memstats_mallocs_total 1.5e+06\nother 1\n"))
	if err != nil || u.CPU != 1250*time.Millisecond || u.Mallocs != 1.5e6 {
		t.Errorf("got %+v, %v", u, err)
	}
	if _, err := parseUsage(strings.NewReader("go_memstats_mallocs_total 1\n")); err == nil {
		t.Error("no error without the CPU time")
	}
}

func TestParseImport(t *testing.T) {
	const failure = `{"line":2,"id":"88.1/x","status":"failed","code":"already_exists","detail":"there is one"}` + "\n"
	s, err := parseImport(strings.NewReader(failure + `{"total":3,"stored":1,"skipped":1,"failed":1}` + "\n"))
	if err != nil || s.Total != 3 || s.Stored != 1 || s.Skipped != 1 || s.Failed != 1 || s.FirstFailure == nil {
		t.Errorf("got %+v, %v", s, err)
	}
	for name, answer := range map[string]string{
		"cut off": failure,
		"aborted": failure + `{"status":"aborted","code":"unavailable","detail":"x","stored":1,"skipped":0,"failed":1}` + "\n",
	} {
		if _, err := parseImport(strings.NewReader(answer)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
