package requestsign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

var at = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func keyPairs(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	s, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"sm2": s, "ed25519": e}
}

func newSigner(t *testing.T, key crypto.Signer) *Signer {
	t.Helper()
	s, err := NewSigner("app-1", key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func signed(t *testing.T, s *Signer, now time.Time) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/reports/T8?day=2026-11-23&p=88.1%2F2", nil)
	r.Header.Set("Content-Type", "application/json")
	if err := s.signAt(r, []byte("body"), now); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerify(t *testing.T) {
	for name, key := range keyPairs(t) {
		s := newSigner(t, key)
		tests := []struct {
			name   string
			change func(*http.Request)
			body   string
			now    time.Time
			want   error
		}{
			{name: "good"},
			{name: "late", now: at.Add(5 * time.Minute)},
			{name: "too late", now: at.Add(5*time.Minute + time.Millisecond), want: ErrTime},
			{name: "early", now: at.Add(-5 * time.Minute)},
			{name: "from the future", now: at.Add(-5*time.Minute - time.Millisecond), want: ErrTime},
			{name: "another body", body: "Body", want: ErrDigest},
			{name: "another method", change: func(r *http.Request) { r.Method = http.MethodPut }, want: ErrSignature},
			{name: "another path", change: func(r *http.Request) { r.RequestURI = "/reports/T9?day=2026-11-23&p=88.1%2F2" }, want: ErrSignature},
			{name: "another query", change: func(r *http.Request) { r.RequestURI += "&x=1" }, want: ErrSignature},
			{name: "another spelling of the query", change: func(r *http.Request) { r.RequestURI = strings.Replace(r.RequestURI, "%2F", "%2f", 1) }, want: ErrSignature},
			{name: "a path that handlers have cut", change: func(r *http.Request) { r.URL.Path = "/T8" }},
			{name: "another type", change: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, want: ErrSignature},
			{name: "two types", change: func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }, want: ErrHeaders},
			{name: "another application", change: func(r *http.Request) { r.Header.Set(HeaderApp, "app-2") }, want: ErrUnknown},
			{name: "another time", change: func(r *http.Request) { r.Header.Set(HeaderTime, strconv.FormatInt(at.UnixMilli()+1, 10)) }, want: ErrSignature},
			{name: "another nonce", change: func(r *http.Request) { r.Header.Set(HeaderNonce, "AAAAAAAAAAAAAAAAAAAAAA") }, want: ErrSignature},
			{name: "no application", change: func(r *http.Request) { r.Header.Del(HeaderApp) }, want: ErrHeaders},
			{name: "no time", change: func(r *http.Request) { r.Header.Del(HeaderTime) }, want: ErrHeaders},
			{name: "no nonce", change: func(r *http.Request) { r.Header.Del(HeaderNonce) }, want: ErrHeaders},
			{name: "short nonce", change: func(r *http.Request) { r.Header.Set(HeaderNonce, "AAAA") }, want: ErrHeaders},
			{name: "no base64", change: func(r *http.Request) { r.Header.Set(HeaderNonce, strings.Repeat("!", 22)) }, want: ErrHeaders},
			{name: "no digest", change: func(r *http.Request) { r.Header.Del(HeaderDigest) }, want: ErrHeaders},
			{name: "no signature", change: func(r *http.Request) { r.Header.Del(HeaderSignature) }, want: ErrHeaders},
			{name: "two signatures", change: func(r *http.Request) { r.Header.Add(HeaderSignature, "x") }, want: ErrHeaders},
			{name: "a huge signature", change: func(r *http.Request) { r.Header.Set(HeaderSignature, strings.Repeat("A", 300)) }, want: ErrHeaders},
			{name: "signature of another kind", change: func(r *http.Request) {
				_, text, _ := strings.Cut(r.Header.Get(HeaderSignature), "=")
				r.Header.Set(HeaderSignature, "rsa="+text)
			}, want: ErrSignature},
			{name: "digest of another kind", change: func(r *http.Request) {
				_, text, _ := strings.Cut(r.Header.Get(HeaderDigest), "=")
				r.Header.Set(HeaderDigest, "md5="+text)
			}, want: ErrDigest},
		}
		for _, test := range tests {
			t.Run(name+"/"+test.name, func(t *testing.T) {
				now, body := test.now, test.body
				if now.IsZero() {
					now = at
				}
				if body == "" {
					body = "body"
				}
				v := NewVerifier(func(app string) []crypto.PublicKey {
					if app != "app-1" {
						return nil
					}
					return []crypto.PublicKey{s.Public()}
				}, Options{Clock: func() time.Time { return now }})
				r := signed(t, s, at)
				if test.change != nil {
					test.change(r)
				}
				app, err := v.Verify(r, []byte(body))
				if !errors.Is(err, test.want) || (err == nil) != (app == "app-1") {
					t.Errorf("Verify = %q, %v; want %v", app, err, test.want)
				}
			})
		}
	}
}

// TestOtherKind: the key of the application decides the algorithm, not what the request says.
func TestOtherKind(t *testing.T) {
	pairs := keyPairs(t)
	keys := []crypto.PublicKey{newSigner(t, pairs["sm2"]).Public()}
	v := NewVerifier(func(string) []crypto.PublicKey { return keys }, Options{Clock: func() time.Time { return at }})
	if _, err := v.Verify(signed(t, newSigner(t, pairs["ed25519"]), at), []byte("body")); !errors.Is(err, ErrDigest) {
		t.Errorf("another kind of key: %v", err)
	}
	if _, err := v.Verify(signed(t, newSigner(t, keyPairs(t)["sm2"]), at), []byte("body")); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	keys = append(keys, newSigner(t, pairs["ed25519"]).Public())
	if _, err := v.Verify(signed(t, newSigner(t, pairs["ed25519"]), at), []byte("body")); err != nil {
		t.Errorf("the second of two keys: %v", err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigner("app", other); !errors.Is(err, ErrKey) {
		t.Errorf("a signer with a P-256 key: %v", err)
	}
	for _, app := range []string{"", "a b", "应用", strings.Repeat("x", MaxApp+1)} {
		if _, err := NewSigner(app, pairs["sm2"]); !errors.Is(err, ErrApp) {
			t.Errorf("NewSigner(%q): %v", app, err)
		}
	}
}

func TestReplay(t *testing.T) {
	s := newSigner(t, keyPairs(t)["ed25519"])
	now := at
	v := NewVerifier(func(string) []crypto.PublicKey { return []crypto.PublicKey{s.Public()} },
		Options{Clock: func() time.Time { return now }, MaxNonces: 3})
	verify := func(r *http.Request, want error) {
		t.Helper()
		if _, err := v.Verify(r, []byte("body")); !errors.Is(err, want) {
			t.Errorf("at %s: Verify = %v, want %v", now.Sub(at), err, want)
		}
	}
	first, early := signed(t, s, at), signed(t, s, at.Add(5*time.Minute))
	verify(first, nil)
	verify(first, ErrReplay)
	verify(early, nil)
	forged := signed(t, s, at)
	forged.Header.Set(HeaderSignature, "ed25519=AAAA")
	verify(forged, ErrSignature) // takes no place
	verify(signed(t, s, at), nil)
	verify(signed(t, s, at), ErrBusy)
	now = at.Add(5 * time.Minute)
	verify(first, ErrReplay)
	now = at.Add(10 * time.Minute) // the window turns
	verify(first, ErrTime)
	verify(early, ErrReplay)
	verify(signed(t, s, now), nil)
	now = at.Add(time.Hour)
	verify(early, ErrTime)
	verify(signed(t, s, now), nil)
	if w := v.seen["app-1"]; len(w.now) != 1 || len(w.before) != 0 {
		t.Errorf("%d and %d nonces are kept, want 1 and 0", len(w.now), len(w.before))
	}
}

// TestServer sends a signed request over a socket.
func TestServer(t *testing.T) {
	for name, key := range keyPairs(t) {
		s := newSigner(t, key)
		v := NewVerifier(func(string) []crypto.PublicKey { return []crypto.PublicKey{s.Public()} }, Options{})
		mux := http.NewServeMux()
		mux.Handle("/v1/", http.StripPrefix("/v1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			app, err := v.Verify(r, body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnauthorized)
				return
			}
			io.WriteString(w, app)
		})))
		server := httptest.NewServer(mux)
		body := []byte(`{"table":"T8"}`)
		r, err := http.NewRequest(http.MethodPost, server.URL+"/v1/a%2Fb/%E6%A0%87?x=1&y=%20", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Sign(r, body); err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if string(got) != "app-1" {
			t.Errorf("%s: %d %s", name, answer.StatusCode, got)
		}
		server.Close()
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	for name, key := range keyPairs(t) {
		private, err := smx509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := smx509.MarshalPKIXPublicKey(publicOf(key))
		if err != nil {
			t.Fatal(err)
		}
		forms := map[string][]byte{
			"pem":    pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
			"base64": []byte(base64.StdEncoding.EncodeToString(private) + "\n"),
			"params": append([]byte("-----BEGIN EC PARAMETERS-----\nBggqgRzPVQGCLQ==\n-----END EC PARAMETERS-----\n"),
				pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...),
		}
		if k, ok := key.(*sm2.PrivateKey); ok {
			sec1, err := smx509.MarshalSM2PrivateKey(k)
			if err != nil {
				t.Fatal(err)
			}
			forms["sec1"] = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})
		}
		for form, text := range forms {
			file := filepath.Join(dir, name+form)
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := LoadSigner("app-1", file)
			if err != nil {
				t.Errorf("%s as %s: %v", name, form, err)
				continue
			}
			if s.App() != "app-1" {
				t.Errorf("App = %s", s.App())
			}
			keyFile := filepath.Join(dir, "public")
			if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600); err != nil {
				t.Fatal(err)
			}
			loaded, err := LoadPublicKey(keyFile)
			if err != nil {
				t.Fatal(err)
			}
			v := NewVerifier(func(string) []crypto.PublicKey { return []crypto.PublicKey{loaded} }, Options{Clock: func() time.Time { return at }})
			if _, err := v.Verify(signed(t, s, at), []byte("body")); err != nil {
				t.Errorf("%s as %s: %v", name, form, err)
			}
		}
		if _, err := ParsePublicKey([]byte(base64.StdEncoding.EncodeToString(public))); err != nil {
			t.Errorf("%s: public key in base64: %v", name, err)
		}
		if _, err := ParsePublicKey(forms["pem"]); !errors.Is(err, ErrKey) {
			t.Errorf("%s: a private key is taken for a public one: %v", name, err)
		}
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalPKCS8PrivateKey(p256)
	public, _ := x509.MarshalPKIXPublicKey(&p256.PublicKey)
	for _, text := range [][]byte{nil, []byte("x"), []byte("AAAA"), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})} {
		if _, err := ParsePrivateKey(text); !errors.Is(err, ErrKey) {
			t.Errorf("ParsePrivateKey(%.40q): %v", text, err)
		}
		if _, err := ParsePublicKey(text); !errors.Is(err, ErrKey) {
			t.Errorf("ParsePublicKey(%.40q): %v", text, err)
		}
	}
	if _, err := LoadSigner("app-1", filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
