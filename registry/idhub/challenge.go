package idhub

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// maxHandle is the longest identifier in octets (section 6).
const maxHandle = 255

// keyIndex is where the public key of an identity stands unless its name says otherwise.
const keyIndex = 300

// challenges serves the log-in of applications, which needs no token.
func (s *server) challenges() {
	open := func(pattern string, serve call) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			data, err := s.serve(w, r, registry.Actor{}, maxNames, serve)
			s.answer(w, r, doneProcessed, data, err)
		})
	}
	open("GET /api/v1/doip/public/challenge", s.challenge)
	open("POST /api/v1/doip/public/verify-response", s.verifyResponse)
}

// identityOf is the registry's name for the identity of a handle: this API does not say at which index the
// public key stands. "301:88.1021.150/App_mes" names another index than 300.
func identityOf(handle string) (string, error) {
	if len(handle) > maxHandle {
		return "", deny(CodeIdentifierForm, messageForm)
	}
	if _, _, ok := registry.ParseIdentity(handle); ok {
		return handle, nil
	}
	if id, err := identifier.Handle.Parse(handle); err != nil || id.IsPrefixRecord() {
		return "", deny(CodeIdentifierForm, messageForm)
	}
	return fmt.Sprintf("%d:%s", keyIndex, handle), nil
}

// challenge gives a nonce of decimal digits, whose characters are what is signed. Whether there is such an identity
// it does not tell.
func (s *server) challenge(r *request) (any, error) {
	identity, err := identityOf(r.URL.Query().Get("handle"))
	if err != nil {
		return nil, err
	}
	c, err := s.Logins.ChallengeDigits(identity)
	return c.Nonce, err
}

// verifyResponse gives a token for a signature over a nonce that the identity was given.
func (s *server) verifyResponse(r *request) (any, error) {
	var in struct {
		Handle    text `json:"handle"`
		Signature text `json:"signature"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	identity, err := identityOf(string(in.Handle))
	if err != nil {
		return nil, err
	}
	t, err := s.Logins.LoginAnswered(r.Context(), identity, string(in.Signature), remoteAddr(r.Request))
	if err != nil {
		if registry.AsError(err).Code == registry.CodeUnauthenticated {
			err = deny(CodeUnauthentic, messageLogin)
		}
		return nil, err
	}
	return map[string]string{"token": t.Token}, nil
}

// userHandle is the inverse of identityOf: the index is told only where it is not the usual one.
func userHandle(identity string) string {
	return strings.TrimPrefix(identity, strconv.Itoa(keyIndex)+":")
}
