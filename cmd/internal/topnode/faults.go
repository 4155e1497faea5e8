package topnode

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// Fault is how the node misbehaves.
type Fault struct {
	Mode  string        `json:"mode"`            // see Modes
	Rate  float64       `json:"rate,omitempty"`  // of requests, above 0 and at most 1; default all
	Delay time.Duration `json:"delay,omitempty"` // of slow, in nanoseconds; default 3 s
	Until time.Time     `json:"until,omitzero"`  // default for ever
}

// Modes of misbehaviour.
const (
	FaultNone   = "none"
	FaultSlow   = "slow"   // answers come late
	FaultSilent = "silent" // requests are taken and never answered
	FaultDown   = "down"   // connections are closed
	FaultWrong  = "wrong"  // answers are not what they should be, and nothing is done
	FaultTwice  = "twice"  // what is asked is done, and the answer lost: so it is asked again; over EPP answers come twice
)

// SetFault makes the node misbehave, or behave again.
func (t *Top) SetFault(f Fault) error {
	switch f.Mode {
	case FaultNone, FaultSlow, FaultSilent, FaultDown, FaultWrong, FaultTwice:
	default:
		return fmt.Errorf("a mode is none, slow, silent, down, wrong or twice, not %q", f.Mode)
	}
	if f.Rate < 0 || f.Rate > 1 {
		return fmt.Errorf("a rate is above 0 and at most 1, not %v", f.Rate)
	}
	if f.Rate == 0 {
		f.Rate = 1
	}
	if f.Delay <= 0 {
		f.Delay = 3 * time.Second
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = f
	return nil
}

// faultNow is how a request is misbehaved with.
func (t *Top) faultNow() Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.fault
	if f.Mode == "" || !f.Until.IsZero() && t.o.Clock().After(f.Until) || rand.Float64() >= f.Rate {
		return Fault{Mode: FaultNone}
	}
	return f
}

// nonsense are answers that are no answers.
var nonsense = []struct {
	status int
	kind   string
	body   string
}{
	{200, "text/html", "<html><body>502 Bad Gateway</body></html>"},
	{200, "application/json", `{"acknowledged":`},
	{200, "application/json", `{"status":1,"message":"success"}`},
	{500, "application/json", `{"acknowledged":18446744073709551615}`},
	{200, "application/json", ""},
}

// misbehave stands before what other nodes ask.
func (t *Top) misbehave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch f := t.faultNow(); f.Mode {
		case FaultSlow:
			select {
			case <-time.After(f.Delay):
			case <-r.Context().Done():
				return
			}
		case FaultSilent:
			<-r.Context().Done()
			return
		case FaultDown:
			panic(http.ErrAbortHandler)
		case FaultWrong:
			n := nonsense[rand.IntN(len(nonsense))]
			w.Header().Set("Content-Type", n.kind)
			w.WriteHeader(n.status)
			_, _ = w.Write([]byte(n.body))
			return
		case FaultTwice:
			if r.URL.Path != eppPath { // see distort
				next.ServeHTTP(discard{}, r)
				panic(http.ErrAbortHandler)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// discard is an answer that is lost.
type discard struct{}

func (discard) Header() http.Header         { return make(http.Header) }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
