package topsync_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/pebblestore"
)

// inBubble runs test with a node whose sync runs, in virtual time.
func inBubble(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 7)
		w.enterprise(true)
		w.prefix(w.ents[0])
		w.start()
		time.Sleep(time.Minute)
		test(w)
		w.stop(false)
		for _, fault := range w.top.faults {
			t.Errorf("the receiver complains: %s", fault)
		}
		w.engine.Close()
	})
}

// TestThings: a thing that cannot be reported as it is waits until it can; then it is added, changed and deleted, each
// once, at the time of its table.
func TestThings(t *testing.T) {
	inBubble(t, func(w *world) {
		write := registry.Write{Actor: w.op}
		ops := func(table, key string) string {
			var all []string
			for _, r := range w.top.of(table) {
				if r.Key == key {
					all = append(all, string(r.Op))
				}
			}
			return strings.Join(all, " ")
		}
		expect := func(when, table, key, want string) {
			w.t.Helper()
			if got := ops(table, key); got != want {
				w.t.Errorf("%s: %s of %s: %q, want %q", when, table, key, got, want)
			}
		}
		half := w.enterprise(false)
		whole := w.enterprise(true)
		time.Sleep(time.Minute)
		expect("within the hour", "T6", whole, "")
		time.Sleep(time.Hour)
		expect("an hour later", "T6", whole, "add")
		expect("an hour later", "T6", half, "")
		st, err := w.sync.Status(w.ctx, topsync.StatusQuery{Table: "T6"}, w.op)
		w.must(err)
		if len(st.Things) != 1 || st.Things[0].Key != half || !strings.Contains(fmt.Sprint(st.Things[0].Faults), "/data/contactName") {
			w.t.Errorf("what cannot be reported: %+v", st.Things)
		}
		_, err = w.reg.PatchEnterprise(w.ctx, whole, []byte(`{"address":"New Road 2"}`), write)
		w.must(err)
		_, err = w.reg.PatchEnterprise(w.ctx, whole, []byte(`{"address":"New Road 3"}`), write)
		w.must(err)
		time.Sleep(time.Hour)
		expect("after two changes", "T6", whole, "add change")
		_, err = w.reg.PatchEnterprise(w.ctx, whole, []byte(`{"address":"New Road 4"}`), write)
		w.must(err)
		_, err = w.reg.PatchEnterprise(w.ctx, whole, []byte(`{"address":"New Road 3"}`), write)
		w.must(err)
		time.Sleep(time.Hour)
		expect("after a change and back", "T6", whole, "add change")
		_, err = w.reg.Transition(w.ctx, whole, registry.ActionWithdraw, "gone", write)
		w.must(err)
		k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
		_, err = w.reg.PrefixAction(w.ctx, k, registry.ActionSuspend, "x", "", write)
		w.must(err)
		time.Sleep(time.Hour)
		expect("withdrawn", "T6", whole, "add change delete")
		expect("suspended", "T7", "88.100.1", "add delete")

		// Templates in real time; the node's own at the end of the day.
		w.template("88.100.1", "second")
		handle := (&registry.Template{Prefix: "88.100.1", Name: "second"}).Handle()
		time.Sleep(5 * time.Second)
		expect("at once", "T11", handle, "add")
		_, err = w.reg.TemplateAction(w.ctx, k, "second", registry.ActionWithdraw, "", write)
		w.must(err)
		time.Sleep(5 * time.Second)
		expect("at once", "T11", handle, "add delete")
		own := &registry.Template{Prefix: "88.100.000000", Name: "pump"}
		_, err = w.reg.AllocatePrefix(w.ctx, registry.PrefixRequest{Scheme: identifier.Handle, Prefix: own.Prefix, Enterprise: registry.Self}, write)
		w.must(err)
		w.template(own.Prefix, own.Name)
		time.Sleep(time.Hour)
		expect("within the day", "T4", own.Handle(), "")
		time.Sleep(25 * time.Hour)
		expect("after the day", "T4", own.Handle(), "add")
		if ops("T7", own.Prefix) != "" {
			w.t.Error("the node's own prefix is reported as an enterprise's")
		}

		// T1, once the node's form is whole. Real time.
		scan, err := w.reg.AddFile(w.ctx, registry.FileUpload{Name: "x.pdf", Data: []byte("%PDF-%%EOF")}, write)
		w.must(err)
		form := fmt.Sprintf(`{"name":"运营","nature":"2","creditCode":"91350100M000100Y43","certificate":{"type":"credit_code","scan":%[1]q},"region":"320102","address":"Road 1","industry":"I6431",
			"contact":{"name":"Li","phone":"025-1234567","email":"l@example.com","idType":"1","idNumber":"11010519491231002X"},
			"legal":{"name":"Wang","idType":"1","idNumber":"11010519491231002X","idFront":%[1]q},
			"systems":[{"kind":"registration","deployMode":"own","region":"320102","address":"Road 1","endpoints":["192.0.2.1:8080"]},{"kind":"registration_data","deployMode":"own","region":"320102","address":"Road 1"},
			{"kind":"data_backup","deployMode":"cloud","cloud":"a cloud"},{"kind":"resolution","deployMode":"own","region":"320102","address":"Road 1"}],
			"build":{"by":"self"},"operate":{"by":"commissioned","name":"y","contract":%[1]q},"licences":[{"number":"A1","type":"4"}],"serves":["C34"],
			"realNameCheck":{"mode":"self","personSource":[%[1]q],"organisationSource":[%[1]q]}}`, scan.ID)
		_, err = w.reg.PatchEnterprise(w.ctx, registry.Self, []byte(form), write)
		w.must(err)
		time.Sleep(5 * time.Second)
		expect("at once", "T1", registry.Self, "add")
		var data map[string]any
		w.must(json.Unmarshal(w.top.state("T1")[registry.Self].Data, &data))
		if file, _ := data["certificateScan"].(map[string]any); file["data"] != base64.StdEncoding.EncodeToString([]byte("%PDF-%%EOF")) || file["mediaType"] != "application/pdf" {
			w.t.Errorf("the scan in T1: %v", data["certificateScan"])
		}
		delete(data["operate"].(map[string]any), "contract")
		want := map[string]any{"nature": "2", "certificateType": "1", "certificateNumber": "91350100M000100Y43", "province": "320000", "city": "320100", "county": "320102", "industrySection": "I",
			"operate": map[string]any{"by": "2", "name": "y"}, "licences": []any{map[string]any{"number": "A1", "type": "4"}}, "serves": []any{"C34"},
			"dataBackup": map[string]any{"deployMode": "2", "cloud": "a cloud"}, "legalIdNumber": "11010519491231002X"}
		for name, v := range want {
			if diff := cmp.Diff(v, data[name]); diff != "" {
				w.t.Errorf("T1 %s: %s", name, diff)
			}
		}
	})
}

// TestItems: the items of the registry's report are those of the dictionary, in its order.
func TestItems(t *testing.T) {
	inBubble(t, func(w *world) {
		for _, table := range []string{"T1", "T6"} {
			id := registry.Self
			if table == "T6" {
				id = w.ents[0]
			}
			r, err := w.reg.Report(w.ctx, registry.ReportQuery{Table: table, Enterprise: id}, w.op)
			w.must(err)
			var numbered []topreport.Field
			for _, f := range topreport.Find(table).Fields {
				if f.Number > 0 {
					numbered = append(numbered, f)
				}
			}
			for i, item := range r.Rows[0].Items {
				if f := numbered[i]; f.Number != item.Number || f.Title.ZH != item.Name.ZH || f.Title.EN != item.Name.EN {
					w.t.Errorf("%s: item %d is %s, in the dictionary %s", table, item.Number, item.Name.EN, f.Title.EN)
				}
			}
		}
	})
}

// TestRefused: what a target refuses is told, and holds nothing up; the metrics tell what waits.
func TestRefused(t *testing.T) {
	inBubble(t, func(w *world) {
		w.top.mu.Lock()
		w.top.refuse = func(r *topreport.Row) string {
			if r.Table == "T11" && r.Seq == 2 {
				return "we do not like it"
			}
			return ""
		}
		w.top.mu.Unlock()
		for i := range 3 {
			w.template("88.100.1", fmt.Sprintf("t%d", i))
		}
		time.Sleep(5 * time.Second)
		st, err := w.sync.Status(w.ctx, topsync.StatusQuery{Target: "top", Table: "T11"}, w.op)
		w.must(err)
		table := st.Targets[0].Tables[0]
		if table.Acknowledged != 4 || table.Refused != 1 || len(st.Refused) != 1 || st.Refused[0].Detail != "we do not like it" || st.Refused[0].Seq != 2 || len(w.top.of("T11")) != 3 {
			w.t.Errorf("after a refusal: %+v, %+v", table, st.Refused)
		}

		// Down: rows wait, and are counted; paused they wait though it is up again.
		w.top.set(0, true)
		w.template("88.100.1", "later")
		time.Sleep(10 * time.Minute)
		st, err = w.sync.Status(w.ctx, topsync.StatusQuery{Table: "T11"}, w.op)
		w.must(err)
		table = st.Targets[0].Tables[0]
		if table.State != "failing" || table.LagRows != 1 || table.LagSeconds < 500 || table.Failing == nil || table.Failing.Attempts < 3 || table.Failing.Error != "connection refused" {
			w.t.Errorf("while the target is down: %+v, %+v", table, table.Failing)
		}
		_, err = w.sync.Do(w.ctx, topsync.Order{Action: topsync.Pause, Table: "T11"}, w.op)
		w.must(err)
		w.top.set(0, false)
		time.Sleep(time.Hour)
		if len(w.top.of("T11")) != 3 {
			w.t.Error("a paused table was sent")
		}
		_, err = w.sync.Do(w.ctx, topsync.Order{Action: topsync.Resume}, w.op)
		w.must(err)
		time.Sleep(time.Second)
		if len(w.top.of("T11")) != 4 {
			w.t.Error("a resumed table was not sent at once")
		}
		calls := w.top.calls
		_, err = w.sync.Do(w.ctx, topsync.Order{Action: topsync.Replay, Table: "T11", From: 3}, w.op)
		w.must(err)
		time.Sleep(time.Second)
		if len(w.top.of("T11")) != 4 || w.top.calls <= calls {
			w.t.Errorf("a replay gave %d rows and %d calls", len(w.top.of("T11")), w.top.calls-calls)
		}
	})
}

// TestMonth: running hours, stops, emergencies and means of a month, as data and as a page.
func TestMonth(t *testing.T) {
	inBubble(t, func(w *world) {
		w.sync.Registered(time.Now(), 3*time.Millisecond)
		w.sync.Registered(time.Now(), 6*time.Millisecond)
		w.prefix(w.ents[0])
		time.Sleep(24 * time.Hour)
		w.stop(false)
		time.Sleep(2 * time.Hour)
		w.start()
		time.Sleep(24 * time.Hour)
		w.stop(true) // killed
		time.Sleep(3 * time.Hour)
		w.start()
		time.Sleep(time.Minute)
		number, err := w.sync.Abnormal(w.ctx, time.Now(), topsync.CategoryAttack, "<script>")
		w.must(err)
		time.Sleep(time.Minute)
		w.must(w.sync.Normal(w.ctx, number, time.Now(), "a flood", "filtered"))
		if err := w.sync.Normal(w.ctx, number, time.Now(), "", ""); err == nil {
			w.t.Error("an event was over twice")
		}
		if err := w.sync.Normal(w.ctx, "nothing", time.Now(), "", ""); err == nil {
			w.t.Error("an event was over that never was")
		}
		time.Sleep(time.Until(time.Date(2000, 2, 1, 0, 1, 0, 0, topsync.China)))
		r, err := w.sync.Monthly(w.ctx, "2000-01", w.op)
		w.must(err)
		total := time.Date(2000, 2, 1, 0, 0, 0, 0, topsync.China).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
		if want := (total - 5*time.Hour).Hours(); r.Hours < want-0.1 || r.Hours > want+0.1 {
			w.t.Errorf("ran for %v hours, want %v", r.Hours, want)
		}
		if want := 100 * (total - 5*time.Hour).Hours() / (total - 2*time.Hour).Hours(); r.Availability < want-0.02 || r.Availability > want+0.02 {
			w.t.Errorf("availability %v, want %v", r.Availability, want)
		}
		if len(r.Stops) != 1 || r.Stops[0].To.Sub(r.Stops[0].From).Round(time.Minute) != 2*time.Hour || len(r.Emergencies) != 2 || r.RegisterMean == nil || *r.RegisterMean != 4.5 || !r.Complete || r.EffectiveHours == nil {
			w.t.Errorf("report: %+v", r)
		}
		for language, title := range map[string]string{"zh": "二级节点运行月报", "en": "Monthly report"} {
			var page bytes.Buffer
			w.must(r.WriteHTML(&page, language, nil))
			if text := page.String(); !strings.Contains(text, title) || !strings.Contains(text, "filtered") || strings.Contains(text, "<script") || strings.Contains(text, "http") {
				w.t.Errorf("page: %s", text)
			}
		}
		rows := w.top.of("R1")
		if len(rows) != 1 || rows[0].Key != "2000-01" {
			w.t.Errorf("R1: %+v", rows)
		}
		events := w.top.of("M2")
		seen := make(map[string]bool)
		for _, e := range events {
			if seen[e.Key] {
				w.t.Errorf("two reports of events have the number %s", e.Key)
			}
			seen[e.Key] = true
		}
		if len(events) != 4 {
			w.t.Errorf("M2 has %d rows", len(events))
		}
		if now, err := w.sync.Monthly(w.ctx, "", w.op); err != nil || now.Complete || now.Month != "2000-02" || len(now.Before) != 1 {
			w.t.Errorf("the present month: %+v, %v", now, err)
		}
	})
}

// TestForget: a sync that was switched off keeps nothing of the change log, and begins again with what there is.
func TestForget(t *testing.T) {
	inBubble(t, func(w *world) {
		w.create()
		time.Sleep(26 * time.Hour)
		before := len(w.top.of("T9"))
		w.stop(false)
		w.must(topsync.Forget(w.ctx, w.engine))
		if _, err := w.engine.Get(w.ctx, storage.CursorKey(topsync.Follower)); err == nil {
			w.t.Error("the change log is held back")
		}
		w.must(topsync.Forget(w.ctx, w.engine))
		w.start()
		w.create()
		w.stop(false)
		w.start()
		time.Sleep(50 * time.Hour)
		rows := w.top.of("T9")
		if before != 1 || len(rows) != 3 {
			w.t.Errorf("T9 has %d rows, then %d", before, len(rows))
		}
		for i, r := range rows {
			if r.Seq != uint64(i+1) {
				w.t.Errorf("row %d stands at place %d", r.Seq, i+1)
			}
		}
		if n := len(w.top.of("T7")); n != 1 {
			w.t.Errorf("the prefix was reported %d times", n)
		}
	})
}

// TestLoadWhileWriting: identifiers that are registered while the sync begins are reported once.
func TestLoadWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.enterprise(true)
		w.prefix(w.ents[0])
		w.start() // so that there is somebody to register with
		w.stop(false)
		for range 300 {
			w.create()
		}
		w.forgetSync()
		var work sync.WaitGroup
		work.Go(func() {
			for i := range 300 {
				rec := &identifier.Record{ID: fmt.Sprintf("88.100.1/x-%d", i), Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte("https://x.example/"), Perms: identifier.DefaultPerms}}}
				if _, err := w.reg.Create(w.ctx, rec, registry.Write{Actor: w.op}); err != nil {
					t.Error(err)
				}
				if i%20 == 0 {
					runtime.Gosched()
				}
			}
		})
		w.start()
		work.Wait()
		time.Sleep(26 * time.Hour)
		w.stop(false)
		seen := make(map[string]int)
		for _, r := range w.top.of("T9") {
			seen[r.Key]++
		}
		for key, n := range seen {
			if n != 1 {
				t.Errorf("%s is reported %d times", key, n)
			}
		}
		if len(seen) != 600 {
			t.Errorf("%d identifiers are reported, want 600", len(seen))
		}
		for _, r := range w.top.of("T8") {
			var data struct{ Total int }
			if err := json.Unmarshal(r.Data, &data); err != nil || data.Total != 600 {
				t.Errorf("T8: %s", r.Data)
			}
		}
		w.engine.Close()
	})
}

// adder is a target that adds up what T8 tells of sources.
type adder struct {
	mu     sync.Mutex
	rows   int
	counts map[netip.Addr]uint64
	last   map[string]any
}

func (a *adder) Push(_ context.Context, b topsync.Batch) (topsync.Receipt, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range b.Rows {
		var data struct {
			Sources []struct {
				IP    netip.Addr
				Count uint64
			}
		}
		if err := json.Unmarshal(r.Data, &data); err != nil {
			return topsync.Receipt{}, err
		}
		for _, s := range data.Sources {
			a.counts[s.IP] += s.Count
		}
		a.last = map[string]any{}
		if err := json.Unmarshal(r.Data, &a.last); err != nil {
			return topsync.Receipt{}, err
		}
		a.rows++
	}
	return topsync.Receipt{Acknowledged: b.Rows[len(b.Rows)-1].Seq}, nil
}

// countSources has n addresses ask for something under a prefix, each once and one in a hundred twice more, ends the day,
// and returns what the target was told, and by how much the memory in use had grown at most.
func countSources(t *testing.T, n, exact int) (*adder, uint64) {
	t.Helper()
	engine, err := pebblestore.Open(t.TempDir(), pebblestore.Options{CacheBytes: 64 << 20, MemTableBytes: 16 << 20, MinFreeBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	ctx := t.Context()
	spaces, err := storage.LoadNamespaces(ctx, engine)
	if err != nil {
		t.Fatal(err)
	}
	node := identifier.Key{Scheme: identifier.Handle, Name: "88.100"}
	observed := storage.Observe(engine, func(c []storage.Change) { _ = spaces.Observe(context.Background(), c) })
	reg, err := registry.New(registry.Options{Store: observed, Namespaces: spaces, NodePrefixes: []identifier.Key{node}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	op := registry.Write{Actor: registry.Actor{Enterprise: registry.Self, Role: registry.RoleOperator}}
	e, err := reg.CreateEnterprise(ctx, registry.Enterprise{Name: "a"}, op)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := reg.AllocatePrefix(ctx, registry.PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.1", Enterprise: e.ID}, op)
	if err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	target := &adder{counts: make(map[netip.Addr]uint64)}
	metrics := prometheus.NewRegistry()
	s, err := topsync.New(topsync.Options{Store: engine, Registrar: reg, CountsRequests: true, ExactSources: exact, Clock: clock, Logger: slog.New(slog.DiscardHandler), Registerer: metrics,
		Targets: []topsync.TargetOptions{{Name: "top", Target: target, Tables: []string{"T8"}}}})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { s.Run(running) })
	defer func() { stop(); work.Wait() }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		st, err := s.Status(ctx, topsync.StatusQuery{}, op.Actor)
		if err != nil {
			t.Fatal(err)
		}
		if st.Day != "" && !st.Loading {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the sync does not begin")
		}
	}

	var most, base uint64
	memory := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	base = memory()
	id, err := identifier.Parse("88.100.1/x")
	if err != nil {
		t.Fatal(err)
	}
	requests := s.Requests()
	for i := range n {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 10<<24|uint32(i))
		q := topsync.Question{Time: clock(), Client: netip.AddrFrom4(ip), ID: id, Namespace: ns, Success: true}
		requests.Count(&q)
		if i%100 == 0 {
			requests.Count(&q)
			requests.Count(&q)
		}
		if requests.Waiting() >= 50_000 {
			if err := requests.Flush(ctx, []byte("x"), time.Time{}); err != nil {
				t.Fatal(err)
			}
			most = max(most, memory())
		}
	}
	ahead.Store(int64(25 * time.Hour))
	if err := requests.Flush(ctx, []byte("x"), clock()); err != nil {
		t.Fatal(err)
	}
	want := (min(n, exact) + topsync.DefaultSourcesPerRow - 1) / topsync.DefaultSourcesPerRow
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		most = max(most, memory())
		target.mu.Lock()
		rows := target.rows
		target.mu.Unlock()
		if rows >= want {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d rows arrived", rows, want)
		}
	}
	if problems, err := testutil.GatherAndLint(metrics); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
	return target, most - min(most, base)
}

// TestMillionSources: the requests of a million addresses (IDNODE_LONG; else of some) are counted exactly, in bounded memory.
func TestMillionSources(t *testing.T) {
	n := 200_000
	if long {
		n = 1_000_000
	}
	target, grown := countSources(t, n, topsync.DefaultExactSources)
	if target.last["sourcesExact"] != true || len(target.counts) != n {
		t.Errorf("%d addresses arrived, exact: %v", len(target.counts), target.last["sourcesExact"])
	}
	wrong := 0
	for ip, got := range target.counts {
		four := ip.As4()
		want := uint64(1)
		if (binary.BigEndian.Uint32(four[:])-10<<24)%100 == 0 {
			want = 3
		}
		if got != want {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d counts are wrong", wrong)
	}
	// What the target keeps here is some 60 octets an address; the sync has a batch in memory.
	if limit := uint64(120<<20 + 100*n); grown > limit {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	t.Logf("%d addresses: memory grew by %d MiB, target included", n, grown>>20)
}

// TestSketch: beyond the limit the requests stay exact, the number of addresses is about right, and who asks most is
// found; the row says so.
func TestSketch(t *testing.T) {
	const n, exact = 30_000, 10_000
	target, _ := countSources(t, n, exact)
	sketch, _ := target.last["sketch"].(map[string]any)
	if target.last["sourcesExact"] != false || sketch == nil || len(target.counts) != exact {
		t.Fatalf("%d addresses, sketch %v", len(target.counts), sketch)
	}
	listed := uint64(0)
	for _, c := range target.counts {
		listed += c
	}
	all := float64(n + n/100*2)
	if got := target.last["requests"].(float64); got != all || sketch["requests"].(float64)+float64(listed) != all {
		t.Errorf("requests %v, in the list %d and beyond %v; want %v", got, listed, sketch["requests"], all)
	}
	if d := sketch["distinct"].(float64); d < 0.95*(n-exact) || d > 1.05*(n-exact) {
		t.Errorf("the addresses beyond the limit are estimated as %v, there are %d", d, n-exact)
	}
	if method, _ := sketch["method"].(string); !strings.Contains(method, "HyperLogLog") {
		t.Errorf("method %q", method)
	}
}
