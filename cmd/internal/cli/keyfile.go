package cli

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// keyName is the file in a node's data directory that holds the operator's key.
const keyName = "operator.key"

// maxKeyFile bounds a key file in octets; a key has about 60, a token some hundred.
const maxKeyFile = 4096

// dataDirs are the directories in which a node on this machine may keep its data, likeliest first.
func (a *app) dataDirs() []string {
	dirs := []string{".run/data", "data", ".data/idnode", "/var/lib/idnode"}
	if d := a.Getenv("IDNODE_DATA_DIR"); d != "" {
		dirs = append([]string{d}, dirs...)
	}
	return dirs
}

// key returns the API key to send, or "" if there is none. A key file that was named must be
// readable. One that was only found goes to a node on this machine, never elsewhere: the operator's
// key of the local node is no other node's business.
func (a *app) key() (string, error) {
	if a.keyFile != "" {
		return readKey(a.keyFile)
	}
	if !isLocal(a.server) {
		return "", nil
	}
	for _, dir := range a.dataDirs() {
		key, err := readKey(filepath.Join(dir, keyName))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		return key, err
	}
	return "", nil
}

// readKey reads the one line of a key file.
func readKey(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", failf("read key: %v", err)
	}
	if info.Size() > maxKeyFile {
		return "", failf("read key: %s is no key file: longer than %d octets", path, maxKeyFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", failf("read key: %v", err)
	}
	key := strings.TrimSpace(string(text))
	if !strings.HasPrefix(key, "idn_") && strings.Count(key, ".") != 2 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", failf("read key: %s does not hold one line idn_<keyid>_<secret>, or a token of idctl login", path)
	}
	return key, nil
}

// isLocal reports whether the server is on this machine by its name.
func isLocal(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// hostOf is the host of the server's URL, for the other transports of the same node.
func hostOf(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return "127.0.0.1"
	}
	return u.Hostname()
}

// defaultAddr is the address at which the node of the server's URL speaks another protocol, unless
// it is configured otherwise.
func (a *app) defaultAddr(port string) string { return net.JoinHostPort(hostOf(a.server), port) }
