// Package report writes tables of results for people, as Markdown, and as JSON.
package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/idnode/idnode/bench/internal/proc"
)

// Report is what a run has found.
type Report struct {
	Head   []Fact   `json:"head"`
	Tables []*Table `json:"tables"`
	Notes  []string `json:"notes"`
}

// Fact is a line of the head.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Table is rows of cells under a title. The cells of the first Text columns are words, others figures.
type Table struct {
	Title   string     `json:"title"`
	Text    int        `json:"-"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Table adds an empty table.
func (r *Report) Table(title string, text int, columns ...string) *Table {
	t := &Table{Title: title, Text: text, Columns: columns}
	r.Tables = append(r.Tables, t)
	return t
}

// Row adds a row.
func (t *Table) Row(cells ...string) { t.Rows = append(t.Rows, cells) }

// Note adds what is to be known of the figures.
func (r *Report) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Fact adds a line to the head.
func (r *Report) Fact(name, format string, args ...any) {
	r.Head = append(r.Head, Fact{name, fmt.Sprintf(format, args...)})
}

// Machine adds what the figures were found on, and what is pinned to which cores.
func (r *Report) Machine(c proc.Cores) {
	r.Fact("machine", "%s, %d cores, %s of memory", field("/proc/cpuinfo", "model name"), runtime.NumCPU(), field("/proc/meminfo", "MemTotal"))
	r.Fact("system", "%s, %s %s/%s", proc.Kernel(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	r.Fact("commit", "%s", revision())
	r.Fact("date", "%s", time.Now().UTC().Format("2006-01-02 15:04 MST"))
	if len(c.Server) == 0 {
		r.Fact("pinned", "nothing: server and generator share the cores, and the figures say little of the server alone")
	} else {
		r.Fact("pinned", "server to core %v, generator to %v", c.Server, c.Generator)
	}
}

// field is the value of the first line "name: value" of a file of /proc.
func field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// WriteText writes r with aligned columns.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Head {
		fmt.Fprintf(&b, "%-9s %s\n", f.Name, f.Value)
	}
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		widths := make([]int, len(t.Columns))
		rows := append([][]string{t.Columns}, t.Rows...)
		for _, row := range rows {
			for i, cell := range row {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
		for _, row := range rows {
			var line strings.Builder
			for i, cell := range row {
				space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
				if i < t.Text {
					line.WriteString(cell + space + "  ")
				} else {
					line.WriteString(space + cell + "  ")
				}
			}
			b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		}
	}
	if len(r.Notes) > 0 {
		b.WriteByte('\n')
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes r as Markdown.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Head {
		fmt.Fprintf(&b, "- %s: %s\n", f.Name, f.Value)
	}
	cell := strings.NewReplacer("|", "\\|", "\n", " ")
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n%s\n\n|", t.Title)
		for _, c := range t.Columns {
			fmt.Fprintf(&b, " %s |", cell.Replace(c))
		}
		b.WriteString("\n|")
		for i := range t.Columns {
			if i < t.Text {
				b.WriteString("---|")
			} else {
				b.WriteString("---:|")
			}
		}
		for _, row := range t.Rows {
			b.WriteString("\n|")
			for _, c := range row {
				fmt.Fprintf(&b, " %s |", cell.Replace(c))
			}
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Save writes r to name.md and name.json.
func (r *Report) Save(name string) error {
	var md strings.Builder
	if err := r.WriteMarkdown(&md); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".md", []byte(md.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(name+".json", append(data, '\n'), 0o644)
}
