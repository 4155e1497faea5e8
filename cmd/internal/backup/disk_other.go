//go:build !unix

package backup

// lock does nothing: the system has no locks that end with their process.
func lock(string) (unlock func(), err error) { return func() {}, nil }

// freeSpace cannot be told.
func freeSpace(string) (octets int64, ok bool) { return 0, false }
