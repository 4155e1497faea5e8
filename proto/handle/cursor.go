package handle

import "encoding/binary"

// cursor reads fields from the front of b. The first error sticks; later reads return zeros.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) take(n int) []byte {
	if c.err != nil {
		return nil
	}
	if len(c.b) < n {
		c.err = ErrShort
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) int1() uint8 {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) int2() uint16 {
	if p := c.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (c *cursor) int4() uint32 {
	if p := c.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

// bytes reads a length and so many octets: a view.
func (c *cursor) bytes() []byte {
	n := c.int4()
	if c.err == nil && uint64(n) > uint64(len(c.b)) {
		c.err = ErrLength
	}
	if c.err != nil {
		return nil
	}
	return c.take(int(n))
}

// count reads the number of elements that take at least size octets each. A count beyond what is
// left, negative ones among them, is an error before anything is allocated for it.
func (c *cursor) count(size int) int {
	n := c.int4()
	if c.err == nil && uint64(n)*uint64(size) > uint64(len(c.b)) {
		c.err = ErrCount
	}
	if c.err != nil {
		return 0
	}
	return int(n)
}

func appendInt2(dst []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(dst, v) }
func appendInt4(dst []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(dst, v) }

// AppendBytes appends the length of b and b.
func AppendBytes[T ~string | ~[]byte](dst []byte, b T) []byte {
	return append(appendInt4(dst, uint32(len(b))), b...)
}
