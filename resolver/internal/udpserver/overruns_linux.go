package udpserver

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memInfo is what SO_MEMINFO tells of a socket: enum sk_meminfo of linux/sock_diag.h.
type memInfo [9]uint32

const memInfoDrops = 8 // SK_MEMINFO_DROPS

// overruns returns how many datagrams the system has dropped that c had no room for.
func overruns(c *net.UDPConn) (n uint64, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var info memInfo
	size := uint32(unsafe.Sizeof(info))
	err = raw.Control(func(fd uintptr) {
		_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		ok = errno == 0 && size > memInfoDrops*4
	})
	return uint64(info[memInfoDrops]), ok && err == nil
}
