package handleserver

import (
	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/resolver"
)

// rcodes maps every outcome to its response code. Of Found the code holds for askers who want
// public values only, see permit; a Referral becomes "not found" for those who ask not to be
// referred.
var rcodes = [...]handle.Rcode{
	resolver.Found:          handle.RcodeSuccess,
	resolver.NoValues:       handle.RcodeValuesNotFound,
	resolver.NotFound:       handle.RcodeHandleNotFound,
	resolver.Revoked:        handle.RcodeHandleNotFound,
	resolver.Referral:       handle.RcodePrefixReferral,
	resolver.Suspended:      handle.RcodeHandleNotFound,
	resolver.NotResponsible: handle.RcodeServerNotResponsible,
	resolver.Invalid:        handle.RcodeInvalidHandle,
	resolver.Overloaded:     handle.RcodeServerTooBusy,
	resolver.Failed:         handle.RcodeError,
}

func rcodeOf(s resolver.Status) handle.Rcode {
	if int(s) >= len(rcodes) || rcodes[s] == 0 {
		return handle.RcodeError
	}
	return rcodes[s]
}

// Texts in the bodies of errors. Those of the Handle.Net server are kept to the letter.
const (
	textNotResponsible = "That prefix doesn't live here"
	textLength         = "Invalid message length"
	textAdminOverUDP   = "Received admin request on non-admin interface"
	textSession        = "Invalid session id or session time out. Please try again."
	textEncrypted      = "Invalid session id. Unable to decrypt request message."
	textResponse       = "Response code in a request"
	textOpcode         = "Unknown opCode in message"
	textNoAdmin        = "This server takes no administration over the Handle protocol"
	textUnsupported    = "Operation not supported"
	textNoChallenge    = "The challenge is unknown or has expired"
	textSessionMode    = "Sessions are set up by Diffie-Hellman only, from protocol version 2.4 on"
	textNoSite         = "This server has no site information"
	textTooLarge       = "The answer is longer than a message may be"
)
