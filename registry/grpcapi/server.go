// Package grpcapi is the registration API over gRPC: the services idnode.v1.Registry and idnode.v1.Jobs.
package grpcapi

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
)

// pageBytes bounds the records of a page, so that the response stays under the 4 MiB that clients
// accept by default.
const pageBytes = 4<<20 - 64<<10

// Options configure a Server. The zero value works.
type Options struct {
	Logger *slog.Logger // takes failures of ours; default slog.Default()
}

// Server implements idnode.v1.Registry.
type Server struct {
	nodepb.UnimplementedRegistryServer

	reg  *registry.Registrar
	auth Verifier
	log  *slog.Logger
}

// New returns a server of reg, for callers whom v knows.
func New(reg *registry.Registrar, v Verifier, o Options) *Server {
	s := &Server{reg: reg, auth: v, log: o.Logger}
	if s.log == nil {
		s.log = slog.Default()
	}
	return s
}

// RegisterOn adds the service to g.
func (s *Server) RegisterOn(g *grpc.Server) { nodepb.RegisterRegistryServer(g, s) }

// Register creates a record.
func (s *Server) Register(ctx context.Context, req *nodepb.RegisterRequest) (*nodepb.RegisterResponse, error) {
	res, err := s.put(ctx, s.reg.Create, req.GetRecord(), registry.Write{
		IdempotencyKey: req.GetIdempotencyKey(),
		Operation:      "Registry.Register",
	})
	if err != nil {
		return nil, s.status(ctx, "register", req.GetRecord().GetId(), err)
	}
	return &nodepb.RegisterResponse{Record: nodepb.FromRecord(res.Record), Replayed: res.Replayed}, nil
}

// Replace replaces or creates a record.
func (s *Server) Replace(ctx context.Context, req *nodepb.ReplaceRequest) (*nodepb.ReplaceResponse, error) {
	res, err := s.put(ctx, s.reg.Replace, req.GetRecord(), registry.Write{
		IfMatch:        req.GetIfMatch(),
		IfNoneMatch:    req.GetCreateOnly(),
		IdempotencyKey: req.GetIdempotencyKey(),
		Operation:      "Registry.Replace",
	})
	if err != nil {
		return nil, s.status(ctx, "replace", req.GetRecord().GetId(), err)
	}
	return &nodepb.ReplaceResponse{Record: nodepb.FromRecord(res.Record), Created: res.Created, Replayed: res.Replayed}, nil
}

func (s *Server) put(ctx context.Context, write func(context.Context, *identifier.Record, registry.Write) (registry.Result, error), p *nodepb.Record, w registry.Write) (registry.Result, error) {
	var err error
	if w.Actor, err = s.actor(ctx); err != nil {
		return registry.Result{}, err
	}
	r, err := nodepb.ToRecord(p)
	if err != nil {
		return registry.Result{}, refusal(err)
	}
	return write(ctx, r, w)
}

// Merge changes some values of a record.
func (s *Server) Merge(ctx context.Context, req *nodepb.MergeRequest) (*nodepb.MergeResponse, error) {
	res, err := s.merge(ctx, req)
	if err != nil {
		return nil, s.status(ctx, "merge", req.GetId(), err)
	}
	return &nodepb.MergeResponse{Record: nodepb.FromRecord(res.Record), Replayed: res.Replayed}, nil
}

func (s *Server) merge(ctx context.Context, req *nodepb.MergeRequest) (registry.Result, error) {
	actor, id, err := s.begin(ctx, req)
	if err != nil {
		return registry.Result{}, err
	}
	p, err := toPatch(req)
	if err != nil {
		return registry.Result{}, refusal(err)
	}
	return s.reg.Merge(ctx, id, p, registry.Write{
		Actor:          actor,
		IfMatch:        req.GetIfMatch(),
		IdempotencyKey: req.GetIdempotencyKey(),
		Operation:      "Registry.Merge",
	})
}

// Revoke ends a record.
func (s *Server) Revoke(ctx context.Context, req *nodepb.RevokeRequest) (*nodepb.RevokeResponse, error) {
	res, err := s.revoke(ctx, req)
	if err != nil {
		return nil, s.status(ctx, "revoke", req.GetId(), err)
	}
	return &nodepb.RevokeResponse{Record: nodepb.FromRecord(res.Record), Replayed: res.Replayed}, nil
}

func (s *Server) revoke(ctx context.Context, req *nodepb.RevokeRequest) (registry.Result, error) {
	actor, id, err := s.begin(ctx, req)
	if err != nil {
		return registry.Result{}, err
	}
	return s.reg.Revoke(ctx, id, req.GetReason(), req.GetSuccessor(), registry.Write{
		Actor:          actor,
		IfMatch:        req.GetIfMatch(),
		IdempotencyKey: req.GetIdempotencyKey(),
		Operation:      "Registry.Revoke",
	})
}

// Get reads a record.
func (s *Server) Get(ctx context.Context, req *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	r, err := s.get(ctx, req)
	if err != nil {
		return nil, s.status(ctx, "get", req.GetId(), err)
	}
	return &nodepb.GetResponse{Record: nodepb.FromRecord(r)}, nil
}

func (s *Server) get(ctx context.Context, req *nodepb.GetRequest) (*identifier.Record, error) {
	actor, id, err := s.begin(ctx, req)
	if err != nil {
		return nil, err
	}
	var at time.Time
	if req.GetAt() != nil {
		if err := req.GetAt().CheckValid(); err != nil {
			return nil, refuse(registry.CodeInvalidRequest, "at", "not a time")
		}
		at = req.GetAt().AsTime()
	}
	return s.reg.Get(ctx, id, registry.Get{Actor: actor, Version: req.GetVersion(), At: at})
}

// begin is the start of a call about one identifier: who asks, and for what.
func (s *Server) begin(ctx context.Context, req interface {
	GetId() string
	GetScheme() string
}) (registry.Actor, identifier.ID, error) {
	actor, err := s.actor(ctx)
	if err != nil {
		return actor, identifier.ID{}, err
	}
	scheme, err := nodepb.ToScheme(req.GetId(), req.GetScheme())
	if err != nil {
		return actor, identifier.ID{}, refusal(err)
	}
	id, err := s.reg.ParseID(scheme, req.GetId(), "id")
	return actor, id, err
}

// List reads a page of records.
func (s *Server) List(ctx context.Context, req *nodepb.ListRequest) (*nodepb.ListResponse, error) {
	resp, err := s.list(ctx, req)
	if err != nil {
		return nil, s.status(ctx, "list", req.GetPrefix(), err)
	}
	return resp, nil
}

func (s *Server) list(ctx context.Context, req *nodepb.ListRequest) (*nodepb.ListResponse, error) {
	l := registry.List{
		Prefix: req.GetPrefix(),
		Cursor: req.GetCursor(),
		Limit:  s.reg.Limits().DefaultPageRows,
	}
	var err error
	if l.Actor, err = s.actor(ctx); err != nil {
		return nil, err
	}
	if req.GetScheme() != "" {
		if l.Scheme, err = identifier.ParseScheme(req.GetScheme()); err != nil {
			return nil, refuse(registry.CodeInvalidRequest, "scheme", "%v", err)
		}
	}
	if n := req.GetLimit(); n > 0 {
		l.Limit = min(int(n), s.reg.Limits().PageRows)
	}
	for {
		page, err := s.reg.List(ctx, l)
		if err != nil {
			return nil, err
		}
		resp := &nodepb.ListResponse{Records: make([]*nodepb.Record, len(page.Records)), Next: page.Next}
		for i, r := range page.Records {
			resp.Records[i] = nodepb.FromRecord(r)
		}
		if len(page.Records) <= 1 || proto.Size(resp) <= pageBytes {
			return resp, nil
		}
		// Too much for one message, and only the registrar can say where a shorter page ends.
		l.Limit = len(page.Records) / 2
	}
}
