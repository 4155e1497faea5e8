// Package api serves the registrar over HTTP: /v1/… in JSON, its OpenAPI 3.1 document at
// /openapi.json, and the limits in force at /v1/limits.
//
// Every error is a problem (RFC 9457) with the registrar's stable code. Identifiers travel in the
// query or the body, never in the path, because they hold "//", "..", "?" and "%2F". Operations are
// registered with huma, which writes the document; bodies are read by our own strict readers, so
// that an unknown member is an error that names its place. The import is a plain handler: it reads
// and writes at the same time.
package api
