package recordcsv

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
)

// Columns are the names of the columns, in the order in which they are written. Of files that are read those from ttl on
// may be missing.
var Columns = []string{"id", "index", "type", "data", "ttl", "perms", "timestamp", "refs", "scheme", "template"}

// Places in [Columns].
const (
	ID = iota
	Index
	Type
	Data
	TTL
	Perms
	Timestamp
	Refs
	Scheme
	Template

	Width // how many there are
)

// AppendHeader appends the first line to dst and returns the extended slice.
func AppendHeader(dst []byte) []byte {
	return append(append(dst, strings.Join(Columns, ",")...), '\n')
}

// formData begins data in the form of JSON.
const formData = `{"format":`

// Append appends the lines of r to dst and returns the extended slice.
func Append(dst []byte, r *identifier.Record) []byte {
	if len(r.Values) == 0 {
		dst = appendCell(dst, escape(r.ID))
		dst = append(dst, ",,,,,,,"...)
		return appendEnd(dst, r)
	}
	var cell [64]byte
	for i := range r.Values {
		v := &r.Values[i]
		dst = append(appendCell(dst, escape(r.ID)), ',')
		dst = append(strconv.AppendUint(dst, uint64(v.Index), 10), ',')
		dst = append(appendCell(dst, escape(v.Type)), ',')
		dst = append(appendData(dst, v.Data), ',')
		if v.TTLType == identifier.Absolute {
			dst = time.Unix(int64(v.TTL), 0).UTC().AppendFormat(dst, time.RFC3339)
		} else {
			dst = strconv.AppendInt(dst, int64(v.TTL), 10)
		}
		dst = append(dst, ',')
		if v.Perms != identifier.DefaultPerms {
			for bit := identifier.AdminRead; bit > 0; bit >>= 1 {
				if v.Perms&bit != 0 {
					dst = append(dst, '1')
				} else {
					dst = append(dst, '0')
				}
			}
		}
		dst = append(dst, ',')
		if v.Timestamp != 0 {
			dst = time.Unix(int64(v.Timestamp), 0).UTC().AppendFormat(dst, time.RFC3339)
		}
		dst = append(dst, ',')
		if len(v.Refs) > 0 {
			dst = appendCell(dst, string(identifier.AppendRefsJSON(cell[:0], v.Refs)))
		}
		dst = appendEnd(dst, r)
	}
	return dst
}

// appendEnd appends what is of the record.
func appendEnd(dst []byte, r *identifier.Record) []byte {
	dst = append(dst, ',')
	if r.Scheme != 0 {
		dst = append(dst, r.Scheme.String()...)
	}
	dst = append(dst, ',')
	dst = appendCell(dst, escape(r.Template))
	return append(dst, '\n')
}

func appendData(dst, data []byte) []byte {
	switch {
	case !identifier.IsText(data):
		return appendCell(dst, string(identifier.AppendDataJSON(nil, data)))
	case bytes.HasPrefix(data, []byte(formData)):
		form := identifier.AppendDataJSON([]byte(formData+`"string","value":`), data)
		return appendCell(dst, string(append(form, '}')))
	}
	return appendCell(dst, escape(string(data)))
}

// appendCell appends a cell, in quotes if it needs them.
func appendCell(dst []byte, s string) []byte {
	if s == "" {
		return dst
	}
	first, _ := utf8.DecodeRuneInString(s)
	if !strings.ContainsAny(s, ",\"\r\n") && !unicode.IsSpace(first) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for {
		before, rest, found := strings.Cut(s, `"`)
		dst = append(dst, before...)
		if !found {
			return append(dst, '"')
		}
		dst = append(dst, `""`...)
		s = rest
	}
}

// formulaStart is what spreadsheets take for the beginning of a formula, which they would run for whoever opens the
// file, and the apostrophe that stands before such cells.
const formulaStart = "=+-@\t\r'"

func escape(s string) string {
	if s != "" && strings.IndexByte(formulaStart, s[0]) >= 0 {
		return "'" + s
	}
	return s
}

func unescape(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.IndexByte(formulaStart, s[1]) >= 0 {
		return s[1:]
	}
	return s
}
