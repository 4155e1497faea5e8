package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/standardwebhooks"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/egress"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
	"github.com/idnode/idnode/storage/pebblestore"
)

// node is a registrar with two enterprises, a with 88.100.1 and 88.100.3, b with 88.100.2.
type node struct {
	*registry.Registrar
	t          testing.TB
	store      storage.Store
	namespaces *storage.Namespaces
	egress     *egress.Policy
	metrics    *prometheus.Registry
	op         registry.Actor
	a, b       registry.Actor // admins
}

func newNode(t testing.TB, engine storage.Store) *node {
	t.Helper()
	t.Cleanup(func() { engine.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	store := storage.Observe(engine, func(c []storage.Change) {
		if err := namespaces.Observe(context.Background(), c); err != nil {
			t.Error(err)
		}
	})
	key, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, store: store, namespaces: namespaces, metrics: prometheus.NewRegistry(),
		egress: &egress.Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/25")}},
		op:     registry.Actor{Enterprise: registry.Self, KeyID: "kop", Role: registry.RoleOperator}}
	n.Registrar, err = registry.New(registry.Options{
		Store: store, Namespaces: namespaces, Logger: slog.New(slog.DiscardHandler),
		Webhooks:     registry.WebhookRules{Seal: key, Egress: n.egress},
		NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.a, n.b = n.tenant("88.100.1", "88.100.3"), n.tenant("88.100.2")
	return n
}

func (n *node) tenant(prefixes ...string) registry.Actor {
	n.t.Helper()
	e, err := n.CreateEnterprise(n.t.Context(), registry.Enterprise{Name: "holder of " + prefixes[0]}, registry.Write{Actor: n.op})
	if err != nil {
		n.t.Fatal(err)
	}
	for _, p := range prefixes {
		if _, err := n.AllocatePrefix(n.t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: p, Enterprise: e.ID}, registry.Write{Actor: n.op}); err != nil {
			n.t.Fatal(err)
		}
	}
	return registry.Actor{Enterprise: e.ID, KeyID: "k" + prefixes[0], Role: registry.RoleAdmin}
}

// create registers an identifier.
func (n *node) create(a registry.Actor, id string) {
	n.t.Helper()
	rec := &identifier.Record{ID: id, Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte("https://secret.example/"), TTL: 1, Perms: identifier.AdminRead}}}
	if _, err := n.Create(n.t.Context(), rec, registry.Write{Actor: a}); err != nil {
		n.t.Fatal(err)
	}
}

// hook makes a webhook and returns its secret.
func (n *node) hook(a registry.Actor, f registry.WebhookForm) (*registry.Webhook, standardwebhooks.Secret) {
	n.t.Helper()
	h, text, err := n.CreateWebhook(n.t.Context(), registry.WebhookRequest{Form: f}, registry.Write{Actor: a})
	if err != nil {
		n.t.Fatal(err)
	}
	secret, err := standardwebhooks.ParseSecret(text)
	if err != nil {
		n.t.Fatal(err)
	}
	return h, secret
}

// sender returns a Sender that does not run yet.
func (n *node) sender(o Options) *Sender {
	n.t.Helper()
	o.Registrar, o.Store, o.Namespaces, o.Egress, o.Logger = n.Registrar, n.store, n.namespaces, n.egress, slog.New(slog.DiscardHandler)
	s, err := New(o)
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

// run runs s until the returned function is called.
func (n *node) run(s *Sender) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	n.t.Cleanup(stop)
	return stop
}

// received is a message as a receiver has it.
type received struct {
	ID     string
	Header http.Header
	Body   []byte
	Type   string
	Time   time.Time `json:"timestamp"`
	Data   struct {
		Items []told
	}
}

// ids are the identifiers that a message tells.
func (r *received) ids() []string {
	var out []string
	for _, it := range r.Data.Items {
		out = append(out, it.ID)
	}
	return out
}

// receiver is an HTTP server that keeps what it gets.
type receiver struct {
	*httptest.Server
	t      testing.TB
	mu     sync.Mutex
	all    []received
	answer func(w http.ResponseWriter, n int) // n counts requests from 1; nil: 204
	count  int
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{t: t}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	m := received{ID: req.Header.Get(standardwebhooks.HeaderID), Header: req.Header, Body: body}
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	if err != nil {
		r.t.Errorf("receiver got %q: %v", body, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.all = append(r.all, m)
	if r.answer != nil {
		r.answer(w, r.count)
	} else {
		w.WriteHeader(http.StatusNoContent)
	}
}

// setAnswer changes what is answered.
func (r *receiver) setAnswer(f func(w http.ResponseWriter, n int)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiver) messages() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

func status(code int) func(http.ResponseWriter, int) {
	return func(w http.ResponseWriter, _ int) { w.WriteHeader(code) }
}

// eventually waits until ok, or fails the test.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func (n *node) deliveries(h *registry.Webhook) []*registry.WebhookDelivery {
	n.t.Helper()
	all, _, err := n.WebhookDeliveries(context.Background(), h.ID, n.op, registry.Paging{Limit: 1000})
	if err != nil {
		n.t.Fatal(err)
	}
	return all
}

func (n *node) state(h *registry.Webhook) *registry.Webhook {
	n.t.Helper()
	now, err := n.Webhook(context.Background(), h.ID, n.op)
	if err != nil {
		n.t.Fatal(err)
	}
	return now
}

func openPebble(t testing.TB) storage.Store {
	t.Helper()
	s, err := pebblestore.Open(t.TempDir(), pebblestore.Options{CacheBytes: 8 << 20, MemTableBytes: 8 << 20, MinFreeBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTell goes through the life of an identifier and of what is around it: the owner is told, in
// order and signed, without private values; nobody else is.
func TestTell(t *testing.T) {
	for name, open := range map[string]func() storage.Store{"memstore": func() storage.Store { return memstore.New() }, "pebblestore": func() storage.Store { return openPebble(t) }} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, open())
			mine, theirs := newReceiver(t), newReceiver(t)
			h, secret := n.hook(n.a, registry.WebhookForm{URL: mine.URL + "/a"})
			n.hook(n.b, registry.WebhookForm{URL: theirs.URL})
			n.run(n.sender(Options{}))
			ctx := t.Context()
			w := registry.Write{Actor: n.a}
			id, _ := identifier.Parse("88.100.1/Pump")
			n.create(n.a, "88.100.1/Pump")
			n.create(n.b, "88.100.2/other")
			if _, err := n.Merge(ctx, id, registry.Patch{Values: []registry.PatchValue{{Value: identifier.Value{Index: 2, Type: "URL", Data: []byte("x")}, Fields: registry.FieldType | registry.FieldData}}}, w); err != nil {
				t.Fatal(err)
			}
			if _, err := n.Revoke(ctx, id, "scrapped", "88.100.1/next", w); err != nil {
				t.Fatal(err)
			}
			if _, err := n.Restore(ctx, id, w); err != nil {
				t.Fatal(err)
			}
			if _, err := n.PrefixAction(ctx, identifier.Key{Scheme: identifier.Handle, Name: "88.100.3"}, registry.ActionSuspend, "unpaid", "", registry.Write{Actor: n.op}); err != nil {
				t.Fatal(err)
			}
			if _, err := n.PatchEnterprise(ctx, n.a.Enterprise, []byte(`{"website":"https://a.example"}`), registry.Write{Actor: n.op}); err != nil {
				t.Fatal(err)
			}
			want := []string{"identifier.created", "identifier.updated", "identifier.revoked", "identifier.restored", "prefix.changed", "enterprise.changed"}
			eventually(t, "six messages", func() bool { return len(mine.messages()) >= len(want) && len(theirs.messages()) >= 1 })
			for i, m := range mine.messages() {
				if i >= len(want) || m.Type != want[i] || len(m.Data.Items) != 1 {
					t.Fatalf("message %d is %s", i, m.Body)
				}
				if err := secret.Verify(m.Header, m.Body, time.Now()); err != nil {
					t.Errorf("message %d: %v", i, err)
				}
				if bytes.Contains(m.Body, []byte("secret.example")) || bytes.Contains(m.Body, []byte("88.100.2")) {
					t.Errorf("message %d tells too much: %s", i, m.Body)
				}
				it := m.Data.Items[0]
				switch {
				case i < 4 && (it.ID != "88.100.1/Pump" || it.Scheme != "handle" || it.Namespace != "88.100.1" || it.Version != uint64(i+1)):
					t.Errorf("message %d: %s", i, m.Body)
				case i == 2 && (it.State != "revoked" || it.Reason != "scrapped" || it.Successor != "88.100.1/next"):
					t.Errorf("the tombstone: %s", m.Body)
				case i == 4 && (it.ID != "88.100.3" || it.State != "suspended" || it.Reason != "unpaid"):
					t.Errorf("the prefix: %s", m.Body)
				case i == 5 && (it.ID != n.a.Enterprise || it.State != "active"):
					t.Errorf("the enterprise: %s", m.Body)
				}
			}
			if got := theirs.messages(); len(got) != 1 || !slices.Equal(got[0].ids(), []string{"88.100.2/other"}) {
				t.Errorf("b was told %d messages, the first %s", len(got), got[0].Body)
			}
			eventually(t, "deliveries", func() bool { return len(n.deliveries(h)) == len(want) })
			for i, d := range n.deliveries(h) {
				if d.Result != registry.DeliveryDelivered || d.Status != 204 || d.Attempt != 1 || d.Event != want[len(want)-1-i] || d.Kind != registry.DeliveryChange {
					t.Errorf("delivery %+v", d)
				}
			}
		})
	}
}

// TestFilter has webhooks that want one event, and one namespace.
func TestFilter(t *testing.T) {
	n := newNode(t, memstore.New())
	events, place := newReceiver(t), newReceiver(t)
	n.hook(n.a, registry.WebhookForm{URL: events.URL, Events: []registry.WebhookEvent{registry.EventIdentifierRevoked}})
	limited := n.a
	limited.Prefixes = []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.3"}}
	n.hook(limited, registry.WebhookForm{URL: place.URL})
	n.run(n.sender(Options{}))
	n.create(n.a, "88.100.1/x")
	n.create(n.a, "88.100.3/y")
	id, _ := identifier.Parse("88.100.1/x")
	if _, err := n.Revoke(t.Context(), id, "r", "", registry.Write{Actor: n.a}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.PatchEnterprise(t.Context(), n.a.Enterprise, []byte(`{"website":"https://a.example"}`), registry.Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both", func() bool { return len(events.messages()) >= 1 && len(place.messages()) >= 1 })
	time.Sleep(2 * time.Second)
	if got := events.messages(); len(got) != 1 || got[0].Type != "identifier.revoked" {
		t.Errorf("of one event: %d messages, %s", len(got), got[0].Body)
	}
	if got := place.messages(); len(got) != 1 || !slices.Equal(got[0].ids(), []string{"88.100.3/y"}) {
		t.Errorf("of one namespace: %d messages, %s", len(got), got[0].Body)
	}
}

// TestImport has 5000 rows gathered in messages of at most a hundred, all of them, in order, once.
func TestImport(t *testing.T) {
	n := newNode(t, openPebble(t))
	r := newReceiver(t)
	n.hook(n.a, registry.WebhookForm{URL: r.URL})
	n.run(n.sender(Options{}))
	const rows = 5000
	i := 0
	sum, err := n.Import(t.Context(), func() (registry.Row, error) {
		if i == rows {
			return registry.Row{}, io.EOF
		}
		i++
		rec := &identifier.Record{ID: fmt.Sprintf("88.100.1/SN-%04d", i), Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte("x"), Perms: identifier.DefaultPerms}}}
		return registry.Row{Line: i, Record: rec}, nil
	}, registry.ImportOptions{Actor: n.a}, func(f registry.RowResult) error { return fmt.Errorf("%+v", f) })
	if err != nil || sum.Stored != rows {
		t.Fatalf("%+v, %v", sum, err)
	}
	count := func() (ids []string) {
		for _, m := range r.messages() {
			ids = append(ids, m.ids()...)
		}
		return ids
	}
	eventually(t, "all rows", func() bool { return len(count()) >= rows })
	ids := count()
	messages := r.messages()
	if len(ids) != rows || len(messages) > rows/MaxItems+20 {
		t.Errorf("%d rows in %d messages", len(ids), len(messages))
	}
	seen := make(map[string]bool)
	for i, m := range messages {
		if len(m.Data.Items) > MaxItems || seen[m.ID] {
			t.Errorf("message %d has %d items, id %s", i, len(m.Data.Items), m.ID)
		}
		seen[m.ID] = true
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != rows {
		t.Error("a row was told twice")
	}
}

// TestDownThenUp has a receiver that fails twice: the message comes again with its id, what follows waits
// for it, and another webhook is not delayed.
func TestDownThenUp(t *testing.T) {
	n := newNode(t, memstore.New())
	down, up := newReceiver(t), newReceiver(t)
	down.answer = func(w http.ResponseWriter, i int) {
		if i == 1 {
			w.Header().Set("Retry-After", "1") // less than we wait at least
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	h, _ := n.hook(n.a, registry.WebhookForm{URL: down.URL})
	n.hook(n.a, registry.WebhookForm{URL: up.URL})
	n.run(n.sender(Options{}))
	n.create(n.a, "88.100.1/1")
	eventually(t, "the first attempt", func() bool { return len(n.deliveries(h)) == 1 })
	d := n.deliveries(h)[0]
	if d.Result != registry.DeliveryFailed || d.Status != 503 || d.Error == "" || d.Next.Sub(d.Time) < 4*time.Second || d.Next.Sub(d.Time) > 8*time.Second {
		t.Errorf("the failed attempt: %+v", d)
	}
	time.Sleep(time.Second) // another message then
	n.create(n.a, "88.100.1/2")
	eventually(t, "the other webhook", func() bool { return len(up.messages()) == 2 })
	if got := len(down.messages()); got != 1 {
		t.Errorf("%d requests while it should wait", got)
	}
	eventually(t, "all", func() bool { return len(down.messages()) == 3 })
	got := down.messages()
	if got[0].ID != got[1].ID || !bytes.Equal(got[0].Body, got[1].Body) || got[1].ID == got[2].ID || got[2].ids()[0] != "88.100.1/2" {
		t.Errorf("ids %s, %s, %s", got[0].ID, got[1].ID, got[2].ID)
	}
	eventually(t, "three attempts", func() bool { return len(n.deliveries(h)) == 3 })
	if d := n.deliveries(h)[1]; d.Attempt != 2 || d.Result != registry.DeliveryDelivered {
		t.Errorf("the second attempt: %+v", d)
	}
}

// crashingStore refuses to store that messages were delivered, as if the process ended before.
type crashingStore struct {
	storage.Store
	mu      sync.Mutex
	crashed bool
}

func (s *crashingStore) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	s.mu.Lock()
	crashed := s.crashed
	s.mu.Unlock()
	if crashed {
		for _, w := range b.Writes() {
			if storage.TableOf(w.Key) == storage.TableDelivery {
				return 0, storage.ErrClosed
			}
		}
	}
	return s.Store.Apply(ctx, b)
}

// TestCrash ends the process between an answer and the cursor: the next one sends the same message with
// the same id, though more has been registered since, and then what is new.
func TestCrash(t *testing.T) {
	store := &crashingStore{Store: memstore.New(), crashed: true}
	n := newNode(t, store)
	r := newReceiver(t)
	n.hook(n.a, registry.WebhookForm{URL: r.URL})
	stop := n.run(n.sender(Options{}))
	for i := range 3 {
		n.create(n.a, fmt.Sprintf("88.100.1/%d", i))
	}
	eventually(t, "the first message", func() bool { return len(r.messages()) >= 1 })
	stop()
	before := r.messages()
	for i := range 150 { // most of them in the next second
		n.create(n.a, fmt.Sprintf("88.100.1/more-%d", i))
	}
	store.mu.Lock()
	store.crashed = false
	store.mu.Unlock()
	n.run(n.sender(Options{}))
	count := func() int {
		seen := make(map[string]bool)
		for _, m := range r.messages() {
			for _, id := range m.ids() {
				seen[id] = true
			}
		}
		return len(seen)
	}
	eventually(t, "everything", func() bool { return count() == 153 })
	again := r.messages()[len(before):]
	if again[0].ID != before[0].ID || !slices.Equal(again[0].ids(), before[0].ids()) {
		t.Errorf("before the crash %s %v, after it %s %v", before[0].ID, before[0].ids(), again[0].ID, again[0].ids())
	}
	// Who keeps to the ids takes each change once.
	taken, items := make(map[string]bool), 0
	for _, m := range r.messages() {
		if !taken[m.ID] {
			taken[m.ID] = true
			items += len(m.Data.Items)
		}
	}
	if items != 153 {
		t.Errorf("%d changes under different ids", items)
	}
}

// TestGone has a receiver that wants no more.
func TestGone(t *testing.T) {
	n := newNode(t, memstore.New())
	r := newReceiver(t)
	r.answer = status(http.StatusGone)
	h, _ := n.hook(n.a, registry.WebhookForm{URL: r.URL})
	n.run(n.sender(Options{}))
	n.create(n.a, "88.100.1/1")
	eventually(t, "disabled", func() bool { return n.state(h).State == registry.WebhookDisabled })
	if now := n.state(h); !strings.Contains(now.Reason, "410") {
		t.Errorf("reason %q", now.Reason)
	}
	if _, err := n.store.Get(t.Context(), storage.CursorKey(registry.WebhookCursor(h.ID))); err == nil {
		t.Error("a disabled webhook holds the change log")
	}
	if d := n.deliveries(h); len(d) != 1 || d[0].Status != 410 || !d[0].Next.IsZero() {
		t.Errorf("deliveries %+v", d)
	}
	// Enabled again it goes on where it was.
	r.setAnswer(nil)
	n.create(n.a, "88.100.1/2")
	if _, err := n.PatchWebhook(t.Context(), h.ID, []byte(`{"state":"active"}`), registry.Write{Actor: n.a}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both", func() bool {
		var ids []string
		for _, m := range r.messages()[1:] {
			ids = append(ids, m.ids()...)
		}
		return slices.Equal(ids, []string{"88.100.1/1", "88.100.1/2"})
	})
}

// TestNowhere tries to send the node where it must not go: by a redirect, by a name, over HTTP.
func TestNowhere(t *testing.T) {
	n := newNode(t, memstore.New())
	inside := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the node's inside was reached") }))
	inside.Start()
	defer inside.Close()
	r := newReceiver(t)
	r.answer = func(w http.ResponseWriter, _ int) {
		w.Header().Set("Location", inside.URL+"/metrics")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
	s := n.sender(Options{})
	h, _ := n.hook(n.a, registry.WebhookForm{URL: r.URL})
	d, err := s.Test(t.Context(), h.ID, n.a)
	if err != nil || d.Result != registry.DeliveryFailed || d.Status != 307 || !strings.Contains(d.Error, "redirects") {
		t.Errorf("a redirect: %+v, %v", d, err)
	}

	*n.egress = egress.Policy{} // nothing private from here on
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	named, _ := n.hook(n.a, registry.WebhookForm{URL: "https://localhost:" + port + "/metrics"})
	if d, err = s.Test(t.Context(), named.ID, n.a); err != nil || d.Result != registry.DeliveryFailed || !strings.Contains(d.Error, "private") {
		t.Errorf("a name of this machine: %+v, %v", d, err)
	}
	if d, err = n.sender(Options{}).Test(t.Context(), h.ID, n.a); err != nil || d.Result != registry.DeliveryFailed || !strings.Contains(d.Error, "private") {
		t.Errorf("an address that was allowed once: %+v, %v", d, err)
	}
	for _, url := range []string{inside.URL, "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "http://example.com/", "https://169.254.169.254/latest"} {
		if _, _, err := n.CreateWebhook(t.Context(), registry.WebhookRequest{Form: registry.WebhookForm{URL: url}}, registry.Write{Actor: n.a}); err == nil {
			t.Errorf("%s was taken", url)
		}
	}
}

// TestTLS: a certificate that nobody has vouched for is not taken.
func TestTLS(t *testing.T) {
	n := newNode(t, memstore.New())
	r := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") }))
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	defer r.Close()
	h, _ := n.hook(n.a, registry.WebhookForm{URL: r.URL})
	if d, err := n.sender(Options{}).Test(t.Context(), h.ID, n.a); err != nil || d.Result != registry.DeliveryFailed || !strings.Contains(d.Error, "certificate") {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestReplay sends one message again, and all since a time: with their ids.
func TestReplay(t *testing.T) {
	n := newNode(t, memstore.New())
	r := newReceiver(t)
	h, _ := n.hook(n.a, registry.WebhookForm{URL: r.URL, Events: []registry.WebhookEvent{registry.EventIdentifierCreated}})
	s := n.sender(Options{})
	n.run(s)
	begin := time.Now()
	n.create(n.a, "88.100.1/1")
	eventually(t, "the first", func() bool { return len(n.deliveries(h)) == 1 })
	n.create(n.a, "88.100.1/2")
	n.create(n.b, "88.100.2/1")
	eventually(t, "the second", func() bool { return len(n.deliveries(h)) == 2 })
	first := r.messages()

	d, err := s.Replay(t.Context(), h.ID, first[0].ID, n.a)
	if err != nil || d.Result != registry.DeliveryDelivered || d.Kind != registry.DeliveryReplay {
		t.Fatalf("replay: %+v, %v", d, err)
	}
	got := r.messages()
	if len(got) != 3 || got[2].ID != first[0].ID || !bytes.Equal(got[2].Body, first[0].Body) {
		t.Errorf("replayed %s %s", got[2].ID, got[2].Body)
	}
	for _, a := range []registry.Actor{n.b, {Enterprise: n.a.Enterprise, Role: registry.RoleWriter}} {
		if _, err := s.Replay(t.Context(), h.ID, first[0].ID, a); err == nil {
			t.Errorf("%v replays", a)
		}
	}
	if _, err := s.Replay(t.Context(), h.ID, "msg_x", n.a); err == nil {
		t.Error("an unknown message is sent")
	}

	done, err := n.RewindWebhook(t.Context(), h.ID, begin, registry.Write{Actor: n.a})
	if err != nil || done.From.IsZero() {
		t.Fatalf("rewind: %+v, %v", done, err)
	}
	eventually(t, "two more", func() bool { return len(r.messages()) == 5 })
	for i, m := range r.messages()[3:] {
		if m.ID != first[i].ID || !bytes.Equal(m.Body, first[i].Body) {
			t.Errorf("after the rewind %s %s, want %s %s", m.ID, m.Body, first[i].ID, first[i].Body)
		}
	}
}

// TestRotate has two signatures until the old secret ends.
func TestRotate(t *testing.T) {
	n := newNode(t, memstore.New())
	r := newReceiver(t)
	h, old := n.hook(n.a, registry.WebhookForm{URL: r.URL})
	s := n.sender(Options{})
	rotated, text, err := n.RotateWebhook(t.Context(), h.ID, time.Second, "", registry.Write{Actor: n.a})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := standardwebhooks.ParseSecret(text)
	if err != nil || bytes.Equal(secret, old) {
		t.Fatalf("the new secret: %v", err)
	}
	if _, _, err := n.RotateWebhook(t.Context(), h.ID, time.Hour, "", registry.Write{Actor: n.a}); err == nil {
		t.Error("a third secret")
	}
	check := func(count int, oldGood error) {
		t.Helper()
		if _, err := s.Test(t.Context(), h.ID, n.a); err != nil {
			t.Fatal(err)
		}
		m := r.messages()[len(r.messages())-1]
		if got := strings.Fields(m.Header.Get(standardwebhooks.HeaderSignature)); len(got) != count {
			t.Errorf("signatures %q", got)
		}
		if err := secret.Verify(m.Header, m.Body, time.Now()); err != nil {
			t.Errorf("by the new secret: %v", err)
		}
		if err := old.Verify(m.Header, m.Body, time.Now()); err != oldGood {
			t.Errorf("by the old secret: %v", err)
		}
	}
	check(2, nil)
	time.Sleep(time.Until(rotated.PreviousUntil) + 10*time.Millisecond)
	check(1, standardwebhooks.ErrSignature)
	item, err := n.store.Get(t.Context(), storage.WebhookKey(h.ID))
	if err != nil || bytes.Contains(item.Value, secret) || bytes.Contains(item.Value, []byte(text)) {
		t.Errorf("the secret stands in the store: %v", err)
	}
}

// TestTrimmed enables a webhook whose place the change log no longer has.
func TestTrimmed(t *testing.T) {
	n := newNode(t, openPebble(t))
	r := newReceiver(t)
	h, _ := n.hook(n.a, registry.WebhookForm{URL: r.URL})
	patch := func(state registry.WebhookState) {
		t.Helper()
		if _, err := n.PatchWebhook(t.Context(), h.ID, []byte(`{"state":"`+string(state)+`"}`), registry.Write{Actor: n.a}); err != nil {
			t.Fatal(err)
		}
	}
	patch(registry.WebhookDisabled)
	n.create(n.a, "88.100.1/lost")
	last, err := n.store.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.store.Trim(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	n.create(n.a, "88.100.1/kept")
	patch(registry.WebhookActive)
	n.run(n.sender(Options{}))
	eventually(t, "the rest", func() bool { return len(r.messages()) == 1 && len(n.deliveries(h)) == 2 })
	if got := r.messages()[0].ids(); !slices.Equal(got, []string{"88.100.1/kept"}) {
		t.Errorf("told %v", got)
	}
	if d := n.deliveries(h)[1]; d.Result != registry.DeliverySkipped || !strings.Contains(d.Error, "no longer") {
		t.Errorf("what was skipped: %+v", d)
	}
}

// TestDelete leaves nothing behind.
func TestDelete(t *testing.T) {
	n := newNode(t, memstore.New())
	r := newReceiver(t)
	h, _ := n.hook(n.a, registry.WebhookForm{URL: r.URL})
	s := n.sender(Options{})
	n.run(s)
	n.create(n.a, "88.100.1/1")
	eventually(t, "told", func() bool { return len(n.deliveries(h)) == 1 })
	if err := n.DeleteWebhook(t.Context(), h.ID, registry.Write{Actor: n.a}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "stopped", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.active) == 0 && len(s.states) == 0 })
	n.create(n.a, "88.100.1/2")
	for _, table := range []storage.Table{storage.TableWebhook, storage.TableDelivery, storage.TableCursor} {
		err := n.store.Scan(t.Context(), storage.TableRange(table), func(key []byte, _ storage.Item) error {
			t.Errorf("key %q is left", key)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
