package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/idnode/idnode/bench/internal/proc"
)

// process is a server that runs.
type process struct {
	name, addr string // host:port
	pid        int
	stop       func() error
}

const stopTimeout = 30 * time.Second

// launch starts cmd on cores; what it says goes to a file in dir.
func launch(name, dir string, cores []int, cmd *exec.Cmd) (*process, error) {
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.Stderr = log
	if err := proc.StartOn(cores, cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	return &process{name: name, pid: cmd.Process.Pid, stop: func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-exited: // by a signal or not
			return nil
		case <-time.After(stopTimeout):
			_ = cmd.Process.Kill()
			<-exited
			return fmt.Errorf("stop %s: it was still running %v after SIGTERM", name, stopTimeout)
		}
	}}, nil
}

// launchSelf starts this program as one of its own servers, which prints its address.
func launchSelf(name, dir string, cores []int, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd.Stdout = w
	p, err := launch(name, dir, cores, cmd)
	w.Close()
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), p.stop())
	}
	p.addr = strings.TrimSpace(line)
	return p, nil
}

// freePort is a port of 127.0.0.1 that nobody has, over UDP.
func freePort() (string, error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer c.Close()
	_, port, err := net.SplitHostPort(c.LocalAddr().String())
	return port, err
}

// find is the path of a program, looked for in the system's place for servers, too.
func find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return filepath.Abs(path)
	}
	path, err := exec.LookPath(filepath.Join("/usr/sbin", program))
	if err != nil {
		return "", fmt.Errorf("%s is not installed", program)
	}
	return path, nil
}

// write makes a file of text.
func write(name, text string) error { return os.WriteFile(name, []byte(text), 0o644) }
