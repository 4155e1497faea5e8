package registry

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// idBits are the random bits of an id: so many that a number of JavaScript and a long of Java hold them.
const idBits = 53

var idEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// newID returns a random id behind a letter that tells what it is of.
func newID(kind string) string {
	var b [8]byte
	rand.Read(b[:])
	return idOf(kind, binary.BigEndian.Uint64(b[:])>>(64-idBits))
}

func idOf(kind string, n uint64) string {
	return kind + strings.ToLower(idEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, n)))
}

// Number is an id as a number, for interfaces that know things by numbers (SNMS): the same for as long as the thing is
// there, and different for different things of a kind. It is 0 for what is no such id, and for [Self].
func Number(id string) uint64 {
	if len(id) < 2 {
		return 0
	}
	b, err := idEncoding.DecodeString(strings.ToUpper(id[1:]))
	if err != nil || len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// EnterpriseByNumber is the id of the enterprise of which n is the [Number].
func EnterpriseByNumber(n uint64) string {
	if n == 0 {
		return Self
	}
	return idOf("e", n)
}

// FileByNumber is the id of the file of which n is the [Number].
func FileByNumber(n uint64) string { return idOf("f", n) }
