package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/nodepb"
)

// dial connects to the daemon's gRPC surface.
func (d *daemon) dial() *grpc.ClientConn {
	d.t.Helper()
	conn, err := grpc.NewClient(d.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	return conn
}

func bearer(ctx context.Context, key string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
}

// url is what the daemon answers for id over each transport, in the order http, api/handles, grpc,
// udp, tcp: the URL value, or the outcome in the transport's own words.
func (d *daemon) everywhere(id string) []string {
	d.t.Helper()
	var got []string
	for _, path := range []string{"/resolve?id=", "/api/handles/"} {
		_, out, err := d.call("", "GET", path+id, nil)
		if err != nil {
			d.t.Fatal(err)
		}
		var body struct {
			ResponseCode int
			Values       []struct {
				Type string
				Data any
			}
		}
		if err := json.Unmarshal(out, &body); err != nil {
			d.t.Fatalf("%s: %v in %s", path, err, out)
		}
		answer := strconv.Itoa(body.ResponseCode)
		for _, v := range body.Values {
			if v.Type == "URL" {
				if m, ok := v.Data.(map[string]any); ok {
					v.Data = m["value"]
				}
				answer = fmt.Sprint(v.Data)
			}
		}
		got = append(got, answer)
	}
	resp, err := nodepb.NewResolverClient(d.dial()).Resolve(d.t.Context(), &nodepb.ResolveRequest{Id: id})
	if err != nil {
		d.t.Fatal(err)
	}
	answer := resp.GetStatus().String()
	for _, v := range resp.GetRecord().GetValues() {
		if v.GetType() == "URL" {
			answer = string(v.GetData())
		}
	}
	got = append(got, answer)
	for _, network := range []string{"udp", "tcp"} {
		r, err := client.Resolve(d.t.Context(), network, d.handle, client.Request{Handle: id})
		if err != nil {
			d.t.Fatal(err)
		}
		answer := strconv.Itoa(int(r.Code))
		for _, v := range r.Values {
			if v.Type == "URL" {
				answer = string(v.Data)
			}
		}
		got = append(got, answer)
	}
	return got
}

func (d *daemon) expect(id string, want ...string) {
	d.t.Helper()
	if got := d.everywhere(id); !slices.Equal(got, want) {
		d.t.Errorf("%s: got %q over http, api/handles, grpc, udp, tcp; want %q", id, got, want)
	}
}

// TestMainJob walks through a node's main job: an enterprise gets a prefix and registers; everybody
// resolves over every transport; another enterprise cannot touch it; it is changed, revoked,
// restored; the node stops and starts, and nothing is forgotten.
func TestMainJob(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	_, alice := d.tenant("Alice Bearings", "88.1021.150")
	_, mallory := d.tenant("Mallory Ltd", "88.1021.666")
	const id = "88.1021.150/SN-001"
	d.expect(id, "100", "100", "NOT_FOUND", "100", "100")
	d.must(201, alice, "POST", "/v1/identifiers", record(id, "https://example.com/1"))
	first := "https://example.com/1"
	d.expect(id, first, first, first, first, first)
	d.expect("88.1021.150/sn-001", first, first, first, first, first)

	// Another enterprise: 403 for everything, and nothing changes.
	for _, try := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/v1/identifiers", record("88.1021.150/SN-002", "https://evil")},
		{"PUT", "/v1/identifiers?id=" + id, record(id, "https://evil")},
		{"PATCH", "/v1/identifiers?id=" + id, map[string]any{"values": []any{map[string]any{"index": 1, "type": "URL", "data": "https://evil"}}}},
		{"DELETE", "/v1/identifiers?id=" + id + "&reason=mine", nil},
	} {
		if got := d.must(403, mallory, try.method, try.path, try.body); got["code"] != "not_your_namespace" {
			t.Errorf("%s: got code %v, want not_your_namespace", try.method, got["code"])
		}
	}
	_, err := nodepb.NewRegistryClient(d.dial()).Revoke(bearer(t.Context(), mallory), &nodepb.RevokeRequest{Id: id, Reason: "mine"})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("gRPC revoke by a stranger: got %v, want PermissionDenied", err)
	}
	d.expect(id, first, first, first, first, first)
	d.expect("88.1021.150/SN-002", "100", "100", "NOT_FOUND", "100", "100")

	second := "https://example.com/2"
	d.must(200, alice, "PUT", "/v1/identifiers?id="+id, record(id, second), "If-Match", `"1"`)
	d.expect(id, second, second, second, second, second)
	if got := d.must(412, alice, "PUT", "/v1/identifiers?id="+id, record(id, "https://old"), "If-Match", `"1"`); got["current"] != 2.0 || got["expected"] != 1.0 {
		t.Errorf("412: got %v, want current 2 and expected 1", got)
	}
	d.must(200, alice, "DELETE", "/v1/identifiers?id="+id+"&reason=scrapped&successor=88.1021.150/SN-9", nil)
	d.expect(id, "100", "100", "REVOKED", "100", "100")
	if got := d.must(410, "", "GET", "/resolve?id="+id, nil); got["reason"] != "scrapped" || got["successor"] != "88.1021.150/SN-9" {
		t.Errorf("tombstone: got %v", got)
	}
	d.must(409, alice, "POST", "/v1/identifiers", record(id, second))
	d.must(200, alice, "POST", "/v1/identifiers:restore?id="+id, nil)
	d.expect(id, second, second, second, second, second)

	// Suspension of the namespace takes effect at once, everywhere.
	d.must(200, d.key, "POST", "/v1/prefixes:suspend", map[string]any{"scheme": "handle", "prefix": "88.1021.150", "reason": "unpaid"})
	d.expect(id, "100", "100", "SUSPENDED", "100", "100")
	d.must(200, d.key, "POST", "/v1/prefixes:activate", map[string]any{"scheme": "handle", "prefix": "88.1021.150"})
	d.expect(id, second, second, second, second, second)

	// A delegated prefix: referral below it, the enterprise's site for itself.
	enterprise := d.must(201, d.key, "POST", "/v1/enterprises", map[string]any{"name": "Own Node AG"})["id"]
	d.must(201, d.key, "POST", "/v1/prefixes", map[string]any{"scheme": "handle", "prefix": "88.1021.77", "enterprise": enterprise,
		"mode": "delegated", "service": map[string]any{"ip": "192.0.2.77", "tcp": 2641, "udp": 2641}})
	d.expect("88.1021.77/x", "303", "303", "REFERRAL", "303", "303")
	d.expect("88.1021.77", "1", "1", "FOUND", "1", "1")
	site, err := client.Resolve(t.Context(), "tcp", d.handle, client.Request{Handle: "88.1021.77", Types: []string{"HS_SITE"}})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := handle.ParseSite(site.Values[0].Data)
	if err != nil || parsed.Servers[0].Addr.String() != "192.0.2.77" {
		t.Errorf("site of a delegated prefix: got %+v, %v", parsed, err)
	}
	d.expect("99.1234/abc", "301", "301", "NOT_RESPONSIBLE", "301", "301")

	d.stop()
	d = startDaemon(t, dir)
	d.expect(id, second, second, second, second, second)
	d.must(201, alice, "POST", "/v1/identifiers", record("88.1021.150/after-restart", first))
	d.stop()
}

// TestSiteOfTheNode: a client that asks for site information can use the address it is told.
func TestSiteOfTheNode(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	info, err := client.GetSiteInfo(t.Context(), "udp", d.handle)
	if err != nil {
		t.Fatal(err)
	}
	server := info.Site.Servers[0]
	if got := fmt.Sprintf("%s:%d", server.Addr, server.Interfaces[0].Port); got != d.handle {
		t.Errorf("the site tells %s, the node listens on %s", got, d.handle)
	}
	if server.Interfaces[0].Protocol != handle.TransportTCP {
		t.Errorf("first interface %v, want TCP", server.Interfaces[0])
	}
	own, err := client.Resolve(t.Context(), "tcp", d.handle, client.Request{Handle: "88.1021"})
	if err != nil || own.Code != handle.RcodeSuccess || own.Values[0].Type != "HS_SITE" {
		t.Errorf("the node's own prefix: got %+v, %v", own, err)
	}
	d.stop()
}

// TestOperatorsSide: health, readiness, metrics that keep to the conventions and add up.
func TestOperatorsSide(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	d.tenant("Alice", "88.1021.150")
	d.must(201, d.key, "POST", "/v1/identifiers", record("88.1021.150/x", "u"))
	for range 20 {
		d.expect("88.1021.150/x", "u", "u", "u", "u", "u")
		d.expect("88.1021.150/y", "100", "100", "NOT_FOUND", "100", "100")
	}
	health, err := healthpb.NewHealthClient(d.dial()).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "idnode.v1.Resolver"})
	if err != nil || health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("gRPC health: got %v, %v", health, err)
	}
	front := d.http
	d.http = d.admin // the admin listener is asked by the same helper
	ready := d.must(200, "", "GET", "/readyz?verbose", nil)
	if ready["ready"] != true || ready["http"] != front || ready["handle"] != d.handle || ready["grpc"] != d.grpc || ready["admin"] != d.admin {
		t.Errorf("readyz: got %v", ready)
	}
	if code, out, err := d.call("", "GET", "/livez", nil); code != 200 || err != nil {
		t.Errorf("livez: got %d %s %v", code, out, err)
	}
	_, text, err := d.call("", "GET", "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "idnode_") {
			t.Errorf("metric %s: %s", p.Metric, p.Text)
		}
	}
	for _, name := range []string{"idnode_build_info", "idnode_cache_hits_total", "idnode_cache_bytes", "idnode_store_disk_bytes",
		"idnode_store_wal_fsync_duration_seconds", "idnode_registry_requests_total", "idnode_resolve_duration_seconds_bucket"} {
		if !bytes.Contains(text, []byte("\n"+name)) {
			t.Errorf("no metric %s", name)
		}
	}
	// Of the configuration that the command prints as the default: 1 GiB, 256 MiB and what goes with them.
	if limit := ((1<<30)+(256<<20)+(256<<20))/4*5 + (512 << 20); os.Getenv("GOMEMLIMIT") == "" && !bytes.Contains(text, fmt.Appendf(nil, "\ngo_gc_gomemlimit_bytes %v\n", float64(limit))) {
		t.Errorf("the memory limit is not %d", limit)
	}
	if bytes.Contains(text, []byte("88.1021")) {
		t.Error("a metric holds a prefix")
	}
	for try := 0; ; try++ { // what is answered is counted a moment later
		requests, responses := sums(text, "idnode_resolve_requests_total"), sums(text, "idnode_resolve_responses_total")
		if len(requests) >= 4 && maps.Equal(requests, responses) {
			break
		}
		if try == 100 {
			t.Fatalf("requests %v, responses %v: want the same for http, grpc, handle_udp and handle_tcp", requests, responses)
		}
		time.Sleep(20 * time.Millisecond)
		if _, text, err = d.call("", "GET", "/metrics", nil); err != nil {
			t.Fatal(err)
		}
	}
	d.stop()
}

// sums adds up a counter by its label proto.
func sums(text []byte, name string) map[string]float64 {
	total := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		labels, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if !ok || !strings.HasPrefix(labels, name+"{") {
			continue
		}
		_, rest, _ := strings.Cut(labels, `proto="`)
		proto, _, _ := strings.Cut(rest, `"`)
		f, err := strconv.ParseFloat(value, 64)
		if err == nil && f > 0 {
			total[proto] += f
		}
	}
	return total
}

// TestShutdownUnderLoad: who has been asked answers, also while the node goes.
func TestShutdownUnderLoad(t *testing.T) {
	d := startDaemon(t, t.TempDir(), "IDNODE_SHUTDOWN_LAME_DUCK=300ms")
	d.tenant("Alice", "88.1021.150")
	d.must(201, d.key, "POST", "/v1/identifiers", record("88.1021.150/x", "u"))
	stopped := make(chan struct{})
	go func() {
		time.Sleep(100 * time.Millisecond)
		d.stop()
		close(stopped)
	}()
	for answered := 0; ; answered++ {
		code, out, err := d.call("", "GET", "/resolve?id=88.1021.150/x", nil)
		if err != nil {
			<-stopped
			if !strings.Contains(err.Error(), "refused") && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "EOF") {
				t.Errorf("after %d answers: %v", answered, err)
			}
			return
		}
		if code != 200 {
			t.Fatalf("got %d %s while stopping", code, out)
		}
	}
}

// TestStopCutsSlowClients: who does not finish does not keep the node from ending in order.
func TestStopCutsSlowClients(t *testing.T) {
	d := startDaemon(t, t.TempDir(), "IDNODE_SHUTDOWN_DRAIN_TIMEOUT=300ms")
	for _, addr := range []string{d.http, d.handle, d.grpc} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begin := "POST /v1/identifiers:import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + d.key +
			"\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{"
		if _, err := conn.Write([]byte(begin)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(100 * time.Millisecond) // let the requests begin
	start := time.Now()
	d.stop()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
}
