package auth_test

import (
	"bytes"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 the protocol has DSA keys
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

var keyNames = []string{"admin_rsa", "admin_dsa", "sm2"}

// equal reports whether two public keys are the same.
func equal(a, b crypto.PublicKey) bool {
	if d, ok := a.(*dsa.PublicKey); ok {
		e, ok := b.(*dsa.PublicKey)
		return ok && d.P.Cmp(e.P) == 0 && d.Q.Cmp(e.Q) == 0 && d.G.Cmp(e.G) == 0 && d.Y.Cmp(e.Y) == 0
	}
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func TestPublicKeys(t *testing.T) {
	for _, r := range handletest.Records(t) {
		for _, v := range r.Values {
			if v.Type != "HS_PUBKEY" {
				continue
			}
			key := publicKey(t, v.Data)
			again, err := auth.AppendPublicKey(nil, key)
			if err != nil || !equal(publicKey(t, again), key) {
				t.Errorf("%s %d: %v", r.ID, v.Index, err)
			}
		}
	}
	for _, name := range keyNames {
		_, want := keyPair(t, name)
		if got, err := auth.AppendPublicKey(nil, private(t, name).Public()); err != nil || want != nil && !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n got %x\nwant %x", name, err, got, want)
		}
	}
}

func TestPublicKeyForms(t *testing.T) {
	sm := private(t, "sm2").Public()
	text, err := auth.AppendPublicKey(nil, sm)
	if err != nil {
		t.Fatal(err)
	}
	k, err := handle.ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(k.Encoded)
	der := handle.AppendPublicKey(nil, handle.PublicKey{Algorithm: handle.KeySM2, Encoded: block.Bytes})
	for name, data := range map[string][]byte{"PEM in its form": text, "DER in its form": der, "PEM": k.Encoded} {
		if got, err := auth.ParsePublicKey(data); err != nil || !equal(got, sm) {
			t.Errorf("SM2 as %s: %v", name, err)
		}
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.PublicKey{private(t, "admin_rsa").Public(), &ec.PublicKey, ed} {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		data := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		if got, err := auth.ParsePublicKey(data); err != nil || !equal(got, key) {
			t.Errorf("%T as PEM: %v", key, err)
		}
	}
	if err := auth.VerifyKeyAnswer(ed, identifier.Ref{}, nil, nil, handle.AppendBytes(handle.AppendBytes(nil, "SHA-256"), "x")); err != auth.ErrKey {
		t.Errorf("an Ed25519 key: %v", err)
	}
	if err := auth.VerifySecretAnswer(nil, nil, nil, make([]byte, 16)); err != auth.ErrKey {
		t.Errorf("an empty secret: %v", err)
	}
}

func TestPublicKeyBounds(t *testing.T) {
	number := func(bits int) []byte {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		return n.SetBit(n, 0, 1).Bytes()
	}
	e := []byte{1, 0, 1}
	p, q := number(1024), number(160)
	f := func(name string, k handle.PublicKey, good bool) {
		t.Helper()
		if _, err := auth.ParsePublicKey(handle.AppendPublicKey(nil, k)); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := func(n, e []byte) handle.PublicKey { return handle.PublicKey{Algorithm: handle.KeyRSA, N: n, E: e} }
	f("RSA 1024", r(number(1024), e), true)
	f("RSA 8192", r(number(8192), e), true)
	f("RSA 1023", r(number(1023), e), false)
	f("RSA 8193", r(number(8193), e), false)
	f("RSA exponent 1", r(number(2048), []byte{1}), false)
	f("RSA even exponent", r(number(2048), []byte{4}), false)
	f("RSA exponent of 33 bits", r(number(2048), []byte{1, 0, 0, 0, 1}), false)
	f("RSA even", r(new(big.Int).Lsh(big.NewInt(1), 2047).Bytes(), e), false)
	d := func(p, q, g, y []byte) handle.PublicKey {
		return handle.PublicKey{Algorithm: handle.KeyDSA, P: p, Q: q, G: g, Y: y}
	}
	f("DSA", d(p, q, []byte{3}, []byte{5}), true)
	f("DSA 3072", d(number(3072), number(256), []byte{3}, []byte{5}), true)
	f("DSA 1016", d(number(1016), q, []byte{3}, []byte{5}), false)
	f("DSA 3080", d(number(3080), q, []byte{3}, []byte{5}), false)
	f("DSA order of 152 bits", d(p, number(152), []byte{3}, []byte{5}), false)
	f("DSA order of 161 bits", d(p, number(161), []byte{3}, []byte{5}), false)
	f("DSA generator 1", d(p, q, []byte{1}, []byte{5}), false)
	f("DSA key 0", d(p, q, []byte{3}, nil), false)
	f("DSA key beyond p", d(p, q, []byte{3}, number(1025)), false)
	f("DH", handle.PublicKey{Algorithm: handle.KeyDH, P: p, G: []byte{2}, Y: []byte{5}}, false)
	f("SM2 without a key", handle.PublicKey{Algorithm: handle.KeySM2}, false)
}

func TestPrivateKeys(t *testing.T) {
	for _, name := range keyNames {
		key := private(t, name)
		plain, err := auth.AppendPrivateKey(nil, key, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := auth.ParsePrivateKey(plain, []byte("not asked for"))
		if err != nil || !equal(got.Public(), key.Public()) || auth.NeedsPassphrase(plain) {
			t.Errorf("%s: %v", name, err)
		}
		sealed, err := auth.AppendPrivateKey(nil, key, []byte("p\xc3\xa4ss"))
		if name == "sm2" {
			if err != auth.ErrKey {
				t.Errorf("%s under a passphrase: %v", name, err)
			}
			continue
		}
		if err != nil || !auth.NeedsPassphrase(sealed) || bytes.Contains(sealed, plain[len(plain)-64:]) {
			t.Fatalf("%s, sealed: %v", name, err)
		}
		if got, err := auth.ParsePrivateKey(sealed, []byte("p\xc3\xa4ss")); err != nil || !equal(got.Public(), key.Public()) {
			t.Errorf("%s, opened: %v", name, err)
		}
		if _, err := auth.ParsePrivateKey(sealed, []byte("wrong")); err != auth.ErrPassphrase {
			t.Errorf("%s, wrong passphrase: %v", name, err)
		}
		binary.BigEndian.PutUint32(sealed[4+4+16:], 1<<30) // iterations
		if _, err := auth.ParsePrivateKey(sealed, nil); err != auth.ErrKey {
			t.Errorf("%s, absurd iterations: %v", name, err)
		}
	}
	pkcs8, _ := keyPair(t, "admin_rsa")
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey))})
	if got, err := auth.ParsePrivateKey(pkcs1, nil); err != nil || !equal(got.Public(), private(t, "admin_rsa").Public()) {
		t.Errorf("PKCS#1: %v", err)
	}
	if _, err := auth.NewPrivateKey(ed25519.PrivateKey{}); err != auth.ErrKey {
		t.Errorf("Ed25519: %v", err)
	}
	if none := (auth.PrivateKey{}); !none.IsZero() || none.Public() != nil {
		t.Error("no key is a key")
	}
}

func TestAnswerWithKey(t *testing.T) {
	id := identifier.Ref{Handle: "88.990/admin", Index: 300}
	nonce, digest := []byte("0123456789abcdef"), make([]byte, 32)
	names := map[string][3]string{ // in 2.4, 2.10 and 2.11
		"admin_rsa": {"SHA1", "SHA-256", "SHA-256"},
		"admin_dsa": {"SHA1", "SHA1", "SHA-256"},
		"sm2":       {"SM3", "SM3", "SM3"},
	}
	for _, name := range keyNames {
		key := private(t, name)
		for i, minor := range []uint8{4, 10, 11} {
			answer, err := auth.AnswerWithKey(key, handle.Version{Major: 2, Minor: minor}, id, nonce, digest)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if want := handle.AppendBytes(nil, names[name][i]); !bytes.HasPrefix(answer, want) {
				t.Errorf("%s in 2.%d: %x", name, minor, answer[:12])
			}
			if err := auth.VerifyKeyAnswer(key.Public(), id, nonce, digest, answer); err != nil {
				t.Errorf("%s in 2.%d: %v", name, minor, err)
			}
			for _, other := range keyNames {
				err := auth.VerifyKeyAnswer(private(t, other).Public(), id, nonce, digest, answer)
				if (err == nil) != (other == name) {
					t.Errorf("%s checked with %s: %v", name, other, err)
				}
			}
			if auth.VerifyKeyAnswer(key.Public(), id, digest[:16], digest, answer) == nil {
				t.Errorf("%s: another nonce", name)
			}
		}
	}
	key := private(t, "sm2")
	answer, err := auth.AnswerWithKey(key, handle.Latest, id, nonce, digest)
	if err != nil {
		t.Fatal(err)
	}
	if auth.VerifyKeyAnswer(key.Public(), identifier.Ref{Handle: "88.990/other", Index: 300}, nonce, digest, answer) == nil {
		t.Error("SM2: another identity")
	}
	if _, err := auth.AnswerWithKey(key, handle.Latest, identifier.Ref{}, nonce, digest); err != auth.ErrKey {
		t.Errorf("SM2 without identity: %v", err)
	}
	if _, err := auth.AppendSignature(nil, key, handle.Envelope{Version: handle.Latest}, 0, digest); err != auth.ErrKey {
		t.Errorf("message signed with SM2: %v", err)
	}
	if _, err := auth.AnswerWithKey(auth.PrivateKey{}, handle.Latest, id, nonce, digest); err != auth.ErrKey {
		t.Errorf("no key: %v", err)
	}
}

func TestAnswerWithSecret(t *testing.T) {
	secret := []byte("gr\xfcn") // an octet beyond ASCII: two in PBKDF2
	nonce, digest := []byte("0123456789abcdef"), make([]byte, 32)
	for minor, first := range map[uint8]int{0: -1, 1: 2, 6: 2, 7: 0x22, 11: 0x22} {
		answer, err := auth.AnswerWithSecret(secret, handle.Version{Major: 2, Minor: minor}, nonce, digest)
		if err != nil {
			t.Fatal(err)
		}
		if first < 0 && len(answer) != md5.Size || first >= 0 && int(answer[0]) != first {
			t.Errorf("2.%d: %x", minor, answer)
		}
		if err := auth.VerifySecretAnswer(secret, nonce, digest, answer); err != nil {
			t.Errorf("2.%d: %v", minor, err)
		}
		if err := auth.VerifySecretAnswer([]byte("gr\xc3\xbcn"), nonce, digest, answer); err != auth.ErrAnswer {
			t.Errorf("2.%d, other secret: %v", minor, err)
		}
		answer[len(answer)-1] ^= 1
		if err := auth.VerifySecretAnswer(secret, nonce, digest, answer); err != auth.ErrAnswer {
			t.Errorf("2.%d, altered: %v", minor, err)
		}
	}
	sum := sha256.Sum256(bytes.Join([][]byte{secret, nonce, digest, secret}, nil))
	if err := auth.VerifySecretAnswer(secret, nonce, digest, append([]byte{3}, sum[:]...)); err != nil {
		t.Errorf("SHA-256: %v", err)
	}
	pbkdf2 := func(iterations, bits uint32) []byte {
		b := handle.AppendBytes([]byte{0x22}, "salt")
		b = binary.BigEndian.AppendUint32(b, iterations)
		b = binary.BigEndian.AppendUint32(b, bits)
		return handle.AppendBytes(b, make([]byte, 20))
	}
	for name, answer := range map[string][]byte{
		"nothing": nil, "unknown form": append([]byte{9}, sum[:]...), "form alone": {3}, "PBKDF2 cut": {0x22, 0, 0},
		"no iterations": pbkdf2(0, 160), "many iterations": pbkdf2(1<<31, 160),
		"no key": pbkdf2(10, 0), "huge key": pbkdf2(10, 1<<31), "odd key": pbkdf2(10, 161),
	} {
		if err := auth.VerifySecretAnswer(secret, nonce, digest, answer); err != auth.ErrAnswer {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDH(t *testing.T) {
	client, err := auth.NewDH(nil)
	if err != nil {
		t.Fatal(err)
	}
	group, err := handle.ParsePublicKey(client.AppendPublic(nil))
	if err != nil {
		t.Fatal(err)
	}
	if p := new(big.Int).SetBytes(group.P); p.BitLen() != 2048 || !p.ProbablyPrime(0) || !new(big.Int).Rsh(p, 1).ProbablyPrime(0) {
		t.Errorf("%d bits, or no safe prime", p.BitLen())
	}
	public, want, err := auth.Agree(client.AppendPublic(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Agree(public)
	if err != nil || got != want {
		t.Errorf("client %x, server %x: %v", got, want, err)
	}
	p := new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 1023), 0, 1)
	f := func(name string, p *big.Int, g, y int64, good bool) {
		t.Helper()
		b := func(n *big.Int) []byte { return n.Bytes() }
		key := handle.AppendPublicKey(nil, handle.PublicKey{Algorithm: handle.KeyDH, P: b(p), G: b(big.NewInt(g)), Y: b(big.NewInt(y))})
		if _, _, err := auth.Agree(key, nil); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := client.Agree(key); err != auth.ErrGroup {
			t.Errorf("%s, taken by a client of another group: %v", name, err)
		}
	}
	shift := func(n uint) *big.Int { return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), n), big.NewInt(1)) }
	f("fine", p, 2, 5, true)
	f("512 bits", shift(511), 2, 5, true)
	f("4096 bits", shift(4095), 2, 5, true)
	f("511 bits", shift(510), 2, 5, false)
	f("4097 bits", shift(4096), 2, 5, false)
	f("even", new(big.Int).Add(p, big.NewInt(1)), 2, 5, false)
	f("key 0", p, 2, 0, false)
	f("key 1", p, 2, 1, false)
	f("generator 1", p, 1, 5, false)
	edge := func(key []byte) error { _, _, err := auth.Agree(key, nil); return err }
	last := handle.PublicKey{Algorithm: handle.KeyDH, P: p.Bytes(), G: []byte{2}, Y: new(big.Int).Sub(p, big.NewInt(1)).Bytes()}
	if err := edge(handle.AppendPublicKey(nil, last)); err != auth.ErrGroup {
		t.Errorf("key p-1: %v", err)
	}
	if _, rsaKey := keyPair(t, "server"); edge(rsaKey) != auth.ErrGroup {
		t.Error("took an RSA key")
	}
	if _, err := auth.NewDH(bytes.NewReader(make([]byte, 32))); err != auth.ErrGroup {
		t.Errorf("exponent 0: %v", err)
	}
}

func TestSeal(t *testing.T) {
	s := auth.Session{ID: 1, Key: [32]byte{1, 2, 3}}
	for n := range 50 {
		plain := bytes.Repeat([]byte{7}, n)
		sealed := s.Seal([]byte("front"), plain)
		if !bytes.HasPrefix(sealed, []byte("front")) {
			t.Fatalf("%d: %x", n, sealed)
		}
		sealed = sealed[5:]
		if got, err := s.Open([]byte("front"), sealed); err != nil || string(got) != "front"+string(plain) {
			t.Errorf("%d: %x, %v", n, got, err)
		}
		if bytes.Equal(s.Seal(nil, plain), sealed) {
			t.Errorf("%d: the same twice", n)
		}
		for _, bad := range [][]byte{nil, sealed[:16], sealed[:len(sealed)-1]} {
			if _, err := s.Open(nil, bad); err != auth.ErrSealed {
				t.Errorf("%d, cut to %d: %v", n, len(bad), err)
			}
		}
	}
	wrong := s.Seal(nil, make([]byte, 15))
	wrong[15] ^= 1 // turns the padding 01 into 00
	if _, err := s.Open(nil, wrong); err != auth.ErrSealed {
		t.Errorf("padding 0: %v", err)
	}
}

func TestMACVersions(t *testing.T) {
	s := auth.Session{ID: 5, Key: [32]byte{9}}
	for minor := range uint8(12) {
		e := handle.Envelope{Version: handle.Version{Major: 2, Minor: minor}, Suggested: handle.Latest, RequestID: 8}
		octets, err := s.Finish(append(handle.Begin(nil), "body"...), 0, e, handle.Header{Opcode: 100}, 3)
		if minor == 5 || minor == 6 {
			if err != auth.ErrVersion {
				t.Errorf("2.%d: %v", minor, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("2.%d: %v", minor, err)
		}
		e, m := open(t, octets)
		if counter, err := s.VerifyMAC(e, m); err != nil || counter != 3 || e.SessionID != 5 {
			t.Errorf("2.%d: %d, %v", minor, counter, err)
		}
		other := auth.Session{ID: 5}
		if _, err := other.VerifyMAC(e, m); err != auth.ErrMAC {
			t.Errorf("2.%d, other key: %v", minor, err)
		}
	}
}

func TestWindow(t *testing.T) {
	var w auth.Window
	f := func(counter uint32, want bool) {
		t.Helper()
		if got := w.Accept(counter); got != want {
			t.Errorf("Accept(%d) = %v", counter, got)
		}
	}
	f(0, false)
	f(1, true)
	f(1, false)
	f(5, true) // a gap
	f(3, true) // out of order
	f(3, false)
	f(200, true)
	f(2, true)
	f(256, true)
	f(1, false)
	f(257, true) // 1 has left the window
	f(1, false)
	f(4, true)
	f(600, true)  // everything before has left it
	f(257, false) // too old
	f(345, true)
	f(344, false) // outside by one
	f(345, false)
	f(601, true)
	f(1<<32-1, true)
	f(1<<32-1, false)
	f(1<<32-256, true)
	f(1<<32-257, false)
	f(602, false)
	w = auth.Window{}
	for c := uint32(1); c < 5000; c++ {
		f(c, true)
		f(c, false)
	}
}

func TestSM2KeyInSEC1(t *testing.T) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := auth.NewPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := auth.AppendPrivateKey(nil, k, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := auth.ParsePrivateKey(text, nil); err != nil || !equal(got.Public(), &key.PublicKey) {
		t.Errorf("%v", err)
	}
}

func FuzzKeys(f *testing.F) {
	for _, r := range handletest.Records(f) {
		for _, v := range r.Values {
			if v.Type == "HS_PUBKEY" {
				f.Add(v.Data)
			}
		}
	}
	for _, name := range keyNames {
		der, _ := keyPair(f, name)
		f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := auth.ParsePublicKey(data); err == nil {
			if again, err := auth.AppendPublicKey(nil, key); err == nil && !equal(publicKey(t, again), key) {
				t.Errorf("%x became %x", data, again)
			}
		}
		if key, err := auth.ParsePrivateKey(data, nil); err == nil {
			again, err := auth.AppendPrivateKey(nil, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			if k, err := auth.ParsePrivateKey(again, nil); err != nil || !equal(k.Public(), key.Public()) {
				t.Errorf("private key became another: %v", err)
			}
		}
	})
}

// FuzzNetwork feeds junk to what reads octets of strangers.
func FuzzNetwork(f *testing.F) {
	for _, v := range handletest.Vectors(f) {
		if _, rest, err := handle.ParseEnvelope(v.Request()); err == nil {
			if m, err := handle.ParseMessage(rest); err == nil {
				if a, err := handle.ParseChallengeAnswer(m.Body); err == nil {
					f.Add(a.Answer)
				}
				if s, err := handle.ParseSessionSetup(m.Body); err == nil {
					f.Add(s.PublicKey)
				}
			}
		}
	}
	var keys []crypto.PublicKey
	for _, name := range keyNames {
		keys = append(keys, private(f, name).Public())
	}
	id := identifier.Ref{Handle: "88.990/admin", Index: 300}
	f.Fuzz(func(t *testing.T, data []byte) {
		nonce := []byte("a nonce of the moment")
		for _, key := range keys {
			if auth.VerifyKeyAnswer(key, id, nonce, nil, data) == nil {
				t.Errorf("%T answered by junk", key)
			}
		}
		if auth.VerifySecretAnswer([]byte(secret), nonce, nil, data) == nil {
			t.Error("the secret answered by junk")
		}
		if public, _, err := auth.Agree(data, nil); err == nil && len(public) == 0 {
			t.Error("an agreement without a key")
		}
		s := auth.Session{ID: 1}
		if plain, err := s.Open(nil, data); err == nil && len(plain) >= len(data)-16 {
			t.Errorf("%d octets of %d", len(plain), len(data))
		}
	})
}
