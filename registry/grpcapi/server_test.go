package grpcapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/auth"
	"github.com/idnode/idnode/registry/grpcapi"
	"github.com/idnode/idnode/registry/job"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var operator = registry.Actor{Enterprise: registry.Self, KeyID: "op", Role: registry.RoleOperator}

// node is a registry of two enterprises behind a real server.
type node struct {
	t      *testing.T
	reg    *registry.Registrar
	client nodepb.RegistryClient
	jobs   nodepb.JobsClient
	runner *job.Runner // does not run by itself

	acme, rival string            // enterprises: acme has 88.1021.150, rival has 88.1021.160
	keys        map[string]string // holder → API key: "operator", "acme", "acme-reader", "rival"
	keyIDs      map[string]string
}

func newNode(t *testing.T) *node {
	t.Helper()
	mem := memstore.New()
	t.Cleanup(func() { mem.Close() })
	spaces, err := storage.LoadNamespaces(t.Context(), mem)
	if err != nil {
		t.Fatal(err)
	}
	store := storage.Observe(mem, func(c []storage.Change) {
		if err := spaces.Observe(context.Background(), c); err != nil {
			t.Error(err)
		}
	})
	quiet := slog.New(slog.DiscardHandler)
	n := &node{t: t, keys: make(map[string]string), keyIDs: make(map[string]string)}
	n.reg, err = registry.New(registry.Options{
		Store: store, Namespaces: spaces, Logger: quiet,
		NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.1021"}, {Scheme: identifier.Ecode, Name: "10695"}, {Scheme: identifier.GS1, Name: "0695201"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.acme, n.rival = n.enterprise("acme", "88.1021.150"), n.enterprise("rival", "88.1021.160")
	n.key("operator", registry.Self, registry.RoleOperator)
	n.key("acme", n.acme, registry.RoleWriter)
	n.key("acme-reader", n.acme, registry.RoleReader)
	n.key("rival", n.rival, registry.RoleWriter)

	v, err := auth.New(store, auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	if n.runner, err = job.New(job.Options{Registrar: n.reg, Dir: t.TempDir(), Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	s := grpcapi.New(n.reg, v, grpcapi.Options{Logger: quiet})
	s.RegisterOn(g)
	grpcapi.NewJobs(s, n.runner).RegisterOn(g)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		g.Stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	n.client, n.jobs = nodepb.NewRegistryClient(conn), nodepb.NewJobsClient(conn)
	return n
}

func (n *node) enterprise(name, prefix string) string {
	n.t.Helper()
	e, err := n.reg.CreateEnterprise(n.t.Context(), registry.Enterprise{Name: name}, registry.Write{Actor: operator})
	if err != nil {
		n.t.Fatal(err)
	}
	_, err = n.reg.AllocatePrefix(n.t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: prefix, Enterprise: e.ID}, registry.Write{Actor: operator})
	if err != nil {
		n.t.Fatal(err)
	}
	return e.ID
}

func (n *node) key(holder, enterprise string, role registry.Role) {
	n.t.Helper()
	k, secret, err := n.reg.IssueKey(n.t.Context(), registry.KeyRequest{Enterprise: enterprise, Role: role}, registry.Write{Actor: operator})
	if err != nil {
		n.t.Fatal(err)
	}
	n.keys[holder], n.keyIDs[holder] = secret, k.ID
}

// as is a context with the holder's key.
func (n *node) as(holder string) context.Context {
	return metadata.AppendToOutgoingContext(n.t.Context(), "authorization", "Bearer "+n.keys[holder])
}

// refused fails the test unless err has that code and reason, and returns the details.
func refused(t *testing.T, err error, code codes.Code, reason string) (*errdetails.ErrorInfo, *nodepb.Record) {
	t.Helper()
	st := status.Convert(err)
	var info *errdetails.ErrorInfo
	var rec *nodepb.Record
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *nodepb.Record:
			rec = d
		}
	}
	if st.Code() != code || info.GetReason() != reason {
		t.Fatalf("got %v, reason %q; want %v, %q", err, info.GetReason(), code, reason)
	}
	if info.GetDomain() != nodepb.ErrorDomain {
		t.Errorf("domain %q", info.GetDomain())
	}
	return info, rec
}

func record(id string, values ...*nodepb.Value) *nodepb.Record {
	if values == nil {
		values = []*nodepb.Value{{Index: 1, Type: "URL", Data: []byte("https://example.com/泵")}}
	}
	return &nodepb.Record{Id: id, Values: values}
}

func TestLife(t *testing.T) {
	n := newNode(t)
	ctx, c := n.as("acme"), n.client
	const id = "88.1021.150/SN-1"

	before := time.Now().Add(-time.Second)
	private := &nodepb.Value{Index: 2, Type: "COST", Data: []byte{0, 0xff}, Ttl: proto.Int32(60), Permissions: proto.Uint32(12),
		References: []*nodepb.Reference{{Handle: "0.NA/88.1021", Index: 300}}}
	in := record(id, &nodepb.Value{Index: 1, Type: "URL", Data: []byte("a")}, private)
	in.Created = timestamppb.New(time.Unix(1, 0)) // not for a client to say
	made, err := c.Register(ctx, &nodepb.RegisterRequest{Record: in})
	if err != nil {
		t.Fatal(err)
	}
	r := made.Record
	if r.Id != id || r.Scheme != "handle" || r.Version != 1 || r.State != nodepb.Record_ACTIVE || r.Created.AsTime().Before(before) || made.Replayed {
		t.Errorf("registered %v", made)
	}
	if v := r.Values[0]; v.GetTtl() != 86400 || v.GetPermissions() != 14 || v.Timestamp.AsTime().Before(before.Truncate(time.Second)) {
		t.Errorf("defaults: %v", v)
	}
	_, err = c.Register(ctx, &nodepb.RegisterRequest{Record: record(id)})
	refused(t, err, codes.AlreadyExists, registry.CodeAlreadyExists)

	got, err := c.Get(ctx, &nodepb.GetRequest{Id: "handle:88.1021.150/sn-1"})
	if err != nil {
		t.Fatal(err)
	}
	if d := got.Record.Values[1]; len(got.Record.Values) != 2 || string(d.Data) != "\x00\xff" || d.GetPermissions() != 12 || d.References[0].Index != 300 {
		t.Errorf("got %v", got.Record)
	}

	replaced, err := c.Replace(ctx, &nodepb.ReplaceRequest{Record: record(id), IfMatch: 1})
	if err != nil || replaced.Record.Version != 2 || replaced.Created || len(replaced.Record.Values) != 1 {
		t.Fatalf("replace: %v, %v", replaced, err)
	}
	_, err = c.Replace(ctx, &nodepb.ReplaceRequest{Record: record(id), IfMatch: 1})
	info, _ := refused(t, err, codes.Aborted, registry.CodeVersionMismatch)
	if info.Metadata["current"] != "2" || info.Metadata["expected"] != "1" {
		t.Errorf("metadata %v", info.Metadata)
	}
	if _, err = c.Replace(ctx, &nodepb.ReplaceRequest{Record: record(id), CreateOnly: true}); status.Code(err) == codes.OK {
		t.Error("create_only replaced a record")
	}

	merged, err := c.Merge(ctx, &nodepb.MergeRequest{Id: id, IfMatch: 2, Values: []*nodepb.ValueChange{
		{Index: 1, Ttl: proto.Int32(30)},
		{Index: 5, Type: proto.String("NAME"), Data: []byte("离心泵")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if v := merged.Record.Values; merged.Record.Version != 3 || len(v) != 2 || v[0].GetTtl() != 30 || v[0].Type != "URL" || string(v[1].Data) != "离心泵" {
		t.Errorf("merged %v", merged.Record)
	}
	merged, err = c.Merge(ctx, &nodepb.MergeRequest{Id: id, Values: []*nodepb.ValueChange{{Index: 5, Delete: true}}})
	if err != nil || len(merged.Record.Values) != 1 {
		t.Errorf("merge of a removal: %v, %v", merged, err)
	}

	old, err := c.Get(ctx, &nodepb.GetRequest{Id: id, Version: 1})
	if err != nil || old.Record.Version != 1 || len(old.Record.Values) != 2 {
		t.Errorf("version 1: %v, %v", old, err)
	}

	gone, err := c.Revoke(ctx, &nodepb.RevokeRequest{Id: id, Reason: "scrapped", Successor: "88.1021.150/SN-2"})
	if err != nil {
		t.Fatal(err)
	}
	if p := gone.Record; p.State != nodepb.Record_REVOKED || p.Reason != "scrapped" || p.Successor != "88.1021.150/SN-2" {
		t.Errorf("revoked %v", p)
	}
	got, err = c.Get(ctx, &nodepb.GetRequest{Id: id})
	if err != nil || got.Record.State != nodepb.Record_REVOKED || got.Record.Reason != "scrapped" {
		t.Errorf("tombstone: %v, %v", got, err)
	}
	_, err = c.Register(ctx, &nodepb.RegisterRequest{Record: record(id)})
	if _, rec := refused(t, err, codes.FailedPrecondition, registry.CodeRevoked); rec.GetReason() != "scrapped" {
		t.Errorf("tombstone in the error: %v", rec)
	}
	_, err = c.Get(ctx, &nodepb.GetRequest{Id: "88.1021.150/none"})
	refused(t, err, codes.NotFound, registry.CodeNotFound)
}

func TestIdempotency(t *testing.T) {
	n := newNode(t)
	req := &nodepb.RegisterRequest{Record: record("88.1021.150/once"), IdempotencyKey: "k1"}
	for i := range 2 {
		r, err := n.client.Register(n.as("acme"), req)
		if err != nil || r.Replayed != (i == 1) || r.Record.Version != 1 {
			t.Fatalf("call %d: %v, %v", i, r, err)
		}
	}
	req.Record.Values[0].Data = []byte("other")
	_, err := n.client.Register(n.as("acme"), req)
	refused(t, err, codes.FailedPrecondition, registry.CodeIdempotencyMismatch)
}

func TestTenancy(t *testing.T) {
	n := newNode(t)
	c := n.client
	const id = "88.1021.150/theirs"
	if _, err := c.Register(n.as("acme"), &nodepb.RegisterRequest{Record: record(id, &nodepb.Value{Index: 1, Type: "COST", Data: []byte("42"), Permissions: proto.Uint32(12)})}); err != nil {
		t.Fatal(err)
	}
	rival := n.as("rival")
	for name, call := range map[string]func() error{
		"register": func() error {
			_, err := c.Register(rival, &nodepb.RegisterRequest{Record: record("88.1021.150/new")})
			return err
		},
		"replace": func() error {
			_, err := c.Replace(rival, &nodepb.ReplaceRequest{Record: record(id)})
			return err
		},
		"merge": func() error {
			_, err := c.Merge(rival, &nodepb.MergeRequest{Id: id, Values: []*nodepb.ValueChange{{Index: 1, Delete: true}}})
			return err
		},
		"revoke": func() error {
			_, err := c.Revoke(rival, &nodepb.RevokeRequest{Id: id, Reason: "mine"})
			return err
		},
		"nobody's": func() error {
			_, err := c.Register(rival, &nodepb.RegisterRequest{Record: record("88.1021.999/x")})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { refused(t, call(), codes.PermissionDenied, registry.CodeNotYourNamespace) })
	}
	t.Run("reader", func(t *testing.T) {
		_, err := c.Register(n.as("acme-reader"), &nodepb.RegisterRequest{Record: record("88.1021.150/new")})
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("got %v, want PermissionDenied", err)
		}
	})
	if r, err := c.Get(rival, &nodepb.GetRequest{Id: id}); err == nil && len(r.Record.Values) > 0 {
		t.Errorf("the rival reads private values: %v", r.Record)
	}
	r, err := c.Get(n.as("acme-reader"), &nodepb.GetRequest{Id: id})
	if err != nil || r.Record.Version != 1 || string(r.Record.Values[0].Data) != "42" {
		t.Errorf("afterwards: %v, %v", r, err)
	}
	_, err = c.Get(n.as("acme"), &nodepb.GetRequest{Id: "88.1021.150/new"})
	refused(t, err, codes.NotFound, registry.CodeNotFound)
}

func TestAuthentication(t *testing.T) {
	n := newNode(t)
	good := "Bearer " + n.keys["acme"]
	for _, tc := range []struct {
		name string
		auth []string
		ok   bool
	}{
		{"none", nil, false},
		{"empty", []string{""}, false},
		{"no scheme", []string{n.keys["acme"]}, false},
		{"basic", []string{"Basic " + n.keys["acme"]}, false},
		{"unknown key", []string{"Bearer idn_nobody_secret"}, false},
		{"wrong secret", []string{good + "x"}, false},
		{"two", []string{good, good}, false},
		{"junk", []string{"Bearer " + strings.Repeat("_", 5000)}, false},
		{"good", []string{good}, true},
		{"lower case", []string{"bearer " + n.keys["acme"]}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := t.Context()
			for _, a := range tc.auth {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", a)
			}
			_, err := n.client.List(ctx, &nodepb.ListRequest{Prefix: "88.1021.150"})
			if tc.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, codes.Unauthenticated, registry.CodeUnauthenticated)
			stream, err := n.client.Import(ctx)
			if err != nil {
				t.Fatal(err)
			}
			_, err = stream.Recv()
			refused(t, err, codes.Unauthenticated, registry.CodeUnauthenticated)
		})
	}
	t.Run("deleted", func(t *testing.T) {
		if err := n.reg.RevokeKey(t.Context(), n.keyIDs["acme"], registry.Write{Actor: operator}); err != nil {
			t.Fatal(err)
		}
		_, err := n.client.List(n.as("acme"), &nodepb.ListRequest{})
		refused(t, err, codes.Unauthenticated, registry.CodeUnauthenticated)
	})
}

// address records from where its only caller comes.
type address struct{ got chan netip.Addr }

func (a address) Verify(_ context.Context, _ string, addr netip.Addr) (registry.Actor, error) {
	a.got <- addr
	return registry.Actor{}, errors.New("down")
}

func TestVerifierIsToldTheAddress(t *testing.T) {
	v := address{make(chan netip.Addr, 1)}
	g := grpc.NewServer()
	grpcapi.New(nil, v, grpcapi.Options{Logger: slog.New(slog.DiscardHandler)}).RegisterOn(g)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go g.Serve(l)
	defer g.Stop()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = nodepb.NewRegistryClient(conn).Get(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x"), &nodepb.GetRequest{})
	refused(t, err, codes.Internal, registry.CodeInternal)
	if got := <-v.got; got != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("address %v", got)
	}
}

func TestBadRequests(t *testing.T) {
	n := newNode(t)
	c, ctx := n.client, n.as("acme")
	register := func(r *nodepb.Record) error {
		_, err := c.Register(ctx, &nodepb.RegisterRequest{Record: r})
		return err
	}
	merge := func(changes ...*nodepb.ValueChange) error {
		_, err := c.Merge(ctx, &nodepb.MergeRequest{Id: "88.1021.150/x", Values: changes})
		return err
	}
	get := func(r *nodepb.GetRequest) error {
		_, err := c.Get(ctx, r)
		return err
	}
	if err := register(record("88.1021.150/x")); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name          string
		err           error
		reason, field string
	}{
		{"no record", register(nil), registry.CodeInvalidRequest, "record"},
		{"no id", register(record("")), registry.CodeInvalidIdentifier, "/id"},
		{"bad id", register(record("what is this")), registry.CodeInvalidIdentifier, "/id"},
		{"unknown scheme", register(&nodepb.Record{Id: "88.1021.150/y", Scheme: "isbn"}), registry.CodeInvalidIdentifier, "/scheme"},
		{"permissions", register(record("88.1021.150/y", &nodepb.Value{Index: 1, Type: "URL", Permissions: proto.Uint32(99)})), registry.CodeInvalidValue, "/values/0/permissions"},
		{"index 0", register(record("88.1021.150/y", &nodepb.Value{Type: "URL"})), registry.CodeInvalidValue, "/values/0/index"},
		{"merge permissions", merge(&nodepb.ValueChange{Index: 2}, &nodepb.ValueChange{Index: 1, Permissions: proto.Uint32(99)}), registry.CodeInvalidValue, "/values/1/permissions"},
		{"merge ttl type alone", merge(&nodepb.ValueChange{Index: 1, TtlType: nodepb.Value_ABSOLUTE}), registry.CodeInvalidValue, "/values/0/ttl_type"},
		{"merge delete and set", merge(&nodepb.ValueChange{Index: 1, Delete: true, Data: []byte{}}), registry.CodeInvalidValue, "/values/0/delete"},
		{"get nothing", get(&nodepb.GetRequest{}), registry.CodeInvalidIdentifier, "id"},
		{"get at no time", get(&nodepb.GetRequest{Id: "88.1021.150/x", At: &timestamppb.Timestamp{Nanos: -1}}), registry.CodeInvalidRequest, "at"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			info, _ := refused(t, tc.err, codes.InvalidArgument, tc.reason)
			if got := info.Metadata["field"]; got != tc.field {
				t.Errorf("field %q, want %q", got, tc.field)
			}
		})
	}
	_, err := c.List(ctx, &nodepb.ListRequest{Cursor: "junk"})
	refused(t, err, codes.InvalidArgument, registry.CodeInvalidCursor)
	_, err = c.List(ctx, &nodepb.ListRequest{Scheme: "isbn"})
	refused(t, err, codes.InvalidArgument, registry.CodeInvalidRequest)
}

func TestList(t *testing.T) {
	n := newNode(t)
	c, ctx := n.client, n.as("acme")
	big := make([]byte, 200<<10)
	for i := range 30 {
		if _, err := c.Register(ctx, &nodepb.RegisterRequest{Record: record(fmt.Sprintf("88.1021.150/%02d", i), &nodepb.Value{Index: 1, Type: "BLOB", Data: big})}); err != nil {
			t.Fatal(err)
		}
	}
	// A page of 30 would be 6 MB, more than a client takes.
	for _, limit := range []uint32{0, 7, 30, 1 << 31} {
		req := &nodepb.ListRequest{Prefix: "88.1021.150", Scheme: "handle", Limit: limit}
		var got []string
		for {
			r, err := c.List(ctx, req)
			if err != nil {
				t.Fatal(err)
			}
			if limit > 0 && len(r.Records) > int(limit) {
				t.Errorf("%d records, the limit is %d", len(r.Records), limit)
			}
			for _, rec := range r.Records {
				got = append(got, rec.Id)
			}
			if req.Cursor = r.Next; r.Next == "" {
				break
			}
		}
		if len(got) != 30 || got[0] != "88.1021.150/00" || got[29] != "88.1021.150/29" {
			t.Errorf("limit %d: %d records: %v", limit, len(got), got)
		}
	}
}

// importAll sends everything before it reads anything, as a simple client does.
func (n *node) importAll(holder string, msgs ...*nodepb.ImportRequest) ([]*nodepb.ImportFailure, *nodepb.ImportSummary, error) {
	n.t.Helper()
	stream, err := n.client.Import(n.as(holder))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, m := range msgs {
		if err := stream.Send(m); err != nil {
			break // the reason comes from Recv
		}
	}
	if err := stream.CloseSend(); err != nil {
		n.t.Fatal(err)
	}
	var failures []*nodepb.ImportFailure
	var sum *nodepb.ImportSummary
	for {
		r, err := stream.Recv()
		if err == io.EOF {
			return failures, sum, nil
		}
		if err != nil {
			return failures, sum, err
		}
		if sum != nil {
			n.t.Errorf("after the summary: %v", r)
		}
		if f := r.GetFailure(); f != nil {
			failures = append(failures, f)
		}
		sum = r.GetSummary()
	}
}

func TestImport(t *testing.T) {
	n := newNode(t)
	options := func(m nodepb.ImportOptions_Mode, records ...*nodepb.Record) *nodepb.ImportRequest {
		return &nodepb.ImportRequest{Options: &nodepb.ImportOptions{Mode: m}, Records: records}
	}
	more := func(records ...*nodepb.Record) *nodepb.ImportRequest {
		return &nodepb.ImportRequest{Records: records}
	}
	dated := record("88.1021.150/2", &nodepb.Value{Index: 1, Type: "URL", Data: []byte("2"), Timestamp: &timestamppb.Timestamp{Seconds: 1000000000}})
	failures, sum, err := n.importAll("acme",
		options(nodepb.ImportOptions_CREATE, record("88.1021.150/1"), dated),
		more(),
		more(record("?"), record("88.1021.160/rival"), record("88.1021.150/1")),
		more(record("88.1021.150/3", &nodepb.Value{Index: 1, Type: "URL", Permissions: proto.Uint32(99)})),
	)
	if err != nil {
		t.Fatal(err)
	}
	if want := (&nodepb.ImportSummary{Total: 6, Stored: 2, Failed: 4}); !proto.Equal(sum, want) {
		t.Errorf("summary %v, want %v", sum, want)
	}
	byRow := make(map[uint64]*nodepb.ImportFailure)
	for _, f := range failures {
		byRow[f.Row] = f
	}
	for row, want := range map[uint64]string{3: registry.CodeInvalidIdentifier, 4: registry.CodeNotYourNamespace, 6: registry.CodeInvalidValue} {
		if f := byRow[row]; f.GetCode() != want || f.GetStatus() != "failed" || f.GetDetail() == "" || f.GetId() == "" {
			t.Errorf("row %d: %v, want %s", row, f, want)
		}
	}
	if len(failures) != 4 || byRow[5] == nil {
		t.Errorf("failures %v", failures)
	}
	r, err := n.client.Get(n.as("acme"), &nodepb.GetRequest{Id: "88.1021.150/2"})
	if err != nil || r.Record.Values[0].Timestamp.GetSeconds() != 1000000000 {
		t.Errorf("an imported timestamp: %v, %v", r, err)
	}

	_, sum, err = n.importAll("acme", options(nodepb.ImportOptions_SKIP_EXISTING, record("88.1021.150/1"), record("88.1021.150/4")))
	if want := (&nodepb.ImportSummary{Total: 2, Stored: 1, Skipped: 1}); err != nil || !proto.Equal(sum, want) {
		t.Errorf("skip existing: %v, %v, want %v", sum, err, want)
	}
	_, sum, err = n.importAll("acme", options(nodepb.ImportOptions_UPSERT, record("88.1021.150/1", &nodepb.Value{Index: 1, Type: "URL", Data: []byte("new")})))
	if want := (&nodepb.ImportSummary{Total: 1, Stored: 1}); err != nil || !proto.Equal(sum, want) {
		t.Errorf("upsert: %v, %v, want %v", sum, err, want)
	}
	_, sum, err = n.importAll("operator", &nodepb.ImportRequest{Options: &nodepb.ImportOptions{Allocate: true}, Records: []*nodepb.Record{record("88.1021.777/1")}})
	if want := (&nodepb.ImportSummary{Total: 1, Stored: 1}); err != nil || !proto.Equal(sum, want) {
		t.Errorf("allocate: %v, %v, want %v", sum, err, want)
	}
}

func TestImportRefuses(t *testing.T) {
	n := newNode(t)
	good := &nodepb.ImportRequest{Options: &nodepb.ImportOptions{}}
	for _, tc := range []struct {
		name string
		msgs []*nodepb.ImportRequest
	}{
		{"nothing", nil},
		{"no options", []*nodepb.ImportRequest{{Records: []*nodepb.Record{record("88.1021.150/1")}}}},
		{"options twice", []*nodepb.ImportRequest{good, good}},
		{"unknown mode", []*nodepb.ImportRequest{{Options: &nodepb.ImportOptions{Mode: 9}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := n.importAll("acme", tc.msgs...)
			refused(t, err, codes.InvalidArgument, registry.CodeInvalidRequest)
		})
	}
}

// A client that sends everything before it reads must not be made to wait for itself, however many
// failures there are: more than a stream's window, and more than wait for it.
func TestImportOfFailures(t *testing.T) {
	n := newNode(t)
	const messages, rows = 60, 500
	msgs := []*nodepb.ImportRequest{{Options: new(nodepb.ImportOptions)}}
	for range messages {
		m := new(nodepb.ImportRequest)
		for range rows {
			m.Records = append(m.Records, record("88.1021.160/not-mine"))
		}
		msgs = append(msgs, m)
	}
	failures, sum, err := n.importAll("acme", msgs...)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Total != messages*rows || sum.Failed != messages*rows {
		t.Errorf("summary %v", sum)
	}
	if uint64(len(failures))+sum.Unreported != messages*rows || len(failures) < 10000 {
		t.Errorf("%d failures sent, %d unreported, want %d together", len(failures), sum.Unreported, messages*rows)
	}
}

func TestImportEndsWithItsKey(t *testing.T) {
	n := newNode(t)
	stream, err := n.client.Import(n.as("acme"))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&nodepb.ImportRequest{Options: new(nodepb.ImportOptions)}); err != nil {
		t.Fatal(err)
	}
	if err := n.reg.RevokeKey(t.Context(), n.keyIDs["acme"], registry.Write{Actor: operator}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for i := 0; ; i++ {
			if stream.Send(&nodepb.ImportRequest{Records: []*nodepb.Record{record(fmt.Sprintf("88.1021.150/%d", i))}}) != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	for {
		_, err := stream.Recv()
		if err == nil {
			continue
		}
		refused(t, err, codes.Unauthenticated, registry.CodeUnauthenticated)
		return
	}
}

// TestLanguage: a status is told in the language that the metadata asks for, also that of a row.
func TestLanguage(t *testing.T) {
	n := newNode(t)
	for _, tc := range []struct{ accept, missing, row string }{
		{"", "88.1021.150/none is not registered", "88.9999/x"},
		{"de", "88.1021.150/none is not registered", ""},
		{"zh-CN,zh;q=0.9", "88.1021.150/none 尚未注册", "88.9999/x 不在本节点的任何前缀之下"},
	} {
		ctx := n.as("acme")
		if tc.accept != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "accept-language", tc.accept)
		}
		_, err := n.client.Get(ctx, &nodepb.GetRequest{Id: "88.1021.150/none"})
		if got := status.Convert(err).Message(); got != tc.missing {
			t.Errorf("%q: %q, want %q", tc.accept, got, tc.missing)
		}
		stream, err := n.client.Import(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&nodepb.ImportRequest{Options: &nodepb.ImportOptions{}, Records: []*nodepb.Record{record("88.9999/x")}}); err != nil {
			t.Fatal(err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.GetFailure().GetDetail(); !strings.Contains(got, tc.row) {
			t.Errorf("%q: the row is told as %q, want %q", tc.accept, got, tc.row)
		}
		for err == nil {
			_, err = stream.Recv()
		}
	}
}
