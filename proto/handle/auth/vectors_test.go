package auth_test

import (
	"bytes"
	"crypto"
	_ "embed"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

//go:embed testdata/keys.txt
var keys string

const (
	secret = "test-secret-key" // data of the captured HS_SECKEY value, 301:88.990/user-sk

	// The session of vectors 091 to 096, in hexadecimal.
	sessionKey     = "7ac7a70f5ac074f69a8547b6129a2acfd1adfe6f97eaf3d0e8f75e6def2006cd"
	clientExponent = "9aea2911f15e5e8fed724e01369146e7b0452907"
)

// keyPair returns a key of the capture: the private key in PKCS#8, and HS_PUBKEY data, nil for
// "sm2".
func keyPair(t testing.TB, name string) (pkcs8, public []byte) {
	t.Helper()
	for line := range strings.Lines(keys) {
		f := strings.Fields(line)
		if f[0] != name {
			continue
		}
		pkcs8, err := base64.StdEncoding.DecodeString(f[1])
		if err != nil {
			t.Fatalf("keys.txt: %s: %v", name, err)
		}
		if f[2] != "-" {
			public = handletest.Hex(t, f[2])
		}
		return pkcs8, public
	}
	t.Fatalf("no key %s", name)
	return nil, nil
}

// open splits a captured message.
func open(t *testing.T, octets []byte) (handle.Envelope, handle.Message) {
	t.Helper()
	e, rest, err := handle.ParseEnvelope(octets)
	if err != nil {
		t.Fatal(err)
	}
	m, err := handle.ParseMessage(rest)
	if err != nil {
		t.Fatal(err)
	}
	return e, m
}

// private reads one of the captured server's keys.
func private(t testing.TB, name string) auth.PrivateKey {
	t.Helper()
	der, _ := keyPair(t, name)
	key, err := auth.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil)
	if err != nil {
		t.Fatalf("key %s: %v", name, err)
	}
	return key
}

// published finds the data of a key in the records of the captured server.
func published(t *testing.T, ref identifier.Ref) []byte {
	t.Helper()
	for _, r := range handletest.Records(t) {
		for _, v := range r.Values {
			if strings.EqualFold(r.ID, ref.Handle) && v.Index == ref.Index {
				return v.Data
			}
		}
	}
	t.Fatalf("no key %d:%s", ref.Index, ref.Handle)
	return nil
}

func publicKey(t *testing.T, data []byte) crypto.PublicKey {
	t.Helper()
	key, err := auth.ParsePublicKey(data)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestServerSignatures checks the signature of every certified answer captured, in all versions,
// and that it covers the message.
func TestServerSignatures(t *testing.T) {
	_, data := keyPair(t, "server")
	key := publicKey(t, data)
	var checked []string
	for _, v := range handletest.Vectors(t) {
		for _, octets := range v.Responses {
			e, rest, err := handle.ParseEnvelope(octets)
			if err != nil || int(e.Length) != len(rest) || e.Flags&handle.EnvelopeEncrypted != 0 {
				continue
			}
			_, m := open(t, octets)
			c, err := handle.ParseCredential(m.Credential)
			if err != nil || string(c.Type) != "HS_SIGNED" {
				continue
			}
			checked = append(checked, v.Number())
			if err := auth.VerifySignature(key, e, m); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			octets[len(octets)-len(m.Credential)-5] ^= 1 // the last octet of the body
			if err := auth.VerifySignature(key, e, m); err != auth.ErrSignature {
				t.Errorf("%s, altered: %v", v.Name, err)
			}
		}
	}
	for _, number := range []string{"031", "033", "034", "035", "036", "037", "038", "089", "090", "091"} {
		if !slices.Contains(checked, number) {
			t.Errorf("%s was not checked", number)
		}
	}
}

// TestSignatures makes the captured signatures again: RSA PKCS#1 v1.5 leaves nothing to chance.
func TestSignatures(t *testing.T) {
	key := private(t, "server")
	for _, number := range []string{"031", "033", "034", "035", "036", "037", "038", "089", "091"} {
		want := handletest.Find(t, number).Response()
		e, m := open(t, want)
		dst := append(handle.Begin(nil), m.Body...)
		got, err := auth.FinishSigned(dst, 0, e, m.Header, key)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", number, got, want)
		}
	}
}

// TestAnswers checks every captured answer to a challenge, logins with RSA and SM2 among them.
func TestAnswers(t *testing.T) {
	var asked, challenge handle.Message
	var version handle.Version
	checked, wrong := 0, 0
	for _, v := range handletest.Vectors(t) {
		octets := v.Requests[0]
		e, rest, err := handle.ParseEnvelope(octets)
		if err != nil || int(e.Length) != len(rest) || e.Flags&handle.EnvelopeEncrypted != 0 {
			continue
		}
		m, err := handle.ParseMessage(rest)
		if err != nil || len(v.Responses) == 0 {
			continue
		}
		if m.Header.Opcode != handle.OpChallengeResponse {
			asked = m
			var answered handle.Envelope
			if answered, rest, err = handle.ParseEnvelope(v.Responses[0]); err == nil && int(answered.Length) == len(rest) {
				version = answered.Version
				challenge, _ = handle.ParseMessage(rest)
			}
			continue
		}
		digest, nonce, err := handle.ParseChallenge(challenge.Body, version)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if want := handle.AppendDigest(nil, version, asked.Core); !bytes.Equal(digest, want) {
			t.Errorf("%s: digest %x, want %x", v.Name, digest, want)
		}
		digest = handle.DigestSum(digest, version)
		a, err := handle.ParseChallengeAnswer(m.Body)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		verify := func(digest []byte) error {
			if string(a.KeyType) == handle.KeyTypeSecret {
				return auth.VerifySecretAnswer([]byte(secret), nonce, digest, a.Answer)
			}
			return auth.VerifyKeyAnswer(publicKey(t, published(t, a.Identity)), a.Identity, nonce, digest, a.Answer)
		}
		checked++
		want := error(nil)
		if v.Number() == "062" { // made with another key
			want, wrong = auth.ErrAnswer, wrong+1
		}
		if err := verify(digest); err != want {
			t.Errorf("%s: %v, want %v", v.Name, err, want)
		}
		digest = bytes.Clone(digest)
		digest[0] ^= 1
		if err := verify(digest); err != auth.ErrAnswer {
			t.Errorf("%s, other request: %v", v.Name, err)
		}
	}
	if checked != 26 || wrong != 1 {
		t.Errorf("%d answers, %d wrong", checked, wrong)
	}
}

// TestVerification checks the questions of another server whether an answer is right.
func TestVerification(t *testing.T) {
	for number, want := range map[string]bool{"089": true, "090": false} {
		v := handletest.Find(t, number)
		_, m := open(t, v.Request())
		q, err := handle.ParseVerification(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := auth.VerifySecretAnswer([]byte(secret), q.Nonce, q.Digest, q.Answer) == nil; got != want {
			t.Errorf("%s: %v", v.Name, got)
		}
		_, response := open(t, v.Response())
		_, rest, err := handle.ParseDigest(response.Body, handle.Latest)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := handle.ParseVerified(rest); err != nil || got != want {
			t.Errorf("%s: captured %v, %v", v.Name, got, err)
		}
	}
}

// TestSession follows the captured session: both sides of the key agreement, the MAC of each
// message and the two encrypted ones.
func TestSession(t *testing.T) {
	exponent := handletest.Hex(t, clientExponent)
	exponent = append(make([]byte, 32-len(exponent)), exponent...)
	v := handletest.Find(t, "091")
	_, request := open(t, v.Request())
	setup, err := handle.ParseSessionSetup(request.Body)
	if err != nil || setup.Mode != handle.SessionDH || setup.Timeout != 86400 || setup.Identity != (identifier.Ref{Handle: "88.990/admin", Index: 300}) {
		t.Fatalf("%+v, %v", setup, err)
	}
	again := append(handle.AppendSessionSetup(nil, setup), 0, 0)
	if !bytes.Equal(again, request.Body) {
		t.Errorf("set-up:\n got %x\nwant %x", again, request.Body)
	}
	e, response := open(t, v.Response())
	_, rest, err := handle.ParseDigest(response.Body, e.Version)
	if err != nil {
		t.Fatal(err)
	}
	mode, data, err := handle.ParseSessionKey(rest)
	if err != nil || mode != handle.SessionDH {
		t.Fatal(mode, err)
	}
	cipher, public, err := handle.ParseDHKey(data)
	if err != nil || cipher != handle.CipherAES {
		t.Fatal(cipher, err)
	}
	// Agreement is symmetric: the client's exponent against the server's key as [auth.Agree] draws it.
	mine, key, err := auth.Agree(public, bytes.NewReader(exponent))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(mine, setup.PublicKey) {
		t.Errorf("public key:\n got %x\nwant %x", mine, setup.PublicKey)
	}
	if want := handletest.Hex(t, sessionKey); !bytes.Equal(key[:], want) {
		t.Fatalf("session key %x, want %x", key, want)
	}

	s := auth.Session{ID: e.SessionID, Key: key}
	var window auth.Window
	for _, number := range []string{"092", "093", "094", "095", "096"} {
		v := handletest.Find(t, number)
		for side, octets := range [][]byte{v.Request(), v.Response()} {
			e, rest, err := handle.ParseEnvelope(octets)
			if err != nil || e.SessionID != s.ID {
				t.Fatalf("%s: session %d, %v", v.Name, e.SessionID, err)
			}
			if e.Flags&handle.EnvelopeEncrypted != 0 {
				if rest, err = s.Open(nil, rest); err != nil {
					t.Fatalf("%s: %v", v.Name, err)
				}
			}
			m, err := handle.ParseMessage(rest)
			if err != nil {
				t.Fatalf("%s: %v", v.Name, err)
			}
			if m.Credential == nil { // answers not asked for certified; the client's answer to the challenge
				if _, err := s.VerifyMAC(e, m); err != auth.ErrMAC {
					t.Errorf("%s, unsigned: %v", v.Name, err)
				}
				continue
			}
			counter, err := s.VerifyMAC(e, m)
			if err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			if side == 0 && (!window.Accept(counter) || window.Accept(counter)) {
				t.Errorf("%s: counter %d", v.Name, counter)
			}
			// Made again it is the same, but for the initialization vector.
			made, err := s.Finish(append(handle.Begin(nil), m.Body...), 0, e, m.Header, counter)
			if err != nil || len(made) != len(octets) || e.Flags&handle.EnvelopeEncrypted == 0 && !bytes.Equal(made, octets) {
				t.Errorf("%s, made again: %v\n got %x\nwant %x", v.Name, err, made, octets)
			}
			m.Core[handle.HeaderSize] ^= 1
			if _, err := s.VerifyMAC(e, m); err != auth.ErrMAC {
				t.Errorf("%s, altered: %v", v.Name, err)
			}
		}
	}
}
