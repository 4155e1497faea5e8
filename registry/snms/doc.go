// Package snms speaks the market's registration API (SNMS OpenAPI v3 and v5), so that software made
// for other secondary nodes logs in after a change of its base URL: the two token calls of its
// identity section. Their tokens are good for every other surface of the registry.
//
// Facts are cited by section of the project's notes on that API (spec/snms-api.md).
package snms
