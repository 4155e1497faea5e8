package drive

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/measure"
)

func TestFlight(t *testing.T) {
	for name, mask := range map[string]uint32{"whole ids": 1<<32 - 1, "short ids": 1<<16 - 1} {
		f := newFlight(mask)
		first, _ := f.begin(1)
		second, _ := f.begin(2)
		if due, ok := f.end(second | ^mask); !ok || due != 2 {
			t.Errorf("%s: the second query: due %v, %v", name, due, ok)
		}
		if _, ok := f.end(second); ok {
			t.Errorf("%s: a query ends twice", name)
		}
		if n := f.expire(1); n != 0 || f.underWay() != 1 {
			t.Errorf("%s: %d expired too early, %d are under way", name, n, f.underWay())
		}
		var lost int
		for range flightSize - 1 {
			if _, l := f.begin(3); l {
				lost++
			}
		}
		if lost != 1 || f.underWay() != flightSize-1 {
			t.Errorf("%s: after a round %d are lost and %d under way, want the first lost", name, lost, f.underWay())
		}
		if _, ok := f.end(first); ok != (name == "short ids") {
			t.Errorf("%s: a query that was given up ends: %v", name, ok)
		}
		away := f.underWay()
		if n := f.expire(4); n != away || f.underWay() != 0 {
			t.Errorf("%s: %d of %d expired, %d are left", name, n, away, f.underWay())
		}
	}
}

var errBad = errors.New("bad")

// numbers is a protocol of messages of 8 octets: the id, and what was picked.
type numbers struct{ bad bool }

func (numbers) Preface() []byte { return nil }

func (numbers) Append(dst []byte, id uint32, pick corpus.Picker) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, id), uint32(pick()))
}

func (numbers) Frame(head []byte) (int, error) {
	if len(head) < 4 {
		return 0, nil // it needs no more than the message has
	}
	return 8, nil
}

func (n numbers) Answer(message []byte) (uint32, []byte, error) {
	if n.bad {
		return binary.BigEndian.Uint32(message), nil, errBad
	}
	return binary.BigEndian.Uint32(message), nil, nil
}

func testLoad(network, addr string, bad bool) *Load {
	return &Load{Front: Front{Network: network, Addr: addr, Codec: func() Codec { return numbers{bad} }, Conns: 3, Outstanding: 7},
		Pick: func(seed uint64) corpus.Picker { return corpus.Uniform(seed, 100) }, Timeout: 200 * time.Millisecond}
}

// echo sends back all that comes over UDP and TCP.
func echo(t *testing.T) map[string]string {
	t.Helper()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); l.Close() })
	go func() {
		buf := make([]byte, 64)
		for {
			n, from, err := p.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = p.WriteTo(buf[:n], from)
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return map[string]string{"udp": p.LocalAddr().String(), "tcp": l.Addr().String()}
}

func TestLoad(t *testing.T) {
	const d, rate = 300 * time.Millisecond, 1000
	for network, addr := range echo(t) {
		l := testLoad(network, addr, false)
		check := func(mode string, least, most uint64, rec *measure.Recorder, err error) {
			t.Helper()
			if err != nil || rec.Failed+rec.TimedOut > 0 || rec.Done < least || rec.Done > most {
				t.Errorf("%s, %s: %+v, %v; want %d to %d done", network, mode, rec, err, least, most)
			}
		}
		rec, _, err := l.Closed(t.Context(), d)
		check("closed", 100, 1<<32, rec, err)
		rec, elapsed, err := l.Open(t.Context(), d, rate)
		check("open", 300, 300, rec, err)
		if elapsed < d-2*time.Millisecond {
			t.Errorf("%s, open: 300 queries at 1000/s were asked within %v", network, elapsed)
		}
		rec, _, err = testLoad(network, addr, true).Closed(t.Context(), d/10)
		if err != nil || rec.Done > 0 || rec.Failed == 0 || !errors.Is(rec.First, errBad) {
			t.Errorf("%s: bad answers: %+v, %v", network, rec, err)
		}
	}
}

// TestLatency asks a server that stops for a while: who was due meanwhile has waited.
func TestLatency(t *testing.T) {
	const pause = 100 * time.Millisecond
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	go func() {
		time.Sleep(pause)
		buf := make([]byte, 64)
		for {
			n, from, err := p.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = p.WriteTo(buf[:n], from)
		}
	}()
	rec, _, err := testLoad("udp", p.LocalAddr().String(), false).Open(t.Context(), 2*pause, 1000)
	if err != nil || rec.Done != 200 {
		t.Fatalf("%+v, %v", rec, err)
	}
	// A quarter of all was due in the first half of the pause.
	if got := rec.Percentile(80); got < pause/2 {
		t.Errorf("p80 is %v, want at least %v", got, pause/2)
	}
}

// TestTimeout asks a server that never answers.
func TestTimeout(t *testing.T) {
	deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	l := testLoad("udp", deaf.LocalAddr().String(), false)
	rec, _, err := l.Closed(t.Context(), 50*time.Millisecond)
	if err != nil || rec.Done != 0 || rec.TimedOut != uint64(l.Front.Outstanding) {
		t.Errorf("closed: %+v, %v; want %d timeouts", rec, err, l.Front.Outstanding)
	}
	rec, _, err = l.Open(t.Context(), 50*time.Millisecond, 1000)
	if err != nil || rec.Done != 0 || rec.TimedOut != 50 {
		t.Errorf("open: %+v, %v; want 50 timeouts", rec, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.Open(ctx, time.Minute, 1000); err == nil {
		t.Error("an interrupted run is no error")
	}
}
