package topsync

import (
	"context"
	"encoding/json"
	"time"

	"github.com/idnode/idnode/storage"
)

// openSeconds is how long a second may still get requests: the log of requests is in the order of time but for half
// a second.
const openSeconds = 10

// measurement is what is measured of a day: items 1 to 7, or 8 to 12, of annex 2.
type measurement struct {
	Count  uint64           `json:"count"`
	Sum    time.Duration    `json:"sum"`
	Max    time.Duration    `json:"max"`
	MaxAt  time.Time        `json:"maxAt,omitzero"`
	Min    time.Duration    `json:"min"`
	MinAt  time.Time        `json:"minAt,omitzero"`
	Peak   uint64           `json:"peak"`
	PeakAt time.Time        `json:"peakAt,omitzero"`
	Open   map[int64]uint64 `json:"open,omitempty"` // requests of the newest seconds
}

// add takes one event; the first of several that took as long counts.
func (m *measurement) add(at time.Time, took time.Duration) {
	if m.Count == 0 || took > m.Max {
		m.Max, m.MaxAt = took, at
	}
	if m.Count == 0 || took < m.Min {
		m.Min, m.MinAt = took, at
	}
	m.Count++
	m.Sum += took
	if m.Open == nil {
		m.Open = make(map[int64]uint64)
	}
	m.Open[at.Unix()]++
}

// merge adds what was measured after m.
func (m *measurement) merge(o *measurement) {
	if o.Count == 0 {
		return
	}
	if m.Count == 0 || o.Max > m.Max {
		m.Max, m.MaxAt = o.Max, o.MaxAt
	}
	if m.Count == 0 || o.Min < m.Min {
		m.Min, m.MinAt = o.Min, o.MinAt
	}
	m.Count += o.Count
	m.Sum += o.Sum
	if o.Peak > m.Peak {
		m.Peak, m.PeakAt = o.Peak, o.PeakAt
	}
	if m.Open == nil {
		m.Open = make(map[int64]uint64)
	}
	for second, n := range o.Open {
		m.Open[second] += n
	}
	m.peak()
}

// peak looks which second had the most requests, and forgets those that get no more.
func (m *measurement) peak() {
	newest := int64(-1 << 63)
	for second, n := range m.Open {
		newest = max(newest, second)
		if at := time.Unix(second, 0).UTC(); n > m.Peak || n == m.Peak && at.Before(m.PeakAt) {
			m.Peak, m.PeakAt = n, at
		}
	}
	for second := range m.Open {
		if second <= newest-openSeconds {
			delete(m.Open, second)
		}
	}
}

// items adds to data the items of M1 that the measurement fills; of a day without events there are none.
func (m *measurement) items(data map[string]any, kind string) {
	if m.Count == 0 {
		return
	}
	data[kind+"Mean"] = ms(m.Sum / time.Duration(m.Count))
	data[kind+"Max"], data[kind+"MaxAt"] = ms(m.Max), second(m.MaxAt)
	data[kind+"Min"], data[kind+"MinAt"] = ms(m.Min), second(m.MinAt)
	if kind == measureResolve {
		data["peakQPS"], data["peakAt"] = m.Peak, second(m.PeakAt)
	}
}

// Kinds of measurements.
const (
	measureResolve  = "resolve"
	measureRegister = "register"
)

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// second is a moment to the second, as annex 2 has them.
func second(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

func measureKey(d day, kind string) []byte {
	return storage.SyncKey(storage.SyncDay, []string{string(d), kind}, nil)
}

func readMeasurement(ctx context.Context, from storage.Reader, key []byte) (m measurement, err error) {
	item, err := from.Get(ctx, key)
	if isNotFound(err) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &m)
	}
	return m, err
}

// Registered measures a registration that was acknowledged at the time, for items 8 to 12 of annex 2. It is stored
// some seconds later; a crash loses what was measured since.
func (s *Syncer) Registered(at time.Time, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := max(dayOf(at, s.o.Location), s.open)
	m := s.latencies[d]
	if m == nil {
		m = new(measurement)
		s.latencies[d] = m
	}
	m.add(at.UTC(), took)
	m.Open = nil // registrations have no peak
}

// storeLatencies stores what Registered measured.
func (k *keeper) storeLatencies(ctx context.Context) error {
	k.s.mu.Lock()
	pending := k.s.latencies
	k.s.latencies = make(map[day]*measurement)
	k.s.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	return k.s.journal.write(ctx, func(w *writing) error {
		for d, m := range pending {
			key := measureKey(max(d, k.st.Day), measureRegister)
			sum, err := readMeasurement(ctx, k.s.store, key)
			if err != nil {
				return err
			}
			sum.merge(m)
			sum.Open = nil
			if err := w.put(key, &sum); err != nil {
				return err
			}
		}
		return nil
	})
}
