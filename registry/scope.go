package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// Scope limits what a credential may do of all that its role allows.
type Scope string

const (
	ScopeIdentifiersRead  Scope = "identifiers:read"
	ScopeIdentifiersWrite Scope = "identifiers:write"
	ScopePrefixesRead     Scope = "prefixes:read"
	ScopePrefixesWrite    Scope = "prefixes:write"
	ScopeTemplatesRead    Scope = "templates:read"
	ScopeTemplatesWrite   Scope = "templates:write"
	ScopeEnterpriseRead   Scope = "enterprise:read"
	ScopeEnterpriseWrite  Scope = "enterprise:write"
	ScopeKeysWrite        Scope = "keys:write"     // lists, issues, rotates and deletes API keys
	ScopeAccountsWrite    Scope = "accounts:write" // the same of accounts and identities
	ScopeReviewsWrite     Scope = "reviews:write"  // decides on applications
	ScopeAuditRead        Scope = "audit:read"
	ScopeWebhooksWrite    Scope = "webhooks:write" // lists, makes, changes and deletes webhooks, which tell names and states of identifiers
	ScopeReportsWrite     Scope = "reports:write"  // reports for an enterprise's own node
	ScopeSyncWrite        Scope = "sync:write"     // pauses, resumes and replays the sync with the top-level node
)

// Scopes lists all scopes.
func Scopes() []Scope {
	return []Scope{
		ScopeIdentifiersRead, ScopeIdentifiersWrite, ScopePrefixesRead, ScopePrefixesWrite, ScopeTemplatesRead, ScopeTemplatesWrite,
		ScopeEnterpriseRead, ScopeEnterpriseWrite, ScopeKeysWrite, ScopeAccountsWrite, ScopeReviewsWrite, ScopeAuditRead,
		ScopeWebhooksWrite, ScopeReportsWrite, ScopeSyncWrite,
	}
}

// Valid reports whether s is one of the scopes above.
func (s Scope) Valid() bool { return slices.Contains(Scopes(), s) }

// checkScopes gives a credential that a makes its scopes: those asked for, or a's own if none are.
func (a Actor) checkScopes(code string, asked []Scope) ([]Scope, *Error) {
	if len(asked) == 0 {
		return a.Scopes, nil
	}
	for i, s := range asked {
		field := fmt.Sprintf("/scopes/%d", i)
		if !s.Valid() {
			return nil, refuse(code, field, "there is no scope %q; there are %s", s, joinScopes(Scopes()))
		}
		if !a.allows(s) {
			return nil, refuse(CodeForbidden, field, "your own credential is limited to %s", joinScopes(a.Scopes))
		}
	}
	all := slices.Clone(asked)
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Allows reports whether a's credential is good for a scope; whether its role is, the registrar
// decides. A credential without scopes is good for all.
func (a Actor) Allows(s Scope) bool { return a.allows(s) }

func (a Actor) allows(s Scope) bool { return len(a.Scopes) == 0 || slices.Contains(a.Scopes, s) }

// RequireScope refuses with CodeForbidden what a's credential is not good for.
func (a Actor) RequireScope(s Scope) *Error {
	if a.allows(s) {
		return nil
	}
	return refuse(CodeForbidden, "", "the credential is limited to %s: scope %s is missing", joinScopes(a.Scopes), s)
}

// coversScopes reports whether a's credential is good for all that one with these scopes is good
// for, so that a gains nothing by making or taking over such a one.
func (a Actor) coversScopes(scopes []Scope) bool {
	if len(a.Scopes) == 0 {
		return true
	}
	return len(scopes) > 0 && !slices.ContainsFunc(scopes, func(s Scope) bool { return !a.allows(s) })
}

// coversPrefixes is the same of the namespaces that a credential is limited to.
func (a Actor) coversPrefixes(prefixes []identifier.Key) bool {
	if len(a.Prefixes) == 0 || a.IsOperator() {
		return true
	}
	return len(prefixes) > 0 && !slices.ContainsFunc(prefixes, func(k identifier.Key) bool {
		return !slices.ContainsFunc(a.Prefixes, func(p identifier.Key) bool { return p.Scheme == k.Scheme && p.Scheme.Contains(p.Name, k.Name) })
	})
}

func joinScopes(all []Scope) string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}
