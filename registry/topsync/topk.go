package topsync

import (
	"net/netip"
	"slices"
)

// topSize is how many addresses a top keeps.
const topSize = 1000

// top finds the most frequent addresses in bounded memory: the algorithm "space-saving" (Metwally, Agrawal, El
// Abbadi 2005). Whoever has more than one request in topSize of them all is among them. A count is at most Error
// too great, and never too small.
type top struct {
	Entries []topEntry `json:"entries"`

	index map[netip.Addr]int
}

type topEntry struct {
	IP    netip.Addr `json:"ip"`
	Count uint64     `json:"count"`
	Error uint64     `json:"error"`
}

// add counts n requests of an address.
func (t *top) add(ip netip.Addr, n uint64) {
	if t.index == nil {
		t.index = make(map[netip.Addr]int, len(t.Entries))
		for i, e := range t.Entries {
			t.index[e.IP] = i
		}
	}
	if i, ok := t.index[ip]; ok {
		t.Entries[i].Count += n
		return
	}
	if len(t.Entries) < topSize {
		t.index[ip] = len(t.Entries)
		t.Entries = append(t.Entries, topEntry{IP: ip, Count: n})
		return
	}
	least := 0
	for i := range t.Entries {
		if t.Entries[i].Count < t.Entries[least].Count {
			least = i
		}
	}
	e := &t.Entries[least]
	delete(t.index, e.IP)
	t.index[ip] = least
	*e = topEntry{IP: ip, Count: e.Count + n, Error: e.Count}
}

// sorted are the entries, the most frequent first.
func (t *top) sorted() []topEntry {
	all := slices.Clone(t.Entries)
	slices.SortFunc(all, func(a, b topEntry) int {
		if a.Count != b.Count {
			if a.Count > b.Count {
				return -1
			}
			return 1
		}
		return a.IP.Compare(b.IP)
	})
	return all
}
