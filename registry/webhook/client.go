package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/standardwebhooks"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/egress"
)

// Bounds of an answer: what is beyond them is not read.
const (
	maxAnswerHeader = 64 << 10
	maxAnswerBody   = 4 << 10
)

// maxError bounds the text that is kept of an error, in octets.
const maxError = 300

// Times between attempts.
const (
	firstWait     = 5 * time.Second
	longestWait   = time.Hour
	maxRetryAfter = 6 * time.Hour
)

// backoff is how long to wait after so many failed attempts: what the receiver asks for, else twice as
// long each time, a fifth more or less so that those who failed at once do not come back at once.
func backoff(attempts int, asked time.Duration) time.Duration {
	if asked > 0 {
		return min(max(asked, firstWait), maxRetryAfter)
	}
	wait := longestWait
	if attempts <= 10 {
		wait = min(firstWait<<(attempts-1), longestWait)
	}
	return wait - wait/5 + rand.N(wait*2/5)
}

// newClient returns a client that keeps to the policy: it looks at each address right before it
// connects, goes through no proxy and follows no redirect.
func newClient(o *Options, plain bool) *http.Client {
	c := &http.Client{
		Timeout:       o.Timeout,
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.Transport == nil {
		d := net.Dialer{Timeout: o.Timeout, Control: o.Egress.Control(plain)}
		c.Transport = &http.Transport{
			DialContext: d.DialContext, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: o.Timeout, MaxIdleConns: o.Concurrency, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: maxAnswerHeader, DisableCompression: true,
		}
	}
	return c
}

// outcome is what else there is to an attempt.
type outcome struct {
	took       time.Duration
	retryAfter time.Duration // what the receiver asked for; 0: nothing
	gone       bool          // the receiver wants no more
}

// send makes one attempt and fills in d what became of it.
func (s *Sender) send(ctx context.Context, h *registry.Webhook, id string, body []byte, d *registry.WebhookDelivery) outcome {
	start := time.Now()
	out, err := s.post(ctx, h, id, body, start, d)
	out.took = time.Since(start)
	d.Time, d.Duration = start.UTC().Truncate(time.Millisecond), out.took.Milliseconds()
	d.Result = registry.DeliveryDelivered
	if err != nil {
		d.Result, d.Error = registry.DeliveryFailed, explain(err)
	}
	s.metrics.messages.WithLabelValues(string(d.Result)).Inc()
	return out
}

func (s *Sender) post(ctx context.Context, h *registry.Webhook, id string, body []byte, at time.Time, d *registry.WebhookDelivery) (outcome, error) {
	secrets, err := s.o.Registrar.WebhookSecrets(h, at)
	if err != nil {
		return outcome{}, errors.New("the webhook's secret cannot be read with the node's secret key: rotate it")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return outcome{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "idnode/"+s.o.Version)
	standardwebhooks.SetHeaders(r.Header, secrets, id, at, body)
	client := s.secure
	if r.URL.Scheme == "http" {
		client = s.plain
	}
	resp, err := client.Do(r)
	if err != nil {
		return outcome{}, err
	}
	defer resp.Body.Close()
	// The answer's end is awaited, as far as it is short, so that the connection can be used again.
	io.CopyN(io.Discard, resp.Body, maxAnswerBody)
	d.Status = resp.StatusCode
	out := outcome{gone: resp.StatusCode == http.StatusGone, retryAfter: retryAfter(resp.Header.Get("Retry-After"), at)}
	switch {
	case resp.StatusCode/100 == 2:
		return out, nil
	case resp.StatusCode/100 == 3:
		return out, fmt.Errorf("the receiver answered %d: redirects are not followed", resp.StatusCode)
	}
	return out, fmt.Errorf("the receiver answered %d", resp.StatusCode)
}

// retryAfter is how long a receiver asks to be left alone (RFC 9110, section 10.2.3), 0 if it does not.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// explain is err for the webhook's owner.
func explain(err error) string {
	switch {
	case errors.Is(err, egress.ErrPrivate):
		return "the host's address is private, reserved or the node's own: this node does not send there"
	case errors.Is(err, egress.ErrPlain):
		return "this node sends there over https only"
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return "no answer in time"
		}
		err = u.Err
	}
	text := strings.ToValidUTF8(err.Error(), "�")
	if len(text) > maxError {
		text = strings.ToValidUTF8(text[:maxError], "") + "…"
	}
	return text
}
