package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
)

const moved = "88.1021.200"

// counting is an identifier whose value counts up. Writers tell what they send and what was taken, so
// that a reader knows between which numbers an answer lies.
type counting struct {
	id           string
	tried, taken atomic.Int64
}

// right reports whether a value is one that may be read: not older than what had been taken before it was
// asked for, not newer than what had been sent when it came.
func (c *counting) right(before int64, value string) bool {
	n, err := strconv.ParseInt(strings.TrimPrefix(value, "https://example.com/"), 10, 64)
	return err == nil && before <= n && n <= c.tried.Load()
}

// traffic is writers and readers of a prefix.
type traffic struct {
	t       *testing.T
	d       *daemon
	ids     []*counting
	frozen  atomic.Int64 // refused writes
	written atomic.Int64
	reads   atomic.Int64
	refers  atomic.Int64 // answers that came by a referral
	over    chan struct{}
	all     sync.WaitGroup
}

// write counts the identifiers of a writer up at a node until it refuses because they move.
func (f *traffic) write(at *daemon, key string, ids []*counting) {
	for i := 0; ; i++ {
		select {
		case <-f.over:
			return
		default:
		}
		c := ids[i%len(ids)]
		n := c.tried.Add(1)
		status, out, err := at.call(key, "PUT", "/v1/identifiers?id="+c.id, record(c.id, fmt.Sprintf("https://example.com/%d", n)))
		switch {
		case err != nil:
			f.t.Errorf("write %s: %v", c.id, err)
			return
		case status == 200 || status == 201:
			c.taken.Store(n)
			f.written.Add(1)
		default:
			var p struct{ Code, Detail string }
			_ = json.Unmarshal(out, &p)
			if p.Code != "frozen" && p.Code != "delegated" || status == 409 && !strings.Contains(p.Detail, moved) {
				f.t.Errorf("write %s: %d %s", c.id, status, out)
			}
			f.frozen.Add(1)
			return
		}
	}
}

// readHandle asks the old node over TCP, and goes where it refers to.
func (f *traffic) readHandle(c *counting) (string, error) {
	r, err := client.Follow(f.t.Context(), "tcp", f.d.handle, client.Request{Handle: c.id}, nil)
	if err != nil {
		return "", err
	}
	if r.Code != handle.RcodeSuccess || len(r.Values) != 1 {
		return "", fmt.Errorf("code %d, %d values", r.Code, len(r.Values))
	}
	return string(r.Values[0].Data), nil
}

// readHTTP is the same over HTTP.
func (f *traffic) readHTTP(c *counting) (string, error) {
	host := f.d.http
	for range 3 {
		resp, err := http.Get("http://" + host + "/resolve?id=" + c.id)
		if err != nil {
			return "", err
		}
		var body struct {
			ResponseCode int
			Values       []struct{ Data string }
			Referral     *struct {
				IP   string
				HTTP int
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&body)
		resp.Body.Close()
		switch {
		case err != nil:
			return "", err
		case body.Referral != nil:
			f.refers.Add(1)
			host = net.JoinHostPort(body.Referral.IP, strconv.Itoa(body.Referral.HTTP))
		case body.ResponseCode != 1 || len(body.Values) != 1:
			return "", fmt.Errorf("code %d, %d values", body.ResponseCode, len(body.Values))
		default:
			return body.Values[0].Data, nil
		}
	}
	return "", fmt.Errorf("referred in a circle")
}

func (f *traffic) read(ask func(*counting) (string, error), start int) {
	for i := start; ; i += 7 {
		select {
		case <-f.over:
			return
		default:
		}
		c := f.ids[i%len(f.ids)]
		before := c.taken.Load()
		got, err := ask(c)
		f.reads.Add(1)
		if err != nil || !c.right(before, got) {
			f.t.Errorf("%s: %q, %v; want %d to %d", c.id, got, err, before, c.tried.Load())
			return
		}
	}
}

// begin starts readers of both transports, and writers at a node.
func (f *traffic) begin(writeAt *daemon, key string) {
	f.over = make(chan struct{})
	for i := range 3 {
		f.all.Go(func() { f.read(f.readHandle, i) })
		f.all.Go(func() { f.read(f.readHTTP, i) })
	}
	for i := range 4 {
		mine := f.ids[i*100 : (i+1)*100]
		f.all.Go(func() { f.write(writeAt, key, mine) })
	}
}

// end stops them and asks d for every identifier.
func (f *traffic) end(d *daemon) {
	f.t.Helper()
	close(f.over)
	f.all.Wait()
	direct := &traffic{t: f.t, d: d}
	for _, c := range f.ids {
		if got, err := direct.readHTTP(c); err != nil || !c.right(c.taken.Load(), got) || direct.refers.Load() > 0 {
			f.t.Fatalf("after the move, %s: %q, %v; want %d", c.id, got, err, c.taken.Load())
		}
	}
}

// TestHandover moves a prefix from one daemon to another and back, while clients write and read it over
// the Handle protocol and HTTP: not one answer is wrong or missing, and what was taken is not lost.
func TestHandover(t *testing.T) {
	a := startDaemon(t, t.TempDir())
	b := startDaemon(t, t.TempDir(), "IDNODE_NODE_PREFIXES="+moved)
	t.Chdir(t.TempDir())
	_, key := a.tenant("Leaves Ltd", moved)
	f := &traffic{t: t, d: a}
	var lines bytes.Buffer
	for i := range 3000 {
		c := &counting{id: fmt.Sprintf("%s/SN-%05d", moved, i)}
		f.ids = append(f.ids, c)
		fmt.Fprintf(&lines, `{"id":%q,"values":[{"index":1,"type":"URL","data":"https://example.com/0"}]}`+"\n", c.id)
	}
	if code, out, errs := a.idctl(lines.String(), "import", "-"); code != 0 {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	gone := moved + "/gone"
	a.must(201, key, "POST", "/v1/identifiers", record(gone, "u"))
	a.must(200, key, "DELETE", "/v1/identifiers?id="+gone+"&reason=scrapped&successor="+f.ids[0].id, nil)

	_, handlePort, _ := net.SplitHostPort(b.handle)
	_, httpPort, _ := net.SplitHostPort(b.http)
	bKey := filepath.Join(b.dir, "operator.key")
	args := []string{"prefix", "handover", moved, "--to", "127.0.0.1", "--handle-port", handlePort, "--http-port", httpPort,
		"--target", "http://" + b.http, "--target-key-file", bKey}
	idctl := func(want int, say string, args ...string) {
		t.Helper()
		code, out, errs := a.idctl("", args...)
		if code != want || !strings.Contains(out+errs, say) {
			t.Fatalf("idctl %s: %d\n%s%s\nwant %d and %q", strings.Join(args, " "), code, out, errs, want, say)
		}
	}
	mode := func() any {
		return a.must(200, a.key, "GET", "/v1/prefixes?prefix="+moved, nil)["mode"]
	}

	idctl(0, "3001 records, of which", append(args, "--dry-run")...)
	if status, _, _ := b.call(b.key, "GET", "/v1/prefixes?prefix="+moved, nil); status != 404 || mode() != "hosted" {
		t.Errorf("a dry run changed something: %d, %v", status, mode())
	}
	idctl(0, "frozen", "prefix", "freeze", moved)
	if got := a.must(409, key, "PUT", "/v1/identifiers?id="+gone, record(gone, "u")); got["code"] != "frozen" {
		t.Errorf("a write in a frozen prefix: %v", got)
	}
	idctl(0, "takes writes again", "prefix", "handover", moved, "--abort")

	f.begin(a, key)
	time.Sleep(300 * time.Millisecond)
	// What the new node holds and the old does not know stands in the way; the freeze is undone.
	idctl(1, "does not answer", "prefix", "handover", moved, "--to", "127.0.0.1", "--handle-port", "1", "--target", "http://"+b.http, "--target-key-file", bKey)
	if mode() != "hosted" || f.frozen.Load() != 0 {
		t.Errorf("a failed check changed something: %v, %d writers refused", mode(), f.frozen.Load())
	}
	idctl(0, "digest", args...)
	time.Sleep(300 * time.Millisecond)
	f.end(b)
	if f.frozen.Load() != 4 || f.written.Load() == 0 || f.refers.Load() == 0 {
		t.Errorf("%d writers refused, %d writes, %d referrals", f.frozen.Load(), f.written.Load(), f.refers.Load())
	}
	t.Logf("%d reads, %d writes, %d referrals over HTTP", f.reads.Load(), f.written.Load(), f.refers.Load())
	if got := b.must(410, "", "GET", "/resolve?id="+gone, nil); got["reason"] != "scrapped" || got["successor"] != f.ids[0].id {
		t.Errorf("the tombstone at the new node: %v", got)
	}
	a.expect(f.ids[500].id, "303", "303", "REFERRAL", "303", "303")
	b.expect(f.ids[500].id, "https://example.com/0", "https://example.com/0", "https://example.com/0", "https://example.com/0", "https://example.com/0")
	idctl(0, "was done before", args...)
	idctl(1, "takeback", "prefix", "handover", moved, "--abort")

	// Back again, with what was written at the new node since.
	f.frozen.Store(0)
	f.begin(b, b.key)
	time.Sleep(300 * time.Millisecond)
	idctl(0, "is hosted here", "prefix", "takeback", moved, "--from", "http://"+b.http, "--from-key-file", bKey)
	time.Sleep(300 * time.Millisecond)
	f.end(a)
	if f.frozen.Load() != 4 {
		t.Errorf("%d writers refused", f.frozen.Load())
	}
	a.must(200, key, "PUT", "/v1/identifiers?id="+f.ids[0].id, record(f.ids[0].id, "again here"))
	if _, err := os.Stat(moved + ".handover-errors.ndjson"); err == nil {
		t.Error("there is a file of failures")
	}
	a.stop()
	b.stop()
}

// TestHandoverByFile moves a prefix to a node that is treated as another product's: the records go by a
// file, and are asked for one by one.
func TestHandoverByFile(t *testing.T) {
	a := startDaemon(t, t.TempDir())
	b := startDaemon(t, t.TempDir(), "IDNODE_NODE_PREFIXES="+moved)
	t.Chdir(t.TempDir())
	_, key := a.tenant("Leaves Ltd", moved)
	for i := range 30 {
		a.must(201, key, "POST", "/v1/identifiers", record(fmt.Sprintf("%s/%d", moved, i), "https://example.com"))
	}
	a.must(200, key, "DELETE", "/v1/identifiers?id="+moved+"/7&reason=lost", nil)
	_, port, _ := net.SplitHostPort(b.handle)
	args := []string{"prefix", "handover", moved, "--to", "127.0.0.1", "--handle-port", port, "--file", "records.ndjson"}
	if code, _, errs := a.idctl("", args...); code != 1 || !strings.Contains(errs, "run the command again") || !strings.Contains(errs, "30 records") {
		t.Fatalf("before the records are there: %d %s", code, errs)
	}
	if code, out, errs := b.idctl("", "import", "--allocate", "records.ndjson"); code != 0 {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	if code, out, errs := a.idctl("", args...); code != 0 || !strings.Contains(out, "30 records are the same") {
		t.Fatalf("with the records: %d %s %s", code, out, errs)
	}
	a.expect(moved+"/1", "303", "303", "REFERRAL", "303", "303")
	a.stop()
	b.stop()
}

// TestExitAndEntry takes everything that an enterprise owns from one daemon to an empty one: what goes
// out again there is the same.
func TestExitAndEntry(t *testing.T) {
	a := startDaemon(t, t.TempDir())
	b := startDaemon(t, t.TempDir())
	t.Chdir(t.TempDir())
	enterprise, key := a.tenant("Leaves Ltd", moved)
	for i := range 50 {
		id := fmt.Sprintf("%s/%d", moved, i)
		a.must(201, key, "POST", "/v1/identifiers", record(id, "https://example.com/1"))
		a.must(200, key, "PUT", "/v1/identifiers?id="+id, record(id, "https://example.com/2"))
	}
	a.must(200, key, "DELETE", "/v1/identifiers?id="+moved+"/7&reason=lost&successor="+moved+"/8", nil)
	run := func(d *daemon, want int, say string, args ...string) {
		t.Helper()
		code, out, errs := d.idctl("", args...)
		if code != want || !strings.Contains(out+errs, say) {
			t.Fatalf("idctl %s: %d\n%s%s\nwant %d and %q", strings.Join(args, " "), code, out, errs, want, say)
		}
	}
	for _, name := range []string{"a.tar", "a.tar.gz", "a.tar.zst"} {
		run(a, 0, "50 records, 51 past versions", "enterprise", "export", enterprise, "-O", name)
		run(a, 0, "50 records", "archive", "verify", name)
	}
	run(a, 3, "e0", "enterprise", "export", "e0", "-O", "none.tar")
	if _, err := os.Stat("none.tar"); err == nil {
		t.Error("a failed export left a file")
	}
	whole, err := os.ReadFile("a.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("cut.tar.gz", whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	run(b, 1, "cut off", "archive", "verify", "cut.tar.gz")
	run(b, 1, "cut off", "archive", "load", "cut.tar.gz")
	run(b, 0, "would be stored", "archive", "load", "a.tar.zst", "--dry-run")
	run(b, 0, "enterprise "+enterprise, "archive", "load", "a.tar.zst")
	run(b, 0, " 0 stored", "archive", "load", "a.tar.gz")
	value := "https://example.com/2"
	b.expect(moved+"/1", value, value, value, value, value)
	b.expect(moved+"/7", "100", "100", "REVOKED", "100", "100")
	for _, d := range []*daemon{a, b} {
		got := d.must(200, d.key, "GET", "/v1/identifiers?id="+moved+"/1&version=1", nil)
		if got["version"] != 1.0 || !strings.Contains(fmt.Sprint(got["values"]), "https://example.com/1") {
			t.Errorf("the past: %v", got)
		}
	}
	digest := func(d *daemon) any {
		return d.must(200, d.key, "GET", "/v1/prefixes:digest?prefix="+moved, nil)["sha256"]
	}
	if digest(a) != digest(b) {
		t.Error("the digests differ")
	}
	run(b, 0, "1 prefixes", "archive", "export", "-O", "b.tar.gz")
	run(b, 0, "node", "archive", "verify", "b.tar.gz")
	b.must(201, b.key, "POST", "/v1/identifiers", record(moved+"/new", "u"))
	a.stop()
	b.stop()
}

// TestExportImport: what idctl exports and imports elsewhere has equal values: times, permissions,
// references, absolute TTLs, octets, templates.
func TestExportImport(t *testing.T) {
	a := startDaemon(t, t.TempDir())
	b := startDaemon(t, t.TempDir())
	t.Chdir(t.TempDir())
	records := `{"id":"88.1021.200/all","template":"a word","values":[{"index":9,"type":"URL","data":"https://e.example/<&>?a=\u2028轴承\t","ttl":0,"timestamp":"1999-12-31T23:59:59Z"},{"index":2,"type":"BIN","data":{"format":"base64","value":"AAH/Cg=="},"perms":"1000","ttl":1893456000,"ttlType":"absolute","timestamp":1},{"index":3,"type":"HS_VLIST","data":"","refs":[{"handle":"88.1021.200/ADMIN","index":300},{"handle":"10.1/x<y>","index":0}],"perms":"1111","ttl":7}]}
{"id":"1.2.156.10001.7.1","scheme":"oid","values":[{"index":1,"type":"URL","data":"u\r\n"}]}
{"id":"88.1021.200/Ümläut","values":[{"index":2147483647,"type":"电话","data":{"format":"string","value":"\ufffd"}}]}
`
	if code, out, errs := a.idctl(records, "import", "--allocate", "-"); code != 0 {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	if code, _, errs := a.idctl("", "export", "-O", "records.ndjson"); code != 0 {
		t.Fatal(errs)
	}
	if code, out, errs := b.idctl("", "import", "--allocate", "records.ndjson"); code != 0 {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	list := func(d *daemon) []map[string]any {
		items := d.must(200, d.key, "GET", "/v1/identifiers", nil)["items"].([]any)
		var all []map[string]any
		for _, item := range items {
			rec := item.(map[string]any)
			delete(rec, "created")
			delete(rec, "updated")
			all = append(all, rec)
		}
		return all
	}
	want := list(a)
	if len(want) != 3 {
		t.Fatalf("%d records", len(want))
	}
	if diff := cmp.Diff(want, list(b)); diff != "" {
		t.Errorf("imported again they differ:\n%s", diff)
	}
	for _, prefix := range []string{"88.1021.200", "oid:1.2.156.10001"} {
		content := func(d *daemon) any {
			return d.must(200, d.key, "GET", "/v1/prefixes:digest?prefix="+prefix, nil)["content"]
		}
		if content(a) != content(b) {
			t.Errorf("the digests of %s differ", prefix)
		}
	}
	a.stop()
	b.stop()
}
