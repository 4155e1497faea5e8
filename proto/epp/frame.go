package epp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// frameHeader is the length that begins a frame (RFC 5734, section 4): four octets, big endian, itself included.
const frameHeader = 4

// ErrFrame says that what a peer sends is no frame: its length is impossible, or beyond the limit. The connection is of no
// use any more.
var ErrFrame = errors.New("bad frame")

// AppendFrame appends a message as a frame to dst.
func AppendFrame(dst, message []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(frameHeader+len(message)))
	return append(dst, message...)
}

// ReadFrame reads a frame and returns the message in it, which has at most limit octets. The errors are those of r; io.EOF
// means that it ended between two frames. Memory is taken as the octets arrive.
func ReadFrame(r io.Reader, limit int) ([]byte, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[:])) - frameHeader
	if n <= 0 || n > int64(limit) {
		return nil, fmt.Errorf("%w: a message of %d octets; %d is the most", ErrFrame, n, limit)
	}
	const first = 4 << 10
	buf := make([]byte, 0, min(n, first))
	for int64(len(buf)) < n {
		if len(buf) == cap(buf) { // what has come is worth as much again
			grown := make([]byte, len(buf), min(n, 2*int64(cap(buf))))
			copy(grown, buf)
			buf = grown
		}
		free := buf[len(buf):cap(buf)]
		m, err := r.Read(free)
		buf = buf[:len(buf)+m]
		if err != nil && int64(len(buf)) < n {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return buf, nil
}
