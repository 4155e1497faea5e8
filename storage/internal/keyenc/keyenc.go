// Package keyenc builds keys whose byte order is the order of their parts (memcomparable), the same
// on every engine.
package keyenc

// AppendString appends s so that it can be followed by other parts: an octet 00 becomes 00 FF and
// the end is 00 01, hence "a" < "a\x00" < "ab".
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, s[i])
		if s[i] == 0 {
			dst = append(dst, 0xFF)
		}
	}
	return append(dst, 0, 1)
}

// ParseString reads what AppendString wrote and returns what follows it.
func ParseString(src []byte) (s string, rest []byte, ok bool) {
	var out []byte
	for i := 0; i+1 < len(src); i++ {
		if src[i] != 0 {
			out = append(out, src[i])
			continue
		}
		switch src[i+1] {
		case 1:
			return string(out), src[i+2:], true
		case 0xFF:
			out = append(out, 0)
			i++
		default:
			return "", nil, false
		}
	}
	return "", nil, false
}

// PrefixEnd is the first key after all those that begin with prefix, or nil if there is none.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xFF {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}
