package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/trust"
	"github.com/idnode/idnode/proto/identifier"
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

// rootHandle is what a trust root is known under that is not said to have another name: the root of the Handle System.
const rootHandle = "0.0/0.0"

// Roots reads the files of handle.trust_roots: each a public key in PEM, or the data of an HS_PUBKEY value as it is, as
// hexadecimal digits or as base64. It reports every mistake at once.
func (h *Handle) Roots() ([]trust.Root, error) {
	var roots []trust.Root
	var errs []error
	for _, text := range h.TrustRoots {
		root, err := readRoot(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("handle.trust_roots: %w", err))
			continue
		}
		roots = append(roots, root)
	}
	return roots, errors.Join(errs...)
}

// readRoot reads one entry of handle.trust_roots. What stands before its first "=" is a handle.
func readRoot(text string) (trust.Root, error) {
	name, path, named := strings.Cut(text, "=")
	if !named {
		name, path = rootHandle, text
	} else if _, err := identifier.Handle.Parse(name); err != nil || !strings.Contains(name, "/") {
		return trust.Root{}, fmt.Errorf("%q: %q is no handle, such as %s", text, name, rootHandle)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return trust.Root{}, err // it names the file
	}
	key, err := auth.ParsePublicKey(raw)
	if err != nil {
		key, err = auth.ParsePublicKey(octets(raw))
	}
	if err == nil { // some keys that can be read sign nothing here
		_, err = auth.AppendPublicKey(nil, key)
	}
	if err != nil {
		return trust.Root{}, fmt.Errorf("%s: no public key for RSA, DSA or SM2, in PEM or as in HS_PUBKEY: %w", path, err)
	}
	return trust.Root{Handle: name, Key: key}, nil
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

// check looks at the URLs, and reads the files of HTTPS.
func (h *HTTP) check() error {
	if u, err := url.Parse(h.PublicURL); h.PublicURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
		return fmt.Errorf("http.public_url: %q is no URL of a host, such as https://id.example", h.PublicURL)
	}
	for _, s := range h.RedirectSchemes {
		switch s {
		case "javascript", "data", "vbscript":
			return fmt.Errorf("http.redirect_schemes: %s runs what a record says in the reader's browser", s)
		case "":
			return errors.New("http.redirect_schemes: one is empty")
		}
		if s != strings.ToLower(s) || strings.ContainsAny(s, ":/ ") {
			return fmt.Errorf("http.redirect_schemes: %q is no scheme in lower case, such as https", s)
		}
	}
	switch {
	case h.TLSCertFile == "" && h.TLSKeyFile == "":
		return nil
	case h.TLSCertFile == "" || h.TLSKeyFile == "":
		return errors.New("http.tls_cert_file and http.tls_key_file: one is given without the other")
	}
	if _, err := tls.LoadX509KeyPair(h.TLSCertFile, h.TLSKeyFile); err != nil {
		return fmt.Errorf("http.tls_cert_file, http.tls_key_file: %w", err)
	}
	return nil
}
