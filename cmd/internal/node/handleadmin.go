package node

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/handleserver"
)

// handleAdmin carries out the administration of the native Handle protocol: what is there is asked of
// the resolver, what changes is the registrar's.
type handleAdmin struct {
	resolver  *resolver.Resolver
	registrar *registry.Registrar
	log       *slog.Logger
}

var _ handleserver.Admin = (*handleAdmin)(nil)

// Record implements handleserver.Admin. What is not answered here (delegated, suspended, foreign) has no
// record, nor has what a namespace's patterns compute.
func (a *handleAdmin) Record(ctx context.Context, id identifier.ID) (*identifier.Record, error) {
	ans := a.resolver.Resolve(ctx, resolver.Query{ID: id, Private: true, NoCache: true})
	switch ans.Status {
	case resolver.Found, resolver.NoValues:
		if ans.Tier == resolver.TierComputed && !id.IsPrefixRecord() {
			return nil, nil
		}
		return ans.Record, nil
	case resolver.Overloaded:
		return nil, &handleRefusal{handle.RcodeServerTooBusy, "", ans.Err}
	case resolver.Failed: // the resolver has logged it
		return nil, &handleRefusal{handle.RcodeError, "", ans.Err}
	}
	return nil, nil
}

// Change implements handleserver.Admin.
func (a *handleAdmin) Change(ctx context.Context, c handleserver.Change) error {
	q := registry.NativeChange{ID: c.ID, Op: c.Op, By: registry.Identity{Ref: c.Who, Addr: c.From}, Decide: c.Decide}
	if c.ID.IsPrefixRecord() {
		q.Computed = func(ctx context.Context) (*identifier.Record, error) { return a.Record(ctx, c.ID) }
	}
	_, err := a.registrar.ChangeValues(ctx, q)
	return a.refusal(err)
}

// ListHandles implements handleserver.Admin.
func (a *handleAdmin) ListHandles(ctx context.Context, prefix string, yield func(handle string) error) error {
	return a.refusal(a.registrar.ListHandles(ctx, prefix, yield))
}

// Home implements handleserver.Admin.
func (a *handleAdmin) Home(ctx context.Context, prefix string, who identifier.Ref, from netip.Addr) error {
	_, err := a.registrar.HomePrefix(ctx, prefix, registry.Identity{Ref: who, Addr: from})
	return a.refusal(err)
}

// Unhome implements handleserver.Admin.
func (a *handleAdmin) Unhome(ctx context.Context, prefix string, who identifier.Ref, from netip.Addr) error {
	_, err := a.registrar.UnhomePrefix(ctx, prefix, registry.Identity{Ref: who, Addr: from})
	return a.refusal(err)
}

// Homed implements handleserver.Admin.
func (a *handleAdmin) Homed(ctx context.Context) ([]string, error) {
	names, err := a.registrar.Homed(ctx)
	return names, a.refusal(err)
}

// handleRefusal is a refusal in terms of the Handle protocol: Error is the text for the client.
type handleRefusal struct {
	code handle.Rcode
	text string
	err  error // the cause; never shown to clients
}

func (h *handleRefusal) Error() string       { return h.text }
func (h *handleRefusal) Rcode() handle.Rcode { return h.code }
func (h *handleRefusal) Unwrap() error       { return h.err }

// refusal is an error of the registrar as the Handle server tells it. What it only passes on, the
// server's own, stays as it is.
func (a *handleAdmin) refusal(err error) error {
	if _, told := errors.AsType[interface {
		error
		Rcode() handle.Rcode
	}](err); told {
		return err
	}
	e, ok := errors.AsType[*registry.Error](err)
	if !ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &handleRefusal{handle.RcodeServerTooBusy, "", err}
	}
	if e.Code == registry.CodeInternal || e.Code == registry.CodeUnavailable {
		a.log.Error("handle administration failed", "err", err)
	}
	return &handleRefusal{rcodeOf(e.Code), e.Detail, err}
}

// handleCodes maps the codes of the registry to those of the Handle protocol (spec/handle-protocol.md,
// section 4). Code 402 is never among them: a client takes it for a challenge.
var handleCodes = map[string]handle.Rcode{
	registry.CodeInvalidRequest:      handle.RcodeProtocolError,
	registry.CodeInvalidIdentifier:   handle.RcodeInvalidHandle,
	registry.CodeAmbiguousIdentifier: handle.RcodeInvalidHandle,
	registry.CodeInvalidValue:        handle.RcodeInvalidValue,
	registry.CodeTooLarge:            handle.RcodeInvalidValue,
	registry.CodeInvalidEnterprise:   handle.RcodeError,
	registry.CodeInvalidPrefix:       handle.RcodeInvalidHandle,
	registry.CodeInvalidKey:          handle.RcodeError,
	registry.CodeInvalidCursor:       handle.RcodeError,
	registry.CodeUnauthenticated:     handle.RcodeAuthFailed,
	registry.CodeForbidden:           handle.RcodeInvalidAdmin,
	registry.CodeNotYourNamespace:    handle.RcodeServerNotResponsible,
	registry.CodeNamespaceSuspended:  handle.RcodeInvalidAdmin,
	registry.CodeEnterpriseSuspended: handle.RcodeInvalidAdmin,
	registry.CodeDelegated:           handle.RcodeServerNotResponsible,
	registry.CodeFrozen:              handle.RcodeServerReadOnly,
	registry.CodeNotFound:            handle.RcodeHandleNotFound,
	registry.CodeAlreadyExists:       handle.RcodeHandleExists,
	registry.CodeRevoked:             handle.RcodeHandleExists,
	registry.CodeNotRevoked:          handle.RcodeHandleExists,
	registry.CodeVersionMismatch:     handle.RcodeServerTooBusy,
	registry.CodeConflict:            handle.RcodeServerTooBusy,
	registry.CodeInvalidState:        handle.RcodeOperationDenied,
	registry.CodeHasRecords:          handle.RcodeOperationDenied,
	registry.CodeDuplicate:           handle.RcodeValueExists,
	registry.CodeIdempotencyMismatch: handle.RcodeError,
	registry.CodeIdempotencyRunning:  handle.RcodeServerTooBusy,
	registry.CodeInvalidTemplate:     handle.RcodeError,
	registry.CodeIncompatible:        handle.RcodeOperationDenied,
	registry.CodeTemplateMismatch:    handle.RcodeInvalidValue,
	registry.CodeInvalidApplication:  handle.RcodeError,
	registry.CodeIncomplete:          handle.RcodeOperationDenied,
	registry.CodeInvalidAccount:      handle.RcodeError,
	registry.CodeInvalidFile:         handle.RcodeError,
	registry.CodeLockedOut:           handle.RcodeAuthFailed,
	registry.CodeTooManyRequests:     handle.RcodeServerTooBusy,
	registry.CodeQuotaRecords:        handle.RcodeOperationDenied,
	registry.CodeQuotaRequests:       handle.RcodeServerTooBusy,
	registry.CodeQuotaPrefixes:       handle.RcodeOperationDenied,
	registry.CodeNoSpace:             handle.RcodeError,
	registry.CodeUnavailable:         handle.RcodeError,
	registry.CodeInternal:            handle.RcodeError,
}

func rcodeOf(code string) handle.Rcode {
	if c, ok := handleCodes[code]; ok {
		return c
	}
	return handle.RcodeError
}
