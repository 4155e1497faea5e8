// Package snms speaks the market's registration API (SNMS OpenAPI v3 and v5), so that software made
// for other secondary nodes works after a change of its base URL. Its calls are mapped onto the
// registrar; their tokens are good for every other surface of the registry.
//
// Every answer is {"message", "status", "data"} with HTTP status 200, of refusals too: status 1 is
// done, -1 not logged in, -2 refused for the reason in message, -3 no right, -4 trouble of ours.
// Only an unknown path (404) and a wrong method (405) show in the HTTP status.
//
// A create that is repeated because its answer was lost is done: by the same account or key, with the
// same content, within 24 hours, and if nobody changed it since. A request whose outcome the store
// cannot tell is answered with -4, and a repeat settles it.
//
// Things that the interface knows by numbers (enterprises, files) have those of [registry.Number]; the registry's own ids
// are taken as well. Prefixes in pages and templates have numbers that nothing is found by.
//
// Who is entered by /identity/registry belongs to no enterprise until /ent/upgrade-apply names one, and does nothing else
// until then. An enterprise that applies is pending: the people of the node approve it and its prefix (/v1, idctl).
//
// Facts are cited by section of the project's notes on that API (spec/snms-api.md).
package snms
