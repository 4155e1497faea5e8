package idhub

import (
	"cmp"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/template"
)

// noteDateFormat is the note of a field of dates that has another format than a day.
const (
	noteDateFormat = "dateFormat"
	dayFormat      = "YYYY-MM-DD"
)

// timeForm is how times are written in answers and in the bounds of lists (snms-api.md, section 5.2).
const timeForm = "2006-01-02 15:04:05"

var dateWords = strings.NewReplacer("YYYY", "2006", "yyyy", "2006", "MM", "01", "DD", "02", "dd", "02", "HH", "15", "hh", "15", "mm", "04", "ss", "05", "SSS", "000")

// layoutOf is the layout of package time for a format such as "YYYY-MM-DD HH:mm:ss". It has year, month and day, and
// nothing but digits and signs beside.
func layoutOf(format string) (string, bool) {
	layout := dateWords.Replace(format)
	for _, part := range []string{"2006", "01", "02"} {
		if strings.Count(layout, part) != 1 {
			return "", false
		}
	}
	return layout, strings.Trim(layout, "0123456789-/.: T年月日时分秒") == "" && len(layout) <= 40
}

// dateFormat is the format of dates of f.
func dateFormat(f *template.Field) string { return cmp.Or(f.Notes[noteDateFormat], dayFormat) }

// readDate is a date that a client wrote, as records keep it: a day, or a moment.
func (s *server) readDate(f *template.Field, said string) (string, bool) {
	format := dateFormat(f)
	if format == dayFormat {
		return said, true // the template judges it, and takes moments too
	}
	layout, ok := layoutOf(format)
	at, err := time.ParseInLocation(layout, said, s.Location)
	if !ok || err != nil {
		return "", false
	}
	if !strings.Contains(layout, "15") {
		return at.Format(time.DateOnly), true
	}
	return at.Format(time.RFC3339), true
}

// showDate is the inverse of readDate. What another surface wrote otherwise is shown as it is.
func (s *server) showDate(f *template.Field, kept string) string {
	format := dateFormat(f)
	layout, ok := layoutOf(format)
	if format == dayFormat || !ok {
		return kept
	}
	at, err := time.Parse(time.RFC3339, kept)
	if err != nil {
		if at, err = time.ParseInLocation(time.DateOnly, kept, s.Location); err != nil {
			return kept
		}
	}
	return at.In(s.Location).Format(layout)
}

// moment writes a time, "" for none.
func (s *server) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(s.Location).Format(timeForm)
}
