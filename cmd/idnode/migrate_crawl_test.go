package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// TestMigrateCrawl: what an SNMS has, here the surface of another node, is fetched though it fails now and then and
// forgets its tokens, and goes in; a crawl that was interrupted goes on.
func TestMigrateCrawl(t *testing.T) {
	old, d := startDaemon(t, t.TempDir()), startDaemon(t, t.TempDir())
	old.want(0, "3 stored", "migrate", "snms", "--allocate", "--public", writeFile(t, "saved.json", []byte(snmsTemplate+
		snmsDetail("88.1021.60/1", "A1")+snmsDetail("88.1021.60/2", "A2")+snmsDetail("88.1021.60/三", "A3"))))
	var calls, down atomic.Int32
	proxy := httputil.NewSingleHostReverseProxy(&neturl.URL{Scheme: "http", Host: old.http})
	snms := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		switch {
		case down.Load() > 0 && n > down.Load():
			panic(http.ErrAbortHandler)
		case n%5 == 2:
			w.WriteHeader(http.StatusGatewayTimeout)
		case n%5 == 3 && r.Method == http.MethodGet:
			w.Write([]byte(`{"message":"未登录","status":-1,"data":null}`))
		case n%5 == 4 && r.Method == http.MethodGet:
			w.Write([]byte(`{"message":"系统繁忙","status":-1,"data":null}`))
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	defer snms.Close()
	_, rest, _ := strings.Cut(old.key, "_")
	id, secret, _ := strings.Cut(rest, "_")
	list := writeFile(t, "list.txt", []byte("\uFEFF# of the old one\r\n88.1021.60/1\r\n\r\n88.1021.60/2\n88.1021.60/三\n88.1021.60/2\n88.1021.60/none\n"))
	args := []string{"migrate", "snms", "--from", snms.URL, "--username", id, "--password-file", writeFile(t, "pw", []byte(secret)), "--handles", list,
		"--concurrency", "2", "--retry-pause", "1ms", "--attempts", "20", "--allocate"}

	down.Store(6) // then nothing more comes
	d.want(1, "fetch ", append(args, "--attempts", "2", "--dry-run")...)
	spool := list + ".spool.ndjson"
	if f, err := os.OpenFile(spool, os.O_APPEND|os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	} else { // the process was killed while it wrote
		f.WriteString(`{"crawl":"handle 88.1021.60/2","mess`)
		f.Close()
	}
	down.Store(0)
	d.want(1, "88.1021.60/none: invalid_request: status: the answer is an error, -2", append(args, "--dry-run")...)
	before := calls.Load()
	d.want(1, "templates  1: 1 new, 0 the same, 0 different\n  records    3: 3 stored, 0 skipped\n  wrong      1\n", args...)
	if calls.Load() != before {
		t.Errorf("%d calls for what is in the spool", calls.Load()-before)
	}
	for _, h := range []string{"88.1021.60/1", "88.1021.60/三"} {
		a := old.must(200, old.key, "GET", "/v1/identifiers?id="+neturl.QueryEscape(h), nil)
		b := d.must(200, d.key, "GET", "/v1/identifiers?id="+neturl.QueryEscape(h), nil)
		if a["template"] != b["template"] || len(a["values"].([]any)) != len(b["values"].([]any)) {
			t.Errorf("%v, want %v", b, a)
		}
	}

	wrong := append(args[:len(args):len(args)], "--spool", spool+".2", "--password-file", writeFile(t, "pw", []byte("wrong")))
	d.want(1, "用户名/密码错误", wrong...)
	d.want(1, "is no spool", append(args, "--spool", list)...)
	d.want(2, "--from needs", "migrate", "snms", "--from", snms.URL)
	d.want(2, "name files", "migrate", "snms")
}
