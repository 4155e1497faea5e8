//go:build !race

package handleserver

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
)

// TestAnswerAllocs: an answer costs nothing but a copy of each type asked for, and a kept one nothing.
func TestAnswerAllocs(t *testing.T) {
	p := unbound(t)
	var err error
	if p.s.o.Answers, err = cache.NewAnswers(cache.AnswersOptions{Current: p.s.o.Resolver.Current}); err != nil {
		t.Fatal(err)
	}
	moment := p.s.o.Resolver.Stamp()
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
		p.s.resolve = func(context.Context, resolver.Query) resolver.Answer { return known }
		out := make([]byte, 0, 8192)
		check := func(what string, want float64) {
			t.Helper()
			got := testing.AllocsPerRun(200, func() { out = p.answer(context.Background(), out[:0], e, src) })
			if got != want {
				t.Errorf("%s: %v allocations %s, want %v", v.Name, got, what, want)
			}
			if len(out) != handle.EnvelopeSize+len(v.Response())-handle.EnvelopeSize*len(v.Responses) {
				t.Errorf("%s: answer of %d octets", v.Name, len(out))
			}
		}
		check("made", want)
		known.Stamp = moment
		check("kept", 0)
	}
	f("001", 0)
	f("020", 0)
	f("005", 0)
	f("004", 1)
}

// TestTCPAllocs: a hit over a kept connection allocates nothing, from its octets to those of the answer.
func TestTCPAllocs(t *testing.T) {
	o := options(t)
	var err error
	if o.Answers, err = cache.NewAnswers(cache.AnswersOptions{Current: o.Resolver.Current}); err != nil {
		t.Fatal(err)
	}
	s := start(t, o)
	c := dial(t, s, "tcp")
	request := handletest.Find(t, "001").Request()
	answer := make([]byte, len(handletest.Find(t, "001").Response()))
	exchange := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, answer); err != nil {
			t.Fatal(err)
		}
	}
	exchange()
	if n := testing.AllocsPerRun(500, exchange); n != 0 { // of both sides
		t.Errorf("%v allocations a request, want 0", n)
	}
}

// TestUDPAllocs: a hit over UDP allocates nothing, from the system's buffer and back.
func TestUDPAllocs(t *testing.T) {
	o := options(t)
	var err error
	if o.Answers, err = cache.NewAnswers(cache.AnswersOptions{Current: o.Resolver.Current}); err != nil {
		t.Fatal(err)
	}
	s := start(t, o)
	c := dial(t, s, "udp")
	request := handletest.Find(t, "009").Request()
	answer := make([]byte, handle.MaxPacket)
	exchange := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(answer); err != nil {
			t.Fatal(err)
		}
	}
	exchange()
	if n := testing.AllocsPerRun(500, exchange); n != 0 { // of both sides
		t.Errorf("%v allocations a request, want 0", n)
	}
}

func BenchmarkAnswer(b *testing.B) {
	p := unbound(b)
	for _, name := range []string{"001", "004", "009", "010", "020", "041"} {
		v := handletest.Find(b, name)
		e, src, _ := handle.ParseEnvelope(v.Request())
		b.Run("vector="+v.Name, func(b *testing.B) {
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				out = p.answer(b.Context(), out[:0], e, src)
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
