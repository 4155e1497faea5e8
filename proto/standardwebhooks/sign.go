package standardwebhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of a message.
const (
	HeaderID        = "Webhook-Id"        // the message; the same for each attempt to deliver it
	HeaderTimestamp = "Webhook-Timestamp" // of the attempt, in seconds since 1970
	HeaderSignature = "Webhook-Signature" // signatures, separated by blanks
)

// Tolerance is how far the time of a message may be from the receiver's clock, either side.
const Tolerance = 5 * time.Minute

// version begins signatures with a symmetric key.
const version = "v1,"

// Errors of Verify.
var (
	ErrHeaders   = errors.New("webhook-id, webhook-timestamp and webhook-signature are needed")
	ErrTime      = errors.New("the message is too old, or from the future")
	ErrSignature = errors.New("no signature of the message is by this secret")
)

// Sign is the signature of a message sent at a time: "v1," and the base64 of HMAC-SHA256 over
// id "." seconds "." body.
func (s Secret) Sign(id string, at time.Time, body []byte) string {
	return version + base64.StdEncoding.EncodeToString(s.mac(id, strconv.FormatInt(at.Unix(), 10), body))
}

func (s Secret) mac(id, seconds string, body []byte) []byte {
	h := hmac.New(sha256.New, s)
	h.Write([]byte(id + "." + seconds + "."))
	h.Write(body)
	return h.Sum(nil)
}

// SetHeaders sets the headers of a message, with a signature by each secret: while a receiver moves
// to a new secret either is good.
func SetHeaders(h http.Header, secrets []Secret, id string, at time.Time, body []byte) {
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		signatures[i] = s.Sign(id, at, body)
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(HeaderSignature, strings.Join(signatures, " "))
}

// Verify checks a received message: that one of its signatures is by s, and that its time is within
// Tolerance of now. Errors: ErrHeaders, ErrTime, ErrSignature.
func (s Secret) Verify(h http.Header, body []byte, now time.Time) error {
	id, seconds, signatures := h.Get(HeaderID), h.Get(HeaderTimestamp), h.Get(HeaderSignature)
	if id == "" || seconds == "" || signatures == "" {
		return ErrHeaders
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return ErrHeaders
	}
	want := s.mac(id, seconds, body)
	good := false
	for signature := range strings.FieldsSeq(signatures) {
		text, ok := strings.CutPrefix(signature, version)
		if !ok {
			continue // another kind of signature
		}
		got, err := base64.StdEncoding.DecodeString(text)
		if err == nil && hmac.Equal(got, want) {
			good = true
		}
	}
	if !good {
		return ErrSignature
	}
	if at := time.Unix(unix, 0); at.Before(now.Add(-Tolerance)) || at.After(now.Add(Tolerance)) {
		return ErrTime
	}
	return nil
}
