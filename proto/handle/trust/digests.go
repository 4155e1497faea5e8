package trust

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"

	"github.com/emmansun/gmsm/sm3"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// Digests are digests of a record's values.
type Digests struct {
	Algorithm string   `json:"alg"` // as Java names it: SHA-256, SHA-384, SHA-512 or SM3
	Values    []Digest `json:"digests"`
}

// Digest is the digest of one value, in base64.
type Digest struct {
	Index  uint32 `json:"index"`
	Digest string `json:"digest"`
}

// unsignedFront is what a digest leaves out of an encoded value: index and timestamp.
const unsignedFront = 4 + 4

// DigestValues computes the digests of values: of each in wire form without its index and timestamp.
func DigestValues(algorithm string, values []identifier.Value) (*Digests, error) {
	h := digestHash(algorithm)
	if h == nil {
		return nil, ErrAlgorithm
	}
	d := &Digests{Algorithm: algorithm, Values: make([]Digest, len(values))}
	var buf []byte
	for i := range values {
		buf = handle.AppendValue(buf[:0], &values[i])
		d.Values[i] = Digest{values[i].Index, digest(h, buf[unsignedFront:])}
	}
	return d, nil
}

// Covered returns the indexes of those values whose digests are in d and right. An index that stands
// in values twice is not covered.
func (d *Digests) Covered(values []identifier.Value) ([]uint32, error) {
	actual, err := DigestValues(d.Algorithm, values)
	if err != nil {
		return nil, err
	}
	claimed := make(map[uint32]string, len(d.Values))
	for _, v := range d.Values {
		claimed[v.Index] = v.Digest
	}
	times := make(map[uint32]int, len(values))
	for i := range values {
		times[values[i].Index]++
	}
	var covered []uint32
	for _, v := range actual.Values {
		if times[v.Index] == 1 && subtle.ConstantTimeCompare([]byte(claimed[v.Index]), []byte(v.Digest)) == 1 {
			covered = append(covered, v.Index)
		}
	}
	return covered, nil
}

// digest is the digest of an encoded value, in base64.
func digest(h hash.Hash, data []byte) string {
	h.Reset()
	h.Write(data)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// digestHash returns the hash of that name, nil if there is none.
func digestHash(algorithm string) hash.Hash {
	switch algorithm {
	case "SHA-256":
		return sha256.New()
	case "SHA-384":
		return sha512.New384()
	case "SHA-512":
		return sha512.New()
	case "SM3":
		return sm3.New()
	}
	return nil
}
