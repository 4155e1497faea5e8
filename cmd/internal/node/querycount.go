package node

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry/statistics"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/dnsserver"
	"github.com/idnode/idnode/resolver/querylog"
	"github.com/idnode/idnode/storage"
)

const (
	countEvery  = 5 * time.Second // how long questions wait to be counted
	countFlush  = 200_000         // questions that are counted in one batch
	countErrors = time.Minute     // how often it is said that counting fails
)

// queryCounter counts what the log of resolution requests has, for the statistics. It reads the log behind its writer,
// so that questions are never kept waiting, or lost, for being counted.
type queryCounter struct {
	log        *querylog.Log
	names      *dnsserver.Names
	namespaces *storage.Namespaces
	counts     *statistics.Resolutions
	hot        *hot // nil: nobody asks what is asked for most

	begun   bool           // place is known
	place   querylog.Place // up to which the log is counted
	waiting bool           // for a flush
}

// run counts until ctx ends.
func (c *queryCounter) run(ctx context.Context, complain func(err error)) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	var said time.Time
	for {
		if err := c.count(ctx); err != nil && ctx.Err() == nil && time.Since(said) > countErrors {
			said = time.Now()
			complain(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// errCounted ends a reading, to store what it has counted.
var errCounted = errors.New("counted")

// count counts what has been logged since the last time. What has been counted is not read again in this process: after a
// failed flush the next one stores it.
func (c *queryCounter) count(ctx context.Context) error {
	if !c.begun {
		position, err := c.counts.Position(ctx)
		if err != nil {
			return err
		}
		if c.place, err = querylog.ParsePlace(string(position)); err != nil {
			return fmt.Errorf("place up to which questions are counted: %w", err)
		}
		c.begun = true
	}
	for {
		n := 0
		err := c.log.Read(ctx, c.place, time.Time{}, time.Time{}, func(b *querylog.Block) error {
			for i := range b.Entries {
				c.add(&b.Entries[i])
			}
			c.place, c.waiting = b.Next, true
			if n += len(b.Entries); n >= countFlush {
				return errCounted
			}
			return nil
		})
		if c.waiting {
			if err := c.counts.Flush(ctx, []byte(c.place.String())); err != nil {
				return err
			}
			c.waiting = false
		}
		if !errors.Is(err, errCounted) {
			return err
		}
	}
}

// add counts a question.
func (c *queryCounter) add(e *querylog.Entry) {
	var ns *identifier.Namespace
	id, ok := c.identifier(e)
	if ok {
		ns = c.namespaces.Find(id)
	} else {
		id = identifier.ID{}
	}
	if c.hot != nil {
		c.hot.add(e, id, ns)
	}
	outcome := statistics.Other
	switch e.Status {
	case resolver.Found, resolver.NoValues, resolver.Referral:
		outcome = statistics.Found
	case resolver.NotFound, resolver.Revoked, resolver.Suspended, resolver.NotResponsible:
		outcome = statistics.NotFound
	}
	c.counts.Count(ns, e.Time, e.Scheme, outcome, 1)
}

// identifier is what was asked for, good until the next call.
func (c *queryCounter) identifier(e *querylog.Entry) (identifier.ID, bool) {
	if e.Front == querylog.DNSUDP || e.Front == querylog.DNSTCP {
		return c.names.Identifier(e.Asked)
	}
	if e.Scheme == 0 || len(e.Asked) == 0 {
		return identifier.ID{}, false
	}
	// A view, good as long as the entry is: nothing is kept of the identifier.
	text := unsafe.String(unsafe.SliceData(e.Asked), len(e.Asked))
	if id, err := e.Scheme.Parse(text); err == nil {
		return id, true
	}
	return reading(e.Scheme, string(e.Asked))
}
