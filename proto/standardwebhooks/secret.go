package standardwebhooks

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
)

// SecretPrefix begins the text of a secret.
const SecretPrefix = "whsec_"

// Octets of a secret: the specification has 24 to 64.
const (
	MinSecret = 24
	MaxSecret = 64
	newSecret = 32
)

// ErrSecret says that a text is no secret.
var ErrSecret = errors.New(`a secret is "whsec_" and the base64 of 24 to 64 octets`)

// Secret is a symmetric key, in octets.
type Secret []byte

// NewSecret returns 256 random bits.
func NewSecret() Secret {
	s := make(Secret, newSecret)
	rand.Read(s)
	return s
}

// ParseSecret reads the text of a secret. The prefix may be missing, as other implementations have
// it. Error: ErrSecret.
func ParseSecret(text string) (Secret, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, SecretPrefix))
	if err != nil || len(raw) < MinSecret || len(raw) > MaxSecret {
		return nil, ErrSecret
	}
	return raw, nil
}

// Text is the form in which a secret is shown to people and given to receivers.
func (s Secret) Text() string { return SecretPrefix + base64.StdEncoding.EncodeToString(s) }

// String hides the secret from logs.
func (s Secret) String() string { return SecretPrefix + "…" }
