// Package seal keeps the node's secret key, and what must be read again but not by who copies the
// store: it is encrypted with AES-256-GCM (NIST SP 800-38D) under that key.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keySize is the octets of a key, and of its file.
const keySize = 32

// format is the first octet of what Seal returns.
const format = 1

// ErrDamaged says that something was not sealed with this key and context, or was changed since.
var ErrDamaged = errors.New("seal: not sealed with this key for this purpose, or damaged")

// Key is the node's secret key. Its methods may be called from many goroutines.
type Key struct {
	secret [keySize]byte
	aead   cipher.AEAD
}

// Open reads the key in the file at path, or makes one with mode 0600 if there is no file. It is an
// error if others may read the file, or if its size is not 32 octets.
func Open(path string) (*Key, error) {
	k, err := read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make secret key: %w", err)
	}
	return read(path)
}

// New returns the key of a secret of 32 octets.
func New(secret []byte) (*Key, error) {
	if len(secret) != keySize {
		return nil, fmt.Errorf("a secret key has %d octets, not %d", keySize, len(secret))
	}
	k := &Key{secret: [keySize]byte(secret)}
	block, err := aes.NewCipher(k.Derive("idnode seal"))
	if err != nil {
		return nil, err
	}
	k.aead, err = cipher.NewGCMWithRandomNonce(block)
	return k, err
}

func read(path string) (*Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read secret key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("read secret key: others may read %s (mode %04o): run chmod 600 on it, and change the passwords if others may have read it", path, info.Mode().Perm())
	}
	if info.Size() != keySize {
		return nil, fmt.Errorf("read secret key: %s has %d octets, not %d: put the file back from a backup; if there is none, remove it: a new one is made, tokens end, and passwords must be set again for logins with a day's hash", path, info.Size(), keySize)
	}
	secret, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read secret key: %w", err)
	}
	return New(secret)
}

// create puts a new key at path, whole and synced, unless something is there.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	var secret [keySize]byte
	rand.Read(secret[:])
	_, err = f.Write(secret[:])
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Derive returns 32 octets that depend on the key and on label, and tell nothing of the key (HKDF
// with SHA-256, RFC 5869).
func (k *Key) Derive(label string) []byte {
	out, err := hkdf.Key(sha256.New, k.secret[:], nil, label, keySize)
	if err != nil {
		panic("seal: 32 octets are more than HKDF gives: " + err.Error())
	}
	return out
}

// Seal encrypts plaintext. The context says what it is of: it opens with the same only, so that
// what was sealed for one account does not open for another.
func (k *Key) Seal(context string, plaintext []byte) []byte {
	return k.aead.Seal([]byte{format}, nil, plaintext, []byte(context))
}

// Open decrypts what Seal returned for context. Error: ErrDamaged.
func (k *Key) Open(context string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != format {
		return nil, ErrDamaged
	}
	plaintext, err := k.aead.Open(nil, nil, sealed[1:], []byte(context))
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}
