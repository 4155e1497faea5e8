package jsonlines

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/idnode/idnode/registry/topsync"
)

// maxAnswer bounds an answer, in octets.
const maxAnswer = 1 << 20

// Signer signs requests. The body is as it is sent, packed.
type Signer interface {
	// Sign adds what proves who sends the request to its header.
	Sign(r *http.Request, body []byte) error
}

// Options are the parts of a Target. Only URL is required.
type Options struct {
	// URL is the base: rows of T9 go to URL/tables/T9. If it contains "{table}", the whole is the address, with the
	// table's name in that place.
	URL string
	// Node names this node to the receiver, in the header Sync-Node. Default: nothing.
	Node string
	// CertFile and KeyFile are the certificate and key by which the receiver knows this node, in PEM; both or none.
	// They are read for each connection, so that they can be renewed.
	CertFile, KeyFile string
	// CAFile holds the certificates that the receiver's must end at, in PEM. Default: those of the system.
	CAFile string
	// TokenFile holds a line that is sent as a bearer token, read for each request; so a node reports to another idnode,
	// with an API key. Default: none.
	TokenFile string
	// Signer signs requests. Default: none.
	Signer Signer
	// Version is the node's, for User-Agent. Default "dev".
	Version string
	// Transport stands for the network in tests.
	Transport http.RoundTripper
}

// Target is a receiver of JSON lines.
type Target struct {
	o      Options
	client *http.Client
}

var _ topsync.Target = (*Target)(nil)

// New returns a Target; nothing is sent yet.
func New(o Options) (*Target, error) {
	u, err := url.Parse(strings.ReplaceAll(o.URL, "{table}", "T1"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("jsonlines: %q is no address such as https://top.example/sync", o.URL)
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("jsonlines: a certificate and its key are given both or not at all")
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	t := &Target{o: o, client: &http.Client{Transport: o.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if o.Transport != nil {
		return t, nil
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile); err != nil {
			return nil, fmt.Errorf("jsonlines: %w", err)
		}
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
			return &pair, err
		}
	}
	if o.CAFile != "" {
		text, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("jsonlines: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("jsonlines: there is no certificate in %s", o.CAFile)
		}
	}
	t.client.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4,
		IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true}
	return t, nil
}

// address is where rows of a table go.
func (t *Target) address(table string) string {
	if strings.Contains(t.o.URL, "{table}") {
		return strings.ReplaceAll(t.o.URL, "{table}", table)
	}
	return strings.TrimSuffix(t.o.URL, "/") + "/tables/" + table
}

// Push implements topsync.Target.
func (t *Target) Push(ctx context.Context, b topsync.Batch) (topsync.Receipt, error) {
	body, err := pack(b)
	if err != nil {
		return topsync.Receipt{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.address(b.Table), bytes.NewReader(body))
	if err != nil {
		return topsync.Receipt{}, err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "idnode/"+t.o.Version)
	if t.o.Node != "" {
		r.Header.Set("Sync-Node", t.o.Node)
	}
	if t.o.TokenFile != "" {
		token, err := os.ReadFile(t.o.TokenFile)
		if err != nil {
			return topsync.Receipt{}, fmt.Errorf("%w: %w", topsync.ErrHopeless, err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	if t.o.Signer != nil {
		if err := t.o.Signer.Sign(r, body); err != nil {
			return topsync.Receipt{}, fmt.Errorf("sign: %w: %w", topsync.ErrHopeless, err)
		}
	}
	answer, err := t.client.Do(r)
	if err != nil {
		return topsync.Receipt{}, explain(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return topsync.Receipt{}, fmt.Errorf("read answer: %w", err)
	case refuses(answer.StatusCode):
		return topsync.Receipt{}, fmt.Errorf("the receiver answered %d: %w", answer.StatusCode, topsync.ErrHopeless)
	case answer.StatusCode != http.StatusOK:
		return topsync.Receipt{}, fmt.Errorf("the receiver answered %d", answer.StatusCode)
	case len(text) > maxAnswer:
		return topsync.Receipt{}, fmt.Errorf("the answer is longer than %d octets", maxAnswer)
	}
	return parse(text)
}

// refuses reports whether a status says that the same request will be refused again: what is wrong is this node, or that
// the receiver does not take the table.
func refuses(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status/100 == 4
}

// pack makes the body of a request.
func pack(b topsync.Batch) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	lines := json.NewEncoder(z)
	lines.SetEscapeHTML(false)
	for i := range b.Rows {
		if err := lines.Encode(&b.Rows[i]); err != nil {
			return nil, fmt.Errorf("encode row %d: %w", b.Rows[i].Seq, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// parse reads an answer.
func parse(text []byte) (topsync.Receipt, error) {
	var a struct {
		Acknowledged *uint64 `json:"acknowledged"`
		Rejected     []struct {
			Seq    uint64 `json:"seq"`
			Detail string `json:"detail"`
		} `json:"rejected"`
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return topsync.Receipt{}, fmt.Errorf("read answer: %w", err)
	}
	if a.Acknowledged == nil {
		return topsync.Receipt{}, errors.New("the answer does not say what it acknowledges")
	}
	r := topsync.Receipt{Acknowledged: *a.Acknowledged}
	for _, refused := range a.Rejected {
		r.Rejected = append(r.Rejected, topsync.Rejection{Seq: refused.Seq, Detail: refused.Detail})
	}
	return r, nil
}

// explain is an error of the network, without the address that stands before it.
func explain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return errors.New("no answer in time")
		}
		err = u.Err
	}
	return err
}
