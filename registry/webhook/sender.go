package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/egress"
	"github.com/idnode/idnode/storage"
)

// Defaults of Options.
const (
	DefaultGiveUp      = 5 * 24 * time.Hour
	defaultConcurrency = 32
	defaultTimeout     = 15 * time.Second
)

// lastWords is how long requests that are under way when Run is told to end may take.
const lastWords = 3 * time.Second

// Options are the parts of a Sender.
type Options struct {
	Registrar  *registry.Registrar // required
	Store      storage.Store       // required; its change log is followed
	Namespaces *storage.Namespaces // required
	Egress     *egress.Policy      // required; the same as the registrar's

	// GiveUp is for how long a message may fail before its webhook is disabled. Default 5 days. It must be
	// shorter than the change log's retention.
	GiveUp time.Duration
	// Concurrency bounds the requests at a time of all webhooks together. Default 32.
	Concurrency int
	// Timeout bounds a request. Default 15 seconds.
	Timeout time.Duration
	// Version is the node's, for User-Agent. Default "dev".
	Version string
	// Logger takes what operators must know; default slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics; default none.
	Registerer prometheus.Registerer
	// Transport stands for the network in tests. Default: the network, under Egress.
	Transport http.RoundTripper
}

// Sender sends messages. Its methods may be called from many goroutines.
type Sender struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	secure  *http.Client // for https
	plain   *http.Client // for http
	slots   chan struct{}
	slow    chan struct{} // of the slots, those that slow and failing receivers share

	mu     sync.Mutex
	states map[string]registry.WebhookState // of all webhooks
	active map[string]*subscription
	owners map[string]map[string]*subscription // active, by enterprise and id
	tail   storage.Seq                         // all up to here has been shown to idle subscriptions

	work sync.WaitGroup // goroutines of Run
}

// New returns a Sender; Run starts it.
func New(o Options) (*Sender, error) {
	if o.Registrar == nil || o.Store == nil || o.Namespaces == nil || o.Egress == nil {
		return nil, errors.New("webhook: Registrar, Store, Namespaces and Egress are required")
	}
	if o.GiveUp == 0 {
		o.GiveUp = DefaultGiveUp
	}
	if o.Concurrency == 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Sender{
		o: o, log: o.Logger, secure: newClient(&o, false), plain: newClient(&o, true),
		slots: make(chan struct{}, o.Concurrency), slow: make(chan struct{}, max(1, o.Concurrency/2)),
		states: make(map[string]registry.WebhookState), active: make(map[string]*subscription), owners: make(map[string]map[string]*subscription),
	}
	var err error
	if s.metrics, err = newMetrics(s, o.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Run sends until ctx ends; requests under way then have 3 seconds more. What was not
// acknowledged is sent again by the next Run.
func (s *Sender) Run(ctx context.Context) {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	over := context.AfterFunc(ctx, func() {
		t := time.NewTimer(lastWords)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-requests.Done():
		}
	})
	defer over()
	s.follow(ctx, requests)
	s.work.Wait()
	s.mu.Lock()
	clear(s.active)
	clear(s.owners)
	clear(s.states)
	s.mu.Unlock()
	s.secure.CloseIdleConnections()
	s.plain.CloseIdleConnections()
}

// take waits for a place to send, and returns how to give it back. Slow is who was slow or failed the
// last time.
func (s *Sender) take(ctx context.Context, slow bool) (release func(), err error) {
	if slow {
		select {
		case s.slow <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		if slow {
			<-s.slow
		}
		return nil, ctx.Err()
	}
	return func() {
		<-s.slots
		if slow {
			<-s.slow
		}
	}, nil
}
