package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/requestsign"
)

// HTTPOptions say how requests are sent.
type HTTPOptions struct {
	// Signer signs each request. It is needed.
	Signer *requestsign.Signer

	// Transport has the client's certificate and the authorities that are trusted, where the URL is one of HTTPS. Default: a
	// clone of http.DefaultTransport.
	Transport http.RoundTripper

	Timeout time.Duration // of an exchange. Default: 30 seconds
}

// poster is a transport over HTTP.
type poster struct {
	url    string
	signer *requestsign.Signer
	client *http.Client
	closed bool
}

// mediaType is the type of EPP messages over HTTP.
const mediaType = "application/epp+xml"

// NewHTTP returns a client that posts to url. The error says that url is none.
func NewHTTP(url string, o HTTPOptions) (*Client, error) {
	if o.Signer == nil {
		return nil, errors.New("EPP over HTTP: HTTPOptions.Signer is not set")
	}
	if r, err := http.NewRequest(http.MethodPost, url, nil); err != nil || r.URL.Host == "" || r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return nil, fmt.Errorf("EPP over HTTP: %q is no URL of HTTP", url)
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	return newClient(&poster{url: url, signer: o.Signer, client: &http.Client{Transport: o.Transport, Timeout: o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a signature is for one path
	}}), nil
}

func (p *poster) interval() time.Duration         { return 0 }
func (p *poster) alive(ctx context.Context) error { return nil }

func (p *poster) close(context.Context) error {
	p.closed = true
	p.client.CloseIdleConnections()
	return nil
}

func (p *poster) exchange(ctx context.Context, message []byte, take func(epp.Message) (bool, error)) error {
	if p.closed {
		return ErrClosed
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(message))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Accept", mediaType)
	r.GetBody = nil // a request that is sent again must be signed again
	if err := p.signer.Sign(r, message); err != nil {
		return err
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	defer answer.Body.Close()
	src, err := io.ReadAll(io.LimitReader(answer.Body, epp.MaxMessage+1))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	m, err := parse(src)
	if err != nil { // a proxy, or no EPP at all
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%w: HTTP status %s", ErrNoAnswer, answer.Status)
		}
		return err
	}
	if fits, err := take(m); fits || err != nil {
		return err
	}
	return fmt.Errorf("%w: it answers something else", ErrBadAnswer)
}
