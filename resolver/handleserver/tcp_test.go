package handleserver

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handletest"
)

// query is a resolve request with that id.
func query(id uint32, name string, types ...string) []byte {
	return handle.Finish(handle.AppendResolveRequest(handle.Begin(nil), name, nil, types), 0,
		handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: id},
		handle.Header{Opcode: handle.OpResolve, Flags: 0x19000000})
}

// ended waits for the end of c and returns what came before it.
func ended(t *testing.T, c net.Conn) []byte {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("connection not ended: %v", err)
	}
	return b
}

func readAnswer(t *testing.T, c io.Reader) (handle.Envelope, handle.Header) {
	t.Helper()
	e, src, _ := handle.ParseEnvelope(readMessage(t, c))
	m, err := handle.ParseMessage(src)
	if err != nil {
		t.Fatal(err)
	}
	return e, m.Header
}

// TestPipeline sends many requests at once and in odd parts: V120, in which the reference server
// forgets all but the first.
func TestPipeline(t *testing.T) {
	s := start(t, options(t))
	var all []byte
	const n = 300
	for i := range uint32(n) {
		name := "88.990.1001/item-1"
		if i%3 == 0 {
			name = "88.990.1001/big-1"
		}
		all = append(all, query(i, name)...)
	}
	c := dial(t, s, "tcp")
	go func() {
		for b := range bytesInParts(all, 1, 7, 19, 20, 1000, 70000) {
			if _, err := c.Write(b); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range uint32(n) {
		if e, h := readAnswer(t, c); e.RequestID != i || h.Rcode != handle.RcodeSuccess {
			t.Fatalf("answer %d: id %d, code %d", i, e.RequestID, h.Rcode)
		}
	}
	c.(*net.TCPConn).CloseWrite()
	if rest := ended(t, c); len(rest) != 0 {
		t.Errorf("%d octets more", len(rest))
	}
}

// bytesInParts yields b in parts of these lengths, in turn.
func bytesInParts(b []byte, lengths ...int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for i := 0; len(b) > 0; i++ {
			n := min(lengths[i%len(lengths)], len(b))
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// TestLongMessage sends a request that does not fit the reader's buffer, and one that does behind it.
func TestLongMessage(t *testing.T) {
	s := start(t, options(t))
	c := dial(t, s, "tcp")
	types := make([]string, 20000)
	for i := range types {
		types[i] = "NOT.THERE"[:i%9]
	}
	types = append(types, "url")
	c.Write(append(query(1, "88.990.1001/item-1", types...), query(2, "88.990.1001/item-1")...))
	for id := range uint32(2) {
		if e, h := readAnswer(t, c); e.RequestID != id+1 || h.Rcode != handle.RcodeSuccess {
			t.Errorf("answer %d: %+v %+v", id+1, e, h)
		}
	}
	long := query(3, "88.990.1001/item-1", types...)
	c.Write(long[:50000])
	c.(*net.TCPConn).CloseWrite()
	if e, h := readAnswer(t, c); e.RequestID != 3 || h.Rcode != handle.RcodeProtocolError {
		t.Errorf("cut: %+v %+v", e, h)
	}
	ended(t, c)
}

// TestRelease: an answerer that waits for its next message holds nothing of the last.
func TestRelease(t *testing.T) {
	s := start(t, options(t))
	for name, types := range map[string][]string{"short": {"URL"}, "long": make([]string, 60000)} {
		a := answerer{s: s, front: s.tcp}
		e, src, err := handle.ParseEnvelope(query(1, "88.990.1001/item-1", types...))
		if err != nil {
			t.Fatal(err)
		}
		if len(a.answer(t.Context(), nil, e, src)) == 0 {
			t.Errorf("%s: no answer", name)
		}
		if r := a.request; r.Handle != nil || cap(r.Types) > keptSelectors || cap(a.types) > keptSelectors {
			t.Errorf("%s: holds the handle %q and room for %d types", name, r.Handle, cap(r.Types))
		}
		for _, kept := range a.request.Types[:cap(a.request.Types)] {
			if kept != nil {
				t.Errorf("%s: holds the type %q", name, kept)
			}
		}
	}
}

// TestBadBodyKeepsConnection: a message whose length is right and whose body is not costs an answer,
// one whose length cannot be ends the connection.
func TestBadBodyKeepsConnection(t *testing.T) {
	s := start(t, options(t))
	c := dial(t, s, "tcp")
	c.Write(handletest.Find(t, "101").Request())
	c.Write(query(9, "88.990.1001/item-1"))
	if _, h := readAnswer(t, c); h.Rcode != handle.RcodeProtocolError {
		t.Errorf("bad body: code %d", h.Rcode)
	}
	if e, h := readAnswer(t, c); e.RequestID != 9 || h.Rcode != handle.RcodeSuccess {
		t.Errorf("after it: %+v %+v", e, h)
	}
	// What follows an impossible length must not take away the last words.
	c.Write(append(handletest.Find(t, "105").Request(), make([]byte, 100000)...))
	if _, h := readAnswer(t, c); h.Rcode != handle.RcodeProtocolError {
		t.Errorf("bad length: code %d", h.Rcode)
	}
	ended(t, c)
}

func TestTimeouts(t *testing.T) {
	o := options(t)
	o.FirstByteTimeout, o.MessageTimeout = 60*time.Millisecond, 60*time.Millisecond
	o.LingerTimeout, o.IdleTimeout = 60*time.Millisecond, 400*time.Millisecond
	s := start(t, o)
	f := func(name string, atLeast time.Duration, use func(c net.Conn)) {
		t.Helper()
		c := dial(t, s, "tcp")
		use(c)
		begin := time.Now()
		if rest := ended(t, c); len(rest) != 0 {
			t.Errorf("%s: %x", name, rest)
		}
		if took := time.Since(begin); took < atLeast || took > atLeast+300*time.Millisecond {
			t.Errorf("%s: ended after %v, want %v", name, took, atLeast)
		}
	}
	q := query(1, "88.990.1001/item-1")
	f("silent", 30*time.Millisecond, func(net.Conn) {})
	f("one request", 30*time.Millisecond, func(c net.Conn) { c.Write(q); readAnswer(t, c) })
	f("two requests", 300*time.Millisecond, func(c net.Conn) {
		for range 2 {
			c.Write(q)
			readAnswer(t, c)
		}
	})
	f("slow message", 0, func(c net.Conn) {
		for i := range q { // an octet at a time, never pausing for long
			if _, err := c.Write(q[i : i+1]); err != nil {
				break
			}
			if i > 8 {
				time.Sleep(15 * time.Millisecond)
			}
			if i == 16 {
				break
			}
		}
	})
}

func TestConnectionLimits(t *testing.T) {
	o := options(t)
	o.MaxConns, o.MaxConnsPerAddr = 3, 2
	s := start(t, o)
	q := query(1, "88.990.1001/item-1")
	first, second := dial(t, s, "tcp"), dial(t, s, "tcp")
	for _, c := range []net.Conn{first, second} {
		c.Write(q)
		readAnswer(t, c)
	}
	refused := func() bool {
		c := dial(t, s, "tcp")
		c.Write(q)
		_, err := io.ReadFull(c, make([]byte, 1))
		return err != nil
	}
	if !refused() {
		t.Error("third connection of an address taken")
	}
	first.Close()
	deadline := time.Now().Add(2 * time.Second)
	for refused() {
		if time.Now().After(deadline) {
			t.Fatal("a closed connection still counts")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestSlowReader asks for more than the buffers between hold and does not read: the server gives up.
func TestSlowReader(t *testing.T) {
	o := options(t)
	o.WriteTimeout = 100 * time.Millisecond
	s := start(t, o)
	c := dial(t, s, "tcp")
	c.(*net.TCPConn).SetReadBuffer(4096)
	batch := bytes.Repeat(query(1, "88.990.1001/big-1"), 1000)
	for {
		c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(batch); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Error("the server neither reads nor gives up")
			}
			return
		}
	}
}
