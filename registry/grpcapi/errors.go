package grpcapi

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
)

// grpcCodes says how each of the registry's codes is told.
var grpcCodes = map[string]codes.Code{
	registry.CodeInvalidRequest:      codes.InvalidArgument,
	registry.CodeInvalidIdentifier:   codes.InvalidArgument,
	registry.CodeAmbiguousIdentifier: codes.InvalidArgument,
	registry.CodeInvalidValue:        codes.InvalidArgument,
	registry.CodeTooLarge:            codes.InvalidArgument,
	registry.CodeInvalidEnterprise:   codes.InvalidArgument,
	registry.CodeInvalidPrefix:       codes.InvalidArgument,
	registry.CodeInvalidKey:          codes.InvalidArgument,
	registry.CodeInvalidCursor:       codes.InvalidArgument,
	registry.CodeDuplicate:           codes.InvalidArgument,
	registry.CodeUnauthenticated:     codes.Unauthenticated,
	registry.CodeForbidden:           codes.PermissionDenied,
	registry.CodeNotYourNamespace:    codes.PermissionDenied,
	registry.CodeNamespaceSuspended:  codes.FailedPrecondition,
	registry.CodeEnterpriseSuspended: codes.FailedPrecondition,
	registry.CodeDelegated:           codes.FailedPrecondition,
	registry.CodeFrozen:              codes.FailedPrecondition,
	registry.CodeRevoked:             codes.FailedPrecondition,
	registry.CodeNotRevoked:          codes.FailedPrecondition,
	registry.CodeInvalidState:        codes.FailedPrecondition,
	registry.CodeHasRecords:          codes.FailedPrecondition,
	registry.CodeIdempotencyMismatch: codes.FailedPrecondition,
	registry.CodeNotFound:            codes.NotFound,
	registry.CodeAlreadyExists:       codes.AlreadyExists,
	registry.CodeVersionMismatch:     codes.Aborted, // a client's test-and-set failed: read again
	registry.CodeConflict:            codes.Aborted,
	registry.CodeIdempotencyRunning:  codes.Aborted,
	registry.CodeInvalidTemplate:     codes.InvalidArgument,
	registry.CodeIncompatible:        codes.FailedPrecondition,
	registry.CodeTemplateMismatch:    codes.InvalidArgument,
	registry.CodeInvalidApplication:  codes.InvalidArgument,
	registry.CodeIncomplete:          codes.FailedPrecondition,
	registry.CodeInvalidAccount:      codes.InvalidArgument,
	registry.CodeInvalidFile:         codes.InvalidArgument,
	registry.CodeLockedOut:           codes.ResourceExhausted,
	registry.CodeTooManyRequests:     codes.ResourceExhausted,
	registry.CodeQuotaRecords:        codes.ResourceExhausted,
	registry.CodeQuotaRequests:       codes.ResourceExhausted,
	registry.CodeQuotaPrefixes:       codes.ResourceExhausted,
	registry.CodeNoSpace:             codes.ResourceExhausted,
	registry.CodeUnavailable:         codes.Unavailable,
	registry.CodeInternal:            codes.Internal,
}

// status is err as the client gets it, in the language that the metadata accept-language asks for. What is
// wrong with us is logged here and not told.
func (s *Server) status(ctx context.Context, op, id string, err error) error {
	if st, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		return st.GRPCStatus().Err() // the transport's own, such as a message over the limit
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	e := registry.AsError(err)
	code, ok := grpcCodes[e.Code]
	if !ok {
		code = codes.Internal
	}
	if code == codes.Internal || code == codes.Unavailable {
		s.log.Error("registration call failed", "op", op, "id", id, "err", err)
	}
	l := languageOf(ctx)
	text := e.In(l)
	if text == "" {
		text = e.Code
	}
	st, err := status.New(code, nodepb.Text(text)).WithDetails(details(e, l)...)
	if err != nil {
		return status.Error(code, text)
	}
	return st.Err()
}

// languageOf is the language in which errors of the call of ctx are told: that of the metadata
// accept-language, in the form of the HTTP header; English without it.
func languageOf(ctx context.Context) registry.Language {
	return registry.LanguageOf(strings.Join(metadata.ValueFromIncomingContext(ctx, "accept-language"), ","))
}

func details(e *registry.Error, l registry.Language) []protoadapt.MessageV1 {
	info := &errdetails.ErrorInfo{Reason: e.Code, Domain: nodepb.ErrorDomain, Metadata: make(map[string]string)}
	if e.Field != "" {
		info.Metadata["field"] = nodepb.Text(e.Field)
	}
	if e.Code == registry.CodeVersionMismatch {
		info.Metadata["current"] = strconv.FormatUint(e.Current, 10)
		info.Metadata["expected"] = strconv.FormatUint(e.Expected, 10)
	}
	d := []protoadapt.MessageV1{protoadapt.MessageV1Of(info)}
	if len(e.Violations) > 0 {
		all := new(errdetails.BadRequest)
		for i := range e.Violations {
			v := &e.Violations[i]
			all.FieldViolations = append(all.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: nodepb.Text(v.Field), Description: nodepb.Text(v.In(l))})
		}
		d = append(d, protoadapt.MessageV1Of(all))
	}
	if e.Record != nil {
		d = append(d, protoadapt.MessageV1Of(nodepb.FromRecordHead(e.Record)))
	}
	return d
}

// refusal is a message that cannot be read, in terms for the client.
func refusal(err error) *registry.Error {
	e, ok := errors.AsType[*nodepb.FieldError](err)
	if !ok {
		return &registry.Error{Code: registry.CodeInternal, Err: err}
	}
	code := registry.CodeInvalidRequest
	switch {
	case strings.HasPrefix(e.Field, "/values/"):
		code = registry.CodeInvalidValue
	case strings.TrimPrefix(e.Field, "/") == "id", strings.TrimPrefix(e.Field, "/") == "scheme":
		code = registry.CodeInvalidIdentifier
	}
	if cause, ok := errors.AsType[*identifier.SyntaxError](e.Err); ok {
		return refuse(code, e.Field, "%s", cause)
	}
	return refuse(code, e.Field, "%s", registry.Reason(e.Reason))
}

func refuse(code, field, format string, args ...any) *registry.Error {
	return registry.Refuse(code, field, format, args...)
}
