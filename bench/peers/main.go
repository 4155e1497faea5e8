// Command peers runs other servers in turn with a node, on the same records, the same core and by the
// same generator, and prints how many times their CPU time a query takes the node. The peers are NSD,
// Knot, CoreDNS and PowerDNS with LMDB, where they are installed, and two floors: a bare UDP echo and a
// gRPC handler that does nothing. All runs are closed: dnsperf, or where it is missing bench/dnsload, and
// bench/grpcload keep 100 queries under way.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/dnsload"
	"github.com/idnode/idnode/bench/grpcload"
	"github.com/idnode/idnode/bench/internal/drive"
	"github.com/idnode/idnode/bench/internal/measure"
	"github.com/idnode/idnode/bench/internal/proc"
	"github.com/idnode/idnode/bench/internal/report"
	"github.com/idnode/idnode/bench/internal/target"
	"github.com/idnode/idnode/proto/nodepb"
)

// options are the flags.
type options struct {
	node, loader, coredns string
	dir, out              string
	records               uint64
	rounds                int
	duration              time.Duration
	peers                 string
}

func main() {
	var o options
	flag.StringVar(&o.node, "node", "bin/idnode", "program of the node")
	flag.StringVar(&o.loader, "corpusload", ".bench/bin/corpusload", "program that makes the node's data")
	flag.StringVar(&o.coredns, "coredns", "coredns", "program of CoreDNS")
	flag.StringVar(&o.dir, "dir", ".bench", "where data are made, and found by later runs")
	flag.StringVar(&o.out, "out", "", "write the tables to this name with .md and .json behind it, too")
	flag.Uint64Var(&o.records, "records", 1_000_000, "records of every server")
	flag.IntVar(&o.rounds, "rounds", 3, "of every pair")
	flag.DurationVar(&o.duration, "duration", 4*time.Second, "of a run, in whole seconds")
	flag.StringVar(&o.peers, "peers", "", "some of the peers, with commas (default all): "+strings.Join(names(), ","))
	serve := flag.String("serve", "", "be a floor: echo or grpc")
	length := flag.Int("length", 200, "octets of the echo's answer")
	flag.Parse()
	var err error
	switch *serve {
	case "echo":
		err = serveEcho(*length)
	case "grpc":
		err = serveGRPC()
	default:
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, &o)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func names() (all []string) {
	for _, s := range starters {
		all = append(all, s.name)
	}
	return all
}

// bout is one state of the node and one way to choose what is asked.
type bout struct {
	name string
	env  []string // of the node
	pick func(seed uint64) corpus.Picker
}

// contest runs a node in turn with peers.
type contest struct {
	*options
	site    site
	corpus  corpus.Corpus
	peers   []*process
	report  report.Report
	dnsperf bool
	seed    uint64
}

func run(ctx context.Context, o *options) (err error) {
	if o.rounds < 1 || o.duration < time.Second || o.records < 1 || flag.NArg() > 0 {
		return errors.New("--rounds and --records are positive, --duration is at least a second; there are no arguments")
	}
	cores, err := proc.Pin()
	if err != nil {
		return err
	}
	c := &contest{options: o, corpus: corpus.Corpus{Names: corpus.Serials(target.Prefix), Seed: target.Seed}}
	_, e := exec.LookPath("dnsperf")
	c.dnsperf = e == nil
	data, err := target.Data(ctx, o.loader, o.dir, o.records)
	if err != nil {
		return err
	}
	c.site = site{cores: cores.Server, coredns: o.coredns}
	if c.site.dir, err = filepath.Abs(filepath.Join(o.dir, fmt.Sprintf("peers-%d", o.records))); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(c.site.dir, "knot"), 0o755); err != nil {
		return err
	}
	if err := writeZone(filepath.Join(c.site.dir, zoneFile), c.corpus, o.records); err != nil {
		return err
	}
	c.report.Machine(cores)
	c.report.Fact("records", "%d", o.records)
	generator := "bench/dnsload, 100 queries under way over 8 sockets (dnsperf is not installed)"
	if c.dnsperf {
		generator = "dnsperf -q 100 -c 8"
	}
	c.report.Fact("method", "closed runs of %v, %d rounds in turn; DNS by %s, gRPC by bench/grpcload, 100 calls under way over 8 connections", o.duration, o.rounds, generator)
	defer func() {
		for _, p := range c.peers {
			err = errors.Join(err, p.stop())
		}
	}()
	zipf := func(seed uint64) corpus.Picker { return corpus.Zipf(seed, o.records, 1.1) }
	uniform := func(seed uint64) corpus.Picker { return corpus.Uniform(seed, o.records) }
	for i, b := range []bout{
		{"Zipf", nil, zipf},
		{"uniform", nil, uniform},
		{"uniform, idnode's cache 1 % of the records", target.Bounded(o.records), uniform},
	} {
		if err := c.fight(ctx, data, cores.Server, b, i == 0); err != nil {
			return err
		}
	}
	c.report.Note("CPU is user and system time of the server's processes, from /proc. A ratio is idnode's CPU per query in the run just before the peer's, over the peer's.")
	c.report.Note("The Handle.Net server was not run: no package manager has it.")
	if err := c.report.WriteText(os.Stdout); err != nil || o.out == "" {
		return err
	}
	return c.report.Save(o.out)
}

// startPeers starts all that are asked for. A peer that cannot run is named in the report.
func (c *contest) startPeers(ctx context.Context, node *target.Node) error {
	want := names()
	if c.options.peers != "" {
		want = strings.Split(c.options.peers, ",")
	}
	sample := []uint64{0, c.records / 2, c.records - 1}
	var answers []string
	for _, i := range sample {
		text, length, err := dnsload.Answers(node.DNS, c.corpus.Names, i)
		if err != nil {
			return err
		}
		answers, c.site.length = append(answers, text), length
	}
	c.report.Note("idnode's answers are of %d octets.", c.site.length)
	for _, s := range starters {
		if !slices.Contains(want, s.name) {
			c.report.Note("%s: not run, because it was not asked for.", s.name)
			continue
		}
		fmt.Fprintf(os.Stderr, "%s: starting\n", s.name)
		p, err := s.start(ctx, &c.site)
		if err == nil && isDNS(p) {
			err = c.compare(ctx, p, sample, answers)
			if err != nil {
				err = errors.Join(err, p.stop())
			}
		}
		if err != nil {
			c.report.Note("%s: NOT RUN: %v", s.name, err)
			fmt.Fprintf(os.Stderr, "%s: not run: %v\n", s.name, err)
			continue
		}
		c.peers = append(c.peers, p)
	}
	return ctx.Err()
}

// isDNS reports whether p knows the records.
func isDNS(p *process) bool { return p.name != "UDP echo" && p.name != "empty gRPC" }

const loadTimeout = 10 * time.Minute // for a peer to read its zone

// compare waits until p answers and holds what it says against idnode's answers.
func (c *contest) compare(ctx context.Context, p *process, sample []uint64, answers []string) error {
	for end := time.Now().Add(loadTimeout); ; time.Sleep(100 * time.Millisecond) {
		text, _, err := dnsload.Answers(p.addr, c.corpus.Names, sample[0])
		if err == nil && text == answers[0] {
			break
		}
		if syscall.Kill(p.pid, 0) != nil || ctx.Err() != nil || time.Now().After(end) {
			return fmt.Errorf("it does not answer as idnode does: %q, %w", text, errors.Join(err, ctx.Err()))
		}
	}
	for k, i := range sample {
		text, length, err := dnsload.Answers(p.addr, c.corpus.Names, i)
		if err != nil || text != answers[k] {
			return fmt.Errorf("it answers %q, %w; idnode %q", text, err, answers[k])
		}
		if k == 0 && length != c.site.length {
			c.report.Note("%s's answers are of %d octets.", p.name, length)
		}
	}
	return nil
}

// figure is what a run has found.
type figure struct {
	cpu  time.Duration // a query
	rate float64
	lost uint64
}

// fight runs all pairs of a bout.
func (c *contest) fight(ctx context.Context, data string, cores []int, b bout, first bool) (err error) {
	node, err := target.Start(ctx, target.Options{Program: c.node, Dir: data, Cores: cores, Env: b.env})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	if first {
		if err := c.startPeers(ctx, node); err != nil {
			return err
		}
	}
	self := &process{name: "idnode", pid: node.PID(), addr: node.DNS}
	progress := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%s: %s\n", b.name, fmt.Sprintf(format, args...))
	}
	progress("runs of idnode that do not count: its cache fills")
	if _, err := c.ask(ctx, self, b); err != nil {
		return fmt.Errorf("idnode: %w", err)
	}
	c.seed++
	unary := grpcload.Options{Names: c.corpus.Names, Status: nodepb.ResolveResponse_FOUND}.Unary(node.GRPC)
	if _, err := c.load(ctx, self, unary, b); err != nil {
		return fmt.Errorf("idnode: %w", err)
	}
	ours, theirs := make([][]figure, len(c.peers)), make([][]figure, len(c.peers))
	for round := range c.rounds {
		for k, p := range c.peers {
			c.seed++
			for _, s := range []*process{self, p} {
				progress("round %d of %d: %s", round+1, c.rounds, s.name)
				var f figure
				if p.name == "empty gRPC" {
					front := unary
					if s == p {
						front = grpcload.Options{Names: c.corpus.Names}.Unary(p.addr)
					}
					f, err = c.load(ctx, s, front, b)
				} else {
					f, err = c.ask(ctx, s, b)
				}
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				if s == self {
					ours[k] = append(ours[k], f)
				} else {
					theirs[k] = append(theirs[k], f)
				}
			}
		}
	}
	t := c.report.Table(b.name, 1, "peer", "idnode µs", "peer µs", "idnode/peer min", "median", "max", "idnode/s", "peer/s", "lost")
	for k, p := range c.peers {
		t.Row(row(p.name, ours[k], theirs[k])...)
	}
	return nil
}

// row is a peer's line of a table.
func row(name string, ours, theirs []figure) []string {
	var ratios []float64
	var lost uint64
	for i := range ours {
		ratios = append(ratios, float64(ours[i].cpu)/float64(theirs[i].cpu))
		lost += ours[i].lost + theirs[i].lost
	}
	slices.Sort(ratios)
	micros := func(f figure) float64 { return float64(f.cpu) / float64(time.Microsecond) }
	rate := func(f figure) float64 { return f.rate }
	return []string{name, fmt.Sprintf("%.2f", median(ours, micros)), fmt.Sprintf("%.2f", median(theirs, micros)),
		fmt.Sprintf("%.2f", ratios[0]), fmt.Sprintf("%.2f", ratios[len(ratios)/2]), fmt.Sprintf("%.2f", ratios[len(ratios)-1]),
		fmt.Sprintf("%.0f", median(ours, rate)), fmt.Sprintf("%.0f", median(theirs, rate)), fmt.Sprint(lost)}
}

func median(figures []figure, of func(figure) float64) float64 {
	var all []float64
	for _, f := range figures {
		all = append(all, of(f))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// ask runs dnsperf, or dnsload without it, against s. Both servers of a pair get the same queries, and no
// two pairs do: what a cache has kept is not asked for again on purpose.
func (c *contest) ask(ctx context.Context, s *process, b bout) (figure, error) {
	if !c.dnsperf {
		return c.load(ctx, s, dnsload.Options{Names: c.corpus.Names}.Front("udp", s.addr), b)
	}
	queries := filepath.Join(c.site.dir, "queries")
	if s.name == "idnode" {
		const fastest = 300_000 // queries a second: more are never asked for, and dnsperf begins anew if they are
		if err := dnsload.WriteQueries(queries, c.corpus.Names, b.pick(c.seed), int(c.duration.Seconds()*fastest)); err != nil {
			return figure{}, err
		}
	}
	before, err := proc.CPU(s.pid)
	if err != nil {
		return figure{}, err
	}
	p, err := dnsload.Dnsperf(ctx, "udp", s.addr, queries, c.duration)
	if err != nil {
		return figure{}, err
	}
	after, err := proc.CPU(s.pid)
	if err == nil && !strings.HasPrefix(p.Codes, "NOERROR") || strings.Contains(p.Codes, ",") {
		err = fmt.Errorf("answers with %s", p.Codes)
	}
	return figure{cpu: (after - before) / time.Duration(p.Completed), rate: p.Rate, lost: p.Lost}, err
}

// load runs a generator of ours against s.
func (c *contest) load(ctx context.Context, s *process, f drive.Front, b bout) (figure, error) {
	l := drive.Load{Front: f, Pick: b.pick, Seed: c.seed << 16}
	before, err := proc.CPU(s.pid)
	if err != nil {
		return figure{}, err
	}
	rec, d, err := l.Closed(ctx, c.duration)
	if err != nil {
		return figure{}, err
	}
	after, err := proc.CPU(s.pid)
	if err != nil {
		return figure{}, err
	}
	r := measure.Result{Elapsed: d, Recorder: rec, Server: &measure.Usage{CPU: after - before}}
	if rec.Done == 0 || rec.Failed > 0 {
		return figure{}, fmt.Errorf("%d done, %d failed: %w", rec.Done, rec.Failed, rec.First)
	}
	return figure{cpu: r.CPU(), rate: r.Rate(), lost: rec.TimedOut}, nil
}
