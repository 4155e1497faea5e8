package node

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/idnode/idnode/cmd/internal/topk"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver/querylog"
)

const (
	hotShown  = 20              // entries of each list
	hotKept   = 512             // things that are counted at a time
	hotWindow = 5 * time.Minute // after which counting begins anew; the last window is shown with the present one
)

// hot is what is asked for most in the last five to ten minutes, and by whom: for operators, on the admin listener. In metrics
// such things would be labels without bound. It is safe for concurrent use.
type hot struct {
	mu            sync.Mutex
	present, last hotCounts
}

// hotCounts is what was counted in one window.
type hotCounts struct {
	begun       time.Time
	identifiers *topk.Counter[identifier.Key]
	prefixes    *topk.Counter[identifier.Key]
	sources     *topk.Counter[netip.Addr]
}

func newHotCounts(begun time.Time) hotCounts {
	keep := func(k identifier.Key) identifier.Key {
		return identifier.Key{Scheme: k.Scheme, Name: strings.Clone(k.Name)}
	}
	return hotCounts{begun, topk.New(hotKept, keep), topk.New(hotKept, keep), topk.New[netip.Addr](hotKept, nil)}
}

func newHot(now time.Time) *hot { return &hot{present: newHotCounts(now), last: newHotCounts(now)} }

// add counts a request of the query log: for id, if it is an identifier, in ns, if that is one of ours.
func (h *hot) add(e *querylog.Entry, id identifier.ID, ns *identifier.Namespace) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Time.Before(h.last.begun.Add(-hotWindow)) {
		return // the log is read anew from further back
	}
	h.turn(e.Time)
	if e.Client.IsValid() {
		h.present.sources.Add(e.Client)
	}
	if id.IsZero() {
		return
	}
	h.present.identifiers.Add(identifier.Key{Scheme: id.Scheme(), Name: id.Canonical()})
	prefix := identifier.Key{Scheme: id.Scheme(), Name: id.Prefix()}
	if ns != nil {
		prefix = ns.Key()
	}
	h.present.prefixes.Add(prefix)
}

// turn begins a new window when the present one is over.
func (h *hot) turn(now time.Time) {
	switch past := now.Sub(h.present.begun); {
	case past >= 2*hotWindow:
		h.last, h.present = newHotCounts(now.Add(-hotWindow)), newHotCounts(now)
	case past >= hotWindow:
		h.last, h.present = h.present, newHotCounts(now)
	}
}

// hotAnswer is what /debug/hot tells.
type hotAnswer struct {
	Since       time.Time  `json:"since"`
	Requests    uint64     `json:"requests"` // whose asker is known
	Identifiers []hotEntry `json:"identifiers"`
	Prefixes    []hotEntry `json:"prefixes"`
	Sources     []hotEntry `json:"sources"`
}

// hotEntry is a thing that was asked for, or who asked, at least Requests-Error and at most Requests times.
type hotEntry struct {
	Scheme   string `json:"scheme,omitempty"`
	Value    string `json:"value"`
	Requests uint64 `json:"requests"`
	Error    uint64 `json:"error,omitempty"`
}

func (h *hot) answer(now time.Time) *hotAnswer {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn(now)
	keys := func(a, b *topk.Counter[identifier.Key]) []hotEntry {
		list := []hotEntry{}
		for _, e := range topk.Top(hotShown, a, b) {
			list = append(list, hotEntry{e.Key.Scheme.String(), e.Key.Name, e.Count, e.Error})
		}
		return list
	}
	out := &hotAnswer{Since: h.last.begun.UTC(), Requests: h.last.sources.Total() + h.present.sources.Total(), Sources: []hotEntry{},
		Identifiers: keys(h.last.identifiers, h.present.identifiers), Prefixes: keys(h.last.prefixes, h.present.prefixes)}
	for _, e := range topk.Top(hotShown, h.last.sources, h.present.sources) {
		out.Sources = append(out.Sources, hotEntry{"", e.Key.String(), e.Count, e.Error})
	}
	return out
}

// serveHot tells what is asked for most, a few seconds late. Without a query log nobody knows: 404.
func (n *Node) serveHot(w http.ResponseWriter, _ *http.Request) {
	if n.counter == nil {
		http.Error(w, "there is no query log: query_log.enabled is false", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(n.counter.hot.answer(time.Now())) // the asker is gone: nobody to tell
}
