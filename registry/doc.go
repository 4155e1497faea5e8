// Package registry is the writing side of the node: enterprises, the namespaces allocated to them,
// their API keys, and the identifiers that they register.
//
// A [Registrar] holds every rule; the surfaces (registry/api over HTTP, registry/grpcapi over gRPC)
// translate to and from it. A refusal is an [*Error] with a stable code. What is acknowledged has
// been applied as one durable storage batch: the record at its expected version, the state before,
// the change, the answer to repeat for an idempotent retry, and the audit entry. See DESIGN.md.
package registry
