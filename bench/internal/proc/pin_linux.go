package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Cores are the cores of the server, one, and those of the generator.
type Cores struct{ Server, Generator []int }

// Pin moves this process to all the cores that it may use but the first, which is for the server. On a
// machine with one core it does nothing, and returns no cores.
func Pin() (Cores, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return Cores{}, fmt.Errorf("pin: %w", err)
	}
	var all []int
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	if len(all) < 2 {
		return Cores{}, nil
	}
	c := Cores{Server: all[:1], Generator: all[1:]}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return Cores{}, fmt.Errorf("pin: %w", err)
	}
	own := cpus(c.Generator)
	for _, t := range tasks { // threads to come inherit it
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return Cores{}, fmt.Errorf("pin: %w", err)
		}
		if err := unix.SchedSetaffinity(tid, own); err != nil && !errors.Is(err, unix.ESRCH) {
			return Cores{}, fmt.Errorf("pin: %w", err)
		}
	}
	// One more than cores, or the thread that paces, asleep in the kernel, would keep answers waiting.
	runtime.GOMAXPROCS(len(c.Generator) + 1)
	return c, nil
}

func cpus(list []int) *unix.CPUSet {
	var set unix.CPUSet
	for _, cpu := range list {
		set.Set(cpu)
	}
	return &set
}

// StartOn starts cmd on the given cores, or, without any, on those of this process.
func StartOn(list []int, cmd *exec.Cmd) error {
	if len(list) == 0 {
		return cmd.Start()
	}
	// The child has the cores of the thread that makes it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("pin: %w", err)
	}
	if err := unix.SchedSetaffinity(0, cpus(list)); err != nil {
		return fmt.Errorf("pin: %w", err)
	}
	return errors.Join(cmd.Start(), unix.SchedSetaffinity(0, &before))
}

// Kernel is the name and release of the running kernel.
func Kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
