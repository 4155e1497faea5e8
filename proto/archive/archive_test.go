package archive_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/idnode/idnode/proto/archive"
)

// write makes an archive of 1000 records in small parts, and a file.
func write(t testing.TB, w io.Writer) {
	a := archive.NewWriter(w, time.Unix(1_700_000_000, 0))
	a.SetPartOctets(4096)
	records, empty := a.List(archive.Records), a.List(archive.History)
	for i := range 1000 {
		if err := records.AddJSON(map[string]any{"id": fmt.Sprintf("88.1/%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(records.Close(), empty.Close(), a.Member("files/f1.json", []byte("{\"id\":\"f1\"}\n")),
		a.Stream("files/f1", 5, func(w io.Writer) error { _, err := io.WriteString(w, "a\nb\nc"); return err }),
		a.Close(archive.Manifest{Scope: archive.ScopeEnterprise, Enterprise: "e1", Time: time.Unix(1_700_000_000, 0).UTC(), Seq: 1<<63 + 1}))
	if err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	var plain, zipped, packed bytes.Buffer
	write(t, &plain)
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(plain.Bytes())
	z.Close()
	e, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = e.Write(plain.Bytes())
	e.Close()
	for name, in := range map[string][]byte{"plain": plain.Bytes(), "gzip": zipped.Bytes(), "zstd": packed.Bytes()} {
		m, err := archive.Verify(bytes.NewReader(in))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m.Lines(archive.Records) != 1000 || m.Lines(archive.History) != 0 || m.Enterprise != "e1" || m.Seq != 1<<63+1 || len(m.Files) < 6 {
			t.Errorf("%s: %+v", name, m)
		}
		whole := len(in)
		if name == "plain" {
			whole -= 1024 // the end of a tar file says nothing
		}
		for cut := 0; cut < whole; cut += len(in)/97 + 1 {
			if _, err := archive.Verify(bytes.NewReader(in[:cut])); err == nil {
				t.Errorf("%s: the first %d octets of %d are taken for whole", name, cut, len(in))
			}
		}
	}
	in, err := archive.Unpack(&zipped)
	if err != nil {
		t.Fatal(err)
	}
	a := archive.NewReader(in)
	var names []string
	var lines string
	for {
		m, err := a.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, m.Name)
		if archive.KindOf(m.Name) == archive.Records {
			body, err := m.Bytes()
			if err != nil || len(body) > 4096+32 {
				t.Fatalf("%s: %d octets, %v", m.Name, len(body), err)
			}
			lines += string(body)
		}
	}
	if names[0] != "records.ndjson" || names[1] != "records.000002.ndjson" || names[len(names)-1] != "files/f1" {
		t.Errorf("members: %q", names)
	}
	if strings.Count(lines, "\n") != 1000 || !strings.HasSuffix(lines, "{\"id\":\"88.1/999\"}\n") {
		t.Errorf("the parts together have %d lines", strings.Count(lines, "\n"))
	}
}

func TestDamage(t *testing.T) {
	var plain bytes.Buffer
	write(t, &plain)
	for name, change := range map[string]func(string) string{
		"a record":       func(s string) string { return strings.Replace(s, "88.1/500", "88.1/5o0", 1) },
		"a file":         func(s string) string { return strings.Replace(s, "a\nb\nc", "a\nb\nd", 1) },
		"the manifest":   func(s string) string { return strings.Replace(s, `"enterprise": "e1"`, `"enterprise": "e2"`, 1) },
		"another member": func(s string) string { return strings.Replace(s, "files/f1.json", "../../etc/xx", 1) },
	} {
		s := change(plain.String())
		if s == plain.String() {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := archive.Verify(strings.NewReader(s)); !errors.Is(err, archive.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := archive.Verify(strings.NewReader("no archive")); err == nil {
		t.Error("text is taken for an archive")
	}
}

func FuzzVerify(f *testing.F) {
	var plain bytes.Buffer
	write(f, &plain)
	f.Add(plain.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		if m, err := archive.Verify(bytes.NewReader(in)); err == nil && m == nil {
			t.Error("no manifest and no error")
		}
	})
}
