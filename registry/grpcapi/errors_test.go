package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

func TestEveryCodeIsMapped(t *testing.T) {
	for _, c := range registry.Codes() {
		if grpcCodes[c] == codes.OK {
			t.Errorf("%s is not mapped", c)
		}
	}
	if len(grpcCodes) != len(registry.Codes()) {
		t.Errorf("%d codes mapped, the registry has %d", len(grpcCodes), len(registry.Codes()))
	}
}

func TestStatus(t *testing.T) {
	s := &Server{log: slog.New(slog.DiscardHandler)}
	secret := errors.New("open /secret/path")
	for _, tc := range []struct {
		name   string
		err    error
		code   codes.Code
		reason string // "": no ErrorInfo
		meta   map[string]string
	}{
		{"refusal", &registry.Error{Code: registry.CodeNotYourNamespace, Detail: "no", Err: secret}, codes.PermissionDenied, "not_your_namespace", nil},
		{"wrapped", fmt.Errorf("x: %w", &registry.Error{Code: registry.CodeInvalidValue, Field: "/values/0/type"}), codes.InvalidArgument, "invalid_value", map[string]string{"field": "/values/0/type"}},
		{"mismatch with nothing", &registry.Error{Code: registry.CodeVersionMismatch, Expected: 4}, codes.Aborted, "version_mismatch", map[string]string{"current": "0", "expected": "4"}},
		{"tombstone", &registry.Error{Code: registry.CodeRevoked, Record: &identifier.Record{Scheme: identifier.OID, ID: "1.2", Reason: "gone \xff"}}, codes.FailedPrecondition, "revoked", nil},
		{"no UTF-8", &registry.Error{Code: registry.CodeInvalidIdentifier, Field: "\xff", Detail: "\xff"}, codes.InvalidArgument, "invalid_identifier", nil},
		{"full disk", fmt.Errorf("%w: %w", storage.ErrNoSpace, secret), codes.ResourceExhausted, "no_space", nil},
		{"stopping", storage.ErrClosed, codes.Unavailable, "unavailable", nil},
		{"ours", secret, codes.Internal, "internal", nil},
		{"unknown code", &registry.Error{Code: "novel"}, codes.Internal, "novel", nil},
		{"cancelled", fmt.Errorf("read: %w", context.Canceled), codes.Canceled, "", nil},
		{"transport", fmt.Errorf("recv: %w", status.Error(codes.ResourceExhausted, "too large")), codes.ResourceExhausted, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := status.Convert(s.status(t.Context(), "test", "id", tc.err))
			if st.Code() != tc.code {
				t.Errorf("code %v, want %v", st.Code(), tc.code)
			}
			if strings.Contains(st.String(), "secret") {
				t.Errorf("the cause is told: %v", st)
			}
			var info *errdetails.ErrorInfo
			var tombstone *nodepb.Record
			for _, d := range st.Details() {
				switch d := d.(type) {
				case *errdetails.ErrorInfo:
					info = d
				case *nodepb.Record:
					tombstone = d
				}
			}
			if got := info.GetReason(); got != tc.reason {
				t.Fatalf("reason %q, want %q", got, tc.reason)
			}
			for k, v := range tc.meta {
				if info.Metadata[k] != v {
					t.Errorf("metadata %v, want %v", info.Metadata, tc.meta)
				}
			}
			if tc.reason == "revoked" && tombstone.GetId() != "1.2" {
				t.Errorf("tombstone %v", tombstone)
			}
		})
	}
}

// TestViolationsInChinese: all that is wrong with a request is told in the language asked for.
func TestViolationsInChinese(t *testing.T) {
	mem := memstore.New()
	t.Cleanup(func() { mem.Close() })
	spaces, err := storage.LoadNamespaces(t.Context(), mem)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := registry.New(registry.Options{Store: mem, Namespaces: spaces, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = reg.CreateAccount(t.Context(), registry.AccountRequest{Username: "a b", Password: "short"},
		registry.Write{Actor: registry.Actor{Enterprise: registry.Self, Role: registry.RoleOperator}})
	s := &Server{log: slog.New(slog.DiscardHandler)}
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("accept-language", "zh-CN"))
	var told []string
	for _, d := range status.Convert(s.status(ctx, "test", "", err)).Details() {
		if all, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range all.FieldViolations {
				told = append(told, v.Field+" "+v.Description)
			}
		}
	}
	if got := strings.Join(told, "\n"); !strings.Contains(got, "/username 用户名应为") || !strings.Contains(got, "/password 密码应为") {
		t.Errorf("told %q of %v", got, err)
	}
}
