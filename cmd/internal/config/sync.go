package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/topreport"
)

// Sync is what is reported to the national top-level node.
type Sync struct {
	// Enabled gathers what is to be reported, and takes reports of enterprises' own nodes.
	Enabled bool `koanf:"enabled"`
	// Targets are reported to.
	Targets []SyncTarget `koanf:"targets"`
	// Retention is how long rows are kept that every target has acknowledged.
	Retention time.Duration `koanf:"retention"`
	// ExactSources is of how many source addresses of a prefix and day the requests are counted exactly.
	ExactSources int `koanf:"exact_sources"`
}

// SyncTarget is a node that is reported to.
type SyncTarget struct {
	Name     string   `koanf:"name" yaml:"name"` // small letters, digits and "-"; it never changes
	Kind     string   `koanf:"kind" yaml:"kind"` // the adapter, such as jsonlines
	URL      string   `koanf:"url" yaml:"url"`
	Tables   []string `koanf:"tables" yaml:"tables,omitempty"`       // default all
	CertFile string   `koanf:"cert_file" yaml:"cert_file,omitempty"` // by which the target knows this node, in PEM
	KeyFile  string   `koanf:"key_file" yaml:"key_file,omitempty"`
	CAFile   string   `koanf:"ca_file" yaml:"ca_file,omitempty"` // whose certificates the target's must end at; default the system's
	// TokenFile holds a bearer token, such as an API key of another idnode.
	TokenFile string `koanf:"token_file" yaml:"token_file,omitempty"`

	// App and SignKeyFile sign requests over HTTP, see package requestsign: the application, by default the node's first prefix, and its
	// private key, SM2 or Ed25519.
	App         string `koanf:"app" yaml:"app,omitempty"`
	SignKeyFile string `koanf:"sign_key_file" yaml:"sign_key_file,omitempty"`
	// User and PasswordFile are for logins of EPP over TLS; User is by default the node's first prefix.
	User         string `koanf:"user" yaml:"user,omitempty"`
	PasswordFile string `koanf:"password_file" yaml:"password_file,omitempty"`
	// Identity is who administers prefix records, such as 300:0.NA/88.1021, and proves that by HandleKeyFile, a private key, or
	// SecretFile.
	Identity      string `koanf:"identity" yaml:"identity,omitempty"`
	HandleKeyFile string `koanf:"handle_key_file" yaml:"handle_key_file,omitempty"`
	SecretFile    string `koanf:"secret_file" yaml:"secret_file,omitempty"`
	// Orders says that orders of the target, and results of its audits, are carried out.
	Orders bool `koanf:"orders" yaml:"orders,omitempty"`
}

// UnmarshalText reads a target as environment variables write it: name=kind+url, then what else there is to say, such as
// top=jsonlines+https://top.example/sync;tables=T3|T8;token_file=/etc/idnode/top.token.
func (t *SyncTarget) UnmarshalText(text []byte) error {
	first, rest, _ := strings.Cut(string(text), ";")
	name, address, named := strings.Cut(first, "=")
	kind, url, ok := strings.Cut(address, "+")
	if !named || !ok {
		return fmt.Errorf("%q is no target such as top=jsonlines+https://top.example/sync", text)
	}
	*t = SyncTarget{Name: name, Kind: kind, URL: url}
	members := map[string]*string{"cert_file": &t.CertFile, "key_file": &t.KeyFile, "ca_file": &t.CAFile, "token_file": &t.TokenFile}
	for part := range strings.SplitSeq(rest, ";") {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case part == "":
		case key == "tables":
			t.Tables = strings.Split(value, "|")
		case members[key] != nil:
			*members[key] = value
		default:
			return fmt.Errorf("target %s: %q is not known", name, key)
		}
	}
	return nil
}

var targetName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// checkSync looks at sync, and at what it needs of the log of requests.
func (c *Config) checkSync() error {
	var errs []error
	s := &c.Sync
	if s.Enabled && !c.QueryLog.Enabled {
		errs = append(errs, errors.New("sync.enabled: what is reported of requests is counted from query_log, which is off"))
	}
	if s.Retention <= 0 || s.ExactSources <= 0 {
		errs = append(errs, errors.New("sync: retention and exact_sources must be positive"))
	}
	if len(s.Targets) > 0 && !s.Enabled {
		errs = append(errs, errors.New("sync.targets: there are targets, and sync.enabled is false"))
	}
	seen := make(map[string]bool)
	for i := range s.Targets {
		t := &s.Targets[i]
		if !targetName.MatchString(t.Name) || seen[t.Name] {
			errs = append(errs, fmt.Errorf("sync.targets: %q is no name of small letters, digits and -, or there twice", t.Name))
		}
		seen[t.Name] = true
		if t.Kind == "" || t.URL == "" {
			errs = append(errs, fmt.Errorf("sync.targets: %s: kind and url are required", t.Name))
		}
		if (t.CertFile == "") != (t.KeyFile == "") {
			errs = append(errs, fmt.Errorf("sync.targets: %s: cert_file and key_file are given both or not at all", t.Name))
		}
		for _, table := range t.Tables {
			if topreport.Find(table) == nil {
				errs = append(errs, fmt.Errorf("sync.targets: %s: no table %q; there are %s", t.Name, table, strings.Join(topreport.Names(), ", ")))
			}
		}
	}
	return errors.Join(errs...)
}
