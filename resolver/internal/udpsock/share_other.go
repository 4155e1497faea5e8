//go:build !linux

package udpsock

import "syscall"

// CanShare says that several sockets may share an address.
const CanShare = false

func shareAddress(_, _ string, _ syscall.RawConn) error { return nil }

// OOBSize is the length of the control messages that come with a datagram.
var OOBSize = 0

// AnswerFrom returns nil: the system tells nothing of the address.
func AnswerFrom([]byte) []byte { return nil }
