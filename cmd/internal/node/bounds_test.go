package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// serveHTTP serves h within b until the test ends.
func serveHTTP(t *testing.T, h http.HandlerFunc, b bounds) *httpListener {
	t.Helper()
	l := newHTTPListener(h, b, nil, slog.New(slog.DiscardHandler))
	if err := l.Bind("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Serve(t.Context()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = l.Shutdown(ctx) // a connection that a failed test has left is cut
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

func dialHTTP(t *testing.T, l *httpListener, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, request) // one that is refused may be closed by now
	return c
}

// TestUnreadBody: a body that nobody reads and that does not come holds no connection, whatever the
// length of the answer.
func TestUnreadBody(t *testing.T) {
	l := serveHTTP(t, func(w http.ResponseWriter, req *http.Request) {
		w.Write(bytes.Repeat([]byte("x"), len(req.URL.Query().Get("n"))*5000))
	}, bounds{body: 50 * time.Millisecond})
	for _, line := range []string{"GET /", "GET /?n=1", "POST /"} {
		c := dialHTTP(t, l, line+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
		answer, err := io.ReadAll(c)
		if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 OK")) {
			t.Errorf("%s: %.40q, %v", line, answer, err)
		}
	}
}

// TestBodyInTime: a handler reads a body for longer than an unread one may take.
func TestBodyInTime(t *testing.T) {
	l := serveHTTP(t, func(w http.ResponseWriter, req *http.Request) { io.Copy(w, req.Body) }, bounds{body: 20 * time.Millisecond})
	c := dialHTTP(t, l, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\n")
	for range 3 {
		time.Sleep(30 * time.Millisecond)
		io.WriteString(c, "a")
	}
	if answer, err := io.ReadAll(c); err != nil || !bytes.HasSuffix(answer, []byte("aaa")) {
		t.Errorf("%q, %v", answer, err)
	}
}

func TestUnreadAnswer(t *testing.T) {
	failed := make(chan error, 1)
	l := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				failed <- err
				return
			}
		}
	}, bounds{write: 50 * time.Millisecond})
	dialHTTP(t, l, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-failed:
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			t.Errorf("writing ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the server waits for a client that does not read")
	}
}

func TestConnections(t *testing.T) {
	l := serveHTTP(t, func(http.ResponseWriter, *http.Request) {}, bounds{conns: 1})
	served := func(c net.Conn) bool {
		n, err := c.Read(make([]byte, 1000))
		return n > 0 && err == nil
	}
	const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	first := dialHTTP(t, l, request)
	if !served(first) {
		t.Fatal("the first connection is not served")
	}
	if served(dialHTTP(t, l, request)) {
		t.Error("a connection beyond the limit is served")
	}
	first.Close()
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, request) // refused as long as the first counts
		ok := served(c)
		c.Close()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a closed connection still counts")
		}
	}
}
