package trust_test

import (
	"context"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 the protocol has DSA keys
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/idnode/idnode/proto/handle/trust"
	"github.com/idnode/idnode/proto/identifier"
)

var now = time.Unix(1_800_000_000, 0)

// signer signs as a Java client does.
type signer struct {
	key crypto.PrivateKey
	alg string
}

func newSigners(t *testing.T) (root, middle signer) {
	t.Helper()
	a, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{a, "RS256"}, signer{b, "SM2256"}
}

var b64 = base64.RawURLEncoding.EncodeToString

func (s signer) sign(t *testing.T, claims map[string]any) []byte {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	input := b64([]byte(`{"alg":"`+s.alg+`"}`)) + "." + b64(payload)
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	switch k := s.key.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, k, crypto.SHA256, digest[:])
	case *sm2.PrivateKey:
		signature, err = k.SignWithSM2(rand.Reader, nil, []byte(input))
	case *dsa.PrivateKey:
		var pair struct{ R, S *big.Int }
		if pair.R, pair.S, err = dsa.Sign(rand.Reader, k, digest[:20]); err == nil {
			signature, err = asn1.Marshal(pair)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return []byte(input + "." + b64(signature))
}

// jwk is the public key as claims hold it.
func (s signer) jwk(t *testing.T) map[string]string {
	t.Helper()
	switch k := s.key.(type) {
	case *rsa.PrivateKey:
		return map[string]string{"kty": "RSA", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	case *sm2.PrivateKey:
		der, err := smx509.MarshalPKIXPublicKey(&k.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"kty": "SM2", "d": b64(der)}
	case *dsa.PrivateKey:
		return map[string]string{"kty": "DSA", "y": b64(k.Y.Bytes()), "p": b64(k.P.Bytes()), "q": b64(k.Q.Bytes()), "g": b64(k.G.Bytes())}
	}
	return nil
}

func (s signer) public() crypto.PublicKey {
	switch k := s.key.(type) {
	case *rsa.PrivateKey:
		return &k.PublicKey
	case *sm2.PrivateKey:
		return &k.PublicKey
	case *dsa.PrivateKey:
		return &k.PublicKey
	}
	return nil
}

func perms(handle, perm string) []map[string]string {
	return []map[string]string{{"handle": handle, "perm": perm}}
}

// TestRecord follows a chain from a record signed with SM2 over the certificate of its prefix to an
// RSA root, and what breaks it.
func TestRecord(t *testing.T) {
	root, middle := newSigners(t)
	_, other := newSigners(t)
	values := []identifier.Value{
		{Index: 1, Type: "URL", Data: []byte("http://example.com"), Perms: identifier.DefaultPerms, Timestamp: 5},
		{Index: 2, Type: "EMAIL", Data: []byte("a@example.com"), Perms: identifier.DefaultPerms},
		{Index: 3, Type: "SECRET", Perms: identifier.AdminRead},
	}
	digests, err := trust.DigestValues("SHA-256", values[:1])
	if err != nil {
		t.Fatal(err)
	}
	type change struct{ root, middle, record map[string]any }
	f := func(name string, c change, by signer, want error) {
		t.Helper()
		with := func(claims, changes map[string]any) map[string]any {
			for k, v := range changes {
				claims[k] = v
			}
			return claims
		}
		rootCert := root.sign(t, with(map[string]any{"sub": "300:0.0/0.0", "iss": "300:0.0/0.0", "publicKey": root.jwk(t),
			"perms": perms("0.0/0.0", "everything")}, c.root))
		middleCert := root.sign(t, with(map[string]any{"sub": "300:0.NA/88.1", "iss": "300:0.0/0.0", "publicKey": middle.jwk(t),
			"chain": []string{"400:0.0/0.0"}, "perms": perms("0.NA/88.1", "handlesUnderThisPrefix")}, c.middle))
		signature := by.sign(t, with(map[string]any{"sub": "88.1/a", "iss": "300:0.NA/88.1", "digests": digests,
			"nbf": now.Unix() - 10, "exp": now.Unix() + 10}, c.record))
		v := trust.Verifier{
			Roots: []trust.Root{{Handle: "0.0/0.0", Key: root.public()}},
			Lookup: func(_ context.Context, name string) ([]identifier.Value, error) {
				switch name {
				case "0.NA/88.1":
					return []identifier.Value{{Index: 1, Type: "HS_CERT", Data: []byte("junk")}, {Index: 400, Type: "HS_CERT", Data: middleCert}}, nil
				case "0.0/0.0":
					return []identifier.Value{{Index: 400, Type: "HS_CERT", Data: rootCert}}, nil
				}
				return nil, errUnknown
			},
		}
		record := append(slices.Clone(values), identifier.Value{Index: 400, Type: "HS_SIGNATURE", Data: signature, Perms: identifier.DefaultPerms})
		record[0].Timestamp = 77 // not signed
		r := v.Record(t.Context(), "88.1/a", record, now)
		if want == nil {
			if !slices.Equal(r.Signed, []uint32{1}) || !slices.Equal(r.Unsigned, []uint32{2}) || r.Problems != nil {
				t.Errorf("%s: %+v", name, r)
			}
			return
		}
		if len(r.Signed) != 0 || !slices.Equal(r.Unsigned, []uint32{1, 2}) || len(r.Problems) != 1 || !errors.Is(r.Problems[0], want) {
			t.Errorf("%s: %+v, want %v", name, r, want)
		}
	}
	m := func(k string, v any) map[string]any { return map[string]any{k: v} }
	f("good", change{}, middle, nil)
	f("chain in the signature", change{record: m("chain", []string{"400:0.NA/88.1", "400:0.0/0.0"})}, middle, nil)
	f("other key", change{}, other, trust.ErrSignature)
	f("other algorithm", change{}, root, trust.ErrSignature)
	f("expired", change{record: m("exp", now.Unix()-1)}, middle, trust.ErrTime)
	f("not yet", change{record: m("nbf", now.Unix()+1)}, middle, trust.ErrTime)
	f("certificate expired", change{middle: m("exp", now.Unix()-1)}, middle, trust.ErrTime)
	f("root expired", change{root: m("exp", now.Unix()-1)}, middle, trust.ErrTime)
	f("other handle", change{record: m("sub", "88.1/b")}, middle, trust.ErrHandle)
	f("no digests", change{record: m("digests", nil)}, middle, trust.ErrClaims)
	f("digests of another kind", change{record: m("digests", map[string]any{"alg": "MD5"})}, middle, trust.ErrAlgorithm)
	f("no permission", change{middle: m("perms", nil)}, middle, trust.ErrPermission)
	f("other prefix", change{middle: m("perms", perms("0.NA/88.2", "handlesUnderThisPrefix"))}, middle, trust.ErrPermission)
	f("root without permission", change{root: m("perms", nil)}, middle, trust.ErrPermission)
	f("other subject", change{middle: m("sub", "300:0.NA/88.9")}, middle, trust.ErrChain)
	f("unknown issuer", change{record: m("iss", "300:0.NA/88.7")}, middle, errUnknown)
	f("circle", change{record: m("chain", []string{"400:0.NA/88.1", "400:0.NA/88.1"})}, middle, trust.ErrChain)
	f("not the root", change{root: map[string]any{"sub": "300:0.0/1", "iss": "300:0.0/1"}, middle: m("iss", "300:0.0/1")}, middle, trust.ErrRoot)
	f("root with another key", change{root: m("publicKey", other.jwk(t))}, middle, trust.ErrSignature)
	f("no key", change{middle: m("publicKey", nil)}, middle, trust.ErrSignature)
}

var errUnknown = errors.New("unknown handle")

// TestRootElsewhere: a root's certificate that cannot be found is not needed, its key is.
func TestRootElsewhere(t *testing.T) {
	root, middle := newSigners(t)
	_, other := newSigners(t)
	values := []identifier.Value{{Index: 1, Type: "URL", Data: []byte("http://example.com"), Perms: identifier.DefaultPerms}}
	digests, err := trust.DigestValues("SHA-256", values)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, by signer, changes map[string]any, want error) {
		t.Helper()
		claims := map[string]any{"sub": "300:0.NA/88.1", "iss": "300:0.0/0.0", "publicKey": middle.jwk(t), "perms": perms("0.NA/88.1", "everything")}
		for k, v := range changes {
			claims[k] = v
		}
		certificate := by.sign(t, claims)
		signature := middle.sign(t, map[string]any{"sub": "88.1/a", "iss": "300:0.NA/88.1", "digests": digests})
		v := trust.Verifier{
			Roots: []trust.Root{{Handle: "0.0/0.0", Key: other.public()}, {Handle: "0.0/0.0", Key: root.public()}, {Handle: "0.0/1", Key: middle.public()}},
			Lookup: func(_ context.Context, name string) ([]identifier.Value, error) {
				if name == "0.NA/88.1" {
					return []identifier.Value{{Index: 400, Type: "HS_CERT", Data: certificate}}, nil
				}
				return nil, trust.ErrUnknown
			},
		}
		r := v.Record(t.Context(), "88.1/a", append(values, identifier.Value{Index: 401, Type: "HS_SIGNATURE", Data: signature}), now)
		if good := slices.Equal(r.Signed, []uint32{1}) && r.Problems == nil; good != (want == nil) || want != nil && !errors.Is(errors.Join(r.Problems...), want) {
			t.Errorf("%s: %+v, want %v", name, r, want)
		}
	}
	f("one of its keys", root, nil, nil)
	f("the other", other, nil, nil)
	f("key of another root", middle, nil, trust.ErrSignature)
	f("not a root", root, map[string]any{"iss": "300:0.0/2"}, trust.ErrUnknown)
	f("the root in its chain", root, map[string]any{"chain": []string{"400:0.0/0.0"}}, nil)
	f("around the root", root, map[string]any{"chain": []string{"400:0.0/9"}}, trust.ErrUnknown)
	f("expired", root, map[string]any{"exp": now.Unix() - 1}, trust.ErrTime)
	f("without authority", root, map[string]any{"perms": nil}, trust.ErrPermission)
}

// TestManySignatures: what is not looked at is a problem, not a silence.
func TestManySignatures(t *testing.T) {
	v := trust.Verifier{}
	r := v.Record(t.Context(), "88.1/a", slices.Repeat([]identifier.Value{{Index: 1, Type: "HS_SIGNATURE"}}, 100), now)
	if len(r.Problems) != 9 || r.Problems[8] != trust.ErrMany {
		t.Errorf("%v", r.Problems)
	}
}

func TestParseJWS(t *testing.T) {
	root, middle := newSigners(t)
	weak := new(dsa.PrivateKey)
	if err := dsa.GenerateParameters(&weak.Parameters, rand.Reader, dsa.L1024N160); err != nil {
		t.Fatal(err)
	}
	if err := dsa.GenerateKey(weak, rand.Reader); err != nil {
		t.Fatal(err)
	}
	for _, s := range []signer{root, middle, {weak, "DS256"}} {
		compact := s.sign(t, map[string]any{"iss": "a", "publicKey": s.jwk(t)})
		j, err := trust.ParseJWS(append(compact, '\n'))
		if err != nil {
			t.Fatalf("%s: %v", s.alg, err)
		}
		c, err := j.Claims()
		if err != nil || c.Issuer != "a" || c.Key == nil {
			t.Fatalf("%s: %+v, %v", s.alg, c, err)
		}
		if err := j.Verify(c.Key.Public); err != nil {
			t.Errorf("%s: %v", s.alg, err)
		}
		for _, other := range []signer{root, middle, {weak, "DS256"}} {
			if err := j.Verify(other.public()); (err == nil) != (other.alg == s.alg) {
				t.Errorf("%s with a key for %s: %v", s.alg, other.alg, err)
			}
		}
		parts := strings.Split(string(compact), ".")
		form := fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, parts[1], parts[0], parts[2])
		if j, err = trust.ParseJWS([]byte(form)); err != nil || j.Verify(s.public()) != nil {
			t.Errorf("%s as JSON: %v", s.alg, err)
		}
	}
	for _, bad := range []string{"", "a.b", "a.b.c", "{}", `{"signatures":[{}]}`, b64([]byte(`{"alg":"RS256","crit":["x"]}`)) + ".e30.e30", "e30.*.e30"} {
		if _, err := trust.ParseJWS([]byte(bad)); err != trust.ErrForm {
			t.Errorf("%q: %v", bad, err)
		}
	}
	j, err := trust.ParseJWS([]byte(b64([]byte(`{"alg":"none"}`)) + ".e30."))
	if err != nil || j.Verify(root.public()) != trust.ErrAlgorithm {
		t.Errorf("none: %v", err)
	}
}

func TestCovered(t *testing.T) {
	values := []identifier.Value{{Index: 1, Type: "URL", Data: []byte("a")}, {Index: 2, Type: "URL", Data: []byte("b")}}
	d, err := trust.DigestValues("SHA-512", values)
	if err != nil {
		t.Fatal(err)
	}
	if national, err := trust.DigestValues("SM3", values); err != nil || len(national.Values[0].Digest) != 44 || national.Values[0].Digest == d.Values[0].Digest {
		t.Errorf("SM3: %v, %v", national, err)
	}
	if _, err := trust.DigestValues("MD5", values); err != trust.ErrAlgorithm {
		t.Errorf("MD5: %v", err)
	}
	f := func(name string, want []uint32, values ...identifier.Value) {
		t.Helper()
		if got, err := d.Covered(values); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	f("both", []uint32{1, 2}, values...)
	f("one altered", []uint32{2}, identifier.Value{Index: 1, Type: "URL", Data: []byte("x")}, values[1])
	f("one not digested", []uint32{1}, values[0], identifier.Value{Index: 3, Type: "URL", Data: []byte("b")})
	f("an index twice", []uint32{2}, values[0], identifier.Value{Index: 1, Type: "URL", Data: []byte("x")}, values[1])
}

func TestKeyBounds(t *testing.T) {
	small, err := x509.ParsePKCS1PublicKey([]byte{0x30, 6, 2, 1, 33, 2, 1, 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"kty":"RSA","n":"` + b64(small.N.Bytes()) + `","e":"AQAB"}`, `{"kty":"RSA"}`, `{"kty":"EC"}`, `{"kty":"SM2","d":"AAAA"}`, `{"kty":"RSA","n":"*","e":"AQAB"}`, `[]`,
	} {
		if err := new(trust.Key).UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("took %s", text)
		}
	}
}

func FuzzJWS(f *testing.F) {
	f.Add([]byte(b64([]byte(`{"alg":"RS256"}`)) + "." + b64([]byte(`{"iss":"300:0.NA/88","perms":[{"handle":"0.NA/88","perm":"everything"}]}`)) + ".AA"))
	f.Add([]byte(`{"payload":"e30","signatures":[{"protected":"eyJhbGciOiJTTTIyNTYifQ","signature":"AA"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := trust.ParseJWS(data)
		if err != nil {
			return
		}
		if c, err := j.Claims(); err == nil && c.Key != nil {
			j.Verify(c.Key.Public)
		}
	})
}
