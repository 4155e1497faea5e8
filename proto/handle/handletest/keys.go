package handletest

import (
	_ "embed"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
)

//go:embed keys.txt
var keys string

//go:embed root.ndjson
var rootRecords string

// Key returns what keys.txt has under name: private keys in PKCS#8 ("server", "root", "admin_rsa", "admin_dsa",
// "srvadmin_rsa", "limited_rsa", "sm2"), the secret key of 88.990/user-sk ("secret"), and of the session in vectors 091
// to 096 its key ("session_key") and the client's Diffie-Hellman exponent ("session_private").
func Key(t testing.TB, name string) []byte {
	t.Helper()
	for line := range strings.Lines(keys) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
	}
	t.Fatalf("no key %s", name)
	return nil
}

// RootRecords returns the records of the captured parent registry.
func RootRecords(t testing.TB) []*identifier.Record {
	t.Helper()
	return parseRecords(t, rootRecords)
}
