package grpcserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/grpcserver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// loadEnv has, in the process that asks, what it is to ask: see load.
const loadEnv = "IDNODE_GRPC_LOAD"

func TestMain(m *testing.M) {
	if what := os.Getenv(loadEnv); what != "" {
		if err := load(what, os.Stdin, os.Stdout); err != nil {
			log.Fatal(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	loadRecords = 1000 // the identifiers that are asked for, and the rows of a batch
	loadConns   = 4
	loadCalls   = 64 // under way at a time, of unary calls
)

func loadName(i int) string { return fmt.Sprintf("88.101.5/SN-%010d", i) }

// loadStore has records as pieces of a product have: three values.
func loadStore(tb testing.TB) *memstore.Store {
	var b storage.Batch
	ns := &identifier.Namespace{Scheme: identifier.Handle, Prefix: "88.101.5", State: identifier.NamespaceActive, Mode: identifier.Hosted}
	enc, err := storage.EncodeNamespace(ns)
	if err != nil {
		tb.Fatal(err)
	}
	b.Put(storage.NamespaceKey(ns.Key()), enc, 0)
	now := time.Unix(1767225600, 0)
	for i := range loadRecords {
		name := loadName(i)
		value := func(index uint32, typ, data string) identifier.Value {
			return identifier.Value{Index: index, Type: typ, Data: []byte(data), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms, Timestamp: uint32(now.Unix())}
		}
		id, err := identifier.Parse(name)
		if err != nil {
			tb.Fatal(err)
		}
		b.Put(storage.RecordKey(id.Key(false)), identifier.AppendRecord(nil, &identifier.Record{Scheme: identifier.Handle, ID: name,
			State: identifier.Active, Created: now, Updated: now, Values: []identifier.Value{
				value(1, "URL", "https://trace.example.com/"+name), value(2, "MODEL", "VTX-1042"), value(3, "BATCH", "2026-W10-123456"),
			}}), 0)
	}
	store := memstore.New()
	tb.Cleanup(func() { store.Close() })
	if _, err := store.Apply(tb.Context(), &b); err != nil {
		tb.Fatal(err)
	}
	return store
}

// empty is a service that does nothing but what gRPC does: it decodes the question and encodes one answer.
type empty struct {
	nodepb.UnimplementedResolverServer
	answer *nodepb.ResolveResponse
}

func (e empty) Resolve(context.Context, *nodepb.ResolveRequest) (*nodepb.ResolveResponse, error) {
	return e.answer, nil
}

// BenchmarkServer tells the CPU time, user and system, of a server whose client is another process. Pin it
// and give the client another core:
//
//	taskset -c 0 go test -run '^$' -bench Server ./resolver/grpcserver
//
// The floor is a service that does nothing, as gRPC makes it and with the options of ours. Without kept answers all
// records are in the cache of records.
func BenchmarkServer(b *testing.B) {
	store := loadStore(b)
	r, answers := cached(b, store, nil)
	metrics, err := resolver.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	o := grpcserver.Options{Metrics: metrics.Front("grpc"), Logger: quiet()}
	_, plain := serve(b, grpcserver.New(r, o))
	o.Answers = answers
	_, kept := serve(b, grpcserver.New(r, o))
	answer, err := nodepb.NewResolverClient(kept).Resolve(b.Context(), &nodepb.ResolveRequest{Id: loadName(0)})
	if err != nil {
		b.Fatal(err)
	}
	floor := func(opts ...grpc.ServerOption) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		g := grpc.NewServer(opts...)
		nodepb.RegisterResolverServer(g, empty{answer: answer})
		go g.Serve(l)
		b.Cleanup(g.Stop)
		return l.Addr().String()
	}
	for _, tc := range []struct{ name, method, addr string }{
		{"rpc=Resolve/server=empty", "Resolve", floor()},
		{"rpc=Resolve/server=empty,options", "Resolve", floor(grpcserver.ServerOptions(grpcserver.Limits{}, nil, quiet())...)},
		{"rpc=Resolve/server=kept", "Resolve", kept.Target()},
		{"rpc=Resolve/server=records", "Resolve", plain.Target()},
		{"rpc=BatchResolve/server=kept", "BatchResolve", kept.Target()},
		{"rpc=BatchResolve/server=records", "BatchResolve", plain.Target()},
		{"rpc=ResolveStream/server=kept", "ResolveStream", kept.Target()},
		{"rpc=ResolveStream/server=records", "ResolveStream", plain.Target()},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			asker := startAsker(b, tc.method, tc.addr)
			before := cpu(b)
			b.ResetTimer()
			n := asker.ask(b.N)
			b.StopTimer()
			b.ReportMetric(float64(cpu(b)-before)/float64(n), "cpu-ns/identifier")
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "identifiers/s")
		})
	}
}

func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// asker is a process that asks.
type asker struct {
	tb  testing.TB
	in  io.WriteCloser
	out *bufio.Reader
}

func startAsker(tb testing.TB, method, addr string) *asker {
	cmd := exec.Command(os.Args[0])
	if taskset, err := exec.LookPath("taskset"); err == nil {
		cmd = exec.Command(taskset, "-c", "1", os.Args[0])
	}
	cmd.Env = append(os.Environ(), loadEnv+"="+method+" "+addr)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	a := &asker{tb, in, bufio.NewReader(out)}
	tb.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the process that asks: %v", err)
		}
	})
	a.ask(5 * loadRecords) // connections, caches and pools are as they will be
	return a
}

// ask has about n identifiers asked for, and returns how many they were.
func (a *asker) ask(n int) int {
	fmt.Fprintln(a.in, n)
	line, err := a.out.ReadString('\n')
	if err != nil {
		a.tb.Fatal(err)
	}
	n, err = strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		a.tb.Fatal(err)
	}
	return n
}

// load asks as what says, "method address", as many times as it reads, and writes how often it was.
func load(what string, in io.Reader, out io.Writer) error {
	method, addr, _ := strings.Cut(what, " ")
	var (
		conns    [loadConns]*grpc.ClientConn
		requests [loadRecords][]byte
		batch    []byte
	)
	for i := range conns {
		c, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})))
		if err != nil {
			return err
		}
		defer c.Close()
		conns[i] = c
	}
	for i := range requests {
		b, err := proto.Marshal(&nodepb.ResolveRequest{Id: loadName(i)})
		if err != nil {
			return err
		}
		requests[i] = b
		batch = protowire.AppendBytes(protowire.AppendTag(batch, 1, protowire.BytesType), b)
	}
	ctx := context.Background()
	var once func(worker int, left *atomic.Int64) error
	workers, weight := loadCalls, 1
	switch method {
	case "Resolve":
		once = func(worker int, left *atomic.Int64) error {
			var reply any
			for i := left.Add(-1); i >= 0; i = left.Add(-1) {
				if err := conns[worker%loadConns].Invoke(ctx, nodepb.Resolver_Resolve_FullMethodName, requests[i%loadRecords], &reply); err != nil {
					return err
				}
			}
			return nil
		}
	case "BatchResolve":
		workers, weight = loadConns, loadRecords
		once = func(worker int, left *atomic.Int64) error {
			var reply any
			for left.Add(-1) >= 0 {
				if err := conns[worker].Invoke(ctx, nodepb.Resolver_BatchResolve_FullMethodName, batch, &reply); err != nil {
					return err
				}
			}
			return nil
		}
	case "ResolveStream":
		workers = loadConns
		once = func(worker int, left *atomic.Int64) error {
			stream, err := conns[worker].NewStream(ctx, &nodepb.Resolver_ServiceDesc.Streams[0], nodepb.Resolver_ResolveStream_FullMethodName)
			if err != nil {
				return err
			}
			go func() {
				for i := left.Add(-1); i >= 0; i = left.Add(-1) {
					if stream.SendMsg(requests[i%loadRecords]) != nil {
						return
					}
				}
				stream.CloseSend()
			}()
			for {
				var reply any
				if err := stream.RecvMsg(&reply); err == io.EOF {
					return nil
				} else if err != nil {
					return err
				}
			}
		}
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return err
		}
		n = (n + weight - 1) / weight
		var left atomic.Int64
		left.Store(int64(n))
		var wg sync.WaitGroup
		errs := make(chan error, workers)
		for i := range workers {
			wg.Go(func() { errs <- once(i, &left) })
		}
		wg.Wait()
		for range workers {
			if err := <-errs; err != nil {
				return err
			}
		}
		fmt.Fprintln(out, n*weight)
	}
	return nil
}
