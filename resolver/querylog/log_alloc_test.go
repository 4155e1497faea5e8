//go:build !race

package querylog

import (
	"testing"
	"time"
)

// TestNoteAlloc: noting a query allocates nothing once the chunks are there.
func TestNoteAlloc(t *testing.T) {
	l := newLog(t, Options{})
	defer run(l)()
	p := l.Pen(HandleUDP)
	name := []byte("88.1021.150/SN-000001")
	for range 100_000 {
		p.Note(start, 0, client4, name, found)
	}
	time.Sleep(50 * time.Millisecond)
	if n := testing.AllocsPerRun(1000, func() { p.Note(start, 0, client4, name, found) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
