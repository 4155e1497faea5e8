package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What adjtimex(2) returns and sets where nobody keeps the clock right.
const (
	timeError    = 5
	unsyncStatus = 0x0040
)

// udp looks how much a UDP socket holds, by asking for it as the servers do, and what was lost for want of room.
func (e *Examination) udp() (found []Finding) {
	got, err := receiveBuffer(e.limits.udpBuffer)
	switch {
	case err != nil: // no UDP at all: the ports' check has said so
	case got < e.limits.udpBuffer:
		found = append(found, warning("udp_buffer_small", got, e.limits.udpBuffer))
	default:
		found = append(found, ok("udp_buffer_ok", got))
	}
	raw, err := os.ReadFile("/proc/net/snmp")
	if n := dropped(string(raw)); err == nil && n > 0 {
		found = append(found, warning("udp_dropped", n))
	}
	return found
}

// receiveBuffer is what a socket gets that asks for so many octets.
func receiveBuffer(octets int) (got int, err error) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetReadBuffer(octets); err != nil {
		return 0, err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) { got, optErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) })
	return got / 2, errors.Join(err, optErr) // the system doubles what is asked for, for its own needs (socket(7))
}

// dropped reads RcvbufErrors of /proc/net/snmp.
func dropped(text string) (n uint64) {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Udp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "RcvbufErrors" && i < len(fields) {
				n, _ = strconv.ParseUint(fields[i], 10, 64)
			}
		}
	}
	return n
}

// resources looks at the bounds on open files, of the running node if its process is known, and at the memory.
func (e *Examination) resources(s *state) (found []Finding) {
	if files, err := fileLimit(s.pid); err == nil {
		switch {
		case files < storeFiles:
			found = append(found, failure("files_low", files, e.limits.files))
		case files < e.limits.files:
			found = append(found, warning("files_low", files, e.limits.files))
		default:
			found = append(found, ok("files_ok", files, e.limits.files))
		}
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		total := int64(uint64(info.Totalram) * uint64(info.Unit))
		if total < e.limits.memory {
			found = append(found, warning("memory_small", total, e.limits.memory))
		} else {
			found = append(found, ok("memory_ok", total, e.limits.memory))
		}
	}
	return found
}

// fileLimit is how many files a process may have open, or one that is started from here: a Go program raises its own bound
// to the hard one.
func fileLimit(pid int) (uint64, error) {
	if pid != 0 {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if err == nil {
			for line := range bytes.Lines(raw) {
				if rest, ok := bytes.CutPrefix(line, []byte("Max open files")); ok {
					return strconv.ParseUint(strings.Fields(string(rest))[0], 10, 64)
				}
			}
		}
	}
	var r unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r)
	return r.Max, err
}

// networks are file systems that are on other machines, by their magic numbers (statfs(2)).
var networks = map[uint32]string{0x6969: "nfs", 0xff534d42: "cifs", 0xfe534d42: "smb2", 0x01021997: "9p", 0x65735546: "fuse", 0x00c36400: "ceph"}

// volume looks at the file system of dir: what it is, and how much room it has.
func (e *Examination) volume(dir string) (found []Finding) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return []Finding{failure("data_unusable", dir, err)}
	}
	found = medium(dir, uint32(fs.Type))
	free, total := int64(fs.Bavail)*fs.Bsize, int64(fs.Blocks)*fs.Bsize
	switch least := int64(e.Config.Store.MinFreeBytes); {
	case free < least:
		found = append(found, failure("data_full", dir, free, least))
	case free < total/10 || free < 4*least:
		found = append(found, warning("data_low", dir, free, total))
	default:
		found = append(found, ok("data_ok", dir, free))
	}
	return found
}

// medium looks at what a file system is, by its magic number.
func medium(dir string, kind uint32) []Finding {
	if kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC {
		return []Finding{failure("data_volatile", dir)}
	}
	if name := networks[kind]; name != "" {
		return []Finding{warning("data_network", dir, name)}
	}
	return nil
}

// kernelClock is what the system says of its clock (adjtimex(2)).
func kernelClock() Finding {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return clockFinding(state, &t, err)
}

func clockFinding(state int, t *unix.Timex, err error) Finding {
	if err != nil {
		return warning("clock_unknown", err)
	}
	most := time.Duration(t.Maxerror) * time.Microsecond
	if state == timeError || t.Status&unsyncStatus != 0 || most > errorMost {
		return warning("clock_unsynchronized")
	}
	return ok("clock_ok", most.Round(time.Millisecond))
}
