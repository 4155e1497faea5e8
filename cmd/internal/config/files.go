package config

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
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

// ServerKey reads handle.server_key_file: an RSA key in PKCS#8. It returns nil if none is named.
func (h *Handle) ServerKey() (*rsa.PrivateKey, error) {
	if h.ServerKeyFile == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(h.ServerKeyFile)
	if err != nil {
		return nil, fmt.Errorf("handle.server_key_file: %w", err)
	}
	der := octets(raw)
	if block, _ := pem.Decode(raw); block != nil {
		der = block.Bytes
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("handle.server_key_file: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("handle.server_key_file: not an RSA key")
	}
	return private, nil
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
