package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// serveEcho sends back every datagram, with as many sockets and goroutines as the node has and by
// the same calls of package net. It writes its address to out and ends when in does.
func serveEcho(in io.Reader, out io.Writer) error {
	lc := net.ListenConfig{Control: shareAddress}
	addr, sockets := "127.0.0.1:0", 1
	if canShare {
		sockets = runtime.GOMAXPROCS(0)
	}
	for range sockets {
		p, err := lc.ListenPacket(context.Background(), "udp", addr)
		if err != nil {
			return err
		}
		defer p.Close()
		addr = p.LocalAddr().String()
		c := p.(*net.UDPConn)
		_ = c.SetReadBuffer(1 << 20) // as far as the system allows
		go func() {
			buf := make([]byte, 64<<10)
			for {
				n, _, _, from, err := c.ReadMsgUDPAddrPort(buf, nil)
				if err != nil {
					return // closed at the end
				}
				_, _, _ = c.WriteMsgUDPAddrPort(buf[:n], nil, from) // the sender counts what it misses
			}
		}()
	}
	if _, err := fmt.Fprintln(out, addr); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// echoProcess is this program as the bare echo.
type echoProcess struct {
	addr string
	cmd  *exec.Cmd
	in   io.Closer
}

func startEcho(ctx context.Context) (*echoProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start echo: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "--echo")
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 10 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start echo: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start echo: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start echo: %w", err)
	}
	e := &echoProcess{cmd: cmd, in: in}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_, _ = e.stop()
		return nil, fmt.Errorf("start echo: %w", err)
	}
	e.addr = strings.TrimSpace(line)
	return e, nil
}

// stop ends the echo and returns the CPU time of its life: to start takes some milliseconds of it.
func (e *echoProcess) stop() (time.Duration, error) {
	e.in.Close()
	if err := e.cmd.Wait(); err != nil {
		return 0, err
	}
	return e.cmd.ProcessState.UserTime() + e.cmd.ProcessState.SystemTime(), nil
}
