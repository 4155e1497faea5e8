//go:build !race

package cache

import (
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
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

func TestSharedGetAllocates(t *testing.T) {
	s := newShared(t, newOrigin(), SharedOptions{})
	q := resolver.UpstreamQuery{ID: parse(t, "88.1.2/SN-001"), From: &identifier.Service{TCP: 2641}}
	ctx := t.Context()
	s.Resolve(ctx, q)
	if n := testing.AllocsPerRun(1000, func() { s.Resolve(ctx, q) }); n != 0 {
		t.Errorf("a hit allocates %v times, want 0", n)
	}
}
