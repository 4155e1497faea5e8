package auditchain_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/idnode/idnode/proto/auditchain"
)

var store = StoreID{1, 2, 15: 16}

// values are what a log may hold, and what somebody may have put into it.
var values = []string{`{"op":"a","id":"\u003cb\u003e 标识"}`, `{}`, `{"op": "b" }`, "{\"op\":\n1}", `[]`, "\xff", "", `{"entry":{"entry":{}}}`, `{"op":"last"}`}

// sample is a log of those values.
func sample() (Anchor, []Entry) {
	a := Anchor{Store: store, Hash: Start(store)}
	var entries []Entry
	before := a.Hash
	for i, v := range values {
		key := make([]byte, 0, KeySize)
		key = append(key, 'a')
		key = binary.BigEndian.AppendUint64(key, uint64(time.Date(2026, 1, 2, 3, 4, 5, i*1e6, time.UTC).UnixNano()))
		key = append(key, "unique_"...)
		key = append(key, byte(i))
		before = Next(before, uint64(i+1), key, Leaf([]byte(v)))
		entries = append(entries, Entry{N: uint64(i + 1), Hash: before, Key: key, Value: []byte(v)})
	}
	return a, entries
}

func write(a Anchor, entries []Entry) []byte {
	out := AppendAnchor(nil, a)
	last := Head{N: a.N, Hash: a.Hash}
	for _, e := range entries {
		out = AppendEntry(out, e)
		last = Head{N: e.N, Hash: e.Hash, Time: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)}
	}
	return AppendEnd(out, last)
}

// TestConstruction does what the package's comment says with nothing but SHA-256, and holds it to sums
// that never change.
func TestConstruction(t *testing.T) {
	_, entries := sample()
	d := []byte("idnode audit 1\r\n")
	sum := sha256.Sum256(append(slices.Clone(d), store[:]...))
	first := hex.EncodeToString(sum[:])
	for i, line := range bytes.Split(bytes.TrimSpace(write(Anchor{Store: store, Hash: Start(store)}, entries)), []byte("\n"))[1 : len(values)+1] {
		var l struct {
			N              uint64
			Hash, Key, Raw string
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var value []byte
		if _, rest, ok := bytes.Cut(line, []byte(`"entry":`)); ok {
			value = rest[:len(rest)-1]
		} else {
			value, _ = base64.RawURLEncoding.DecodeString(l.Raw)
		}
		if string(value) != values[i] {
			t.Errorf("line %d has the value %q, want %q", i, value, values[i])
		}
		key, err := base64.RawURLEncoding.DecodeString(l.Key)
		if err != nil {
			t.Fatal(err)
		}
		leaf := sha256.Sum256(value)
		n := binary.BigEndian.AppendUint64(nil, l.N)
		sum = sha256.Sum256(slices.Concat(d, sum[:], n, key, leaf[:]))
		if hex.EncodeToString(sum[:]) != l.Hash {
			t.Errorf("entry %d has the hash %s, want %x", l.N, l.Hash, sum)
		}
	}
	if got := hex.EncodeToString(sum[:]); first != goldenStart || got != goldenLast {
		t.Errorf("the chain goes from %s to %s", first, got)
	}
}

const (
	goldenStart = "74a109df1415ff9750fbf02a57523143cd94ed5cdc98e2c2ac77a975055b5f74"
	goldenLast  = "f150e2d46698f707248e64c785884b8a6e9af758b83bcf9c3f37f964db5e1885"
)

func TestVerify(t *testing.T) {
	a, entries := sample()
	good := write(a, entries)
	from, last, err := Verify(bytes.NewReader(good), Head{N: 0, Hash: a.Hash}, Head{N: 4, Hash: entries[3].Hash, Store: store}, Head{N: 9, Hash: entries[8].Hash}, Head{N: 9, Hash: entries[8].Hash})
	if err != nil || from != a || last.N != 9 || last.Hash != entries[8].Hash || last.Time.IsZero() {
		t.Errorf("good: %+v, %+v, %v", from, last, err)
	}
	part := write(Anchor{store, 3, entries[2].Hash}, entries[3:6])
	lines := bytes.SplitAfter(good, []byte("\n"))
	lines = lines[:len(lines)-1]
	join := func(change func(l [][]byte) [][]byte) []byte {
		return bytes.Join(change(slices.Clone(lines)), nil)
	}
	replace := func(line int, old, new string) []byte {
		return join(func(l [][]byte) [][]byte {
			l[line] = bytes.Replace(l[line], []byte(old), []byte(new), 1)
			return l
		})
	}
	again := entries[2]
	again.Value = []byte(`{"op":"another"}`)
	for _, tt := range []struct {
		name   string
		export []byte
		heads  []Head
		want   string
	}{
		{"a part", part, nil, ""},
		{"nothing", write(a, nil), []Head{{Hash: a.Hash}}, ""},
		{"changed entry", replace(1, "标", "本"), nil, "changed 1"},
		{"changed value", join(func(l [][]byte) [][]byte { l[3] = AppendEntry(nil, again); return l }), nil, "changed 3"},
		{"changed hash", replace(2, `"hash":"`+entries[1].Hash.String(), `"hash":"`+entries[0].Hash.String()), nil, "changed 2"},
		{"removed", join(func(l [][]byte) [][]byte { return slices.Delete(l, 4, 5) }), nil, "removed 4"},
		{"removed first", join(func(l [][]byte) [][]byte { return slices.Delete(l, 1, 3) }), nil, "removed 1"},
		{"removed last", join(func(l [][]byte) [][]byte { return slices.Delete(l, 9, 10) }), nil, "removed 9"},
		{"inserted", join(func(l [][]byte) [][]byte {
			return slices.Insert(l, 4, AppendEntry(nil, Entry{N: 4, Key: entries[3].Key, Value: []byte("{}")}))
		}), nil, "changed 4"},
		{"twice", join(func(l [][]byte) [][]byte { return slices.Insert(l, 4, l[3]) }), nil, "disorder 3"},
		{"swapped", join(func(l [][]byte) [][]byte { l[4], l[5] = l[5], l[4]; return l }), nil, "removed 4"},
		{"no value", join(func(l [][]byte) [][]byte {
			l[4] = AppendEntry(nil, Entry{N: 4, Hash: entries[3].Hash, Key: entries[3].Key})
			return l
		}), nil, "no_value 4"},
		{"another key", join(func(l [][]byte) [][]byte {
			l[4] = AppendEntry(nil, Entry{N: 4, Hash: entries[3].Hash, Key: entries[4].Key, Value: entries[3].Value})
			return l
		}), nil, "changed 4"},
		{"cut", bytes.Join(lines[:5], nil), nil, "cut 0"},
		{"cut within a line", good[:len(good)-20], nil, "cut 0"},
		{"no last line feed", good[:len(good)-1], nil, "cut 0"},
		{"empty", nil, nil, "cut 0"},
		{"shorter, with an end", write(a, entries[:5]), []Head{{N: 9, Hash: entries[8].Hash}}, "truncated 9"},
		{"another end", replace(10, entries[8].Hash.String(), entries[7].Hash.String()), nil, "changed 9"},
		{"end of before", replace(10, `"n":9`, `"n":8`), nil, "changed 8"},
		{"more after the end", append(slices.Clone(good), '\n'), nil, "malformed 0"},
		{"two exports", append(slices.Clone(good), good...), nil, "malformed 0"},
		{"aborted", AppendError(bytes.Join(lines[:5], nil), "conflict", `so "it" is`), nil, "aborted 0"},
		{"other head", good, []Head{{N: 4, Hash: entries[4].Hash}}, "unlike 4"},
		{"head before the part", part, []Head{{N: 2, Hash: entries[1].Hash}}, "trimmed 2"},
		{"head at the beginning of the part", part, []Head{{N: 3, Hash: entries[2].Hash}}, ""},
		{"other head there", part, []Head{{N: 3, Hash: entries[1].Hash}}, "unlike 3"},
		{"head of another log", good, []Head{{Store: StoreID{9}, N: 4, Hash: entries[3].Hash}}, "foreign 4"},
		{"another identity", replace(0, store.String(), StoreID{}.String()), nil, "foreign 0"},
		{"time that is not the key's", replace(1, "03:04:05", "03:04:06"), nil, "malformed 0"},
		{"a second meaning", replace(1, `{"n":1`, `{"Entry":{"op":"c"},"n":1`), nil, "malformed 0"},
		{"blanks", replace(1, `"n":1,`, `"n": 1,`), nil, "malformed 0"},
		{"capitals", replace(0, `"store":"01`, `"STORE":"01`), nil, "malformed 0"},
		{"raw where entry is due", replace(2, `"entry":{}`, `"raw":"e30"`), nil, "malformed 0"},
		{"value in no base64", replace(6, `"raw":"_w`, `"raw":"/w`), nil, "malformed 0"},
		{"neither", replace(2, `,"entry":{}`, ""), nil, "malformed 0"},
		{"short key", replace(2, `"key":"Y`, `"key":"`), nil, "malformed 0"},
		{"no hash", replace(2, `"hash"`, `"hush"`), nil, "malformed 0"},
		{"short hash", replace(2, `"hash":"`+entries[1].Hash.String()[:2], `"hash":"`), nil, "malformed 0"},
		{"negative", replace(2, `"n":2`, `"n":-2`), nil, "malformed 0"},
		{"another format", replace(0, Format, "idnode-audit-2"), nil, "malformed 0"},
		{"no first line", bytes.Join(lines[1:], nil), nil, "malformed 0"},
		{"no JSON", []byte("hello\n"), nil, "malformed 0"},
	} {
		_, _, err := Verify(bytes.NewReader(tt.export), tt.heads...)
		got := ""
		if p, ok := errors.AsType[*Problem](err); ok {
			got = fmt.Sprintf("%s %d", p.Kind, p.N)
			if p.Error() == "" || (p.Kind == Malformed || p.Kind == Aborted) && (p.Line == 0 || p.Text == "") {
				t.Errorf("%s: %+v", tt.name, p)
			}
		} else if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	broken := io.MultiReader(bytes.NewReader(good[:900]), failing{})
	if _, last, err := Verify(broken); !errors.Is(err, io.ErrClosedPipe) || last.N == 0 {
		t.Errorf("a connection that breaks: %d, %v", last.N, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestParseHead(t *testing.T) {
	h := Start(store)
	for text, want := range map[string]bool{"7:" + h.String(): true, "7:" + strings.ToUpper(h.String()): true, "0:" + h.String(): true,
		"7": false, ":" + h.String(): false, "-1:" + h.String(): false, "7:" + h.String()[1:]: false, "7:" + h.String() + "0": false, "7:" + strings.Repeat("x", 64): false, "": false} {
		got, err := ParseHead(text)
		if (err == nil) != want || want && (got.Hash != h || got.N != 7 && text[0] != '0') {
			t.Errorf("ParseHead(%q) = %+v, %v", text, got, err)
		}
	}
}

// FuzzReader holds the law that every line that is read is one that is written: there is one way to say a thing.
func FuzzReader(f *testing.F) {
	a, entries := sample()
	f.Add(write(a, entries))
	f.Add(AppendError(AppendAnchor(nil, a), "internal", "x"))
	f.Add([]byte("{\"format\":\"idnode-audit-1\"}\n"))
	f.Fuzz(func(t *testing.T, export []byte) {
		r := NewReader(bytes.NewReader(export))
		from, err := r.Anchor()
		if err != nil {
			return
		}
		again := AppendAnchor(nil, from)
		for {
			e, err := r.Next()
			if err == io.EOF {
				again = AppendEnd(again, r.End())
				break
			}
			if err != nil {
				if len(e.Key) > 0 || e.Value != nil {
					t.Errorf("an entry with the error %v", err)
				}
				return
			}
			again = AppendEntry(again, e)
		}
		if !bytes.Equal(again, export) {
			t.Errorf("written again it is\n%q, not\n%q", again, export)
		}
	})
}
