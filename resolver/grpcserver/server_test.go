package grpcserver_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/grpcserver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// fixture is a store with a namespace in each state and a record of each kind.
func fixture(t *testing.T) *memstore.Store {
	t.Helper()
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	var b storage.Batch
	for _, ns := range []*identifier.Namespace{
		{Prefix: "88.101.5", State: identifier.NamespaceActive, Mode: identifier.Hosted},
		{Prefix: "88.2", State: identifier.NamespaceActive, Mode: identifier.Delegated,
			Service: &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), UDP: 2641, TCP: 2642, HTTP: 8000, DNS: 53}},
		{Prefix: "88.3", State: identifier.NamespaceSuspended, Mode: identifier.Hosted, Reason: "fees unpaid"},
	} {
		ns.Scheme, ns.Enterprise = identifier.Handle, "e"
		enc, err := storage.EncodeNamespace(ns)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.NamespaceKey(ns.Key()), enc, 0)
	}
	for _, r := range []*identifier.Record{
		{ID: "88.101.5/Pump", State: identifier.Active, Values: []identifier.Value{
			{Index: 2, Type: "URL", Data: []byte("https://example.com/pump"), TTL: 60, Perms: identifier.DefaultPerms},
			{Index: 1, Type: "NAME", Data: []byte("离心泵"), TTL: 60, Perms: identifier.DefaultPerms},
			{Index: 3, Type: "COST", Data: []byte("42"), TTL: 60, Perms: identifier.AdminRead | identifier.AdminWrite},
		}},
		{ID: "88.101.5/old", State: identifier.Revoked, Reason: "scrapped", Successor: "88.101.5/Pump"},
		{ID: "88.101.5/big", State: identifier.Active, Values: []identifier.Value{
			{Index: 1, Type: "BLOB", Data: make([]byte, 200<<10), Perms: identifier.DefaultPerms},
		}},
	} {
		r.Scheme = identifier.Handle
		id, err := identifier.Parse(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.RecordKey(id.Key(false)), identifier.AppendRecord(nil, r), 0)
	}
	if _, err := store.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return store
}

func newResolver(t *testing.T, store storage.Reader) *resolver.Resolver {
	t.Helper()
	ns, err := storage.LoadNamespaces(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolver.New(resolver.Options{Store: store, Namespaces: ns})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serve runs a server on a port of its own and returns a connection to it.
func serve(t testing.TB, s *grpcserver.Server) (*grpc.Server, *grpc.ClientConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpcserver.ServerOptions(grpcserver.Limits{}, nil, quiet())...)
	s.Register(g)
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
	return g, conn
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func client(t *testing.T, o grpcserver.Options) nodepb.ResolverClient {
	t.Helper()
	o.Logger = quiet()
	_, conn := serve(t, grpcserver.New(newResolver(t, fixture(t)), o))
	return nodepb.NewResolverClient(conn)
}

type question struct {
	name   string
	req    *nodepb.ResolveRequest
	status nodepb.ResolveResponse_Status
	code   codes.Code
	check  func(*nodepb.ResolveResponse) error
}

// questions has one of each outcome that a sound node gives.
func questions() []question {
	values := func(want ...uint32) func(*nodepb.ResolveResponse) error {
		return func(r *nodepb.ResolveResponse) error {
			var got []uint32
			for _, v := range r.GetRecord().GetValues() {
				got = append(got, v.Index)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) || r.Record == nil {
				return fmt.Errorf("values %v, want %v", got, want)
			}
			return nil
		}
	}
	ask := func(id string) *nodepb.ResolveRequest { return &nodepb.ResolveRequest{Id: id} }
	return []question{
		{"found", ask("88.101.5/PUMP"), nodepb.ResolveResponse_FOUND, codes.OK, func(r *nodepb.ResolveResponse) error {
			if r.Record.GetId() != "88.101.5/Pump" || r.Record.Scheme != "handle" || r.Record.Version != 1 || r.Record.State != nodepb.Record_ACTIVE {
				return fmt.Errorf("record %v", r.Record)
			}
			if got := string(r.Record.Values[0].Data); got != "https://example.com/pump" {
				return fmt.Errorf("data %q", got)
			}
			return values(2, 1)(r)
		}},
		{"scheme", &nodepb.ResolveRequest{Id: "88.101.5/pump", Scheme: "handle", NoCache: true}, nodepb.ResolveResponse_FOUND, codes.OK, values(2, 1)},
		{"qualified", ask("handle:88.101.5/pump"), nodepb.ResolveResponse_FOUND, codes.OK, values(2, 1)},
		{"by type", &nodepb.ResolveRequest{Id: "88.101.5/pump", Types: []string{"name"}}, nodepb.ResolveResponse_FOUND, codes.OK, values(1)},
		{"by type or index", &nodepb.ResolveRequest{Id: "88.101.5/pump", Types: []string{"name"}, Indexes: []uint32{2, 9}}, nodepb.ResolveResponse_FOUND, codes.OK, values(2, 1)},
		{"no such type", &nodepb.ResolveRequest{Id: "88.101.5/pump", Types: []string{"EMAIL"}}, nodepb.ResolveResponse_NO_VALUES, codes.OK, values()},
		{"private", &nodepb.ResolveRequest{Id: "88.101.5/pump", Indexes: []uint32{3}}, nodepb.ResolveResponse_NO_VALUES, codes.OK, values()},
		{"unknown", ask("88.101.5/none"), nodepb.ResolveResponse_NOT_FOUND, codes.OK, nil},
		{"revoked", ask("88.101.5/old"), nodepb.ResolveResponse_REVOKED, codes.OK, func(r *nodepb.ResolveResponse) error {
			if p := r.GetRecord(); p.GetReason() != "scrapped" || p.GetSuccessor() != "88.101.5/Pump" || p.GetState() != nodepb.Record_REVOKED {
				return fmt.Errorf("record %v", p)
			}
			return nil
		}},
		{"delegated", ask("88.2/x"), nodepb.ResolveResponse_REFERRAL, codes.OK, func(r *nodepb.ResolveResponse) error {
			want := &nodepb.Referral{Namespace: "88.2", Ip: "192.0.2.7", Udp: 2641, Tcp: 2642, Http: 8000, Dns: 53}
			if !proto.Equal(r.Referral, want) || r.Record != nil {
				return fmt.Errorf("got %v", r)
			}
			return nil
		}},
		{"suspended", ask("88.3/x"), nodepb.ResolveResponse_SUSPENDED, codes.OK, func(r *nodepb.ResolveResponse) error {
			if !strings.Contains(r.Explanation, "fees unpaid") {
				return errors.New("the reason is not told")
			}
			return nil
		}},
		{"elsewhere", ask("10.1000/1"), nodepb.ResolveResponse_NOT_RESPONSIBLE, codes.OK, nil},
		{"no identifier", ask("no identifier"), nodepb.ResolveResponse_INVALID_ARGUMENT, codes.InvalidArgument, nil},
		{"empty", &nodepb.ResolveRequest{}, nodepb.ResolveResponse_INVALID_ARGUMENT, codes.InvalidArgument, nil},
		{"unknown scheme", &nodepb.ResolveRequest{Id: "88.101.5/pump", Scheme: "isbn"}, nodepb.ResolveResponse_INVALID_ARGUMENT, codes.InvalidArgument, nil},
		{"too long", ask("88.101.5/" + strings.Repeat("x", identifier.MaxLength)), nodepb.ResolveResponse_INVALID_ARGUMENT, codes.InvalidArgument, nil},
		{"too much asked for", &nodepb.ResolveRequest{Id: "88.101.5/pump", Indexes: make([]uint32, 257)}, nodepb.ResolveResponse_INVALID_ARGUMENT, codes.InvalidArgument, nil},
	}
}

func (q *question) answered(r *nodepb.ResolveResponse) error {
	if r.GetStatus() != q.status || r.GetExplanation() == "" {
		return fmt.Errorf("got %v, want %v and an explanation", r, q.status)
	}
	if q.check != nil {
		return q.check(r)
	}
	return nil
}

func TestResolve(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, err := resolver.NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, grpcserver.Options{Metrics: m.Front("grpc")})
	for _, q := range questions() {
		t.Run(q.name, func(t *testing.T) {
			r, err := c.Resolve(t.Context(), q.req)
			if status.Code(err) != q.code {
				t.Fatalf("code %v (%v), want %v", status.Code(err), err, q.code)
			}
			if err != nil {
				return
			}
			if err := q.answered(r); err != nil {
				t.Error(err)
			}
		})
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			sums[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	n := float64(len(questions()))
	if sums["idnode_resolve_requests_total"] != n || sums["idnode_resolve_responses_total"] != n || sums["idnode_inflight_requests"] != 0 {
		t.Errorf("of %v questions the metrics say %v", n, sums)
	}
}

func TestBatchResolve(t *testing.T) {
	c := client(t, grpcserver.Options{})
	qs := questions()
	req := new(nodepb.BatchResolveRequest)
	for i := range 300 { // several chunks, so that workers overlap
		req.Requests = append(req.Requests, qs[i%len(qs)].req)
	}
	r, err := c.BatchResolve(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Responses) != len(req.Requests) {
		t.Fatalf("%d responses, want %d", len(r.Responses), len(req.Requests))
	}
	for i, resp := range r.Responses {
		q := qs[i%len(qs)]
		if err := q.answered(resp); err != nil {
			t.Errorf("row %d, %s: %v", i, q.name, err)
		}
	}
	if r, err := c.BatchResolve(t.Context(), &nodepb.BatchResolveRequest{}); err != nil || len(r.Responses) != 0 {
		t.Errorf("empty batch: %v, %v", r, err)
	}
}

func TestBatchLimits(t *testing.T) {
	c := client(t, grpcserver.Options{})
	rows := func(n int, id string) *nodepb.BatchResolveRequest {
		req := new(nodepb.BatchResolveRequest)
		for range n {
			req.Requests = append(req.Requests, &nodepb.ResolveRequest{Id: id})
		}
		return req
	}
	if r, err := c.BatchResolve(t.Context(), rows(10000, "88.101.5/none")); err != nil || len(r.Responses) != 10000 {
		t.Errorf("a batch of 10000: %d responses, %v", len(r.GetResponses()), err)
	}
	if _, err := c.BatchResolve(t.Context(), rows(10001, "88.101.5/none")); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a batch of 10001: %v, want InvalidArgument", err)
	}
	// 100 rows of 200 KiB are more than a client takes; the call must not fail for it.
	r, err := c.BatchResolve(t.Context(), rows(100, "88.101.5/big"))
	if err != nil {
		t.Fatal(err)
	}
	var found, full int
	for _, resp := range r.Responses {
		switch resp.Status {
		case nodepb.ResolveResponse_FOUND:
			found++
		case nodepb.ResolveResponse_RESOURCE_EXHAUSTED:
			full++
		}
	}
	if found < 15 || found+full != 100 || proto.Size(r) > 4<<20 {
		t.Errorf("%d found, %d without room, %d octets", found, full, proto.Size(r))
	}
}

func TestResolveStream(t *testing.T) {
	c := client(t, grpcserver.Options{})
	stream, err := c.ResolveStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	qs := questions()
	go func() {
		for range 20 {
			for _, q := range qs {
				if stream.Send(q.req) != nil {
					return
				}
			}
		}
		stream.CloseSend()
	}()
	for i := range 20 * len(qs) {
		r, err := stream.Recv()
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		q := qs[i%len(qs)]
		if err := q.answered(r); err != nil {
			t.Errorf("answer %d, %s: %v", i, q.name, err)
		}
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("after the last: %v, want EOF", err)
	}
}

func TestStreamEnds(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		stream, err := client(t, grpcserver.Options{Idle: 20 * time.Millisecond}).ResolveStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
	})
	t.Run("drain", func(t *testing.T) {
		s := grpcserver.New(newResolver(t, fixture(t)), grpcserver.Options{})
		g, conn := serve(t, s)
		stream, err := nodepb.NewResolverClient(conn).ResolveStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&nodepb.ResolveRequest{Id: "88.101.5/pump"}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		s.Drain()
		s.Drain()
		g.GracefulStop() // hangs if the stream goes on
		if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
			t.Errorf("got %v, want Unavailable", err)
		}
	})
}

func TestBrokenNode(t *testing.T) {
	closed := fixture(t)
	r := newResolver(t, closed)
	closed.Close()
	for _, tc := range []struct {
		name string
		r    *resolver.Resolver
	}{{"store closed", r}, {"panic", nil}} {
		t.Run(tc.name, func(t *testing.T) {
			_, conn := serve(t, grpcserver.New(tc.r, grpcserver.Options{Logger: quiet()}))
			c := nodepb.NewResolverClient(conn)
			req := &nodepb.ResolveRequest{Id: "88.101.5/pump"}
			_, err := c.Resolve(t.Context(), req)
			if status.Code(err) != codes.Unavailable {
				t.Errorf("Resolve: %v, want Unavailable", err)
			}
			if strings.Contains(err.Error(), "closed") || strings.Contains(err.Error(), "nil") {
				t.Errorf("the cause is told: %v", err)
			}
			b, err := c.BatchResolve(t.Context(), &nodepb.BatchResolveRequest{Requests: []*nodepb.ResolveRequest{req, {Id: "?"}}})
			if err != nil {
				t.Fatal(err)
			}
			if got := b.Responses[0].Status; got != nodepb.ResolveResponse_UNAVAILABLE {
				t.Errorf("batch row: %v, want UNAVAILABLE", got)
			}
			if got := b.Responses[1].Status; got != nodepb.ResolveResponse_INVALID_ARGUMENT {
				t.Errorf("other row: %v, want INVALID_ARGUMENT", got)
			}
		})
	}
}

// blocked is a store whose reads wait.
type blocked struct {
	storage.Reader
	entered, release chan struct{}
}

func (b *blocked) Get(ctx context.Context, key []byte) (storage.Item, error) {
	b.entered <- struct{}{}
	<-b.release
	return b.Reader.Get(ctx, key)
}

func (b *blocked) GetInto(ctx context.Context, key, _ []byte) (storage.Item, error) {
	return b.Get(ctx, key)
}

func TestOverload(t *testing.T) {
	store := &blocked{fixture(t), make(chan struct{}, 1), make(chan struct{})}
	_, conn := serve(t, grpcserver.New(newResolver(t, store), grpcserver.Options{InFlight: 1}))
	c := nodepb.NewResolverClient(conn)
	req := &nodepb.ResolveRequest{Id: "88.101.5/pump"}
	first := make(chan error, 1)
	go func() {
		_, err := c.Resolve(t.Context(), req)
		first <- err
	}()
	<-store.entered
	if _, err := c.Resolve(t.Context(), req); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("second question: %v, want ResourceExhausted", err)
	}
	b, err := c.BatchResolve(t.Context(), &nodepb.BatchResolveRequest{Requests: []*nodepb.ResolveRequest{req}})
	if err != nil || b.Responses[0].Status != nodepb.ResolveResponse_RESOURCE_EXHAUSTED {
		t.Errorf("batch row: %v, %v, want RESOURCE_EXHAUSTED", b, err)
	}
	close(store.release)
	if err := <-first; err != nil {
		t.Errorf("first question: %v", err)
	}
	if _, err := c.Resolve(t.Context(), req); err != nil {
		t.Errorf("after the first: %v", err)
	}
}

// raw sends the octets that it is given.
type raw struct{}

func (raw) Name() string { return "proto" }
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }

var _ encoding.CodecV2 = raw{}

func TestBadInput(t *testing.T) {
	_, conn := serve(t, grpcserver.New(newResolver(t, fixture(t)), grpcserver.Options{}))
	for _, tc := range []struct {
		name string
		body []byte
		code codes.Code
	}{
		{"length that lies", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, 'x'}, codes.Internal},
		{"no UTF-8", []byte{0x0a, 1, 0xff}, codes.Internal},
		{"junk", bytes.Repeat([]byte{0xff}, 1000), codes.Internal},
		{"too large", make([]byte, 5<<20), codes.ResourceExhausted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out any
			err := conn.Invoke(t.Context(), nodepb.Resolver_Resolve_FullMethodName, tc.body, &out, grpc.ForceCodecV2(raw{}))
			if status.Code(err) != tc.code {
				t.Errorf("got %v, want %v", err, tc.code)
			}
		})
	}
	t.Run("no HTTP/2", func(t *testing.T) {
		for _, junk := range []string{"GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff", rand.Text()} {
			nc, err := net.Dial("tcp", conn.Target())
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(nc, junk)
			nc.(*net.TCPConn).CloseWrite()
			nc.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.Copy(io.Discard, nc); errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%q: the connection stays open", junk)
			}
			nc.Close()
		}
	})
	if _, err := nodepb.NewResolverClient(conn).Resolve(t.Context(), &nodepb.ResolveRequest{Id: "88.101.5/pump"}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// panicky is a service that panics in both kinds of calls.
type panicky struct {
	nodepb.UnimplementedRegistryServer
}

func (panicky) Get(context.Context, *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	panic("unary")
}
func (panicky) Import(grpc.BidiStreamingServer[nodepb.ImportRequest, nodepb.ImportResponse]) error {
	panic("stream")
}

func TestServerOutlivesPanics(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	g := grpc.NewServer(grpcserver.ServerOptions(grpcserver.Limits{}, nil, slog.New(slog.NewTextHandler(&logged, nil)))...)
	nodepb.RegisterRegistryServer(g, panicky{})
	go g.Serve(l)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := nodepb.NewRegistryClient(conn)
	for range 2 {
		if _, err := c.Get(t.Context(), &nodepb.GetRequest{}); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "unary") {
			t.Errorf("unary: %v, want a bare Internal", err)
		}
		stream, err := c.Import(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != codes.Internal {
			t.Errorf("stream: %v, want Internal", err)
		}
	}
	g.Stop()
	if n := strings.Count(logged.String(), "panic in call"); n != 4 {
		t.Errorf("%d panics logged, want 4", n)
	}
}
