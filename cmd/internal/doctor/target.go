package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/idnode/idnode/cmd/internal/config"
)

// defaultPorts are those of addresses of targets that name none.
var defaultPorts = map[string]string{"http": "80", "https": "443", "epp": "700", "handle": "2641"}

// target looks whether a node that is reported to can be reached, and trusted, as the sync would do it. Nothing is sent to it.
func target(ctx context.Context, t *config.SyncTarget) []Finding {
	u, err := url.Parse(t.URL)
	if err != nil || u.Hostname() == "" || defaultPorts[u.Scheme] == "" {
		return []Finding{failure("target_invalid", t.Name, t.URL)}
	}
	port := u.Port()
	if port == "" {
		port = defaultPorts[u.Scheme]
	}
	addr := net.JoinHostPort(u.Hostname(), port)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	start := time.Now()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return []Finding{failure("target_unreachable", t.Name, addr, err)}
	}
	defer raw.Close()
	reached := ok("target_ok", t.Name, addr, time.Since(start).Round(100*time.Microsecond))
	if u.Scheme != "https" && u.Scheme != "epp" {
		return []Finding{reached}
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return []Finding{failure("target_untrusted", t.Name, addr, err)}
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	if t.CAFile != "" {
		text, err := os.ReadFile(t.CAFile)
		secure.RootCAs = x509.NewCertPool()
		if err == nil && !secure.RootCAs.AppendCertsFromPEM(text) {
			err = errors.New("there is no certificate in " + t.CAFile)
		}
		if err != nil {
			return []Finding{failure("target_untrusted", t.Name, addr, err)}
		}
	}
	c := tls.Client(raw, secure)
	if err := c.HandshakeContext(ctx); err != nil {
		return []Finding{failure("target_untrusted", t.Name, addr, err)}
	}
	// With TLS 1.3 a refusal of our certificate comes with the first read; a server that is content says nothing yet.
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		if alert, ok := errors.AsType[*net.OpError](err); ok && !alert.Timeout() {
			return []Finding{failure("target_untrusted", t.Name, addr, err)}
		}
	}
	return []Finding{reached, validity(c.ConnectionState().PeerCertificates[0], "sync.targets "+t.Name, addr, time.Now())}
}
