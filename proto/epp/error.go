package epp

import (
	"errors"
	"fmt"
)

// Error is why a message is refused: by its form, by [Parse] and [Append], or by what it asks for, by a server.
type Error struct {
	Code    Code
	Space   string // namespace of Element
	Element string // the element at fault, if it is one
	Value   string // what stood there, if that helps
	Reason  string // for people, in English
	ClTRID  string // of the command that is refused, if it has one that can be read
}

// Errorf returns an error with a reason.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s (%d)", e.Code, int(e.Code))
	if e.Element != "" {
		text += ": <" + e.Element + ">"
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// AsError is err as an Error: itself if it is one, or CodeFailed, which tells a client nothing of it.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeFailed}
}
