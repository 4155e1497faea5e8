package topnode

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/registry/topsync/eppadmin"
	"github.com/idnode/idnode/registry/topsync/jsonlines"
)

// obedient notes orders as a registrar carries them out.
type obedient struct {
	mu     sync.Mutex
	orders []string
	place  uint64
}

func (o *obedient) Obey(_ context.Context, q registry.Order) (*identifier.Namespace, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.orders = append(o.orders, string(q.Action)+" "+q.Prefix.Name+" "+q.Reason)
	o.place = max(o.place, q.Seq)
	return nil, nil
}

func (o *obedient) ObeyEnterprise(_ context.Context, q registry.EnterpriseOrder) (*registry.Enterprise, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.orders = append(o.orders, string(q.Action)+" "+q.CreditCode+" "+q.Reason)
	return nil, nil
}

func (o *obedient) OrderPlace(context.Context, string) (uint64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.place, nil
}

// wait waits until the orders are those.
func (o *obedient) wait(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range 1000 {
		o.mu.Lock()
		got = slices.Clone(o.orders)
		o.mu.Unlock()
		if slices.Equal(got, want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("orders %q, want %q", got, want)
}

func rowOf(table string, seq uint64, op topreport.Op, data string) topsync.Batch {
	return topsync.Batch{Table: table, Rows: []topreport.Row{{Table: table, Seq: seq, Key: "k", Op: op, Time: time.Unix(0, 0), Data: json.RawMessage(data)}}}
}

const (
	aliceSubject = `{"name":"Alice","nature":"2","certificateType":"1","certificateNumber":"91110000MA0000000X","province":"110000","city":"110100","address":"somewhere",` +
		`"contactName":"Li","contactEmail":"li@example.com","contactPhone":"13800000000","legalName":"Wang","legalIdType":"1","legalIdNumber":"110101199001011234"}`
	aliceRoute = `{"codeType":"vaa","prefix":"88.1021.150","ipType":"4","ip":"192.0.2.7","protocols":[{"protocol":"TCP","port":2641},{"protocol":"UDP","port":2641}]}`
)

// TestOverEPP: rows of enterprises and routes become applications, and what is decided takes effect.
func TestOverEPP(t *testing.T) {
	b := newBench(t, "Alice pass\n88.1021.* fail after 1s not now\n")
	code := "91110000MA0000000X"
	target, err := eppadmin.New(eppadmin.Options{Client: b.epp(), Prefix: "88.1021", PollEvery: 20 * time.Millisecond, Certificate: func(context.Context, identifier.Key) (string, error) { return code, nil },
		Certificates: func(context.Context) ([]string, error) { return []string{code}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	f := func(batch topsync.Batch, rejected string) {
		t.Helper()
		r, err := target.Push(t.Context(), batch)
		if err != nil || r.Acknowledged != batch.Rows[0].Seq || (rejected == "") != (len(r.Rejected) == 0) || rejected != "" && !strings.Contains(r.Rejected[0].Detail, rejected) {
			t.Errorf("%s %s: %+v, %v", batch.Table, batch.Rows[0].Op, r, err)
		}
	}
	if r, err := target.Push(t.Context(), rowOf("T7", 1, topreport.Add, aliceRoute)); err == nil || r.Acknowledged != 0 {
		t.Errorf("a prefix before its enterprise: %+v, %v", r, err)
	}
	f(rowOf("T6", 1, topreport.Add, aliceSubject), "")
	f(rowOf("T6", 1, topreport.Add, aliceSubject), "") // its answer was lost
	f(rowOf("T7", 1, topreport.Add, aliceRoute), "")
	f(rowOf("T7", 1, topreport.Add, aliceRoute), "")
	f(rowOf("T6", 2, topreport.Change, strings.Replace(aliceSubject, `"Alice"`, `"Alice Ltd"`, 1)), "")
	f(rowOf("T6", 3, topreport.Change, strings.Replace(aliceSubject, `"province":"110000"`, `"province":"x"`, 1)), "entProvinceCode")
	f(rowOf("T6", 4, topreport.Delete, aliceSubject), "portal")
	f(rowOf("T7", 2, topreport.Add, strings.Replace(aliceRoute, "88.1021.150", "88.9.1", 1)), "not under")
	f(rowOf("T9", 1, topreport.Add, "{}"), "")
	b.mu.Lock()
	if e, p := b.ents["E000001"], b.prefixes["88.1021.150"]; len(b.ents) != 1 || e.Name != "Alice Ltd" || p == nil || p.Route == nil || p.Route.TCP != 2641 {
		t.Errorf("%+v, %+v", e, p)
	}
	b.mu.Unlock()
	var o obedient
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		target.Follow(ctx, "top", &o, slog.New(slog.DiscardHandler))
		close(done)
	}()
	o.wait(t, "activate 91110000MA0000000X ", "suspend 88.1021.150 not now")
	cancel()
	<-done
	if m, err := b.epp().Poll(t.Context()); err != nil || m != nil {
		if audit, ok := m.Data.(*epp.EntAudit); !ok { // Alice Ltd waits for a decision by hand, and has no message
			t.Errorf("left: %+v, %v", audit, err)
		}
	}
}

// TestOrdersOverHTTP: orders are fetched as they are given, also those of before.
func TestOrdersOverHTTP(t *testing.T) {
	b := newBench(t, "")
	target, err := jsonlines.New(jsonlines.Options{URL: b.http.URL, Node: "88.1021", Signer: b.signer})
	if err != nil {
		t.Fatal(err)
	}
	give := func(order, reason string) {
		t.Helper()
		for _, node := range []string{"88.1022", "88.1021"} {
			if _, err := b.Give(Order{Node: node, Order: order, Prefix: node + ".150", Reason: reason}); err != nil {
				t.Fatal(err)
			}
		}
	}
	give("suspend", "by court")
	var o obedient
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		target.Follow(ctx, "top", &o, slog.New(slog.DiscardHandler))
		close(done)
	}()
	o.wait(t, "suspend 88.1021.150 by court")
	give("activate", "")
	o.wait(t, "suspend 88.1021.150 by court", "activate 88.1021.150 ")
	cancel()
	<-done
}
