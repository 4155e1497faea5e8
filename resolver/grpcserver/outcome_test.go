package grpcserver

import (
	"errors"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
)

// The gRPC column of the outcome table in DESIGN.md.
func TestOutcomes(t *testing.T) {
	want := map[resolver.Status]struct {
		name string
		code codes.Code
	}{
		resolver.Found:          {"FOUND", codes.OK},
		resolver.NoValues:       {"NO_VALUES", codes.OK},
		resolver.NotFound:       {"NOT_FOUND", codes.OK},
		resolver.Revoked:        {"REVOKED", codes.OK},
		resolver.Referral:       {"REFERRAL", codes.OK},
		resolver.Suspended:      {"SUSPENDED", codes.OK},
		resolver.NotResponsible: {"NOT_RESPONSIBLE", codes.OK},
		resolver.Invalid:        {"INVALID_ARGUMENT", codes.InvalidArgument},
		resolver.Overloaded:     {"RESOURCE_EXHAUSTED", codes.ResourceExhausted},
		resolver.Failed:         {"UNAVAILABLE", codes.Unavailable},
	}
	for _, o := range resolver.Statuses() {
		w, ok := want[o]
		if !ok || int(o) >= len(outcomes) {
			t.Errorf("%v is not mapped", o)
			continue
		}
		if got := messageStatus(o).String(); got != w.name {
			t.Errorf("%v: status %s, want %s", o, got, w.name)
		}
		err := outcomeError(o, &nodepb.ResolveResponse{Explanation: "because"})
		if got := status.Code(err); got != w.code {
			t.Errorf("%v: code %v, want %v", o, got, w.code)
		}
		if outcomes[o].text == "" {
			t.Errorf("%v: no explanation", o)
		}
		if err == nil {
			continue
		}
		info, ok := status.Convert(err).Details()[0].(*errdetails.ErrorInfo)
		if !ok || info.Reason == "" || info.Domain != "idnode" {
			t.Errorf("%v: details %v, want an ErrorInfo", o, status.Convert(err).Details())
		}
	}
}

func TestExplain(t *testing.T) {
	id, err := identifier.Parse("(01)06901234567892(21)A1")
	if err != nil {
		t.Fatal(err)
	}
	broader, err := identifier.Parse("(01)06901234567892")
	if err != nil {
		t.Fatal(err)
	}
	form := ""
	if id.Form() != "" {
		form = ", " + id.Form()
	}
	ns := &identifier.Namespace{Scheme: identifier.GS1, Prefix: "690123"}
	for _, tc := range []struct {
		q    resolver.Query
		a    resolver.Answer
		want string
	}{
		{resolver.Query{}, resolver.Answer{Status: resolver.Suspended, Reason: "fees \xff", Tier: resolver.TierComputed, Err: errors.New("secret")},
			"the namespace is suspended or withdrawn: fees \uFFFD (tier computed)"},
		{resolver.Query{ID: id}, resolver.Answer{Status: resolver.NotFound, Namespace: ns, Tier: resolver.TierLRU},
			"the namespace is ours and has no such identifier (read as gs1" + form + "; namespace 690123; tier l1)"},
		{resolver.Query{ID: id}, resolver.Answer{Status: resolver.Found, Namespace: ns, Tier: resolver.TierStore, Broader: broader, Record: &identifier.Record{ID: broader.String(), Version: 7}},
			"found (read as gs1" + form + "; namespace 690123; record " + broader.String() + " answers for it at version 7; tier store)"},
	} {
		if got := explain(&tc.q, &tc.a); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
