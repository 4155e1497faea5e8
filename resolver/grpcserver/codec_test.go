package grpcserver_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/resolver/grpcserver"
	"github.com/idnode/idnode/storage"
)

// cached is a resolver of store with a cache of records, and a cache of answers whose metrics are in reg.
func cached(tb testing.TB, store storage.Reader, reg prometheus.Registerer) (*resolver.Resolver, *cache.Answers) {
	tb.Helper()
	ns, err := storage.LoadNamespaces(tb.Context(), store)
	if err != nil {
		tb.Fatal(err)
	}
	lru, err := cache.NewLRU(cache.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	r, err := resolver.New(resolver.Options{Store: store, Namespaces: ns, Cache: lru, Logger: quiet()})
	if err != nil {
		tb.Fatal(err)
	}
	answers, err := cache.NewAnswers(cache.AnswersOptions{Current: r.Current, Registerer: reg})
	if err != nil {
		tb.Fatal(err)
	}
	return r, answers
}

// metrics are sums over the labels of what reg has.
func metrics(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
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
	return sums
}

// registrar is a service with messages.
type registrar struct {
	nodepb.UnimplementedRegistryServer
}

func (registrar) Get(_ context.Context, req *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	return &nodepb.GetResponse{Record: &nodepb.Record{Id: req.GetId()}}, nil
}

// TestOneServer: all services that a node has on one server work with stock clients, in turn and compressed.
func TestOneServer(t *testing.T) {
	r, answers := cached(t, fixture(t), nil)
	g := grpc.NewServer(grpcserver.ServerOptions(grpcserver.Limits{}, nil, quiet())...)
	grpcserver.New(r, grpcserver.Options{Answers: answers}).Register(g)
	nodepb.RegisterRegistryServer(g, registrar{})
	healthpb.RegisterHealthServer(g, health.NewServer())
	reflection.Register(g)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go g.Serve(l)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		g.Stop()
	})
	for _, compression := range []grpc.CallOption{grpc.EmptyCallOption{}, grpc.UseCompressor("gzip")} {
		for range 3 {
			ask := &nodepb.ResolveRequest{Id: "88.101.5/pump"}
			got, err := nodepb.NewResolverClient(conn).Resolve(t.Context(), ask, compression)
			if err != nil || got.GetRecord().GetId() != "88.101.5/Pump" {
				t.Errorf("Resolve: %v, %v", got, err)
			}
			rows, err := nodepb.NewResolverClient(conn).BatchResolve(t.Context(), &nodepb.BatchResolveRequest{Requests: []*nodepb.ResolveRequest{ask, ask}}, compression)
			if err != nil || len(rows.GetResponses()) != 2 || rows.Responses[1].GetRecord().GetId() != "88.101.5/Pump" {
				t.Errorf("BatchResolve: %v, %v", rows, err)
			}
			rec, err := nodepb.NewRegistryClient(conn).Get(t.Context(), &nodepb.GetRequest{Id: "x"}, compression)
			if err != nil || rec.GetRecord().GetId() != "x" {
				t.Errorf("Registry.Get: %v, %v", rec, err)
			}
			if _, err := nodepb.NewRegistryClient(conn).Revoke(t.Context(), &nodepb.RevokeRequest{}, compression); status.Code(err) != codes.Unimplemented {
				t.Errorf("Registry.Revoke: %v, want Unimplemented", err)
			}
			if h, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}, compression); err != nil || h.Status != healthpb.HealthCheckResponse_SERVING {
				t.Errorf("health: %v, %v", h, err)
			}
		}
	}
	for _, method := range []string{"/idnode.v1.Resolver/Guess", "/idnode.v1.Guesser/Resolve", "/x"} {
		if err := conn.Invoke(t.Context(), method, &emptypb.Empty{}, &emptypb.Empty{}); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v, want Unimplemented", method, err)
		}
	}

	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tell := func(req *reflectionpb.ServerReflectionRequest) *reflectionpb.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	services := tell(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	if !slices.ContainsFunc(services.GetListServicesResponse().GetService(), func(s *reflectionpb.ServiceResponse) bool { return s.Name == "idnode.v1.Resolver" }) {
		t.Errorf("services %v", services)
	}
	file := tell(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "idnode.v1.Resolver.BatchResolve"}})
	if len(file.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("file of a method: %v", file)
	}
}

// TestServiceInfo: the service has the methods that it has by its definition.
func TestServiceInfo(t *testing.T) {
	stock, ours := grpc.NewServer(), grpc.NewServer()
	nodepb.RegisterResolverServer(stock, nodepb.UnimplementedResolverServer{})
	grpcserver.New(nil, grpcserver.Options{}).Register(ours)
	order := func(a, b grpc.MethodInfo) int { return len(a.Name) - len(b.Name) }
	want, got := stock.GetServiceInfo()["idnode.v1.Resolver"], ours.GetServiceInfo()["idnode.v1.Resolver"]
	slices.SortFunc(want.Methods, order)
	slices.SortFunc(got.Methods, order)
	if !slices.Equal(got.Methods, want.Methods) || got.Metadata != want.Metadata {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestKeptAnswers: what is kept says what is said without, in calls, batches and streams, and is what tells it.
func TestKeptAnswers(t *testing.T) {
	var requests []*nodepb.ResolveRequest
	for _, q := range questions() {
		requests = append(requests, q.req)
	}
	for _, id := range []string{"88.101.5/big", "0.NA/88.101.5", "hdl:88.101.5/pump", "6901234567892", "106952012345678908"} {
		requests = append(requests, &nodepb.ResolveRequest{Id: id}, &nodepb.ResolveRequest{Id: id, Fallback: true})
	}
	requests = append(requests, &nodepb.ResolveRequest{Id: "88.101.5/pump", NoCache: true}, &nodepb.ResolveRequest{Id: "88.101.5/pump", Trace: true})
	reg := prometheus.NewRegistry()
	m, err := resolver.NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	r, answers := cached(t, fixture(t), reg)
	_, conn := serve(t, grpcserver.New(r, grpcserver.Options{Answers: answers, Metrics: m.Front("grpc"), Logger: quiet()}))
	c := nodepb.NewResolverClient(conn)
	plain, _ := cached(t, fixture(t), nil)
	_, conn = serve(t, grpcserver.New(plain, grpcserver.Options{Logger: quiet()}))
	without := nodepb.NewResolverClient(conn)

	batch := &nodepb.BatchResolveRequest{Requests: requests}
	compare := func(how string, got, want *nodepb.ResolveResponse) {
		t.Helper()
		for _, r := range []*nodepb.ResolveResponse{got, want} {
			for _, s := range r.GetSteps() {
				s.Duration = nil
			}
			if r.GetReading().GetCanonical() == "handle:88.101.5/big" {
				r.Tier, r.Explanation = "", "" // longer than what is kept: read again each time
			}
		}
		if !proto.Equal(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", how, got, want)
		}
	}
	asked := 0
	for round := range 3 {
		wants, err := without.BatchResolve(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		gots, err := c.BatchResolve(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		asked += len(requests)
		if round == 0 {
			continue // only now are records where they stay
		}
		stream, err := c.ResolveStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, req := range requests {
			name := req.String()
			compare("batch: "+name, gots.Responses[i], wants.Responses[i])
			want, wantErr := without.Resolve(t.Context(), req)
			got, err := c.Resolve(t.Context(), req)
			compare("call: "+name, got, want)
			if status.Code(err) != status.Code(wantErr) || status.Convert(err).Message() != status.Convert(wantErr).Message() {
				t.Errorf("call: %s: %v, want %v", name, err, wantErr)
			}
			if err := stream.Send(req); err != nil {
				t.Fatal(err)
			}
			if got, err = stream.Recv(); err != nil {
				t.Fatal(err)
			}
			compare("stream: "+name, got, wants.Responses[i])
			asked += 2
		}
		stream.CloseSend()
	}
	sums := metrics(t, reg)
	if n := float64(asked); sums["idnode_resolve_requests_total"] != n || sums["idnode_resolve_responses_total"] != n || sums["idnode_inflight_requests"] != 0 {
		t.Errorf("of %v questions the metrics say %v", n, sums)
	}
	if hits, of := sums["idnode_answer_cache_hits_total"], float64(asked)/2; hits < of {
		t.Errorf("%v answers of %d were kept ones, want more than %v", hits, asked, of)
	}
}

// TestNotKept: what must be made anew each time is.
func TestNotKept(t *testing.T) {
	long := proto.Clone(&nodepb.ResolveRequest{Id: "88.101.5/pump"}).(*nodepb.ResolveRequest)
	long.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), make([]byte, 1000)))
	for name, req := range map[string]*nodepb.ResolveRequest{
		"no cache":      {Id: "88.101.5/pump", NoCache: true},
		"trace":         {Id: "88.101.5/pump", Trace: true},
		"no identifier": {Id: "no identifier"},
		"long request":  long,
		"long answer":   {Id: "88.101.5/big"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			r, answers := cached(t, fixture(t), reg)
			_, conn := serve(t, grpcserver.New(r, grpcserver.Options{Answers: answers, Logger: quiet()}))
			c := nodepb.NewResolverClient(conn)
			for range 3 {
				c.Resolve(t.Context(), req)
				if _, err := c.BatchResolve(t.Context(), &nodepb.BatchResolveRequest{Requests: []*nodepb.ResolveRequest{req}}); err != nil {
					t.Error(err)
				}
			}
			if n := metrics(t, reg)["idnode_answer_cache_entries"]; n != 0 {
				t.Errorf("%v answers are kept", n)
			}
		})
	}
}

// TestMoreThanIsKept: identifiers that are too many to keep are answered from memory that is used again, each
// with what is its own.
func TestMoreThanIsKept(t *testing.T) {
	reg := prometheus.NewRegistry()
	r, _ := cached(t, loadStore(t), nil)
	answers, err := cache.NewAnswers(cache.AnswersOptions{Bytes: 128 << 10, Current: r.Current, Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	_, conn := serve(t, grpcserver.New(r, grpcserver.Options{Answers: answers, Logger: quiet()}))
	c := nodepb.NewResolverClient(conn)
	batch := new(nodepb.BatchResolveRequest)
	for i := range loadRecords {
		batch.Requests = append(batch.Requests, &nodepb.ResolveRequest{Id: loadName(i)})
	}
	check := func(i int, got *nodepb.ResolveResponse) {
		if v := got.GetRecord().GetValues(); len(v) != 3 || string(v[0].Data) != "https://trace.example.com/"+loadName(i) || got.Record.Id != loadName(i) {
			t.Errorf("%s: %v", loadName(i), got)
		}
	}
	var askers sync.WaitGroup
	for range 2 {
		askers.Go(func() {
			got, err := c.BatchResolve(t.Context(), batch)
			if err != nil {
				t.Error(err)
				return
			}
			for i, resp := range got.Responses {
				check(i, resp)
			}
		})
		askers.Go(func() {
			for i, req := range batch.Requests {
				got, err := c.Resolve(t.Context(), req)
				if err != nil {
					t.Error(err)
					return
				}
				check(i, got)
			}
		})
	}
	askers.Wait()
	if n := metrics(t, reg)["idnode_answer_cache_entries"]; n == 0 || n > loadRecords/2 {
		t.Errorf("%v answers of %d are kept", n, loadRecords)
	}
}
