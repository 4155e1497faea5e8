package topsync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/registry/topsync/jsonlines"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// mortal is a store that a process can lose at any moment: afterwards nothing that it still does is stored. Now and then
// it cannot say whether it has applied a batch.
type mortal struct {
	storage.Store
	dead  atomic.Bool
	mu    sync.Mutex
	rng   *rand.Rand
	flaky float64
}

func (m *mortal) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	if m.dead.Load() {
		return 0, storage.ErrClosed
	}
	m.mu.Lock()
	unsure, applied := m.rng.Float64() < m.flaky, m.rng.IntN(2) == 0
	m.mu.Unlock()
	if unsure && !applied {
		return 0, storage.ErrUnavailable
	}
	seq, err := m.Store.Apply(ctx, b)
	if unsure && err == nil {
		return 0, storage.ErrUnavailable
	}
	return seq, err
}

func (m *mortal) DeleteRange(ctx context.Context, start, end []byte) error {
	if m.dead.Load() {
		return storage.ErrClosed
	}
	return m.Store.DeleteRange(ctx, start, end)
}

// world is a node, the top-level node above it, and what has happened.
type world struct {
	t      *testing.T
	ctx    context.Context
	rng    *rand.Rand
	engine storage.Store
	reg    *registry.Registrar
	spaces *storage.Namespaces
	op     registry.Actor
	top    *receiver

	sync *topsync.Syncer
	stop func(hard bool)

	mu    sync.Mutex
	asked []topsync.Question // the log of requests

	ids       []string
	prefixes  []string // hosted
	ents      []string
	apps      []string
	events    []string
	changes   []happened
	allocated map[string]time.Time
	eln       registry.Actor // whose prefix 88.100.900 is delegated
	elnSeq    uint64
	elnRows   []topreport.Row
}

// happened is a change of a record.
type happened struct {
	at     time.Time
	prefix string
	more   int
	fresh  bool
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, ctx: t.Context(), rng: rand.New(rand.NewPCG(seed, 2)), engine: memstore.New(), top: newReceiver(seed),
		op: registry.Actor{Enterprise: registry.Self, KeyID: "kop", Role: registry.RoleOperator}, allocated: make(map[string]time.Time)}
	var err error
	if w.spaces, err = storage.LoadNamespaces(w.ctx, w.engine); err != nil {
		t.Fatal(err)
	}
	observed := storage.Observe(w.engine, func(c []storage.Change) {
		if err := w.spaces.Observe(context.Background(), c); err != nil {
			t.Error(err)
		}
	})
	w.reg, err = registry.New(registry.Options{Store: observed, Namespaces: w.spaces, Logger: slog.New(slog.DiscardHandler),
		NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// start starts the sync as a new process would.
func (w *world) start() {
	store := &mortal{Store: w.engine, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 3)), flaky: 0.002}
	target, err := jsonlines.New(jsonlines.Options{URL: "http://top.example/sync", Node: "88.100", Transport: w.top})
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := topsync.New(topsync.Options{Store: store, Registrar: w.reg, Prefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}},
		Routes: func() []topsync.Route {
			return []topsync.Route{{IP: netip.MustParseAddr("192.0.2.1"), TCP: 2641, UDP: 2641, HTTP: 8080}}
		},
		Targets: []topsync.TargetOptions{{Name: "top", Kind: "jsonlines", Target: target}}, CountsRequests: true, SourcesPerRow: 7,
		Retention: 100 * 24 * time.Hour, BatchRows: 50, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	var work sync.WaitGroup
	work.Go(func() { s.Run(ctx) })
	work.Go(func() { w.feed(ctx, s.Requests()) })
	w.sync = s
	w.stop = func(hard bool) {
		store.dead.Store(hard)
		cancel()
		work.Wait()
	}
}

// feed counts what is in the log of requests, as the node does.
func (w *world) feed(ctx context.Context, r *topsync.Requests) {
	at := -1
	for ctx.Err() == nil {
		if at < 0 {
			position, err := r.Position(ctx)
			if err != nil {
				return
			}
			at, _ = strconv.Atoi(string(position))
		}
		now := time.Now()
		w.mu.Lock()
		fresh := slices.Clone(w.asked[at:])
		w.mu.Unlock()
		for i := range fresh {
			r.Count(&fresh[i])
		}
		at += len(fresh)
		if err := r.Flush(ctx, []byte(strconv.Itoa(at)), now); err != nil && !errors.Is(err, storage.ErrUnavailable) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(47 * time.Second):
		}
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// enterprise enters an enterprise whose form is whole enough to be reported, or not.
func (w *world) enterprise(whole bool) string {
	e := registry.Enterprise{Name: fmt.Sprintf("企业 %d", len(w.ents)), Nature: "2", Industry: "C3451", Region: "320102", Address: "Some Road 1"}
	if whole {
		e.Contact = &registry.Contact{Name: "Li", Phone: "025-12345678", Email: "li@example.com", IDType: "1", IDNumber: "11010519491231002X"}
		e.Certificate = &registry.Certificate{Type: "other", Number: fmt.Sprintf("N%d", len(w.ents))}
		e.Legal = &registry.LegalPerson{Contact: *e.Contact}
		e.Build, e.Operate = &registry.Commission{By: "self"}, &registry.Commission{By: "self"}
		for _, kind := range []string{"registration", "registration_data", "data_backup", "resolution"} {
			s := registry.System{Kind: kind, DeployMode: "own", Region: "320102", Address: "Some Road 1"}
			if kind == "registration" {
				s.Endpoints = registry.TextList{"192.0.2.9:8080"}
			}
			e.Systems = append(e.Systems, s)
		}
	}
	made, err := w.reg.CreateEnterprise(w.ctx, e, registry.Write{Actor: w.op})
	w.must(err)
	w.ents = append(w.ents, made.ID)
	return made.ID
}

// prefix allocates a hosted prefix, with a template whose fields have roles.
func (w *world) prefix(enterprise string) {
	name := fmt.Sprintf("88.100.%d", len(w.prefixes)+1)
	_, err := w.reg.AllocatePrefix(w.ctx, registry.PrefixRequest{Scheme: identifier.Handle, Prefix: name, Enterprise: enterprise}, registry.Write{Actor: w.op})
	w.must(err)
	w.prefixes = append(w.prefixes, name)
	w.allocated[name] = time.Now()
	w.template(name, "pump")
}

func (w *world) template(prefix, name string) {
	content := &template.Content{Industry: "C3451", Fields: []template.Field{
		{Name: "brand", Type: template.String, Role: template.RoleBrand}, {Name: "name", Type: template.String, Role: template.RoleProductName}}}
	_, err := w.reg.AddTemplate(w.ctx, identifier.Key{Scheme: identifier.Handle, Name: prefix}, name, content, registry.Write{Actor: w.op})
	w.must(err)
}

func (w *world) create() {
	prefix := w.prefixes[w.rng.IntN(len(w.prefixes))]
	rec := &identifier.Record{ID: fmt.Sprintf("%s/SN-%d", prefix, len(w.ids))}
	if w.rng.IntN(2) == 0 {
		rec.Template = "pump"
		rec.Values = []identifier.Value{{Index: 2000, Type: "brand", Data: fmt.Appendf(nil, "品牌%d", w.rng.IntN(9)), TTL: 60, Perms: identifier.DefaultPerms}}
	} else {
		rec.Values = []identifier.Value{{Index: 1, Type: "URL", Data: []byte("https://x.example/"), TTL: 60, Perms: identifier.DefaultPerms}}
	}
	start := time.Now()
	_, err := w.reg.Create(w.ctx, rec, registry.Write{Actor: w.op})
	if refused, ok := errors.AsType[*registry.Error](err); ok && (refused.Code == registry.CodeNamespaceSuspended || refused.Code == registry.CodeEnterpriseSuspended) {
		return
	}
	w.must(err)
	w.sync.Registered(start, time.Duration(1+w.rng.IntN(9))*time.Millisecond)
	w.ids = append(w.ids, rec.ID)
	w.changes = append(w.changes, happened{time.Now(), prefix, 1, true})
}

// change changes, revokes or restores an identifier.
func (w *world) change() {
	if len(w.ids) == 0 {
		return
	}
	id, err := identifier.Parse(w.ids[w.rng.IntN(len(w.ids))])
	w.must(err)
	more := 0
	switch w.rng.IntN(4) {
	case 0:
		_, err = w.reg.Revoke(w.ctx, id, "worn out", "", registry.Write{Actor: w.op, Present: true})
		more = -1
	case 1:
		_, err = w.reg.Restore(w.ctx, id, registry.Write{Actor: w.op})
		more = 1
	default:
		v := identifier.Value{Index: 2001, Type: "name", Data: fmt.Appendf(nil, "泵 %d", w.rng.Uint32()), TTL: 60, Perms: identifier.DefaultPerms}
		_, err = w.reg.Merge(w.ctx, id, registry.Patch{Values: []registry.PatchValue{{Value: v, Fields: registry.FieldType | registry.FieldData | registry.FieldTTL | registry.FieldPerms}}},
			registry.Write{Actor: w.op})
	}
	if err != nil {
		if _, ok := errors.AsType[*registry.Error](err); !ok {
			w.must(err)
		}
		return // it is a tombstone, or none, or suspended
	}
	w.changes = append(w.changes, happened{time.Now(), w.spaces.Find(id).Prefix, more, false})
}

// ask has clients ask for something.
func (w *world) ask() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range 1 + w.rng.IntN(30) {
		q := topsync.Question{Time: time.Now().Add(-time.Duration(w.rng.IntN(900)) * time.Millisecond), Took: time.Duration(w.rng.IntN(5000)) * time.Microsecond,
			Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(w.rng.IntN(30))})}
		text := fmt.Sprintf("88.100.%d/nothing", 1+w.rng.IntN(len(w.prefixes)+2))
		if len(w.ids) > 0 && w.rng.IntN(3) > 0 {
			text, q.Success = w.ids[w.rng.IntN(len(w.ids))], true
		}
		q.ID, _ = identifier.Parse(text)
		q.Namespace = w.spaces.Find(q.ID)
		w.asked = append(w.asked, q)
	}
}

// report has the enterprise with a node of its own report, and now and then again what it did before.
func (w *world) report() {
	var rows []topreport.Row
	if len(w.elnRows) > 0 && w.rng.IntN(3) == 0 {
		rows = append(rows, w.elnRows[w.rng.IntN(len(w.elnRows)):]...)
	}
	for range w.rng.IntN(5) {
		w.elnSeq++
		id := fmt.Sprintf("88.100.900/e-%d", w.elnSeq)
		data, _ := json.Marshal(map[string]any{"identifier": id, "created": "2000-01-02", "operation": "1", "brand": "own"})
		row := topreport.Row{Table: "T9", Seq: w.elnSeq, Key: id, Op: topreport.Add, Time: time.Now().UTC(), Data: data}
		rows = append(rows, row)
		w.elnRows = append(w.elnRows, row)
	}
	if len(rows) == 0 {
		return
	}
	for {
		out, err := w.sync.Receive(w.ctx, "T9", rows, registry.English, w.eln)
		if err == nil {
			if len(out.Rejected) > 0 || out.Acknowledged != w.elnSeq {
				w.t.Errorf("report: %+v", out)
			}
			return
		}
		if refused, ok := errors.AsType[*registry.Error](err); !ok || refused.Code != registry.CodeUnavailable {
			w.must(err)
		}
		time.Sleep(time.Second)
	}
}

// step does something.
func (w *world) step() {
	r := func(n int) int { return w.rng.IntN(n) }
	write := registry.Write{Actor: w.op}
	switch n := r(1000); {
	case n < 400:
		for range 1 + r(5) {
			w.create()
		}
	case n < 600:
		for range 1 + r(4) {
			w.change()
		}
	case n < 800:
		w.ask()
	case n < 830:
		w.report()
	case n < 840:
		w.enterprise(r(2) == 0)
	case n < 860:
		w.prefix(w.ents[r(len(w.ents))])
	case n < 890:
		action := []registry.Action{registry.ActionSuspend, registry.ActionActivate, registry.ActionActivate}[r(3)]
		k := identifier.Key{Scheme: identifier.Handle, Name: w.prefixes[r(len(w.prefixes))]}
		_, _ = w.reg.PrefixAction(w.ctx, k, action, "x", "", write)
	case n < 910:
		_, err := w.reg.PatchEnterprise(w.ctx, w.ents[r(len(w.ents))], fmt.Appendf(nil, `{"address":"Road %d"}`, r(50)), write)
		w.must(err)
	case n < 920:
		w.template(w.prefixes[r(len(w.prefixes))], fmt.Sprintf("t%d", w.rng.Uint32()))
	case n < 935:
		owner := registry.Self
		if r(3) > 0 {
			owner = w.ents[r(len(w.ents))]
		}
		app, err := w.reg.CreateApp(w.ctx, owner, registry.AppForm{Name: "溯源", Type: "2", Introduction: "i", Users: int64(1 + r(99)), Developer: "d",
			RecursiveServer: &registry.RecursiveServer{IP: "192.0.2.1", Port: 3641}}, write)
		w.must(err)
		w.apps = append(w.apps, app.ID)
	case n < 945 && len(w.apps) > 0:
		if id := w.apps[r(len(w.apps))]; r(2) == 0 {
			_ = w.reg.DeleteApp(w.ctx, id, write)
		} else {
			_, _ = w.reg.PatchApp(w.ctx, id, fmt.Appendf(nil, `{"users":%d}`, 1+r(99)), write)
		}
	case n < 950:
		if number, err := w.sync.Abnormal(w.ctx, time.Now(), topsync.CategoryNetwork, "a line was cut"); err == nil {
			w.events = append(w.events, number)
		}
	case n < 955 && len(w.events) > 0:
		if w.sync.Normal(w.ctx, w.events[0], time.Now(), "a line was cut", "it was mended") == nil {
			w.events = w.events[1:]
		}
	case n < 965:
		order := topsync.Order{Action: []topsync.Action{topsync.Pause, topsync.Resume, topsync.Replay}[r(3)], Table: topreport.Names()[r(len(topreport.Names()))], Reason: "test"}
		_, _ = w.sync.Do(w.ctx, order, w.op)
	case n < 975:
		w.stop(r(3) > 0)
		time.Sleep(time.Duration(r(4*3600)) * time.Second * time.Duration(r(2)))
		w.start()
	case n < 990:
		w.top.set([]float64{0, 0.1, 0.5, 0.9}[r(4)], r(4) == 0)
	}
}

// long asks for more of the same, which takes some minutes.
var long = os.Getenv("IDNODE_LONG") != ""

// TestFortyDays: forty days in which the top-level node is down, slow, silent, wrong, and answers twice, the node is
// killed and stopped, its store cannot always tell, and operators pause and replay. Afterwards every table there equals
// what the node's own history says, row by row: none is missing, none is there twice.
func TestFortyDays(t *testing.T) {
	seeds := []uint64{1}
	if long {
		seeds = []uint64{1, 2, 3, 4, 5, 6, 7, 8}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fortyDays(t, seed) })
		})
	}
}

func fortyDays(t *testing.T, seed uint64) {
	w := newWorld(t, seed)
	for range 3 {
		w.enterprise(true)
	}
	w.prefix(w.ents[0])
	w.prefix(w.ents[1])
	_, err := w.reg.AllocatePrefix(w.ctx, registry.PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.900", Enterprise: w.ents[2], Mode: identifier.Delegated,
		Service: &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), TCP: 2641}}, registry.Write{Actor: w.op})
	w.must(err)
	w.eln = registry.Actor{Enterprise: w.ents[2], KeyID: "keln", Role: registry.RoleWriter}
	w.start()
	w.stop(false)
	for range 30 {
		w.create() // what is there before the sync begins with it
	}
	before := len(w.changes)
	w.forgetSync()
	time.Sleep(26 * time.Hour)
	from, err := w.engine.Last(w.ctx)
	w.must(err)
	loaded := w.records()
	w.start()
	begun := time.Now()
	synctest.Wait()
	time.Sleep(10 * time.Second)

	end := time.Now().Add(40 * 24 * time.Hour)
	for time.Now().Before(end) {
		time.Sleep(time.Duration(w.rng.IntN(40*60)) * time.Second)
		w.step()
	}
	w.top.set(0, false)
	_, err = w.sync.Do(w.ctx, topsync.Order{Action: topsync.Resume}, w.op)
	for err != nil {
		time.Sleep(time.Second)
		_, err = w.sync.Do(w.ctx, topsync.Order{Action: topsync.Resume}, w.op)
	}
	// To the next month but one, so that the tables of months are complete.
	time.Sleep(time.Until(time.Date(2000, 3, 2, 0, 10, 0, 0, topsync.China)))
	for {
		st, err := w.sync.Status(w.ctx, topsync.StatusQuery{}, w.op)
		w.must(err)
		behind := uint64(0)
		for _, table := range st.Targets[0].Tables {
			behind += table.LagRows
		}
		if behind == 0 {
			break
		}
		time.Sleep(time.Minute)
	}
	w.stop(false)

	w.checkOutboxes()
	w.checkMasterData(from, loaded)
	w.checkStatistics(begun, before)
	w.checkStates()
	if t.Failed() {
		t.Logf("troubles: %v", w.top.clients)
	}
	t.Logf("%d identifiers, %d changes, %d questions, %d requests; troubles: %v", len(w.ids), len(w.changes), len(w.asked), w.top.calls, w.top.clients)
	w.engine.Close()
}

// forgetSync removes all that the sync has stored, and what the receiver has.
func (w *world) forgetSync() {
	for _, table := range []storage.Table{storage.TableSync, storage.TableOutbox} {
		r := storage.TableRange(table)
		w.must(w.engine.DeleteRange(w.ctx, r.Start, r.End))
	}
	cursor := storage.CursorKey(topsync.Follower)
	w.must(w.engine.DeleteRange(w.ctx, cursor, append(cursor, 0)))
	w.top.mu.Lock()
	clear(w.top.tables)
	w.top.mu.Unlock()
}

// version is a version of a record.
type version struct {
	key     identifier.Key
	op      topreport.Op
	version uint64
	at      time.Time
}

// records are the active records, in their order.
func (w *world) records() []version {
	var all []version
	w.must(w.engine.Scan(w.ctx, storage.TableRange(storage.TableRecord), func(key []byte, item storage.Item) error {
		k, _ := storage.ParseRecordKey(key)
		rec, err := identifier.DecodeRecord(bytes.Clone(item.Value))
		if err == nil && rec.State == identifier.Active {
			all = append(all, version{k, topreport.Add, item.Version, rec.Updated})
		}
		return err
	}))
	return all
}

// checkOutboxes: the receiver has each table's rows with the numbers 1, 2, 3, … and as they are kept here.
func (w *world) checkOutboxes() {
	w.t.Helper()
	for _, fault := range w.top.faults {
		w.t.Errorf("the receiver complains: %s", fault)
	}
	for _, table := range topreport.Names() {
		got := w.top.of(table)
		for i := range got {
			if got[i].Seq != uint64(i+1) {
				w.t.Fatalf("%s: row %d stands at place %d", table, got[i].Seq, i+1)
			}
		}
		want, err := topsync.RowsOf(w.ctx, w.sync, table)
		w.must(err)
		if diff := cmp.Diff(want, got, cmp.Comparer(sameJSON)); diff != "" {
			w.t.Fatalf("%s: -kept +received\n%.3000s", table, diff)
		}
		w.t.Logf("%s: %d rows", table, len(got))
	}
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && cmp.Equal(x, y)
}

// checkMasterData: T9 is what was there, then every change of the log in its order.
func (w *world) checkMasterData(from storage.Seq, want []version) {
	w.t.Helper()
	for {
		entries, err := w.engine.Read(w.ctx, from, 1000)
		w.must(err)
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			from = e.Seq
			for _, c := range e.Changes {
				k, ok := storage.ParseRecordKey(c.Key)
				if !ok {
					continue
				}
				op := map[storage.Op]topreport.Op{storage.OpCreate: topreport.Add, storage.OpRestore: topreport.Add, storage.OpUpdate: topreport.Change, storage.OpRevoke: topreport.Delete}[c.Op]
				want = append(want, version{k, op, c.Version, e.Time})
			}
		}
	}
	var own []topreport.Row
	var reported []topreport.Row
	for _, r := range w.top.of("T9") {
		if id, err := identifier.Parse(r.Key); err == nil && id.Prefix() == "88.100.900" {
			reported = append(reported, r)
		} else {
			own = append(own, r)
		}
	}
	if len(own) != len(want) {
		w.t.Fatalf("T9 has %d rows, the history %d", len(own), len(want))
	}
	for i, v := range want {
		got := own[i]
		item, err := w.engine.Get(w.ctx, storage.RecordKey(v.key))
		w.must(err)
		if item.Version != v.version {
			item, err = w.engine.Get(w.ctx, storage.HistoryKey(v.key, v.version))
			w.must(err)
		}
		rec, err := identifier.DecodeRecord(item.Value)
		w.must(err)
		data := map[string]any{"identifier": rec.ID, "created": rec.Created.In(topsync.China).Format(time.DateOnly), "operation": strconv.Itoa(v.op.Code())}
		if rec.Template != "" && v.op != topreport.Delete {
			id, _ := identifier.Parse(rec.ID)
			data["metadata"] = (&registry.Template{Prefix: id.Prefix(), Name: rec.Template}).Handle()
			for _, value := range rec.Values {
				switch value.Type {
				case "brand":
					data["brand"] = string(value.Data)
				case "name":
					data["productName"] = string(value.Data)
				}
			}
		}
		text, _ := json.Marshal(data)
		expected := topreport.Row{Table: "T9", Seq: got.Seq, Key: v.key.Name, Op: v.op, Time: v.at, Data: text}
		if diff := cmp.Diff(expected, got, cmp.Comparer(sameJSON)); diff != "" {
			w.t.Fatalf("T9 row %d: -history +received\n%s", i, diff)
		}
	}
	if len(reported) != len(w.elnRows) {
		w.t.Errorf("of the enterprise's node %d rows arrived, it reported %d", len(reported), len(w.elnRows))
	}
	for i := range min(len(reported), len(w.elnRows)) {
		if !sameJSON(reported[i].Data, w.elnRows[i].Data) {
			w.t.Errorf("row %d of the enterprise's node: %s, want %s", i, reported[i].Data, w.elnRows[i].Data)
		}
	}
}

// dayRow is a row of T3 or T8 as this test counts it.
type dayRow struct {
	New, Total          int
	Requests, Successes int
	Sources             map[string]int
}

// checkStatistics: T3, T8 and M1 are what was counted here, for every day and prefix.
func (w *world) checkStatistics(begun time.Time, before int) {
	w.t.Helper()
	day := func(at time.Time) string { return at.In(topsync.China).Format(time.DateOnly) }
	want := map[string]map[string]*dayRow{"T3": {}, "T8": {}} // by key
	var days []string
	for d := begun; day(d) < "2000-03-02"; d = d.Add(24 * time.Hour) {
		days = append(days, day(d))
	}
	end := func(d string) time.Time {
		at, _ := time.ParseInLocation(time.DateOnly, d, topsync.China)
		return at.Add(24 * time.Hour)
	}
	for _, d := range days {
		three := &dayRow{Sources: map[string]int{}}
		want["T3"]["88.100 "+d] = three
		for prefix, at := range w.allocated {
			if !at.Before(end(d)) {
				continue
			}
			three.Total++
			if day(at) == d && at.After(begun) {
				three.New++
			}
			row := &dayRow{Sources: map[string]int{}}
			for i, c := range w.changes {
				if c.prefix != prefix || !c.at.Before(end(d)) {
					continue
				}
				row.Total += c.more
				if c.fresh && day(c.at) == d && i >= before {
					row.New++
				}
			}
			want["T8"][prefix+" "+d] = row
		}
		three.Total++ // the delegated prefix
	}
	type sum struct {
		n        int
		took     time.Duration
		max, min time.Duration
		seconds  map[int64]int
	}
	measured := make(map[string]*sum)
	for i := range w.asked {
		q := &w.asked[i]
		d := day(q.Time)
		m := measured[d]
		if m == nil {
			m = &sum{seconds: make(map[int64]int), min: time.Hour}
			measured[d] = m
		}
		m.n++
		m.took += q.Took
		m.max, m.min = max(m.max, q.Took), min(m.min, q.Took)
		m.seconds[q.Time.Unix()]++
		keys := []struct{ table, prefix string }{{"T3", "88.100"}, {"T8", q.ID.Prefix()}}
		for _, k := range keys {
			row := want[k.table][k.prefix+" "+d]
			if row == nil || k.table == "T8" && q.Namespace == nil {
				continue
			}
			row.Requests++
			if q.Success {
				row.Successes++
			}
			row.Sources[q.Client.String()]++
		}
	}
	for table, rows := range want {
		got := make(map[string]*dayRow)
		for _, r := range w.top.of(table) {
			var data struct {
				Prefix, Day                           string
				New, Total, Requests, Successes, Part int
				SourcesExact                          bool
				Sources                               []struct {
					IP    string
					Count int
				}
			}
			w.must(json.Unmarshal(r.Data, &data))
			key := data.Prefix + " " + data.Day
			if r.Key != fmt.Sprintf("%s %d", key, data.Part) || !data.SourcesExact {
				w.t.Errorf("%s: row %s is of %s, part %d", table, r.Key, key, data.Part)
			}
			if data.Part == 1 {
				if got[key] != nil {
					w.t.Errorf("%s: %s is there twice", table, key)
				}
				got[key] = &dayRow{data.New, data.Total, data.Requests, data.Successes, map[string]int{}}
			}
			for _, s := range data.Sources {
				got[key].Sources[s.IP] += s.Count
			}
		}
		if diff := cmp.Diff(rows, got); diff != "" {
			w.t.Errorf("%s: -counted here +received\n%.4000s", table, diff)
		}
	}
	for _, r := range w.top.of("M1") {
		var data struct {
			Day                                 string
			ResolveMean, ResolveMax, ResolveMin float64
			PeakQPS                             int
			PeakAt                              time.Time
		}
		w.must(json.Unmarshal(r.Data, &data))
		m := measured[data.Day]
		if m == nil {
			if data.PeakQPS != 0 {
				w.t.Errorf("M1 of %s has a peak, and nobody asked", data.Day)
			}
			continue
		}
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		peak := 0
		for _, n := range m.seconds {
			peak = max(peak, n)
		}
		if data.ResolveMean != ms(m.took/time.Duration(m.n)) || data.ResolveMax != ms(m.max) || data.ResolveMin != ms(m.min) || data.PeakQPS != peak || m.seconds[data.PeakAt.Unix()] != peak {
			w.t.Errorf("M1 of %s: %+v, want mean %v max %v min %v peak %d", data.Day, data, ms(m.took/time.Duration(m.n)), ms(m.max), ms(m.min), peak)
		}
		delete(measured, data.Day)
	}
	if len(measured) > 0 {
		w.t.Errorf("of %d days there is no M1", len(measured))
	}
	if n := len(w.top.of("M1")); n != len(days) {
		w.t.Errorf("M1 has %d rows, of %d days", n, len(days))
	}
}

// checkStates: what the rows of the other tables come to is how things are.
func (w *world) checkStates() {
	w.t.Helper()
	keys := func(m map[string]topreport.Row) []string {
		all := []string{}
		for k := range m {
			all = append(all, k)
		}
		slices.Sort(all)
		return all
	}
	want := map[string][]string{"T1": {}, "T2": {"88.100"}, "T4": {}, "T5": {}, "T6": {}, "T7": {}, "T10": {}, "T11": {}}
	address := make(map[string]string)
	for _, id := range w.ents {
		e, err := w.reg.Enterprise(w.ctx, id, w.op)
		w.must(err)
		if e.Legal != nil {
			want["T6"] = append(want["T6"], id)
			address[id] = e.Address
		}
	}
	w.must(w.engine.Scan(w.ctx, storage.TableRange(storage.TableNamespace), func(_ []byte, item storage.Item) error {
		ns, err := storage.DecodeNamespace(item)
		if err == nil && ns.State == identifier.NamespaceActive {
			want["T7"] = append(want["T7"], ns.Prefix)
		}
		return err
	}))
	users := make(map[string]int64)
	for _, id := range w.apps {
		a, err := w.reg.App(w.ctx, id, w.op)
		if err != nil {
			continue
		}
		table := "T10"
		if a.Enterprise == registry.Self {
			table = "T5"
		}
		want[table] = append(want[table], id)
		users[id] = a.Users
	}
	templates := 0
	w.must(w.engine.Scan(w.ctx, storage.TableRange(storage.TableTemplate), func(key []byte, item storage.Item) error {
		k, name, revision, _ := storage.ParseTemplateKey(key)
		if revision == 0 {
			templates++
			want["T11"] = append(want["T11"], (&registry.Template{Prefix: k.Name, Name: name}).Handle())
		}
		return nil
	}))
	for table, expected := range want {
		slices.Sort(expected)
		state := w.top.state(table)
		if diff := cmp.Diff(expected, keys(state)); diff != "" {
			w.t.Errorf("%s: -here +received\n%s", table, diff)
		}
		for key, r := range state {
			var data struct {
				Address string
				Users   int64
			}
			w.must(json.Unmarshal(r.Data, &data))
			if table == "T6" && data.Address != address[key] || users[key] != data.Users {
				w.t.Errorf("%s: %s is not as it is here: %s", table, key, r.Data)
			}
		}
	}
	months := keys(w.top.state("R1"))
	if !slices.Equal(months, []string{"2000-01", "2000-02"}) {
		w.t.Errorf("R1 is of %v", months)
	}
	for _, r := range w.top.of("R1") {
		w.t.Logf("R1: %.200s", r.Data)
	}
}
