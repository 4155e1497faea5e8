package grpcload

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/drive"
	"github.com/idnode/idnode/proto/nodepb"
)

// server answers with outcome, or fails.
type server struct {
	nodepb.UnimplementedResolverServer
	outcome nodepb.ResolveResponse_Status
	fails   bool
	padding string
	rows    atomic.Int64 // asked for, as they must be
}

func (s *server) Resolve(_ context.Context, r *nodepb.ResolveRequest) (*nodepb.ResolveResponse, error) {
	if s.fails {
		return nil, status.Error(codes.Unavailable, "broken")
	}
	if r.Id == "88.1021.150/SN-0000000042" && r.Scheme == "handle" {
		s.rows.Add(1)
	}
	return &nodepb.ResolveResponse{Status: s.outcome, Explanation: s.padding}, nil
}

func (s *server) BatchResolve(ctx context.Context, r *nodepb.BatchResolveRequest) (*nodepb.BatchResolveResponse, error) {
	out := new(nodepb.BatchResolveResponse)
	for _, q := range r.Requests {
		row, err := s.Resolve(ctx, q)
		if err != nil {
			return nil, err
		}
		out.Responses = append(out.Responses, row)
	}
	return out, nil
}

// TestLoad asks a server of grpc-go. Batches and padding take several frames each way, and more octets
// than HTTP/2's first window.
func TestLoad(t *testing.T) {
	const found, rows = nodepb.ResolveResponse_FOUND, 1000
	padding := string(make([]byte, 300))
	for name, test := range map[string]struct {
		server *server
		want   nodepb.ResolveResponse_Status
		rows   int
		good   bool
	}{
		"unary":        {&server{outcome: found, padding: padding}, found, 0, true},
		"long":         {&server{outcome: found, padding: string(make([]byte, 100_000))}, found, 0, true},
		"empty":        {&server{}, 0, 0, true},
		"wrong status": {&server{outcome: nodepb.ResolveResponse_NOT_FOUND}, found, 0, false},
		"failure":      {&server{fails: true}, found, 0, false},
		"batch":        {&server{outcome: found, padding: padding}, found, rows, true},
		"wrong batch":  {&server{outcome: nodepb.ResolveResponse_NOT_FOUND}, found, rows, false},
		"broken batch": {&server{fails: true}, found, rows, false},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			g := grpc.NewServer()
			nodepb.RegisterResolverServer(g, test.server)
			go func() { _ = g.Serve(l) }() // ends with Stop
			defer g.Stop()
			o := Options{Names: corpus.Serials("88.1021.150"), Status: test.want}
			f := o.Unary(l.Addr().String())
			if test.rows > 0 {
				f = o.Batch(l.Addr().String(), test.rows)
			}
			load := drive.Load{Front: f, Pick: func(uint64) corpus.Picker { return func() uint64 { return 42 } }, Timeout: 5 * time.Second}
			rec, _, err := load.Closed(t.Context(), 100*time.Millisecond)
			if err != nil || rec.TimedOut > 0 || test.good != (rec.Failed == 0 && rec.Done > 0) || !test.good && rec.Done > 0 {
				t.Fatalf("%+v, %v", rec, err)
			}
			if got, want := test.server.rows.Load(), int64(rec.Done)*int64(f.Identifiers()); test.good && got != want {
				t.Errorf("%d questions arrived in %d answered calls, want %d", got, rec.Done, want)
			}
		})
	}
}

func TestReset(t *testing.T) {
	for code, bad := range map[byte]bool{0: false, 8: true} {
		frame := append(appendFrame(nil, http2.FrameRSTStream, 0, stream(7), 4), 0, 0, 0, code)
		id, _, err := newCodec(Options{}, "", "", 0).Answer(frame)
		if (err != nil) != bad || (id == 7) != bad {
			t.Errorf("reset with code %d: id %d, %v", code, id, err)
		}
	}
}
