//go:build !linux

package main

import (
	"syscall"
	"time"
)

// sleep sleeps as precisely as the runtime's timers do.
func sleep(d time.Duration) error {
	time.Sleep(d)
	return nil
}

// shareAddress does nothing.
func shareAddress(string, string, syscall.RawConn) error { return nil }

// canShare says that several sockets cannot share an address.
const canShare = false
