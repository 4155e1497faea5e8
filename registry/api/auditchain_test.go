package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/storage"
)

// chained runs the follower until all that was written is in the chain, and returns the number of the last entry.
func (s *site) chained() uint64 {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() { s.audit.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	entries := 0
	if err := s.store.Scan(s.t.Context(), storage.TableRange(storage.TableAudit), func([]byte, storage.Item) error { entries++; return nil }); err != nil {
		s.t.Fatal(err)
	}
	want := fmt.Sprint(entries)
	for deadline := time.Now().Add(20 * time.Second); s.call("op", "GET", "/v1/audit/head", "").want(200).field("n") != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("of %s entries are chained: %s", want, s.call("op", "GET", "/v1/audit/head", "").body)
		}
	}
	return uint64(entries)
}

// TestAuditChain: all that is audited is chained, log-ins that failed too, and can be exported and verified
// by those who may.
func TestAuditChain(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		s.chained()
		s.call("a", "POST", "/v1/identifiers", body("88.100.1/x", "<&>\u2028")).want(201)
		s.call("a", "POST", "/v1/identifiers:import", body("88.100.1/y", "1")+"\n"+body("88.100.1/z", "1")).want(200)
		s.call("op", "POST", "/v1/accounts", `{"username":"li.wei","password":"correct horse 9","enterprise":"`+s.ents["a"]+`","roles":["admin"]}`).want(201)
		s.call("nobody", "POST", "/v1/tokens", `{"username":"li.wei","password":"wrong"}`).want(401)
		s.call("nobody", "POST", "/v1/tokens", `{"username":"nobody","password":"wrong"}`).want(401)
		s.keys["admin"] = s.call("nobody", "POST", "/v1/tokens", `{"username":"li.wei","password":"correct horse 9"}`).want(200).field("token")
		s.keys["auditor"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"self","role":"auditor"}`).want(201).field("key")
		n := s.chained()

		head := s.call("auditor", "GET", "/v1/audit/head", "").want(200)
		export := s.call("auditor", "GET", "/v1/audit:export", "").want(200)
		if ct := export.header.Get("Content-Type"); ct != "application/x-ndjson" {
			t.Errorf("content type %q", ct)
		}
		kept, err := auditchain.ParseHead(head.field("n") + ":" + head.field("hash"))
		if err != nil {
			t.Fatal(err)
		}
		from, last, err := auditchain.Verify(strings.NewReader(export.body), kept)
		if err != nil || from.N != 0 || last.N != n {
			t.Errorf("export: %+v, %+v, %v", from, last, err)
		}
		for _, op := range []string{"import", "identifier.create", "account.loginFailed", "account.login", "apikey.create"} {
			if !strings.Contains(export.body, `"op":"`+op+`"`) {
				t.Errorf("the export has no %s", op)
			}
		}
		if r := s.call("op", "GET", "/v1/audit:verify", "").want(200); r.field("verified") != "true" || r.field("head.n") != fmt.Sprint(n) || r.field("unchained") != "0" {
			t.Errorf("verify: %s", r.body)
		}
		part := s.call("op", "GET", "/v1/audit:export?from=3&to=4&format=ndjson", "").want(200)
		if from, last, err := auditchain.Verify(strings.NewReader(part.body)); err != nil || from.N != 2 || last.N != 4 {
			t.Errorf("part: %+v, %+v, %v", from, last, err)
		}
		tomorrow := url.QueryEscape(time.Now().Add(24 * time.Hour).Format(time.RFC3339))
		part = s.call("op", "GET", "/v1/audit:export?from="+tomorrow, "").want(200)
		if from, last, err := auditchain.Verify(strings.NewReader(part.body)); err != nil || from.N != n || last.N != n {
			t.Errorf("part of tomorrow: %+v, %+v, %v", from, last, err)
		}
		if h := s.call("op", "HEAD", "/v1/audit:export", "").want(200); h.body != "" {
			t.Errorf("HEAD: %q", h.body)
		}

		for _, path := range []string{"/v1/audit/head", "/v1/audit:export", "/v1/audit:verify"} {
			for _, who := range []string{"a", "reader", "admin"} {
				s.call(who, "GET", path, "").wantProblem(403, "forbidden")
			}
			s.call("nobody", "GET", path, "").wantProblem(401, "unauthenticated")
			s.call("op", "POST", path, "").wantProblem(405, "method_not_allowed")
		}
		for _, query := range []string{"from=0", "from=yesterday", "to=-1", "to=2026-01-01", "format=csv"} {
			s.call("op", "GET", "/v1/audit:export?"+query, "").wantProblem(400, "invalid_request")
		}
		s.call("admin", "GET", "/v1/audit", "").want(200) // which is as it was

		var b storage.Batch
		b.Set(storage.AuditKey(time.Now().Add(-time.Hour), [8]byte{}), []byte(`{"op":"never"}`))
		if _, err := s.store.Apply(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if r := s.call("op", "GET", "/v1/audit:verify", "").want(200); r.field("verified") != "false" || r.field("unchained") != "1" || r.field("strangers.0.key") == "" {
			t.Errorf("verify: %s", r.body)
		}
		// The first entry is damaged in the middle of the export: it is exported as it is.
		if err := s.store.Scan(t.Context(), storage.TableRange(storage.TableChain), func(_ []byte, item storage.Item) error {
			b.Reset()
			b.Set(append([]byte(nil), item.Value[:17]...), []byte("damaged"))
			return storage.Stop
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.store.Apply(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		export = s.call("op", "GET", "/v1/audit:export", "").want(200)
		_, _, err = auditchain.Verify(strings.NewReader(export.body))
		if p, ok := errors.AsType[*auditchain.Problem](err); !ok || p.Kind != auditchain.Changed || p.N != 1 || !strings.Contains(export.body, `"end"`) {
			t.Errorf("damaged: %v", err)
		}
		if r := s.call("op", "GET", "/v1/audit:verify", "").want(200); r.field("problem.kind") != "changed" || r.field("problem.n") != "1" || r.field("problem.detail") == "" {
			t.Errorf("verify: %s", r.body)
		}
	})
}

// TestAuditExportGone: a client that goes in the middle of an export ends it.
func TestAuditExportGone(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		pad := strings.Repeat("x", 200)
		for i := range 300 {
			s.call("a", "POST", "/v1/identifiers", body(fmt.Sprintf("88.100.1/%d-%s", i, pad), "1")).want(201)
		}
		s.chained()
		u, _ := url.Parse(s.url)
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /v1/audit:export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", s.keys["op"])
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Errorf("%q, %v", line, err)
		}
		conn.Close()
		s.call("a", "POST", "/v1/identifiers", body("88.100.1/after", "1")).want(201)
	})
}
