package siphash

import "testing"

// TestSum64 checks the vectors of the authors' paper and reference code: the key 00 01 … 0f and
// the messages 00 01 … of each length.
func TestSum64(t *testing.T) {
	var key [16]byte
	data := make([]byte, 16)
	for i := range key {
		key[i], data[i] = byte(i), byte(i)
	}
	for n, want := range map[int]uint64{
		0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 2: 0x0d6c8009d9a94f5a, 7: 0xab0200f58b01d137, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5,
	} {
		if got := Sum64(&key, data[:n]); got != want {
			t.Errorf("%d octets: %016x, want %016x", n, got, want)
		}
	}
}
