package doctor

import (
	"context"
	"time"

	"github.com/idnode/idnode/cmd/internal/config"
	"github.com/idnode/idnode/resolver/dnsserver"
)

// Examination is what is looked at.
type Examination struct {
	Config  config.Config
	Unknown []string // variables of the environment that are no settings
	Err     error    // of loading Config

	Redis []string // addresses; none: none is looked at
	NTP   string   // time server to ask, host or host:port; "": none

	limits limits
}

// limits are what is still good. The zero value is the defaults; they are here for tests.
type limits struct {
	fsyncWarning, fsyncError time.Duration // at the 99th percentile: 20 ms and 500 ms
	udpBuffer                int           // octets: what the servers ask for
	files                    uint64        // what the configuration may use
	memory                   int64         // octets: what the configuration may use
	redis                    time.Duration // 5 ms
	offset                   time.Duration // 500 ms
}

func (l *limits) setDefaults(e *Examination) {
	set(&l.fsyncWarning, 20*time.Millisecond)
	set(&l.fsyncError, 500*time.Millisecond)
	set(&l.udpBuffer, dnsserver.UDPBuffer)
	// Four surfaces, the store's tables, and what is left: logs, sockets, upstreams.
	set(&l.files, 4*uint64(max(0, e.Config.Limits.TCPConnections))+storeFiles+1024)
	set(&l.memory, e.Config.MemoryLimit())
	set(&l.redis, 5*time.Millisecond)
	set(&l.offset, 500*time.Millisecond)
}

func set[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// storeFiles is how many files the store keeps open (pebblestore's MaxOpenFiles).
const storeFiles = 4096

const (
	patience       = 5 * time.Second // with each of those that are asked
	expiresWarning = 14 * 24 * time.Hour
	expiresError   = 3 * 24 * time.Hour
	backupAge      = 26 * time.Hour
)

// state is what the checks know of each other.
type state struct {
	running bool
	pid     int             // of the running node; 0: not known
	bound   map[string]bool // addresses of the running node
}

// Run makes all checks and returns what they found, in the order of what depends on what.
func Run(ctx context.Context, e *Examination) []Finding {
	e.limits.setDefaults(e)
	found := e.config()
	s := new(state)
	found = append(found, e.node(ctx, s)...)
	found = append(found, e.ports(ctx, s)...)
	found = append(found, e.udp()...)
	found = append(found, e.resources(s)...)
	found = append(found, e.data()...)
	found = append(found, e.clock(ctx)...)
	found = append(found, e.certificates()...)
	for _, addr := range e.Redis {
		found = append(found, e.redis(ctx, addr))
	}
	for i := range e.Config.Sync.Targets {
		found = append(found, target(ctx, &e.Config.Sync.Targets[i])...)
	}
	if s.running {
		found = append(found, e.backup(ctx)...)
	}
	return found
}

func (e *Examination) config() []Finding {
	var found []Finding
	for _, name := range e.Unknown {
		found = append(found, warning("config_unknown_variable", name))
	}
	if e.Err == nil {
		return append(found, ok("config_ok"))
	}
	for _, err := range split(e.Err) {
		found = append(found, failure("config_invalid", err))
	}
	return found
}

// split takes joined errors apart.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, err := range joined.Unwrap() {
			all = append(all, split(err)...)
		}
		return all
	}
	return []error{err}
}
