// Package config is the node's configuration: one struct, filled from defaults, a YAML file, the
// environment and flags, in that order.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// Config is everything that can be set. The koanf tags are the keys of the file; the environment
// variable of a key is IDNODE_ and its path in upper case with "_" (see [EnvName]).
type Config struct {
	DataDir  string   `koanf:"data_dir"`
	Node     Node     `koanf:"node"`
	Handle   Handle   `koanf:"handle"`
	DNS      DNS      `koanf:"dns"`
	GRPC     GRPC     `koanf:"grpc"`
	HTTP     HTTP     `koanf:"http"`
	Admin    Admin    `koanf:"admin"`
	Store    Store    `koanf:"store"`
	Cache    Cache    `koanf:"cache"`
	Limits   Limits   `koanf:"limits"`
	Log      Log      `koanf:"log"`
	Ecode    Ecode    `koanf:"ecode"`
	Auth     Auth     `koanf:"auth"`
	SNMS     SNMS     `koanf:"snms"`
	Shutdown Shutdown `koanf:"shutdown"`
	Registry Registry `koanf:"registry"`
	Webhook  Webhook  `koanf:"webhook"`
	Audit    Audit    `koanf:"audit"`
	QueryLog QueryLog `koanf:"query_log"`
	Jobs     Jobs     `koanf:"jobs"`
	Sync     Sync     `koanf:"sync"`
}

// Registry is who may become an enterprise of the node.
type Registry struct {
	// OpenApplications lets enterprises apply that have no credential yet.
	OpenApplications bool `koanf:"open_applications"`
	// RequireRealName lets an enterprise become active only once its real-name data is whole.
	RequireRealName bool `koanf:"require_real_name"`
}

// Node is who the node is.
type Node struct {
	// Prefixes are the namespaces that the node may allocate under: Handle prefixes as they are,
	// those of other schemes as "scheme:namespace".
	Prefixes []string `koanf:"prefixes"`
	// FirstNumber is the first number that is given out as the next free prefix.
	FirstNumber int `koanf:"first_number"`
	// NumberDigits fills the numbers of Handle prefixes with zeros to so many digits. 0: as they are.
	NumberDigits int `koanf:"number_digits"`
	// Reserved are prefixes that are only given out when they are asked for.
	Reserved []string `koanf:"reserved"`
}

// Handle is the native Handle protocol.
type Handle struct {
	Listen string `koanf:"listen"` // UDP and TCP
	// Homed are further prefixes that the node answers for ("88.990" or "0.NA/88.990").
	Homed []string `koanf:"homed"`
	// CaseInsensitive folds ASCII case in the suffixes of namespaces allocated from now on, unless
	// they say otherwise.
	CaseInsensitive bool `koanf:"case_insensitive"`
	// SiteFile holds the node's HS_SITE record as hexadecimal digits, base64 or raw octets. Without
	// it the record is made from public_ip and the listeners.
	SiteFile string `koanf:"site_file"`
	// PublicIP is the address told in the node's HS_SITE. Default: the address of listen, or
	// 127.0.0.1 if that is unspecified.
	PublicIP string `koanf:"public_ip"`
	// ServerKeyFile holds the private key that signs certified answers, and whose public half stands in the
	// HS_SITE. Default: handle.key in the data directory, which is made.
	ServerKeyFile string `koanf:"server_key_file"`
	// TrustRoots are files of public keys at which the chains of issuers of signed records have to end, each with the
	// handle that it is known under in front ("88.111.1/0.0=root.pem"). Default of the handle: 0.0/0.0.
	TrustRoots []string `koanf:"trust_roots"`
	// ServerAdmins may do everything over the native protocol ("300:88.990/srvadmin").
	ServerAdmins []string      `koanf:"server_admins"`
	IdleTimeout  time.Duration `koanf:"idle_timeout"` // of a TCP connection
}

// GRPC is the gRPC surface.
type GRPC struct {
	Listen string `koanf:"listen"`
}

// HTTP is the HTTP surface.
type HTTP struct {
	Listen string `koanf:"listen"`

	// TLSCertFile and TLSKeyFile hold the certificate chain and the private key of HTTPS, in PEM. They are given
	// both or not at all; without them the node makes a certificate of its own.
	TLSCertFile string `koanf:"tls_cert_file"`
	TLSKeyFile  string `koanf:"tls_key_file"`

	// PublicURL is where browsers and scanners find the port, such as https://id.example. Default: what they ask for.
	PublicURL string `koanf:"public_url"`

	// RedirectSchemes are the schemes of URLs to which browsers are sent.
	RedirectSchemes []string `koanf:"redirect_schemes"`
}

// Admin is the operators' listener: metrics, health, profiles.
type Admin struct {
	Listen string `koanf:"listen"`
}

// Store is what is kept and for how long.
type Store struct {
	Engine             string        `koanf:"engine"` // "pebble"
	CacheBytes         Size          `koanf:"cache_bytes"`
	MinFreeBytes       Size          `koanf:"min_free_bytes"`
	ChangelogRetention time.Duration `koanf:"changelog_retention"`
}

// Cache is the resolver's cache of answers in this process.
type Cache struct {
	Bytes Size `koanf:"bytes"`
}

// MemoryLimit is the octets that the Go runtime should stay below, as [debug.SetMemoryLimit] takes them:
// both caches and memtables with a quarter for what is being replaced, and half a GiB for all else. Garbage
// is mostly blocks of the store's cache: above the limit it is collected more often, which costs little.
func (c *Config) MemoryLimit() int64 {
	const memtables, rest = 256 << 20, 512 << 20
	return (int64(c.Store.CacheBytes)+int64(c.Cache.Bytes)+memtables)/4*5 + rest
}

// Limits bound what is accepted.
type Limits struct {
	ValuesPerRecord int  `koanf:"values_per_record"`
	ValueBytes      Size `koanf:"value_bytes"`
	RecordBytes     Size `koanf:"record_bytes"`
	BodyBytes       Size `koanf:"body_bytes"`
	BatchRows       int  `koanf:"batch_rows"`
	// PrefixesPerEnterprise is the most prefixes that an enterprise may hold. 0: no bound.
	PrefixesPerEnterprise int      `koanf:"prefixes_per_enterprise"`
	UDPBytesPerSecond     Size     `koanf:"udp_bytes_per_second"`
	UDPBurstBytes         Size     `koanf:"udp_burst_bytes"`
	UDPExempt             []string `koanf:"udp_exempt"`
	TCPConnections        int      `koanf:"tcp_connections"` // at a time, of each surface
}

// Jobs are bulk registrations.
type Jobs struct {
	Concurrent    int           `koanf:"concurrent"`     // that run at a time, of different enterprises
	PerEnterprise int           `koanf:"per_enterprise"` // that wait or run
	RowsPerDay    int           `koanf:"rows_per_day"`   // of an enterprise
	AtomicRows    int           `koanf:"atomic_rows"`    // of a job that stores all rows or none
	MaxBytes      Size          `koanf:"max_bytes"`      // of an input, unpacked
	Retention     time.Duration `koanf:"retention"`      // of jobs that have ended, and their inputs
}

// Log is what is written to standard error.
type Log struct {
	Format string `koanf:"format"` // "text" or "json"
	Level  string `koanf:"level"`  // "debug", "info", "warn" or "error"
}

// Shutdown is how the node goes.
type Shutdown struct {
	LameDuck     time.Duration `koanf:"lame_duck"`     // not ready, still answering
	DrainTimeout time.Duration `koanf:"drain_timeout"` // for what is under way
}

// Default returns the configuration of a node about which nothing has been said.
func Default() Config {
	return Config{
		DataDir: "data",
		Node:    Node{FirstNumber: 1},
		Handle:  Handle{Listen: "127.0.0.1:2641", CaseInsensitive: true, IdleTimeout: 5 * time.Minute},
		DNS: DNS{Listen: "127.0.0.1:5300", Zone: []string{"id.example"}, MaxTTL: 24 * time.Hour, NegativeTTL: time.Minute,
			Suspended: "nxdomain", RRLSlip: 2},
		GRPC:  GRPC{Listen: "127.0.0.1:9090"},
		HTTP:  HTTP{Listen: "127.0.0.1:8080", RedirectSchemes: []string{"http", "https"}},
		Admin: Admin{Listen: "127.0.0.1:9464"},
		Store: Store{Engine: "pebble", CacheBytes: 1 << 30, MinFreeBytes: 256 << 20,
			ChangelogRetention: 7 * 24 * time.Hour},
		Cache: Cache{Bytes: 256 << 20},
		Limits: Limits{ValuesPerRecord: 2048, ValueBytes: 1 << 20, RecordBytes: 256000, BodyBytes: 8 << 20, BatchRows: 1000,
			UDPBytesPerSecond: 64 << 10, UDPBurstBytes: 256 << 10, TCPConnections: 4096},
		Log: Log{Format: "text", Level: "info"},
		Auth: Auth{LockoutFailures: 5, LockoutTime: 15 * time.Minute,
			OIDC: OIDC{Scopes: []string{"openid", "profile"}, UsernameClaim: "preferred_username"}},
		SNMS:     SNMS{DayHashLogin: true, Timezone: "Asia/Shanghai", BatchRows: 2000},
		Shutdown: Shutdown{DrainTimeout: 10 * time.Second},
		Registry: Registry{OpenApplications: true},
		Webhook:  Webhook{GiveUp: 5 * 24 * time.Hour},
		Audit:    Audit{Retention: 365 * 24 * time.Hour},
		Jobs:     Jobs{Concurrent: 4, PerEnterprise: 20, RowsPerDay: 100_000_000, AtomicRows: 10_000, MaxBytes: 8 << 30, Retention: 30 * 24 * time.Hour},
		QueryLog: QueryLog{Enabled: true, Retention: 184 * 24 * time.Hour, MaxBytes: 20 << 30},
		Sync:     Sync{Retention: 35 * 24 * time.Hour, ExactSources: 1_000_000},
	}
}

// Check reports every mistake in c at once.
func (c *Config) Check() error {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.DataDir == "" {
		fail("data_dir", "is empty")
	}
	if _, err := c.NodePrefixes(); err != nil {
		fail("node.prefixes", "%v", err)
	}
	if _, err := c.HomedPrefixes(); err != nil {
		fail("handle.homed", "%v", err)
	}
	if _, err := c.ServerAdmins(); err != nil {
		fail("handle.server_admins", "%v", err)
	}
	if _, err := c.UDPExempt(); err != nil {
		fail("limits.udp_exempt", "%v", err)
	}
	for key, addr := range map[string]string{
		"handle.listen": c.Handle.Listen, "dns.listen": c.DNS.Listen, "grpc.listen": c.GRPC.Listen, "http.listen": c.HTTP.Listen, "admin.listen": c.Admin.Listen,
	} {
		if _, port, err := net.SplitHostPort(addr); err != nil {
			fail(key, "%q is no host:port", addr)
		} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			fail(key, "%q is no port from 0 to 65535", port)
		}
	}
	for _, read := range []func() error{
		func() error { _, err := c.Handle.Site(); return err },
		func() error { _, err := c.Handle.ServerKey(); return err },
		func() error { _, err := c.Handle.Roots(); return err },
		func() error { _, err := c.Ecode.NSITable(); return err },
		func() error { _, err := c.SNMS.Location(); return err },
		c.Auth.check,
		c.Audit.check,
		c.QueryLog.check,
		c.HTTP.check,
		c.DNS.check,
		c.checkWebhook,
		c.checkSync,
	} {
		if err := read(); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Handle.PublicIP != "" {
		if _, err := netip.ParseAddr(c.Handle.PublicIP); err != nil {
			fail("handle.public_ip", "%q is no IP address", c.Handle.PublicIP)
		}
	}
	if c.Store.Engine != "pebble" {
		fail("store.engine", "%q is not known; this version has \"pebble\"", c.Store.Engine)
	}
	for key, n := range map[string]int64{
		"store.cache_bytes": int64(c.Store.CacheBytes), "store.min_free_bytes": int64(c.Store.MinFreeBytes),
		"store.changelog_retention": int64(c.Store.ChangelogRetention),
		"handle.idle_timeout":       int64(c.Handle.IdleTimeout), "limits.values_per_record": int64(c.Limits.ValuesPerRecord),
		"limits.value_bytes": int64(c.Limits.ValueBytes), "limits.record_bytes": int64(c.Limits.RecordBytes),
		"limits.body_bytes": int64(c.Limits.BodyBytes), "limits.batch_rows": int64(c.Limits.BatchRows),
		"limits.udp_bytes_per_second": int64(c.Limits.UDPBytesPerSecond), "limits.udp_burst_bytes": int64(c.Limits.UDPBurstBytes),
		"limits.tcp_connections": int64(c.Limits.TCPConnections), "shutdown.drain_timeout": int64(c.Shutdown.DrainTimeout),
		"jobs.concurrent": int64(c.Jobs.Concurrent), "jobs.per_enterprise": int64(c.Jobs.PerEnterprise), "jobs.rows_per_day": int64(c.Jobs.RowsPerDay),
		"jobs.atomic_rows": int64(c.Jobs.AtomicRows), "jobs.max_bytes": int64(c.Jobs.MaxBytes), "jobs.retention": int64(c.Jobs.Retention),
	} {
		if n <= 0 {
			fail(key, "must be positive")
		}
	}
	if c.Node.FirstNumber < 0 || c.Node.NumberDigits < 0 || c.Node.NumberDigits > 20 {
		fail("node.number_digits", "numbers are not negative, and of at most 20 digits")
	}
	if c.Limits.PrefixesPerEnterprise < 0 {
		fail("limits.prefixes_per_enterprise", "is negative")
	}
	if c.SNMS.BatchRows < 1 || c.SNMS.BatchRows > 100_000 {
		fail("snms.batch_rows", "must be from 1 to 100000")
	}
	if c.Cache.Bytes < 256<<10 {
		fail("cache.bytes", "must be at least 256KiB")
	}
	if c.Shutdown.LameDuck < 0 {
		fail("shutdown.lame_duck", "is negative")
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		fail("log.format", "%q is neither text nor json", c.Log.Format)
	}
	if _, err := c.LogLevel(); err != nil {
		fail("log.level", "%v", err)
	}
	return errors.Join(errs...)
}

// Numbers is the rule by which next free prefixes are chosen.
func (n *Node) Numbers() registry.Numbers {
	return registry.Numbers{First: uint64(n.FirstNumber), Digits: n.NumberDigits, Reserved: n.Reserved}
}

// NodePrefixes are the namespaces of node.prefixes.
func (c *Config) NodePrefixes() ([]identifier.Key, error) { return namespaces(c.Node.Prefixes) }

// HomedPrefixes are the namespaces of handle.homed.
func (c *Config) HomedPrefixes() ([]identifier.Key, error) {
	var keys []identifier.Key
	for _, text := range c.Handle.Homed {
		// The reference server homes prefix records: 0.NA/88.990, and 0.NA/0.NA/88.990 for "the
		// prefixes derived from 88.990 live here". Both make us answer for 88.990 and what is below.
		prefix := text
		for len(prefix) > len(prefixHandle) && identifier.EqualFoldASCII(prefix[:len(prefixHandle)], prefixHandle) {
			prefix = prefix[len(prefixHandle):]
		}
		name, err := identifier.Handle.ParseNamespace(prefix)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		if k := (identifier.Key{Scheme: identifier.Handle, Name: name}); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// prefixHandle begins the names of prefix records.
const prefixHandle = "0.NA/"

func namespaces(texts []string) ([]identifier.Key, error) {
	var keys []identifier.Key
	for _, text := range texts {
		scheme, rest := identifier.Handle, text
		if name, after, ok := strings.Cut(text, ":"); ok {
			s, err := identifier.ParseScheme(name)
			if err != nil {
				return nil, err
			}
			scheme, rest = s, after
		}
		prefix, err := scheme.ParseNamespace(rest)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		keys = append(keys, identifier.Key{Scheme: scheme, Name: prefix})
	}
	return keys, nil
}

// ServerAdmins are the identities of handle.server_admins.
func (c *Config) ServerAdmins() ([]identifier.Ref, error) {
	var refs []identifier.Ref
	for _, text := range c.Handle.ServerAdmins {
		ref, err := ParseRef(text)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// ParseRef reads index:handle.
func ParseRef(text string) (identifier.Ref, error) {
	index, name, ok := strings.Cut(text, ":")
	i, err := strconv.ParseUint(index, 10, 31)
	if !ok || err != nil {
		return identifier.Ref{}, fmt.Errorf("%q is no index:handle", text)
	}
	if _, err := identifier.Handle.Parse(name); err != nil {
		return identifier.Ref{}, err
	}
	return identifier.Ref{Handle: name, Index: uint32(i)}, nil
}

// UDPExempt are the networks of limits.udp_exempt.
func (c *Config) UDPExempt() ([]netip.Prefix, error) {
	var nets []netip.Prefix
	for _, text := range c.Limits.UDPExempt {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return nil, fmt.Errorf("%q is neither a network nor an address", text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		nets = append(nets, p)
	}
	return nets, nil
}

// RegistryLimits is what concerns registration of the limits.
func (c *Config) RegistryLimits() registry.Limits {
	l, j := &c.Limits, &c.Jobs
	return registry.Limits{JobsPerEnterprise: j.PerEnterprise, JobRowsPerDay: j.RowsPerDay, AtomicRows: j.AtomicRows, JobOctets: int64(j.MaxBytes),
		ValuesPerRecord: l.ValuesPerRecord, ValueOctets: int(l.ValueBytes), RecordOctets: int(l.RecordBytes),
		BodyOctets: int(l.BodyBytes), BatchRows: l.BatchRows, PrefixesPerEnterprise: l.PrefixesPerEnterprise,
		UDPBytesPerSecond: int(l.UDPBytesPerSecond), UDPBurstBytes: int(l.UDPBurstBytes)}
}
