package cli

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// importNode answers imports as a node does. It fails rows with the letters "bad" in them, and dies
// in the request after the first alive ones, when it has read half of it.
type importNode struct {
	alive    int
	requests int
	rows     []string
	query    string
}

func (n *importNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.requests++
	n.query = r.URL.RawQuery
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			panic(err)
		}
		body = z
	}
	if r.Header.Get("Content-Type") != "application/x-ndjson" {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	var failed, total int
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxRecord)
	for lines.Scan() {
		total++
		if n.alive > 0 && n.requests > n.alive && total > 10 {
			panic(http.ErrAbortHandler)
		}
		if strings.Contains(lines.Text(), "bad") {
			failed++
			fmt.Fprintf(w, `{"line":%d,"id":"88.1/bad","status":"failed","code":"invalid_value","detail":"it is bad"}`+"\n", total)
			continue
		}
		n.rows = append(n.rows, lines.Text())
	}
	fmt.Fprintf(w, `{"total":%d,"stored":%d,"skipped":0,"failed":%d}`+"\n", total, total-failed, failed)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func manyRecords(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"88.1/%d","values":[{"index":1,"type":"N","data":"x"}]}`+"\n", i+1)
	}
	return b.String()
}

func TestImport(t *testing.T) {
	t.Chdir(t.TempDir())
	n := &importNode{}
	srv := httptest.NewServer(n)
	defer srv.Close()
	const count = 2*partRows + 17
	all := manyRecords(count)
	writeFile(t, "all.ndjson", all)
	writeFile(t, "all.ndjson.errors.ndjson", "from an earlier run")
	for _, args := range [][]string{
		{"all.ndjson", "--allocate"},
		{"all.ndjson", "--gzip", "--mode", "upsert"},
		{"-"},
	} {
		n.rows, n.requests = nil, 0
		out, errs, code := run(t, all, append([]string{"import", "--server", srv.URL}, args...)...)
		if code != exitDone || errs != "" || !strings.HasPrefix(out, fmt.Sprintf("%s: %d rows: %d stored, 0 skipped, 0 failed in ", args[0], count, count)) {
			t.Errorf("import %v: exit %d, out %q, err %q", args, code, out, errs)
		}
		if got := strings.Join(n.rows, "\n") + "\n"; got != all || n.requests != 3 {
			t.Errorf("import %v: the node got %d rows in %d requests, want all %d in 3", args, len(n.rows), n.requests, count)
		}
	}
	if n.query != "mode=create" {
		t.Errorf("query %q", n.query)
	}
	if files, _ := os.ReadDir("."); len(files) != 1 {
		t.Errorf("files %v, want only the input", files)
	}
}

func TestImportFailures(t *testing.T) {
	t.Chdir(t.TempDir())
	srv := httptest.NewServer(&importNode{})
	defer srv.Close()
	writeFile(t, "in.csv", "id,index,type,data\n88.1/a,1,N,x\n88.1/a,2,N,y\n88.1/b,none,N,x\n88.1/bad,1,N,x\n88.1/bad,2,N,x\n88.1/c,1,N,x\n")
	out, errs, code := run(t, "", "import", "in.csv", "--server", srv.URL)
	if code != exitFailed || !strings.Contains(out, "4 rows: 2 stored, 0 skipped, 2 failed") {
		t.Errorf("exit %d, out %q", code, out)
	}
	for _, want := range []string{"line 4, 88.1/b: invalid_value", "line 5, 88.1/bad: invalid_value: it is bad", "in.csv.errors.ndjson"} {
		if !strings.Contains(errs, want) {
			t.Errorf("err %q lacks %q", errs, want)
		}
	}
	const want = `{"line":5,"id":"88.1/bad","status":"failed","code":"invalid_value","detail":"it is bad"}` + "\n" +
		`{"line":4,"id":"88.1/b","status":"failed","code":"invalid_value","detail":"index \"none\" is no number from 1 to 2147483647"}` + "\n"
	if got, err := os.ReadFile("in.csv.errors.ndjson"); err != nil || string(got) != want {
		t.Errorf("errors file %q, %v; want %q", got, err, want)
	}
	out, _, code = run(t, "", "import", "in.csv", "--server", srv.URL, "-o", "json", "--errors", "e.ndjson")
	var sum struct {
		Total, Stored, Failed, LastLine int
		Errors                          string
	}
	if err := json.Unmarshal([]byte(out), &sum); err != nil || code != exitFailed || sum.Total != 4 || sum.Failed != 2 || sum.Stored != 2 || sum.Errors != "e.ndjson" {
		t.Errorf("-o json: exit %d, %q, %v", code, out, err)
	}
}

func TestImportBreaksOff(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "all.ndjson", "\n"+manyRecords(2*partRows))
	srv := httptest.NewServer(&importNode{alive: 1})
	defer srv.Close()
	out, errs, code := run(t, "", "import", "all.ndjson", "--server", srv.URL)
	if code != exitFailed || !strings.Contains(out, fmt.Sprintf(" %d stored", partRows)) ||
		!strings.Contains(errs, fmt.Sprintf("rows up to line %d are confirmed", partRows+1)) || !strings.Contains(errs, "--mode skip-existing") {
		t.Errorf("a node that dies: exit %d, out %q, err %q", code, out, errs)
	}

	for _, tc := range []struct {
		name, answer string
		status, code int
		says         string
	}{
		{"denied", `{"code":"forbidden","detail":"readers may not"}`, 403, exitDenied, "forbidden: readers may not; no row is confirmed"},
		{"no summary", "", 200, exitFailed, "broke off"},
		{"half a summary", `{"total":4`, 200, exitFailed, "broke off"},
		{"another count", `{"total":1,"stored":1,"skipped":0,"failed":0}`, 200, exitFailed, "counted 1 rows"},
		{"aborted", `{"status":"aborted","code":"no_space","detail":"disk is full","stored":1,"skipped":0,"failed":0}`, 200, exitFailed, "no_space: disk is full"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(tc.status)
			_, _ = io.WriteString(w, tc.answer)
		}))
		_, errs, code := run(t, "{}\n{}\n", "import", "-", "--server", srv.URL)
		if code != tc.code || !strings.Contains(errs, tc.says) {
			t.Errorf("%s: exit %d, err %q; want %d, %q", tc.name, code, errs, tc.code, tc.says)
		}
		srv.Close()
	}

	writeFile(t, "broken.csv", "id,index,type,data\n88.1/a,1,N,x\n88.1/b,1,N,\"y\"z\n")
	srv2 := httptest.NewServer(&importNode{})
	defer srv2.Close()
	if _, errs, code := run(t, "", "import", "broken.csv", "--server", srv2.URL); code != exitFailed || !strings.Contains(errs, "line 3") {
		t.Errorf("broken CSV: exit %d, err %q", code, errs)
	}
	if _, errs, code := run(t, "", "import", "gone.ndjson", "--server", srv2.URL); code != exitFailed || !strings.Contains(errs, "gone.ndjson") {
		t.Errorf("no file: exit %d, err %q", code, errs)
	}
}

func TestList(t *testing.T) {
	t.Chdir(t.TempDir())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"items":[{"id":"88.1/a","version":1,"state":"active","values":[{"index":1,"type":"URL","data":"u"}]},{"id":"88.1/b","version":2,"state":"active","values":[]}],"next":"more"}`)
	}))
	defer srv.Close()
	out, errs, code := run(t, "", "list", "--limit", "2", "--server", srv.URL)
	if want := "88.1/a  v1  active  1 values  URL u\n88.1/b  v2  active  0 values  \n"; code != exitDone || out != want || !strings.Contains(errs, "--limit 0") {
		t.Errorf("list: exit %d, err %q, out\n%s\nwant\n%s", code, errs, out, want)
	}
}

// TestListBreaksOff: a list whose pages do not come is not taken for whole.
func TestListBreaksOff(t *testing.T) {
	next := "gone"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "gone" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = fmt.Fprintf(w, `{"items":[],"next":%q}`, next)
	}))
	defer srv.Close()
	for cursor, says := range map[string]string{"gone": "", "c1": "same page"} {
		next = cursor
		if _, errs, code := run(t, "", "list", "--limit", "0", "--server", srv.URL); code != exitFailed || !strings.Contains(errs, says) {
			t.Errorf("%s: exit %d, %q", cursor, code, errs)
		}
	}
}
