// Package grpcserver answers idnode.v1.Resolver over gRPC: one question, a batch, or a stream of
// them.
//
// The server is anonymous: it shows values with public read and no others.
package grpcserver
