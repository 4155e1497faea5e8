package auditchain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// domain is hashed in front of everything, so that no hash of the chain is one of something else.
const domain = "idnode audit 1\r\n"

// KeySize is the octets of an entry's key.
const KeySize = 17

// Hash is a SHA-256 sum. As text it is 64 hexadecimal digits.
type Hash [sha256.Size]byte

// Missing is the leaf of an entry that was gone before it could be chained.
var Missing Hash

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error { return unhex(h[:], text) }

// StoreID is the identity of a log. As text it is 32 hexadecimal digits.
type StoreID [16]byte

func (id StoreID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText implements encoding.TextMarshaler.
func (id StoreID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *StoreID) UnmarshalText(text []byte) error { return unhex(id[:], text) }

func unhex(dst, text []byte) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("%d characters are not %d hexadecimal digits", len(text), hex.EncodedLen(len(dst)))
	}
	_, err := hex.Decode(dst, text)
	return err
}

// Start is hash(0) of the log id.
func Start(id StoreID) Hash {
	return sha256.Sum256(append([]byte(domain), id[:]...))
}

// Leaf is the hash of an entry's value.
func Leaf(value []byte) Hash { return sha256.Sum256(value) }

// Next is the hash of entry n, whose key has KeySize octets, behind the hash of the one before.
func Next(before Hash, n uint64, key []byte, leaf Hash) Hash {
	var buf [len(domain) + len(before) + 8 + KeySize + len(leaf)]byte
	b := append(buf[:0], domain...)
	b = append(b, before[:]...)
	b = binary.BigEndian.AppendUint64(b, n)
	b = append(b, key...)
	b = append(b, leaf[:]...)
	return sha256.Sum256(b)
}

// KeyTime is the time of the entry with that key, which has KeySize octets.
func KeyTime(key []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(key[1:9]))).UTC()
}

// Anchor is what stands before the first entry of a log, or of a part of it.
type Anchor struct {
	Store StoreID `json:"store"`
	N     uint64  `json:"n"`
	Hash  Hash    `json:"hash"`
}

// Entry is one entry of a log.
type Entry struct {
	N     uint64
	Hash  Hash   // as the log has it
	Key   []byte // KeySize octets
	Value []byte // nil: the log has no value for the key
}
