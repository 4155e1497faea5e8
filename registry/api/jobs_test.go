package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

const (
	jobsPath = "/v1/jobs"
	ndjson   = "Content-Type: application/x-ndjson"
	textCSV  = "Content-Type: text/csv"
	awaited  = "Prefer: wait=30"
)

// runJobs runs the jobs of s until the test ends.
func (s *site) runJobs() {
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() { s.jobs.Run(ctx); close(done) }()
	s.t.Cleanup(func() { cancel(); <-done })
}

func (a *answer) wantField(member, want string) *answer {
	a.t.Helper()
	if got := a.field(member); got != want {
		a.t.Errorf("%s: %s is %q, want %q: %s", a.what, member, got, want, a.body)
	}
	return a
}

// TestJob: an input is a job that can be watched, and whose mistakes can be mended and sent again.
func TestJob(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		input := body("88.100.1/a", "1") + "\n" + body("88.100.2/foreign", "2") + "\n{\n\n" + body("88.100.1/b", "3") + "\n"
		queued := s.call("a", "POST", jobsPath+"?name=night", input, ndjson).want(202).wantField("state", "queued").wantField("lines", "5").wantField("name", "night")
		at := queued.header.Get("Location")
		if at != jobsPath+"/"+queued.field("id") {
			t.Errorf("location %q", at)
		}
		if got := queued.header.Get("RateLimit"); !strings.HasPrefix(got, `"jobs";r=19, "rows";r=99999995;t=`) {
			t.Errorf("RateLimit: %s", got)
		}
		if got := queued.header.Get("RateLimit-Policy"); got != `"jobs";q=20, "rows";q=100000000;w=86400` {
			t.Errorf("RateLimit-Policy: %s", got)
		}
		s.call("a", "POST", jobsPath+"?name=night", input, ndjson).want(200).wantField("id", queued.field("id"))
		s.call("a", "POST", jobsPath+"?mode=upsert&dryRun=true", input, ndjson).want(202)
		s.call("a", "GET", at, "").want(200).wantField("progress.oldestPending.since", queued.field("created"))
		s.call("a", "GET", at+"/errors.csv", "").wantProblem(409, "invalid_state")
		s.call("a", "DELETE", at, "").wantProblem(409, "invalid_state")
		s.runJobs()
		end := s.events("a", at)
		if end[len(end)-1][0] != "end" || !strings.Contains(end[len(end)-1][1], `"summary":{"total":4,"stored":2,"skipped":0,"failed":2}`) {
			t.Errorf("events: %q", end)
		}
		s.call("a", "GET", at, "").want(200).wantField("state", "done").wantField("progress", "")
		s.call("a", "GET", "/v1/identifiers?id=88.100.1/b", "").want(200).wantField("values.0.data", "3")

		page := s.call("a", "GET", at+"/rows?limit=2", "").want(200).wantField("items.0.status", "stored").wantField("items.1.line", "2").wantField("items.1.code", "not_your_namespace").wantField("next", "2")
		s.call("a", "GET", at+"/rows?cursor="+page.field("next"), "").want(200).wantField("items.0.line", "3").wantField("items.0.code", "invalid_request").wantField("items.1.status", "stored").wantField("next", "")
		s.call("a", "GET", at+"/rows?status=failed,held", "").want(200).wantField("items.1.line", "3").wantField("items.2", "")
		for target, code := range map[string]string{"/rows?status=lost": "invalid_request", "/rows?cursor=x": "invalid_request", "/rows?limit=100000": "invalid_request"} {
			s.call("a", "GET", at+target, "").wantProblem(400, code)
		}

		lines := s.call("a", "GET", at+"/errors.ndjson", "").want(200)
		rejected := strings.Split(lines.body, "\n")
		if len(rejected) != 3 || !strings.HasPrefix(rejected[0], `{"error":{"line":2,"code":"not_your_namespace","detail":"`) || !strings.HasSuffix(rejected[0], strings.TrimPrefix(body("88.100.2/foreign", "2"), "{")) ||
			!strings.HasSuffix(rejected[1], `"text":"{"}}`) {
			t.Errorf("rejected: %s", lines.body)
		}
		mended := strings.ReplaceAll(rejected[0], "88.100.2/foreign", "88.100.1/mended")
		s.call("a", "POST", jobsPath, mended, ndjson, awaited).want(200).wantField("rows.0.status", "stored")
		table := s.call("a", "GET", at+"/errors.csv", "").want(200)
		cells, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(table.body, "\ufeff"))).ReadAll()
		if err != nil || len(cells) != 3 || strings.Join(cells[0], ",") != "record,error_line,error_code,error_detail" || cells[1][0] != body("88.100.2/foreign", "2") || cells[1][1] != "2" {
			t.Errorf("rejected: %q %v", table.body, err)
		}
		s.call("a", "POST", jobsPath, strings.ReplaceAll(table.body, "88.100.2/foreign", "88.100.1/again"), textCSV, awaited).want(200).wantField("rows.0.status", "stored").wantField("rows.1.code", "invalid_request")
		book := s.call("a", "GET", at+"/errors.xlsx", "").want(200)
		f, err := excelize.OpenReader(strings.NewReader(book.body))
		if err != nil {
			t.Fatal(err)
		}
		if rows, err := f.GetRows("Sheet1"); err != nil || len(rows) != 3 || rows[2][0] != "{" {
			t.Errorf("rejected: %q %v", rows, err)
		}
		s.call("a", "POST", jobsPath, book.body, "Content-Type: application/octet-stream", awaited).want(200).wantField("format", "xlsx").wantField("rows.0.code", "not_your_namespace")

		retried := s.call("a", "POST", at+":retry", "").want(202).wantField("parent", queued.field("id"))
		s.events("a", retried.header.Get("Location"))
		s.call("a", "GET", retried.header.Get("Location"), "").want(200).wantField("summary.total", "2").wantField("summary.failed", "2")

		// Of another enterprise, and of a credential that does not write.
		for _, target := range []string{"", "/rows", "/events", "/errors.csv"} {
			s.call("b", "GET", at+target, "").wantProblem(404, "not_found")
		}
		s.call("b", "POST", at+":retry", "").wantProblem(404, "not_found")
		s.call("b", "DELETE", at, "").wantProblem(404, "not_found")
		s.call("reader", "POST", jobsPath, input, ndjson).wantProblem(403, "forbidden")
		s.call("reader", "DELETE", at, "").wantProblem(403, "forbidden")
		s.call("a", "POST", jobsPath+"?enterprise="+s.ents["b"], input, ndjson).wantProblem(403, "forbidden")
		s.call("b", "GET", jobsPath, "").want(200).wantField("items.0", "")
		s.call("a", "GET", jobsPath+"?limit=1", "").want(200).wantField("items.0.parent", queued.field("id"))
		s.call("op", "GET", jobsPath+"?state=failed&enterprise="+s.ents["a"], "").want(200).wantField("items.0", "")

		s.call("a", "DELETE", at, "").want(204)
		s.call("a", "GET", at, "").wantProblem(404, "not_found")
		s.call("a", "GET", at+"/rows", "").wantProblem(404, "not_found")
		s.call("a", "POST", retried.header.Get("Location")+":cancel", "").wantProblem(409, "invalid_state")
	})
}

// events reads the events of a job, name and data each, to the end.
func (s *site) events(who, at string) (all [][2]string) {
	s.t.Helper()
	a := s.call(who, "GET", at+"/events", "").want(200)
	if got := a.header.Get("Content-Type"); got != "text/event-stream" {
		s.t.Errorf("content type %q", got)
	}
	for event := range strings.SplitSeq(strings.TrimSuffix(a.body, "\n\n"), "\n\n") {
		name, data, _ := strings.Cut(event, "\n")
		all = append(all, [2]string{strings.TrimPrefix(name, "event: "), strings.TrimPrefix(data, "data: ")})
	}
	return all
}

// form is a form with a file and, before or after it, fields.
func form(t *testing.T, name, content string, before, after map[string]string) (text, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	fields := func(all map[string]string) {
		for k, v := range all {
			w.WriteField(k, v)
		}
	}
	fields(before)
	file, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(file, content)
	fields(after)
	w.Close()
	return b.String(), "Content-Type: " + w.FormDataContentType()
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestJobInputs: what is sent as a table, packed, in GB18030 or in a form is read; what cannot be read is told.
func TestJobInputs(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	s.runJobs()
	s.call("op", "POST", "/v1/templates", `{"prefix":"88.100.1","name":"pump","content":{"fields":[{"name":"model","type":"string","index":2000,"required":true},{"name":"serial","type":"string","minLength":6,"index":2001}]}}`).want(201)
	s.call("op", "POST", "/v1/templates:publish", `{"prefix":"88.100.1","name":"pump"}`).want(200)

	values := "id,index,type,data,ttl,perms\n88.100.1/v1,1,URL,https://example.com/1,60,1110\n88.100.1/v1,2,NAME,泵,,\n88.100.1/v2,1,URL,u,x,\n88.100.1/v2,2,NAME,n,,\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(values)
	if err != nil {
		t.Fatal(err)
	}
	got := s.call("a", "POST", jobsPath, gb, textCSV, awaited).want(200).wantField("summary.stored", "1").wantField("rows.1.line", "4").wantField("rows.1.code", "invalid_value")
	s.call("a", "GET", "/v1/identifiers?id=88.100.1/v1", "").want(200).wantField("values.1.data", "泵").wantField("values.0.ttl", "60")
	rejected := s.call("a", "GET", jobsPath+"/"+got.field("id")+"/errors.csv", "").want(200).body
	if want := "\ufeffid,index,type,data,ttl,perms,error_line,error_code,error_detail\r\n88.100.1/v2,1,URL,u,x,,4,invalid_value,"; !strings.HasPrefix(rejected, want) || !strings.HasSuffix(rejected, "\r\n88.100.1/v2,2,NAME,n,,,,,\r\n") {
		t.Errorf("rejected: %q", rejected)
	}
	s.call("a", "POST", jobsPath, strings.Replace(rejected, ",x,", ",90,", 1), textCSV, awaited).want(200).wantField("summary.stored", "1").wantField("rows.0.status", "stored")
	s.call("a", "GET", "/v1/identifiers?id=88.100.1/v2", "").want(200).wantField("values.0.ttl", "90").wantField("values.1.data", "n")

	fields := "编号,型号,serial\n88.100.1/f1,P-1,000123\n88.100.1/f2,P-2,1.23457E+17\n88.100.1/f3,P-3,123\n88.100.1/f4,,000124\n"
	text, contentType := form(t, "泵.csv.gz", gzipped(t, fields), map[string]string{"template": "pump", "prefix": "88.100.1"}, map[string]string{"columns": `{"编号":"@id"}`, "column": "型号=model"})
	got = s.call("a", "POST", jobsPath, text, contentType, awaited).want(200).wantField("summary.stored", "1").wantField("summary.failed", "3").wantField("format", "csv").wantField("lines", "5").
		wantField("rows.1.code", "template_mismatch").wantField("rows.2.code", "template_mismatch").wantField("rows.3.code", "template_mismatch")
	for i, want := range []string{"scientific notation", "zeros before it may be lost", "model"} {
		if detail := got.field(fmt.Sprintf("rows.%d.detail", i+1)); !strings.Contains(detail, want) {
			t.Errorf("row %d: %s", i+1, detail)
		}
	}
	if rejected := s.call("a", "GET", jobsPath+"/"+got.field("id")+"/errors.xlsx", "").want(200).body; true {
		f, err := excelize.OpenReader(strings.NewReader(rejected))
		if err != nil {
			t.Fatal(err)
		}
		f.SetCellStr("Sheet1", "C2", "123456789012345678")
		f.SetCellStr("Sheet1", "C3", "000125")
		f.SetCellStr("Sheet1", "B4", "P-4")
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		s.call("a", "POST", jobsPath+"?template=pump&prefix=88.100.1&column=编号=@id&column=型号=model", b.String(), "Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", awaited).
			want(200).wantField("summary.stored", "3").wantField("summary.failed", "0")
	}

	f := func(status int, code, target, text string, headers ...string) {
		t.Helper()
		s.call("a", "POST", jobsPath+target, text, headers...).wantProblem(status, code)
	}
	f(400, "invalid_request", "?mode=replace", "x", ndjson)
	f(400, "invalid_request", "?atomic=perhaps", "x", ndjson)
	f(400, "invalid_request", "?unknown=1", "x", ndjson)
	f(400, "invalid_request", "?format=xml", "x", ndjson)
	f(400, "invalid_request", "?template=pump", "x", ndjson)
	f(400, "invalid_request", "?columns=[]", "x", ndjson)
	f(400, "invalid_request", "?column=a", "x", ndjson)
	f(400, "invalid_request", "?scheme=x", "x", ndjson)
	f(403, "forbidden", "?allocate=true", "x", ndjson)
	f(400, "invalid_request", "", "not packed", ndjson, "Content-Encoding: gzip")
	f(400, "invalid_request", "", "not packed", ndjson, "Content-Encoding: br")
	f(415, "unsupported_media_type", "", "x", "Content-Type: image/png")
	f(400, "invalid_request", "", gzipped(t, ""), ndjson, "Content-Encoding: gzip")
	f(400, "invalid_request", "", gzipped(t, strings.Repeat("x", 1000))[:20], ndjson, "Content-Encoding: gzip")
	f(400, "invalid_request", "", "\xff\xfei\x00d\x00", textCSV)
	text, contentType = form(t, "x.csv", values, map[string]string{"colour": "red"}, nil)
	f(400, "invalid_request", "", text, contentType)
	f(400, "invalid_request", "", text[:len(text)/2], contentType)
	f(400, "invalid_request", "", "--x--\r\n", "Content-Type: multipart/form-data; boundary=x")
	// What only the whole input shows is the end of the job.
	s.call("a", "POST", jobsPath, "id,colour\n1,2\n", textCSV, awaited).want(200).wantField("state", "failed").wantField("error.code", "invalid_file")
	s.call("a", "POST", jobsPath, "PK\x03\x04 and no workbook", "Content-Type: application/octet-stream", awaited).want(200).wantField("state", "failed").wantField("error.code", "invalid_file")
	zh := s.call("a", "POST", jobsPath, "id,colour\n1,3\n", textCSV, awaited, "Accept-Language: zh").want(200).field("error.detail")
	if !strings.Contains(zh, "未知的列") {
		t.Errorf("in Chinese: %s", zh)
	}
}

// TestJobModes: dry runs find twins, atomic jobs store all or none, rules make identifiers.
func TestJobModes(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		s.runJobs()
		s.call("a", "POST", "/v1/identifiers", body("88.100.1/old", "1")).want(201)
		input := body("88.100.1/new", "1") + "\n" + body("88.100.1/old", "2") + "\n" + body("88.100.1/NEW", "3") + "\n"
		dry := s.call("a", "POST", jobsPath+"?dryRun=true", input, ndjson, awaited).want(200).wantField("summary.stored", "1").wantField("rows.1.code", "already_exists").wantField("rows.2.code", "duplicate").wantField("comparison.new", "2").wantField("comparison.different", "1")
		if detail := dry.field("rows.2.detail"); !strings.Contains(detail, "line 1 ") {
			t.Errorf("twin: %s", detail)
		}
		s.call("a", "GET", "/v1/identifiers?id=88.100.1/new", "").want(404)
		s.call("a", "POST", jobsPath+"?mode=dry-run&name=again", input, ndjson, awaited).want(200).wantField("options.dryRun", "true").wantField("options.mode", "create").wantField("id", dry.field("id"))
		s.call("a", "POST", jobsPath+"?dryRun=true&mode=skip-existing", input, ndjson, awaited).want(200).wantField("summary.stored", "1").wantField("summary.skipped", "2")
		s.call("a", "POST", jobsPath+"?atomic=true&mode=upsert", input, ndjson, awaited).want(200).wantField("state", "done").wantField("summary.stored", "0").wantField("rows.0.status", "held").wantField("rows.2.code", "duplicate")
		s.call("a", "GET", "/v1/identifiers?id=88.100.1/new", "").want(404)
		s.call("a", "POST", jobsPath+"?atomic=true&mode=upsert", strings.Replace(input, "NEW", "third", 1), ndjson, awaited).want(200).wantField("summary.stored", "3")

		minted := `{"values":[{"index":1,"type":"URL","data":"u"}]}` + "\n"
		s.call("a", "POST", jobsPath+"?prefix=88.100.1&rule=SN-{serial:4}", strings.Repeat(minted, 3), ndjson, awaited).want(200).wantField("rows.0.id", "88.100.1/SN-0001").wantField("rows.2.id", "88.100.1/SN-0003")
		s.call("a", "GET", "/v1/identifiers?id=88.100.1/SN-0003", "").want(200)
	})
}

// TestJobLimits: an enterprise has so many jobs and rows, and is told.
func TestJobLimits(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{JobsPerEnterprise: 2, JobRowsPerDay: 5, JobOctets: 2000, AtomicRows: 2})
	row := func(id string) string { return body("88.100.1/"+id, "x") + "\n" }
	s.call("a", "POST", jobsPath, row("1"), ndjson).want(202)
	s.call("a", "POST", jobsPath, row("2")+row("3"), ndjson).want(202)
	a := s.call("a", "POST", jobsPath, row("4"), ndjson).wantProblem(429, "too_many_requests")
	if a.header.Get("Retry-After") == "" || !strings.HasPrefix(a.header.Get("RateLimit"), `"jobs";r=0,`) {
		t.Errorf("headers: %v", a.header)
	}
	s.call("a", "POST", jobsPath, row("1"), ndjson).want(200) // it is there
	s.call("b", "POST", jobsPath, body("88.100.2/1", "x"), ndjson).want(202)
	s.runJobs()
	for i := range 2 {
		s.events("a", jobsPath+"/"+s.call("a", "GET", jobsPath, "").field(fmt.Sprintf("items.%d.id", i)))
	}
	s.call("a", "DELETE", jobsPath+"/"+s.call("a", "GET", jobsPath, "").field("items.0.id"), "").want(204) // its rows still count
	a = s.call("a", "POST", jobsPath, row("5")+row("6")+row("7"), ndjson).wantProblem(429, "too_many_requests")
	if got := a.header.Get("RateLimit"); !strings.HasPrefix(got, `"jobs";r=2, "rows";r=2;t=`) {
		t.Errorf("RateLimit: %s", got)
	}
	s.call("a", "POST", jobsPath, strings.Repeat("\n", 6), ndjson).wantProblem(413, "too_large")
	s.call("a", "POST", jobsPath, strings.Repeat(" ", 2001), ndjson).wantProblem(413, "too_large")
	s.call("op", "POST", jobsPath+"?atomic=true", row("7")+row("8")+row("9"), ndjson, awaited).want(200).wantField("state", "failed").wantField("error.code", "too_large")
	s.call("a", "GET", "/v1/identifiers?id=88.100.1/7", "").want(404)
}

// TestJobCancelled: a job that waits is cancelled, its input stays for a retry.
func TestJobCancelled(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	at := s.call("a", "POST", jobsPath, body("88.100.1/a", "x"), ndjson).want(202).header.Get("Location")
	s.call("a", "POST", at+":cancel", "").want(200).wantField("state", "cancelled")
	s.runJobs()
	again := s.call("a", "POST", at+":retry", "").want(202).header.Get("Location")
	s.events("a", again)
	s.call("a", "GET", again, "").want(200).wantField("summary.stored", "1")
	s.call("a", "POST", again+":retry", "").wantProblem(409, "invalid_state")
	s.call("a", "POST", again+":start", "").wantProblem(404, "not_found")
}

// TestJobEventsEnd: who watches is let go when the jobs are told to stop.
func TestJobEventsEnd(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	at := s.call("a", "POST", jobsPath, body("88.100.1/a", "x"), ndjson).want(202).header.Get("Location")
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+at+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.keys["a"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.jobs.Run(ctx)
	time.AfterFunc(20*time.Second, func() { resp.Body.Close() })
	if text, err := io.ReadAll(resp.Body); err != nil || !strings.HasPrefix(string(text), "event: progress\n") {
		t.Errorf("%q %v", text, err)
	}
}
