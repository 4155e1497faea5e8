package doctor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/idnode/idnode/cmd/internal/backup"
	"github.com/idnode/idnode/cmd/internal/config"
	"github.com/idnode/idnode/cmd/internal/node"
)

// seen are the codes that tests have had found; skipped says that a condition could not be made here.
var (
	seen    sync.Map
	skipped bool
)

// TestMain sees to it that each finding there is has been found in some test.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && !skipped && flag.Lookup("test.run").Value.String() == "" {
		for name := range kinds {
			if _, ok := seen.Load(name); !ok {
				fmt.Fprintf(os.Stderr, "no test has had %s found\n", name)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// expect looks for a finding and says what was found if it is not there.
func expect(t *testing.T, found []Finding, code string, level Level) Finding {
	t.Helper()
	for _, f := range found {
		if f.Code == code && f.Level == level {
			for _, l := range []Language{English, Chinese} {
				if told := f.In(l); strings.Contains(told.Message, "%!") || told.Message == "" || (told.Fix == "") != (level == OK) {
					t.Errorf("%s in %s: %+v", code, l, told)
				}
			}
			seen.Store(code, true)
			return f
		}
	}
	t.Errorf("found %v, want %s %s", found, level, code)
	return Finding{}
}

// TestKinds: both languages tell of the same arguments.
func TestKinds(t *testing.T) {
	verb := regexp.MustCompile(`%(\[(\d)\])?([a-z])`)
	verbs := func(format string) []string {
		found := verb.FindAllStringSubmatch(format, -1)
		out := make([]string, len(found))
		for i, v := range found {
			if v[2] != "" {
				i = int(v[2][0] - '1')
			}
			out[i] = v[3]
		}
		return out
	}
	for code, k := range kinds {
		if !slices.Equal(verbs(k.what), verbs(k.whatZH)) {
			t.Errorf("%s: %q and %q", code, k.what, k.whatZH)
		}
		if (k.fix == "") != (k.fixZH == "") || k.what == "" || k.whatZH == "" {
			t.Errorf("%s: words are missing", code)
		}
	}
}

// examination is of a node that has nothing unusual, on a data directory of its own.
func examination(t *testing.T) *Examination {
	t.Helper()
	e := &Examination{Config: config.Default()}
	e.Config.DataDir = t.TempDir()
	for _, addr := range []*string{&e.Config.Handle.Listen, &e.Config.DNS.Listen, &e.Config.GRPC.Listen, &e.Config.HTTP.Listen, &e.Config.Admin.Listen} {
		*addr = free(t)
	}
	e.limits.setDefaults(e)
	return e
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestConfig(t *testing.T) {
	var e Examination
	e.Config, e.Unknown, e.Err = config.Load("", []string{"IDNODE_LOG_FORMAT=xml", "IDNODE_STORE_ENGINE=tape", "IDNODE_HTP_LISTEN=:80"})
	found := e.config()
	expect(t, found, "config_invalid", Error)
	expect(t, found, "config_unknown_variable", Warning)
	if len(found) != 3 {
		t.Errorf("of two mistakes and a misspelling %v are found", found)
	}
	e.Config, e.Unknown, e.Err = config.Load("", nil)
	expect(t, e.config(), "config_ok", OK)
}

// TestNode looks at a node that is not there, runs, is not ready, and does not answer where it should.
func TestNode(t *testing.T) {
	e := examination(t)
	s := new(state)
	expect(t, e.node(t.Context(), s), "node_stopped", OK)
	expect(t, e.ports(t.Context(), s), "port_free", OK)

	stop := run(t, e.Config)
	found := Run(t.Context(), e)
	expect(t, found, "node_running", OK)
	expect(t, found, "port_bound", OK)
	expect(t, found, "backup_none", Warning)
	for _, f := range found {
		if f.Level == Error {
			t.Errorf("of a node that runs: %+v", f.In(English))
		}
	}
	if _, err := backup.Take(t.Context(), backup.Order{DataDir: e.Config.DataDir, Destination: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	expect(t, e.backup(t.Context()), "backup_ok", OK)
	expect(t, []Finding{backupFinding(time.Now().Add(-27*time.Hour), time.Now())}, "backup_old", Warning)
	silent := *e
	silent.Config.Admin.Listen = free(t)
	expect(t, silent.node(t.Context(), new(state)), "node_silent", Error)
	stop()

	e.Config.Store.MinFreeBytes = 1 << 60
	stop = run(t, e.Config)
	found = Run(t.Context(), e)
	expect(t, found, "node_not_ready", Error)
	expect(t, found, "data_full", Error)
	stop()
}

func run(t *testing.T, c config.Config) (stop func()) {
	t.Helper()
	n, err := node.New(c, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if ok, pid := backup.Listening(ctx, filepath.Join(c.DataDir, backup.SocketFile)); ok {
			if pid != os.Getpid() {
				t.Errorf("the node's process is %d, not %d", pid, os.Getpid())
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the node does not listen for backups")
		}
	}
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestPorts(t *testing.T) {
	e, s := examination(t), new(state)
	taken, err := net.Listen("tcp", e.Config.HTTP.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	udp, err := net.ListenPacket("udp", e.Config.DNS.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	e.Config.GRPC.Listen = "192.0.2.1:9090" // of documentation: nobody's
	e.Config.Admin.Listen = "0.0.0.0:0"
	found := e.ports(t.Context(), s)
	var keys []string
	for _, f := range found {
		if f.Code == "port_taken" {
			keys = append(keys, fmt.Sprint(f.Args[0]))
		}
	}
	if want := []string{"dns.listen (udp)", "http.listen (tcp)"}; !slices.Equal(keys, want) {
		t.Errorf("taken are %v, want %v", keys, want)
	}
	expect(t, found, "port_taken", Error)
	expect(t, found, "port_unusable", Error)
	expect(t, found, "admin_public", Warning)

	done := make(chan []Finding)
	go func() { // on a thread that ends with it, since it gives its privileges away
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			_, _, _ = syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), 65534, ^uintptr(0))
		}
		done <- []Finding{portFinding(t.Context(), s, "dns.listen", "tcp", "127.0.0.1:1")}
	}()
	found = <-done
	if raw, _ := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); len(raw) < 2 {
		skipped = true // everybody may bind everything
		return
	}
	expect(t, found, "port_privileged", Error)
}

func TestResources(t *testing.T) {
	e := examination(t)
	e.limits.udpBuffer, e.limits.files, e.limits.memory = 4096, 1, 1
	expect(t, e.udp(), "udp_buffer_ok", OK)
	found := e.resources(new(state))
	expect(t, found, "files_ok", OK)
	expect(t, found, "memory_ok", OK)
	e.limits.udpBuffer, e.limits.files, e.limits.memory = 1<<30, 1<<40, 1<<60
	expect(t, e.udp(), "udp_buffer_small", Warning)
	found = e.resources(new(state))
	expect(t, found, "files_low", Warning)
	expect(t, found, "memory_small", Warning)

	child := exec.Command("sh", "-c", "ulimit -n 100; exec sleep 60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if n, err := fileLimit(child.Process.Pid); n == 100 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the bound of a process is %d (%v), not 100", n, err)
		}
	}
	expect(t, e.resources(&state{pid: child.Process.Pid}), "files_low", Error)

	// A socket that nobody reads from.
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := c.WriteTo(make([]byte, 1000), c.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, e.udp(), "udp_dropped", Warning)
}

func TestData(t *testing.T) {
	e := examination(t)
	dir := e.Config.DataDir
	e.Config.Store.MinFreeBytes = 1
	found := e.data()
	e.limits.fsyncWarning, e.limits.fsyncError = time.Hour, time.Hour
	expect(t, e.data(), "fsync_ok", OK)
	e.limits.fsyncWarning = 1
	expect(t, e.data(), "fsync_slow", Warning)
	e.limits.fsyncError = 1
	expect(t, e.data(), "fsync_slow", Error)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if free := int64(fs.Bavail) * fs.Bsize; free > int64(fs.Blocks)*fs.Bsize/10 {
		expect(t, found, "data_ok", OK)
		e.Config.Store.MinFreeBytes = config.Size(free / 2)
		expect(t, e.data(), "data_low", Warning)
	} else {
		skipped = true // this disk is nearly full
	}
	e.Config.Store.MinFreeBytes = 1

	key := filepath.Join(dir, "secret.key")
	if err := os.WriteFile(key, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	expect(t, e.data(), "data_open", Error)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if found := secrets(dir); len(found) > 0 {
		t.Errorf("in a directory that is closed: %v", found)
	}
	if err := os.WriteFile(filepath.Join(dir, backup.UnfinishedFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(2 * time.Hour)
	if err := os.Chtimes(key, later, later); err != nil {
		t.Fatal(err)
	}
	found = e.data()
	expect(t, found, "data_unfinished", Error)
	expect(t, found, "clock_behind", Error)

	e.Config.DataDir = key
	expect(t, e.data(), "data_unusable", Error)
	e.Config.DataDir = filepath.Join(dir, "not", "there", "yet")
	expect(t, e.data(), "data_new", OK)
	if err := syscall.Statfs("/dev/shm", (*syscall.Statfs_t)(&syscall.Statfs_t{})); err != nil {
		skipped = true
	} else {
		e.Config.DataDir = filepath.Join("/dev/shm", "idnode")
		expect(t, e.data(), "data_volatile", Error)
	}
	expect(t, medium("/mnt", unix.NFS_SUPER_MAGIC), "data_network", Warning)
}

func TestClock(t *testing.T) {
	if f := kernelClock(); !strings.HasPrefix(f.Code, "clock_") {
		t.Errorf("got %v", f)
	}
	expect(t, []Finding{clockFinding(0, &unix.Timex{Maxerror: 20_000}, nil)}, "clock_ok", OK)
	expect(t, []Finding{clockFinding(5, &unix.Timex{}, nil)}, "clock_unsynchronized", Warning)
	expect(t, []Finding{clockFinding(0, &unix.Timex{Status: 0x40}, nil)}, "clock_unsynchronized", Warning)
	expect(t, []Finding{clockFinding(0, nil, syscall.EPERM)}, "clock_unknown", Warning)
	if by := watch(t.Context(), 50*time.Millisecond, time.Now); by.Abs() > jumpMost {
		t.Errorf("a clock that nobody sets is found to be set by %v", by)
	}
	set := time.Duration(0)
	by := watch(t.Context(), time.Millisecond, func() time.Time {
		defer func() { set = -time.Hour }()
		return time.Now().Add(set)
	})
	if by > -time.Hour+time.Minute || by < -time.Hour-time.Minute {
		t.Errorf("a clock that goes back by an hour is found to be set by %v", by)
	}
	expect(t, []Finding{warning("clock_jumped", by)}, "clock_jumped", Warning)

	e := examination(t)
	for _, tc := range []struct {
		by    time.Duration
		code  string
		level Level
	}{{0, "clock_server_ok", OK}, {10 * time.Second, "clock_off", Error}, {-10 * time.Second, "clock_off", Error}} {
		e.NTP = timeServer(t, tc.by)
		f := expect(t, e.clock(t.Context()), tc.code, tc.level)
		if got := f.Args[0].(time.Duration); (got - tc.by).Abs() > 200*time.Millisecond {
			t.Errorf("a server that is ahead by %v is found to be so by %v", tc.by, got)
		}
	}
	e.NTP = free(t)
	expect(t, e.clock(t.Context()), "clock_server_silent", Warning)
}

// timeServer answers as RFC 5905 says, with a clock that is ahead.
func timeServer(t *testing.T, by time.Duration) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		in := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(in)
			if err != nil {
				return
			}
			now := ntpTime(time.Now().Add(by))
			out := make([]byte, 48)
			out[0], out[1] = 4<<3|4, 2
			if n == 48 && in[0] == 4<<3|3 {
				copy(out[24:], in[40:48])
			}
			binary.BigEndian.PutUint64(out[32:], now)
			binary.BigEndian.PutUint64(out[40:], now)
			_, _ = c.WriteTo(out, from)
		}
	}()
	return c.LocalAddr().String()
}

// pair makes a certificate for 127.0.0.1 that ends then, signed by itself, in files of their own.
func pair(t *testing.T, from, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: until, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

const day = 24 * time.Hour

func TestCertificates(t *testing.T) {
	e := examination(t)
	now := time.Now()
	for _, tc := range []struct {
		from, until time.Duration
		code        string
		level       Level
	}{{-day, 90 * day, "certificate_ok", OK}, {-day, 10 * day, "certificate_expires", Warning}, {-day, 2 * day, "certificate_expires", Error},
		{-2 * day, -day, "certificate_expired", Error}, {day, 2 * day, "certificate_early", Error}} {
		cert, key := pair(t, now.Add(tc.from), now.Add(tc.until))
		e.Config.HTTP.TLSCertFile, e.Config.HTTP.TLSKeyFile = cert, key
		expect(t, e.certificates(), tc.code, tc.level)
	}
	e.Config.Sync.Targets = []config.SyncTarget{{Name: "top", CertFile: e.Config.HTTP.TLSKeyFile, CAFile: "/nonexistent.pem"}}
	n := 0
	for _, f := range e.certificates() {
		if f.Code == "certificate_unreadable" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("of two files that are no certificates %d are found", n)
	}
	expect(t, e.certificates(), "certificate_unreadable", Error)
	e.Config.HTTP.TLSCertFile = ""
	cert, _ := pair(t, now.Add(-day), now.Add(day))
	if err := os.Rename(cert, filepath.Join(e.Config.DataDir, node.CertificateFile)); err != nil {
		t.Fatal(err)
	}
	if f := expect(t, e.certificates(), "certificate_expires", Error); f.Args[0] != node.CertificateFile {
		t.Errorf("got %v", f)
	}
}

func TestRedis(t *testing.T) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		skipped = true
		t.Skip("redis-server is not installed (make deps)")
	}
	e := examination(t)
	serve := func(args ...string) string {
		addr := free(t)
		_, port, _ := net.SplitHostPort(addr)
		cmd := exec.Command(program, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()}, args...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Close()
				return addr
			} else if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	addr := serve()
	e.limits.redis = time.Minute
	expect(t, []Finding{e.redis(t.Context(), addr)}, "redis_ok", OK)
	e.limits.redis = 1
	expect(t, []Finding{e.redis(t.Context(), addr)}, "redis_slow", Warning)
	f := expect(t, []Finding{e.redis(t.Context(), serve("--requirepass", "secret"))}, "redis_refuses", Warning)
	if !strings.Contains(f.In(English).Message, "NOAUTH") {
		t.Errorf("got %v", f)
	}
	expect(t, []Finding{e.redis(t.Context(), free(t))}, "redis_unreachable", Warning)
}

func TestTargets(t *testing.T) {
	now := time.Now()
	cert, key := pair(t, now.Add(-day), now.Add(10*day))
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	serve := func(c *tls.Config) string {
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if c != nil {
			l = tls.NewListener(l, c)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { // says nothing until it is asked
					defer c.Close()
					_, _ = c.Read(make([]byte, 1))
				}()
			}
		}()
		return l.Addr().String()
	}
	plain, secure := serve(nil), serve(&tls.Config{Certificates: []tls.Certificate{own}})
	clients := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	if err != nil || !clients.AppendCertsFromPEM(bytes.TrimSpace(text)) {
		t.Fatal(err)
	}
	picky := serve(&tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients})
	for _, tc := range []struct {
		target config.SyncTarget
		code   string
		level  Level
	}{
		{config.SyncTarget{URL: "http://" + plain + "/sync"}, "target_ok", OK},
		{config.SyncTarget{URL: "handle://" + plain}, "target_ok", OK},
		{config.SyncTarget{URL: "https://" + secure + "/sync", CAFile: cert}, "target_ok", OK},
		{config.SyncTarget{URL: "epp://" + secure, CAFile: cert}, "certificate_expires", Warning},
		{config.SyncTarget{URL: "https://" + picky, CAFile: cert, CertFile: cert, KeyFile: key}, "target_ok", OK},
		{config.SyncTarget{URL: "https://" + picky, CAFile: cert}, "target_untrusted", Error},
		{config.SyncTarget{URL: "https://" + secure}, "target_untrusted", Error},
		{config.SyncTarget{URL: "https://" + secure, CAFile: key}, "target_untrusted", Error},
		{config.SyncTarget{URL: "https://" + plain, CAFile: cert, CertFile: cert, KeyFile: "/nonexistent"}, "target_untrusted", Error},
		{config.SyncTarget{URL: "https://" + free(t)}, "target_unreachable", Error},
		{config.SyncTarget{URL: "gopher://top.example"}, "target_invalid", Error},
	} {
		tc.target.Name = "top"
		expect(t, target(t.Context(), &tc.target), tc.code, tc.level)
	}
}
