package config

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/idnode/idnode/proto/handle/auth"
)

// Site reads handle.site_file: the octets of an HS_SITE value. It returns nil if none is named.
func (h *Handle) Site() ([]byte, error) {
	if h.SiteFile == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(h.SiteFile)
	if err != nil {
		return nil, fmt.Errorf("handle.site_file: %w", err)
	}
	return octets(raw), nil
}

// ServerKey reads handle.server_key_file: an RSA or DSA key in PKCS#8 (PEM, DER, or DER as hexadecimal digits or base64), or a
// key file of the Handle.Net tools without a passphrase. It returns the zero key if none is named.
func (h *Handle) ServerKey() (auth.PrivateKey, error) {
	if h.ServerKeyFile == "" {
		return auth.PrivateKey{}, nil
	}
	raw, err := os.ReadFile(h.ServerKeyFile)
	if err != nil {
		return auth.PrivateKey{}, fmt.Errorf("handle.server_key_file: %w", err)
	}
	key, err := auth.ParsePrivateKey(raw, nil)
	if err != nil {
		if der, e := x509.ParsePKCS8PrivateKey(octets(raw)); e == nil {
			key, err = auth.NewPrivateKey(der)
		}
	}
	if err != nil {
		return auth.PrivateKey{}, fmt.Errorf("handle.server_key_file: %w", err)
	}
	return key, nil
}

// octets undoes hexadecimal or base64 text; anything else is taken as it is.
func octets(raw []byte) []byte {
	text := strings.Join(strings.Fields(string(raw)), "")
	if b, err := hex.DecodeString(text); err == nil {
		return b
	}
	if b, err := base64.StdEncoding.DecodeString(text); err == nil {
		return b
	}
	return raw
}
