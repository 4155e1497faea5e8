package conns

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"
)

// serve accepts connections for table and has each send back what it gets, an octet at a time.
func serve(t *testing.T, table *Table) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		Accept(l, slog.Default(), func(c net.Conn) {
			table.Serve(c, 16, func(c *Conn) {
				for c.Await(5 * time.Second) {
					b, err := c.R.ReadByte()
					if err != nil {
						return
					}
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
				}
			})
		})
	}()
	t.Cleanup(func() {
		l.Close()
		<-accepted
		table.Cut()
		table.Wait()
		if len(table.conns) != 0 || len(table.perAddr) != 0 {
			t.Errorf("left over: %d connections of %v", len(table.conns), table.perAddr)
		}
	})
	return l
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

// echoes reports whether c is served.
func echoes(c net.Conn) bool {
	if _, err := c.Write([]byte("x")); err != nil {
		return false
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err == nil
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct{ max, perAddr, want int }{{3, 2, 2}, {1, 5, 1}, {9, 9, 3}} {
		l := serve(t, NewTable(tt.max, tt.perAddr))
		var open []net.Conn
		served := 0
		for range 3 {
			c := dial(t, l)
			open = append(open, c)
			if echoes(c) {
				served++
			}
		}
		if served != tt.want {
			t.Errorf("%+v: %d are served", tt, served)
		}
		for _, c := range open {
			c.Close()
		}
		for again := false; !again; { // those that have ended no longer count
			again = echoes(dial(t, l))
		}
	}
}

func TestDrain(t *testing.T) {
	table := NewTable(10, 10)
	l := serve(t, table)
	idle := dial(t, l)
	if !echoes(idle) {
		t.Fatal("not served")
	}
	table.Drain()
	if _, err := io.ReadFull(idle, make([]byte, 1)); err != io.EOF {
		t.Errorf("a connection that waits does not end: %v", err)
	}
	table.Wait()
	if echoes(dial(t, l)) {
		t.Error("a connection is admitted after the end")
	}
}
