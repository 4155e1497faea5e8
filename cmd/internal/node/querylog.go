package node

import (
	"context"
	"path/filepath"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry/api"
	"github.com/idnode/idnode/resolver/dnsserver"
	"github.com/idnode/idnode/resolver/querylog"
)

// QueryLogDir is where in the data directory the log of resolution requests is kept.
const QueryLogDir = "querylog"

// buildQueryLog opens the log of resolution requests, if there is to be one.
func (n *Node) buildQueryLog() error {
	o := &n.cfg.QueryLog
	if !o.Enabled {
		return nil
	}
	var err error
	n.queries, err = querylog.New(querylog.Options{
		Dir: filepath.Join(n.cfg.DataDir, QueryLogDir), Retention: o.Retention, MaxBytes: int64(o.MaxBytes),
		Free: n.engine.Health, Logger: n.log, Registerer: n.metrics,
	})
	return err
}

// queryReader is the log of resolution requests for who reads it, nil if there is none.
func (n *Node) queryReader(names *dnsserver.Server) api.QueryLog {
	if n.queries == nil {
		return nil
	}
	return &queryReader{n.queries, names}
}

// queryReader reads what was asked as identifiers. It is an api.QueryLog.
type queryReader struct {
	log   *querylog.Log
	names *dnsserver.Server
}

// Queries implements api.QueryLog.
func (r *queryReader) Queries(ctx context.Context, after string, from, to time.Time, visit func(place string, block []api.LoggedQuery) error) error {
	place, err := querylog.ParsePlace(after)
	if err != nil {
		return api.ErrPlace
	}
	var block []api.LoggedQuery
	return r.log.Read(ctx, place, from, to, func(b *querylog.Block) error {
		block = block[:0]
		for i := range b.Entries {
			block = append(block, r.query(&b.Entries[i]))
		}
		return visit(b.Place.String(), block)
	})
}

func (r *queryReader) query(e *querylog.Entry) api.LoggedQuery {
	q := api.LoggedQuery{Time: e.Time, Took: e.Took, Transport: e.Front.String(), Client: e.Client, Outcome: e.Status.String(), Source: e.Tier.String()}
	q.ID, q.Asked = r.identifier(e)
	return q
}

// identifier reads what was asked.
func (r *queryReader) identifier(e *querylog.Entry) (identifier.ID, string) {
	if e.Front == querylog.DNSUDP || e.Front == querylog.DNSTCP {
		id, text, _ := r.names.Identifier(e.Asked)
		return id, text
	}
	text := string(e.Asked)
	if e.Scheme == 0 {
		return identifier.ID{}, text
	}
	id, err := e.Scheme.Parse(text)
	if err != nil {
		id, _ = reading(e.Scheme, text)
	}
	return id, text
}

// reading reads an identifier of a scheme with what carriers add.
func reading(scheme identifier.Scheme, text string) (identifier.ID, bool) {
	for _, c := range identifier.Detect(text) {
		if c.Err == nil && c.Scheme == scheme {
			return c.ID, true
		}
	}
	return identifier.ID{}, false
}
