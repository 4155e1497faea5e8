package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret.key")
	var keys [8]*Key
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			var err error
			if keys[i], err = Open(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, k := range keys {
		if k == nil || k.secret != keys[0].secret {
			t.Fatal("starts at the same time have different keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != keySize {
		t.Errorf("file: %v, %v", info, err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("mode 0640: %v", err)
	}
	short := filepath.Join(t.TempDir(), "short.key")
	if err := os.WriteFile(short, make([]byte, 31), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(short); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("31 octets: %v", err)
	}
}

func TestSeal(t *testing.T) {
	k, err := New(bytes.Repeat([]byte{7}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := New(bytes.Repeat([]byte{8}, keySize))
	sealed := k.Seal("account/a", []byte("secret"))
	if bytes.Contains(sealed, []byte("secret")) || bytes.Equal(sealed, k.Seal("account/a", []byte("secret"))) {
		t.Error("sealed twice it is the same, or not sealed")
	}
	if plain, err := k.Open("account/a", sealed); err != nil || string(plain) != "secret" {
		t.Errorf("opened: %q, %v", plain, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another context": func() ([]byte, error) { return k.Open("account/b", sealed) },
		"another key":     func() ([]byte, error) { return other.Open("account/a", sealed) },
		"changed":         func() ([]byte, error) { return k.Open("account/a", changed) },
		"cut short":       func() ([]byte, error) { return k.Open("account/a", sealed[:10]) },
		"nothing":         func() ([]byte, error) { return k.Open("account/a", nil) },
	} {
		if _, err := open(); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if bytes.Equal(k.Derive("a"), k.Derive("b")) {
		t.Error("labels give the same keys")
	}
}
