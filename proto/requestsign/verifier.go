package requestsign

import (
	"crypto"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Errors of Verify. A receiver answers ErrBusy with 503 and the others with 401.
var (
	ErrHeaders   = errors.New("the request is not signed, or a header of the signature is malformed")
	ErrTime      = errors.New("the request was signed too long ago, or in the future")
	ErrUnknown   = errors.New("the application is not known")
	ErrDigest    = errors.New("the digest is not one of the body")
	ErrSignature = errors.New("the signature is not one of the application's key over this request")
	ErrReplay    = errors.New("the request was received before")
	ErrBusy      = errors.New("too many requests of the application")
)

// Options bound a Verifier. The zero value has the defaults.
type Options struct {
	// Tolerance is how far the time of a request may be from the receiver's clock, either side. Default: 5 minutes.
	Tolerance time.Duration

	// MaxNonces bounds the nonces kept of one application; more requests within twice the tolerance are refused with
	// ErrBusy. Default: 65536.
	MaxNonces int

	// Clock tells the time. Default: time.Now.
	Clock func() time.Time
}

// Verifier verifies requests, and sees to it that each is taken once. What it has taken it knows by its nonce, in
// memory: a receiver that was started again takes a request anew if that is no older than the tolerance. It may be
// used by many goroutines.
type Verifier struct {
	keys func(app string) []crypto.PublicKey
	o    Options

	mu   sync.Mutex
	seen map[string]*window // by application
}

// NewVerifier returns a verifier of applications whose public keys are what keys returns: none if the application is
// not known, several while it changes its key. Keys is called by many goroutines.
func NewVerifier(keys func(app string) []crypto.PublicKey, o Options) *Verifier {
	if o.Tolerance <= 0 {
		o.Tolerance = 5 * time.Minute
	}
	if o.MaxNonces <= 0 {
		o.MaxNonces = 1 << 16
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Verifier{keys: keys, o: o, seen: make(map[string]*window)}
}

// Verify returns the application that has signed r, whose body is body. An error means that the request must not be
// carried out; it is one of the list above.
func (v *Verifier) Verify(r *http.Request, body []byte) (app string, err error) {
	h := headers(r.Header)
	app = h.one(HeaderApp)
	at, nonce, sum, signature := h.one(HeaderTime), h.one(HeaderNonce), h.one(HeaderDigest), h.one(HeaderSignature)
	milli, err := strconv.ParseInt(at, 10, 64)
	if err != nil || !validApp(app) || !validNonce(nonce) || sum == "" || signature == "" || len(signature) > maxSignature ||
		len(r.Header.Values("Content-Type")) > 1 {
		return "", ErrHeaders
	}
	now := v.o.Clock()
	if t := time.UnixMilli(milli); t.Before(now.Add(-v.o.Tolerance)) || t.After(now.Add(v.o.Tolerance)) {
		return "", ErrTime
	}
	keys := v.keys(app)
	if len(keys) == 0 {
		return "", ErrUnknown
	}
	err = ErrDigest
	signed := text(r.Method, target(r), app, at, nonce, r.Header.Get("Content-Type"), sum)
	for _, key := range keys {
		if !known(key) || digest(key, body) != sum {
			continue
		}
		err = ErrSignature
		if !verify(key, signed, signature) {
			continue
		}
		if err := v.take(app, nonce, now); err != nil {
			return "", err
		}
		return app, nil
	}
	return "", err
}

// take notes a nonce of a request that is genuine.
func (v *Verifier) take(app, nonce string, now time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.seen[app]
	if w == nil {
		w = &window{turned: now}
		v.seen[app] = w
	}
	return w.take(nonce, now, 2*v.o.Tolerance, v.o.MaxNonces)
}

// window holds the nonces of an application: those since it was turned, and those of the turn before. A request is
// good from Tolerance before its time to Tolerance after, so twice that is how long its nonce must be known.
type window struct {
	turned      time.Time
	now, before map[string]struct{}
}

func (w *window) take(nonce string, now time.Time, life time.Duration, limit int) error {
	switch since := now.Sub(w.turned); {
	case since >= 2*life:
		w.turned, w.now, w.before = now, nil, nil
	case since >= life:
		w.turned, w.now, w.before = now, nil, w.now
	}
	if _, again := w.now[nonce]; again {
		return ErrReplay
	}
	if _, again := w.before[nonce]; again {
		return ErrReplay
	}
	if len(w.now) >= limit {
		return ErrBusy
	}
	if w.now == nil {
		w.now = make(map[string]struct{})
	}
	w.now[nonce] = struct{}{}
	return nil
}

func validNonce(nonce string) bool {
	if len(nonce) != nonceLength {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	return err == nil
}

type headers http.Header

// one is the value of a header that stands once, or "".
func (h headers) one(name string) string {
	if v := http.Header(h).Values(name); len(v) == 1 {
		return v[0]
	}
	return ""
}
