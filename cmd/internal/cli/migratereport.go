package cli

import (
	"fmt"
	"strings"
)

// migrationReport is what a migration found and did.
type migrationReport struct {
	DryRun    bool           `json:"dryRun,omitempty"`
	Verify    bool           `json:"verify,omitempty"`
	Prefixes  int            `json:"prefixes"` // allocated, or to be
	Templates templateCounts `json:"templates"`
	Records   recordCounts   `json:"records"`
	NotPublic int            `json:"notPublic,omitempty"` // values that SNMS does not mark as readable by everybody
	Sites     int            `json:"sites,omitempty"`     // records of prefixes that say where they are served
	Wrong     int            `json:"wrong"`               // pieces that are neither template nor record, or are refused
	Seconds   float64        `json:"seconds"`
	Errors    string         `json:"errors,omitempty"` // file
}

type templateCounts struct {
	Total     int `json:"total"`
	New       int `json:"new"`
	Same      int `json:"same"`
	Different int `json:"different"`
}

// recordCounts count records. New, Same and Different are those of a dry run or a verification, where New are missing.
type recordCounts struct {
	Total      int `json:"total"`
	New        int `json:"new"`
	Same       int `json:"same"`
	Different  int `json:"different"`
	Duplicates int `json:"duplicates"` // of a record before in the files
	Stored     int `json:"stored"`
	Skipped    int `json:"skipped"`
}

// text is the report in lines.
func (r *migrationReport) text(name string) string {
	var b strings.Builder
	what := "migrated"
	switch {
	case r.DryRun:
		what = "dry run, nothing is stored"
	case r.Verify:
		what = "compared with the node"
	}
	fmt.Fprintf(&b, "%s: %s in %.1f s\n", name, what, r.Seconds)
	if r.Prefixes > 0 {
		verb := "allocated"
		if r.DryRun {
			verb = "to allocate"
		}
		fmt.Fprintf(&b, "  prefixes   %d %s\n", r.Prefixes, verb)
	}
	if t := r.Templates; t.Total > 0 {
		fmt.Fprintf(&b, "  templates  %d: %d new, %d the same, %d different\n", t.Total, t.New, t.Same, t.Different)
	}
	n := r.Records
	switch {
	case r.DryRun:
		fmt.Fprintf(&b, "  records    %d: %d new, %d the same, %d different", n.Total, n.New, n.Same, n.Different)
	case r.Verify:
		fmt.Fprintf(&b, "  records    %d: %d the same, %d different, %d missing", n.Total, n.Same, n.Different, n.New)
	default:
		fmt.Fprintf(&b, "  records    %d: %d stored, %d skipped", n.Total, n.Stored, n.Skipped)
	}
	if n.Duplicates > 0 {
		fmt.Fprintf(&b, ", %d again", n.Duplicates)
	}
	fmt.Fprintf(&b, "\n  wrong      %d\n", r.Wrong)
	if r.NotPublic > 0 {
		fmt.Fprintf(&b, "  note: %d values are not marked auth \"1\" and will not be public; --public makes them so\n", r.NotPublic)
	}
	if r.Sites > 0 {
		fmt.Fprintf(&b, "  note: %d records of prefixes say where they are served (HS_SITE, HS_SERV): look whether that is this node\n", r.Sites)
	}
	return b.String()
}
