//go:build !linux

package udpserver

import "syscall"

// CanShare says that several sockets may share an address.
const CanShare = false

func share(_ string, _ syscall.RawConn, _ bool) error { return nil }
