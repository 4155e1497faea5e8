package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const folder = "../../../deploy/grafana/dashboards"

// dashboard is what is looked at of one, as Grafana reads it.
type dashboard struct {
	UID, Title, Description string
	Editable                bool
	Tags                    []string
	Panels                  []struct {
		ID                       int
		Title, Description, Type string
		Datasource               struct{ Type, UID string }
		GridPos                  struct{ X, Y, W, H int }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []struct {
			RefID, Expr, LegendFormat string
			Datasource                struct{ UID string }
		}
	}
	Templating struct {
		List []struct {
			Name, Type string
			Refresh    int
			Multi      bool
			IncludeAll bool
			Query      any
			Datasource struct{ UID string }
		}
	}
}

// TestCurrent: what is in deploy/grafana is what the program writes.
func TestCurrent(t *testing.T) {
	names := make(map[string]bool)
	for _, b := range boards() {
		want, err := b.json()
		if err != nil {
			t.Fatal(b.uid, err)
		}
		got, err := os.ReadFile(filepath.Join(folder, b.file()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is out of date (%v): run make generate", b.file(), err)
		}
		names[b.file()] = true
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !names[e.Name()] {
			t.Errorf("%s: nothing writes it", e.Name())
		}
	}
}

var (
	selector = regexp.MustCompile(`\b((?:idnode|go|process)_\w+|up)\b(\{[^}]*\})?`)
	labels   = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping = regexp.MustCompile(`by \(([^)]*)\)`)
	ranges   = regexp.MustCompile(`\[([^\]]*)\]`)
	counter  = regexp.MustCompile(`_(total|count|sum|bucket)$`)
)

// known are the labels that queries may look at: all are of closed sets, and none is an identifier, a prefix, an
// enterprise or a client.
var known = []string{"job", "instance", "proto", "scheme", "op", "code", "source", "stage", "reason", "component", "kind", "layer", "method", "route",
	"state", "status", "result", "target", "table", "outcome", "socket", "le", "quantile", "version", "goversion"}

// windows may be asked for besides $__rate_interval: those of the objective, of a day, and of a forecast.
var windows = []string{"$__rate_interval", "5m", "30m", "1h", "6h", "24h"}

// TestRules holds the dashboards to the rules of Grafana's dashboard-linter, and to ours. That their queries are PromQL, name
// metrics that a node tells, and find something is tried with a real Prometheus, in cmd/idnode.
func TestRules(t *testing.T) {
	uids := make(map[string]bool)
	for _, b := range boards() {
		text, err := b.json()
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		if uids[d.UID] || !strings.HasPrefix(d.UID, "idnode-") || !strings.HasPrefix(d.Title, "idnode / ") || d.Editable || !slices.Contains(d.Tags, "idnode") {
			t.Errorf("%s: uid, title, tags or editable", d.UID)
		}
		uids[d.UID] = true
		bilingual(t, d.UID, d.Description)
		for i, name := range []string{"datasource", "job", "instance"} {
			v := d.Templating.List[i]
			if v.Name != name || i > 0 && (v.Refresh != 2 || !v.Multi || !v.IncludeAll || v.Datasource.UID != "${datasource}") || i == 0 && v.Type != "datasource" {
				t.Errorf("%s: variable %+v, want %s", d.UID, v, name)
			}
		}
		titles := make(map[string]bool)
		for i, p := range d.Panels {
			at := d.UID + ": " + p.Title
			if p.Title == "" || titles[p.Title] || p.ID != i+1 || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
				t.Errorf("%s: title, id, unit, data source or targets", at)
			}
			titles[p.Title] = true
			bilingual(t, at, p.Description)
			if p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: beyond the right edge", at)
			}
			for _, o := range d.Panels[:i] {
				a, b := p.GridPos, o.GridPos
				if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Errorf("%s: over %s", at, o.Title)
				}
			}
			legends := make(map[string]bool)
			for _, q := range p.Targets {
				if q.Datasource.UID != "${datasource}" || legends[q.LegendFormat] {
					t.Errorf("%s: data source or legend of %s", at, q.RefID)
				}
				legends[q.LegendFormat] = true
				checkQuery(t, at, p.Title, q.Expr)
			}
		}
	}
}

func checkQuery(t *testing.T, at, title, expr string) {
	found := selector.FindAllStringSubmatchIndex(expr, -1)
	if len(found) == 0 {
		t.Errorf("%s: no metric in %s", at, expr)
	}
	for _, m := range found {
		name := expr[m[2]:m[3]]
		match := ""
		if m[4] >= 0 {
			match = expr[m[4]:m[5]]
		}
		if !strings.Contains(match, `job=~"$job"`) || !strings.Contains(match, `instance=~"$instance"`) {
			t.Errorf("%s: %s is not of the chosen nodes", at, name)
		}
		before := expr[:m[0]]
		inRate := strings.HasSuffix(before, "rate(") || strings.HasSuffix(before, "increase(")
		identity := strings.HasPrefix(title, "Requests less answers") // it compares the counters themselves
		if isCounter := counter.MatchString(name); isCounter != inRate && !identity {
			t.Errorf("%s: %s and its rate", at, name)
		}
	}
	for _, m := range labels.FindAllStringSubmatch(expr, -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("%s: label %s", at, m[1])
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
		for _, l := range strings.Split(m[1], ", ") {
			if !slices.Contains(known, l) {
				t.Errorf("%s: label %s", at, l)
			}
		}
	}
	for _, m := range ranges.FindAllStringSubmatch(expr, -1) {
		if !slices.Contains(windows, m[1]) {
			t.Errorf("%s: range %s", at, m[1])
		}
	}
}

// bilingual expects an English and a Chinese sentence.
func bilingual(t *testing.T, at, text string) {
	t.Helper()
	han := strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	if text == "" || !han || text[0] > 'z' || !strings.HasSuffix(text, "。") {
		t.Errorf("%s: description %q is not in both languages", at, text)
	}
}
