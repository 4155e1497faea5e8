package resolver

import (
	"crypto"
	"net/netip"

	"github.com/idnode/idnode/proto/identifier"
)

// Asker is on whose behalf a message is answered that another protocol brought, such as the REST interface.
type Asker struct {
	Who  *identifier.Ref // who has proved to be that, nil is anybody
	From netip.Addr      // zero if it is not known
}

// Proof is how somebody proves an identity otherwise than by answering a challenge of the protocol. One of Secret, Key
// and Answer is given.
type Proof struct {
	Ref    identifier.Ref   // an index of 0 is any key of the handle
	Secret []byte           // the identity's secret itself, as HTTP Basic sends it
	Key    crypto.PublicKey // a key whose private half the peer has used, as that of a client certificate of TLS

	// Answer is one to a challenge (spec/handle-protocol.md, section 7), over Nonce and then ClientNonce, with
	// a key of type Type, HS_PUBKEY or HS_SECKEY.
	Answer, Nonce, ClientNonce []byte
	Type                       string
}
