package handle

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
)

// Algorithms of request digests, as their first octet says.
const (
	DigestMD5    = 1
	DigestSHA1   = 2
	DigestSHA256 = 3
)

// AppendDigest appends the digest of a request's core as a response of version v carries it before
// its body: MD5 behind a length in 2.0, SHA-1 behind its number up to 2.6, SHA-256 from 2.7.
func AppendDigest(dst []byte, v Version, core []byte) []byte {
	switch {
	case v.Before(Version{2, 1}):
		sum := md5.Sum(core)
		return AppendBytes(dst, sum[:])
	case v.Before(Version{2, 7}):
		sum := sha1.Sum(core)
		return append(append(dst, DigestSHA1), sum[:]...)
	}
	sum := sha256.Sum256(core)
	return append(append(dst, DigestSHA256), sum[:]...)
}

// ParseDigest splits the digest, with its algorithm octet or length, from the front of the body of
// a response of version v. Compare it with what [AppendDigest] makes of the request.
func ParseDigest(src []byte, v Version) (digest, rest []byte, err error) {
	c := cursor{b: src}
	n := 0
	if v.Before(Version{2, 1}) {
		if c.int4() != md5.Size && c.err == nil {
			return nil, nil, ErrBody
		}
		n = 4 + md5.Size
	} else {
		switch c.int1() {
		case DigestMD5:
			n = 1 + md5.Size
		case DigestSHA1:
			n = 1 + sha1.Size
		case DigestSHA256:
			n = 1 + sha256.Size
		default:
			if c.err == nil {
				c.err = ErrBody
			}
		}
	}
	if c.err != nil {
		return nil, nil, c.err
	}
	if len(src) < n {
		return nil, nil, ErrShort
	}
	return src[:n:n], src[n:], nil
}

// DigestSum is a digest as [AppendDigest] and [ParseDigest] have it in version v, without the octet
// or the length in front: what the answer to a challenge covers.
func DigestSum(digest []byte, v Version) []byte {
	n := 1
	if v.Before(Version{2, 1}) {
		n = 4
	}
	return digest[min(n, len(digest)):]
}
