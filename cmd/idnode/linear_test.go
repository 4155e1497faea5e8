package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
)

// act is a call about one record, as a client makes it.
type act struct {
	op      string // create, put, patch, revoke, restore, get, ask
	id      string
	data    string // what is written
	ifMatch uint64 // put, patch, revoke: the version that it must have; 0: any
}

// seen is what the client got. An unknown outcome fits every state before and after.
type seen struct {
	unknown bool
	status  int
	version uint64 // of the record; of a 412 the current one
	data    string
}

// state is a record between two calls.
type state struct {
	version uint64 // 0: there is none
	revoked bool
	data    string
}

// apply is what an act does in a state, and whether what the client saw is possible there. It is the
// registry's contract (the project's design, section 10) in a few lines.
func (s state) apply(a act, got seen) (bool, state) {
	next, want := s, seen{status: 200}
	precondition := func() bool {
		if a.ifMatch != 0 && a.ifMatch != s.version {
			want = seen{status: 412, version: s.version}
			return false
		}
		return true
	}
	write := func(status int) {
		next = state{version: s.version + 1, data: a.data}
		want = seen{status: status, version: next.version, data: a.data}
	}
	switch a.op {
	case "create":
		switch {
		case s.version == 0:
			write(201)
		default:
			want = seen{status: 409} // exists, or revoked
		}
	case "put":
		switch {
		case !precondition():
		case s.version == 0:
			write(201)
		case s.revoked:
			want = seen{status: 409}
		case s.data == a.data:
			want = seen{status: 200, version: s.version, data: s.data}
		default:
			write(200)
		}
	case "patch":
		switch {
		case s.version == 0:
			want = seen{status: 404}
		case !precondition():
		case s.revoked:
			want = seen{status: 409}
		case s.data == a.data:
			want = seen{status: 200, version: s.version, data: s.data}
		default:
			write(200)
		}
	case "revoke":
		switch {
		case s.version == 0:
			want = seen{status: 404}
		case !precondition():
		case s.revoked:
			want = seen{status: 200, version: s.version}
		default:
			next = state{s.version + 1, true, s.data}
			want = seen{status: 200, version: next.version}
		}
	case "restore":
		switch {
		case s.version == 0:
			want = seen{status: 404}
		case !s.revoked:
			want = seen{status: 409}
		default:
			next = state{s.version + 1, false, s.data}
			want = seen{status: 200, version: next.version, data: s.data}
		}
	case "get":
		switch {
		case s.version == 0:
			want = seen{status: 404}
		case s.revoked:
			want = seen{status: 410, version: s.version}
		default:
			want = seen{status: 200, version: s.version, data: s.data}
		}
	case "ask": // over the Handle protocol, which knows no versions
		if s.version == 0 || s.revoked {
			want = seen{status: 404}
		} else {
			want = seen{status: 200, data: s.data}
		}
	}
	return got.unknown || got == want, next
}

var records = porcupine.Model{
	Init: func() any { return state{} },
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byID := make(map[string][]porcupine.Operation)
		for _, op := range history {
			byID[op.Input.(act).id] = append(byID[op.Input.(act).id], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byID {
			parts = append(parts, part)
		}
		return parts
	},
	Step: func(s, input, output any) (bool, any) {
		ok, next := s.(state).apply(input.(act), output.(seen))
		return ok, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

// TestLinearizable: writers and readers on a few records, the node killed among the writers and
// started again. All that the clients saw can be told as one call after the other, each between its
// beginning and its answer; in particular of two writers with one ETag exactly one wins, the other
// is told both versions, and a storm of creates makes one record.
func TestLinearizable(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	_, key := d.tenant("Alice", "88.1021.150")
	h := &histories{start: time.Now()}
	// A reader, and a writer who is refused, may see what is written and not yet synced, which a crash takes
	// back: while the node is killed only what was acknowledged as done counts.
	h.run(d, key, 250, true)
	killed := make(chan struct{})
	go func() {
		time.Sleep(100 * time.Millisecond)
		d.kill()
		close(killed)
	}()
	h.run(d, key, 100000, false)
	<-killed
	d = startDaemon(t, dir)
	defer d.stop()
	h.run(d, key, 250, true)

	var wins, losses, unknown int
	for _, op := range h.ops {
		switch out := op.Output.(seen); {
		case out.unknown:
			unknown++
		case out.status == 412:
			losses++
		case op.Input.(act).ifMatch != 0 && out.status == 200:
			wins++
		}
	}
	t.Logf("%d calls, %d writes under If-Match won and %d lost, %d without an answer", len(h.ops), wins, losses, unknown)
	if wins == 0 || losses == 0 {
		t.Error("the writers did not race")
	}
	for _, part := range records.Partition(h.ops) {
		if result, info := porcupine.CheckOperationsVerbose(records, part, time.Minute); result != porcupine.Ok {
			t.Errorf("the history of a record is %v", result)
			explain(t, part, info.PartialLinearizationsOperations()[0])
		}
	}
}

// explain logs where the longest order that could be made of a history ends, and what is left of it.
func explain(t *testing.T, history []porcupine.Operation, orders [][]porcupine.Operation) {
	best := slices.MaxFunc(orders, func(a, b []porcupine.Operation) int { return len(a) - len(b) })
	var s state
	used := make(map[act]bool)
	for i, op := range best {
		_, s = s.apply(op.Input.(act), op.Output.(seen))
		used[op.Input.(act)] = true
		if i >= len(best)-6 {
			t.Logf("%d to %d: %+v saw %+v, then %+v", op.Call, op.Return, op.Input, op.Output, s)
		}
	}
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	left := 0
	for _, op := range history {
		if !used[op.Input.(act)] && left < 6 {
			left++
			t.Logf("left: %d to %d: %+v saw %+v", op.Call, op.Return, op.Input, op.Output)
		}
	}
}

// histories is what clients did and saw.
type histories struct {
	start time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
	next  atomic.Int64 // the next client's number: one whose outcome is unknown is never used again
}

func (h *histories) add(client int, a act, out seen, from, to int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: a, Output: out, Call: from, Return: to})
}

// run has eight clients make at most n calls each, until one fails.
func (h *histories) run(d *daemon, key string, n int, reads bool) {
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			number := int(h.next.Add(1))
			native := client.New(d.handle, client.Options{})
			defer native.Close()
			versions := make(map[string]uint64) // the newest that this client has seen
			for i := range n {
				a := act{id: fmt.Sprintf("88.1021.150/L-%d", rand.N(6)), data: strconv.Itoa(number) + "." + strconv.Itoa(i)}
				kinds := []string{"create", "put", "put", "patch", "patch", "restore"}
				if reads {
					kinds = append(kinds, "revoke", "get", "get", "ask", "ask")
				}
				a.op = kinds[rand.N(len(kinds))]
				if (a.op == "put" || a.op == "patch" || a.op == "revoke") && rand.N(2) == 0 {
					a.ifMatch = versions[a.id]
				}
				from := time.Since(h.start).Nanoseconds()
				out := a.make(d, key, native)
				if out.unknown {
					h.add(number, a, out, from, math.MaxInt64)
					return
				}
				if reads || out.status < 300 {
					h.add(number, a, out, from, time.Since(h.start).Nanoseconds())
				}
				if out.version != 0 {
					versions[a.id] = out.version
				}
			}
		})
	}
	clients.Wait()
}

// make makes the call.
func (a act) make(d *daemon, key string, native *client.Client) seen {
	if a.op == "ask" {
		values, err := native.Resolve(d.t.Context(), client.Request{Handle: a.id, Types: []string{"URL"}})
		if e, ok := errors.AsType[*client.Error](err); ok && e.Code == handle.RcodeHandleNotFound {
			return seen{status: 404}
		}
		if err != nil || len(values) != 1 {
			d.t.Errorf("%+v: %v, %v", a, values, err)
			return seen{unknown: true}
		}
		return seen{status: 200, data: string(values[0].Data)}
	}
	const path = "/v1/identifiers"
	var header []string
	if a.ifMatch != 0 {
		header = []string{"If-Match", `"` + strconv.FormatUint(a.ifMatch, 10) + `"`}
	}
	var status int
	var body []byte
	var err error
	switch a.op {
	case "create":
		status, body, err = d.call(key, "POST", path, record(a.id, a.data))
	case "put":
		status, body, err = d.call(key, "PUT", path+"?id="+a.id, record(a.id, a.data), header...)
	case "patch":
		values := []any{map[string]any{"index": 1, "data": a.data}}
		status, body, err = d.call(key, "PATCH", path+"?id="+a.id, map[string]any{"values": values}, header...)
	case "revoke":
		status, body, err = d.call(key, "DELETE", path+"?id="+a.id+"&reason=x", nil, header...)
	case "restore":
		status, body, err = d.call(key, "POST", path+":restore", map[string]any{"id": a.id})
	case "get":
		status, body, err = d.call(key, "GET", path+"?id="+a.id, nil)
	}
	if err != nil || status >= 500 {
		return seen{unknown: true}
	}
	var answer struct {
		Version, Current uint64
		Values           []struct{ Data string }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		d.t.Errorf("%+v: %s", a, body)
	}
	out := seen{status: status, version: answer.Version}
	switch {
	case status == 412:
		out.version = answer.Current
	case status == 409:
		out.version = 0
	case len(answer.Values) > 0:
		out.data = answer.Values[0].Data
	}
	return out
}
