package grpcserver

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
)

// outcomes says how each outcome is told: the status in a response and, where code is set, the
// error of a call that asked only this.
var outcomes = [...]struct {
	status nodepb.ResolveResponse_Status
	code   codes.Code // codes.OK: an answer
	reason string     // of the error, stable
	text   string
}{
	resolver.Found:          {nodepb.ResolveResponse_FOUND, codes.OK, "", "found"},
	resolver.NoValues:       {nodepb.ResolveResponse_NO_VALUES, codes.OK, "", "the record has no value of the asked types and indexes that everyone may read"},
	resolver.NotFound:       {nodepb.ResolveResponse_NOT_FOUND, codes.OK, "", "the namespace is ours and has no such identifier"},
	resolver.Revoked:        {nodepb.ResolveResponse_REVOKED, codes.OK, "", "the identifier was revoked"},
	resolver.Referral:       {nodepb.ResolveResponse_REFERRAL, codes.OK, "", "the namespace is answered by its enterprise's own node"},
	resolver.Suspended:      {nodepb.ResolveResponse_SUSPENDED, codes.OK, "", "the namespace is suspended or withdrawn"},
	resolver.NotResponsible: {nodepb.ResolveResponse_NOT_RESPONSIBLE, codes.OK, "", "the identifier is in no namespace of this node"},
	resolver.Invalid:        {nodepb.ResolveResponse_INVALID_ARGUMENT, codes.InvalidArgument, "invalid_identifier", "not an identifier"},
	resolver.Overloaded:     {nodepb.ResolveResponse_RESOURCE_EXHAUSTED, codes.ResourceExhausted, "overloaded", "the node is overloaded"},
	resolver.Failed:         {nodepb.ResolveResponse_UNAVAILABLE, codes.Unavailable, "unavailable", "the node cannot answer now"},
}

// messageStatus is the outcome in a response.
func messageStatus(o resolver.Status) nodepb.ResolveResponse_Status { return outcomes[o].status }

// outcomeError is the error of a call with that outcome and the response that it would have, or nil.
func outcomeError(o resolver.Status, resp *nodepb.ResolveResponse) error {
	row := &outcomes[o]
	if row.code == codes.OK {
		return nil
	}
	st := status.New(row.code, resp.Explanation)
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: row.reason, Domain: nodepb.ErrorDomain}}
	if len(resp.Candidates) > 0 {
		details = append(details, protoadapt.MessageV1Of(resp))
	}
	if detailed, err := st.WithDetails(details...); err == nil {
		st = detailed
	}
	return st.Err()
}

// refusal is a response without an answer.
func refusal(o resolver.Status, text string) (resolver.Status, *nodepb.ResolveResponse) {
	return o, &nodepb.ResolveResponse{Status: messageStatus(o), Explanation: nodepb.Text(text)}
}
