// Command run measures a node as its clients see it, and prints tables: lookups over each front end,
// hits, misses of the cache, and unknown identifiers; registrations; the start and the memory. Lookups
// are asked for in closed runs, which find throughput and CPU time, and in open runs at half of that
// throughput, which find latencies, counted from when each query was due. Registrations are closed.
// Where dnsperf is installed it asks as well: an outside judge.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/measure"
	"github.com/idnode/idnode/bench/internal/proc"
	"github.com/idnode/idnode/bench/internal/report"
	"github.com/idnode/idnode/bench/internal/target"
	"github.com/idnode/idnode/bench/registerload"
)

// options are the flags.
type options struct {
	target   target.Flags
	loader   string
	data     string
	out      string
	records  uint64
	imported uint64
	duration time.Duration
	warmup   time.Duration
	clients  int
	sections string
	fronts   string
	pin      bool
}

const (
	lookups       = "lookups"
	registrations = "registrations"
	floods        = "floods"
)

func main() {
	var o options
	o.target.Register(flag.CommandLine)
	flag.StringVar(&o.loader, "corpusload", ".bench/bin/corpusload", "program that makes the node's data")
	flag.StringVar(&o.data, "data", ".bench", "where data are made, and found by later runs")
	flag.StringVar(&o.out, "out", "", "write the tables to this name with .md and .json behind it, too")
	flag.Uint64Var(&o.records, "records", 1_000_000, "records that are asked for")
	flag.Uint64Var(&o.imported, "import", 1_000_000, "records of an import")
	flag.DurationVar(&o.duration, "duration", 3*time.Second, "of a run, in whole seconds")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "of load before the runs of a row")
	flag.IntVar(&o.clients, "clients", 256, "that register one at a time")
	flag.StringVar(&o.sections, "sections", lookups+","+registrations+","+floods, "what is measured")
	flag.StringVar(&o.fronts, "fronts", "", "some of the front ends, with commas, as the table names them (default all)")
	flag.BoolVar(&o.pin, "pin", true, "keep the server on one core and the generator on the others, where there are two or more")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// bench is the whole of it.
type bench struct {
	*options
	cores  proc.Cores
	corpus corpus.Corpus
	report report.Report

	lookups *report.Table
	dnsperf *report.Table // nil without dnsperf
	process *report.Table
	seed    uint64
}

func run(ctx context.Context, o *options) (err error) {
	sections := strings.Split(o.sections, ",")
	if slices.ContainsFunc(sections, func(s string) bool { return s != lookups && s != registrations && s != floods }) ||
		o.records < 1 || o.imported < 1 || o.duration < time.Second || o.clients < 1 || flag.NArg() > 0 {
		return fmt.Errorf("--sections knows %s, %s and %s; --records, --import and --clients are positive, --duration is at least a second; there are no arguments", lookups, registrations, floods)
	}
	b := &bench{options: o, corpus: corpus.Corpus{Names: corpus.Serials(target.Prefix), Seed: target.Seed}}
	if o.pin {
		if b.cores, err = proc.Pin(); err != nil {
			return err
		}
	}
	b.report.Machine(b.cores)
	b.report.Fact("records", "%d", o.records)
	b.report.Fact("method", "throughput and CPU: closed runs of %v; p50, p99, p99.9: open runs of %v at half of that throughput, from when a query was due", o.duration, o.duration)
	if slices.Contains(sections, lookups) {
		if err := b.allLookups(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(sections, registrations) {
		if err := b.allRegistrations(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(sections, floods) {
		if err := b.allFloods(ctx); err != nil {
			return err
		}
	}
	b.report.Note("CPU is user and system time of the server's process, allocations are objects on its heap; both hold for background work, too.")
	if err := b.report.WriteText(os.Stdout); err != nil || o.out == "" {
		return err
	}
	return b.report.Save(o.out)
}

// setting is a state of the node, and what it is asked for then.
type setting struct {
	name string
	env  []string
	runs []workload
}

// workload is a way to choose what is asked for.
type workload struct {
	name    string
	unknown bool
	pick    func(seed uint64) corpus.Picker
}

func (b *bench) settings() []setting {
	n := b.records
	zipf := workload{"hits, Zipf", false, func(seed uint64) corpus.Picker { return corpus.Zipf(seed, n, 1.1) }}
	uniform := workload{"misses, uniform", false, func(seed uint64) corpus.Picker { return corpus.Uniform(seed, n) }}
	unknown := workload{"unknown, uniform", true, func(seed uint64) corpus.Picker {
		pick := corpus.Uniform(seed, n)
		return func() uint64 { return n + pick() }
	}}
	return []setting{
		{"as configured", nil, []workload{zipf}},
		{"cache of 1 % of the records", target.Bounded(n), []workload{uniform, unknown}},
	}
}

func (b *bench) allLookups(ctx context.Context) error {
	b.lookups = b.report.Table("Lookups: queries, or identifiers of a batch. Misses and unknown: the node's cache holds 1 % of the records, the store answers.", 2,
		"front end", "asked for", "a second", "µs CPU", "allocations", "due/s", "p50", "p99", "p99.9", "errors", "timeouts")
	if _, err := exec.LookPath("dnsperf"); err == nil {
		b.dnsperf = b.report.Table("dnsperf -q 100 -c 8 (closed)", 2, "front end", "asked for", "a second", "µs CPU", "average", "lost")
	} else {
		b.report.Note("dnsperf: NOT RUN: it is not installed (deploy/deps.sh bench).")
	}
	b.process = b.report.Table("The node's process", 1, "state", "start to ready", "memory at start", "after the runs", "at most")
	if b.target.Server != "" {
		node, err := b.target.Open(ctx)
		if err != nil {
			return err
		}
		b.report.Note("The node was running already: its cache is as it is, its process is not pinned, and its CPU time is from its metrics.")
		for _, s := range b.settings() {
			if err := b.setting(ctx, node, s); err != nil {
				return err
			}
		}
		return node.Close()
	}
	data, err := target.Data(ctx, b.loader, b.data, b.records)
	if err != nil {
		return err
	}
	for _, s := range b.settings() {
		node, err := target.Start(ctx, target.Options{Program: b.target.Node, Dir: data, Cores: b.cores.Server, Env: s.env})
		if err != nil {
			return err
		}
		if err := errors.Join(b.startAndStop(ctx, node, s), node.Close()); err != nil {
			return err
		}
	}
	return nil
}

// startAndStop runs a setting on a node that was started for it, and tells of its process.
func (b *bench) startAndStop(ctx context.Context, node *target.Node, s setting) error {
	before, err := proc.Resident(node.PID())
	if err != nil {
		return err
	}
	if err := b.setting(ctx, node, s); err != nil {
		return err
	}
	after, err := proc.Resident(node.PID())
	if err != nil {
		return err
	}
	b.process.Row(s.name, measure.Short(node.Ready), mebibytes(before.Now), mebibytes(after.Now), mebibytes(after.Most))
	return nil
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

// allRegistrations registers on a directory of its own.
func (b *bench) allRegistrations(ctx context.Context) (err error) {
	t := b.report.Table(fmt.Sprintf("Registrations, closed: acknowledged when synced. The node has all cores. %d clients, or one import or job of %d.", b.clients, b.imported), 1,
		"over", "a second", "µs CPU", "allocations", "p50", "p99", "p99.9", "errors")
	node, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	g := &registerload.Generator{Node: node, Corpus: corpus.Corpus{Names: corpus.Serials(target.NodePrefix + ".151"), Seed: target.Seed}, Clients: b.clients}
	if node.Dir() == "" {
		g.Begin(uint64(time.Now().Unix()) << 32) // a running node may have the numbers of earlier runs
	} else {
		wait, err := registerload.SyncTime(node.Dir())
		if err != nil {
			return err
		}
		b.report.Note("A write of 4 KiB is synced in %v (median) where the node that is registered with keeps its data.", wait.Round(time.Microsecond))
	}
	first, err := g.Prepare(b.data, 1) // allocates the namespace
	if err != nil {
		return err
	}
	if _, _, err := g.Import(ctx, first); err != nil {
		return errors.Join(err, first.Close())
	}
	if err := first.Close(); err != nil {
		return err
	}
	row := func(name string, r *measure.Result, err error) error {
		if err != nil {
			return err
		}
		if r.Done == 0 {
			return fmt.Errorf("%s: nothing was acknowledged: %w", name, r.First)
		}
		p50, p99, p999 := percentiles(r)
		t.Row(name, rate(r, 1), cpu(r, 1), allocations(r, 1), p50, p99, p999, fmt.Sprint(r.Failed+r.TimedOut))
		return nil
	}
	for _, mode := range []string{"http", "grpc"} {
		progress("registrations over %s", mode)
		r, err := g.Singles(ctx, mode, b.warmup, b.duration)
		if err := row(mode, r, err); err != nil {
			return err
		}
	}
	for _, bulk := range []struct {
		name   string
		send   func(context.Context, io.Reader) (*measure.Recorder, time.Duration, error)
		beside bool
	}{{"import", g.Import, false}, {"import", g.Import, true}, {"job", g.Job, false}, {"job", g.Job, true}} {
		progress("%s", bulk.name)
		lines, err := g.Prepare(b.data, b.imported)
		if err != nil {
			return err
		}
		sent := func(name string) error {
			r, err := node.Measure(bulk.name, func() (*measure.Recorder, time.Duration, error) { return bulk.send(ctx, lines) })
			return row(name, r, err)
		}
		if bulk.beside {
			err = b.lookupsWhile(ctx, node, bulk.name, func() error { return sent(bulk.name + " while lookups run") })
		} else {
			err = sent(bulk.name)
		}
		if err := errors.Join(err, lines.Close()); err != nil {
			return err
		}
	}
	return nil
}

// open is the node that is registered with: the one that runs, or one with a fresh copy of the records,
// at most a million, and all cores, because clients that wait for the disk leave the generator idle.
func (b *bench) open(ctx context.Context) (*target.Node, error) {
	if b.target.Server != "" {
		return b.target.Open(ctx)
	}
	parent, err := filepath.Abs(b.data)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "register-")
	if err != nil {
		return nil, err
	}
	if err := target.Load(ctx, b.loader, dir, min(b.records, 1_000_000)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return target.Start(ctx, target.Options{Program: b.target.Node, Dir: dir, Cores: slices.Concat(b.cores.Server, b.cores.Generator), Temporary: true})
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
