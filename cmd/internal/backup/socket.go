package backup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
)

// longest is the longest name that a Unix socket may have everywhere: 104 octets with the zero at its end on BSD, 108 on Linux.
const longest = 103

// withShort calls fn with a name of a socket that is short enough for the system: where path is too long, on Linux, one that leads
// through the open directory.
func withShort(path string, fn func(name string) error) error {
	if len(path) <= longest || runtime.GOOS != "linux" {
		return fn(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return fn(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}

// listen binds a socket that only its owner may connect to, from the first moment: it is bound in a directory of its own and then put in the
// place of what an earlier process has left. The caller has made sure that no other process listens there.
func listen(path string) (net.Listener, error) {
	private, err := os.MkdirTemp(filepath.Dir(path), ".socket-") // mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	bound := filepath.Join(private, SocketFile)
	var ln *net.UnixListener
	err = withShort(bound, func(name string) (err error) {
		ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(bound, 0o600), os.Rename(bound, path)); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

func dial(ctx context.Context, path string) (c net.Conn, err error) {
	err = withShort(path, func(name string) (err error) {
		c, err = new(net.Dialer).DialContext(ctx, "unix", name)
		return err
	})
	return c, err
}

// Listening reports whether a node gives its data directory on a socket, and by what process it is, 0 if that cannot be told.
func Listening(ctx context.Context, socket string) (listening bool, pid int) {
	c, err := dial(ctx, socket)
	if err != nil {
		return false, 0
	}
	defer c.Close()
	return true, peer(c)
}
