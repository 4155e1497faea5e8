// Package snmsjson reads templates and identifiers in the JSON forms of SNMS (spec/snms-api.md, sections 4.3 and 4.4), as
// they are found in files: answers of GET template (v3 and v5) and GET data/detail, with their envelope
// {"message","status","data"} or without, and the bodies of POST template, data and data/batchCreate.
//
// SNMS has no export of its own: saved calls are what there is.
package snmsjson

import (
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
)

// Template is a template of SNMS as a data template: its name is what SNMS calls the version.
type Template struct {
	Prefix  string
	Name    string
	Content *template.Content
}

// Handle is an identifier of SNMS.
type Handle struct {
	Record *identifier.Record
	// NotPublic is how many values of a detail answer are not marked as readable by everybody (auth "1").
	NotPublic int
}

// Error says all that is wrong with an object.
type Error struct {
	ID       string // the handle, or the prefix and name of the template, as far as it is known
	Problems []Problem
}

// Problem is one thing that is wrong, with where it is: "items[2].idType".
type Problem struct{ Path, Reason string }

// Error implements error.
func (e *Error) Error() string {
	var all []string
	for _, p := range e.Problems {
		all = append(all, strings.TrimPrefix(p.Path+": "+p.Reason, ": "))
	}
	return strings.Join(all, "; ")
}

// add notes a problem. e may be handed around while it is empty.
func (e *Error) add(path, reason string) { e.Problems = append(e.Problems, Problem{path, reason}) }

// orNil is e if there is anything wrong.
func (e *Error) orNil() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}
