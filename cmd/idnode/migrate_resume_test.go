package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// TestMigrateResumes: a migration that loses the node before a part, after it, or in between ends, when it is run again,
// as if nothing had happened.
func TestMigrateResumes(t *testing.T) {
	var text bytes.Buffer
	for i := range 12_000 {
		id := fmt.Sprintf("88.1021.77/r-%05d", i)
		if i%3000 == 7 {
			id = "99.9/foreign" // four rows are wrong, in different parts
		}
		fmt.Fprintf(&text, `{"handle":%q,"values":[{"index":1,"type":"URL","data":"https://example.com/%d","ttl":60,"timestamp":"2015-01-01T12:00:00Z"}]}`+"\n", id, i)
	}
	whole := startDaemon(t, t.TempDir())
	reference := writeFile(t, "dump.json", text.Bytes())
	whole.want(1, "12000: 11996 stored, 0 skipped", "migrate", "handle", "--allocate", reference)
	wantErrors, err := os.ReadFile(reference + ".errors.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	wantText := whole.want(0, "", "export", "--format", "handle")

	for _, c := range []struct {
		name   string
		part   int32 // that is lost
		stored bool  // it is stored all the same
	}{{"before the first part", 1, false}, {"after the first part", 1, true}, {"before the second", 2, false}, {"after the third", 3, true}} {
		t.Run(c.name, func(t *testing.T) {
			d := startDaemon(t, t.TempDir())
			to := &neturl.URL{Scheme: "http", Host: d.http}
			proxy := httputil.NewSingleHostReverseProxy(to)
			var parts atomic.Int32
			lossy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, ":import") || parts.Add(1) != c.part {
					proxy.ServeHTTP(w, r)
					return
				}
				if c.stored {
					proxy.ServeHTTP(httptest.NewRecorder(), r)
				}
				panic(http.ErrAbortHandler)
			}))
			defer lossy.Close()
			file := writeFile(t, "dump.json", text.Bytes())
			args := []string{"migrate", "handle", "--allocate", file}
			if code, out, errs := d.idctl("", append(args, "--server", lossy.URL)...); code != 1 || !strings.Contains(errs, "run it again") {
				t.Errorf("exit %d: %s%s", code, out, errs)
			}
			if _, err := os.Stat(file + ".migrate.json"); err != nil {
				t.Error(err)
			}
			if c.part > 1 {
				other := bytes.Replace(text.Bytes(), []byte("example.com/3\""), []byte("example.org/3\""), 1)
				if err := os.WriteFile(file, other, 0o600); err != nil {
					t.Fatal(err)
				}
				d.want(1, "is not what it was", args...)
				d.want(2, "other terms", append(args, "--mode", "upsert")...)
				if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			d.want(1, "12000: 11996 stored, 0 skipped\n  wrong      4\n", args...)
			got, err := os.ReadFile(file + ".errors.ndjson")
			if err != nil || strings.ReplaceAll(string(got), file, "") != strings.ReplaceAll(string(wantErrors), reference, "") {
				t.Errorf("%s, %v\nwant %s", got, err, wantErrors)
			}
			if _, err := os.Stat(file + ".migrate.json"); err == nil {
				t.Error("the state is still there")
			}
			if got := d.want(0, "", "export", "--format", "handle"); got != wantText {
				t.Error("the nodes are not equal")
			}
			d.want(1, "12000: 11996 the same, 0 different, 4 missing", "migrate", "handle", "--verify", file)
		})
	}
}
