package report

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	var r Report
	r.Fact("date", "today")
	tab := r.Table("Times", 1, "what", "µs")
	tab.Row("a|b", "12.5")
	tab.Row("longer", "1")
	r.Note("no %d", 1)
	for name, c := range map[string]struct {
		write func(*strings.Builder) error
		want  string
	}{
		"text":     {func(b *strings.Builder) error { return r.WriteText(b) }, "date      today\n\nTimes\nwhat      µs\na|b     12.5\nlonger     1\n\n- no 1\n"},
		"markdown": {func(b *strings.Builder) error { return r.WriteMarkdown(b) }, "- date: today\n\nTimes\n\n| what | µs |\n|---|---:|\n| a\\|b | 12.5 |\n| longer | 1 |\n\n- no 1\n"},
	} {
		var b strings.Builder
		if err := c.write(&b); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, b.String(), c.want)
		}
	}
}
