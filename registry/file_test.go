package registry_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/idnode/idnode/registry"
)

// pictures are small files of every kind that is taken, by media type.
func pictures(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"application/pdf": []byte("%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"), "text/plain; charset=utf-8": []byte("轴承\r\n")}
	m := image.NewGray(image.Rect(0, 0, 3, 2))
	for media, encode := range map[string]func(*bytes.Buffer) error{
		"image/png":  func(b *bytes.Buffer) error { return png.Encode(b, m) },
		"image/jpeg": func(b *bytes.Buffer) error { return jpeg.Encode(b, m, nil) },
		"image/gif":  func(b *bytes.Buffer) error { return gif.Encode(b, m, nil) },
	} {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		all[media] = b.Bytes()
	}
	bmp := make([]byte, 62)
	copy(bmp, "BM")
	for at, v := range map[int]uint32{2: 62, 10: 54, 14: 40, 18: 1, 22: 0xFFFFFFFE} { // two rows, downwards
		binary.LittleEndian.PutUint32(bmp[at:], v)
	}
	all["image/bmp"] = bmp
	all["image/webp"] = []byte("RIFF\x0e\x00\x00\x00WEBPVP8L\x02\x00\x00\x00\x2f\x00")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"[Content_Types].xml", "xl/workbook.xml"} {
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	all["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"] = b.Bytes()
	return all
}

func TestFileTypes(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		attachments := map[string]bool{"image/png": true, "image/jpeg": true, "image/bmp": true, "application/pdf": true}
		for media, data := range pictures(t) {
			f, err := n.AddFile(t.Context(), FileUpload{Name: `C:\scan.exe`, Purpose: FileRecord, Data: data}, Write{Actor: n.a})
			if err != nil || f.MediaType != media || f.Name != "scan.exe" || f.Size != len(data) {
				t.Errorf("%s: %+v, %v", media, f, err)
				continue
			}
			var got bytes.Buffer
			if err := n.WriteFile(t.Context(), f, &got); err != nil || !bytes.Equal(got.Bytes(), data) {
				t.Errorf("%s: other octets came back, %v", media, err)
			}
			want := CodeInvalidFile
			if attachments[media] {
				want = ""
			}
			if _, err := n.AddFile(t.Context(), FileUpload{Name: "x", Data: data}, Write{Actor: n.a}); code(err) != want {
				t.Errorf("%s as an attachment: %v, want %q", media, err, want)
			}
		}
	})
}

func TestFileRefusals(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		all := pictures(t)
		reader := Actor{Enterprise: n.a.Enterprise, Role: RoleReader}
		before := n.contents()
		for _, c := range []struct {
			name  string
			q     FileUpload
			actor Actor
			code  string
		}{
			{"empty", FileUpload{Name: "x"}, n.a, CodeInvalidFile},
			{"no name", FileUpload{Data: all["image/png"]}, n.a, CodeInvalidRequest},
			{"PNG cut short", FileUpload{Name: "x.png", Data: all["image/png"][:20]}, n.a, CodeInvalidFile},
			{"PDF without end", FileUpload{Name: "x.pdf", Data: []byte("%PDF-1.4\n")}, n.a, CodeInvalidFile},
			{"page", FileUpload{Name: "x.png", Data: []byte("<html>")}, n.a, CodeInvalidFile},
			{"program", FileUpload{Name: "x.png", Purpose: FileRecord, Data: []byte("\x7fELF\x02")}, n.a, CodeInvalidFile},
			{"picture too large", FileUpload{Name: "x", Data: append(bytes.Clone(all["image/png"]), make([]byte, 1<<20)...)}, n.a, CodeTooLarge},
			{"file too large", FileUpload{Name: "x", Purpose: FileRecord, Data: []byte(strings.Repeat("x", 5<<20+1))}, n.a, CodeTooLarge},
			{"public attachment", FileUpload{Name: "x", Public: true, Data: all["image/png"]}, n.a, CodeInvalidRequest},
			{"other purpose", FileUpload{Name: "x", Purpose: "fun", Data: all["image/png"]}, n.a, CodeInvalidRequest},
			{"of another enterprise", FileUpload{Enterprise: n.b.Enterprise, Name: "x", Data: all["image/png"]}, n.a, CodeForbidden},
			{"of nobody", FileUpload{Enterprise: "e0", Name: "x", Data: all["image/png"]}, n.op, CodeNotFound},
			{"by a reader", FileUpload{Name: "x", Data: all["image/png"]}, reader, CodeForbidden},
			{"by a stranger", FileUpload{Name: "x", Data: all["image/png"]}, Actor{}, CodeForbidden},
		} {
			if _, err := n.AddFile(t.Context(), c.q, Write{Actor: c.actor}); code(err) != c.code {
				t.Errorf("%s: %v, want %s", c.name, err, c.code)
			}
		}
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("refusals left something behind:\n%s", diff)
		}
	})
}

// TestFileLife: who reads and deletes a file, and that nothing of it stays.
func TestFileLife(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		long := []byte("%PDF-" + strings.Repeat("x", 600<<10) + "%%EOF")
		if _, err := n.AddFile(ctx, FileUpload{Name: "first.pdf", Data: long}, Write{Actor: n.a}); err != nil {
			t.Fatal(err)
		}
		files := func() (count int) {
			for key := range n.contents() {
				if strings.HasPrefix(key, `"f`) || strings.HasPrefix(key, `"xF`) {
					count++
				}
			}
			return count
		}
		before := files()
		f, err := n.AddFile(ctx, FileUpload{Name: "lease.pdf", Data: long}, Write{Actor: n.a})
		if err != nil {
			t.Fatal(err)
		}
		open, err := n.AddFile(ctx, FileUpload{Name: "manual.pdf", Purpose: FileRecord, Public: true, Data: long}, Write{Actor: n.a})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			file  string
			actor Actor
			code  string
		}{
			{f.ID, n.a, ""}, {f.ID, n.op, ""}, {f.ID, Actor{Enterprise: Self, Role: RoleAuditor}, ""},
			{f.ID, n.b, CodeNotFound}, {f.ID, Actor{}, CodeNotFound}, {open.ID, Actor{}, ""}, {"f0", n.op, CodeNotFound},
		} {
			if _, err := n.File(ctx, c.file, c.actor); code(err) != c.code {
				t.Errorf("%s for %+v: %v, want %q", c.file, c.actor, err, c.code)
			}
		}
		if list, _, err := n.ListFiles(ctx, n.a, "", Paging{}); err != nil || len(list) != 3 {
			t.Errorf("list: %v, %v", list, err)
		}
		if list, _, err := n.ListFiles(ctx, n.op, "", Paging{}); err != nil || len(list) != 3 {
			t.Errorf("list for an operator: %v, %v", list, err)
		}
		if list, _, err := n.ListFiles(ctx, n.b, "", Paging{}); err != nil || len(list) != 0 {
			t.Errorf("list for another: %v, %v", list, err)
		}
		for _, c := range []struct {
			actor Actor
			code  string
		}{{n.b, CodeNotFound}, {Actor{Enterprise: n.a.Enterprise, Role: RoleReader}, CodeForbidden}, {n.a, ""}, {n.a, CodeNotFound}} {
			if err := n.DeleteFile(ctx, f.ID, Write{Actor: c.actor}); code(err) != c.code {
				t.Errorf("delete by %s: %v, want %q", c.actor.Role, err, c.code)
			}
		}
		if err := n.DeleteFile(ctx, open.ID, Write{Actor: n.op}); err != nil {
			t.Error(err)
		}
		if after := files(); after != before {
			t.Errorf("%d keys of files before, %d after: something stayed behind", before, after)
		}
	})
}

// TestFileQuota lets many uploads race for the last places of an enterprise.
func TestFileQuota(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		data := []byte("%PDF-1.4 %%EOF")
		for range 195 {
			if _, err := n.AddFile(t.Context(), FileUpload{Name: "x", Data: data}, Write{Actor: n.a}); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		kept := 0
		for range 20 {
			wg.Go(func() {
				_, err := n.AddFile(t.Context(), FileUpload{Name: "x", Data: data}, Write{Actor: n.a})
				if c := code(err); c != "" && c != CodeTooLarge {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					kept++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if kept != 5 {
			t.Errorf("%d kept of the last 5", kept)
		}
	})
}
