// Package node builds the parts of an idnode daemon, starts them in order and stops them in
// reverse. It is the only place that knows them all: what the resolver must learn from the
// registrar goes through the observer that New wires between them and the store.
package node
