package topnode

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/epp/server"
	"github.com/idnode/idnode/proto/requestsign"
)

const eppPath = "/epp"

// NodeOptions are what is known of a secondary node.
type NodeOptions struct {
	Password string             // of EPP logins; "": there are none
	Keys     []crypto.PublicKey // by which its requests are verified; none: they need no signature
}

// Options are the parts of a Top.
type Options struct {
	Dir    string                 // of the journal; required
	Nodes  map[string]NodeOptions // by their prefix, which is also the client of EPP and the application of signatures
	Rules  []Rule                 // of the auditor; what fits none is decided by hand
	EPP    server.Options         // of EPP over TLS; without TLS there is EPP over HTTP only
	Clock  func() time.Time       // default time.Now
	Logger *slog.Logger           // default slog.Default()
}

// Top is a stand-in for the top-level node. Its methods may be called from many goroutines.
type Top struct {
	o        Options
	journal  *journal
	verifier *requestsign.Verifier
	epp      *server.Server
	mail     server.Mailbox
	deciding sync.WaitGroup
	stop     chan struct{}

	mu        sync.Mutex
	tables    map[tableKey]*received
	ents      map[string]*application
	prefixes  map[string]*application
	letters   map[string]*letter // that wait, by our number
	numbers   map[string]string  // id in the mailbox → our number
	passwords map[string]string
	orders    []Order
	given     chan struct{} // closed with the next order
	fault     Fault
}

// New opens the journal. A Top must be closed.
func New(o Options) (*Top, error) {
	if o.Dir == "" || len(o.Nodes) == 0 {
		return nil, errors.New("topnode: Dir and Nodes are required")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	t := &Top{o: o, stop: make(chan struct{}), tables: make(map[tableKey]*received), ents: make(map[string]*application), prefixes: make(map[string]*application),
		letters: make(map[string]*letter), numbers: make(map[string]string), passwords: make(map[string]string), given: make(chan struct{})}
	for name, n := range o.Nodes {
		if n.Password != "" {
			t.passwords[name] = n.Password
		}
	}
	t.verifier = requestsign.NewVerifier(func(app string) []crypto.PublicKey { return o.Nodes[app].Keys }, requestsign.Options{Clock: o.Clock})
	o.EPP.Distort = t.distort
	o.EPP.Clock, o.EPP.Log = o.Clock, o.Logger
	var err error
	if t.epp, err = server.New(desk{t}, desk{t}, o.EPP); err != nil {
		return nil, err
	}
	var waiting []*letter // in their order
	done := make(map[string]bool)
	t.journal, err = openJournal(o.Dir, func(e *entry) error {
		switch {
		case e.Rows != nil:
			t.takeRows(e.Rows)
		case e.Ent != nil:
			t.ents[e.Ent.ID] = e.Ent
		case e.Prefix != nil:
			t.prefixes[e.Prefix.ID] = e.Prefix
		case e.Mail != nil:
			waiting = append(waiting, e.Mail)
		case e.Ack != "":
			done[e.Ack] = true
		case e.Order != nil:
			t.orders = append(t.orders, *e.Order)
		case e.Password != nil:
			t.passwords[e.Password.Client] = e.Password.Password
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("topnode: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range waiting {
		if !done[l.Number] {
			t.takeMail(l)
		}
	}
	for _, of := range []map[string]*application{t.ents, t.prefixes} {
		for a := range maps.Values(of) {
			if a.State == pending {
				t.audit(a)
			}
		}
	}
	return t, nil
}

// Close lets decisions that are not due be, and closes the journal. No request may be under way.
func (t *Top) Close() error {
	close(t.stop)
	t.deciding.Wait()
	return t.journal.close()
}

// Handler serves HTTP: what package documentation lists.
func (t *Top) Handler() http.Handler {
	asked := http.NewServeMux()
	asked.HandleFunc("POST /tables/{table}", t.postRows)
	asked.HandleFunc("GET /orders", t.getOrders)
	asked.Handle(eppPath, t.epp.HTTP(t.verifier))
	mux := http.NewServeMux()
	mux.Handle("POST /tables/", t.misbehave(asked))
	mux.Handle("GET /orders", t.misbehave(asked))
	mux.Handle(eppPath, t.misbehave(asked))
	mux.HandleFunc("GET /tables", t.getTables)
	mux.HandleFunc("GET /tables/{table}", t.getRows)
	t.control(mux)
	return mux
}

// ServeEPP serves EPP over TLS until ctx ends.
func (t *Top) ServeEPP(ctx context.Context, l net.Listener) error { return t.epp.Serve(ctx, l) }

// distort makes answers over EPP come twice.
func (t *Top) distort(_ server.Caller, response []byte) [][]byte {
	if t.faultNow().Mode == FaultTwice {
		return [][]byte{response, response}
	}
	return [][]byte{response}
}

// sender is the node that has sent a request: by its signature if it has keys, else by what it says.
func (t *Top) sender(r *http.Request, body []byte) (string, error) {
	if r.Header.Get(requestsign.HeaderApp) != "" {
		return t.verifier.Verify(r, body)
	}
	node := r.Header.Get("Sync-Node")
	n, known := t.o.Nodes[node]
	switch {
	case !known:
		return "", fmt.Errorf("the node %q is not known", node)
	case len(n.Keys) > 0:
		return "", requestsign.ErrHeaders
	}
	return node, nil
}
