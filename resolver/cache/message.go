package cache

import (
	"encoding/binary"

	"github.com/idnode/idnode/proto/identifier"
)

// A message to all nodes says what to forget: "iF" and 1, its format; one of the letters below; the name of the node
// that says so; and the keys, of each the octet of its scheme and its name. A name is its length as uvarint and its
// octets. What cannot be read is taken for messageAll.
const (
	messageKeys  = 'k' // these identifiers
	messageUnder = 'u' // what lies in these namespaces
	messageAll   = 'a'
)

func appendMessage(dst []byte, from string, kind byte, keys []identifier.Key) []byte {
	dst = appendText(append(append(dst, foreignMagic...), kind), from)
	for _, k := range keys {
		dst = appendText(append(dst, byte(k.Scheme)), k.Name)
	}
	return dst
}

func parseMessage(src string) (from string, kind byte, keys []identifier.Key) {
	if len(src) <= len(foreignMagic) || src[:len(foreignMagic)] != foreignMagic {
		return "", messageAll, nil
	}
	kind = src[len(foreignMagic)]
	if kind != messageKeys && kind != messageUnder {
		return "", messageAll, nil
	}
	from, rest, ok := cutText(src[len(foreignMagic)+1:])
	for ok && rest != "" {
		k := identifier.Key{Scheme: identifier.Scheme(rest[0])}
		k.Name, rest, ok = cutText(rest[1:])
		keys = append(keys, k)
	}
	if !ok {
		return "", messageAll, nil
	}
	return from, kind, keys
}

// cutText cuts a text, behind its length, off the front of src.
func cutText(src string) (text, rest string, ok bool) {
	var head [binary.MaxVarintLen64]byte
	n, used := binary.Uvarint(head[:copy(head[:], src)])
	if used <= 0 || n > uint64(len(src)-used) {
		return "", "", false
	}
	return src[used : used+int(n)], src[used+int(n):], true
}
