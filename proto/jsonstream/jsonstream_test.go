package jsonstream_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/jsonstream"
)

// read is what a file holds: "line:object" or "line!".
func read(t *testing.T, text string) string {
	t.Helper()
	r := jsonstream.NewReader(strings.NewReader(text))
	var all []string
	for range len(text) + 2 {
		object, line, err := r.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(all, " ")
		}
		if e, ok := errors.AsType[*jsonstream.Error](err); ok {
			if e.Line != line || e.Reason == "" {
				t.Errorf("%d: %v", line, e)
			}
			all = append(all, fmt.Sprintf("%d!", line))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%d:%s", line, strings.Join(strings.Fields(string(object)), "")))
	}
	t.Fatal("there is no end")
	return ""
}

func TestNext(t *testing.T) {
	f := func(name, in, want string) {
		t.Helper()
		if got := read(t, in); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("nothing", "", "")
	f("blank", " \r\n\n", "")
	f("lines", "{\"a\":1}\n{\"b\":2}\n", `1:{"a":1} 2:{"b":2}`)
	f("no end of line", `{"a":1}`, `1:{"a":1}`)
	f("carriage returns and a mark", "\uFEFF{\"a\":1}\r\n\r\n{\"b\":2}\r\n", `1:{"a":1} 3:{"b":2}`)
	f("array", "[\n  {\"a\": [1, {\"x\": 2}]},\n  {\"b\": \"}\"}\n]\n", `2:{"a":[1,{"x":2}]} 3:{"b":"}"}`)
	f("array of arrays", `[[{"a":1}],[{"b":2}]]`, `1:{"a":1} 1:{"b":2}`)
	f("printed", "{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}\n", `1:{"a":1} 4:{"b":2}`)
	f("hand-made", "{\"v\":[\n{\"a\":1},\n{\"b\":2}\n]}\n{\"c\":3}", `1:{"v":[{"a":1},{"b":2}]} 5:{"c":3}`)
	f("escapes", `{"a":"\"}\\"}{"b":1}`, `1:{"a":"\"}\\"} 1:{"b":1}`)
	f("junk", "{\"a\":1}\nhello\n{\"b\":2}\n", `1:{"a":1} 2! 3:{"b":2}`)
	f("cut off", "{\"a\":1}\n{\"b\":", `1:{"a":1} 2!`)
	f("quote missing", "{\"a\":\"x}\n{\"b\":2}\n", `1! 2:{"b":2}`)
	f("brace missing", "{\"a\":{\"x\":1}\n{\"b\":2}\n{\"c\":3}\n", `1! 2:{"b":2} 3:{"c":3}`)
	f("brace too many", "{\"a\":1}}\n{\"b\":2}\n", `1:{"a":1} 1! 2:{"b":2}`)
	f("comma missing", "{\"a\":1 \"x\":1}\n{\"b\":2}\n", `1! 2:{"b":2}`)
	f("broken in an array", "[\n  {\n    \"a\": ]\n    \"n\": {\"x\": 1}\n  },\n  {\n    \"b\": 2\n  }\n]\n", `2! 6:{"b":2}`)
	f("not UTF-8", "{\"a\":\"\xd6\xd0\"}\n{\"b\":2}\n", `1! 2:{"b":2}`)
	f("scalars", "1\n\"x\"\n{\"b\":2}\n", `1! 3:{"b":2}`)
}

func TestTooLong(t *testing.T) {
	in := io.MultiReader(strings.NewReader(`{"a":"`), io.LimitReader(zeros{}, jsonstream.MaxObject+10), strings.NewReader("\"}\n{\"b\":2}\n"))
	r := jsonstream.NewReader(in)
	if _, _, err := r.Next(); err == nil {
		t.Error("no error")
	}
	if object, line, err := r.Next(); string(object) != `{"b":2}` || line != 2 || err != nil {
		t.Errorf("%s, %d, %v", object, line, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func FuzzNext(f *testing.F) {
	f.Add("{\"a\":1}\n[{\"b\":2}]\n{\"c\":")
	f.Add("{\"a\":\"x}\n{\"b\":2}\n")
	f.Fuzz(func(t *testing.T, text string) { read(t, text) })
}
