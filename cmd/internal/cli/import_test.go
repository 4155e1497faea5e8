package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// importNode takes inputs as jobs, as a node does. It fails rows with the letters "bad" in them. It breaks off the connection
// in the first requests, as many as broken says, when it has read half of the input, and tells how far a job is as often as slow
// says before it has ended.
type importNode struct {
	mu           sync.Mutex // held by each request
	broken, slow int
	requests     int
	input        string
	query        string
	job          string
	rows         []string // that are good
	failed       []string
}

func (n *importNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == "POST" && r.URL.Path == "/v1/jobs":
		n.requests++
		n.query = r.URL.RawQuery
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "zstd" {
			z, err := zstd.NewReader(r.Body)
			if err != nil {
				panic(err)
			}
			defer z.Close()
			body = z
		}
		if n.requests <= n.broken {
			io.CopyN(io.Discard, body, 1000)
			panic(http.ErrAbortHandler)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return // it was not sent to its end
		}
		n.take(string(text))
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, n.told())
	case strings.HasSuffix(r.URL.Path, "/events"):
		w.Header().Set("Content-Type", "text/event-stream")
		if n.slow > 0 {
			n.slow--
			fmt.Fprint(w, "event: progress\ndata: {\"id\":\"j1\",\"state\":\"running\",\"progress\":{\"done\":0.5}}\n\n")
			return // it breaks off
		}
		fmt.Fprintf(w, "event: end\ndata: %s\n\n", n.job)
	case strings.HasSuffix(r.URL.Path, "/rows"):
		if r.URL.Query().Get("status") != "failed" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(n.failed, ","))
	default:
		io.WriteString(w, n.told())
	}
}

// told is the job as it stands.
func (n *importNode) told() string {
	if n.slow > 0 {
		return `{"id":"j1","state":"running"}`
	}
	return n.job
}

// take runs the job of an input.
func (n *importNode) take(text string) {
	n.input, n.rows, n.failed = text, nil, nil
	total := 0
	for i, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		total++
		if strings.Contains(line, "bad") {
			n.failed = append(n.failed, fmt.Sprintf(`{"line":%d,"id":"88.1/bad","status":"failed","code":"invalid_value","detail":"it is bad"}`, i+1))
			continue
		}
		n.rows = append(n.rows, line)
	}
	n.job = fmt.Sprintf(`{"id":"j1","state":"done","summary":{"total":%d,"stored":%d,"skipped":0,"failed":%d}}`, total, total-len(n.failed), len(n.failed))
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
	const count = 40_017
	all := manyRecords(count)
	writeFile(t, "all.ndjson", all)
	writeFile(t, "all.ndjson.errors.ndjson", "from an earlier run")
	for _, args := range [][]string{
		{"all.ndjson", "--allocate"},
		{"all.ndjson", "--mode", "upsert"},
		{"-"},
	} {
		n.input, n.requests, n.slow = "", 0, 2
		out, errs, code := run(t, all, append([]string{"import", "--server", srv.URL}, args...)...)
		if code != exitDone || errs != "" || !strings.HasPrefix(out, fmt.Sprintf("%s: %d rows: %d stored, 0 skipped, 0 failed in ", args[0], count, count)) {
			t.Errorf("import %v: exit %d, out %q, err %q", args, code, out, errs)
		}
		if n.input != all || n.requests != 1 {
			t.Errorf("import %v: the node got %d octets in %d requests, want all %d in one", args, len(n.input), n.requests, len(all))
		}
	}
	if n.query != "format=ndjson&mode=create&name=-" {
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
	const want = `{"line":4,"id":"88.1/b","status":"failed","code":"invalid_value","detail":"index \"none\" is no number from 1 to 2147483647"}` + "\n" +
		`{"line":5,"id":"88.1/bad","status":"failed","code":"invalid_value","detail":"it is bad"}` + "\n"
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
	all := "\n" + manyRecords(20_000)
	writeFile(t, "all.ndjson", all+"no record: bad\n")
	n := &importNode{broken: 1}
	srv := httptest.NewServer(n)
	defer srv.Close()
	out, errs, code := run(t, "", "import", "all.ndjson", "--server", srv.URL)
	n.mu.Lock()
	if code != exitFailed || !strings.Contains(out, " 20000 stored") || !strings.Contains(errs, "sent again in 1s, which is safe") || n.requests != 2 || n.input != all+"no record: bad\n" {
		t.Errorf("a connection that breaks off: exit %d, out %q, err %q, %d requests", code, out, errs, n.requests)
	}
	n.broken, n.requests = 1, 0
	n.mu.Unlock()
	_, errs, code = run(t, all, "import", "-", "--server", srv.URL)
	n.mu.Lock()
	if code != exitFailed || n.requests != 1 || !strings.Contains(errs, "run it again, which is safe") {
		t.Errorf("standard input that breaks off: exit %d, err %q, %d requests", code, errs, n.requests)
	}
	n.mu.Unlock()

	for _, tc := range []struct {
		name, answer string
		status, code int
		says         string
	}{
		{"denied", `{"code":"forbidden","detail":"readers may not"}`, 403, exitDenied, "forbidden: readers may not; nothing is registered"},
		{"no answer", "", 200, exitFailed, "not what idctl knows"},
		{"half an answer", `{"id":"j1"`, 200, exitFailed, "not what idctl knows"},
		{"failed", `{"id":"j1","state":"failed","error":{"code":"too_large","detail":"too many rows"}}`, 200, exitFailed, "too_large: too many rows"},
		{"cancelled", `{"id":"j1","state":"cancelled"}`, 200, exitFailed, "cancelled"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
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
