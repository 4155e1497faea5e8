// Package handlejson has the JSON forms of the Handle.Net software, as its REST interface speaks them and its tools keep
// them in files (spec/handle-protocol.md, section 13).
//
// A value that went through its form is the same value again, but for octets behind the known part of a structure,
// leading zeros of keys, and its timestamp, which is the server's to say.
package handlejson

import (
	"fmt"
	"strings"
)

// Bounds of what is read. A reader bounds the whole before.
const (
	MaxValues = 2048    // of a body: Handle.Net's limit of a handle (section 2)
	MaxData   = 1 << 20 // octets of a value's data
)

// Error says where a body is wrong, and why.
type Error struct {
	Path   string // such as "values[3].data.value.index"; empty for the whole body
	Reason string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

func wrong(path, format string, args ...any) error {
	return &Error{Path: strings.TrimPrefix(path, "."), Reason: fmt.Sprintf(format, args...)}
}
