//go:build !linux

package doctor

import (
	"errors"
	"runtime"
)

// The bounds of other systems than Linux are not looked at: nodes run there for development.
func (e *Examination) udp() []Finding             { return nil }
func (e *Examination) resources(*state) []Finding { return nil }
func (e *Examination) volume(string) []Finding    { return nil }

func kernelClock() Finding {
	return warning("clock_unknown", errors.New("this is "+runtime.GOOS))
}
