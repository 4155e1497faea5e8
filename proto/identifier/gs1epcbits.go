package identifier

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// bitReader cuts a bit string into fields, the most significant bit of each octet first.
type bitReader struct {
	octets []byte
	at     int  // bits read
	end    int  // bits there are
	short  bool // more were asked for
}

// take reads n bits, at most 64; those that are missing count as 0.
func (r *bitReader) take(n int) uint64 {
	if n > r.left() {
		r.at, r.short = r.end, true
		return 0
	}
	var v uint64
	for range n {
		v = v<<1 | uint64(r.octets[r.at>>3]>>(7-r.at&7)&1)
		r.at++
	}
	return v
}

func (r *bitReader) left() int { return r.end - r.at }

// onlyZeros reads the rest and reports whether it is padding.
func (r *bitReader) onlyZeros() bool {
	for r.left() > 0 {
		if r.take(min(r.left(), 64)) != 0 {
			return false
		}
	}
	return true
}

// decimal reads a number of n bits and writes it in that many digits, or reports that it has more.
func (r *bitReader) decimal(n, digits int) (string, bool) {
	var text string
	if n <= 64 {
		text = strconv.FormatUint(r.take(n), 10)
	} else {
		v := new(big.Int)
		for n > 0 {
			step := min(n, 32)
			v.Lsh(v, uint(step))
			v.Or(v, new(big.Int).SetUint64(r.take(step)))
			n -= step
		}
		text = v.String()
	}
	if digits == 0 && text == "0" {
		return "", true
	}
	if len(text) > digits {
		return "", false
	}
	return strings.Repeat("0", digits-len(text)) + text, true
}

// bitsOfDigits is how many bits the standards give to a number of so many digits (EPC Tag Data
// Standard, section 14.5.6.1; GS1 Digital Link URI compression, which rounds so).
func bitsOfDigits(digits int) int {
	if digits == 0 {
		return 0
	}
	return int(math.Ceil(float64(digits)*math.Log2(10) + 0.01))
}

// The alphabets of text in four and six bits a character.
const (
	alphabetLower = "0123456789abcdef"
	alphabetUpper = "0123456789ABCDEF"
	alphabet64    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// text reads n characters of so many bits; alphabet is empty for ASCII.
func (r *bitReader) text(n, bits int, alphabet string) string {
	if n*bits > r.left() {
		r.at, r.short = r.end, true
		return ""
	}
	var b strings.Builder
	b.Grow(n)
	for range n {
		v := r.take(bits)
		if alphabet == "" {
			b.WriteByte(byte(v))
		} else {
			b.WriteByte(alphabet[v])
		}
	}
	return b.String()
}
