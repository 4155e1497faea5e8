package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/cmd/internal/version"
	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
)

// The outcomes of gRPC as response code and HTTP status. A status that is not here is a failure.
var grpcOutcomes = map[nodepb.ResolveResponse_Status]struct {
	code   handle.Rcode
	status int
}{
	nodepb.ResolveResponse_FOUND:           {handle.RcodeSuccess, http.StatusOK},
	nodepb.ResolveResponse_NO_VALUES:       {handle.RcodeValuesNotFound, http.StatusOK},
	nodepb.ResolveResponse_NOT_FOUND:       {handle.RcodeHandleNotFound, http.StatusNotFound},
	nodepb.ResolveResponse_REVOKED:         {handle.RcodeHandleNotFound, http.StatusGone},
	nodepb.ResolveResponse_REFERRAL:        {handle.RcodePrefixReferral, http.StatusOK},
	nodepb.ResolveResponse_SUSPENDED:       {handle.RcodeHandleNotFound, http.StatusForbidden},
	nodepb.ResolveResponse_NOT_RESPONSIBLE: {handle.RcodeServerNotResponsible, http.StatusNotFound},
}

func (a *app) resolveGRPC(ctx context.Context, q question) (*answer, error) {
	creds := insecure.NewCredentials()
	if q.tls {
		creds = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	addr := orDefault(q.addr, a.defaultAddr("9090"))
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(creds), grpc.WithUserAgent("idctl/"+version.String()))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	resp, err := nodepb.NewResolverClient(conn).Resolve(ctx, &nodepb.ResolveRequest{
		Id: q.id, Scheme: q.scheme, Types: q.types, Indexes: q.indexes, Fallback: q.fallback, Trace: q.trace,
	})
	if err != nil {
		return nil, grpcError(addr, err)
	}
	return fromResponse(q.id, resp)
}

// grpcError is a failed call as the same refusal over HTTP.
func grpcError(addr string, err error) error {
	st := status.Convert(err)
	switch st.Code() {
	case codes.InvalidArgument:
		p := &problem{Status: http.StatusBadRequest, Code: "invalid_identifier", Detail: st.Message()}
		for _, d := range st.Details() {
			if resp, ok := d.(*nodepb.ResolveResponse); ok {
				p.Candidates = fromCandidates(resp.GetCandidates())
			}
		}
		if len(p.Candidates) > 0 {
			p.Meant = p.Candidates[0].Meant
		}
		return p
	case codes.Unauthenticated:
		return &problem{Status: http.StatusUnauthorized, Code: "unauthenticated", Detail: st.Message()}
	case codes.PermissionDenied:
		return &problem{Status: http.StatusForbidden, Code: "forbidden", Detail: st.Message()}
	case codes.ResourceExhausted:
		return &problem{Status: http.StatusServiceUnavailable, Code: "overloaded", Detail: st.Message()}
	}
	return &unreachable{addr, errors.New(st.Message())}
}

func fromResponse(id string, resp *nodepb.ResolveResponse) (*answer, error) {
	o, ok := grpcOutcomes[resp.GetStatus()]
	if !ok {
		return nil, failf("the node answered %s: %s", resp.GetStatus(), resp.GetExplanation())
	}
	ans := &answer{ResponseCode: int(o.code), ID: id, Namespace: resp.GetNamespace(), Tier: resp.GetTier(),
		Candidates: fromCandidates(resp.GetCandidates()), Message: resp.GetExplanation(), status: o.status}
	if r := resp.GetReading(); r != nil {
		ans.Scheme, ans.Canonical = r.GetScheme(), r.GetCanonical()
		ans.Reading = &reading{Scheme: r.GetScheme(), Form: r.GetForm(), Level: r.GetLevel(), Carrier: r.GetCarrier()}
	}
	if f := resp.GetFallback(); f != nil {
		ans.Fallback = &fallback{From: f.GetFrom(), To: f.GetTo(), Level: f.GetLevel()}
	}
	for _, s := range resp.GetSteps() {
		status := ""
		if s.GetStatus() != nodepb.ResolveResponse_STATUS_UNSPECIFIED {
			status = strings.ToLower(s.GetStatus().String())
		}
		ans.Steps = append(ans.Steps, step{Stage: s.GetStage(), Name: s.GetName(), Status: status, Tier: s.GetTier(),
			Micros: float64(s.GetDuration().AsDuration().Nanoseconds()) / 1000, Detail: s.GetDetail()})
	}
	if r := resp.GetRecord(); r != nil {
		ans.Scheme, ans.Record, ans.Version = r.GetScheme(), r.GetId(), r.GetVersion()
		if ans.Fallback == nil {
			ans.ID = orDefault(r.GetId(), id)
		}
		ans.Reason, ans.Successor = r.GetReason(), r.GetSuccessor()
		var values []identifier.Value
		for _, p := range r.GetValues() {
			v, err := nodepb.ToValue(p)
			if err != nil {
				return nil, failf("the node's answer: %v", err)
			}
			values = append(values, v)
		}
		var err error
		if ans.Values, err = fromValues(values); err != nil {
			return nil, err
		}
	}
	if r := resp.GetReferral(); r != nil {
		ans.Referral = &referral{Namespace: r.GetNamespace(), IP: r.GetIp(), UDP: r.GetUdp(), TCP: r.GetTcp(), HTTP: r.GetHttp(), DNS: r.GetDns()}
	}
	if o.status == http.StatusForbidden && ans.Reason == "" {
		ans.Reason = resp.GetExplanation()
	}
	return ans, nil
}

func fromCandidates(in []*nodepb.Candidate) []candidate {
	var out []candidate
	for _, c := range in {
		out = append(out, candidate{Scheme: c.GetScheme(), Form: c.GetForm(), Canonical: c.GetCanonical(), Reason: c.GetReason(),
			Error: c.GetError(), Meant: c.GetMeant(), Carrier: c.GetCarrier()})
	}
	return out
}
