// Package dump reads and writes files of whole Handle records, in the forms of the Handle.Net software:
//
//   - Batch text, as hdl-genericbatch takes it (technical manual of version 9, chapter 4):
//
//     CREATE 88.1021/pump-1
//     100 HS_ADMIN 86400 1110 ADMIN 300:111111111111:0.NA/88.1021
//     1 URL 86400 1110 UTF8 https://example.com/1
//
//     CREATE blocks are records, with values in the forms ADMIN, UTF8, LIST and FILE. Lines that sign in
//     (AUTHENTICATE, SESSIONSETUP) or home prefixes (HOME, UNHOME) are passed over. ADD, MODIFY, REMOVE and DELETE
//     change what a server has: they are no records, and are told as errors.
//
//   - JSON, as the REST interface answers: {"handle":"…","values":[…]} (section 14 of the manual), one a line, printed
//     over many lines, or in arrays.
//
//   - The list of hdl-dblist -v: each handle on a line, and below it its values as a JSON array.
//
// The batch text has no word for some of what a value may be. What [Append] writes has, in places where
// hdl-genericbatch would refuse the line rather than store something else, BASE64 for data that is no plain text, and
// "@1893456000" for a TTL that is a moment; and before a record a line that it passes over, "#+" and in JSON the
// record's data template and the timestamps and references of its values.
package dump

import (
	"fmt"
	"strings"
)

// Error is a record that cannot be read, with all that is wrong with it. Reading goes on behind it.
type Error struct {
	Line     int    // where the record begins, from 1
	Handle   string // of the record, as far as it is known
	Problems []Problem
}

// Problem is one thing that is wrong.
type Problem struct {
	Line   int    // where it is; in JSON that of the record
	Path   string // in JSON: such as "values[3].ttl"
	Reason string
}

// Error implements error.
func (e *Error) Error() string {
	var all []string
	for _, p := range e.Problems {
		s := p.Reason
		if p.Path != "" {
			s = p.Path + ": " + s
		}
		if p.Line != e.Line {
			s = fmt.Sprintf("line %d: %s", p.Line, s)
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}
