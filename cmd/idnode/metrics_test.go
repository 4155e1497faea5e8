package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/nodepb"
)

// gather is what the admin listener tells.
func (d *daemon) gather() map[string]*dto.MetricFamily {
	d.t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(d.scrape()))
	if err != nil {
		d.t.Fatal(err)
	}
	return families
}

// balance is, for each protocol, requests less responses, less what was dropped as a request, less what is in flight; and how
// many requests there were.
func balance(families map[string]*dto.MetricFamily) (off, requests map[string]float64) {
	off, requests = make(map[string]float64), make(map[string]float64)
	for name, sign := range map[string]float64{"idnode_resolve_requests_total": 1, "idnode_resolve_responses_total": -1, "idnode_resolve_dropped_total": -1, "idnode_inflight_requests": -1} {
		for _, m := range families[name].GetMetric() {
			labels := make(map[string]string)
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if name == "idnode_resolve_dropped_total" && labels["stage"] != "request" {
				continue
			}
			n := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			off[labels["proto"]] += sign * n
			if name == "idnode_resolve_requests_total" {
				requests[labels["proto"]] += n
			}
		}
	}
	return off, requests
}

// labelNames are the labels that metrics of the node may have, all of closed sets.
var labelNames = []string{"proto", "scheme", "op", "code", "source", "stage", "reason", "component", "kind", "layer", "route", "method", "state", "status",
	"result", "target", "table", "outcome", "socket", "version", "revision", "goversion", "goos", "goarch"}

// TestAccounting asks a node over all transports at once and holds what it tells to the accounting identity: for each
// protocol requests = responses + dropped as requests + in flight, exactly when nobody asks, and meanwhile as far as what is
// being counted allows. No label tells who was asked for, or by whom.
func TestAccounting(t *testing.T) {
	d := startDaemon(t, t.TempDir(), "IDNODE_LIMITS_UDP_BYTES_PER_SECOND=1", "IDNODE_LIMITS_UDP_BURST_BYTES=2000", "IDNODE_DNS_RESPONSES_PER_SECOND=50")
	enterprise, key := d.tenant("Alice", "88.1021.150")
	const id = "88.1021.150/SN-1"
	long := strings.Repeat("x", 900)
	d.must(201, key, "POST", "/v1/identifiers", record(id, long))
	name := owner(t, id)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conn := d.dial()
	short := dns.Client{Timeout: 50 * time.Millisecond} // it is limited: most get no answer
	tcp := dns.Client{Net: "tcp", Timeout: 5 * time.Second}
	ask := func(udp string) error {
		limited, stop := context.WithTimeout(ctx, 50*time.Millisecond)
		defer stop()
		_, err := client.Resolve(limited, udp, d.handle, client.Request{Handle: id})
		return err
	}
	asks := map[string]func() error{
		"http": func() error { _, _, err := d.call("", "GET", "/resolve?id="+id, nil); return err },
		"grpc": func() error {
			_, err := nodepb.NewResolverClient(conn).Resolve(ctx, &nodepb.ResolveRequest{Id: id})
			return err
		},
		"handle_tcp": func() error {
			_, err := client.Resolve(ctx, "tcp", d.handle, client.Request{Handle: id})
			return err
		},
		"handle_udp": func() error { _ = ask("udp"); return nil },
		"dns_udp": func() error {
			_, _, _ = short.ExchangeContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypeNAPTR), d.dns)
			return nil
		},
		"dns_tcp": func() error {
			_, _, err := tcp.ExchangeContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypeNAPTR), d.dns)
			return err
		},
	}
	const each = 4
	var asking sync.WaitGroup
	var failed atomic.Int64
	for _, f := range asks {
		for range each {
			asking.Go(func() {
				for ctx.Err() == nil {
					if err := f(); err != nil && ctx.Err() == nil {
						failed.Add(1)
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
	// What a collection finds half counted: requests that have begun, and a batch of datagrams of each socket and worker.
	slack := float64(each + 64*runtime.NumCPU() + 32)
	for begin := time.Now(); time.Since(begin) < 3*time.Second; time.Sleep(10 * time.Millisecond) {
		off, _ := balance(d.gather())
		for proto, n := range off {
			if math.Abs(n) > slack {
				t.Errorf("%s: requests and what became of them differ by %v under load", proto, n)
			}
		}
	}
	cancel()
	asking.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d questions failed", n)
	}
	http.DefaultClient.CloseIdleConnections()
	var families map[string]*dto.MetricFamily
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		families = d.gather()
		off, requests := balance(families)
		wrong := ""
		for proto := range asks {
			if off[proto] != 0 || requests[proto] < 20 {
				wrong += fmt.Sprintf(" %s: off by %v of %v;", proto, off[proto], requests[proto])
			}
		}
		if wrong == "" {
			t.Logf("requests: %v", requests)
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("at rest", wrong)
		}
	}
	limited := 0.0
	for _, m := range families["idnode_resolve_dropped_total"].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "reason" && l.GetValue() == "rrl" {
				limited += m.GetCounter().GetValue()
			}
		}
	}
	if limited == 0 {
		t.Error("nothing was limited: the test says nothing of drops")
	}

	var own []*dto.MetricFamily
	for name, family := range families {
		if !strings.HasPrefix(name, "idnode_") {
			continue
		}
		own = append(own, family)
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if !slices.Contains(labelNames, l.GetName()) {
					t.Errorf("%s has a label %s", name, l.GetName())
				}
				for _, secret := range []string{"88.1021", "SN-1", "127.0.0.1", enterprise, "Alice"} {
					if strings.Contains(l.GetValue(), secret) {
						t.Errorf("%s{%s=%q} holds an identifier, prefix, enterprise or address", name, l.GetName(), l.GetValue())
					}
				}
			}
		}
	}
	d.checkHot(id)
	problems, err := promlint.NewWithMetricFamilies(own).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
	d.stop()
}

// checkHot: the admin listener tells what is asked for most, which metrics may not.
func (d *daemon) checkHot(id string) {
	d.t.Helper()
	admin := &daemon{t: d.t, http: d.admin}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		a := admin.must(200, "", "GET", "/debug/hot", nil)
		lists := make(map[string]map[string]any)
		for _, name := range []string{"identifiers", "prefixes", "sources"} {
			list, _ := a[name].([]any)
			if len(list) > 20 {
				d.t.Fatalf("%d %s", len(list), name)
			}
			if len(list) > 0 {
				lists[name], _ = list[0].(map[string]any)
			}
		}
		if lists["identifiers"]["value"] == strings.ToLower(id) && lists["prefixes"]["value"] == "88.1021.150" && lists["sources"]["value"] == "127.0.0.1" {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("hot: %v", a)
		}
	}
}
