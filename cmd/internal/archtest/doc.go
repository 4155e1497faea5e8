// Package archtest holds tests of the tree itself: which package may import which, that each has
// one doc comment, that the top level stays as it is. Its rules are those of the map in README.md.
package archtest
