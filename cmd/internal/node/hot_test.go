package node

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver/querylog"
)

func TestHot(t *testing.T) {
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	h := newHot(now)
	id := func(text string) identifier.ID {
		t.Helper()
		id, err := identifier.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	ask := func(text string, from byte, times int) {
		for range times {
			h.add(&querylog.Entry{Time: now, Client: netip.AddrFrom4([4]byte{192, 0, 2, from})}, id(text), nil)
		}
	}
	for i := range 5000 { // somebody enumerates
		ask(fmt.Sprintf("88.102.1/%d", i), 1, 1)
	}
	ask("88.102.2/popular", 2, 300)
	ask("88.102.2/known", 3, 200)
	h.add(&querylog.Entry{Time: now}, identifier.ID{}, nil) // neither an identifier nor a known asker
	a := h.answer(now)
	if len(a.Identifiers) != hotShown || len(a.Prefixes) != 2 || len(a.Sources) != 3 || a.Requests != 5500 {
		t.Fatalf("got %+v", a)
	}
	if a.Identifiers[0].Value != "88.102.2/popular" || a.Identifiers[1].Value != "88.102.2/known" || a.Identifiers[0].Requests-a.Identifiers[0].Error > 300 || a.Identifiers[0].Requests < 300 {
		t.Errorf("identifiers: %+v", a.Identifiers[:3])
	}
	if a.Prefixes[0] != (hotEntry{"handle", "88.102.1", 5000, 0}) || a.Prefixes[1] != (hotEntry{"handle", "88.102.2", 500, 0}) {
		t.Errorf("prefixes: %+v", a.Prefixes)
	}
	if a.Sources[0] != (hotEntry{"", "192.0.2.1", 5000, 0}) {
		t.Errorf("sources: %+v", a.Sources)
	}

	now = now.Add(hotWindow)
	ask("88.102.3/new", 4, 10)
	if a := h.answer(now); len(a.Prefixes) != 3 || !a.Since.Equal(now.Add(-hotWindow)) {
		t.Errorf("a window later: %+v", a)
	}
	now = now.Add(hotWindow)
	if a := h.answer(now); len(a.Prefixes) != 1 || a.Prefixes[0].Value != "88.102.3" {
		t.Errorf("two windows later: %+v", a)
	}
	h.add(&querylog.Entry{Time: now.Add(-time.Hour), Client: netip.AddrFrom4([4]byte{192, 0, 2, 9})}, identifier.ID{}, nil)
	now = now.Add(3 * hotWindow)
	if a := h.answer(now); a.Requests != 0 || a.Identifiers == nil || len(a.Identifiers)+len(a.Prefixes)+len(a.Sources) != 0 {
		t.Errorf("in the end: %+v", a)
	}
}
