// Package nodepb is the node's gRPC interface: the services idnode.v1.Resolver and
// idnode.v1.Registry, generated from the .proto files in idnode/v1, and conversions between their
// messages and package identifier.
package nodepb
