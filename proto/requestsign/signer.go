package requestsign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/emmansun/gmsm/sm2"
)

// ErrApp says that a text is no id of an application: 1 to [MaxApp] visible ASCII characters.
var ErrApp = errors.New("an application id is 1 to 128 visible ASCII characters")

// Signer signs requests as one application. It may be used by many goroutines.
type Signer struct {
	app string
	key crypto.Signer
}

// NewSigner returns a signer for an application and its private key. Errors: ErrApp, ErrKey.
func NewSigner(app string, key crypto.Signer) (*Signer, error) {
	if !validApp(app) {
		return nil, ErrApp
	}
	if key == nil || !known(publicOf(key)) {
		return nil, ErrKey
	}
	return &Signer{app, key}, nil
}

// LoadSigner returns a signer whose private key stands in a file; see [ParsePrivateKey].
func LoadSigner(app, file string) (*Signer, error) {
	key, err := LoadPrivateKey(file)
	if err != nil {
		return nil, err
	}
	return NewSigner(app, key)
}

// App is the id of the application.
func (s *Signer) App() string { return s.app }

// Public is the key with which a receiver verifies.
func (s *Signer) Public() crypto.PublicKey { return publicOf(s.key) }

// Sign sets the five headers of r, which is sent with that body. The rest of r must stand: method, URL and
// Content-Type are signed. A request that is sent again is signed again.
func (s *Signer) Sign(r *http.Request, body []byte) error {
	return s.signAt(r, body, time.Now())
}

func (s *Signer) signAt(r *http.Request, body []byte, now time.Time) error {
	var random [16]byte
	rand.Read(random[:])
	nonce, at := base64.RawURLEncoding.EncodeToString(random[:]), strconv.FormatInt(now.UnixMilli(), 10)
	sum := digest(s.Public(), body)
	signature, err := sign(s.key, text(r.Method, target(r), s.app, at, nonce, r.Header.Get("Content-Type"), sum))
	if err != nil {
		return fmt.Errorf("sign a request as %s: %w", s.app, err)
	}
	r.Header.Set(HeaderApp, s.app)
	r.Header.Set(HeaderTime, at)
	r.Header.Set(HeaderNonce, nonce)
	r.Header.Set(HeaderDigest, sum)
	r.Header.Set(HeaderSignature, signature)
	return nil
}

func validApp(app string) bool {
	if app == "" || len(app) > MaxApp {
		return false
	}
	for _, c := range []byte(app) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

func publicOf(key crypto.Signer) crypto.PublicKey {
	if k, ok := key.(*sm2.PrivateKey); ok {
		return (*ecdsa.PublicKey)(&k.PublicKey)
	}
	return key.Public()
}
