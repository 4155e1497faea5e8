// Package target is the node under load as a client sees it: one that runs already, or one started
// for the purpose on a directory of its own.
package target

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/idnode/idnode/bench/internal/measure"
	"github.com/idnode/idnode/bench/internal/proc"
)

const (
	// Prefix is the namespace that the generators fill, under NodePrefix, which a node must have.
	Prefix     = NodePrefix + ".150"
	NodePrefix = "88.1021"

	startTimeout = time.Minute
	stopTimeout  = 30 * time.Second
)

// Flags say which node to load.
type Flags struct {
	Server, GRPC, Handle, DNS, Admin, KeyFile string
	Node, Dir                                 string
}

// Register adds the flags to fs.
func (f *Flags) Register(fs *flag.FlagSet) {
	fs.StringVar(&f.Server, "server", "", "HTTP address of a running node, as http://127.0.0.1:8080; empty starts --node")
	fs.StringVar(&f.GRPC, "grpc", "127.0.0.1:9090", "its gRPC address")
	fs.StringVar(&f.Handle, "handle", "127.0.0.1:2641", "its Handle address")
	fs.StringVar(&f.DNS, "dns", "127.0.0.1:5300", "its DNS address")
	fs.StringVar(&f.Admin, "admin", "127.0.0.1:9464", "its admin address; empty: no figures of the server's CPU time and allocations")
	fs.StringVar(&f.KeyFile, "key-file", "data/operator.key", "file with an operator's API key of it")
	fs.StringVar(&f.Node, "node", "bin/idnode", "program of the node that is started when there is no --server")
	fs.StringVar(&f.Dir, "dir", "", "where the started node's data directory is made and removed (default the system's place for temporary files)")
}

// Node is a node under load.
type Node struct {
	HTTP, GRPC, Handle, DNS, Admin string        // host:port
	Key                            string        // an operator's API key
	Ready                          time.Duration // from exec to readiness, of a node that was started here

	cmd       *exec.Cmd // nil if the node is not ours
	dir       string
	temporary bool // dir is removed at the end
	exited    chan error
}

// Open returns the node that f says, started if need be. Close it.
func (f *Flags) Open(ctx context.Context) (*Node, error) {
	if f.Server == "" {
		dir, err := os.MkdirTemp(f.Dir, "idnode-bench-")
		if err != nil {
			return nil, err
		}
		return Start(ctx, Options{Program: f.Node, Dir: dir, Temporary: true})
	}
	addr, ok := strings.CutPrefix(strings.TrimSuffix(f.Server, "/"), "http://")
	if !ok {
		return nil, fmt.Errorf("--server %s: an http:// address is needed", f.Server)
	}
	n := &Node{HTTP: addr, GRPC: f.GRPC, Handle: f.Handle, DNS: f.DNS, Admin: f.Admin}
	return n, n.readKey(f.KeyFile)
}

func (n *Node) readKey(name string) error {
	key, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	n.Key = strings.TrimSpace(string(key))
	return nil
}

// Options say how to start a node.
type Options struct {
	Program   string // its path
	Dir       string // its data directory
	Temporary bool   // Close removes Dir
	Cores     []int  // to run on; default those of this process
	Env       []string
}

// Start runs a node on free ports, with the loopback exempt from its UDP budget, and waits until it is
// ready. Its warnings and errors go to standard error.
func Start(ctx context.Context, o Options) (_ *Node, err error) {
	n := &Node{dir: o.Dir, temporary: o.Temporary, exited: make(chan error, 1)}
	n.cmd = exec.Command(o.Program, "serve", "--log-format", "json")
	n.cmd.Env = append(os.Environ(), "IDNODE_DATA_DIR="+o.Dir, "IDNODE_NODE_PREFIXES="+NodePrefix, "IDNODE_LIMITS_UDP_EXEMPT=127.0.0.0/8",
		"IDNODE_HTTP_LISTEN=127.0.0.1:0", "IDNODE_GRPC_LISTEN=127.0.0.1:0", "IDNODE_HANDLE_LISTEN=127.0.0.1:0", "IDNODE_DNS_LISTEN=127.0.0.1:0",
		"IDNODE_ADMIN_LISTEN=127.0.0.1:0")
	n.cmd.Env = append(n.cmd.Env, o.Env...)
	stderr, err := n.cmd.StderrPipe()
	begin := time.Now()
	if err == nil {
		err = proc.StartOn(o.Cores, n.cmd)
	}
	if err != nil {
		if o.Temporary {
			os.RemoveAll(o.Dir)
		}
		return nil, fmt.Errorf("start node: %w", err)
	}
	ready := make(chan logLine, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var l logLine
			switch err := json.Unmarshal(lines.Bytes(), &l); {
			case err == nil && l.Msg == "ready":
				ready <- l
			case err != nil || l.Level != "INFO" && l.Level != "DEBUG":
				fmt.Fprintf(os.Stderr, "node: %s\n", lines.Bytes())
			}
		}
		_, _ = io.Copy(io.Discard, stderr) // a line too long: the node must not block on it
		n.exited <- n.cmd.Wait()
	}()
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	select {
	case l := <-ready:
		n.Ready = time.Since(begin)
		n.HTTP, n.GRPC, n.Handle, n.DNS, n.Admin = l.HTTP, l.GRPC, l.Handle, l.DNS, l.Admin
	case err := <-n.exited:
		n.exited <- err
		return nil, errors.New("start node: it ended")
	case <-time.After(startTimeout):
		return nil, fmt.Errorf("start node: not ready after %v", startTimeout)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return n, n.readKey(filepath.Join(o.Dir, "operator.key"))
}

// logLine is a line of the node's log; the addresses are in that of readiness.
type logLine struct {
	Level, Msg                     string
	HTTP, GRPC, Handle, DNS, Admin string
}

// Close stops the node if it was started here, and removes its data if they are temporary.
func (n *Node) Close() error {
	if n.cmd == nil {
		return nil
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	var err error
	select {
	case err = <-n.exited:
	case <-time.After(stopTimeout):
		_ = n.cmd.Process.Kill()
		<-n.exited
		err = fmt.Errorf("it was still running %v after SIGTERM", stopTimeout)
	}
	if err != nil {
		err = fmt.Errorf("stop node: %w", err)
	}
	if n.temporary {
		err = errors.Join(err, os.RemoveAll(n.dir))
	}
	return err
}

// PID is the process of a node that was started here, or 0.
func (n *Node) PID() int {
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}

// Dir is the data directory of a node that was started here, or empty.
func (n *Node) Dir() string { return n.dir }

// Usage is what the node has spent: its allocations, which the admin listener tells, and its CPU time,
// of which /proc knows where the node was started here. It is nil if the node has no admin listener.
func (n *Node) Usage() (*measure.Usage, error) {
	if n.Admin == "" {
		return nil, nil
	}
	resp, err := http.Get("http://" + n.Admin + "/metrics")
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read metrics: %s", resp.Status)
	}
	u, err := parseUsage(resp.Body)
	if err == nil && n.PID() > 0 && runtime.GOOS == "linux" {
		u.CPU, err = proc.CPU(n.PID())
	}
	return u, err
}

func parseUsage(metrics io.Reader) (*measure.Usage, error) {
	var u measure.Usage
	found := 0
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if name != "process_cpu_seconds_total" && name != "go_memstats_mallocs_total" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("read metrics: %s: %w", name, err)
		}
		found++
		if name == "process_cpu_seconds_total" {
			u.CPU = time.Duration(v * float64(time.Second))
		} else {
			u.Mallocs = v
		}
	}
	if found != 2 && lines.Err() == nil {
		return nil, errors.New("read metrics: no process_cpu_seconds_total or no go_memstats_mallocs_total")
	}
	return &u, lines.Err()
}

// Measure runs load and returns what it did, with what the node spent meanwhile.
func (n *Node) Measure(name string, load func() (*measure.Recorder, time.Duration, error)) (*measure.Result, error) {
	before, err := n.Usage()
	if err != nil {
		return nil, err
	}
	rec, elapsed, err := load()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	after, err := n.Usage()
	if err != nil {
		return nil, err
	}
	r := &measure.Result{Name: name, Elapsed: elapsed, Recorder: rec}
	if before != nil && after != nil {
		spent := after.Sub(*before)
		r.Server = &spent
	}
	return r, nil
}
