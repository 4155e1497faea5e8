package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// CertificateFile is the file in the data directory that holds the certificate of HTTPS which the node made for itself, and
// its key, in PEM, unless http.tls_cert_file names another.
const CertificateFile = "http.pem"

const (
	certificateTime = 10 * 365 * 24 * time.Hour // of the node's own: nobody checks it but by its digest
	certificateLook = time.Minute               // between looks at whether the files have changed
)

// httpTLS is how the HTTP port speaks TLS. Clients may show a certificate, which is checked against the keys of the identity
// that it names, not against authorities.
func (n *Node) httpTLS() (*tls.Config, error) {
	c := &certificate{cert: n.cfg.HTTP.TLSCertFile, key: n.cfg.HTTP.TLSKeyFile, log: n.log}
	if c.cert == "" {
		c.cert = filepath.Join(n.cfg.DataDir, CertificateFile)
		c.key = c.cert
		if _, err := os.Stat(c.cert); errors.Is(err, fs.ErrNotExist) {
			if err := n.newCertificate(c.cert); err != nil {
				return nil, fmt.Errorf("make a certificate: %w", err)
			}
			n.log.Info("certificate made", "file", c.cert)
		}
	}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("load the certificate of HTTPS: %w", err)
	}
	if err := n.metrics.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "idnode_tls_certificate_not_after_timestamp_seconds", Help: "When the certificate of HTTPS ends.",
	}, c.notAfter)); err != nil {
		return nil, err
	}
	return &tls.Config{GetCertificate: c.get, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, nil
}

// certificate is one that is read again when its files change.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	looked time.Time
	stamp  time.Time // of the newer file
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) > certificateLook {
		c.looked = now
		if stamp := c.changed(); !stamp.IsZero() && !stamp.Equal(c.stamp) {
			if err := c.load(); err != nil { // the old one goes on until the new one is whole
				c.log.Warn("certificate not read again", "file", c.cert, "err", err)
			} else {
				c.log.Info("certificate read again", "file", c.cert)
			}
		}
	}
	return c.pair, nil
}

// notAfter is when the certificate ends, in seconds since 1970. It looks at the files as get does, so that
// what is told does not wait for somebody who connects.
func (c *certificate) notAfter() float64 {
	pair, err := c.get(nil)
	if err != nil || pair.Leaf == nil {
		return 0
	}
	return float64(pair.Leaf.NotAfter.Unix())
}

// changed is when the newer of the files was changed, zero if that cannot be told.
func (c *certificate) changed() (newest time.Time) {
	for _, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return time.Time{}
		}
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest
}

func (c *certificate) load() error {
	stamp := c.changed()
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.pair, c.stamp, c.looked = &pair, stamp, time.Now()
	return nil
}

// newCertificate makes a certificate that the node signs itself, for its own names and addresses.
func (n *Node) newCertificate(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "idnode"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateTime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if host, err := os.Hostname(); err == nil && host != "localhost" {
		template.DNSNames = append(template.DNSNames, host)
	}
	if ip := net.ParseIP(n.cfg.Handle.PublicIP); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return replaceFile(path, append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...))
}

// firstOctet is what a connection begins with that is to carry TLS: a handshake record (RFC 8446, section 5.1).
const firstOctet = 0x16

// firstWait is how long a connection may take to send its first octet.
const firstWait = 10 * time.Second

// eitherListener hands out connections in clear and such with TLS, as their first octet says.
type eitherListener struct {
	net.Listener
	config *tls.Config
	ready  chan net.Conn
	done   chan struct{}
	close  sync.Once
	err    error // of the listener, when done is closed
}

func newEitherListener(ln net.Listener, config *tls.Config) *eitherListener {
	l := &eitherListener{Listener: ln, config: config, ready: make(chan net.Conn), done: make(chan struct{}), err: net.ErrClosed}
	go l.run()
	return l
}

// run accepts connections; one that says nothing holds up no other.
func (l *eitherListener) run() {
	for {
		c, err := l.Listener.Accept()
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			continue
		}
		if err != nil {
			l.close.Do(func() {
				l.err = err
				close(l.done)
			})
			return
		}
		go l.sort(c)
	}
}

func (l *eitherListener) sort(c net.Conn) {
	first := make([]byte, 1)
	_ = c.SetReadDeadline(time.Now().Add(firstWait))
	if n, _ := c.Read(first); n == 0 {
		c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	var out net.Conn = &begunConn{Conn: c, first: first}
	if first[0] == firstOctet {
		out = tls.Server(out, l.config)
	}
	select {
	case l.ready <- out:
	case <-l.done:
		c.Close()
	}
}

// Accept implements [net.Listener].
func (l *eitherListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, l.err
	}
}

// Close implements [net.Listener].
func (l *eitherListener) Close() error {
	l.close.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// begunConn is a connection of which the first octet has been read.
type begunConn struct {
	net.Conn
	first []byte
}

func (c *begunConn) Read(b []byte) (int, error) {
	if len(c.first) > 0 && len(b) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// CloseWrite ends the connection in one direction, so that the last answer is not lost with what was not read.
func (c *begunConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}
