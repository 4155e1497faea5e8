package jsonlines_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/registry/topsync/jsonlines"
)

// httptestIPs is where test servers listen.
var httptestIPs = []net.IP{net.IPv4(127, 0, 0, 1)}

var batch = topsync.Batch{Table: "T9", Rows: []topreport.Row{
	{Table: "T9", Seq: 4, Key: "88.1/ä<", Op: topreport.Add, Time: time.Date(2026, 11, 23, 7, 4, 5, 0, time.UTC), Data: json.RawMessage(`{"identifier":"88.1/ä<"}`)},
	{Table: "T9", Seq: 6, Key: "88.1/b", Op: topreport.Delete, Time: time.Date(2026, 11, 23, 7, 4, 6, 0, time.UTC), Data: json.RawMessage(`{"identifier":"88.1/b"}`)},
}}

type signer struct{ err error }

func (s signer) Sign(r *http.Request, body []byte) error {
	r.Header.Set("Signature", fmt.Sprint(len(body)))
	return s.err
}

func TestPush(t *testing.T) {
	var rows []topreport.Row
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/base/tables/T9" || r.Header.Get("Content-Type") != "application/x-ndjson" || r.Header.Get("Sync-Node") != "88.1" ||
			r.Header.Get("Signature") != fmt.Sprint(r.ContentLength) || r.Header.Get("User-Agent") != "idnode/dev" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("request %s %s %v", r.Method, r.URL, r.Header)
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		for lines := bufio.NewScanner(z); lines.Scan(); {
			var row topreport.Row
			if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
				t.Error(err)
			}
			rows = append(rows, row)
		}
		io.WriteString(w, `{"acknowledged":6,"rejected":[{"seq":4,"detail":"no"}]}`)
	}))
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := jsonlines.New(jsonlines.Options{URL: server.URL + "/base/", Node: "88.1", Signer: signer{}, TokenFile: token})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := target.Push(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(topsync.Receipt{Acknowledged: 6, Rejected: []topsync.Rejection{{Seq: 4, Detail: "no"}}}, receipt); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(batch.Rows, rows); diff != "" {
		t.Error(diff)
	}
	unsigned, err := jsonlines.New(jsonlines.Options{URL: server.URL, Signer: signer{errors.New("no key")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unsigned.Push(t.Context(), batch); !errors.Is(err, topsync.ErrHopeless) {
		t.Errorf("without a signature: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status   int
		body     string
		want     string // "": it is an answer
		hopeless bool
	}{
		{200, `{"acknowledged":6}`, "", false},
		{200, `{"acknowledged":6,"more":1}`, "", false},
		{200, `{}`, "does not say", false},
		{200, `{"acknowledged":-1}`, "read answer", false},
		{200, `<html>`, "read answer", false},
		{200, strings.Repeat(" ", 1<<20+1), "longer than", false},
		{204, ``, "answered 204", false},
		{302, ``, "answered 302", false},
		{401, `no`, "answered 401", true},
		{403, `no`, "answered 403", true},
		{404, `no`, "answered 404", true},
		{409, `no`, "answered 409", false},
		{429, `no`, "answered 429", false},
		{500, `no`, "answered 500", false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		target, err := jsonlines.New(jsonlines.Options{URL: server.URL + "/rows/{table}"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = target.Push(t.Context(), batch)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || errors.Is(err, topsync.ErrHopeless) != c.hopeless {
			t.Errorf("%d %.40s: %v, want %q", c.status, c.body, err, c.want)
		}
		server.Close()
		if _, err := target.Push(t.Context(), batch); err == nil || strings.Contains(err.Error(), server.URL) {
			t.Errorf("with nobody there: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	stuck := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }))
	defer stuck.Close()
	target, err := jsonlines.New(jsonlines.Options{URL: stuck.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Push(ctx, batch); err == nil || err.Error() != "no answer in time" {
		t.Errorf("a silent receiver: %v", err)
	}
}

func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	ca, caKey := certificate(t, nil, nil, true)
	write := func(name string, blocks ...*pem.Block) string {
		var text []byte
		for _, b := range blocks {
			text = append(text, pem.EncodeToMemory(b)...)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	leaf := func(name string) (certFile, keyFile string, pair tls.Certificate) {
		cert, key := certificate(t, ca, caKey, false)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		certFile, keyFile = write(name+".crt", &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), write(name+".key", &pem.Block{Type: "PRIVATE KEY", Bytes: der})
		pair, err = tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			t.Fatal(err)
		}
		return certFile, keyFile, pair
	}
	caFile := write("ca.crt", &pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
	_, _, serverPair := leaf("server")
	certFile, keyFile, _ := leaf("node")
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) != 1 {
			t.Error("the receiver does not know who it is")
		}
		io.WriteString(w, `{"acknowledged":6}`)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{serverPair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	defer server.Close()
	for _, c := range []struct {
		o  jsonlines.Options
		ok bool
	}{
		{jsonlines.Options{URL: server.URL, CertFile: certFile, KeyFile: keyFile, CAFile: caFile}, true},
		{jsonlines.Options{URL: server.URL, CAFile: caFile}, false},
		{jsonlines.Options{URL: server.URL, CertFile: certFile, KeyFile: keyFile}, false},
	} {
		target, err := jsonlines.New(c.o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := target.Push(t.Context(), batch); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	for _, o := range []jsonlines.Options{{}, {URL: "ftp://x/"}, {URL: "top.example"}, {URL: server.URL, CertFile: certFile}, {URL: server.URL, CertFile: certFile, KeyFile: caFile},
		{URL: server.URL, CAFile: keyFile}, {URL: server.URL, CAFile: "nothing"}} {
		if _, err := jsonlines.New(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// certificate makes a certificate for 127.0.0.1, of itself or of a parent.
func certificate(t *testing.T, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, ca bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: httptestIPs, BasicConstraintsValid: true, IsCA: ca, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}
