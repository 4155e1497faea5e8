package node

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/idnode/idnode/proto/handle/auth"
)

// ServerKeyFile is the file in the data directory that holds the key which signs answers of the Handle protocol,
// unless handle.server_key_file names another: the serial of the site that tells its public half, and the key in
// PKCS#8.
const ServerKeyFile = "handle.key"

const serverKeyBits = 2048 // what stock clients take, at any version

// serverKey is the key that signs certified answers, and the serial of the HS_SITE that tells its public half.
type serverKey struct {
	auth.PrivateKey
	serial uint16
}

// loadServerKey returns the configured key, or else that of the data directory, which is made if there is none. A site that
// is configured without its key has none: answers cannot be signed then.
func (n *Node) loadServerKey() (k serverKey, err error) {
	configured, err := n.cfg.Handle.ServerKey()
	if err != nil {
		return k, err
	}
	k = serverKey{configured, 1}
	if !configured.IsZero() || n.cfg.Handle.SiteFile != "" {
		return k, nil
	}
	path := filepath.Join(n.cfg.DataDir, ServerKeyFile)
	if k, err = readServerKey(path); errors.Is(err, fs.ErrNotExist) {
		if k, err = newServerKey(path, 1); err == nil {
			n.log.Info("server key made", "file", path)
		}
	}
	return k, err
}

// RotateServerKey makes a new server key in a data directory, keeps the file of the old one beside it, and returns the new
// site's serial, by which clients notice. A node takes the key when it starts.
func RotateServerKey(dir string) (serial uint16, kept string, err error) {
	path := filepath.Join(dir, ServerKeyFile)
	old, err := readServerKey(path)
	if err != nil {
		return 0, "", err
	}
	if serial = old.serial + 1; serial == 0 || serial == 1<<16-1 { // 65535 says that no site is known
		serial = 1
	}
	kept = path + time.Now().UTC().Format(".20060102T150405.000Z")
	if err := os.Link(path, kept); err != nil {
		return 0, "", fmt.Errorf("keep the old server key: %w", err)
	}
	_, err = newServerKey(path, serial)
	return serial, kept, err
}

func readServerKey(path string) (k serverKey, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return k, fmt.Errorf("read server key: %w", err)
	}
	if _, err := fmt.Fscanf(bytes.NewReader(raw), "Site serial: %d\n", &k.serial); err != nil || k.serial == 0 {
		return k, fmt.Errorf("read server key: %s does not begin with a site's serial", path)
	}
	if k.PrivateKey, err = auth.ParsePrivateKey(raw[bytes.IndexByte(raw, '\n')+1:], nil); err != nil {
		return k, fmt.Errorf("read server key: %s: %w", path, err)
	}
	return k, nil
}

// newServerKey makes a key and puts it, whole and synced, in the place of what is at path.
func newServerKey(path string, serial uint16) (k serverKey, err error) {
	key, err := rsa.GenerateKey(rand.Reader, serverKeyBits)
	if err != nil {
		return k, fmt.Errorf("make server key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return k, fmt.Errorf("make server key: %w", err)
	}
	text := append(fmt.Appendf(nil, "Site serial: %d\n", serial), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := replaceFile(path, text); err != nil {
		return k, fmt.Errorf("write server key: %w", err)
	}
	k.serial = serial
	k.PrivateKey, err = auth.NewPrivateKey(key)
	return k, err
}

// replaceFile writes a file that only its owner reads, so that after a crash it is there whole or not at all.
func replaceFile(path string, text []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
