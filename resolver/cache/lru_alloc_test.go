//go:build !race

package cache

import (
	"testing"

	"github.com/idnode/idnode/proto/identifier"
)

func TestGetAllocates(t *testing.T) {
	c := newLRU(t, 1<<20)
	k := key(1)
	c.Fill(k, c.Ticket(k), &identifier.Record{}, 10)
	if n := testing.AllocsPerRun(1000, func() { c.Get(k) }); n != 0 {
		t.Errorf("a hit allocates %v times, want 0", n)
	}
}

func TestAnswersGetAllocates(t *testing.T) {
	old := false
	a := newAnswers(t, 1<<20, &old)
	k := []byte("dname")
	a.Put(k, Answer{Octets: []byte("answer")})
	if n := testing.AllocsPerRun(1000, func() {
		if _, ok := a.Get(k); !ok {
			t.Fatal("no answer")
		}
	}); n != 0 {
		t.Errorf("a hit allocates %v times, want 0", n)
	}
	if n := testing.AllocsPerRun(1000, func() { a.Admit([]byte("dother")) }); n != 0 {
		t.Errorf("a miss allocates %v times, want 0", n)
	}
}
