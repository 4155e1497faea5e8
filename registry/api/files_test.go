package api_test

import (
	"bytes"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

func TestFiles(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		pdf := "%PDF-1.4 " + strings.Repeat("x", 300<<10) + " %%EOF"
		a := s.call("a", "POST", "/v1/files?name=执照.pdf", pdf, "Content-Type: application/octet-stream").want(201)
		if a.field("mediaType") != "application/pdf" || a.field("enterprise") != s.ents["a"] || a.field("name") != "执照.pdf" {
			t.Errorf("raw: %s", a.body)
		}
		path := "/v1/files/" + a.field("id")
		if got := a.header.Get("Location"); got != path {
			t.Errorf("location %q", got)
		}
		c := s.call("a", "GET", path+"/content", "").want(200)
		for name, want := range map[string]string{"Content-Type": "application/pdf", "X-Content-Type-Options": "nosniff", "ETag": `"` + a.field("sha256") + `"`} {
			if got := c.header.Get(name); got != want {
				t.Errorf("%s %q, want %q", name, got, want)
			}
		}
		if d := c.header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") {
			t.Errorf("disposition %q", d)
		}
		if c.body != pdf {
			t.Error("other octets came back")
		}
		s.call("a", "GET", path+"/content", "", "If-None-Match: "+c.header.Get("ETag")).want(304)
		s.call("b", "GET", path, "").wantProblem(404, "not_found")
		s.call("nobody", "GET", path+"/content", "").wantProblem(404, "not_found")
		s.call("nobody", "GET", "/v1/files", "").wantProblem(401, "unauthenticated")
		s.call("nobody", "POST", "/v1/files?name=x", pdf).wantProblem(401, "unauthenticated")

		var form bytes.Buffer
		m := multipart.NewWriter(&form)
		m.WriteField("note", "of no use")
		part, _ := m.CreateFormFile("file", "manual.txt")
		part.Write([]byte("如何使用"))
		m.Close()
		u := s.call("a", "POST", "/v1/files?purpose=record&public=true", form.String(), "Content-Type: "+m.FormDataContentType()).want(201)
		if u.field("name") != "manual.txt" || u.field("mediaType") != "text/plain; charset=utf-8" {
			t.Errorf("form: %s", u.body)
		}
		s.call("nobody", "GET", "/v1/files/"+u.field("id")+"/content", "").want(200)
		s.call("a", "DELETE", path, "").want(204)
		s.call("a", "GET", path, "").wantProblem(404, "not_found")
		if l := s.call("a", "GET", "/v1/files", "").want(200); l.field("items.0.id") != u.field("id") || l.field("items.1") != "" {
			t.Errorf("list: %s", l.body)
		}
	})
}

// TestFileBounds: files have a bound of their own, above and below that of other bodies.
func TestFileBounds(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{BodyOctets: 2000})
	s.call("a", "POST", "/v1/files?name=x", "%PDF-"+strings.Repeat("x", 5<<20-100)+"%%EOF").want(201)
	for name, c := range map[string]struct {
		target, body string
		status       int
		code         string
	}{
		"too large":  {"?name=x", strings.Repeat("x", 6<<20), 413, "too_large"},
		"no form":    {"?name=x", "--x", 400, "invalid_request"},
		"text":       {"?name=x", "hello", 400, "invalid_file"},
		"not public": {"?name=x&public=perhaps", "hello", 400, "invalid_request"},
	} {
		var headers []string
		if name == "no form" {
			headers = []string{"Content-Type: multipart/form-data; boundary=y"}
		}
		a := s.call("a", "POST", "/v1/files"+c.target, c.body, headers...)
		a.what = name
		a.wantProblem(c.status, c.code)
	}
}
