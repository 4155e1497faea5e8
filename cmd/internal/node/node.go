package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/idnode/idnode/cmd/internal/backup"
	"github.com/idnode/idnode/cmd/internal/config"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/api"
	"github.com/idnode/idnode/registry/audit"
	"github.com/idnode/idnode/registry/auth"
	"github.com/idnode/idnode/registry/grpcapi"
	"github.com/idnode/idnode/registry/idhub"
	"github.com/idnode/idnode/registry/job"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/registry/snms"
	"github.com/idnode/idnode/registry/statistics"
	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/registry/webhook"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/resolver/dnsserver"
	"github.com/idnode/idnode/resolver/grpcserver"
	"github.com/idnode/idnode/resolver/handleserver"
	"github.com/idnode/idnode/resolver/httpserver"
	"github.com/idnode/idnode/resolver/querylog"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/pebblestore"
)

// Listener is the server of one surface. Bind, Serve and Shutdown are called once each and in that
// order; Serve returns nil after Shutdown.
type Listener interface {
	Bind(addr string) error
	Addr() net.Addr
	Serve(ctx context.Context) error
	Shutdown(ctx context.Context) error
}

// OperatorKeyFile is the file in the data directory that holds the first operator's API key.
const OperatorKeyFile = "operator.key"

// SecretKeyFile is the file in the data directory that holds the key which seals what is stored and
// signs tokens.
const SecretKeyFile = "secret.key"

// Node is a daemon.
type Node struct {
	cfg      config.Config
	version  string
	log      *slog.Logger
	metrics  *prometheus.Registry
	engine   storage.Store
	store    storage.Store // engine, with the resolver told of each write
	resolver *resolver.Resolver

	namespaces *storage.Namespaces
	answers    *cache.Answers
	registrar  *registry.Registrar
	audit      *audit.Log
	counts     *statistics.Statistics
	sync       *topsync.Syncer             // nil: nothing is reported upward
	orders     []func(ctx context.Context) // carry out what others order
	feeder     *syncFeeder                 // nil likewise
	verifier   *auth.Verifier
	webhooks   *webhook.Sender
	jobs       *job.Runner
	backup     *backup.Server // nil: the store cannot be copied while it is open
	queries    *querylog.Log  // nil: requests are not logged
	counter    *queryCounter  // nil: requests are not logged
	surfaces   []surface      // in the order of their start
	phase      atomic.Int32
	key        serverKey
	secret     *seal.Key // seals forms of passwords, signs tokens
	site       []byte    // set once the listeners are bound
}

// surface is a listener and its name in the ready line.
type surface struct {
	name string
	addr string // as configured
	Listener
}

// New opens the store, builds every part and binds every listener; nothing is served yet. A node
// that is not Run must be Closed.
func New(cfg config.Config, version string, log *slog.Logger) (*Node, error) {
	n := &Node{cfg: cfg, version: version, log: log, metrics: prometheus.NewRegistry()}
	if err := n.build(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// schedLatencies is the runtime's histogram of how long goroutines that could run had to wait for a processor.
var schedLatencies = regexp.MustCompile(`^/sched/latencies:seconds$`)

func (n *Node) build() error {
	n.metrics.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.GoRuntimeMetricsRule{Matcher: schedLatencies})), buildInfo(n.version),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := n.openStore(); err != nil {
		return err
	}
	namespaces, err := storage.LoadNamespaces(context.Background(), n.engine)
	if err != nil {
		return err
	}
	if err := n.buildResolver(namespaces); err != nil {
		return fmt.Errorf("build resolver: %w", err)
	}
	n.store = storage.Bracket(n.engine, n.resolver.Announce, func(changes []storage.Change, applied bool) {
		n.resolver.Conclude(context.Background(), changes, applied)
	})
	n.namespaces = namespaces
	if err := n.buildRegistry(namespaces); err != nil {
		return fmt.Errorf("build registry: %w", err)
	}
	if err := n.buildAudit(); err != nil {
		return fmt.Errorf("build audit log: %w", err)
	}
	if err := n.buildQueryLog(); err != nil {
		return fmt.Errorf("build query log: %w", err)
	}
	if err := n.buildStatistics(); err != nil {
		return fmt.Errorf("build statistics: %w", err)
	}
	if err := n.buildSync(); err != nil {
		return fmt.Errorf("build sync: %w", err)
	}
	if err := n.buildBackup(); err != nil {
		return fmt.Errorf("build backup: %w", err)
	}
	if err := n.buildSurfaces(); err != nil {
		return err
	}
	for _, s := range n.surfaces {
		if err := s.Bind(s.addr); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return n.buildSite()
}

func (n *Node) openStore() error {
	if err := os.MkdirAll(n.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	if err := refuseUnfinished(n.cfg.DataDir); err != nil {
		return err
	}
	store, err := pebblestore.Open(filepath.Join(n.cfg.DataDir, backup.StoreDir), pebblestore.Options{
		CacheBytes:   int64(n.cfg.Store.CacheBytes),
		MinFreeBytes: uint64(n.cfg.Store.MinFreeBytes),
		Logger:       n.log,
		Registerer:   n.metrics,
	})
	if err != nil {
		return err
	}
	n.engine = store
	return nil
}

func (n *Node) buildResolver(namespaces *storage.Namespaces) error {
	// Half is for records, half for finished answers, of which every record that is asked for often has some.
	half := int64(n.cfg.Cache.Bytes) / 2
	lru, err := cache.NewLRU(cache.Options{Bytes: half, Registerer: n.metrics})
	if err != nil {
		return err
	}
	own, err := n.ownPrefixes()
	if err != nil {
		return err
	}
	admins, err := n.cfg.ServerAdmins()
	if err != nil {
		return err
	}
	nsi, err := n.cfg.Ecode.NSITable()
	if err != nil {
		return err
	}
	o := resolver.Options{Store: n.engine, Namespaces: namespaces, Own: own, Cache: lru, NSI: nsi, Logger: n.log,
		Site: func() []byte { return n.site }}
	if len(admins) > 0 {
		o.Admin = admins[0]
	}
	if n.resolver, err = resolver.New(o); err != nil {
		return err
	}
	n.answers, err = cache.NewAnswers(cache.AnswersOptions{Bytes: half, Current: n.resolver.Current, Registerer: n.metrics})
	return err
}

// ownPrefixes are the prefixes that the node answers for, allocated or not.
func (n *Node) ownPrefixes() ([]identifier.Key, error) {
	prefixes, err := n.cfg.NodePrefixes()
	if err != nil {
		return nil, err
	}
	homed, err := n.cfg.HomedPrefixes()
	return slices.Concat(prefixes, homed), err
}

func (n *Node) buildRegistry(namespaces *storage.Namespaces) error {
	own, err := n.ownPrefixes()
	if err != nil {
		return err
	}
	nsi, err := n.cfg.Ecode.NSITable()
	if err != nil {
		return err
	}
	if n.secret, err = seal.Open(filepath.Join(n.cfg.DataDir, SecretKeyFile)); err != nil {
		return err
	}
	location, err := n.cfg.SNMS.Location()
	if err != nil {
		return err
	}
	var sealed *seal.Key
	if n.cfg.SNMS.DayHashLogin {
		sealed = n.secret
	}
	rules, err := n.webhookRules()
	if err != nil {
		return err
	}
	n.registrar, err = registry.New(registry.Options{
		Webhooks: rules,
		Store:    n.store, Namespaces: namespaces, NodePrefixes: own, Numbers: n.cfg.Node.Numbers(), Limits: n.cfg.RegistryLimits(), NSI: nsi,
		Seal: sealed, Lockout: registry.Lockout{Failures: n.cfg.Auth.LockoutFailures, Time: n.cfg.Auth.LockoutTime},
		CaseSensitive: !n.cfg.Handle.CaseInsensitive, Location: location, Logger: n.log, Registerer: n.metrics,
		Registered: func(at time.Time, took time.Duration) {
			if n.sync != nil {
				n.sync.Registered(at, took)
			}
		},
		CloseApplications: !n.cfg.Registry.OpenApplications, RequireRealName: n.cfg.Registry.RequireRealName,
	})
	if err != nil {
		return err
	}
	if err := n.buildWebhooks(namespaces, rules); err != nil {
		return err
	}
	if err := n.buildJobs(); err != nil {
		return err
	}
	return registry.EnsureOperatorKey(context.Background(), n.registrar, filepath.Join(n.cfg.DataDir, OperatorKeyFile))
}

// buildSurfaces makes the servers, the admin listener first: it is there before the others serve
// and until after they have stopped.
func (n *Node) buildSurfaces() error {
	metrics, err := resolver.NewMetrics(n.metrics)
	if err != nil {
		return err
	}
	location, err := n.cfg.SNMS.Location()
	if err != nil {
		return err
	}
	provider, err := n.openIDProvider()
	if err != nil {
		return err
	}
	verifier, err := auth.New(n.engine, auth.Options{Registerer: n.metrics, Logger: n.log, Registrar: n.registrar, Secret: n.secret,
		DayHash: n.cfg.SNMS.DayHashLogin, Location: location, OIDC: provider})
	if err != nil {
		return err
	}
	n.verifier = verifier
	exempt, err := n.cfg.UDPExempt()
	if err != nil {
		return err
	}
	admins, err := n.cfg.ServerAdmins()
	if err != nil {
		return err
	}
	if n.key, err = n.loadServerKey(); err != nil {
		return err
	}
	roots, err := n.cfg.Handle.Roots()
	if err != nil {
		return err
	}
	handles, err := handleserver.New(handleserver.Options{
		Admin: &handleAdmin{resolver: n.resolver, registrar: n.registrar, log: n.log}, ServerAdmins: admins, Key: n.key.PrivateKey, TrustRoots: roots,
		Resolver: n.resolver, Answers: n.answers, Site: func() []byte { return n.site }, Log: n.queries, Metrics: metrics, Logger: n.log,
		IdleTimeout: n.cfg.Handle.IdleTimeout, MaxConns: n.cfg.Limits.TCPConnections,
		UDPBytesPerSecond: int(n.cfg.Limits.UDPBytesPerSecond), UDPBurst: int(n.cfg.Limits.UDPBurstBytes), UDPExempt: exempt,
	})
	if err != nil {
		return err
	}
	names, err := n.buildDNS(metrics, exempt)
	if err != nil {
		return err
	}
	registration, err := api.New(api.Options{Registrar: n.registrar, Verifier: verifier, Logins: verifier, Webhooks: n.webhooks, Audit: n.audit, Jobs: n.jobs, Queries: n.queryReader(names), Statistics: n.counts, Sync: n.sync, Version: n.version,
		Logger: n.log, Registerer: n.metrics, Panicked: metrics.Panics("registry_api")})
	if err != nil {
		return fmt.Errorf("build HTTP API: %w", err)
	}
	if n.queries != nil {
		n.counter = &queryCounter{log: n.queries, names: names.Names(), namespaces: n.namespaces, counts: n.counts.Resolutions(), hot: newHot(time.Now())}
		if n.sync != nil {
			// It runs beside the counter: each has its own reader of names, which is not safe for concurrent use.
			reader := &queryCounter{log: n.queries, names: names.Names(), namespaces: n.namespaces}
			n.feeder = &syncFeeder{queries: reader, counts: n.sync.Requests()}
		}
	}
	market := snms.New(snms.Options{Registrar: n.registrar, Logins: verifier, BatchRows: n.cfg.SNMS.BatchRows, Location: location, Logger: n.log, Panicked: metrics.Panics("snms")})
	others := make(map[string]http.Handler)
	for _, path := range snms.Paths() {
		others[path] = market
	}
	hub := idhub.New(idhub.Options{Registrar: n.registrar, Logins: verifier, Location: location, Logger: n.log, Panicked: metrics.Panics("idhub")})
	for _, path := range idhub.Paths() {
		others[path] = hub
	}
	secure, err := n.httpTLS()
	if err != nil {
		return err
	}
	front, err := httpserver.New(httpserver.Options{Resolver: n.resolver, Site: func() []byte { return n.site },
		Next: surfaces(registration, others), NextPaths: slices.Collect(maps.Keys(others)), Tunnel: handles.AppendAnswer, Handles: handles, PublicURL: n.cfg.HTTP.PublicURL, RedirectSchemes: n.cfg.HTTP.RedirectSchemes,
		Log: n.queries, Metrics: metrics, Logger: n.log})
	if err != nil {
		return err
	}
	calls := metrics.Front("grpc")
	records := grpcapi.New(n.registrar, verifier, grpcapi.Options{Logger: n.log})
	n.surfaces = []surface{
		{"admin", n.cfg.Admin.Listen, newHTTPListener(n.adminHandler(), bounds{}, nil, n.log)},
		{"handle", n.cfg.Handle.Listen, handles},
		{"dns", n.cfg.DNS.Listen, names},
		{"grpc", n.cfg.GRPC.Listen, newGRPCListener(
			grpcserver.New(n.resolver, grpcserver.Options{Answers: n.answers, Log: n.queries, Metrics: calls, Logger: n.log}),
			records, grpcapi.NewJobs(records, n.jobs),
			bounds{conns: n.cfg.Limits.TCPConnections, metrics: calls},
			grpcserver.ServerOptions(grpcserver.Limits{}, calls, n.log))},
		{"http", n.cfg.HTTP.Listen, newHTTPListener(front,
			bounds{conns: n.cfg.Limits.TCPConnections, metrics: metrics.Front("http")}, secure, n.log)},
	}
	return nil
}

// openIDProvider is the provider of auth.oidc, nil if there is none.
func (n *Node) openIDProvider() (*auth.OIDCOptions, error) {
	o := &n.cfg.Auth.OIDC
	if o.Issuer == "" {
		return nil, nil
	}
	secret, err := o.ClientSecret()
	if err != nil {
		return nil, err
	}
	return &auth.OIDCOptions{Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: secret, RedirectURL: o.RedirectURL, Scopes: o.Scopes, UsernameClaim: o.UsernameClaim}, nil
}

// surfaces is next, but for what begins with one of the paths.
func surfaces(next http.Handler, paths map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for path, h := range paths {
			if strings.HasPrefix(r.URL.Path, path) {
				h.ServeHTTP(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// buildDNS makes the DNS server.
func (n *Node) buildDNS(metrics *resolver.Metrics, exempt []netip.Prefix) (*dnsserver.Server, error) {
	zone, err := n.cfg.DNS.Zones(n.nameserverIP())
	if err != nil {
		return nil, err
	}
	started := uint32(time.Now().Unix()) // what is answered is made anew: the zones have no versions
	zone.Serial = func() uint32 { return started }
	secret, err := n.cfg.DNS.CookieSecret()
	if err != nil {
		return nil, err
	}
	slip := n.cfg.DNS.RRLSlip
	if slip == 0 {
		slip = -1
	}
	return dnsserver.New(dnsserver.Options{
		Resolver: n.resolver, Answers: n.answers, Zone: zone, Log: n.queries, Metrics: metrics, Logger: n.log, NSID: n.cfg.DNS.NSID, CookieSecret: secret,
		UDPBytesPerSecond: int(n.cfg.Limits.UDPBytesPerSecond), UDPBurst: int(n.cfg.Limits.UDPBurstBytes), UDPExempt: exempt,
		ResponsesPerSecond: n.cfg.DNS.ResponsesPerSecond, Slip: slip, MaxConns: n.cfg.Limits.TCPConnections,
	})
}

// Addr returns the bound address of a surface: "handle", "dns", "grpc", "http" or "admin".
func (n *Node) Addr(name string) net.Addr {
	for _, s := range n.surfaces {
		if s.name == name {
			return s.Addr()
		}
	}
	return nil
}

func (n *Node) address(name string) string { return n.Addr(name).String() }

// Close releases the store of a node that is not running.
func (n *Node) Close() error {
	if n.engine == nil {
		return nil
	}
	return n.engine.Close()
}
