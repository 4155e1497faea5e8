// Package httpserver answers over HTTP: /resolve?id= for codes of any scheme in any spelling, in idnode's own JSON;
// /api/… as the JSON REST interface of the Handle reference server, for Handles only, writing included; binary
// messages of the Handle protocol, told by their content type; and any other path as an identifier, as it stands,
// which browsers are sent on from, or shown the record of.
//
// It stands before any mux, because raw identifiers hold "//", "..", "?" and "%2F", and hands the
// paths that are not its own to the next handler.
//
// Writes of the REST interface are messages of the Handle protocol, carried out by its server for who has
// authenticated by the means of HTTP: HTTP Basic, sessions, or a certificate, over TLS only. So their rules, codes and
// audit are the same.
//
// What records hold reaches pages through html/template only, and headers after a check: a record cannot send
// anybody to another scheme than those of [Options], nor add a header.
package httpserver
