package dnsserver

import (
	"github.com/miekg/dns"

	"github.com/idnode/idnode/resolver"
)

// rcodes maps every outcome to its response code. NXDOMAIN becomes NOERROR where names exist below,
// and Suspended SERVFAIL where the zones are set so. A namespace that is not ours has no names in our
// zones: REFUSED is for names outside of them.
var rcodes = [...]int{
	resolver.Found:          dns.RcodeSuccess,
	resolver.NoValues:       dns.RcodeSuccess,
	resolver.NotFound:       dns.RcodeNameError,
	resolver.Revoked:        dns.RcodeNameError,
	resolver.Referral:       dns.RcodeSuccess,
	resolver.Suspended:      dns.RcodeNameError,
	resolver.NotResponsible: dns.RcodeNameError,
	resolver.Invalid:        dns.RcodeNameError,
	resolver.Overloaded:     dns.RcodeServerFailure,
	resolver.Failed:         dns.RcodeServerFailure,
}

func rcodeOf(s resolver.Status) int {
	if s == 0 || int(s) >= len(rcodes) {
		return dns.RcodeServerFailure
	}
	return rcodes[s]
}

// explain returns the extended error that goes with an outcome (RFC 8914, section 4), if any.
func explain(a *resolver.Answer) []dns.EDNS0_EDE {
	switch a.Status {
	case resolver.Suspended:
		code := dns.ExtendedErrorCodeBlocked
		if a.Namespace != nil && a.Namespace.Ordered != nil {
			code = dns.ExtendedErrorCodeCensored // by somebody else than this node (RFC 8914, section 4.17)
		}
		return extended(code, orDefault(a.Reason, "the namespace is suspended"))
	case resolver.Revoked:
		return extended(dns.ExtendedErrorCodeOther, orDefault(a.Reason, "the identifier is revoked"))
	case resolver.Overloaded:
		return extended(dns.ExtendedErrorCodeOther, "no capacity to answer now")
	case resolver.Failed:
		return extended(dns.ExtendedErrorCodeOther, "the records cannot be read")
	}
	return nil
}

// maxExtraText keeps an extended error from crowding out what it explains.
const maxExtraText = 200

func extended(code uint16, text string) []dns.EDNS0_EDE {
	if len(text) > maxExtraText {
		text = cutText(text, maxExtraText)
	}
	return []dns.EDNS0_EDE{{InfoCode: code, ExtraText: text}}
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
