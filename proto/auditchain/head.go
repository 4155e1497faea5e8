package auditchain

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// headDomain is signed in front of a head.
const headDomain = "idnode audit head 1\r\n"

// Head is the newest entry of a log at some time: who keeps one can tell later whether the log still
// begins with what it was then. In JSON the key and the signature are base64.
type Head struct {
	Store     StoreID           `json:"store"`
	N         uint64            `json:"n"` // 0: nothing has been chained
	Hash      Hash              `json:"hash"`
	Time      time.Time         `json:"time"`          // when N was chained
	Key       ed25519.PublicKey `json:"key,omitempty"` // whose signature it is
	Signature []byte            `json:"signature,omitempty"`
}

// message is what is signed.
func (h *Head) message() []byte {
	b := append([]byte(headDomain), h.Store[:]...)
	b = binary.BigEndian.AppendUint64(b, h.N)
	b = append(b, h.Hash[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(h.Time.UnixMilli()))
}

// Sign signs h with the key.
func (h *Head) Sign(key ed25519.PrivateKey) {
	h.Key = key.Public().(ed25519.PublicKey)
	h.Signature = ed25519.Sign(key, h.message())
}

// Signed reports whether the signature of h is that of its key. Whose key it is, it does not say.
func (h *Head) Signed() bool {
	return len(h.Key) == ed25519.PublicKeySize && ed25519.Verify(h.Key, h.message(), h.Signature)
}

// ParseHead reads "N:HASH".
func ParseHead(text string) (Head, error) {
	number, digits, _ := strings.Cut(text, ":")
	var h Head
	var err error
	if h.N, err = strconv.ParseUint(number, 10, 64); err == nil {
		err = h.Hash.UnmarshalText([]byte(digits))
	}
	if err != nil {
		return Head{}, fmt.Errorf("%q is no head N:HASH, a number and 64 hexadecimal digits", text)
	}
	return h, nil
}
