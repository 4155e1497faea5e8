// Package httpserver answers resolution over HTTP: /resolve?id= for codes of any scheme in any
// spelling, in idnode's own JSON, and /api/handles/… as the JSON REST interface of the Handle reference
// server, which is for Handles only.
//
// It stands before any mux, because raw identifiers hold "//", "..", "?" and "%2F", and hands the
// paths that are not its own to the next handler.
package httpserver
