package main

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

// certificateOf is a certificate that the key of that name signs itself.
func certificateOf(t *testing.T, key string, subject pkix.Name) tls.Certificate {
	t.Helper()
	private, err := x509.ParsePKCS8PrivateKey(handletest.Key(t, key))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, private.(crypto.Signer).Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: private}
}

// rest is a client of the REST interface.
type rest struct {
	t      *testing.T
	base   string
	client *http.Client
}

func (d *daemon) rest(t *testing.T, scheme string, certs ...tls.Certificate) *rest {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certs}}
	t.Cleanup(transport.CloseIdleConnections)
	return &rest{t, scheme + "://" + d.http, &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

// do makes a request and returns status, response code and body.
func (r *rest) do(method, path, authorization, body string) (status, code int, header http.Header, text string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.base+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var m struct{ ResponseCode int }
	_ = json.Unmarshal(raw, &m)
	return resp.StatusCode, m.ResponseCode, resp.Header, string(raw)
}

func (r *rest) want(status, code int, method, path, authorization, body string) string {
	r.t.Helper()
	gotStatus, gotCode, _, text := r.do(method, path, authorization, body)
	if gotStatus != status || gotCode != code {
		r.t.Errorf("%s %s: status %d, code %d, want %d and %d: %.300s", method, path, gotStatus, gotCode, status, code, text)
	}
	return text
}

const (
	basicUser  = "Basic MzAxJTNBODguOTkwL3VzZXItc2s6dGVzdC1zZWNyZXQta2V5" // 301%3A88.990/user-sk:test-secret-key
	restValues = `[{"index":1,"type":"URL","data":"https://a.example"},{"index":100,"type":"HS_ADMIN","data":{"format":"admin","value":{"handle":"88.990/group","index":200,"permissions":"011111110011"}}},
		{"index":101,"type":"HS_ADMIN","data":{"format":"admin","value":{"handle":"88.990/admin","index":300,"permissions":"011111110011"}}}]`
)

// TestRESTIdentities: who is believed to be whom, over TLS and in clear.
func TestRESTIdentities(t *testing.T) {
	d := capturedNode(t)
	defer d.stop()
	plain, secure := d.rest(t, "http"), d.rest(t, "https")
	const path = "/api/handles/88.990.1001/rest-id"

	plain.want(403, 402, "PUT", path, basicUser, restValues)
	plain.want(404, 100, "GET", path, "", "")
	plain.want(403, 0, "POST", "/api/sessions", "", "")
	secure.want(201, 1, "PUT", path, basicUser, restValues)
	plain.want(200, 1, "GET", path, "", "")
	plain.want(403, 402, "DELETE", path, basicUser, "")
	plain.want(403, 402, "GET", "/api/handles?prefix=88.990.1003", basicUser, "")
	secure.want(401, 0, "PUT", path, "Basic !!!", restValues)
	secure.want(401, 0, "PUT", path, "Bearer x", restValues)
	secure.want(401, 0, "PUT", path, `Handle sessionId="none"`, restValues)
	secure.want(401, 402, "PUT", path, `Handle version="0"`, restValues)
	secure.want(401, 0, "PUT", path, `Handle id="300:88.990/admin", type="HS_PUBKEY", alg="SHA256", cnonce="AA==", signature="AA=="`, restValues)
	for _, user := range []string{"301%3A88.990%2Fuser-sk", "301:88.990/user-sk", "88.990/user-sk"} {
		header := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":test-secret-key"))
		want := 200
		if user == "301:88.990/user-sk" { // the first colon ends the user
			want = 401
		}
		if status, _, _, text := secure.do("PUT", path, header, restValues); status != want {
			t.Errorf("user %s: %d %s", user, status, text)
		}
	}

	// Certificates: the key counts, and the name says whose it is.
	uid := pkix.Name{CommonName: "somebody", ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: "300:88.990/admin"}}}
	for _, c := range []struct {
		name    string
		key     string
		subject pkix.Name
		status  int
	}{
		{"common name", "admin_rsa", pkix.Name{CommonName: "300:88.990/admin"}, 200},
		{"common name without index", "admin_rsa", pkix.Name{CommonName: "88.990/admin"}, 200},
		{"user id", "admin_rsa", uid, 200},
		{"organization", "admin_rsa", pkix.Name{Organization: []string{"300:88.990/admin"}}, 200},
		{"another's key", "limited_rsa", pkix.Name{CommonName: "300:88.990/admin"}, 401},
		{"nobody's name", "admin_rsa", pkix.Name{CommonName: "300:88.990/nobody"}, 401},
		{"no name", "admin_rsa", pkix.Name{Country: []string{"CN"}}, 401},
	} {
		r := d.rest(t, "https", certificateOf(t, c.key, c.subject))
		if status, _, _, text := r.do("PUT", path, `Handle clientCert="true"`, restValues); status != c.status {
			t.Errorf("certificate, %s: %d %s", c.name, status, text)
		}
		if status, code, _, text := r.do("PUT", path, "", restValues); status != c.status || status == 401 && code != 402 {
			t.Errorf("certificate without header, %s: %d %d %s", c.name, status, code, text)
		}
	}

	// Sessions: by signatures and by codes under a secret, in the header and in the body.
	key, err := x509.ParsePKCS8PrivateKey(handletest.Key(t, "admin_rsa"))
	if err != nil {
		t.Fatal(err)
	}
	private, err := auth.NewPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	admin := identifier.Ref{Handle: "88.990/admin", Index: 300}
	cnonce := []byte("sixteen octets..")
	b64 := base64.StdEncoding.EncodeToString
	for _, form := range []string{"header", "body", "secret"} {
		var s struct{ SessionID, Nonce string }
		if err := json.Unmarshal([]byte(secure.want(201, 0, "POST", "/api/sessions", "", "")), &s); err != nil {
			t.Fatal(err)
		}
		nonce, err := base64.StdEncoding.DecodeString(s.Nonce)
		if err != nil {
			t.Fatal(err)
		}
		session := fmt.Sprintf(`Handle version="0", sessionId="%s"`, s.SessionID)
		secure.want(401, 402, "PUT", path, session, restValues) // nobody has signed yet
		answer, err := auth.AnswerWithKey(private, handle.Latest, admin, nonce, cnonce)
		if err != nil {
			t.Fatal(err)
		}
		signature := b64(answer[4+len("SHA-256")+4:])
		who := "300:88.990/admin"
		var text string
		switch form {
		case "header":
			wrong := fmt.Sprintf(`%s, cnonce="%s", id="300:88.990/admin", type="HS_PUBKEY", alg="SHA256", signature="%s"`, session, b64([]byte("other")), signature)
			secure.want(401, 0, "PUT", "/api/sessions/this", wrong, "")
			text = secure.want(200, 0, "PUT", "/api/sessions/this", fmt.Sprintf(`%s, cnonce="%s", id="300:88.990%%2Fadmin", type="HS_PUBKEY", alg="SHA-256", signature="%s"`, session, b64(cnonce), signature), "")
		case "body":
			text = secure.want(200, 0, "POST", "/api/sessions/this", "", fmt.Sprintf(`{"version":"0","sessionId":"%s","cnonce":"%s","id":"300:88.990/admin","type":"HS_PUBKEY","alg":"SHA256","signature":"%s"}`, s.SessionID, b64(cnonce), signature))
		case "secret":
			who = "301:88.990/user-sk"
			if answer, err = auth.AnswerWithSecret(handletest.Key(t, "secret"), handle.Latest, nonce, cnonce); err != nil {
				t.Fatal(err)
			}
			text = secure.want(200, 0, "PUT", "/api/sessions/this", fmt.Sprintf(`%s, cnonce="%s", id="301:88.990/user-sk", type="HS_SECKEY", alg="PBKDF2WithHmacSHA1", signature="%s"`, session, b64(cnonce), b64(answer[1:])), "")
		}
		if !strings.Contains(text, `"authenticated":true,"id":"`+who+`"`) {
			t.Errorf("%s: %s", form, text)
		}
		secure.want(200, 1, "PUT", path, session, restValues)
		secure.want(204, 0, "DELETE", "/api/sessions/this", session, "")
		secure.want(401, 0, "PUT", path, session, restValues)
		secure.want(403, 0, "GET", "/api/sessions/this", session, "")
	}
	secure.want(403, 0, "GET", "/api/sessions/that", "", "")
	secure.want(405, 0, "GET", "/api/sessions", "", "")
	secure.want(400, 0, "POST", "/api/sessions", "", "not json")
}
