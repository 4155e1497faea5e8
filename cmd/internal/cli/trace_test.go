package cli

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
)

const traced = `{"responseCode":1,"id":"(01)06901234567892(21)A1","canonical":"gs1:(01)06901234567892(21)A1","scheme":"gs1",
	"reading":{"scheme":"gs1","form":"Digital Link URI","level":"item","carrier":"AIM ]Q3"},"namespace":"690123","record":"(01)06901234567892","version":3,"tier":"store",
	"fallback":{"from":"gs1:(01)06901234567892(21)A1","to":"gs1:(01)06901234567892","level":"product"},
	"candidates":[{"scheme":"gs1","canonical":"gs1:(01)06901234567892(21)A1","reason":"a path"},{"scheme":"ecode","reason":"digits","error":"too long"}],
	"values":[{"index":1,"type":"URL","data":"https://x","ttl":60}],
	"steps":[{"stage":"read","name":"gs1:(01)06901234567892(21)A1","micros":1.5,"detail":"Digital Link URI"},
		{"stage":"fallback","name":"gs1:(01)06901234567892","status":"found","tier":"store","micros":1200.25}]}`

func TestTraceHTTP(t *testing.T) {
	t.Chdir(t.TempDir())
	reply, code := traced, 200
	var query string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, reply)
	}))
	defer srv.Close()
	args := []string{"trace", "https://x/01/06901234567892/21/A1", "--fallback", "--scheme", "gs1", "--server", srv.URL}
	out, errs, exit := run(t, "", args...)
	if exit != exitDone || errs != "" {
		t.Errorf("exit %d, err %q", exit, errs)
	}
	for _, want := range []string{
		"read      gs1:(01)06901234567892(21)A1  -        -      1.5µs  Digital Link URI\n",
		"fallback  gs1:(01)06901234567892        found    store  1.2ms",
		"ecode      -                             digits   too long  -\n",
		"(01)06901234567892(21)A1  gs1  version 3  from store",
		"  read as gs1, Digital Link URI, of one item, without AIM ]Q3\n",
		"  has no record of its own; this is of its product gs1:(01)06901234567892\n",
		"  1  URL  60  https://x\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if want := "fallback=1&id=https%3A%2F%2Fx%2F01%2F06901234567892%2F21%2FA1&scheme=gs1&trace=1"; query != want {
		t.Errorf("asked %s, want %s", query, want)
	}
	if out, _, exit := run(t, "", append(args, "-o", "json")...); exit != exitDone || !strings.Contains(out, `"micros": 1200.25`) {
		t.Errorf("-o json: exit %d, %s", exit, out)
	}
	reply, code = `{"responseCode":100,"id":"88.1/x","reason":"not_found","reading":{"scheme":"handle","form":"Handle"},"steps":[{"stage":"record","status":"not_found","micros":1}]}`, 404
	out, errs, exit = run(t, "", args...)
	if exit != exitNotFound || !strings.Contains(out, "record  -   not_found") || errs != "idctl: 88.1/x: not found (read as handle, Handle)\n" {
		t.Errorf("not found: exit %d, out %q, err %q", exit, out, errs)
	}
	reply, code = `{"responseCode":4,"id":"x","reason":"invalid","detail":"a wrong check digit","meant":"6901234567892","candidates":[{"scheme":"gs1","reason":"length","error":"a wrong check digit","meant":"6901234567892"},{"scheme":"handle","reason":"y","error":"z"}]}`, 400
	out, errs, exit = run(t, "", args...)
	if exit != exitFailed || !strings.Contains(out, "gs1        -      length   a wrong check digit  6901234567892\n") || !strings.Contains(errs, "did you mean 6901234567892?") {
		t.Errorf("invalid: exit %d, out %q, err %q", exit, out, errs)
	}
}

// tracer answers every question in the same way, and refuses "x".
type tracer struct {
	nodepb.UnimplementedResolverServer
	last *nodepb.ResolveRequest
}

func (n *tracer) Resolve(_ context.Context, r *nodepb.ResolveRequest) (*nodepb.ResolveResponse, error) {
	n.last = r
	if r.GetId() == "x" {
		st, err := status.New(codes.InvalidArgument, "a wrong check digit").WithDetails(&nodepb.ResolveResponse{
			Candidates: []*nodepb.Candidate{{Scheme: "gs1", Error: "a wrong check digit", Meant: "y"}, {Scheme: "ecode", Error: "too short"}}})
		if err != nil {
			return nil, err
		}
		return nil, st.Err()
	}
	return &nodepb.ResolveResponse{
		Status: nodepb.ResolveResponse_FOUND, Namespace: "690123", Tier: "l1",
		Record:   nodepb.FromRecord(&identifier.Record{Scheme: identifier.GS1, ID: "(01)06901234567892", Version: 3}),
		Reading:  &nodepb.Reading{Scheme: "gs1", Form: "GTIN-13", Canonical: "gs1:(01)06901234567892(21)A1", Level: "item"},
		Fallback: &nodepb.Fallback{From: "gs1:(01)06901234567892(21)A1", To: "gs1:(01)06901234567892", Level: "product"},
		Steps:    []*nodepb.Step{{Stage: "record", Name: "n", Status: nodepb.ResolveResponse_NOT_FOUND, Tier: "store", Duration: durationpb.New(time.Millisecond)}},
	}, nil
}

func TestTraceGRPC(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	node := new(tracer)
	srv := grpc.NewServer()
	nodepb.RegisterResolverServer(srv, node)
	go func() { _ = srv.Serve(l) }()
	defer srv.Stop()
	args := []string{"--via", "grpc", "--addr", l.Addr().String(), "--fallback", "--scheme", "gs1"}
	out, errs, exit := run(t, "", append([]string{"trace", "(01)06901234567892(21)A1"}, args...)...)
	for _, want := range []string{"record  n   not_found  store  1ms", "from l1", "read as gs1, GTIN-13, of one item", "its product gs1:(01)06901234567892"} {
		if exit != exitDone || !strings.Contains(out, want) {
			t.Errorf("exit %d, err %q: %q is missing in\n%s", exit, errs, want, out)
		}
	}
	if r := node.last; !r.GetTrace() || !r.GetFallback() || r.GetScheme() != "gs1" {
		t.Errorf("asked %v", r)
	}
	out, errs, exit = run(t, "", append([]string{"trace", "x", "-o", "json"}, args...)...)
	if exit != exitFailed || !json.Valid([]byte(errs)) {
		t.Errorf("-o json: exit %d, out %q, err %q", exit, out, errs)
	}
	out, errs, exit = run(t, "", append([]string{"resolve", "x"}, args...)...)
	if exit != exitFailed || !strings.Contains(errs, "did you mean y?; as gs1 but a wrong check digit, meant y; as ecode but too short") {
		t.Errorf("exit %d, out %q, err %q", exit, out, errs)
	}
}
