package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// jumpTime is how long the clock is watched, against one that nobody sets.
	jumpTime = time.Second
	// jumpMost is by how much both may differ: what a clock that is slewed, and a busy machine, make in that time.
	jumpMost = 20 * time.Millisecond
	// errorMost is how far off the system may say that the clock may be.
	errorMost = time.Second
)

// clock looks whether it is kept right, and by how much it is wrong.
func (e *Examination) clock(ctx context.Context) []Finding {
	found := []Finding{kernelClock()}
	if by := watch(ctx, jumpTime, time.Now); by.Abs() > jumpMost {
		found = append(found, warning("clock_jumped", by.Round(time.Millisecond)))
	}
	if e.NTP == "" {
		return found
	}
	addr := e.NTP
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(addr, "123")
	}
	offset, err := askTime(ctx, addr)
	switch {
	case err != nil:
		found = append(found, warning("clock_server_silent", addr, err))
	case offset.Abs() > e.limits.offset:
		found = append(found, failure("clock_off", offset.Round(time.Millisecond), addr))
	default:
		found = append(found, ok("clock_server_ok", offset.Round(time.Millisecond), addr))
	}
	return found
}

// watch is by how much the wall clock went on more than the one that nobody sets.
func watch(ctx context.Context, d time.Duration, wall func() time.Time) time.Duration {
	start, before := time.Now(), wall().Round(0) // without its monotonic reading
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return wall().Round(0).Sub(before) - time.Since(start)
}

// ntpEpoch is 1970 in seconds since 1900.
const ntpEpoch = 2208988800

// askTime asks a time server (SNTP, RFC 5905, section 14) how far the clock is from its own: positive if the clock is behind.
func askTime(ctx context.Context, addr string) (offset time.Duration, err error) {
	c, err := new(net.Dialer).DialContext(ctx, "udp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	packet := make([]byte, 48)
	packet[0] = 4<<3 | 3 // version 4, client
	sent := time.Now()
	binary.BigEndian.PutUint64(packet[40:], ntpTime(sent))
	if _, err := c.Write(packet); err != nil {
		return 0, err
	}
	reply := make([]byte, 512)
	for {
		n, err := c.Read(reply)
		if err != nil {
			return 0, err
		}
		received := sent.Add(time.Since(sent))
		if n < 48 || reply[0]&7 != 4 || binary.BigEndian.Uint64(reply[24:]) != binary.BigEndian.Uint64(packet[40:]) {
			continue // no answer to this question
		}
		if reply[0]>>6 == 3 || reply[1] == 0 || reply[1] > 15 {
			return 0, fmt.Errorf("%s is not synchronized itself: %w", addr, errors.ErrUnsupported)
		}
		in, out := fromNTP(binary.BigEndian.Uint64(reply[32:])), fromNTP(binary.BigEndian.Uint64(reply[40:]))
		return (in.Sub(sent) + out.Sub(received)) / 2, nil
	}
}

func ntpTime(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}

func fromNTP(v uint64) time.Time {
	return time.Unix(int64(v>>32)-ntpEpoch, int64(v&(1<<32-1))*1e9>>32)
}
