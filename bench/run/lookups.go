package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/dnsload"
	"github.com/idnode/idnode/bench/grpcload"
	"github.com/idnode/idnode/bench/handleload"
	"github.com/idnode/idnode/bench/httpload"
	"github.com/idnode/idnode/bench/internal/drive"
	"github.com/idnode/idnode/bench/internal/measure"
	"github.com/idnode/idnode/bench/internal/report"
	"github.com/idnode/idnode/bench/internal/target"
	"github.com/idnode/idnode/proto/nodepb"
)

const batchRows = 1000 // identifiers of a BatchResolve

// frontEnds are those of node, for identifiers that have records or have none.
func (b *bench) frontEnds(node *target.Node, unknown bool) []drive.Front {
	names := b.corpus.Names
	status := nodepb.ResolveResponse_FOUND
	if unknown {
		status = nodepb.ResolveResponse_NOT_FOUND
	}
	d, h := dnsload.Options{Names: names, Unknown: unknown}, handleload.Options{Names: names, Unknown: unknown}
	g := grpcload.Options{Names: names, Status: status}
	web, rest := httpload.Options{Names: names, Unknown: unknown}, httpload.Options{Names: names, Unknown: unknown, REST: true}
	all := []drive.Front{d.Front("udp", node.DNS), d.Front("tcp", node.DNS), h.Front("udp", node.Handle), h.Front("tcp", node.Handle),
		g.Unary(node.GRPC), g.Batch(node.GRPC, batchRows), web.Front(node.HTTP), rest.Front(node.HTTP)}
	if b.fronts == "" {
		return all
	}
	return slices.DeleteFunc(all, func(f drive.Front) bool { return !slices.Contains(strings.Split(b.fronts, ","), f.Name) })
}

// setting asks node over all front ends.
func (b *bench) setting(ctx context.Context, node *target.Node, s setting) error {
	for _, w := range s.runs {
		for _, f := range b.frontEnds(node, w.unknown) {
			progress("%s: %s", f.Name, w.name)
			if err := b.lookup(ctx, node, f, w); err != nil {
				return fmt.Errorf("%s, %s: %w", f.Name, w.name, err)
			}
		}
		if b.dnsperf == nil {
			continue
		}
		for _, network := range []string{"udp", "tcp"} {
			progress("dnsperf over %s: %s", network, w.name)
			if err := b.perf(ctx, node, network, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookup makes a row: a closed run, and an open one at half of its rate.
func (b *bench) lookup(ctx context.Context, node *target.Node, f drive.Front, w workload) error {
	b.seed++
	l := &drive.Load{Front: f, Pick: w.pick, Seed: b.seed << 16}
	if _, _, err := l.Closed(ctx, b.warmup); err != nil {
		return err
	}
	closed, err := node.Measure(f.Name, func() (*measure.Recorder, time.Duration, error) { return l.Closed(ctx, b.duration) })
	if err != nil {
		return err
	}
	if closed.Done == 0 {
		return fmt.Errorf("nothing was answered: %w", closed.First)
	}
	half := closed.Rate() / 2
	rec, elapsed, err := l.Open(ctx, b.duration, half)
	if err != nil {
		return err
	}
	open := &measure.Result{Elapsed: elapsed, Recorder: rec}
	p50, p99, p999 := percentiles(open)
	each := f.Identifiers()
	b.lookups.Row(f.Name, w.name, rate(closed, each), cpu(closed, each), allocations(closed, each), fmt.Sprintf("%.0f", half*float64(each)),
		p50, p99, p999, fmt.Sprint(closed.Failed+open.Failed), fmt.Sprint(closed.TimedOut+open.TimedOut))
	for _, r := range []*measure.Result{closed, open} {
		if r.First != nil {
			b.report.Note("%s, %s: the first that failed: %v", f.Name, w.name, r.First)
		}
	}
	return nil
}

func rate(r *measure.Result, each int) string { return fmt.Sprintf("%.0f", r.Rate()*float64(each)) }

func cpu(r *measure.Result, each int) string {
	if r.Server == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", float64(r.CPU())/float64(each)/float64(time.Microsecond))
}

func allocations(r *measure.Result, each int) string {
	if r.Server == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", r.Server.Mallocs/float64(r.Done)/float64(each))
}

func percentiles(r *measure.Result) (p50, p99, p999 string) {
	at := func(p float64) string {
		if d := r.Percentile(p); d > 0 {
			return measure.Short(d)
		}
		return ""
	}
	return at(50), at(99), at(99.9)
}

// perf lets dnsperf ask.
func (b *bench) perf(ctx context.Context, node *target.Node, network string, w workload) error {
	const fastest = 500_000 // queries a second: dnsperf begins anew where it is faster
	b.seed++
	queries := filepath.Join(b.data, "queries")
	if err := dnsload.WriteQueries(queries, b.corpus.Names, w.pick(b.seed<<16), int(b.duration.Seconds()*fastest)); err != nil {
		return err
	}
	before, err := node.Usage()
	if err != nil {
		return err
	}
	p, err := dnsload.Dnsperf(ctx, network, node.DNS, queries, b.duration)
	if err != nil {
		return err
	}
	after, err := node.Usage()
	if err != nil {
		return err
	}
	spent := ""
	if before != nil && after != nil {
		spent = fmt.Sprintf("%.2f", float64(after.Sub(*before).CPU)/float64(p.Completed)/float64(time.Microsecond))
	}
	b.dnsperf.Row("DNS "+strings.ToUpper(network), w.name, fmt.Sprintf("%.0f", p.Rate), spent, measure.Short(p.Average), fmt.Sprint(p.Lost))
	if want := map[bool]string{false: "NOERROR", true: "NXDOMAIN"}[w.unknown]; !strings.HasPrefix(p.Codes, want) || strings.Contains(p.Codes, ",") {
		b.report.Note("dnsperf over %s, %s: answers with %s", network, w.name, p.Codes)
	}
	return nil
}

// lookupsWhile runs act, and lookups beside it at a moderate rate.
func (b *bench) lookupsWhile(ctx context.Context, node *target.Node, what string, act func() error) error {
	const due = 5000 // queries a second
	t := b.report.Table(fmt.Sprintf("Lookups by DNS UDP while one %s of %d runs: open, %d/s due, Zipf", what, b.imported, due), 1, "", "a second", "p50", "p99", "p99.9", "errors", "timeouts")
	n := min(b.records, 1_000_000)
	row := func(name string, during func() error) error {
		progress("lookups, %s", name)
		l := &drive.Load{Front: dnsload.Options{Names: b.corpus.Names}.Front("udp", node.DNS), Seed: 1 << 40,
			Pick: func(seed uint64) corpus.Picker { return corpus.Zipf(seed, n, 1.1) }}
		return beside(ctx, t, name, l, due, during)
	}
	return errors.Join(
		row("nothing else", func() error { time.Sleep(b.duration); return nil }),
		row(what, act),
	)
}

// beside asks what l says, at a fixed rate, as long as during runs, and makes a row of t of the answers.
func beside(ctx context.Context, t *report.Table, name string, l *drive.Load, due float64, during func() error) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() {
		done <- during()
		stop() // the run ends with what it is beside
	}()
	rec, elapsed, err := l.Open(running, 10*time.Minute, due)
	if e := <-done; e != nil {
		return e
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	r := &measure.Result{Elapsed: elapsed, Recorder: rec}
	p50, p99, p999 := percentiles(r)
	t.Row(name, rate(r, 1), p50, p99, p999, fmt.Sprint(r.Failed), fmt.Sprint(r.TimedOut))
	return ctx.Err()
}
