package registry

import (
	"errors"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// JSONError is an error of package identifier's JSON readers in terms of the registry: its path
// "values[2].ttl" is the pointer "/values/2/ttl", under at.
func JSONError(err error, at string) *Error {
	e, ok := errors.AsType[*identifier.JSONError](err)
	if !ok {
		return refuse(CodeInvalidRequest, at, "%s", err)
	}
	if e.Field != "" {
		at += "/" + strings.NewReplacer("[", "/", "].", "/", "]", "", ".", "/").Replace(e.Field)
	}
	return refuse(CodeInvalidRequest, at, "%s", Reason(e.Reason))
}
