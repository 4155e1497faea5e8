package handle

import "github.com/idnode/idnode/proto/identifier"

// AppendValuesRequest appends the body of a create, add or modify request: a handle and a list of
// values, laid out as the body of a resolve response (spec/handle-protocol.md section 5).
func AppendValuesRequest(dst []byte, handle string, values []identifier.Value) []byte {
	return AppendResolveResponse(dst, handle, values)
}

// ParseValuesRequest reads the body of a create, add or modify request. Handle and the values' Data
// are views; indexes and permissions are not judged.
func ParseValuesRequest(src []byte) (handle []byte, values []identifier.Value, err error) {
	return ParseResolveResponse(src)
}

// AppendIndexesRequest appends the body of a remove request: a handle and the indexes of the values
// to remove (spec/handle-protocol.md section 5).
func AppendIndexesRequest(dst []byte, handle string, indexes []uint32) []byte {
	dst = AppendBytes(dst, handle)
	dst = appendInt4(dst, uint32(len(indexes)))
	for _, i := range indexes {
		dst = appendInt4(dst, i)
	}
	return dst
}

// ParseIndexesRequest reads the body of a remove request. Handle is a view.
func ParseIndexesRequest(src []byte) (handle []byte, indexes []uint32, err error) {
	c := cursor{b: src}
	handle = c.bytes()
	if n := c.count(4); n > 0 {
		indexes = make([]uint32, n)
		for i := range indexes {
			indexes[i] = c.int4()
		}
	}
	if c.err != nil {
		return nil, nil, c.err
	}
	return handle, indexes, nil
}

// AppendHandles appends the body of one message of a list response: by custom at most 50 handles,
// with [FlagContinues] set in all messages but the last (spec/handle-protocol.md section 5).
func AppendHandles[T ~string | ~[]byte](dst []byte, handles []T) []byte {
	dst = appendInt4(dst, uint32(len(handles)))
	for _, h := range handles {
		dst = AppendBytes(dst, h)
	}
	return dst
}

// ParseHandles reads the body of one message of a list response, behind the digest if it has one.
// The handles are views.
func ParseHandles(src []byte) (handles [][]byte, err error) {
	c := cursor{b: src}
	if n := c.count(4); n > 0 {
		handles = make([][]byte, 0, n)
		for range n {
			handles = append(handles, c.bytes())
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	return handles, nil
}
