// Package grpcserver answers idnode.v1.Resolver over gRPC: one question, a batch, or a stream of
// them.
//
// The server is anonymous: it shows values with public read and no others.
//
// Questions come as octets and are looked up as octets: an answer that is kept leaves as it was
// encoded once, and no message is built. See codec and kept.
package grpcserver
