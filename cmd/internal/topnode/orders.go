package topnode

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/idnode/idnode/proto/epp"
)

// Order is what the top-level node orders of a node, about one of its prefixes.
type Order struct {
	Seq    uint64    `json:"seq"`
	Node   string    `json:"node"`
	Order  string    `json:"order"` // "suspend", "withdraw" or "activate"
	Prefix string    `json:"prefix"`
	Reason string    `json:"reason,omitempty"`
	Time   time.Time `json:"time"`
}

// orderStates are the states of prefixes that orders bring about.
var orderStates = map[string]epp.State{"activate": epp.StateNormal, "suspend": epp.StateSuspended, "withdraw": epp.StateWithdrawn}

// longestWait bounds how long a request for orders waits for one.
const longestWait = time.Minute

// Give gives an order: it is there for who asks over HTTP, and in the mailbox of the node over EPP.
func (t *Top) Give(o Order) (Order, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o.Seq, o.Time = uint64(len(t.orders))+1, t.o.Clock().UTC()
	e := []*entry{{Order: &o}}
	l := &letter{Number: "order/" + strconv.FormatUint(o.Seq, 10), Client: o.Node, Prefix: o.Prefix, State: orderStates[o.Order], Result: epp.AuditPassed, Reason: o.Reason, Date: o.Time}
	if p := t.prefixes[o.Prefix]; p != nil {
		l.ClTRID, l.SvTRID, l.Ent = p.ClTRID, p.SvTRID, p.Ent
	}
	if l.Ent != "" { // only prefixes that came over EPP are known there
		e = append(e, &entry{Mail: l})
	}
	if err := t.journal.add(e...); err != nil {
		return o, err
	}
	t.orders = append(t.orders, o)
	if l.Ent != "" {
		t.takeMail(l)
	}
	close(t.given)
	t.given = make(chan struct{})
	return o, nil
}

// ordersAfter are orders of a node with greater numbers, and what is closed when there are more.
func (t *Top) ordersAfter(node string, after uint64) (all []Order, more <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := min(after, uint64(len(t.orders))); i < uint64(len(t.orders)); i++ {
		if t.orders[i].Node == node {
			all = append(all, t.orders[i])
		}
	}
	return all, t.given
}

func (t *Top) getOrders(w http.ResponseWriter, r *http.Request) {
	node, err := t.sender(r, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	after, err := strconv.ParseUint("0"+r.URL.Query().Get("after"), 10, 64)
	wait, werr := strconv.Atoi("0" + r.URL.Query().Get("wait"))
	if err != nil || werr != nil {
		http.Error(w, "after is the number of an order, wait of seconds", http.StatusBadRequest)
		return
	}
	deadline := time.NewTimer(min(time.Duration(min(wait, 3600))*time.Second, longestWait))
	defer deadline.Stop()
	for {
		all, more := t.ordersAfter(node, after)
		if len(all) == 0 {
			select {
			case <-more:
				continue
			case <-r.Context().Done():
				return
			case <-deadline.C:
			}
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.WriteHeader(http.StatusOK)
		out := json.NewEncoder(w)
		for _, o := range all {
			if out.Encode(o) != nil {
				return // the client is gone
			}
		}
		return
	}
}
