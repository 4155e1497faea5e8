package cli

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/idnode/idnode/proto/archive"
)

const exported = `{"id":"88.1/a","scheme":"handle","values":[{"index":1,"type":"N","data":"x<y","ttl":60,"refs":[{"handle":"88.1/b","index":1}]}]}` + "\n" +
	`{"id":"1.2.3","scheme":"oid","values":[{"index":1,"type":"N","data":"z","ttl":1},{"index":2,"type":"N","data":"z","ttl":1}]}` + "\n"

const exportedCSV = "id,index,type,data,ttl,perms,timestamp,refs,scheme,template\n" +
	`88.1/a,1,N,x<y,60,,,"[{""handle"":""88.1/b"",""index"":1}]",handle,` + "\n1.2.3,1,N,z,1,,,,oid,\n1.2.3,2,N,z,1,,,,oid,\n"

// exportNode answers exports as a node does, and also as one that does so badly.
type exportNode struct {
	query, accept string
	bad           string // what is wrong
}

func (n *exportNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.query, n.accept = r.URL.RawQuery, r.Header.Get("Accept-Encoding")
	text, media := exported, archive.MediaNDJSON
	if r.URL.Query().Get("format") == "csv" {
		text, media = exportedCSV, archive.MediaCSV
	}
	digest := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set(archive.HeaderTime, "2026-01-02T03:04:05.678Z")
	h.Set(archive.HeaderNode, "handle:88.1, oid:1.2")
	h.Set("Trailer", strings.Join(archive.RecordTrailers, ", "))
	trailers := map[string]string{archive.TrailerDigest: digest(text), archive.TrailerContent: digest(exported), archive.TrailerRecords: "2",
		archive.TrailerValues: "3", archive.TrailerRevoked: "1", archive.TrailerSeq: "9223372036854775809"}
	switch n.bad {
	case "an archive":
		h.Set("Content-Type", "application/x-tar")
	case "cut":
		_, _ = io.WriteString(w, text[:70])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "no trailers":
		h.Del("Trailer")
		_, _ = io.WriteString(w, text)
		return
	case "refused":
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"code":"forbidden","detail":"reviewers may not"}`)
		return
	case "packed", "packed and cut":
		h.Set("Content-Encoding", "zstd")
		z, err := zstd.NewWriter(w)
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(z, text)
		if n.bad == "packed" {
			_ = z.Close()
		} else {
			_ = z.Flush()
		}
	default:
		_, _ = io.WriteString(w, text)
	}
	switch n.bad {
	case "another digest":
		trailers[archive.TrailerDigest] = digest("")
	case "no count":
		trailers[archive.TrailerValues] = ""
	}
	for name, s := range trailers {
		h.Set(name, s)
	}
}

func TestExport(t *testing.T) {
	t.Chdir(t.TempDir())
	n := &exportNode{}
	srv := httptest.NewServer(n)
	defer srv.Close()
	const said = "idctl: exported 2 records, 1 revoked left out\n"
	out, errs, code := run(t, "", "export", "--prefix", "88.1/", "--enterprise", "e1", "--times", "--server", srv.URL)
	if code != exitDone || out != exported || errs != said || n.query != "enterprise=e1&format=ndjson&prefix=88.1%2F&times=true" || n.accept != "identity" {
		t.Errorf("export: exit %d, err %q, query %s, %s, out %s", code, errs, n.query, n.accept, out)
	}
	n.bad = "packed"
	if out, errs, code = run(t, "", "export", "-f", "csv", "-O", "-", "--server", srv.URL); code != exitDone || out != exportedCSV || errs != said {
		t.Errorf("packed CSV: exit %d, err %q, out %s", code, errs, out)
	}
	n.bad = ""
	for _, name := range []string{"x.ndjson", "x.csv", "x.csv.gz", "x.txt"} {
		args := []string{"export", "-O", name, "-o", "json", "--server", srv.URL}
		want := map[bool]string{true: exportedCSV, false: exported}[strings.Contains(name, "csv")]
		if name == "x.txt" {
			args = append(args, "--format", "handle")
			want = "#+ {\"values\":[{\"index\":1,\"references\":[{\"handle\":\"88.1/b\",\"index\":1}]}]}\nCREATE 88.1/a\n1 N 60 "
		}
		out, errs, code := run(t, "", args...)
		got, err := os.ReadFile(name)
		if code != exitDone || err != nil {
			t.Fatalf("%s: exit %d, err %q, %v", name, code, errs, err)
		}
		text := string(got)
		if strings.HasSuffix(name, ".gz") {
			z, err := gzip.NewReader(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			whole, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			text = string(whole)
		}
		if !strings.HasPrefix(text, want) {
			t.Errorf("%s holds %s\nwant %s", name, text, want)
		}
		beside, err := os.ReadFile(name + ".manifest.json")
		var m archive.RecordsManifest
		if err != nil || string(beside) != out || json.Unmarshal(beside, &m) != nil {
			t.Fatalf("%s: manifest %s, %v; printed %s", name, beside, err, out)
		}
		sum, content := sha256.Sum256(got), sha256.Sum256([]byte(exported))
		records, values := int64(2), int64(3)
		if m.Format == archive.Handle {
			records, values, content = 1, 1, sha256.Sum256([]byte(exported[:strings.Index(exported, "\n")+1]))
		}
		if m.Octets != int64(len(got)) || m.SHA256 != hex.EncodeToString(sum[:]) || m.RecordsDigest != hex.EncodeToString(content[:]) || m.Records != records || m.Values != values ||
			m.Revoked != 1 || m.Seq != 1<<63+1 || m.Scope != archive.ScopeNode || len(m.Node) != 2 || m.Time.Nanosecond() != 678e6 || m.Version != 1 {
			t.Errorf("%s: %s", name, beside)
		}
	}
}

// TestExportBad: whatever is not certainly whole changes no file.
func TestExportBad(t *testing.T) {
	t.Chdir(t.TempDir())
	n := &exportNode{}
	srv := httptest.NewServer(n)
	defer srv.Close()
	writeFile(t, "old.ndjson", "old")
	for bad, says := range map[string]string{"cut": "did not come whole", "packed and cut": "did not come whole", "no trailers": "at its end is missing", "another digest": "its SHA-256 is",
		"no count": "cannot be read", "an archive": "does not stream records", "refused": "reviewers may not"} {
		n.bad = bad
		for _, form := range []string{"ndjson", "handle"} {
			out, errs, code := run(t, "", "export", "-f", form, "-O", "old.ndjson", "--server", srv.URL)
			if want := map[bool]int{true: exitDenied, false: exitFailed}[bad == "refused"]; code != want || !strings.Contains(errs, says) || out != "" {
				t.Errorf("%s, %s: exit %d, %q; want %q", bad, form, code, errs, says)
			}
		}
	}
	if got, _ := os.ReadFile("old.ndjson"); string(got) != "old" {
		t.Errorf("a failed export changed the file to %q", got)
	}
	if files, _ := os.ReadDir("."); len(files) != 1 {
		t.Errorf("files left: %v", files)
	}
	for _, args := range [][]string{{"--times", "-f", "csv"}, {"--files", "d"}, {"-f", "tar"}, {"-O", "x.ndjson.zst"}} {
		if _, errs, code := run(t, "", append([]string{"export", "--server", srv.URL}, args...)...); code != exitUsage {
			t.Errorf("%v: exit %d, %q", args, code, errs)
		}
	}
}

// TestImportManifest: an import holds a file to the manifest beside it, before it sends anything.
func TestImportManifest(t *testing.T) {
	t.Chdir(t.TempDir())
	srv := httptest.NewServer(&exportNode{})
	defer srv.Close()
	for _, name := range []string{"x.ndjson", "x.csv", "x.csv.gz"} {
		if _, errs, code := run(t, "", "export", "-O", name, "--server", srv.URL); code != exitDone {
			t.Fatalf("%s: %s", name, errs)
		}
	}
	in := &importNode{}
	to := httptest.NewServer(in)
	defer to.Close()
	check := func(name string, wantCode int, says ...string) {
		t.Helper()
		in.rows = nil
		_, errs, code := run(t, "", "import", name, "--server", to.URL)
		if code != wantCode || (len(in.rows) == 2) != (wantCode == exitDone) {
			t.Errorf("%s: exit %d, %d rows arrived, %q", name, code, len(in.rows), errs)
		}
		for _, s := range says {
			if !strings.Contains(errs, s) {
				t.Errorf("%s: %q does not say %q", name, errs, s)
			}
		}
		if len(says) == 0 && errs != "" {
			t.Errorf("%s: %q", name, errs)
		}
	}
	for _, name := range []string{"x.ndjson", "x.csv", "x.csv.gz"} {
		check(name, exitDone)
	}
	// Another form of the same records is good.
	writeFile(t, "x.csv", "\ufeff"+strings.ReplaceAll(exportedCSV, "\n", "\r\n"))
	check("x.csv", exitDone, fmt.Sprintf("%d octets rather than %d", len(exportedCSV)+7, len(exportedCSV)), "its records are the same")
	writeFile(t, "x.csv", strings.Replace(exportedCSV, "x<y", "x>y", 1))
	check("x.csv", exitFailed, "SHA-256", "recordsDigest", "remove the manifest")
	writeFile(t, "x.csv", exportedCSV[:strings.LastIndex(exportedCSV, "1.2.3")])
	check("x.csv", exitFailed, "2 values rather than 3")
	writeFile(t, "x.ndjson", exported[:strings.Index(exported, "\n")+1])
	check("x.ndjson", exitFailed, "1 records rather than 2", "1 values rather than 3")
	writeFile(t, "x.ndjson", exported[:100])
	check("x.ndjson", exitFailed, "100 octets rather than", "cannot be read")
	writeFile(t, "x.ndjson.manifest.json", `{"name":"something else"}`)
	check("x.ndjson", exitFailed, "is no manifest of records")
	if err := os.Remove("x.csv.manifest.json"); err != nil {
		t.Fatal(err)
	}
	check("x.csv", exitDone)
}
