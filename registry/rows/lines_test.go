package rows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

func all(t *testing.T, l *Lines) (rows []registry.Row) {
	t.Helper()
	for {
		r, err := l.Next()
		if err == io.EOF {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
}

// TestLinesResume: who goes on from the end of any row sees the rows that follow as they were.
func TestLinesResume(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const most = 3000
	var b strings.Builder
	b.WriteString("\xef\xbb\xbf")
	for i := range 3000 {
		switch rng.IntN(40) {
		case 0:
			b.WriteString("\n")
		case 1:
			b.WriteString(`{"broken` + "\r\n")
		case 2:
			b.WriteString(strings.Repeat("x", most+rng.IntN(300_000)) + "\n")
		default:
			fmt.Fprintf(&b, `{"id":"88.1/%d","values":[{"index":1,"type":"T","data":"%s"}]}`+"\n", i, strings.Repeat("轴", rng.IntN(100)))
		}
	}
	text := strings.TrimSuffix(b.String(), "\n")
	want := all(t, ReadLines(t.Context(), strings.NewReader(text), 1, 0, most, identifier.ParseWriteJSON))
	if len(want) < 2800 {
		t.Fatalf("%d rows", len(want))
	}
	f := func(r registry.Row) string {
		id := ""
		if r.Record != nil {
			id = r.Record.ID
		}
		return fmt.Sprint(r.Line, r.End, id, r.Err)
	}
	for i := 0; i < len(want); i += 1 + rng.IntN(200) {
		got := all(t, ReadLines(t.Context(), strings.NewReader(text[want[i].End:]), want[i].Line+1, want[i].End, most, identifier.ParseWriteJSON))
		if len(got) != len(want)-i-1 {
			t.Fatalf("after row %d there are %d rows, want %d", i, len(got), len(want)-i-1)
		}
		for j := range got {
			if f(got[j]) != f(want[i+1+j]) {
				t.Fatalf("after row %d, row %d is %s, want %s", i, j, f(got[j]), f(want[i+1+j]))
			}
		}
	}
}

// TestLinesEnd: neither a broken input nor an end of the context looks like the end of the input.
func TestLinesEnd(t *testing.T) {
	l := ReadLines(t.Context(), io.MultiReader(strings.NewReader("{}\n"), errReader{}), 1, 0, 100, identifier.ParseWriteJSON)
	if r, err := l.Next(); err != nil || r.Err == nil {
		t.Errorf("first: %+v, %v", r, err)
	}
	if _, err := l.Next(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("broken input: %v", err)
	}
	<-l.Done()
	ctx, cancel := context.WithCancel(t.Context())
	l = ReadLines(ctx, strings.NewReader(strings.Repeat("{}\n", 1<<20)), 1, 0, 100, identifier.ParseWriteJSON)
	cancel()
	for {
		if _, err := l.Next(); err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			break
		}
	}
	<-l.Done()
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("cut") }
