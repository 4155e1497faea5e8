package grpcserver

import "google.golang.org/grpc/mem"

// pieceSize is the octets of the pieces in which a long message is made. The transport's pool has
// them, and they stay in a core's cache until they are copied into frames.
const pieceSize = 32 << 10

// writer makes a message of known length in pooled pieces.
type writer struct {
	left   int // octets of the message that are still to be written
	pieces mem.BufferSlice
	piece  *[]byte // the last piece, full up to n
	n      int
}

// write writes octets, of which there are not more in all than w.left was at the beginning.
func (w *writer) write(octets []byte) {
	for len(octets) > 0 {
		if w.piece == nil {
			w.piece, w.n = mem.DefaultBufferPool().Get(min(w.left, pieceSize)), 0
			if w.pieces == nil {
				w.pieces = make(mem.BufferSlice, 0, (w.left+pieceSize-1)/pieceSize)
			}
		}
		n := copy((*w.piece)[w.n:], octets)
		octets = octets[n:]
		w.left -= n
		if w.n += n; w.n == len(*w.piece) {
			w.pieces = append(w.pieces, mem.NewBuffer(w.piece, mem.DefaultBufferPool()))
			w.piece = nil
		}
	}
}
