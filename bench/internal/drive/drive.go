// Package drive asks a server many questions over one of its front ends and times the answers. A
// closed run keeps a number of queries under way and finds how many the server answers; an open run
// asks at a fixed rate, whatever becomes of the answers, and finds how long they take, counted from
// when each query was due. What a query is and what a good answer, a [Codec] says.
package drive

import (
	"cmp"
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/measure"
)

// Codec writes the queries of one connection and reads its answers. Queries and answers may be under
// way at the same time: Append is not called while Append runs, nor Answer while Answer does.
type Codec interface {
	// Preface is what a new stream begins with; nil for nothing. Datagrams have none.
	Preface() []byte
	// Append appends the query of id, for what pick chooses. Ids count up from 1.
	Append(dst []byte, id uint32, pick corpus.Picker) []byte
	// Frame is how long the first message of a stream is that head begins, 0 if head is too short to
	// tell. Datagrams are not framed.
	Frame(head []byte) (int, error)
	// Answer reads a message. The id is that of the query that it ends, 0 if it ends none; the error says
	// why the answer is not a good one. Reply is to be sent back, if there is one.
	Answer(message []byte) (id uint32, reply []byte, err error)
}

// Front is a front end to ask. Its zero fields have defaults.
type Front struct {
	Name    string
	Network string // "udp" or "tcp"
	Addr    string // host:port
	Codec   func() Codec

	ShortIDs    bool // answers bring back the low 16 bits of an id only
	Conns       int  // sockets or connections; default 8
	Outstanding int  // queries under way in closed runs, over all connections; default 100
	Each        int  // identifiers in a query; default 1
}

func (f *Front) conns() int { return cmp.Or(f.Conns, 8) }

// UnderWay is how many queries are under way in closed runs.
func (f *Front) UnderWay() int { return cmp.Or(f.Outstanding, 100) }

// Identifiers is how many identifiers a query asks for.
func (f *Front) Identifiers() int { return cmp.Or(f.Each, 1) }

// Load is what to ask a front end for.
type Load struct {
	Front   Front
	Pick    func(seed uint64) corpus.Picker // a connection's choices; seeds differ from one to the next
	Timeout time.Duration                   // after which an answer is given up; default a second
	Seed    uint64
}

func (l *Load) timeout() time.Duration { return cmp.Or(l.Timeout, time.Second) }

// asker is a connection with its queries.
type asker struct {
	wire
	codec  Codec
	rec    *measure.Recorder // of who receives
	lost   int               // queries given up while asking, of who asks
	flight *flight
	pick   corpus.Picker
	start  time.Time // of the run
	out    []byte
	limit  time.Duration // after which an answer is given up
}

func (l *Load) askers() (all []*asker, err error) {
	mask := uint32(math.MaxUint32)
	if l.Front.ShortIDs {
		mask = math.MaxUint16
	}
	for range l.Front.conns() {
		c := l.Front.Codec()
		w, err := dial(&l.Front, c)
		if err != nil {
			closeAll(all)
			return nil, err
		}
		l.Seed++ // or each run would find in the cache what the one before asked for
		all = append(all, &asker{wire: w, codec: c, rec: measure.NewRecorder(), flight: newFlight(mask), pick: l.Pick(l.Seed), limit: l.timeout()})
	}
	return all, nil
}

func closeAll(all []*asker) {
	for _, a := range all {
		a.Close()
	}
}

// ask sends a query that is or was due then. It leaves with the next flush.
func (a *asker) ask(due time.Duration) error {
	id, lost := a.flight.begin(due)
	if lost {
		a.lost++
	}
	a.out = a.codec.Append(a.out[:0], id, a.pick)
	return a.send(a.out)
}

// take records the answer in message.
func (a *asker) take(message []byte) error {
	id, reply, bad := a.codec.Answer(message)
	if reply != nil {
		if err := errors.Join(a.send(reply), a.flush()); err != nil {
			return err
		}
	}
	if id == 0 && bad == nil {
		return nil
	}
	due, ok := a.flight.end(id)
	switch {
	case bad != nil:
		a.rec.Failure(bad)
	case ok: // or it came late, and has been counted
		a.rec.Success(time.Since(a.start) - due)
	}
	return nil
}

// finish closes the connections and sums up. What is still under way has timed out.
func finish(all []*asker, errs []error) (*measure.Recorder, error) {
	closeAll(all)
	sum := measure.NewRecorder()
	for _, a := range all {
		a.giveUp(math.MaxInt64)
		for range a.lost {
			a.rec.Failure(os.ErrDeadlineExceeded)
		}
		sum.Add(a.rec)
	}
	return sum, errors.Join(errs...)
}

// giveUp counts the queries that were due before limit as timed out.
func (a *asker) giveUp(limit time.Duration) {
	for range a.flight.expire(limit) {
		a.rec.Failure(os.ErrDeadlineExceeded)
	}
}

// Closed keeps the front end's number of queries under way for d. It returns d, too: those answered
// later are at most that number.
func (l *Load) Closed(ctx context.Context, d time.Duration) (*measure.Recorder, time.Duration, error) {
	all, err := l.askers()
	if err != nil {
		return nil, 0, err
	}
	errs := make([]error, len(all))
	var running sync.WaitGroup
	start := time.Now()
	for k, a := range all {
		a.start = start
		depth := l.Front.UnderWay() / len(all)
		if k < l.Front.UnderWay()%len(all) {
			depth++
		}
		running.Go(func() { errs[k] = a.keep(ctx, depth, d) })
	}
	running.Wait()
	sum, err := finish(all, errs)
	return sum, d, err
}

// keep asks so that depth queries are under way until d has passed, and takes the last answers.
func (a *asker) keep(ctx context.Context, depth int, d time.Duration) error {
	for {
		elapsed := time.Since(a.start)
		for elapsed < d && a.flight.underWay() < depth {
			if err := a.ask(elapsed); err != nil {
				return err
			}
		}
		if err := a.flush(); err != nil {
			return err
		}
		if a.flight.underWay() == 0 {
			return ctx.Err()
		}
		// The deadline is for the queries that get no answer; it is moved only when it has passed.
		if err := a.SetReadDeadline(time.Now().Add(a.limit / 4)); err != nil {
			return err
		}
		if err := a.exchange(d); !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		a.giveUp(time.Since(a.start) - a.limit)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// exchange takes answers and asks again for each, until d has passed and all are there.
func (a *asker) exchange(d time.Duration) error {
	for {
		message, err := a.receive()
		if err != nil {
			return err
		}
		before := a.flight.underWay()
		if err := a.take(message); err != nil {
			return err
		}
		if now := time.Since(a.start); now < d {
			for range before - a.flight.underWay() {
				if err := a.ask(now); err != nil {
					return err
				}
			}
		} else if a.flight.underWay() == 0 {
			return nil
		}
		if !a.waiting() {
			if err := a.flush(); err != nil {
				return err
			}
		}
	}
}

// Open asks rate queries a second for d, evenly spaced, over all connections in turn, and returns how
// long that took. One goroutine asks, and when it comes late it asks at once for all that is due. A
// latency counts from when its query was due: waiting that the server causes is not left out, and
// neither is the generator's own.
func (l *Load) Open(ctx context.Context, d time.Duration, rate float64) (*measure.Recorder, time.Duration, error) {
	all, err := l.askers()
	if err != nil {
		return nil, 0, err
	}
	errs := make([]error, len(all)+1)
	var receiving sync.WaitGroup
	start := time.Now()
	for k, a := range all {
		a.start = start
		receiving.Go(func() { errs[k] = a.receiveAll() })
	}
	errs[len(all)] = pace(ctx, all, start, d, rate)
	elapsed := time.Since(start)
	for end := time.Now().Add(l.timeout()); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if !slices.ContainsFunc(all, func(a *asker) bool { return a.flight.underWay() > 0 }) {
			break
		}
	}
	for _, a := range all {
		_ = a.SetReadDeadline(time.Unix(1, 0)) // ends receiveAll; a connection that is broken has ended it
	}
	receiving.Wait()
	sum, err := finish(all, errs)
	return sum, elapsed, err
}

// pace asks until all that is due within d has been asked. It has a thread of its own, because the
// runtime's timers wake a goroutine only to the millisecond.
func pace(ctx context.Context, all []*asker, start time.Time, d time.Duration, rate float64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	interval := float64(time.Second) / rate
	for n := 0; ; {
		asked := n
		for elapsed := time.Since(start); ; n++ {
			due := time.Duration(float64(n) * interval)
			if due >= d || due > elapsed {
				break
			}
			if err := all[n%len(all)].ask(due); err != nil {
				return err
			}
		}
		for k := range min(n-asked, len(all)) {
			if err := all[(asked+k)%len(all)].flush(); err != nil {
				return err
			}
		}
		due := time.Duration(float64(n) * interval)
		if due >= d || ctx.Err() != nil {
			return ctx.Err()
		}
		if err := sleep(due - time.Since(start)); err != nil {
			return err
		}
	}
}

// receiveAll takes answers until the read deadline.
func (a *asker) receiveAll() error {
	for {
		message, err := a.receive()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err == nil {
			err = a.take(message)
		}
		if err != nil {
			return err
		}
	}
}
