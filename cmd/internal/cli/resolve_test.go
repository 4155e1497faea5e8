package cli

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
)

func TestResolveHTTP(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tc := range []struct {
		name, body   string
		status, code int
		out, errs    string
	}{
		{"found", `{"responseCode":1,"id":"88.1/x","scheme":"handle","version":3,"tier":"store","values":[{"index":1,"type":"URL","data":"https://x","ttl":60},{"index":2,"type":"DESC","data":"轴承\u001b","ttl":1700000000,"ttlType":"absolute"},{"index":3,"type":"B","data":{"format":"base64","value":"AP8="},"ttl":5}]}`,
			200, exitDone, "88.1/x  handle  version 3  from store  (http, \n  1  URL   60                https://x\n  2  DESC  until 1700000000  轴承\\x1b\n  3  B     5                 base64:AP8=\n", ""},
		{"referral", `{"responseCode":303,"id":"88.2/x","scheme":"handle","referral":{"namespace":"88.2","ip":"192.0.2.7","tcp":2641,"udp":2641}}`,
			200, exitDone, "88.2/x  handle  (http, \n  88.2 is answered by the enterprise's own node: 192.0.2.7 udp 2641, tcp 2641\n", ""},
		{"no values", `{"responseCode":200,"id":"88.1/x"}`, 200, exitNotFound, "", "88.1/x: there, but without"},
		{"not found", `{"responseCode":100,"id":"88.1/x"}`, 404, exitNotFound, "", "88.1/x: not found\n"},
		{"not responsible", `{"responseCode":301,"id":"99.1/x","reason":"not_responsible"}`, 404, exitNotFound, "", "99.1/x: not found: no namespace"},
		{"not found, and a slip in another reading", `{"responseCode":301,"id":"10036128","canonical":"ecode:10036128","candidates":[{"scheme":"ecode","canonical":"ecode:10036128"},{"scheme":"gs1","reason":"length","error":"a wrong check digit","meant":"10036129"}]}`,
			404, exitNotFound, "", "holds it; could also be gs1 (length) but a wrong check digit, meant 10036129\n"},
		{"revoked", `{"responseCode":100,"id":"88.1/x","reason":"recalled","successor":"88.1/y"}`, 410, exitNotFound, "", "88.1/x: revoked: recalled; ask for 88.1/y\n"},
		{"suspended", `{"responseCode":100,"id":"88.1/x","reason":"unpaid"}`, 403, exitDenied, "", "88.1/x: suspended: unpaid\n"},
		{"not an identifier", `{"status":400,"code":"invalid_identifier","detail":"empty segment"}`, 400, exitFailed, "", "invalid_identifier: empty segment\n"},
		{"overloaded", `{"responseCode":3,"id":"88.1/x"}`, 503, exitFailed, "", "service unavailable\n"},
		{"not JSON", `<html>`, 200, exitFailed, "", "200 ok: <html>\n"},
	} {
		var query string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query = r.URL.String()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(tc.status)
			_, _ = io.WriteString(w, tc.body)
		}))
		out, errs, code := run(t, "", "resolve", "88.1/x", "--type", "URL", "--type", "DESC.", "--index", "3", "--server", srv.URL)
		head, rest, _ := strings.Cut(out, "\n")
		if i := strings.LastIndex(head, ", "); i >= 0 {
			out = head[:i+2] + "\n" + rest // without the time it took
		}
		if code != tc.code || out != tc.out || !strings.Contains(errs, tc.errs) || (errs == "") != (tc.errs == "") {
			t.Errorf("%s: exit %d, out\n%q, err %q; want %d, out\n%q, err %q", tc.name, code, out, errs, tc.code, tc.out, tc.errs)
		}
		if want := "/resolve?id=88.1%2Fx&index=3&type=URL&type=DESC."; query != want {
			t.Errorf("asked %s, want %s", query, want)
		}
		out, errs, code = run(t, "", "resolve", "88.1/x", "--addr", strings.TrimPrefix(srv.URL, "http://"), "-o", "json")
		if code != tc.code || !json.Valid([]byte(out+errs)) {
			t.Errorf("%s with -o json: exit %d, out %q, err %q; want exit %d and one JSON value", tc.name, code, out, errs, tc.code)
		}
		srv.Close()
	}
}

// grpcNode answers every question with the status whose name is asked for.
type grpcNode struct {
	nodepb.UnimplementedResolverServer
	last *nodepb.ResolveRequest
}

func (n *grpcNode) Resolve(_ context.Context, r *nodepb.ResolveRequest) (*nodepb.ResolveResponse, error) {
	n.last = r
	switch s := nodepb.ResolveResponse_Status(nodepb.ResolveResponse_Status_value[r.GetId()]); s {
	case nodepb.ResolveResponse_FOUND:
		rec := &identifier.Record{Scheme: identifier.OID, ID: "1.2.3", Version: 4, Values: []identifier.Value{{Index: 1, Type: "N", Data: []byte("轴承"), TTL: 60}}}
		return &nodepb.ResolveResponse{Status: s, Record: nodepb.FromRecord(rec)}, nil
	case nodepb.ResolveResponse_REVOKED:
		rec := &identifier.Record{Scheme: identifier.OID, ID: "1.2.3", State: identifier.Revoked, Reason: "recalled", Successor: "1.2.4"}
		return &nodepb.ResolveResponse{Status: s, Record: nodepb.FromRecordHead(rec)}, nil
	case nodepb.ResolveResponse_REFERRAL:
		return &nodepb.ResolveResponse{Status: s, Referral: &nodepb.Referral{Namespace: "1.2", Ip: "192.0.2.7", Tcp: 2641}}, nil
	case nodepb.ResolveResponse_INVALID_ARGUMENT:
		return nil, status.Error(codes.InvalidArgument, "not an identifier: empty")
	case nodepb.ResolveResponse_RESOURCE_EXHAUSTED:
		return nil, status.Error(codes.ResourceExhausted, "too busy")
	case nodepb.ResolveResponse_UNAVAILABLE:
		return nil, status.Error(codes.Unavailable, "broken")
	default:
		return &nodepb.ResolveResponse{Status: s, Explanation: "because"}, nil
	}
}

func TestResolveGRPC(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	node := &grpcNode{}
	srv := grpc.NewServer()
	nodepb.RegisterResolverServer(srv, node)
	go func() { _ = srv.Serve(l) }()
	defer srv.Stop()

	want := map[string]struct {
		code      int
		out, errs string
	}{
		"STATUS_UNSPECIFIED": {exitFailed, "", "the node answered"},
		"FOUND":              {exitDone, "  1  N  60  轴承\n", ""},
		"NO_VALUES":          {exitNotFound, "", "without a value"},
		"NOT_FOUND":          {exitNotFound, "", "not found\n"},
		"REVOKED":            {exitNotFound, "", "1.2.3: revoked: recalled; ask for 1.2.4\n"},
		"REFERRAL":           {exitDone, "192.0.2.7 tcp 2641\n", ""},
		"SUSPENDED":          {exitDenied, "", "suspended: because\n"},
		"NOT_RESPONSIBLE":    {exitNotFound, "", "no namespace of this node"},
		"INVALID_ARGUMENT":   {exitFailed, "", "invalid_identifier: not an identifier: empty\n"},
		"RESOURCE_EXHAUSTED": {exitFailed, "", "overloaded: too busy\n"},
		"UNAVAILABLE":        {exitFailed, "", "broken\n"},
	}
	for name := range nodepb.ResolveResponse_Status_value {
		w, ok := want[name]
		if !ok {
			t.Errorf("status %s has no case here", name)
			continue
		}
		args := []string{"resolve", name, "--via", "grpc", "--addr", l.Addr().String(), "--type", "N", "--index", "7"}
		out, errs, code := run(t, "", args...)
		if code != w.code || !strings.HasSuffix(out, w.out) || !strings.Contains(errs, w.errs) || (errs == "") != (w.errs == "") {
			t.Errorf("%s: exit %d, out %q, err %q; want %+v", name, code, out, errs, w)
		}
		out, errs, code = run(t, "", append(args, "-o", "json")...)
		if code != w.code || !json.Valid([]byte(out+errs)) {
			t.Errorf("%s with -o json: exit %d, out %q, err %q", name, code, out, errs)
		}
	}
	if r := node.last; len(r.GetTypes()) != 1 || len(r.GetIndexes()) != 1 || r.GetTypes()[0] != "N" || r.GetIndexes()[0] != 7 {
		t.Errorf("asked %v", r)
	}
}

func TestFromHandle(t *testing.T) {
	site := handle.ServiceSite(&identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), UDP: 2641, TCP: 2642, HTTP: 8000})
	values := []identifier.Value{{Index: 1, Type: "HS_SITE.PREFIX", Data: handle.AppendSite(nil, &site)}}
	for _, tc := range []struct {
		resp client.Response
		code int
		says string
	}{
		{client.Response{Code: handle.RcodeSuccess, Handle: "88.1/X", Values: []identifier.Value{{Index: 1, Type: "N", Data: []byte("轴承")}}}, exitDone, "轴承"},
		{client.Response{Code: handle.RcodeValuesNotFound}, exitNotFound, "without a value"},
		{client.Response{Code: handle.RcodeHandleNotFound}, exitNotFound, "88.1/x: not found"},
		{client.Response{Code: handle.RcodeServerNotResponsible}, exitNotFound, "no namespace of this node"},
		{client.Response{Code: handle.RcodePrefixReferral, Values: values}, exitDone, "192.0.2.7 udp 2641, tcp 2642, http 8000"},
		{client.Response{Code: handle.RcodeServiceReferral, Handle: "88.1/svc"}, exitDone, "88.1/svc is answered"},
		{client.Response{Code: handle.RcodeServerTooBusy}, exitFailed, "overloaded"},
		{client.Response{Code: handle.RcodeInvalidHandle, Message: "empty"}, exitFailed, "invalid_identifier: empty"},
		{client.Response{Code: handle.RcodeAuthNeeded}, exitDenied, "authentication needed"},
		{client.Response{Code: handle.RcodeError, Message: "oops"}, exitFailed, "oops"},
	} {
		var out, errs strings.Builder
		a := &app{IO: IO{Out: &out, Err: &errs, Getenv: func(string) string { return "" }}, output: "text"}
		ans, err := fromHandle("88.1/x", &tc.resp)
		if err == nil {
			err = a.printAnswer(ans, "handle-udp", 0)
		}
		a.report(err)
		if code := exitCode(err); code != tc.code || !strings.Contains(out.String()+errs.String(), tc.says) {
			t.Errorf("%v: exit %d, out %q, err %q; want %d, %q", tc.resp.Code, code, out.String(), errs.String(), tc.code, tc.says)
		}
	}
}

func TestDescribe(t *testing.T) {
	admin := handle.AppendAdmin(nil, handle.Admin{Perms: handle.MayAll, Ref: identifier.Ref{Handle: "88.1/admin", Index: 300}})
	site := handle.ServiceSite(&identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), UDP: 2641, TCP: 2642})
	for _, tc := range []struct {
		kind string
		data []byte
		want string
	}{
		{"HS_ADMIN", admin, "administrator 300:88.1/admin, rights 111111111111"},
		{"HS_VLIST", handle.AppendRefs(nil, []identifier.Ref{{Handle: "88.1/a", Index: 300}, {Handle: "88.1/b", Index: 301}}), "300:88.1/a; 301:88.1/b"},
		{"HS_VLIST", []byte("text"), ""},
		{"HS_PUBKEY", handle.AppendPublicKey(nil, handle.PublicKey{Algorithm: handle.KeyRSA, N: make([]byte, 257), E: []byte{3}}), "RSA"},
		{"HS_SITE.PREFIX", handle.AppendSite(nil, &site), "192.0.2.7 "},
		{"HS_SITE", []byte{1, 2, 3}, ""},
		{"URL", admin, ""},
	} {
		if got := describe(tc.kind, tc.data); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("describe(%s) = %q, want %q", tc.kind, got, tc.want)
		}
	}
}
