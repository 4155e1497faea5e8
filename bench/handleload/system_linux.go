package main

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sleep blocks the calling thread for d.
func sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	ts := unix.NsecToTimespec(int64(d))
	if err := unix.Nanosleep(&ts, nil); err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	return nil
}

// shareAddress lets several sockets share an address; the kernel spreads what arrives over them.
func shareAddress(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }); e != nil {
		return e
	}
	return err
}

// canShare says that shareAddress does so.
const canShare = true
