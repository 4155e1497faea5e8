package prometheus

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
)

const runbooks = "https://github.com/idnode/idnode/blob/main/deploy/runbooks/"

// rule is a rule as Prometheus reads it.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	files, err := filepath.Glob("rules/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Groups []struct{ Rules []rule } }
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatal(name, err)
		}
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// promtool runs Prometheus' own tool.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v (make deps installs it)\n%s", strings.Join(args, " "), err, out)
	}
}

func TestConfig(t *testing.T) { promtool(t, "check", "config", "--lint-fatal", "prometheus.yml") }

// TestRules tries the alerts with made-up series.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("tests/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	promtool(t, append([]string{"test", "rules"}, files...)...)
}

// TestAlerts: each alert says what it wants in both languages, has a page that says what to do, and fires in a test.
func TestAlerts(t *testing.T) {
	tested := ""
	files, err := filepath.Glob("tests/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tested += string(text)
	}
	pages := make(map[string]bool)
	for _, r := range rules(t) {
		if r.Alert == "" {
			if !strings.HasPrefix(r.Record, "idnode:") || len(r.Labels) > 0 {
				t.Errorf("recording rule %s: the names of ours begin with idnode:", r.Record)
			}
			continue
		}
		severity := r.Labels["severity"]
		if !strings.HasPrefix(r.Alert, "IDNode") || (severity != "critical" && severity != "warning" && severity != "info") || len(r.Labels) != 1 {
			t.Errorf("%s: labels %v", r.Alert, r.Labels)
		}
		for _, a := range []string{"summary", "summary_zh", "description"} {
			if r.Annotations[a] == "" {
				t.Errorf("%s, %s: no %s", r.Alert, severity, a)
			}
		}
		if !strings.ContainsFunc(r.Annotations["summary_zh"], func(c rune) bool { return unicode.Is(unicode.Han, c) }) {
			t.Errorf("%s: summary_zh is not Chinese", r.Alert)
		}
		if want := runbooks + r.Alert + ".md"; r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		if !strings.Contains(tested, `alertname="`+r.Alert+`",severity="`+severity+`"`) {
			t.Errorf("%s, %s fires in no test", r.Alert, severity)
		}
		pages[r.Alert] = true
	}
	have, err := filepath.Glob("../runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range have {
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		if !pages[name] {
			t.Errorf("%s: there is no such alert", path)
		}
		delete(pages, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"# " + name + "\n", "## 中文\n", "**查看**", "**处理**", "## English\n", "**Look**", "**Do**"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s: no %q", path, part)
			}
		}
	}
	for name := range pages {
		t.Errorf("%s has no page in deploy/runbooks", name)
	}
}
