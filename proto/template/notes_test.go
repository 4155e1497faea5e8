package template

import (
	"fmt"
	"strings"
	"testing"
)

// TestNotes: notes are bounded, and say nothing about records.
func TestNotes(t *testing.T) {
	f := func(notes map[string]string, want string) {
		t.Helper()
		c := &Content{Notes: notes, Fields: []Field{{Name: "a", Index: 2000, Type: String, Notes: notes}}}
		var got []string
		for _, p := range c.Check() {
			got = append(got, p.String())
		}
		if want != "" {
			want = "/notes" + want + "; /fields/0/notes" + want
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%v:\n got %s\nwant %s", notes, s, want)
		}
	}
	f(nil, "")
	f(map[string]string{"classifyCode": "食品", "empty": ""}, "")
	f(map[string]string{"": "x"}, ": the name of a note begins with a letter and has at most 64 letters, digits, _, - and .")
	f(map[string]string{"a": strings.Repeat("x", MaxText+1)}, "/a: longer than 1024 octets")
	f(map[string]string{"a": "\x00"}, "/a: there is a control character in it")
	many := map[string]string{}
	for i := range MaxNotes + 1 {
		many[fmt.Sprint("n", i)] = ""
	}
	f(many, ": 33 notes; at most 32")

	old := &Content{Notes: map[string]string{"a": "1"}, Fields: []Field{{Name: "a", Index: 2000, Type: String}}}
	revised := &Content{Fields: []Field{{Name: "a", Index: 2000, Type: String, Notes: map[string]string{"b": "2"}}}}
	if all := Compare(old, revised); len(all) > 0 {
		t.Error(all)
	}
}
