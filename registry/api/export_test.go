package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// fetch gets an archive as it comes over the wire.
func (s *site) fetch(who, target, accept string) (*http.Response, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", s.url+target, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.keys[who])
	req.Header.Set("Accept-Encoding", accept) // also: the client does not unpack it
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, body
}

// TestExport: archives in every packing, for an enterprise's admin also once it is suspended.
func TestExport(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		s.keys["admin"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin"}`).want(201).field("key")
		for i := range 20 {
			s.call("a", "POST", "/v1/identifiers", fmt.Sprintf(`{"id":"88.100.1/%d","values":[{"index":1,"type":"URL","data":"u"}]}`, i)).want(201)
		}
		s.call("op", "POST", "/v1/enterprises/"+s.ents["a"]+":suspend", `{"reason":"leaves"}`).want(200)
		own := "/v1/enterprises/" + s.ents["a"] + ":export"
		for _, tc := range []struct{ target, accept, encoding, media string }{
			{own, "identity", "", "application/x-tar"},
			{own, "gzip", "gzip", "application/x-tar"},
			{own, "br, gzip;q=0.5, zstd", "zstd", "application/x-tar"},
			{own, "gzip;q=0", "", "application/x-tar"},
			{own + "?compression=gzip", "zstd", "", "application/gzip"},
			{own + "?compression=zstd", "gzip", "", "application/zstd"},
			{own + "?compression=none", "gzip", "", "application/x-tar"},
			{"/v1/prefixes:export?prefix=88.100.1", "gzip", "gzip", "application/x-tar"},
		} {
			resp, body := s.fetch("admin", tc.target, tc.accept)
			m, err := archive.Verify(bytes.NewReader(body))
			if resp.StatusCode != 200 || resp.Header.Get("Content-Encoding") != tc.encoding || resp.Header.Get("Content-Type") != tc.media || err != nil {
				t.Fatalf("%s, %s: %d %v, %v", tc.target, tc.accept, resp.StatusCode, resp.Header, err)
			}
			if m.Lines(archive.Records) != 20 || !strings.Contains(resp.Header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s: %+v", tc.target, m)
			}
		}
		s.call("admin", "GET", own+"?compression=rar", "").want(400)
		s.call("a", "GET", own, "").want(403)
		s.call("admin", "GET", "/v1/enterprises/"+s.ents["b"]+":export", "").want(403)
		s.call("op", "GET", "/v1/enterprises/e0:export", "").want(404)
		s.call("admin", "GET", "/v1/export", "").want(403)
		s.call("", "GET", own, "").want(401)
		s.call("op", "GET", "/v1/prefixes:export?prefix=88.100.1&after=x", "").want(400)
		s.call("op", "GET", "/v1/prefixes:export", "").want(400)
	})
}

// TestExportAbandoned: a client that goes away in the middle does not keep the place of its export.
func TestExportAbandoned(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	var rows strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&rows, `{"id":"88.100.1/%d","values":[{"index":1,"type":"URL","data":"%s"}]}`+"\n", i, strings.Repeat("x", 8000))
	}
	s.call("a", "POST", "/v1/identifiers:import", rows.String()).want(200)
	for range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/v1/export?compression=none", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.keys["op"])
		for {
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode == http.StatusTooManyRequests { // the ones before are being noticed
				resp.Body.Close()
				if resp.Header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				time.Sleep(10 * time.Millisecond)
				continue
			}
			if _, err := io.CopyN(io.Discard, resp.Body, 100); err != nil || resp.StatusCode != 200 {
				t.Fatalf("%d, %v", resp.StatusCode, err)
			}
			resp.Body.Close()
			break
		}
		cancel()
	}
}

// TestLoadArchive: what the answer of a load says, and who may load.
func TestLoadArchive(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	s.call("a", "POST", "/v1/identifiers", `{"id":"88.100.1/x","values":[{"index":1,"type":"URL","data":"u"}]}`).want(201)
	_, body := s.fetch("op", "/v1/enterprises/"+s.ents["a"]+":export?compression=zstd", "identity")
	_, plain := s.fetch("op", "/v1/enterprises/"+s.ents["a"]+":export", "identity")
	load := func(who, query string, body []byte, status int) []map[string]any {
		t.Helper()
		var lines []map[string]any
		a := s.call(who, "POST", "/v1/archives:load"+query, string(body), "Content-Type: application/octet-stream")
		a.want(status)
		for line := range strings.Lines(a.body) {
			var v map[string]any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err, line)
			}
			lines = append(lines, v)
		}
		return lines
	}
	if got := load("op", "", body, 200); len(got) != 1 || got[0]["status"] != "done" || got[0]["stored"] != 0.0 || got[0]["conflicts"] != 0.0 || got[0]["enterprise"] != s.ents["a"] {
		t.Errorf("where it is already: %v", got)
	}
	s.call("a", "PUT", "/v1/identifiers?id=88.100.1/x", `{"id":"88.100.1/x","values":[{"index":1,"type":"URL","data":"newer"}]}`).want(200)
	got := load("op", "?dryRun=true", body, 200)
	if len(got) != 2 || got[0]["status"] != "conflict" || got[0]["file"] != "records.ndjson" || got[0]["line"] != 1.0 || got[1]["conflicts"] != 1.0 {
		t.Errorf("where it is different: %v", got)
	}
	if got := load("op", "", []byte("no archive at all"), 400); got[0]["code"] != "invalid_request" {
		t.Errorf("no archive: %v", got)
	}
	if got := load("op", "", plain[:bytes.Index(plain, []byte("manifest.json"))], 200); got[len(got)-1]["status"] != "aborted" || got[len(got)-1]["code"] != "invalid_request" {
		t.Errorf("cut off: %v", got)
	}
	for at := 4; at < len(body); at += len(body) / 50 {
		damaged := bytes.Clone(body)
		damaged[at] ^= 0xff
		a := s.call("op", "POST", "/v1/archives:load?dryRun=true", string(damaged), "Content-Type: application/zstd")
		if !strings.Contains(a.body, "invalid_request") && !strings.Contains(a.body, `"done"`) {
			t.Errorf("octet %d of %d is another: %d %s", at, len(body), a.status, a.body)
		}
	}
	load("a", "", body, 403)
	load("op", "?dryRun=maybe", body, 400)
	s.call("op", "POST", "/v1/archives:load", "{}", "Content-Type: text/plain").want(415)
}

// TestPrefixMoveOverHTTP: the steps and their codes.
func TestPrefixMoveOverHTTP(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	s.keys["admin"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin"}`).want(201).field("key")
	record := `{"id":"88.100.1/x","values":[{"index":1,"type":"URL","data":"u"}]}`
	s.call("a", "POST", "/v1/identifiers", record).want(201)
	body := `{"prefix":"88.100.1","reason":"own node","service":{"ip":"192.0.2.7","tcp":2641}}`
	s.call("op", "POST", "/v1/prefixes:handover", body).want(409)
	s.call("a", "POST", "/v1/prefixes:freeze", body).want(403)
	s.call("admin", "POST", "/v1/prefixes:freeze", body).want(200)
	if code := s.call("a", "PUT", "/v1/identifiers?id=88.100.1/x", `{"values":[{"index":1,"type":"URL","data":"v"}]}`).want(409).field("code"); code != "frozen" {
		t.Errorf("code %s", code)
	}
	row := s.call("a", "POST", "/v1/identifiers:import?mode=upsert", `{"id":"88.100.1/y","values":[{"index":1,"type":"URL","data":"v"}]}`).want(200).body
	if !strings.Contains(row, `"code":"frozen"`) || !strings.Contains(row, "192.0.2.7") {
		t.Errorf("import: %s", row)
	}
	digest := s.call("reader", "GET", "/v1/prefixes:digest?prefix=88.100.1", "").want(200).field("content")
	s.call("b", "GET", "/v1/prefixes:digest?prefix=88.100.1", "").want(403)
	with := `{"prefix":"88.100.1","service":{"ip":"192.0.2.7","tcp":2641},"digest":"` + digest + `"}`
	s.call("admin", "POST", "/v1/prefixes:handover", with).want(403)
	s.call("op", "POST", "/v1/prefixes:handover", `{"prefix":"88.100.1","service":{"ip":"192.0.2.7"}}`).want(400)
	if mode := s.call("op", "POST", "/v1/prefixes:handover", with).want(200).field("mode"); mode != "delegated" {
		t.Errorf("mode %s", mode)
	}
	s.call("op", "POST", "/v1/prefixes:takeback", `{"prefix":"88.100.1"}`).want(200)
	s.call("a", "PUT", "/v1/identifiers?id=88.100.1/x", `{"values":[{"index":1,"type":"URL","data":"v"}]}`).want(200)
	s.call("admin", "POST", "/v1/prefixes:unfreeze", `{"prefix":"88.100.1"}`).want(200)
	s.call("op", "POST", "/v1/prefixes:freeze", `{"prefix":"88.100.9"}`).want(404)
}
