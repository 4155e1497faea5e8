// Package password hashes passwords of people and says which are too weak.
//
// What is hashed is not the password but its form: the lower-case hexadecimal SHA-256 of it, which is
// what clients of SNMS send (SNMS OpenAPI v5, /identity/registry). It is hashed with argon2id (RFC
// 9106), and the parameters are kept beside the hash, so that they may grow.
package password

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// runs is how many hashes are computed at a time: each takes memory and a core.
const runs = 4

// Parameters of new hashes: 3 passes over 32 MiB, about 70 ms of one core.
const (
	passes   = 3
	memory   = 32 << 10 // KiB
	threads  = 1
	saltSize = 16
	hashSize = 32
)

// Form is the form of a password that is hashed: its SHA-256 in lower-case hexadecimal.
func Form(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// IsForm reports whether text may be the form of a password, in either case.
func IsForm(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == 2*sha256.Size
}

// Hasher computes hashes, four at a time. Its methods may be called from many goroutines; they wait
// for their turn, and the error of their context is their only one unless they name another.
type Hasher struct {
	turns   chan struct{}
	passes  uint32
	memory  uint32
	nobody  string // a hash that no form has
	observe func()
}

// Options are what a Hasher makes new hashes with.
type Options struct {
	Passes  uint32 // default 3
	Memory  uint32 // KiB, default 32768
	Observe func() // called with each hash that is computed, by the goroutine that computes it; default none
}

// New returns a Hasher.
func New(o Options) *Hasher {
	h := &Hasher{turns: make(chan struct{}, runs), passes: cmp.Or(o.Passes, passes), memory: cmp.Or(o.Memory, memory), observe: o.Observe}
	var salt [saltSize]byte
	var hash [hashSize]byte
	rand.Read(hash[:])
	h.nobody = encode(h.passes, h.memory, threads, salt[:], hash[:])
	return h
}

// Hash returns the hash of a form with its parameters and a salt, in the form that argon2's
// reference program prints: "$argon2id$v=19$m=32768,t=3,p=1$salt$hash".
func (h *Hasher) Hash(ctx context.Context, form string) (string, error) {
	var salt [saltSize]byte
	rand.Read(salt[:])
	hash, err := h.run(ctx, form, salt[:], h.passes, h.memory, threads, hashSize)
	if err != nil {
		return "", err
	}
	return encode(h.passes, h.memory, threads, salt[:], hash), nil
}

// Verify reports whether form has the hash encoded. Without one ("") it takes the time that a hash
// takes and reports false, so that nobody learns by the time whether there is such a user. It is an
// error if encoded is damaged.
func (h *Hasher) Verify(ctx context.Context, encoded, form string) (bool, error) {
	if encoded == "" {
		encoded = h.nobody
	}
	var version int
	var passes, memory uint32
	var threads uint8
	fields := strings.Split(encoded, "$")
	if len(fields) != 6 || fields[1] != "argon2id" {
		return false, fmt.Errorf("password hash is of another kind")
	}
	if _, err := fmt.Sscanf(fields[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, fmt.Errorf("password hash is of another version")
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil || passes == 0 || threads == 0 || memory > 1<<20 {
		return false, fmt.Errorf("password hash has no parameters")
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(fields[4])
	want, err := base64.RawStdEncoding.DecodeString(fields[5])
	if saltErr != nil || err != nil || len(want) == 0 {
		return false, fmt.Errorf("password hash is damaged")
	}
	got, err := h.run(ctx, form, salt, passes, memory, threads, uint32(len(want)))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

func (h *Hasher) run(ctx context.Context, form string, salt []byte, passes, memory uint32, threads uint8, size uint32) ([]byte, error) {
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if h.observe != nil {
		h.observe()
	}
	return argon2.IDKey([]byte(strings.ToLower(form)), salt, passes, memory, threads, size), nil
}

func encode(passes, memory uint32, threads uint8, salt, hash []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
}
