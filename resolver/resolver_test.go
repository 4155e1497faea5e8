package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// fixture is a resolver over a store in memory, wired as the node wires it.
type fixture struct {
	t        *testing.T
	store    storage.Store
	resolver *resolver.Resolver
}

func newFixture(t *testing.T, reader func(storage.Store) storage.Reader) *fixture {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	lru, err := cache.NewLRU(cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t}
	f.store = storage.Observe(engine, func(c []storage.Change) { f.resolver.Forget(context.Background(), c) })
	r := storage.Reader(engine)
	if reader != nil {
		r = reader(engine)
	}
	f.resolver, err = resolver.New(resolver.Options{Store: r, Namespaces: namespaces, Cache: lru,
		Own:  []identifier.Key{{Scheme: identifier.Handle, Name: "88.1021"}, {Scheme: identifier.OID, Name: "1.2.156"}},
		Site: func() []byte { return []byte("own site") }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) namespace(ns identifier.Namespace) {
	f.t.Helper()
	if ns.Scheme == 0 {
		ns.Scheme = identifier.Handle
	}
	value, err := storage.EncodeNamespace(&ns)
	if err != nil {
		f.t.Fatal(err)
	}
	f.put(storage.NamespaceKey(ns.Key()), value)
}

func (f *fixture) record(id string, caseSensitive bool, r identifier.Record) {
	f.t.Helper()
	parsed, err := identifier.Parse(id)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Scheme, r.ID = parsed.Scheme(), parsed.String()
	if r.State == 0 {
		r.State = identifier.Active
	}
	f.put(storage.RecordKey(parsed.Key(caseSensitive)), identifier.AppendRecord(nil, &r))
}

func (f *fixture) put(key, value []byte) {
	f.t.Helper()
	item, err := f.store.Get(f.t.Context(), key)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		f.t.Fatal(err)
	}
	var b storage.Batch
	b.Put(key, value, item.Version)
	b.Log(storage.Change{Op: storage.OpUpdate, Key: key, Version: item.Version + 1})
	if _, err := f.store.Apply(f.t.Context(), &b); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) ask(id string, edit func(*resolver.Query)) (resolver.Query, resolver.Answer) {
	f.t.Helper()
	parsed, err := identifier.Parse(id)
	if err != nil {
		f.t.Fatal(err)
	}
	q := resolver.Query{ID: parsed}
	if edit != nil {
		edit(&q)
	}
	return q, f.resolver.Resolve(f.t.Context(), q)
}

func text(index uint32, typ, data string) identifier.Value {
	return identifier.Value{Index: index, Type: typ, Data: []byte(data), TTL: 60, Perms: identifier.DefaultPerms}
}

func TestOutcomes(t *testing.T) {
	f := newFixture(t, nil)
	hosted := identifier.Namespace{Prefix: "88.1021.150", State: identifier.NamespaceActive, Mode: identifier.Hosted}
	f.namespace(hosted)
	f.namespace(identifier.Namespace{Prefix: "88.1021.7", State: identifier.NamespaceSuspended, Mode: identifier.Hosted, Reason: "unpaid"})
	service := &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), TCP: 2641, UDP: 2641}
	f.namespace(identifier.Namespace{Prefix: "88.1021.9", State: identifier.NamespaceActive, Mode: identifier.Delegated, Service: service})
	f.namespace(identifier.Namespace{Scheme: identifier.OID, Prefix: "1.2.156.10001", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	f.namespace(identifier.Namespace{Prefix: "88.1021.200", State: identifier.NamespaceActive, Mode: identifier.Hosted, CaseSensitive: true})

	secret := text(3, "SECRET", "s")
	secret.Perms = identifier.AdminRead
	f.record("88.1021.150/SN-001", false, identifier.Record{Values: []identifier.Value{text(1, "URL", "https://a"), text(2, "EMAIL", "b"), secret}})
	f.record("88.1021.150/private", false, identifier.Record{Values: []identifier.Value{secret}})
	f.record("88.1021.150/gone", false, identifier.Record{State: identifier.Revoked, Reason: "scrapped", Successor: "88.1021.150/SN-001"})
	f.record("1.2.156.10001.5", false, identifier.Record{Values: []identifier.Value{text(1, "URL", "https://oid")}})
	f.record("88.1021.200/AbC", true, identifier.Record{Values: []identifier.Value{text(1, "URL", "https://case")}})

	tests := []struct {
		name   string
		id     string
		edit   func(*resolver.Query)
		status resolver.Status
		values string // types of the values, in order
	}{
		{"all public values", "88.1021.150/SN-001", nil, resolver.Found, "URL EMAIL "},
		{"another case", "88.1021.150/sn-001", nil, resolver.Found, "URL EMAIL "},
		{"by type", "88.1021.150/SN-001", func(q *resolver.Query) { q.Types = []string{"url"} }, resolver.Found, "URL "},
		{"by index", "88.1021.150/SN-001", func(q *resolver.Query) { q.Indexes = []uint32{2} }, resolver.Found, "EMAIL "},
		{"type and index are a union", "88.1021.150/SN-001", func(q *resolver.Query) { q.Types, q.Indexes = []string{"URL"}, []uint32{2} }, resolver.Found, "URL EMAIL "},
		{"private, asked by its type", "88.1021.150/SN-001", func(q *resolver.Query) { q.Types = []string{"SECRET"} }, resolver.NoValues, ""},
		{"private, with the right to read", "88.1021.150/SN-001", func(q *resolver.Query) { q.Types, q.Private = []string{"SECRET"}, true }, resolver.Found, "SECRET "},
		{"nothing but private values", "88.1021.150/private", nil, resolver.NoValues, ""},
		{"no such type", "88.1021.150/SN-001", func(q *resolver.Query) { q.Types = []string{"X"} }, resolver.NoValues, ""},
		{"unknown identifier", "88.1021.150/none", nil, resolver.NotFound, ""},
		{"unallocated prefix of ours", "88.1021.999/x", nil, resolver.NotFound, ""},
		{"tombstone", "88.1021.150/gone", nil, resolver.Revoked, ""},
		{"suspended", "88.1021.7/x", nil, resolver.Suspended, ""},
		{"prefix record of a suspended namespace", "88.1021.7", nil, resolver.Suspended, ""},
		{"delegated", "88.1021.9/x", nil, resolver.Referral, ""},
		{"prefix record of a delegated namespace", "0.NA/88.1021.9", nil, resolver.Found, "HS_SITE HS_ADMIN "},
		{"prefix record of a hosted namespace", "88.1021.150", nil, resolver.Found, "HS_SITE HS_ADMIN "},
		{"prefix record of the node itself", "88.1021", nil, resolver.Found, "HS_SITE HS_ADMIN "},
		{"prefix record of an unallocated prefix", "88.1021.999", nil, resolver.NotFound, ""},
		{"prefix record of a foreign prefix", "99.1", nil, resolver.NotResponsible, ""},
		{"foreign prefix", "99.1234/abc", nil, resolver.NotResponsible, ""},
		{"a prefix that only begins like ours", "88.10210/abc", nil, resolver.NotResponsible, ""},
		{"oid", "urn:oid:1.2.156.10001.5", nil, resolver.Found, "URL "},
		{"unknown oid", "1.2.156.10001.5.1", nil, resolver.NotFound, ""},
		{"oid outside every namespace of ours", "1.3.6", nil, resolver.NotResponsible, ""},
		{"case-sensitive, right", "88.1021.200/AbC", nil, resolver.Found, "URL "},
		{"case-sensitive, prefix folds all the same", "88.1021.200/abc", nil, resolver.NotFound, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, pass := range []string{"first", "again"} { // the second from the cache
				q, a := f.ask(tt.id, tt.edit)
				var got string
				a.Values(&q, func(v *identifier.Value) bool { got += v.Type + " "; return true })
				if a.Status != tt.status || got != tt.values {
					t.Errorf("%s: got %v with %q, want %v with %q", pass, a.Status, got, tt.status, tt.values)
				}
			}
		})
	}
	if _, a := f.ask("88.1021.150/gone", nil); a.Reason != "scrapped" || a.Record.Successor != "88.1021.150/SN-001" {
		t.Errorf("tombstone: got reason %q, successor %q", a.Reason, a.Record.Successor)
	}
	if _, a := f.ask("88.1021.9/x", nil); a.Service == nil || *a.Service != *service {
		t.Errorf("referral: got %+v, want %+v", a.Service, service)
	}
	if a := f.resolver.Resolve(t.Context(), resolver.Query{}); a.Status != resolver.Invalid {
		t.Errorf("zero ID: got %v, want invalid", a.Status)
	}
}

// TestPrefixRecord checks what is computed, and that a stored record of a prefix wins.
func TestPrefixRecord(t *testing.T) {
	f := newFixture(t, nil)
	f.namespace(identifier.Namespace{Prefix: "88.1021.9", State: identifier.NamespaceActive, Mode: identifier.Delegated,
		Service: &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), TCP: 2641, UDP: 2642}})
	_, a := f.ask("88.1021.9", nil)
	if n := len(a.Record.Values); n != 2 || a.Record.Values[0].Index != 1 || a.Record.Values[1].Index != 100 {
		t.Fatalf("got %d values %+v, want HS_SITE at 1 and HS_ADMIN at 100", n, a.Record.Values)
	}
	site, err := handle.ParseSite(a.Record.Values[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	first := site.Servers[0].Interfaces[0]
	if site.Servers[0].Addr != netip.MustParseAddr("192.0.2.7") || first.Protocol != handle.TransportTCP || first.Port != 2641 {
		t.Errorf("got server %+v, want 192.0.2.7 with TCP 2641 first", site.Servers[0])
	}
	f.record("0.NA/88.1021.9", false, identifier.Record{Values: []identifier.Value{text(2, "DESC", "stored")}})
	if _, a = f.ask("88.1021.9", nil); len(a.Record.Values) != 1 || string(a.Record.Values[0].Data) != "stored" {
		t.Errorf("got %+v, want the stored record", a.Record)
	}
}

// TestReadYourWrites has readers hammer one identifier while it is written: a query that starts
// after a write was acknowledged never sees an older version, from whichever tier.
func TestReadYourWrites(t *testing.T) {
	f := newFixture(t, nil)
	f.namespace(identifier.Namespace{Prefix: "88.1021.150", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	const id = "88.1021.150/hot"
	f.record(id, false, identifier.Record{Values: []identifier.Value{text(1, "N", "0")}})
	var acknowledged atomic.Int64
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				want := acknowledged.Load()
				q, a := f.ask(id, nil)
				var got int64 = -1
				a.Values(&q, func(v *identifier.Value) bool { fmt.Sscan(string(v.Data), &got); return true })
				if got < want {
					t.Errorf("read %d after %d was acknowledged (tier %v)", got, want, a.Tier)
					return
				}
			}
		})
	}
	for i := int64(1); i <= 3000; i++ {
		f.record(id, false, identifier.Record{Values: []identifier.Value{text(1, "N", fmt.Sprint(i))}})
		acknowledged.Store(i)
	}
	close(done)
	readers.Wait()
}

// gateReader lets a test hold a read of the store open, but for those of prefix records.
type gateReader struct {
	storage.Reader
	entered chan struct{}
	proceed chan struct{}
	reads   atomic.Int32
}

func (g *gateReader) Get(ctx context.Context, key []byte) (storage.Item, error) {
	if k, ok := storage.ParseRecordKey(key); !ok || strings.HasPrefix(k.Name, "0.na/") {
		return g.Reader.Get(ctx, key)
	}
	g.reads.Add(1)
	item, err := g.Reader.Get(ctx, key)
	g.entered <- struct{}{}
	<-g.proceed
	return item, err
}

// TestSlowReadDoesNotOverwriteNews: a read that began before a write and ends after it must not
// leave its old answer in the cache, nor be joined by queries that start after the write.
func TestSlowReadDoesNotOverwriteNews(t *testing.T) {
	g := &gateReader{entered: make(chan struct{}), proceed: make(chan struct{})}
	f := newFixture(t, func(s storage.Store) storage.Reader { g.Reader = s; return g })
	f.namespace(identifier.Namespace{Prefix: "88.1021.150", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	const id = "88.1021.150/x"
	old := make(chan resolver.Answer)
	go func() {
		_, a := f.ask(id, nil)
		old <- a
	}()
	<-g.entered // it has read "nothing"
	f.record(id, false, identifier.Record{Values: []identifier.Value{text(1, "URL", "new")}})
	fresh := make(chan resolver.Answer)
	go func() {
		_, a := f.ask(id, nil)
		fresh <- a
	}()
	<-g.entered // a read of its own
	g.proceed <- struct{}{}
	g.proceed <- struct{}{}
	if a := <-old; a.Status != resolver.NotFound && a.Status != resolver.Found {
		t.Errorf("slow read: got %v", a.Status)
	}
	if a := <-fresh; a.Status != resolver.Found {
		t.Errorf("query after the write: got %v, want found", a.Status)
	}
	go func() { // the cache holds the new answer or nothing
		select {
		case <-g.entered:
			g.proceed <- struct{}{}
		case <-t.Context().Done():
		}
	}()
	if _, a := f.ask(id, nil); a.Status != resolver.Found {
		t.Errorf("afterwards: got %v, want found", a.Status)
	}
}

// TestAskerGoesAway: the end of one asker's context does not fail those who wait for the same read.
func TestAskerGoesAway(t *testing.T) {
	g := &gateReader{entered: make(chan struct{}), proceed: make(chan struct{})}
	f := newFixture(t, func(s storage.Store) storage.Reader { g.Reader = s; return g })
	f.namespace(identifier.Namespace{Prefix: "88.1021.150", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	f.record("88.1021.150/x", false, identifier.Record{Values: []identifier.Value{text(1, "URL", "u")}})
	id, err := identifier.Parse("88.1021.150/x")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan resolver.Answer, 1), make(chan resolver.Answer, 1)
	go func() { first <- f.resolver.Resolve(ctx, resolver.Query{ID: id}) }()
	<-g.entered
	go func() { second <- f.resolver.Resolve(t.Context(), resolver.Query{ID: id}) }()
	time.Sleep(10 * time.Millisecond) // let it join; if it does not, it reads for itself below
	cancel()
	if a := <-first; a.Status != resolver.Overloaded {
		t.Errorf("cancelled asker: got %v, want overloaded", a.Status)
	}
	go func() {
		for {
			select {
			case <-g.entered:
			case <-t.Context().Done():
				return
			}
		}
	}()
	close(g.proceed)
	if a := <-second; a.Status != resolver.Found {
		t.Errorf("waiting asker: got %v, want found", a.Status)
	}
	if n := g.reads.Load(); n != 1 {
		t.Errorf("the store was read %d times, want once for both", n)
	}
}

type brokenReader struct{ storage.Reader }

func (b brokenReader) Get(ctx context.Context, key []byte) (storage.Item, error) {
	if storage.TableOf(key) == storage.TableRecord {
		return storage.Item{}, storage.ErrUnavailable
	}
	return b.Reader.Get(ctx, key)
}

// TestFailureIsNotAbsence: that the store cannot be read is neither "not found" nor remembered.
func TestFailureIsNotAbsence(t *testing.T) {
	f := newFixture(t, func(s storage.Store) storage.Reader { return brokenReader{s} })
	f.namespace(identifier.Namespace{Prefix: "88.1021.150", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	for range 2 {
		_, a := f.ask("88.1021.150/x", nil)
		if a.Status != resolver.Failed || !errors.Is(a.Err, storage.ErrUnavailable) || a.Tier == resolver.TierLRU {
			t.Errorf("got %v from %v with %v, want failed", a.Status, a.Tier, a.Err)
		}
	}
}

// TestFollow: a change made behind this node's back reaches its cache through the change log.
func TestFollow(t *testing.T) {
	var engine storage.Store
	f := newFixture(t, func(s storage.Store) storage.Reader { engine = s; return s })
	f.namespace(identifier.Namespace{Prefix: "88.1021.150", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- f.resolver.Follow(ctx, engine) }()
	f.store = engine // writes from here on are not observed
	deadline := time.Now().Add(10 * time.Second)
	for i := 0; ; i++ {
		id := fmt.Sprintf("88.1021.150/%d", i)
		f.ask(id, nil) // remember that there is none
		f.record(id, false, identifier.Record{Values: []identifier.Value{text(1, "URL", "u")}})
		time.Sleep(20 * time.Millisecond)
		if _, a := f.ask(id, nil); a.Status == resolver.Found {
			break // the follower had started at the end of the log before this one
		}
		if time.Now().After(deadline) {
			t.Fatal("changes do not reach the cache")
		}
	}
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow returned %v", err)
	}
}
