package auth

import "encoding/binary"

// fields reads the primitives of the protocol (spec/handle-protocol.md section 2) from the front of
// b. Lengths are held against what is left; bad sticks, and what is read after it is empty.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) int4() uint32 {
	if f.bad || len(f.b) < 4 {
		f.bad = true
		return 0
	}
	v := binary.BigEndian.Uint32(f.b)
	f.b = f.b[4:]
	return v
}

// bytes reads a length and so many octets: a view.
func (f *fields) bytes() []byte {
	n := f.int4()
	if f.bad || uint64(n) > uint64(len(f.b)) {
		f.bad = true
		return nil
	}
	v := f.b[:n:n]
	f.b = f.b[n:]
	return v
}
