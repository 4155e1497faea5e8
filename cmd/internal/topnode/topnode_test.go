package topnode

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/epp/client"
	"github.com/idnode/idnode/proto/requestsign"
	"github.com/idnode/idnode/proto/topreport"
)

// bench is a Top behind a real socket, which knows the node 88.1021.
type bench struct {
	*Top
	t      *testing.T
	o      Options
	signer *requestsign.Signer
	http   *httptest.Server
}

func newBench(t *testing.T, script string) *bench {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := ParseRules(strings.NewReader(script))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, o: Options{Dir: t.TempDir(), Rules: rules, Logger: slog.New(slog.DiscardHandler),
		Nodes: map[string]NodeOptions{"88.1021": {Keys: []crypto.PublicKey{public}}, "88.1022": {}}}}
	if b.signer, err = requestsign.NewSigner("88.1021", private); err != nil {
		t.Fatal(err)
	}
	b.start()
	t.Cleanup(b.end)
	return b
}

func (b *bench) start() {
	b.t.Helper()
	top, err := New(b.o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Top, b.http = top, httptest.NewServer(top.Handler())
}

func (b *bench) end() {
	b.http.Close()
	if err := b.Close(); err != nil {
		b.t.Error(err)
	}
}

// call makes a request of node 88.1022, which does not sign.
func (b *bench) call(method, path, body string) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.http.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Sync-Node", "88.1022")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

// event is a row of table M2.
func event(seq int) string {
	row, err := json.Marshal(topreport.Row{Table: "M2", Seq: uint64(seq), Key: fmt.Sprint("e", seq), Op: topreport.Add, Time: time.Unix(0, 0), Data: json.RawMessage("{}")})
	if err != nil {
		panic(err)
	}
	return string(row)
}

// TestRows: rows are checked, taken once, and there after a restart.
func TestRows(t *testing.T) {
	b := newBench(t, "")
	bad, worse := event(1), event(3)
	status, text := b.call("POST", "/tables/M2", bad+"\n"+worse+"\n")
	if status != 200 || !strings.HasPrefix(text, `{"acknowledged":3,"rejected":[{"seq":1,"detail":"/data/`) {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := b.call("POST", "/tables/M2", bad); status != 200 || text != `{"acknowledged":3}` {
		t.Errorf("again: %d %s", status, text)
	}
	b.end()
	b.start()
	if n := len(b.Rejected("88.1022", "M2")); n != 2 {
		t.Errorf("%d rows after a restart", n)
	}
	for path, want := range map[string]int{"/tables/T99": 404, "/tables/M2": 400} {
		if status, text := b.call("POST", path, "no row"); status != want {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	// A node with a key has to sign.
	r, err := http.NewRequestWithContext(t.Context(), "POST", b.http.URL+"/tables/M2", strings.NewReader(event(1)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sync-Node", "88.1021")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 401 {
		t.Errorf("without a signature: %d", resp.StatusCode)
	}
}

// enterprise is a form that is whole.
func enterprise(name string) epp.Enterprise {
	return epp.Enterprise{Type: "2", CreditCode: "91110000MA0000000X", NameCn: name, Province: "110000", City: "110100", AddressCn: "somewhere",
		Contact: epp.Contact{Name: "Li", Email: "li@example.com", Phone: "13800000000"}, LegalPerson: epp.LegalPerson{Name: "Wang", IDType: epp.IDResident, IDNo: "110101199001011234"}}
}

func (b *bench) epp() *client.Client {
	b.t.Helper()
	c, err := client.NewHTTP(b.http.URL+eppPath, client.HTTPOptions{Signer: b.signer})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// next polls until a message is there.
func (b *bench) next(c *client.Client) *client.Message {
	b.t.Helper()
	for range 500 {
		m, err := c.Poll(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		if m != nil {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatal("no message comes")
	return nil
}

// TestOnboarding: an enterprise and a prefix are applied for, decided, and told; orders are told as well. What waits survives a restart.
func TestOnboarding(t *testing.T) {
	b := newBench(t, "# the auditor\nAlice pass\n88.1021.66* fail unlucky\n")
	c, ctx := b.epp(), t.Context()
	id, waits, err := c.CreateEnt(ctx, epp.CreateEnt{SHRPrefix: "88.1021", Ent: enterprise("Alice")})
	if err != nil || !waits {
		t.Fatal(id, waits, err)
	}
	m := b.next(c)
	if audit, ok := m.Data.(*epp.EntAudit); !ok || audit.EntID != id || audit.Result != epp.AuditPassed {
		t.Fatalf("%+v", m.Data)
	}
	if _, err := c.Ack(ctx, m.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.CreateEnt(ctx, epp.CreateEnt{SHRPrefix: "88.1021", Ent: enterprise("Alice")})
	if e, ok := errors.AsType[*epp.Error](err); !ok || e.Code != epp.CodeExists {
		t.Errorf("once more: %v", err)
	}
	if _, err := c.CreatePrefix(ctx, epp.CreatePrefix{SHRPrefix: "88.1021", EntID: id, Prefix: "88.1021.660"}); err != nil {
		t.Fatal(err)
	}
	m = b.next(c)
	if audit, ok := m.Data.(*epp.PrefixAudit); !ok || audit.Prefix != "88.1021.660" || audit.Result != epp.AuditFailed || audit.Reason != "unlucky" {
		t.Fatalf("%+v", m.Data)
	}
	b.end()
	b.start()
	c = b.epp()
	if m = b.next(c); m.Data.(*epp.PrefixAudit).Reason != "unlucky" {
		t.Fatalf("after a restart: %+v", m.Data)
	}
	if _, err := c.Ack(ctx, m.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreatePrefix(ctx, epp.CreatePrefix{SHRPrefix: "88.1021", EntID: id, Prefix: "88.1021.150"}); err != nil {
		t.Fatal(err)
	}
	if status, text := b.call("GET", "/control/pending", ""); status != 200 || text != `["88.1021.150"]` {
		t.Errorf("pending: %d %s", status, text)
	}
	if status, text := b.call("POST", "/control/decide", `{"id":"88.1021.150","pass":true}`); status != 200 {
		t.Errorf("decide: %d %s", status, text)
	}
	m = b.next(c)
	if audit := m.Data.(*epp.PrefixAudit); audit.State != epp.StateNormal || audit.Result != epp.AuditPassed {
		t.Errorf("%+v", audit)
	}
	if _, err := c.Ack(ctx, m.ID); err != nil {
		t.Fatal(err)
	}
	if status, text := b.call("POST", "/control/orders", `{"node":"88.1021","order":"suspend","prefix":"88.1021.150","reason":"by court"}`); status != 200 {
		t.Fatalf("order: %d %s", status, text)
	}
	if audit := b.next(c).Data.(*epp.PrefixAudit); audit.State != epp.StateSuspended || audit.Reason != "by court" {
		t.Errorf("%+v", audit)
	}
	r, err := http.NewRequestWithContext(ctx, "GET", b.http.URL+"/orders?after=0&wait=5", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.signer.Sign(r, nil); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var o Order
	if err := json.NewDecoder(resp.Body).Decode(&o); err != nil || o.Order != "suspend" || o.Prefix != "88.1021.150" || o.Seq != 1 {
		t.Errorf("%+v %v", o, err)
	}
	for path, body := range map[string]string{"/control/orders": `{"node":"88.9","order":"suspend","prefix":"88.9.1"}`, "/control/decide": `{"unknown":1}`, "/control/faults": `{"mode":"lazy"}`} {
		if status, text := b.call("POST", path, body); status != 400 {
			t.Errorf("%s %s: %d %s", path, body, status, text)
		}
	}
}

// TestFaults: the node misbehaves as it is told.
func TestFaults(t *testing.T) {
	b := newBench(t, "")
	fault := func(body string) {
		t.Helper()
		if status, text := b.call("POST", "/control/faults", body); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	fault(`{"mode":"down"}`)
	if status, _ := b.call("POST", "/tables/M2", event(1)); status != 0 {
		t.Errorf("down: %d", status)
	}
	fault(`{"mode":"wrong"}`)
	for range 20 {
		if status, text := b.call("POST", "/tables/M2", event(1)); status == 200 && strings.Contains(text, `"acknowledged":1}`) {
			t.Errorf("wrong: %s", text)
		}
	}
	if len(b.Counts()) > 0 {
		t.Errorf("rows were taken: %v", b.Counts())
	}
	fault(`{"mode":"twice"}`)
	if status, _ := b.call("POST", "/tables/M2", event(1)); status != 0 || len(b.Rejected("88.1022", "M2")) != 1 {
		t.Errorf("twice: %d, %v", status, b.Counts())
	}
	fault(`{"mode":"slow","delay":"1ms"}`)
	if status, text := b.call("POST", "/tables/M2", event(1)); status != 200 || text != `{"acknowledged":1}` {
		t.Errorf("slow: %d %s", status, text)
	}
	fault(`{"mode":"none"}`)
	if status, _ := b.call("POST", "/tables/M2", event(1)); status != 200 {
		t.Errorf("none: %d", status)
	}
}

func TestParseRules(t *testing.T) {
	rules, err := ParseRules(strings.NewReader("# a comment\n\nA* pass\n88.1.* fail after 2s not yet\n"))
	want := []Rule{{Pattern: "A*", Pass: true}, {Pattern: "88.1.*", After: 2 * time.Second, Reason: "not yet"}}
	if err != nil || fmt.Sprint(rules) != fmt.Sprint(want) {
		t.Errorf("%v %v", rules, err)
	}
	for _, bad := range []string{"A", "A maybe", "[ pass", "A pass after soon"} {
		if _, err := ParseRules(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is a rule", bad)
		}
	}
}

// TestJournalCut: an entry that was broken off is dropped, one that is damaged is told.
func TestJournalCut(t *testing.T) {
	b := newBench(t, "")
	b.call("POST", "/tables/M2", event(1))
	b.end()
	j, err := openJournal(b.o.Dir, func(*entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.f.Write([]byte(`{"rows":{"node":`)); err != nil {
		t.Fatal(err)
	}
	j.close()
	b.start()
	if len(b.Rejected("88.1022", "M2")) != 1 {
		t.Errorf("%v", b.Counts())
	}
	if _, err := b.Top.journal.f.Write(bytes.Repeat([]byte("x\n"), 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := New(b.o); err == nil {
		t.Error("a damaged journal is taken")
	}
}
