// Package auth tells who calls: it turns the bearer credential of a request into a registry.Actor.
package auth
