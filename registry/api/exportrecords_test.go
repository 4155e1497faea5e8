package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// unpack undoes a packing.
func unpack(t *testing.T, how string, body []byte) string {
	t.Helper()
	var in io.Reader = bytes.NewReader(body)
	var err error
	switch how {
	case "gzip":
		in, err = gzip.NewReader(in)
	case "zstd":
		in, err = zstd.NewReader(in)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestExportRecords: the forms, the packings, and what the trailers say of them.
func TestExportRecords(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		for _, id := range []string{"88.100.1/a", "88.100.1/b", "88.100.1/gone", "88.100.2/x"} {
			s.call("op", "POST", "/v1/identifiers", `{"id":"`+id+`","values":[{"index":1,"type":"URL","data":"u"},{"index":2,"type":"B","data":{"format":"base64","value":"/wA="},"perms":"1100"}]}`).want(201)
		}
		s.call("op", "DELETE", "/v1/identifiers?id=88.100.1/gone&reason=scrapped", "").want(200)
		_, ndjson := s.fetch("a", "/v1/export?format=ndjson", "identity")
		if strings.Count(string(ndjson), "\n") != 2 || !bytes.HasPrefix(ndjson, []byte(`{"id":"88.100.1/a","scheme":"handle","values":[{"index":1,"type":"URL","data":"u","ttl":86400,"timestamp":"`)) {
			t.Errorf("exported\n%s", ndjson)
		}
		digest := func(body string) string {
			sum := sha256.Sum256([]byte(body))
			return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
		}
		for _, tc := range []struct{ query, accept, encoding, media, packed string }{
			{"format=ndjson", "identity", "", "application/x-ndjson", ""},
			{"format=ndjson", "gzip", "gzip", "application/x-ndjson", "gzip"},
			{"format=csv", "br, gzip;q=0.5, zstd", "zstd", "text/csv; charset=utf-8", "zstd"},
			{"format=csv&compression=gzip", "zstd", "", "application/gzip", "gzip"},
			{"format=ndjson&compression=zstd", "gzip", "", "application/zstd", "zstd"},
			{"format=ndjson&compression=none", "gzip", "", "application/x-ndjson", ""},
		} {
			resp, body := s.fetch("a", "/v1/export?"+tc.query, tc.accept)
			if resp.StatusCode != 200 || resp.Header.Get("Content-Encoding") != tc.encoding || resp.Header.Get("Content-Type") != tc.media {
				t.Fatalf("%s: %d %v", tc.query, resp.StatusCode, resp.Header)
			}
			text := unpack(t, tc.packed, body)
			got := fmt.Sprint(resp.Trailer)
			for name, want := range map[string]string{archive.TrailerDigest: digest(text), archive.TrailerContent: digest(string(ndjson)),
				archive.TrailerRecords: "2", archive.TrailerValues: "4", archive.TrailerRevoked: "1"} {
				if resp.Trailer.Get(name) != want {
					t.Errorf("%s: %s is not %s in %s", tc.query, name, want, got)
				}
			}
			if resp.Trailer.Get(archive.TrailerSeq) == "" || resp.Header.Get(archive.HeaderEnterprise) != s.ents["a"] || !strings.HasPrefix(resp.Header.Get(archive.HeaderNode), "handle:88.100, oid:") {
				t.Errorf("%s: %v %s", tc.query, resp.Header, got)
			}
			if _, err := time.Parse(time.RFC3339, resp.Header.Get(archive.HeaderTime)); err != nil {
				t.Error(err)
			}
			if lines := strings.Count(text, "\n"); lines != 2 && (lines != 5 || !strings.HasPrefix(text, "id,index,type,data,ttl,perms,timestamp,refs,scheme,template\n")) {
				t.Errorf("%s:\n%s", tc.query, text)
			}
		}
		for query, want := range map[string]string{"format=ndjson": "3", "format=ndjson&enterprise=" + s.ents["a"]: "2", "format=csv&prefix=88.100.2": "1", "format=csv&scheme=oid": "0"} {
			if resp, body := s.fetch("op", "/v1/export?"+query, ""); resp.Trailer.Get(archive.TrailerRecords) != want {
				t.Errorf("%s: %v, want %s records\n%s", query, resp.Trailer, want, body)
			}
		}
		if _, body := s.fetch("a", "/v1/export?format=ndjson&times=true&prefix=88.100.1/b", ""); !strings.Contains(string(body), `"created":"`) {
			t.Errorf("no times in %s", body)
		}
		if resp, body := s.fetch("op", "/v1/export", ""); resp.Header.Get("Content-Type") != "application/x-tar" {
			t.Errorf("without a format: %v %s", resp.Header, body)
		}
		s.call("op", "HEAD", "/v1/export?format=csv", "").want(200)
	})
}

func TestExportRecordsRefused(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	for query, field := range map[string]string{"format=xlsx": "format", "format=": "format", "format=csv&scheme=isbn": "scheme", "format=csv&times=true": "times", "format=ndjson&times=x": "times",
		"format=csv&compression=rar": "compression", "prefix=88.100.1": "prefix", "enterprise=e1": "enterprise", "scheme=handle": "scheme"} {
		if got := s.call("op", "GET", "/v1/export?"+query, "").wantProblem(400, "invalid_request").body; !strings.Contains(got, `"location":"`+field+`"`) && !strings.Contains(got, `"`+field+`"`) {
			t.Errorf("%s: %s", query, got)
		}
	}
	s.call("", "GET", "/v1/export?format=csv", "").wantProblem(401, "unauthenticated")
	s.call("a", "GET", "/v1/export?format=csv&enterprise="+s.ents["b"], "").wantProblem(403, "forbidden")
	s.call("op", "GET", "/v1/export?format=csv&enterprise=e0", "").wantProblem(404, "not_found")
	for scope, want := range map[string]int{"identifiers:read": 200, "enterprise:read": 403} {
		s.keys["limited"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"reader","scopes":["`+scope+`"]}`).want(201).field("key")
		s.call("limited", "GET", "/v1/export?format=csv", "").want(want)
	}
}

// TestExportRecordsAbandoned: a client that goes away in the middle does not keep the place of its export.
func TestExportRecordsAbandoned(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	var rows strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&rows, `{"id":"88.100.1/%d","values":[{"index":1,"type":"URL","data":"%s"}]}`+"\n", i, strings.Repeat("x", 8000))
	}
	s.call("a", "POST", "/v1/identifiers:import", rows.String()).want(200)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/v1/export?format=ndjson&compression=none", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.keys["a"])
		for {
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode == http.StatusTooManyRequests { // the ones before are being noticed
				resp.Body.Close()
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
