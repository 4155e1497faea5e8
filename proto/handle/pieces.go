package handle

const (
	MaxPacket = 512                      // longest datagram in octets, envelope included
	PieceSize = MaxPacket - EnvelopeSize // octets of a message in each of its pieces but the last
)

// Pieces is the number of datagrams that a message of n octets, without envelope, travels in.
func Pieces(n int) int {
	if n <= PieceSize {
		return 1
	}
	return (n + PieceSize - 1) / PieceSize
}

// AppendPiece appends datagram k of a message that has one envelope before it, as [Finish] makes it.
// All pieces of a message that needs several are marked truncated.
func AppendPiece(dst, message []byte, k int) []byte {
	e, body, err := ParseEnvelope(message)
	if err != nil {
		panic("handle: piece of a message without envelope")
	}
	if len(body) > PieceSize {
		e.Flags |= EnvelopeTruncated
	}
	e.Sequence = uint32(k)
	dst = AppendEnvelope(dst, e)
	return append(dst, body[k*PieceSize:min((k+1)*PieceSize, len(body))]...)
}

// Assembly puts a message together from its pieces, which may come in any order and repeatedly.
// The zero Assembly is empty. Start makes it ready for a message; its memory is used again.
type Assembly struct {
	first   Envelope
	buf     []byte
	seen    [(MaxMessage/PieceSize + 64) / 64]uint64
	missing int
}

// Start forgets what a holds and prepares for the message that e belongs to.
func (a *Assembly) Start(e Envelope) error {
	if e.Length > MaxMessage || e.Length < HeaderSize {
		return ErrTooLarge
	}
	n := int(e.Length)
	if cap(a.buf) < n {
		a.buf = make([]byte, n)
	}
	a.buf = a.buf[:n]
	a.seen = [len(a.seen)]uint64{}
	a.missing = Pieces(n)
	e.Sequence = 0
	a.first = e
	return nil
}

// Add takes in a piece: its envelope and what stood behind it. It reports whether the message is
// whole. A piece of another length, or that says otherwise than the first how long the message is,
// is refused.
func (a *Assembly) Add(e Envelope, payload []byte) (whole bool, err error) {
	if a.missing == 0 || e.Length != a.first.Length || e.RequestID != a.first.RequestID || int64(e.Sequence) >= int64(Pieces(len(a.buf))) {
		return false, ErrPiece
	}
	k := int(e.Sequence)
	room := a.buf[k*PieceSize : min((k+1)*PieceSize, len(a.buf))]
	if len(payload) != len(room) {
		return false, ErrPiece
	}
	if bit := uint64(1) << (k % 64); a.seen[k/64]&bit == 0 {
		a.seen[k/64] |= bit
		a.missing--
		copy(room, payload)
	}
	return a.missing == 0, nil
}

// Message returns the envelope and the octets of the whole message, good until the next Start.
func (a *Assembly) Message() (Envelope, []byte) { return a.first, a.buf }
