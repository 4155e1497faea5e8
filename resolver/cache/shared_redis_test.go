package cache

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// pair asserts that two nodes with these options share what they ask, and what they forget.
func pair(t *testing.T, o *origin, options SharedOptions) (a, b *Shared) {
	t.Helper()
	a, b = newShared(t, o, options), newShared(t, o, options)
	works(t, a, "88.1.2/a")
	want(t, "from redis", ask(t, b, "88.1.2/a"), fmt.Sprintf("l2 found %d", o.version))
	o.set(func(o *origin) { o.version++ })
	if err := a.Forget(t.Context(), parse(t, "88.1.2/a")); err != nil {
		t.Error(err)
	}
	until(t, "the other forgets", func() bool { return strings.HasSuffix(ask(t, b, "88.1.2/a"), fmt.Sprintf("found %d", o.version)) })
	o.set(func(o *origin) { o.version++ })
	if err := b.ForgetUnder(t.Context(), identifier.Key{Scheme: identifier.Handle, Name: "88.1.2"}); err != nil {
		t.Error(err)
	}
	until(t, "the other forgets", func() bool { return strings.HasSuffix(ask(t, a, "88.1.2/a"), fmt.Sprintf("found %d", o.version)) })
	return a, b
}

// rights are what a user needs, as DESIGN.md tells.
const rights = "~idnode:1:* resetchannels &idnode:1:forget +hget +get +set +setnx +pttl +eval +evalsha +del +type +hlen +hset +pexpire" +
	" +publish +subscribe +ping"

// TestSharedACL: a user with these rights is enough; one without, or with another password, costs Redis's help alone.
func TestSharedACL(t *testing.T) {
	args := strings.Fields("--user default off --user idnode on >secret " + rights +
		" --user reader on >secret ~idnode:1:* resetchannels &idnode:1:forget +hget +get +subscribe +ping")
	r, o := newServer(t, args...), newOrigin()
	options := SharedOptions{Addrs: []string{r.addr}, Username: "idnode", Password: "secret"}
	a, _ := pair(t, o, options)
	if n := value(t, a.m, "idnode_redis_up"); n != 1 {
		t.Error("redis is not up")
	}
	options.Password = "wrong"
	wrong := runShared(t, o, options)
	for i := range 10 {
		want(t, "wrong password", ask(t, wrong, fmt.Sprintf("88.1.4/%d", i)), fmt.Sprintf("upstream found %d", o.version))
	}
	until(t, "the breaker opens", func() bool {
		ask(t, wrong, "88.1.4/x")
		wrong.near.clear()
		return value(t, wrong.m, "idnode_redis_breaker_state") > 0
	})
	works(t, a, "88.1.2/a")
	options.Username, options.Password = "reader", "secret"
	reader := newShared(t, o, options)
	want(t, "who may read", ask(t, reader, "88.1.2/a"), fmt.Sprintf("l2 found %d", o.version))
	want(t, "who may not write", ask(t, reader, "88.1.5/a"), fmt.Sprintf("upstream found %d", o.version))
	if err := reader.Forget(t.Context(), parse(t, "88.1.2/a")); err == nil {
		t.Error("forgotten by who may not write")
	}
}

// TestSharedTLS: Redis is asked over TLS, and only if it is the right one.
func TestSharedTLS(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, octets []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: octets}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, keyFile := write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8)
	roots := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	port := freePort(t)
	r := &server{t: t, addr: "127.0.0.1:" + port, dir: t.TempDir()}
	t.Cleanup(r.kill)
	r.begin("redis-server", "--port", "0", "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", keyFile, "--tls-ca-cert-file", cert,
		"--tls-auth-clients", "no", "--save", "", "--dir", r.dir)
	config := &tls.Config{RootCAs: roots}
	r.ready(&redis.Options{Addr: r.addr, TLSConfig: config})
	o := newOrigin()
	pair(t, o, SharedOptions{Addrs: []string{r.addr}, TLS: config, Budget: 20 * time.Millisecond})

	other := runShared(t, o, SharedOptions{Addrs: []string{r.addr}, TLS: &tls.Config{RootCAs: x509.NewCertPool()}})
	for i := range 5 {
		want(t, "not the right one", ask(t, other, fmt.Sprintf("88.1.4/%d", i)), fmt.Sprintf("upstream found %d", o.version))
	}
	if !other.blind.Load() {
		t.Error("a server that is not the right one was heard")
	}
}

// TestSharedCluster: the keys of an identifier are in one slot of a cluster.
func TestSharedCluster(t *testing.T) {
	r, o := newServer(t, strings.Fields("--cluster-enabled yes --user idnode on >secret +cluster|slots "+rights)...), newOrigin()
	c := r.client()
	if err := c.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "it is a cluster", func() bool { return strings.Contains(c.ClusterInfo(t.Context()).Val(), "cluster_state:ok") })
	a, _ := pair(t, o, SharedOptions{Addrs: []string{r.addr}, Cluster: true, Username: "idnode", Password: "secret"})
	if _, ok := a.far.client.(*redis.ClusterClient); !ok {
		t.Errorf("asked by a %T", a.far.client)
	}
	for _, id := range []string{"88.1.2/{a}", "88.1.2/}{", "88.1.2/{}"} {
		answers, lease := a.far.keys(parse(t, id).Key(false))
		if x, y := c.ClusterKeySlot(t.Context(), answers).Val(), c.ClusterKeySlot(t.Context(), lease).Val(); x != y {
			t.Errorf("%s: slots %d and %d", id, x, y)
		}
		works(t, a, id)
	}
	ids := make([]identifier.ID, 0, 2*messageMost)
	for i := range cap(ids) {
		ids = append(ids, parse(t, fmt.Sprintf("88.1.9/%d", i)))
	}
	if err := a.Forget(t.Context(), ids...); err != nil {
		t.Error(err)
	}
}

// TestSharedSentinel: when another server takes over, it is asked.
func TestSharedSentinel(t *testing.T) {
	primary, o := newServer(t, "--repl-diskless-sync-delay", "0"), newOrigin()
	host, port, _ := strings.Cut(primary.addr, ":")
	replica := newServer(t, "--replicaof", host+" "+port)
	sentinel := &server{t: t, addr: "127.0.0.1:" + freePort(t), dir: t.TempDir()}
	t.Cleanup(sentinel.kill)
	_, sentinelPort, _ := strings.Cut(sentinel.addr, ":")
	config := filepath.Join(sentinel.dir, "sentinel.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, "port %s\ndir %s\nsentinel monitor site %s %s 1\n"+
		"sentinel down-after-milliseconds site 500\nsentinel failover-timeout site 3000\n", sentinelPort, sentinel.dir, host, port), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel.begin("redis-server", config, "--sentinel")
	sentinel.ready(&redis.Options{Addr: sentinel.addr})
	c := redis.NewSentinelClient(&redis.Options{Addr: sentinel.addr})
	defer c.Close()
	until(t, "the replica is known", func() bool {
		all, err := c.Replicas(context.Background(), "site").Result()
		return err == nil && len(all) == 1 && all[0]["master-link-status"] == "ok"
	})
	a, b := pair(t, o, SharedOptions{Addrs: []string{sentinel.addr}, Master: "site"})
	primary.kill()
	until(t, "the replica has taken over, and both have found it", func() bool {
		addr, err := c.GetMasterAddrByName(context.Background(), "site").Result()
		for _, s := range []*Shared{a, b} {
			if got := ask(t, s, "88.1.2/a"); !strings.HasSuffix(got, fmt.Sprintf("found %d", o.version)) {
				t.Fatal(got)
			}
		}
		return err == nil && net.JoinHostPort(addr[0], addr[1]) == replica.addr && !a.blind.Load() && !b.blind.Load()
	})
	works(t, a, "88.1.2/after")
	o.set(func(o *origin) { o.version++ })
	until(t, "it forgets", func() bool { return a.Forget(t.Context(), parse(t, "88.1.2/a")) == nil })
	until(t, "the other forgets", func() bool { return strings.HasSuffix(ask(t, b, "88.1.2/a"), fmt.Sprintf("found %d", o.version)) })
}

func BenchmarkSharedNear(b *testing.B) {
	s := newShared(b, newOrigin(), SharedOptions{})
	from := identifier.Service{TCP: 2641}
	q := resolver.UpstreamQuery{ID: parse(b, "88.1.2/SN-001"), From: &from}
	s.Resolve(b.Context(), q)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Resolve(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSharedFar(b *testing.B) {
	r := newServer(b)
	s := newShared(b, newOrigin(), SharedOptions{Addrs: []string{r.addr}})
	q := resolver.UpstreamQuery{ID: parse(b, "88.1.2/SN-001")}
	s.Resolve(b.Context(), q)
	stored(b, r, 1)
	at := slotOf(q.ID, nil)
	b.ReportAllocs()
	for b.Loop() {
		s.near.forget(at.key)
		if f, err := s.Resolve(b.Context(), q); err != nil || f.Tier != resolver.TierRedis {
			b.Fatal(told(f, err))
		}
	}
}
