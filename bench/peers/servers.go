package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/dnsload"
	"github.com/idnode/idnode/proto/identifier"
)

// site is where peers run.
type site struct {
	dir     string // of zone, configurations and databases
	cores   []int
	coredns string
	length  int // octets of idnode's answer to a query of DNS
}

const zoneFile = "zone"

// writeZone makes the zone file of the corpus: the NAPTR record that idnode tells for each identifier's
// URL (RFC 3403), and an apex.
func writeZone(name string, c corpus.Corpus, records uint64) (err error) {
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.Create(name + ".unfinished")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "$ORIGIN %[1]s.\n@ 3600 IN SOA ns1.%[1]s. hostmaster.%[1]s. 1 3600 600 86400 60\n@ 3600 IN NS ns1.%[1]s.\nns1 3600 IN A 127.0.0.1\n", dnsload.Zone)
	for i := range records {
		owner, e := dnsload.Owner(c.Names, i)
		if e != nil {
			return errors.Join(e, f.Close())
		}
		for _, v := range c.Record(i).Values {
			if v.Type == "URL" {
				fmt.Fprintf(w, "%s %d IN NAPTR 100 10 \"u\" \"IDIS+URL\" \"!^.*$!%s!\" .\n", owner, identifier.DefaultTTL, v.Data)
			}
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return err
	}
	return os.Rename(name+".unfinished", name)
}

// starters are the peers, in the order in which they take turns.
var starters = []struct {
	name  string
	start func(context.Context, *site) (*process, error)
}{
	{"NSD", startNSD}, {"Knot", startKnot}, {"CoreDNS", startCoreDNS}, {"PowerDNS", startPowerDNS}, {"UDP echo", startEcho}, {"empty gRPC", startGRPC},
}

// serve starts program with args on a port, which its configuration text has for %[1]s; %[2]s is the
// site's directory.
func (s *site) serve(name, program, config, text string, args ...string) (*process, error) {
	path, err := find(program)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := write(filepath.Join(s.dir, config), fmt.Sprintf(text, port, s.dir)); err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = s.dir
	p, err := launch(name, s.dir, s.cores, cmd)
	if err == nil {
		p.addr = "127.0.0.1:" + port
	}
	return p, err
}

func startNSD(_ context.Context, s *site) (*process, error) {
	return s.serve("NSD", "nsd", "nsd.conf", `server:
  ip-address: 127.0.0.1@%[1]s
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "%[2]s"
  xfrdir: "%[2]s"
  xfrdfile: "%[2]s/nsd.xfrd"
  zonelistfile: "%[2]s/nsd.zones"
  pidfile: ""
  database: ""
  rrl-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: `+dnsload.Zone+`
  zonefile: `+zoneFile+`
`, "-d", "-c", filepath.Join(s.dir, "nsd.conf"))
}

func startKnot(_ context.Context, s *site) (*process, error) {
	return s.serve("Knot", "knotd", "knot.conf", `server:
  rundir: "%[2]s"
  listen: 127.0.0.1@%[1]s
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "%[2]s/knot"
log:
  - target: stderr
    any: warning
zone:
  - domain: `+dnsload.Zone+`
    file: "%[2]s/`+zoneFile+`"
    zonefile-sync: -1
    journal-content: none
`, "-c", filepath.Join(s.dir, "knot.conf"))
}

func startCoreDNS(_ context.Context, s *site) (*process, error) {
	return s.serve("CoreDNS", s.coredns, "Corefile", dnsload.Zone+`:%[1]s {
	bind 127.0.0.1
	minimal
	file %[2]s/`+zoneFile+` {
		reload 0
	}
}
`, "-conf", filepath.Join(s.dir, "Corefile"))
}

// startPowerDNS loads the zone into LMDB if that is not done yet. The packet cache is as by default;
// with one distributor queries do not change threads.
func startPowerDNS(ctx context.Context, s *site) (*process, error) {
	util, err := find("pdnsutil")
	if err != nil {
		return nil, err
	}
	const config = `launch=lmdb
lmdb-filename=%[2]s/pdns.lmdb
local-address=127.0.0.1
local-port=%[1]s
socket-dir=%[2]s
receiver-threads=1
distributor-threads=1
disable-syslog=yes
loglevel=3
`
	done := filepath.Join(s.dir, "pdns.loaded")
	if _, err := os.Stat(done); errors.Is(err, fs.ErrNotExist) {
		old, err := filepath.Glob(filepath.Join(s.dir, "pdns.lmdb*"))
		if err != nil {
			return nil, err
		}
		for _, name := range old {
			if err := os.Remove(name); err != nil {
				return nil, err
			}
		}
		if err := write(filepath.Join(s.dir, "pdns.conf"), fmt.Sprintf(config, "5399", s.dir)); err != nil {
			return nil, err
		}
		load := exec.CommandContext(ctx, util, "--config-dir="+s.dir, "load-zone", dnsload.Zone, filepath.Join(s.dir, zoneFile))
		if out, err := load.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("pdnsutil load-zone: %w: %s", err, out[max(0, len(out)-1024):])
		}
		if err := write(done, ""); err != nil {
			return nil, err
		}
	}
	return s.serve("PowerDNS", "pdns_server", "pdns.conf", config, "--config-dir="+s.dir, "--daemon=no", "--guardian=no")
}

func startEcho(_ context.Context, s *site) (*process, error) {
	return launchSelf("UDP echo", s.dir, s.cores, "--serve", "echo", "--length", fmt.Sprint(s.length))
}

func startGRPC(_ context.Context, s *site) (*process, error) {
	return launchSelf("empty gRPC", s.dir, s.cores, "--serve", "grpc")
}
