package dnsload

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/bench/corpus"
)

// WriteQueries writes count queries to the file called name, in the form that dnsperf reads.
func WriteQueries(name string, names corpus.Names, pick corpus.Picker, count int) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for range count {
		owner, err := Owner(names, pick())
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s NAPTR\n", strings.TrimSuffix(owner, "."))
	}
	return w.Flush()
}

// Perf is what dnsperf says of a run.
type Perf struct {
	Completed, Lost uint64
	Rate            float64       // completed a second
	Average         time.Duration // latency
	Codes           string        // "NOERROR 100 (100.00%)"
}

// Dnsperf runs dnsperf, which keeps 100 queries under way (a closed run), against addr for d.
func Dnsperf(ctx context.Context, network, addr, queries string, d time.Duration) (*Perf, error) {
	host, port, _ := strings.Cut(addr, ":")
	cmd := exec.CommandContext(ctx, "dnsperf", "-m", network, "-s", host, "-p", port, "-d", queries, "-q", "100", "-c", "8",
		"-l", strconv.Itoa(int(d.Seconds())))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("dnsperf: %w: %s", err, out)
	}
	return parsePerf(string(out))
}

var perfLine = regexp.MustCompile(`(?m)^\s*(Queries completed|Queries lost|Response codes|Queries per second|Average Latency \(s\)):\s+(.*)$`)

func parsePerf(out string) (*Perf, error) {
	found := make(map[string]string)
	for _, m := range perfLine.FindAllStringSubmatch(out, -1) {
		found[m[1]] = m[2]
	}
	number := func(name string) float64 {
		text, _, _ := strings.Cut(found[name], " ")
		v, _ := strconv.ParseFloat(text, 64) // 0 is told from a figure below
		return v
	}
	p := &Perf{Completed: uint64(number("Queries completed")), Lost: uint64(number("Queries lost")), Rate: number("Queries per second"),
		Average: time.Duration(number("Average Latency (s)") * float64(time.Second)), Codes: found["Response codes"]}
	if p.Completed == 0 {
		return nil, fmt.Errorf("dnsperf: nothing was answered: %s", out)
	}
	return p, nil
}
