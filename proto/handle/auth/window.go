package auth

// windowSize is how many of the latest counters are remembered: more than the 200 of Handle.Net.
const windowSize = 256

// Window accepts each counter of a session's messages once (spec/handle-protocol.md section 7,
// step 5). Messages may come out of order and counters may be left out; those too far behind the
// highest one are taken for seen. The zero Window has seen nothing. It is not safe for concurrent
// use. Ask it only about messages whose MAC is right.
type Window struct {
	top  uint32                  // highest counter seen
	seen [windowSize / 64]uint64 // bit c modulo windowSize stands for counter c in top-windowSize+1..top
}

// Accept reports whether counter is new, and remembers it. Counters begin at 1; 0 is none.
func (w *Window) Accept(counter uint32) bool {
	switch {
	case counter == 0:
		return false
	case counter > w.top:
		if counter-w.top >= windowSize {
			w.seen = [len(w.seen)]uint64{}
		} else {
			for c := w.top + 1; c != counter; c++ {
				w.seen[c%windowSize/64] &^= 1 << (c % 64)
			}
		}
		w.top = counter
	case w.top-counter >= windowSize:
		return false
	case w.seen[counter%windowSize/64]&(1<<(counter%64)) != 0:
		return false
	}
	w.seen[counter%windowSize/64] |= 1 << (counter % 64)
	return true
}
