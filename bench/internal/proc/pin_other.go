//go:build !linux

package proc

import (
	"os/exec"
	"runtime"
)

// Cores are the cores of the server and those of the generator.
type Cores struct{ Server, Generator []int }

// Pin does nothing here.
func Pin() (Cores, error) { return Cores{}, nil }

// StartOn starts cmd.
func StartOn(_ []int, cmd *exec.Cmd) error { return cmd.Start() }

// Kernel is the name of the system.
func Kernel() string { return runtime.GOOS }
