package doctor

import (
	"bufio"
	"context"
	"net"
	"strings"
	"time"
)

// redis asks a Redis server for a sign of life, in its protocol (RESP): ten PINGs, of which the slowest counts.
func (e *Examination) redis(ctx context.Context, addr string) Finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return warning("redis_unreachable", addr, err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(c)
	var slowest time.Duration
	for range 10 {
		start := time.Now()
		if _, err := c.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
			return warning("redis_unreachable", addr, err)
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return warning("redis_unreachable", addr, err)
		}
		if !strings.HasPrefix(line, "+PONG") {
			return warning("redis_refuses", addr, strings.TrimSpace(line))
		}
		slowest = max(slowest, time.Since(start))
	}
	if slowest > e.limits.redis {
		return warning("redis_slow", addr, slowest.Round(time.Microsecond))
	}
	return ok("redis_ok", addr, slowest.Round(time.Microsecond))
}
