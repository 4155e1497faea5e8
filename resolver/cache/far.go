package cache

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sony/gobreaker/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// far keeps in Redis what other nodes said. Nobody waits longer for it than the budget: what takes longer goes on by
// itself, within opTimeout, so that connections get made however slow that is.
//
// Keys, behind the prefix; {h} is a hash that has the keys of an identifier in one slot of a cluster:
//
//	v{h}scheme:name   hash of answers by service and spelling, see appendForeign
//	f{h}scheme:name   lease: the token of who is asking; only its holder may fill v{h}…, and to forget is to delete both
//	epoch             random; answers from another epoch are no answers
//
// Each of them may vanish at any time: without the lease nothing is filled, without the epoch nothing is told.
type far struct {
	client  redis.UniversalClient
	name    string // of this node, in messages
	prefix  string
	budget  time.Duration
	lease   time.Duration
	breaker *gobreaker.TwoStepCircuitBreaker[any]
	room    chan struct{} // a place for each operation under way
	work    *work
	m       *sharedMetrics
}

const (
	opTimeout   = 250 * time.Millisecond // of an operation, whether somebody waits for it or not
	dialTimeout = time.Second
	breakAfter  = 3           // failures in a row
	breakFor    = time.Second // until one operation tries again
	connections = 64
)

// operation names what is done, for the metrics.
type operation string

const (
	opLook   operation = "look"
	opStore  operation = "store"
	opTake   operation = "take"
	opForget operation = "forget"
)

var (
	errSlow = errors.New("no answer within the budget")
	errBusy = errors.New("too many operations under way")
)

// quiet has go-redis keep to itself what it would print of broken connections: what matters of that is counted here.
var quiet = sync.OnceFunc(func() { redis.SetLogger(voidLogger{}) })

type voidLogger struct{}

func (voidLogger) Printf(context.Context, string, ...any) {}

func newFar(o *SharedOptions, w *work, m *sharedMetrics) *far {
	quiet()
	f := &far{name: rand.Text(), prefix: o.Prefix, budget: o.Budget, lease: o.Lease, room: make(chan struct{}, connections), work: w, m: m}
	f.client = redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: o.Addrs, MasterName: o.Master, IsClusterMode: o.Cluster, DB: o.DB,
		Username: o.Username, Password: o.Password,
		SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword,
		TLSConfig: o.TLS, DisableIdentity: true, Protocol: 2,
		ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1, MaxRedirects: 2,
		DialTimeout: dialTimeout, ReadTimeout: opTimeout, WriteTimeout: opTimeout, PoolTimeout: opTimeout,
		PoolSize: connections, PipelinePoolSize: -1, ConnMaxIdleTime: 5 * time.Minute,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	f.breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name: "redis", MaxRequests: 1, Timeout: breakFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakAfter },
	})
	return f
}

// attempt has do done and waits for that at most for wait. What was done later than that is handed to late.
// An error that is not Redis's own reply speaks against Redis, as does being slow.
func attempt[T any](f *far, op operation, wait time.Duration, do func(context.Context) (T, error), late func(T)) (T, error) {
	var none T
	select {
	case f.room <- struct{}{}:
	default:
		return none, f.m.redisFailed(op, errBusy)
	}
	report, err := f.breaker.Allow()
	if err == nil && !f.work.begin() {
		report(nil)
		err = redis.ErrClosed
	}
	if err != nil {
		<-f.room
		return none, f.m.redisFailed(op, err)
	}
	type result struct {
		v   T
		err error
	}
	begun := time.Now()
	done := make(chan result, 1)
	var settled atomic.Bool // by whichever comes first, the result or the end of waiting
	go func() {
		defer f.work.end()
		defer func() { <-f.room }()
		ctx, cancel := context.WithTimeout(context.Background(), opTimeout)
		defer cancel()
		v, err := do(ctx)
		if settled.CompareAndSwap(false, true) {
			done <- result{v, err}
		} else if err == nil && late != nil {
			late(v)
		}
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var r result
	select {
	case r = <-done:
	case <-timer.C:
		if settled.CompareAndSwap(false, true) {
			r.err = errSlow
		} else {
			r = <-done
		}
	}
	f.m.took(op, time.Since(begun))
	if replied(r.err) {
		report(nil)
	} else {
		report(r.err)
	}
	if r.err != nil {
		return none, f.m.redisFailed(op, r.err)
	}
	return r.v, nil
}

// replied reports whether err is what Redis replied, rather than that it did not.
func replied(err error) bool {
	if err == nil {
		return true
	}
	_, ok := err.(redis.Error) // one that is wrapped is of a connection that could not be set up
	return ok
}

// run runs p, whose replies have their own errors. The error is that there are none: without a connection that works,
// those of the commands may be nil.
func run(ctx context.Context, p redis.Pipeliner) error {
	cmds, err := p.Exec(ctx)
	if err == nil {
		return nil
	}
	for _, c := range cmds {
		if c.Err() == err && replied(err) {
			return nil
		}
	}
	return fmt.Errorf("connect to redis: %w", err)
}

// refused reports whether err is a reply that begins with word.
func refused(err error, word string) bool {
	return err != nil && replied(err) && strings.HasPrefix(err.Error(), word)
}

// keys returns where the answers for k stand, and the lease.
func (f *far) keys(k identifier.Key) (answers, lease string) {
	name := k.Scheme.String() + ":" + k.Name
	tail := "{" + strconv.FormatUint(xxhash.Sum64String(name), 16) + "}" + name
	return f.prefix + "v" + tail, f.prefix + "f" + tail
}

func (f *far) epochKey() string { return f.prefix + "epoch" }

// field is where in the answers for an identifier that of at stands.
func (at *slot) field() string {
	if at.from == (identifier.Service{}) {
		return "-" + at.suffix
	}
	return strconv.FormatUint(xxhash.Sum64(appendService(nil, &at.from)), 16) + "-" + at.suffix
}

// looked is what a look into Redis found.
type looked struct {
	foreign *resolver.Foreign // nil if there is none
	epoch   string            // for an answer that is asked for from now on
	token   string            // of the lease, if it was granted
	taken   bool              // another has the lease
}

// look returns what is kept for at. If enough says that this will not do, it asks for the lease. A reply that
// refuses the lease is no error: then there is none.
func (f *far) look(at slot, enough func(*resolver.Foreign) bool) (looked, error) {
	l, err := attempt(f, opLook, f.budget, func(ctx context.Context) (looked, error) {
		return f.lookup(ctx, &at, enough)
	}, func(l looked) {
		f.give(&at, l.token)
	})
	return l, err
}

func (f *far) lookup(ctx context.Context, at *slot, enough func(*resolver.Foreign) bool) (looked, error) {
	answers, lease := f.keys(at.key)
	var l looked
	p := f.client.Pipeline()
	value, epoch := p.HGet(ctx, answers, at.field()), p.Get(ctx, f.epochKey())
	if err := run(ctx, p); err != nil {
		return l, err
	}
	for _, err := range []error{value.Err(), epoch.Err()} {
		if err != nil && !errors.Is(err, redis.Nil) && !refused(err, "WRONGTYPE") {
			return l, err
		}
	}
	if refused(value.Err(), "WRONGTYPE") {
		f.m.redisFailed(opLook, errGarbage)
	}
	l.epoch = epoch.Val()
	if octets, err := value.Bytes(); err == nil && l.epoch != "" {
		kept, of, err := parseForeign(octets, at)
		if err != nil {
			f.m.redisFailed(opLook, err)
		} else if of == l.epoch {
			l.foreign = kept
		}
	}
	if enough(l.foreign) {
		return l, nil
	}
	token := rand.Text()
	p = f.client.Pipeline()
	switch {
	case refused(epoch.Err(), "WRONGTYPE"):
		p.Set(ctx, f.epochKey(), rand.Text(), 0)
	case l.epoch == "":
		p.SetNX(ctx, f.epochKey(), rand.Text(), 0)
	}
	if l.epoch == "" {
		epoch = p.Get(ctx, f.epochKey())
	}
	granted, left := p.SetNX(ctx, lease, token, f.lease), p.PTTL(ctx, lease)
	if err := run(ctx, p); err != nil {
		return l, err
	}
	l.epoch = epoch.Val()
	switch err := granted.Err(); {
	case err != nil && !replied(err):
		return l, err
	case err != nil:
		f.m.redisFailed(opTake, err)
	case granted.Val():
		l.token = token
	case left.Err() == nil && (left.Val() == -1 || left.Val() > f.lease):
		// Nobody who keeps to the rules has this lease, and it would never end.
		if err := f.client.Set(ctx, lease, token, f.lease).Err(); err == nil {
			l.token = token
		}
	default:
		l.taken = left.Val() != 0
	}
	return l, nil
}

// take takes the lease, whoever has it.
func (f *far) take(at slot) (looked, error) {
	return attempt(f, opTake, f.budget, func(ctx context.Context) (looked, error) {
		_, lease := f.keys(at.key)
		token := rand.Text()
		p := f.client.Pipeline()
		p.SetNX(ctx, f.epochKey(), rand.Text(), 0)
		epoch, set := p.Get(ctx, f.epochKey()), p.Set(ctx, lease, token, f.lease)
		if err := cmp.Or(run(ctx, p), set.Err()); err != nil {
			return looked{}, err
		}
		return looked{epoch: epoch.Val(), token: token}, nil
	}, func(l looked) {
		f.give(&at, l.token)
	})
}

// fill keeps an answer if the lease is still that of the token, and gives the lease back.
var fill = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if redis.call('TYPE', KEYS[2]).ok ~= 'hash' or redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[5]) then redis.call('DEL', KEYS[2]) end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
return 1`)

// giveBack ends the lease of the token.
var giveBack = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)

// store has an answer for at kept for life, as its lease allows. Nobody waits for that.
func (f *far) store(at *slot, l looked, foreign *resolver.Foreign, life time.Duration) {
	octets := appendForeign(nil, at, l.epoch, foreign)
	if len(octets) > foreignMost || l.epoch == "" || life < time.Millisecond {
		f.give(at, l.token)
		return
	}
	answers, lease := f.keys(at.key)
	field := at.field()
	f.background(func(ctx context.Context) (bool, error) {
		return fill.Run(ctx, f.client, []string{lease, answers}, l.token, field, octets, life.Milliseconds(), spellings).Bool()
	})
}

// give gives back the lease of token, if there is one.
func (f *far) give(at *slot, token string) {
	if token == "" {
		return
	}
	_, lease := f.keys(at.key)
	f.background(func(ctx context.Context) (bool, error) {
		return giveBack.Run(ctx, f.client, []string{lease}, token).Bool()
	})
}

func (f *far) background(do func(context.Context) (bool, error)) {
	if !f.work.begin() {
		return
	}
	go func() {
		defer f.work.end()
		attempt(f, opStore, opTimeout, do, nil) // what fails is counted
	}()
}

// messageMost is how many identifiers are forgotten with one message.
const messageMost = 500

// forget deletes what is kept of keys, and tells all nodes to. With everything it is all that is kept; nodes are told no
// more than under, if that is given.
func (f *far) forget(keys, under []identifier.Key, everything bool) error {
	for some := range slices.Chunk(keys, messageMost) {
		_, err := attempt(f, opForget, opTimeout, func(ctx context.Context) (struct{}, error) {
			p := f.client.Pipeline()
			for _, k := range some {
				answers, lease := f.keys(k)
				p.Del(ctx, answers, lease)
			}
			if _, err := p.Exec(ctx); err != nil {
				return struct{}{}, err
			}
			return struct{}{}, f.tell(ctx, messageKeys, some)
		}, nil)
		if err != nil {
			return fmt.Errorf("forget in redis: %w", err)
		}
	}
	if !everything {
		return nil
	}
	_, err := attempt(f, opForget, opTimeout, func(ctx context.Context) (struct{}, error) {
		if err := f.client.Set(ctx, f.epochKey(), rand.Text(), 0).Err(); err != nil {
			return struct{}{}, err
		}
		if len(under) > 0 {
			return struct{}{}, f.tell(ctx, messageUnder, under)
		}
		return struct{}{}, f.tell(ctx, messageAll, nil)
	}, nil)
	if err != nil {
		return fmt.Errorf("forget in redis: %w", err)
	}
	return nil
}

func (f *far) channel() string { return f.prefix + "forget" }

func (f *far) tell(ctx context.Context, kind byte, keys []identifier.Key) error {
	return f.client.Publish(ctx, f.channel(), appendMessage(nil, f.name, kind, keys)).Err()
}
