package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// anyScope stands for operations that every credential is good for, as they touch nothing but itself.
const anyScope registry.Scope = ""

// scopes is what a credential must be good for, by operation as the OpenAPI document names it. What
// is not in the table is refused to limited credentials.
var scopes = map[string]registry.Scope{
	"GET /v1/identifiers":          registry.ScopeIdentifiersRead,
	"POST /v1/identifiers":         registry.ScopeIdentifiersWrite,
	"PUT /v1/identifiers":          registry.ScopeIdentifiersWrite,
	"PATCH /v1/identifiers":        registry.ScopeIdentifiersWrite,
	"DELETE /v1/identifiers":       registry.ScopeIdentifiersWrite,
	"POST /v1/identifiers:restore": registry.ScopeIdentifiersWrite,
	"POST /v1/identifiers:batch":   registry.ScopeIdentifiersWrite,
	"POST /v1/identifiers:import":  registry.ScopeIdentifiersWrite,
	"POST /v1/identifiers:mint":    registry.ScopeIdentifiersWrite,

	"GET /v1/prefixes":             registry.ScopePrefixesRead,
	"POST /v1/prefixes":            registry.ScopePrefixesWrite,
	"PATCH /v1/prefixes":           registry.ScopePrefixesWrite,
	"POST /v1/prefixes:suspend":    registry.ScopePrefixesWrite,
	"POST /v1/prefixes:activate":   registry.ScopePrefixesWrite,
	"POST /v1/prefixes:withdraw":   registry.ScopePrefixesWrite,
	"POST /v1/prefixes:transfer":   registry.ScopePrefixesWrite,
	"GET /v1/enterprises":          registry.ScopeEnterpriseRead,
	"GET /v1/enterprises/{id}":     registry.ScopeEnterpriseRead,
	"POST /v1/enterprises":         registry.ScopeEnterpriseWrite,
	"GET /v1/limits":               anyScope,
	"GET /v1/apikeys":              registry.ScopeKeysWrite,
	"GET /v1/apikeys/{id}":         registry.ScopeKeysWrite,
	"POST /v1/apikeys":             registry.ScopeKeysWrite,
	"POST /v1/apikeys/{id}:rotate": registry.ScopeKeysWrite,
	"DELETE /v1/apikeys/{id}":      registry.ScopeKeysWrite,

	"GET /v1/identities":              registry.ScopeAccountsWrite,
	"POST /v1/identities":             registry.ScopeAccountsWrite,
	"DELETE /v1/identities":           registry.ScopeAccountsWrite,
	"DELETE /v1/tokens":               anyScope,
	"GET /v1/accounts":                registry.ScopeAccountsWrite,
	"POST /v1/accounts":               registry.ScopeAccountsWrite,
	"GET /v1/accounts/{id}":           registry.ScopeAccountsWrite,
	"PATCH /v1/accounts/{id}":         registry.ScopeAccountsWrite,
	"DELETE /v1/accounts/{id}":        registry.ScopeAccountsWrite,
	"POST /v1/accounts/{id}:password": registry.ScopeAccountsWrite,
	"POST /v1/accounts/{id}:unlock":   registry.ScopeAccountsWrite,
	"POST /v1/accounts/{id}:disable":  registry.ScopeAccountsWrite,
	"POST /v1/accounts/{id}:enable":   registry.ScopeAccountsWrite,

	"POST /v1/enterprises/{id}:approve":  registry.ScopeReviewsWrite,
	"POST /v1/enterprises/{id}:return":   registry.ScopeReviewsWrite,
	"POST /v1/enterprises/{id}:reject":   registry.ScopeReviewsWrite,
	"POST /v1/enterprises/{id}:suspend":  registry.ScopeEnterpriseWrite,
	"POST /v1/enterprises/{id}:withdraw": registry.ScopeEnterpriseWrite,
	"POST /v1/enterprises/{id}:activate": registry.ScopeEnterpriseWrite,

	"GET /v1/identifiers:diff":                  registry.ScopeIdentifiersRead,
	"GET /v1/identifiers:history":               registry.ScopeIdentifiersRead,
	"GET /v1/identifiers:references":            registry.ScopeIdentifiersRead,
	"GET /v1/prefixes:usage":                    registry.ScopePrefixesRead,
	"GET /v1/prefix-applications":               registry.ScopePrefixesRead,
	"GET /v1/prefix-applications/{id}":          registry.ScopePrefixesRead,
	"POST /v1/prefix-applications":              registry.ScopePrefixesWrite,
	"PATCH /v1/prefix-applications/{id}":        registry.ScopePrefixesWrite,
	"POST /v1/prefix-applications/{id}:submit":  registry.ScopePrefixesWrite,
	"POST /v1/prefix-applications/{id}:cancel":  registry.ScopePrefixesWrite,
	"POST /v1/prefix-applications/{id}:approve": registry.ScopeReviewsWrite,
	"POST /v1/prefix-applications/{id}:return":  registry.ScopeReviewsWrite,
	"POST /v1/prefix-applications/{id}:reject":  registry.ScopeReviewsWrite,
	"GET /v1/templates":                         registry.ScopeTemplatesRead,
	"GET /v1/templates:schema":                  registry.ScopeTemplatesRead,
	"GET /v1/templates:sheet":                   registry.ScopeTemplatesRead,
	"POST /v1/templates:check":                  registry.ScopeTemplatesRead,
	"POST /v1/templates":                        registry.ScopeTemplatesWrite,
	"PUT /v1/templates":                         registry.ScopeTemplatesWrite,
	"DELETE /v1/templates":                      registry.ScopeTemplatesWrite,
	"POST /v1/templates:publish":                registry.ScopeTemplatesWrite,
	"POST /v1/templates:withdraw":               registry.ScopeTemplatesWrite,
	"GET /v1/files":                             registry.ScopeEnterpriseRead,
	"GET /v1/files/{id}":                        registry.ScopeEnterpriseRead,
	"GET /v1/files/{id}/content":                registry.ScopeEnterpriseRead,
	"POST /v1/files":                            registry.ScopeEnterpriseWrite,
	"DELETE /v1/files/{id}":                     registry.ScopeEnterpriseWrite,
	"GET /v1/audit":                             registry.ScopeAuditRead,
	"GET /v1/audit/head":                        registry.ScopeAuditRead,
	"GET /v1/audit:export":                      registry.ScopeAuditRead,
	"GET /v1/audit:verify":                      registry.ScopeAuditRead,
	"PATCH /v1/enterprises/{id}":                registry.ScopeEnterpriseWrite,
	"POST /v1/enterprises/{id}:submit":          registry.ScopeEnterpriseWrite,
	"GET /v1/apps":                              registry.ScopeEnterpriseRead,
	"POST /v1/apps":                             registry.ScopeEnterpriseWrite,
	"GET /v1/apps/{id}":                         registry.ScopeEnterpriseRead,
	"PATCH /v1/apps/{id}":                       registry.ScopeEnterpriseWrite,
	"DELETE /v1/apps/{id}":                      registry.ScopeEnterpriseWrite,
	"GET /v1/forms/{table}":                     anyScope,
	"GET /v1/reports/{table}":                   registry.ScopeEnterpriseRead,
	"GET /v1/statistics":                        registry.ScopeEnterpriseRead,
	"GET /v1/operator":                          registry.ScopeEnterpriseRead,
	"PATCH /v1/operator":                        registry.ScopeEnterpriseWrite,
	"POST /v1/applications":                     anyScope,
	"GET /v1/enterprises/{id}:export":           registry.ScopeEnterpriseRead, // and those of what it shows, see registry.BeginExport
	"GET /v1/export":                            registry.ScopeEnterpriseRead,
	recordsExport:                               registry.ScopeIdentifiersRead,
	"GET /v1/prefixes:export":                   registry.ScopePrefixesRead,
	"POST /v1/archives:load":                    registry.ScopeEnterpriseWrite, // and those of what it writes, see registry.Load
	"GET /v1/prefixes:digest":                   registry.ScopePrefixesRead,
	"POST /v1/prefixes:freeze":                  registry.ScopePrefixesWrite,
	"GET /v1/logs/resolution":                   registry.ScopeAuditRead,
	"GET /v1/logs/resolution:export":            registry.ScopeAuditRead,
	"POST /v1/prefixes:unfreeze":                registry.ScopePrefixesWrite,
	"POST /v1/prefixes:handover":                registry.ScopePrefixesWrite,
	"POST /v1/prefixes:takeback":                registry.ScopePrefixesWrite,
	"GET /v1/jobs":                              registry.ScopeIdentifiersRead,
	"POST /v1/jobs":                             registry.ScopeIdentifiersWrite,
	"GET /v1/jobs/{id}":                         registry.ScopeIdentifiersRead,
	"GET /v1/jobs/{id}/events":                  registry.ScopeIdentifiersRead,
	"GET /v1/jobs/{id}/rows":                    registry.ScopeIdentifiersRead,
	"GET /v1/jobs/{id}/{errors}":                registry.ScopeIdentifiersRead,
	"DELETE /v1/jobs/{id}":                      registry.ScopeIdentifiersWrite,
	"POST /v1/jobs/{id}:cancel":                 registry.ScopeIdentifiersWrite,
	"POST /v1/jobs/{id}:retry":                  registry.ScopeIdentifiersWrite,
	"GET /v1/webhooks":                          registry.ScopeWebhooksWrite,
	"POST /v1/webhooks":                         registry.ScopeWebhooksWrite,
	"GET /v1/webhooks/{id}":                     registry.ScopeWebhooksWrite,
	"PATCH /v1/webhooks/{id}":                   registry.ScopeWebhooksWrite,
	"DELETE /v1/webhooks/{id}":                  registry.ScopeWebhooksWrite,
	"GET /v1/webhooks/{id}/deliveries":          registry.ScopeWebhooksWrite,
	"POST /v1/webhooks/{id}:rotate":             registry.ScopeWebhooksWrite,
	"POST /v1/webhooks/{id}:test":               registry.ScopeWebhooksWrite,
	"POST /v1/webhooks/{id}:replay":             registry.ScopeWebhooksWrite,
	"GET /v1/sync":                              registry.ScopeAuditRead,
	"POST /v1/sync:pause":                       registry.ScopeSyncWrite,
	"POST /v1/sync:resume":                      registry.ScopeSyncWrite,
	"POST /v1/sync:replay":                      registry.ScopeSyncWrite,
	"POST /v1/sync:abnormal":                    registry.ScopeSyncWrite,
	"POST /v1/sync:normal":                      registry.ScopeSyncWrite,
	"POST /v1/reports/{table}":                  registry.ScopeReportsWrite,
	"GET /v1/reports/monthly":                   registry.ScopeAuditRead,
}

// checkScope refuses what a's credential is not good for.
func (s *server) checkScope(r *http.Request, a registry.Actor) *registry.Error {
	if len(a.Scopes) == 0 {
		return nil
	}
	_, pattern := s.mux.Handler(r)
	if pattern == "" {
		return nil // the mux refuses it
	}
	operation := operationOf(pattern, r.URL.Path)
	if operation == "GET "+exportPath && r.URL.Query().Has("format") {
		operation = recordsExport
	}
	scope, decided := scopes[operation]
	if !decided {
		return registry.Refuse(registry.CodeForbidden, "", "the credential is limited and not good for this request")
	}
	if scope == anyScope {
		return nil
	}
	return a.RequireScope(scope)
}

// operationOf names the operation as the document does: the mux has all steps of a thing as one route.
func operationOf(pattern, path string) string {
	start, ok := strings.CutSuffix(pattern, "{idaction}")
	if !ok {
		return pattern
	}
	_, action := splitStep(path)
	return start + "{id}:" + action
}

// splitStep takes apart the segment of a step, "<id>:<step>". An id may have colons.
func splitStep(segment string) (id, action string) {
	i := strings.LastIndexByte(segment, ':')
	if i < 0 {
		return segment, ""
	}
	return segment[:i], segment[i+1:]
}

// addStep describes a step, "…/{id}:<step>", which a hidden route takes.
func addStep(s *server, o operation) {
	op := s.describe(o)
	op.Parameters = []*huma.Param{{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}}
	s.huma.OpenAPI().AddOperation(&op)
}
