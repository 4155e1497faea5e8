package doctor

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// certificates looks at those that the node shows to others, and at those that it trusts.
func (e *Examination) certificates() (found []Finding) {
	c := &e.Config
	if c.HTTP.TLSCertFile != "" {
		found = append(found, certificate("http.tls_cert_file", c.HTTP.TLSCertFile, time.Now())...)
	} else if own := filepath.Join(c.DataDir, "http.pem"); exists(own) {
		found = append(found, certificate("http.pem", own, time.Now())...)
	}
	for i := range c.Sync.Targets {
		t := &c.Sync.Targets[i]
		for _, f := range []struct{ key, path string }{{"cert_file", t.CertFile}, {"ca_file", t.CAFile}} {
			if f.path != "" {
				found = append(found, certificate("sync.targets "+t.Name+" "+f.key, f.path, time.Now())...)
			}
		}
	}
	return found
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// certificate looks at the certificate in a file that ends first.
func certificate(key, path string, now time.Time) []Finding {
	raw, err := os.ReadFile(path)
	if err != nil {
		return []Finding{failure("certificate_unreadable", key, path, err)}
	}
	var first *x509.Certificate
	for {
		var block *pem.Block
		if block, raw = pem.Decode(raw); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return []Finding{failure("certificate_unreadable", key, path, err)}
		}
		if first == nil || cert.NotAfter.Before(first.NotAfter) {
			first = cert
		}
	}
	if first == nil {
		return []Finding{failure("certificate_unreadable", key, path, errors.New("there is no certificate in it"))}
	}
	return []Finding{validity(first, key, path, now)}
}

// validity is how long cert is still good.
func validity(cert *x509.Certificate, key, where string, now time.Time) Finding {
	ends := cert.NotAfter.Format(time.DateOnly)
	left := cert.NotAfter.Sub(now)
	switch {
	case now.Before(cert.NotBefore):
		return failure("certificate_early", key, where, cert.NotBefore.Format(time.DateOnly))
	case left <= 0:
		return failure("certificate_expired", key, where, ends)
	case left < expiresError:
		return failure("certificate_expires", key, where, ends, int(left/(24*time.Hour)))
	case left < expiresWarning:
		return warning("certificate_expires", key, where, ends, int(left/(24*time.Hour)))
	}
	return ok("certificate_ok", key, where, ends)
}
