package job

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/pebblestore"
)

// bench is a registrar on disk with an enterprise that holds 88.100.1.
type bench struct {
	*registry.Registrar
	t     *testing.T
	store storage.Store
	dir   string
	actor registry.Actor
	op    registry.Actor
}

func newBench(t *testing.T) *bench {
	t.Helper()
	store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{CacheBytes: 8 << 20, MemTableBytes: 8 << 20, MinFreeBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	observed := storage.Observe(store, func(changes []storage.Change) {
		if err := namespaces.Observe(context.Background(), changes); err != nil {
			t.Error(err)
		}
	})
	reg, err := registry.New(registry.Options{Store: observed, Namespaces: namespaces, NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}},
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Registrar: reg, t: t, store: observed, dir: t.TempDir(), op: registry.NodeActor()}
	e, err := reg.CreateEnterprise(t.Context(), registry.Enterprise{Name: "Alice"}, registry.Write{Actor: b.op})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reg.AllocatePrefix(t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.1", Enterprise: e.ID}, registry.Write{Actor: b.op}); err != nil {
		t.Fatal(err)
	}
	b.actor = registry.Actor{Enterprise: e.ID, KeyID: "ka", Role: registry.RoleWriter}
	return b
}

func (b *bench) runner() *Runner {
	b.t.Helper()
	s, err := New(Options{Registrar: b.Registrar, Dir: b.dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// submit queues a job of a text.
func (b *bench) submit(s *Runner, text string, o registry.JobOptions) *registry.Job {
	b.t.Helper()
	in, err := s.Receive(b.t.Context(), Upload{Body: strings.NewReader(text)})
	if err != nil {
		b.t.Fatal(err)
	}
	j, err := s.Submit(b.t.Context(), in, registry.JobRequest{Options: o}, registry.Write{Actor: b.actor})
	if err != nil {
		b.t.Fatal(err)
	}
	return j
}

// finish runs s until the job has ended.
func (b *bench) finish(s *Runner, id string) *registry.Job {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	for range 3000 {
		j, err := b.Job(b.t.Context(), id, b.actor)
		if err != nil {
			b.t.Fatal(err)
		}
		if j.State.Ended() {
			return j
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatal("the job does not end")
	return nil
}

// rows is NDJSON of n records; each hundredth is foreign, and some lines are blank.
func rowsOf(n int) string {
	var out strings.Builder
	for i := range n {
		prefix := "88.100.1"
		if i%100 == 50 {
			prefix = "88.100.2"
		}
		fmt.Fprintf(&out, `{"id":"%s/%06d","values":[{"index":1,"type":"URL","data":"https://example.com/%d"}]}`+"\n", prefix, i, i)
		if i%333 == 0 {
			out.WriteString("\n")
		}
	}
	return out.String()
}

// versions is the number of versions of all records.
func (b *bench) versions() (n int) {
	b.t.Helper()
	err := b.store.Scan(b.t.Context(), storage.TableRange(storage.TableRecord), func(_ []byte, item storage.Item) error {
		n += int(item.Version)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestJobBrokenOff: a job that is stopped again and again registers every row once, and each has one result.
func TestJobBrokenOff(t *testing.T) {
	b := newBench(t)
	const n = 30_000
	j := b.submit(b.runner(), rowsOf(n), registry.JobOptions{})
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for range 6 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(80))*time.Millisecond)
		b.runner().Run(ctx) // a new one each time: nothing is remembered
		cancel()
	}
	ended := b.finish(b.runner(), j.ID)
	want := registry.Summary{Total: n, Stored: n - n/100, Failed: n / 100}
	if ended.State != registry.JobDone || ended.Summary != want {
		t.Fatalf("%s, %+v, want %+v; %+v", ended.State, ended.Summary, want, ended.Error)
	}
	if got := b.versions(); got != want.Stored {
		t.Errorf("%d versions of records, want %d", got, want.Stored)
	}
	seen, failed, last := 0, 0, 0
	for after := 0; ; {
		rows, next, err := b.JobRows(t.Context(), j.ID, b.actor, nil, after, 777)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Line <= last {
				t.Fatalf("line %d after line %d", r.Line, last)
			}
			last = r.Line
			seen++
			if r.Status == "failed" {
				failed++
				if r.Code != registry.CodeNotYourNamespace || !strings.HasPrefix(r.ID, "88.100.2/") {
					t.Fatalf("line %d: %+v", r.Line, r)
				}
			}
		}
		if after = next; next == 0 {
			break
		}
	}
	if seen != n || failed != n/100 {
		t.Errorf("%d rows have a result, %d failed", seen, failed)
	}
	only, _, err := b.JobRows(t.Context(), j.ID, b.actor, []string{"failed"}, 20_000, 10)
	if err != nil || len(only) != 10 || only[0].Status != "failed" || only[0].Line <= 20_000 {
		t.Errorf("failed rows: %+v, %v", only, err)
	}
}

// TestJobSame: the same input with the same options is one job, until that has come to nothing.
func TestJobSame(t *testing.T) {
	b := newBench(t)
	s := b.runner()
	text := rowsOf(10)
	first := b.submit(s, text, registry.JobOptions{})
	if again := b.submit(s, text, registry.JobOptions{}); again.ID != first.ID {
		t.Errorf("%s and %s are of one input", first.ID, again.ID)
	}
	if other := b.submit(s, text, registry.JobOptions{Mode: registry.ImportUpsert}); other.ID == first.ID {
		t.Error("other options are one job")
	}
	if _, err := s.Cancel(t.Context(), first.ID, registry.Write{Actor: b.actor}); err != nil {
		t.Fatal(err)
	}
	if again := b.submit(s, text, registry.JobOptions{}); again.ID == first.ID {
		t.Error("a cancelled job stands for a new one")
	}
	files, err := os.ReadDir(b.dir)
	if err != nil || len(files) != 3 {
		t.Errorf("%d inputs are kept, want 3: %v", len(files), err)
	}
}

// TestJobRetry: the rows that failed are tried again once there is a reason to.
func TestJobRetry(t *testing.T) {
	b := newBench(t)
	s := b.runner()
	j := b.finish(s, b.submit(s, rowsOf(2000), registry.JobOptions{}).ID)
	if j.Summary.Failed != 20 {
		t.Fatalf("%+v", j.Summary)
	}
	if _, err := b.AllocatePrefix(t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.2", Enterprise: j.Enterprise}, registry.Write{Actor: b.op}); err != nil {
		t.Fatal(err)
	}
	again, err := s.Retry(t.Context(), j.ID, registry.Write{Actor: b.actor})
	if err != nil {
		t.Fatal(err)
	}
	if again = b.finish(s, again.ID); again.Summary != (registry.Summary{Total: 20, Stored: 20}) || again.Parent != j.ID {
		t.Errorf("%+v", again)
	}
	if _, err := s.Retry(t.Context(), again.ID, registry.Write{Actor: b.actor}); registry.AsError(err).Code != registry.CodeInvalidState {
		t.Errorf("nothing to retry: %v", err)
	}
	if err := s.Delete(t.Context(), j.ID, registry.Write{Actor: b.actor}); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(b.dir); err != nil || len(files) != 1 {
		t.Errorf("%d inputs are kept, want 1: %v", len(files), err)
	}
}

// TestJobMint: a job makes the identifiers by a rule, and its rows tell which.
func TestJobMint(t *testing.T) {
	b := newBench(t)
	s := b.runner()
	text := strings.Repeat(`{"values":[{"index":1,"type":"T","data":"x"}]}`+"\n", 50)
	o := registry.JobOptions{Prefix: "88.100.1", Rule: "SN-{serial:4}"}
	dry := o
	dry.DryRun = true
	if j := b.finish(s, b.submit(s, text, dry).ID); j.Summary.Stored != 50 || b.versions() != 0 {
		t.Errorf("dry run: %+v", j)
	}
	j := b.finish(s, b.submit(s, text, o).ID)
	rows, _, err := b.JobRows(t.Context(), j.ID, b.actor, nil, 0, 100)
	if err != nil || len(rows) != 50 || rows[0].ID != "88.100.1/SN-0001" || rows[49].ID != "88.100.1/SN-0050" || rows[49].Status != "stored" {
		t.Errorf("%+v, %v", rows, err)
	}
}

// TestReceive: what is no input is refused and leaves nothing.
func TestReceive(t *testing.T) {
	b := newBench(t)
	s := b.runner()
	zip := func(text string) io.Reader {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		z.Write([]byte(text))
		z.Close()
		return &buf
	}
	in, err := s.Receive(t.Context(), Upload{Body: zip(rowsOf(5)), Encoding: "gzip"})
	if err != nil || in.Format != registry.JobNDJSON || in.Octets != int64(len(rowsOf(5))) {
		t.Errorf("gzip: %+v, %v", in, err)
	}
	s.Discard(in.ID)
	cut := zip(rowsOf(500)).(*bytes.Buffer)
	cut.Truncate(cut.Len() - 10)
	for name, u := range map[string]Upload{
		"empty":      {Body: strings.NewReader("")},
		"cut gzip":   {Body: cut, Encoding: "gzip"},
		"not gzip":   {Body: strings.NewReader("{}"), Encoding: "gzip"},
		"not zstd":   {Body: strings.NewReader("{}"), Encoding: "zstd"},
		"unknown":    {Body: strings.NewReader("{}"), Encoding: "br"},
		"neither":    {Body: strings.NewReader("id\n\xff\xff\xff")},
		"no content": {Body: zip(""), Encoding: "gzip"},
	} {
		if _, err := s.Receive(t.Context(), u); !isRefusal(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if files, err := os.ReadDir(b.dir); err != nil || len(files) != 0 {
		t.Errorf("%d files are left, %v", len(files), err)
	}
}
