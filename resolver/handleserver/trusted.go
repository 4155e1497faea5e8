package handleserver

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/trust"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// Bounds of one check of trust. Package trust bounds the signatures of a record (8) and each chain of issuers (16);
// these are for all of them together. The owner of a record chooses what its check costs, and anybody may ask for it.
const (
	maxIssuers      = 16        // records of issuers that are read: about as many signatures are verified
	maxIssuerOctets = 256 << 10 // of certificates in them
	checkTime       = time.Second
)

// trusted answers the trusted query of the national SDK (handle.FlagCheckTrust) for those values of rec that q asks
// for: the flags that its answer has besides. There are three results:
//
//   - unknown, no flag: rec has no HS_SIGNATURE, no trust root is configured, or the check could not be made, for want
//     of a turn or of what the store did not give;
//   - trusted, both flags: each value of the answer stands in a signature of rec that is valid, of which the digest fits;
//   - untrusted, FlagCheckTrust alone: anything else.
//
// The signatures are looked for in the whole record, because a client seldom asks for HS_SIGNATURE itself, and among
// what everybody may read, as any other checker would. So a private value is never covered, whatever a signature
// says of its index: an answer that has one, to somebody who has proved the right to read it, is untrusted. Nothing
// has to cover the signatures themselves; of an answer with nothing else, all of the record's have to hold.
func (a *answerer) trusted(ctx context.Context, q *resolver.Query, rec *identifier.Record, public bool) handle.OpFlags {
	if len(a.s.o.TrustRoots) == 0 || !slices.ContainsFunc(rec.Values, isSignature) || !a.s.heavy.enter() {
		return 0
	}
	defer a.s.heavy.leave()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	found := issuers{resolve: a.s.resolve}
	verifier := trust.Verifier{Roots: a.s.o.TrustRoots, Lookup: found.lookup}
	report := verifier.Record(ctx, signedName(rec), publicOnly(rec.Values), a.s.now())

	others, covered := false, true
	for i := range rec.Values {
		v := &rec.Values[i]
		if isSignature(*v) || !v.Public() && public || !q.Wants(v) {
			continue
		}
		others = true
		covered = covered && v.Public() && slices.Contains(report.Signed, v.Index)
	}
	if !others {
		covered = len(report.Problems) == 0
	}
	switch {
	case covered:
		return handle.FlagCheckTrust | handle.FlagTrusted
	case found.failed:
		return 0
	}
	return handle.FlagCheckTrust
}

// isSignature reports whether v is a signature that everybody may read.
func isSignature(v identifier.Value) bool {
	return v.Public() && identifier.EqualFoldASCII(v.Type, trust.TypeSignature)
}

func publicOnly(values []identifier.Value) (public []identifier.Value) {
	for i := range values {
		if values[i].Public() {
			public = append(public, values[i])
		}
	}
	return public
}

// signedName is the Handle that a signature of rec has to name: a prefix's record may be kept under the prefix alone.
// It is empty for an identifier of another scheme, which no certificate gives authority over.
func signedName(rec *identifier.Record) string {
	switch {
	case rec.Scheme != identifier.Handle:
		return ""
	case !strings.Contains(rec.ID, "/"):
		return "0.NA/" + rec.ID
	}
	return rec.ID
}

// issuers finds the certificates of issuers for one check of trust. Only records that this node keeps are found.
type issuers struct {
	resolve func(context.Context, resolver.Query) resolver.Answer
	read    int // records
	octets  int // of certificates in them
	failed  bool
}

// lookup is that of [trust.Verifier]: it returns the HS_CERT values that everybody may read.
func (s *issuers) lookup(ctx context.Context, name string) ([]identifier.Value, error) {
	if s.read++; s.read > maxIssuers {
		return nil, trust.ErrChain
	}
	id, err := identifier.Handle.Parse(name)
	if err != nil {
		return nil, trust.ErrUnknown
	}
	ans := s.resolve(ctx, resolver.Query{ID: id})
	switch ans.Status {
	case resolver.Found, resolver.NoValues:
	case resolver.NotFound, resolver.NotResponsible, resolver.Referral:
		return nil, trust.ErrUnknown
	case resolver.Overloaded, resolver.Failed:
		s.failed = true
		return nil, trust.ErrChain
	default: // revoked or suspended: its certificates are not to be relied on
		return nil, trust.ErrChain
	}
	if ans.Record == nil {
		return nil, trust.ErrChain
	}
	var certificates []identifier.Value
	for _, v := range publicOnly(ans.Record.Values) {
		if identifier.EqualFoldASCII(v.Type, trust.TypeCertificate) {
			certificates = append(certificates, v)
			s.octets += len(v.Data)
		}
	}
	if s.octets > maxIssuerOctets {
		return nil, trust.ErrChain
	}
	return certificates, nil
}
