package nodepb

import "errors"

// ErrorDomain is the domain of the google.rpc.ErrorInfo in the errors of both services.
const ErrorDomain = "idnode"

// FieldError says which field of a message cannot be taken, and why.
type FieldError struct {
	Field  string // a field's name or, within a record, a JSON Pointer such as "/values/2/permissions"
	Reason string // lower case, without the field
	Err    error  // the cause, or nil
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// Unwrap returns the cause.
func (e *FieldError) Unwrap() error { return e.Err }

// At makes the field that err names a pointer below parent.
func At(parent string, err error) error {
	if e, ok := errors.AsType[*FieldError](err); ok {
		return &FieldError{parent + "/" + e.Field, e.Reason, e.Err}
	}
	return err
}
