// Command handleload asks a node for the values of Handles over its native protocol, over UDP and
// over kept, pipelined TCP connections. A closed run keeps a number of queries under way and finds
// how many the node answers; an open run asks at a fixed rate, whatever becomes of the answers, and
// finds how long they take, counted from when each query was due. Without --server it starts a node
// for it; without --rate the open runs take half of what the closed ones have reached. What a bare
// echo over UDP costs is measured beside it, as the floor.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/measure"
	"github.com/idnode/idnode/bench/internal/target"
	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
)

// options are the flags.
type options struct {
	target      target.Flags
	transport   string
	mode        string
	rate        float64
	outstanding int
	conns       int
	duration    time.Duration
	warmup      time.Duration
	timeout     time.Duration
	records     uint64
	pick        string
	seed        uint64
	baseline    bool

	picked uint64 // pickers made so far; each has a seed of its own
}

func main() {
	var o options
	o.target.Register(flag.CommandLine)
	flag.StringVar(&o.transport, "transport", "udp,tcp", "udp, tcp or both")
	flag.StringVar(&o.mode, "mode", "closed,open", "closed, open or both")
	flag.Float64Var(&o.rate, "rate", 0, "queries a second of open runs (default half of what the closed run reached)")
	flag.IntVar(&o.outstanding, "outstanding", 64, "queries under way in closed runs, over all connections")
	flag.IntVar(&o.conns, "conns", 8, "sockets or connections")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "of a run")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "of closed load before each run")
	flag.DurationVar(&o.timeout, "timeout", time.Second, "after which an answer is given up")
	flag.Uint64Var(&o.records, "records", 100_000, "records that are loaded, where missing, and asked for")
	flag.StringVar(&o.pick, "pick", "zipf", "how records are chosen: zipf or uniform")
	flag.Uint64Var(&o.seed, "seed", 1, "of the records and of the choices")
	flag.BoolVar(&o.baseline, "baseline", true, "also measure a bare echo over UDP")
	echo := flag.Bool("echo", false, "be the bare echo: print its address, serve until standard input ends")
	flag.Parse()
	var err error
	if *echo {
		err = serveEcho(os.Stdin, os.Stdout)
	} else {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, &o)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "handleload:", err)
		os.Exit(1)
	}
}

func (o *options) check() error {
	var errs []error
	oneOf := func(name, list string, known ...string) {
		for item := range strings.SplitSeq(list, ",") {
			if !slices.Contains(known, item) {
				errs = append(errs, fmt.Errorf("--%s knows %s, not %q", name, strings.Join(known, ", "), item))
			}
		}
	}
	oneOf("transport", o.transport, "udp", "tcp")
	oneOf("mode", o.mode, "closed", "open")
	oneOf("pick", o.pick, "zipf", "uniform")
	if o.conns < 1 || o.outstanding < o.conns || o.outstanding > o.conns*flightSize/2 {
		errs = append(errs, fmt.Errorf("--outstanding is from --conns to %d times --conns", flightSize/2))
	}
	if o.mode == "open" && o.rate <= 0 {
		errs = append(errs, errors.New("--mode open needs --rate"))
	}
	if o.records < 1 || o.duration <= 0 || o.timeout <= 0 || o.rate < 0 || flag.NArg() > 0 {
		errs = append(errs, errors.New("--records, --duration and --timeout are positive; there are no arguments"))
	}
	return errors.Join(errs...)
}

func run(ctx context.Context, o *options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	node, err := o.target.Open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := node.Close(); err == nil {
			err = e
		}
	}()
	c := corpus.Corpus{Names: corpus.Serials(target.Prefix), Seed: o.seed}
	s, err := node.Import(ctx, "skip-existing", c.NDJSON(0, o.records))
	if err != nil {
		return err
	}
	if s.Failed > 0 {
		return fmt.Errorf("load records: %d failed: %w", s.Failed, s.FirstFailure)
	}
	fmt.Printf("%d records, asked for by %s; %d sockets or connections\n", o.records, o.pick, o.conns)

	best := make(map[string]*measure.Result) // the closed run of each transport
	for transport := range strings.SplitSeq(o.transport, ",") {
		if err := verify(ctx, transport, node.Handle, c); err != nil {
			return err
		}
		l := &load{options: o, names: c.Names, network: transport, addr: node.Handle, want: handle.RcodeSuccess}
		for mode := range strings.SplitSeq(o.mode, ",") {
			name, once := fmt.Sprintf("%s, %d outstanding", transport, o.outstanding), l.closed
			if mode == "open" {
				rate := o.rate
				if rate == 0 && best[transport] != nil {
					rate = best[transport].Rate() / 2
				}
				name = fmt.Sprintf("%s, %.0f/s due", transport, rate)
				once = func(ctx context.Context, d time.Duration) (*measure.Recorder, time.Duration, error) {
					return l.open(ctx, d, rate)
				}
			}
			if _, _, err := l.closed(ctx, o.warmup); err != nil {
				return err
			}
			r, err := node.Measure(name, func() (*measure.Recorder, time.Duration, error) { return once(ctx, o.duration) })
			if err != nil {
				return err
			}
			fmt.Println(r)
			if r.Done == 0 {
				return fmt.Errorf("%s: nothing was answered", name)
			}
			if mode == "closed" {
				best[transport] = r
			}
		}
	}
	if !o.baseline {
		return nil
	}
	return o.compare(ctx, c.Names, best["udp"])
}

// verify asks for one record with the ordinary client: load tells only response codes apart.
func verify(ctx context.Context, network, addr string, c corpus.Corpus) error {
	want := c.Record(0)
	got, err := client.Resolve(ctx, network, addr, client.Request{Handle: want.ID})
	if err != nil {
		return fmt.Errorf("ask for %s over %s: %w", want.ID, network, err)
	}
	if got.Code != handle.RcodeSuccess || len(got.Values) != len(want.Values) {
		return fmt.Errorf("ask for %s over %s: code %d with %d values", want.ID, network, got.Code, len(got.Values))
	}
	for i, v := range got.Values {
		if string(v.Data) != string(want.Values[i].Data) {
			return fmt.Errorf("ask for %s over %s: value %d is %q, want %q: was another --seed loaded?", want.ID, network, v.Index, v.Data, want.Values[i].Data)
		}
	}
	return nil
}

// compare measures the bare echo with the same questions, and says how many times its CPU time the
// node took in r, which may be nil.
func (o *options) compare(ctx context.Context, names corpus.Names, r *measure.Result) error {
	e, err := startEcho(ctx)
	if err != nil {
		return err
	}
	l := &load{options: o, names: names, network: "udp", addr: e.addr, want: handle.RcodeRequest}
	rec, elapsed, err := l.closed(ctx, o.duration)
	cpu, stopErr := e.stop()
	if err := cmp.Or(err, stopErr); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	b := &measure.Result{Name: "bare echo over udp", Elapsed: elapsed, Recorder: rec, Server: &measure.Usage{CPU: cpu}}
	fmt.Println(b)
	if r != nil && r.CPU() > 0 && b.CPU() > 0 {
		fmt.Printf("a query over UDP takes %.2f times the CPU of an echo\n", float64(r.CPU())/float64(b.CPU()))
	}
	return nil
}
