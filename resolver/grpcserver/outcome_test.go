package grpcserver

import (
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
		err := outcomeError(o, "because")
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

func TestExplainTellsNoError(t *testing.T) {
	got := explain(&resolver.Answer{Status: resolver.Suspended, Reason: "fees \xff", Tier: resolver.TierComputed})
	const want = "the namespace is suspended or withdrawn: fees \uFFFD (tier computed)"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
