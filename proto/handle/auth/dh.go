package auth

import (
	"crypto/rand"
	"io"
	"math/big"

	"github.com/idnode/idnode/proto/handle"
)

// Bounds of the groups that a client may choose (spec/handle-protocol.md section 7, step 2):
// beyond them exponentiation would be an attack.
const (
	minGroup = 512
	maxGroup = 4096

	// Octets of an exponent: twice the strength of the AES key that comes of it. Its size, not that
	// of the modulus, is what exponentiation costs.
	exponentSize = 32
)

// DH is one side's key in a Diffie-Hellman exchange. It is good for one session.
type DH struct {
	p, g, x, y *big.Int
}

// NewDH draws a client's key in the 2048-bit group of RFC 3526, section 3. A nil random is the
// system's.
func NewDH(random io.Reader) (*DH, error) { return newDH(modp2048, two, random) }

func newDH(p, g *big.Int, random io.Reader) (*DH, error) {
	if random == nil {
		random = rand.Reader
	}
	buf := make([]byte, exponentSize)
	if _, err := io.ReadFull(random, buf); err != nil {
		return nil, err
	}
	x := number(buf)
	y := new(big.Int).Exp(g, x, p)
	if !between2AndEnd(y, p) { // of an exponent 0, or an element of tiny order
		return nil, ErrGroup
	}
	return &DH{p, g, x, y}, nil
}

// AppendPublic appends the public key as HS_PUBKEY data: what session set-up carries.
func (d *DH) AppendPublic(dst []byte) []byte {
	return handle.AppendPublicKey(dst, handle.PublicKey{Algorithm: handle.KeyDH, Y: d.y.Bytes(), P: d.p.Bytes(), G: d.g.Bytes()})
}

// Agree computes the session's key from the other side's public key, which must be in the same
// group. Both sides get the same key.
func (d *DH) Agree(public []byte) (key [32]byte, err error) {
	k, err := parseDH(public)
	if err != nil {
		return key, err
	}
	if k.p.Cmp(d.p) != 0 || k.g.Cmp(d.g) != 0 {
		return key, ErrGroup
	}
	z := new(big.Int).Exp(k.y, d.x, d.p).FillBytes(make([]byte, (d.p.BitLen()+7)/8))
	for len(z) > len(key) && z[0] == 0 {
		z = z[1:]
	}
	copy(key[:], z)
	return key, nil
}

// Agree is a server's side of session set-up (spec/handle-protocol.md section 7, steps 2 and 3): it
// draws a key in the client's group and returns its public half, as HS_PUBKEY data, and the
// session's key. A group or key that is out of bounds is [ErrGroup]. A nil random is the system's.
func Agree(clientPublic []byte, random io.Reader) (serverPublic []byte, key [32]byte, err error) {
	client, err := parseDH(clientPublic)
	if err != nil {
		return nil, key, err
	}
	d, err := newDH(client.p, client.g, random)
	if err != nil {
		return nil, key, err
	}
	if key, err = d.Agree(clientPublic); err != nil {
		return nil, key, err
	}
	return d.AppendPublic(nil), key, nil
}

// parseDH reads the other side's public key and checks that its group is sane.
func parseDH(public []byte) (DH, error) {
	k, err := handle.ParsePublicKey(public)
	if err != nil || k.Algorithm != handle.KeyDH || len(public) > maxKeyData {
		return DH{}, ErrGroup
	}
	d := DH{p: number(k.P), g: number(k.G), y: number(k.Y)}
	if n := d.p.BitLen(); n < minGroup || n > maxGroup || d.p.Bit(0) == 0 || !between2AndEnd(d.g, d.p) || !between2AndEnd(d.y, d.p) {
		return DH{}, ErrGroup
	}
	return d, nil
}

// modp2048 is the modulus of group 14.
var modp2048, _ = new(big.Int).SetString(""+
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"+
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"+
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"+
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"+
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"+
	"15728E5A8AACAA68FFFFFFFFFFFFFFFF", 16)
