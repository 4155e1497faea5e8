// Package idhub speaks the API of the market's enterprise node (IDHub), so that software made for such a node
// works with this one after a change of its base URL. Its calls are mapped onto the registrar: metadata are the
// registry's templates, records its identifiers, application identities its accounts that log in by signing;
// tokens are good for every other surface of the registry.
//
// Every answer is {"code", "message", "data"} with HTTP status 200, of refusals too; success is code 1 or 10000,
// as each call has it. Only an unknown path (404) and a wrong method (405) show in the HTTP status. Calls for which
// the registry has no matter are refused with code 602 and say what to use instead.
//
// The identifier of metadata is <prefix>/META_<name>, for the template of that name in the namespace of the prefix.
// It is a name of this API: it is not resolved over other protocols.
//
// Facts are cited by section of the project's notes on that API (spec/idhub-api.md) and, for metadata, of
// spec/snms-api.md, section 5.2.
package idhub
