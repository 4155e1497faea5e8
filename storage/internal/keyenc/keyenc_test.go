package keyenc

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestString(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		got := AppendString([]byte("x"), in)
		if string(got) != "x"+want {
			t.Errorf("AppendString(%q) = %q, want %q", in, got[1:], want)
		}
		s, rest, ok := ParseString(append(got[1:], "rest"...))
		if s != in || string(rest) != "rest" || !ok {
			t.Errorf("ParseString of %q = %q, %q, %v", in, s, rest, ok)
		}
	}
	f("", "\x00\x01")
	f("a", "a\x00\x01")
	f("a\x00", "a\x00\xff\x00\x01")
	f("\x00\x00", "\x00\xff\x00\xff\x00\x01")
	f("\x00\x01", "\x00\xff\x01\x00\x01")
	f("\xff", "\xff\x00\x01")
	f("标识", "标识\x00\x01")
}

func TestParseStringRefuses(t *testing.T) {
	for _, in := range []string{"", "a", "a\x00", "\x00", "a\x00\x02b\x00\x01", "\x00\xff", "\x00\xff\x00"} {
		if s, rest, ok := ParseString([]byte(in)); ok {
			t.Errorf("ParseString(%q) = %q, %q", in, s, rest)
		}
	}
}

func TestPrefixEnd(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		prefix := []byte(in)
		if got := PrefixEnd(prefix); string(got) != want || (want == "") != (got == nil) || string(prefix) != in {
			t.Errorf("PrefixEnd(%q) = %q, want %q", in, got, want)
		}
	}
	f("a", "b")
	f("ab", "ac")
	f("a\xff", "b")
	f("a\xff\xff", "b")
	f("\x00", "\x01")
	f("\xff", "")
	f("", "")
}

// FuzzString holds the law that encodings compare as the strings do, whatever follows them.
func FuzzString(f *testing.F) {
	f.Add("", "\x00", "tail")
	f.Add("a", "a\x00", "\xff")
	f.Add("a\x00", "ab", "")
	f.Add("a\xff", "a\xff\x00", "\x00\x01")
	f.Fuzz(func(t *testing.T, a, b, tail string) {
		ea, eb := append(AppendString(nil, a), tail...), AppendString(nil, b)
		if a != b {
			if got, want := bytes.Compare(ea, eb), strings.Compare(a, b); got != want {
				t.Errorf("%q and %q compare %d, want %d", a, b, got, want)
			}
		}
		if s, rest, ok := ParseString(ea); s != a || string(rest) != tail || !ok {
			t.Errorf("ParseString of %q + %q = %q, %q, %v", a, tail, s, rest, ok)
		}
		if s, rest, ok := ParseString([]byte(tail)); ok && !bytes.Equal(slices.Concat(AppendString(nil, s), rest), []byte(tail)) {
			t.Errorf("ParseString(%q) = %q, %q is not its inverse", tail, s, rest)
		}
		if end := PrefixEnd([]byte(a)); end != nil && (bytes.Compare([]byte(a+tail), end) >= 0 || len(end) > len(a)) {
			t.Errorf("PrefixEnd(%q) = %q is not above %q", a, end, a+tail)
		}
	})
}
