package epp

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// FuzzParse: what is read can be written, and is then the same; junk is refused with an Error and never panics.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
		f.Add(between.ReplaceAll(src, []byte("><")))
	}
	f.Add([]byte(billionLaughs))
	f.Fuzz(holdParse)
}

func holdParse(t *testing.T, src []byte) {
	m, err := Parse(src)
	if err != nil {
		if e, ok := err.(*Error); !ok || m != nil || e.Code.Success() || len(e.Value) > 64 {
			t.Fatalf("Parse = %v, %v", m, err)
		}
		return
	}
	wire, err := Append(nil, m)
	if err != nil {
		t.Fatalf("read and not written: %v", err)
	}
	again, err := Parse(wire)
	if err != nil {
		t.Fatalf("written and not read: %v\n%s", err, wire)
	}
	if d := equal(m, again); d != "" {
		t.Fatalf("another message comes back (-first +second):\n%s", d)
	}
}

// FuzzEdit is FuzzParse with messages of which one piece between tags, or one tag, was replaced: most stay XML.
func FuzzEdit(f *testing.F) {
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	var all [][]byte
	for i, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, src)
		f.Add(uint8(i), uint8(3*i), " x&amp;\r\n")
		f.Add(uint8(i), uint8(5*i), "<value><a xmlns='b'>c</a></value>")
	}
	pieces := regexp.MustCompile(`[^<>]+|<[^<>]*>`)
	f.Fuzz(func(t *testing.T, file, at uint8, text string) {
		src := all[int(file)%len(all)]
		found := pieces.FindAllIndex(src, -1)
		p := found[int(at)%len(found)]
		holdParse(t, slices.Concat(src[:p[0]], []byte(text), src[p[1]:]))
		holdParse(t, slices.Concat(src[:p[1]], []byte(text), src[p[1]:]))
	})
}

// FuzzAppend: an enterprise of any texts is refused, or comes back as it is once white space is normal.
func FuzzAppend(f *testing.F) {
	f.Add("轴承 & 齿轮", "<b>\r\n]]></b>", "zhang@bearings.example", []byte{1})
	f.Add(" x ", "\ufffe", "\"'", []byte{})
	f.Fuzz(func(t *testing.T, name, descr, email string, image []byte) {
		ent := enterprise()
		ent.NameCn, ent.NameEn, ent.Descr, ent.Contact.Email = name, name, descr, email
		if len(image) == 0 {
			ent.Image = Image{}
		} else {
			ent.Image.Data = image
		}
		wire, err := Append(nil, &Command{Verb: &CreateEnt{SHRPrefix: "88.1", Ent: ent}})
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Element == "" {
				t.Fatal(err)
			}
			return
		}
		m, err := Parse(wire)
		if err != nil {
			t.Fatalf("%v\n%s", err, wire)
		}
		ent.NameCn, ent.NameEn, ent.Contact.Email = line.normal(name), line.normal(name), person.normal(email)
		ent.Descr = story.normal(descr)
		if d := equal(ent, m.(*Command).Verb.(*CreateEnt).Ent); d != "" {
			t.Fatalf("(-written +read):\n%s", d)
		}
	})
}

// FuzzReadFrame: a frame that is read is the one that was written; a length is believed only as far as octets follow.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05x"))
	f.Add([]byte("\x00\x00\x00\x04"))
	f.Add([]byte("\xff\xff\xff\xffx"))
	f.Fuzz(func(t *testing.T, src []byte) {
		const limit = 1 << 12
		m, err := ReadFrame(bytes.NewReader(src), limit)
		if err != nil {
			return
		}
		if len(m) == 0 || len(m) > limit || !bytes.HasPrefix(src, AppendFrame(nil, m)) {
			t.Fatalf("ReadFrame(%x) = %x", src, m)
		}
	})
}
