package handle

import (
	"encoding/binary"

	"github.com/idnode/idnode/proto/identifier"
)

// ResolveRequest is the body of a resolve request. Handle and Types are views.
type ResolveRequest struct {
	Handle  []byte
	Indexes []uint32
	Types   [][]byte
}

// AppendResolveRequest appends the body of a resolve request.
func AppendResolveRequest(dst []byte, handle string, indexes []uint32, types []string) []byte {
	dst = AppendBytes(dst, handle)
	dst = appendInt4(dst, uint32(len(indexes)))
	for _, i := range indexes {
		dst = appendInt4(dst, i)
	}
	dst = appendInt4(dst, uint32(len(types)))
	for _, t := range types {
		dst = AppendBytes(dst, t)
	}
	return dst
}

// ParseResolveRequest reads the body of a resolve request into r, whose slices it uses again.
// Octets behind the lists are ignored: some clients add a string there.
func ParseResolveRequest(src []byte, r *ResolveRequest) error {
	c := cursor{b: src}
	r.Handle = c.bytes()
	r.Indexes, r.Types = r.Indexes[:0], r.Types[:0]
	for range c.count(4) {
		r.Indexes = append(r.Indexes, c.int4())
	}
	for range c.count(4) {
		r.Types = append(r.Types, c.bytes())
		if c.err != nil {
			break
		}
	}
	return c.err
}

// AppendHandleRequest appends the body of a request that has nothing but a handle: get site info,
// delete, home, unhome and the lists.
func AppendHandleRequest(dst []byte, handle string) []byte { return AppendBytes(dst, handle) }

// ParseHandleRequest reads the body of a request that has nothing but a handle: a view.
func ParseHandleRequest(src []byte) (handle []byte, err error) {
	c := cursor{b: src}
	handle = c.bytes()
	return handle, c.err
}

// AppendResolveResponse appends the body of a successful resolve response with all of values.
func AppendResolveResponse(dst []byte, handle string, values []identifier.Value) []byte {
	dst, count := BeginValues(dst, handle)
	for i := range values {
		dst = AppendValue(dst, &values[i])
	}
	return FinishValues(dst, count, len(values))
}

// BeginValues appends a handle and room for the number of values, which is at dst[count]. Append
// the values, then call [FinishValues].
func BeginValues[T ~string | ~[]byte](dst []byte, handle T) (_ []byte, count int) {
	dst = AppendBytes(dst, handle)
	return appendInt4(dst, 0), len(dst)
}

// FinishValues writes the number of values into its room.
func FinishValues(dst []byte, count, n int) []byte {
	binary.BigEndian.PutUint32(dst[count:], uint32(n))
	return dst
}

// ParseResolveResponse reads the body of a successful resolve response, behind the digest if it
// has one. Handle and the values' Data are views.
func ParseResolveResponse(src []byte) (handle []byte, values []identifier.Value, err error) {
	c := cursor{b: src}
	handle = c.bytes()
	values = c.values(nil)
	if c.err != nil {
		return nil, nil, c.err
	}
	return handle, values, nil
}

// ParseReferral reads the body of a referral, behind the digest if it has one: the handle of a
// service, which may be empty, and values of types HS_SITE.PREFIX, HS_SITE and the like. The list
// may be absent when the handle is not empty.
func ParseReferral(src []byte) (handle []byte, values []identifier.Value, err error) {
	c := cursor{b: src}
	handle = c.bytes()
	if len(c.b) > 0 || len(handle) == 0 {
		values = c.values(nil)
	}
	if c.err != nil {
		return nil, nil, c.err
	}
	return handle, values, nil
}

// AppendError appends the body of an error: a text for people, often empty.
func AppendError(dst []byte, text string) []byte { return AppendBytes(dst, text) }

// ParseError reads the body of an error, behind the digest if it has one. An empty body is an
// empty text; octets behind the text, a list of indexes in DO-IRP, are ignored.
func ParseError(src []byte) (text []byte, err error) {
	if len(src) == 0 {
		return nil, nil
	}
	c := cursor{b: src}
	text = c.bytes()
	return text, c.err
}

// AppendChallenge appends the body of a challenge in version v: the digest of the request's core
// and a nonce of 16 octets.
func AppendChallenge(dst []byte, v Version, core, nonce []byte) []byte {
	if v.Before(Version{2, 1}) {
		return AppendDigest(AppendBytes(dst, nonce), v, core)
	}
	return AppendBytes(AppendDigest(dst, v, core), nonce)
}

// ParseChallenge reads the body of a challenge of version v: the digest as [ParseDigest] returns
// it, and the nonce.
func ParseChallenge(src []byte, v Version) (digest, nonce []byte, err error) {
	if v.Before(Version{2, 1}) {
		c := cursor{b: src}
		if nonce = c.bytes(); c.err != nil {
			return nil, nil, c.err
		}
		digest, _, err = ParseDigest(c.b, v)
		return digest, nonce, err
	}
	digest, rest, err := ParseDigest(src, v)
	if err != nil {
		return nil, nil, err
	}
	c := cursor{b: rest}
	nonce = c.bytes()
	return digest, nonce, c.err
}
