//go:build !race

package handleserver

import (
	"context"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/resolver"
)

// TestAnswerAllocs: an answer costs the copy of the identifier, which a resolver may keep, and
// nothing else; every type asked for is one more copy.
func TestAnswerAllocs(t *testing.T) {
	u, _ := fakeSocket(t)
	f := func(number string, want float64) {
		t.Helper()
		v := handletest.Find(t, number)
		e, src, _ := handle.ParseEnvelope(v.Request())
		m, _ := handle.ParseMessage(src)
		var r handle.ResolveRequest
		handle.ParseResolveRequest(m.Body, &r)
		known := resolver.Answer{Status: resolver.Found, Tier: resolver.TierLRU}
		for _, rec := range handletest.Records(t) {
			if rec.ID == string(r.Handle) {
				known.Record = rec
			}
		}
		u.s.resolve = func(context.Context, resolver.Query) resolver.Answer { return known }
		u.out = make([]byte, 0, 8192)
		got := testing.AllocsPerRun(200, func() { u.out = u.answer(context.Background(), u.out[:0], e, src) })
		if got != want {
			t.Errorf("%s: %v allocations, want %v", v.Name, got, want)
		}
		if len(u.out) != handle.EnvelopeSize+len(v.Response())-handle.EnvelopeSize*len(v.Responses) {
			t.Errorf("%s: answer of %d octets", v.Name, len(u.out))
		}
	}
	f("001", 1)
	f("020", 1)
	f("024", 1)
	f("005", 1)
	f("004", 2)
}

func BenchmarkAnswer(b *testing.B) {
	u, _ := fakeSocket(b)
	for _, name := range []string{"001", "004", "009", "010", "020", "041"} {
		v := handletest.Find(b, name)
		e, src, _ := handle.ParseEnvelope(v.Request())
		b.Run("vector="+v.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				u.out = u.answer(b.Context(), u.out[:0], e, src)
			}
		})
	}
}

// BenchmarkUDP is one client in a closed loop over loopback: the sum of both sides and the kernel.
func BenchmarkUDP(b *testing.B) {
	s := start(b, options(b))
	c := dial(b, s, "udp")
	c.SetDeadline(time.Time{})
	request := handletest.Find(b, "009").Request()
	buf := make([]byte, handle.MaxPacket)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(request)
		if _, err := c.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}
