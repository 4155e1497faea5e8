package registry

import (
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Codes of refusals and failures: stable, the same on every surface. Each surface maps them all to
// its own codes; [Codes] lists them.
const (
	CodeInvalidRequest      = "invalid_request"      // the request itself cannot be read
	CodeInvalidIdentifier   = "invalid_identifier"   // not an identifier, or not one that may be registered
	CodeAmbiguousIdentifier = "ambiguous_identifier" // of several schemes in which the node has namespaces for it: name one
	CodeInvalidValue        = "invalid_value"        // an index, type, permission or reference breaks a rule
	CodeTooLarge            = "too_large"            // a value, record, batch or body beyond Limits
	CodeInvalidEnterprise   = "invalid_enterprise"   // a field of an enterprise breaks a rule
	CodeInvalidPrefix       = "invalid_prefix"       // not a namespace, or not one under the node
	CodeInvalidKey          = "invalid_key"          // a field of an API key breaks a rule
	CodeInvalidCursor       = "invalid_cursor"       // not a cursor that List gave
	CodeUnauthenticated     = "unauthenticated"      // no valid credential
	CodeForbidden           = "forbidden"            // the actor's role does not allow it
	CodeNotYourNamespace    = "not_your_namespace"   // another enterprise's, or nobody's
	CodeNamespaceSuspended  = "namespace_suspended"  // suspended or withdrawn: no writes
	CodeEnterpriseSuspended = "enterprise_suspended" // the owner is not active: no writes
	CodeDelegated           = "delegated"            // the enterprise's own node holds the records
	CodeFrozen              = "frozen"               // the records are moving to another node: no writes until they have
	CodeNotFound            = "not_found"            // no such thing
	CodeAlreadyExists       = "already_exists"       // create of what is there
	CodeRevoked             = "revoked"              // the identifier is a tombstone; Error.Record holds it
	CodeNotRevoked          = "not_revoked"          // restore of an active identifier
	CodeVersionMismatch     = "version_mismatch"     // If-Match failed; see Error.Current and Error.Expected
	CodeConflict            = "conflict"             // other writers were faster, each time
	CodeInvalidState        = "invalid_state"        // the action is not allowed in the present state
	CodeHasRecords          = "has_records"          // the namespace has records: its case rule is fixed, and it does not go
	CodeDuplicate           = "duplicate"            // a second row of a batch for one identifier
	CodeIdempotencyMismatch = "idempotency_mismatch" // the key was used for another request
	CodeIdempotencyRunning  = "idempotency_running"  // the first request with the key has no answer yet
	CodeInvalidTemplate     = "invalid_template"     // a field of a data template breaks a rule
	CodeIncompatible        = "incompatible"         // stored records would break the template's new revision
	CodeTemplateMismatch    = "template_mismatch"    // a record does not follow its data template; see Error.Violations
	CodeInvalidApplication  = "invalid_application"  // a field of an application breaks a rule
	CodeIncomplete          = "incomplete"           // what the step needs is not there yet; see Error.Violations
	CodeInvalidAccount      = "invalid_account"      // a field of an account or identity breaks a rule
	CodeInvalidFile         = "invalid_file"         // a file of another type than is taken, or damaged
	CodeLockedOut           = "locked_out"           // too many failed log-ins; see Error.RetryAfter
	CodeTooManyRequests     = "too_many_requests"    // a rate is exceeded; see Error.RetryAfter
	CodeQuotaRecords        = "quota_records"        // the namespace's quota of records is used up
	CodeQuotaRequests       = "quota_requests"       // the namespace's quota of requests a day is used up; see Error.RetryAfter
	CodeQuotaPrefixes       = "quota_prefixes"       // the enterprise's quota of prefixes is used up
	CodeNoSpace             = "no_space"             // the disk is too full to write; reads go on
	CodeUnavailable         = "unavailable"          // the store cannot say now; retry with the same Idempotency-Key
	CodeInternal            = "internal"             // we are broken
)

// Codes lists all codes, for the tests that walk the surfaces' mappings.
func Codes() []string {
	return []string{
		CodeInvalidRequest, CodeInvalidIdentifier, CodeAmbiguousIdentifier, CodeInvalidValue, CodeTooLarge, CodeInvalidEnterprise,
		CodeInvalidPrefix, CodeInvalidKey, CodeInvalidCursor, CodeUnauthenticated, CodeForbidden,
		CodeNotYourNamespace, CodeNamespaceSuspended, CodeEnterpriseSuspended, CodeDelegated, CodeFrozen, CodeNotFound,
		CodeAlreadyExists, CodeRevoked, CodeNotRevoked, CodeVersionMismatch, CodeConflict, CodeInvalidState,
		CodeHasRecords, CodeDuplicate, CodeIdempotencyMismatch, CodeIdempotencyRunning,
		CodeInvalidTemplate, CodeIncompatible, CodeTemplateMismatch, CodeInvalidApplication, CodeIncomplete,
		CodeInvalidAccount, CodeInvalidFile, CodeLockedOut, CodeTooManyRequests, CodeQuotaRecords,
		CodeQuotaRequests, CodeQuotaPrefixes, CodeNoSpace,
		CodeUnavailable, CodeInternal,
	}
}

// Error is a refusal, or a failure of ours, in terms for the client.
type Error struct {
	Code   string // one of Codes
	Field  string // what is wrong, as a JSON Pointer into the request body ("/values/3/type") or a parameter's name
	Detail string // one sentence for people

	Current  uint64             // CodeVersionMismatch: the record's version, 0 if there is none
	Expected uint64             // CodeVersionMismatch: the version asked for
	Record   *identifier.Record // CodeRevoked: the tombstone

	Violations []Violation   // all that is wrong, where more than one thing may be; Field and Detail are of the first
	RetryAfter time.Duration // CodeLockedOut, CodeTooManyRequests, CodeQuotaRequests: when it may go again

	Err error // the cause, for the log; never shown to clients

	format string // what Detail was made of, for other languages; see In
	args   []any
}

// Violation is one thing that is wrong with a request.
type Violation struct {
	Field  string // as Error.Field
	Detail string

	format string
	args   []any
}

// violation notes one thing that is wrong with the field.
func violation(field, format string, args ...any) Violation {
	return Violation{Field: field, Detail: fmt.Sprintf(format, args...), format: format, args: args}
}

// refuseAll refuses for all of the violations; nil if there are none.
func refuseAll(code string, all []Violation) *Error {
	if len(all) == 0 {
		return nil
	}
	first := all[0]
	return &Error{Code: code, Field: first.Field, Detail: first.Detail, Violations: all, format: first.format, args: first.args}
}

func (e *Error) Error() string {
	s := e.Code
	if e.Field != "" {
		s += " at " + e.Field
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// because gives e its cause.
func (e *Error) because(err error) *Error {
	e.Err = err
	return e
}

// AsError returns err in terms for a client: itself if its chain holds an *Error, else what the
// store's errors mean, else CodeInternal.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, storage.ErrNoSpace):
		return refuse(CodeNoSpace, "", "the node's disk is too full to write; nothing was changed").because(err)
	case errors.Is(err, storage.ErrUnavailable):
		return refuse(CodeUnavailable, "", "the store cannot say whether the write was applied; repeat it with the same Idempotency-Key").because(err)
	case errors.Is(err, storage.ErrClosed):
		return refuse(CodeUnavailable, "", "the node is stopping; nothing was changed").because(err)
	case errors.Is(err, storage.ErrConflict):
		return refuse(CodeConflict, "", "others changed it at the same time; try again").because(err)
	}
	return refuse(CodeInternal, "", "the node failed; nothing about the request is wrong").because(err)
}

// Refuse is a refusal by a package beside this one: format and args are the sentence in English, of
// which the catalogue has the Chinese.
func Refuse(code, field, format string, args ...any) *Error {
	return refuse(code, field, format, args...)
}

func refuse(code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Detail: fmt.Sprintf(format, args...), format: format, args: args}
}
