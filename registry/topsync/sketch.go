package topsync

import (
	"fmt"
	"net/netip"

	"github.com/axiomhq/hyperloglog"
)

// sketchMethod is how rows name the estimate of the sources beyond Options.ExactSources.
const sketchMethod = "HyperLogLog, 2^14 registers (standard error 0.8 %); space-saving, 1000 counters"

// sketch stands for the sources of a day beyond those that are counted exactly. How many requests they made is exact;
// how many they are, and which of them made the most, is estimated.
type sketch struct {
	Requests uint64 `json:"requests"`
	Distinct []byte `json:"distinct"` // a HyperLogLog
	Top      top    `json:"top"`

	distinct *hyperloglog.Sketch
}

// add counts n requests of an address.
func (s *sketch) add(ip netip.Addr, n uint64) error {
	if s.distinct == nil {
		s.distinct = hyperloglog.New14()
		if len(s.Distinct) > 0 {
			if err := s.distinct.UnmarshalBinary(s.Distinct); err != nil {
				return fmt.Errorf("read sketch: %w", err)
			}
		}
	}
	s.Requests += n
	address := ip.As16()
	s.distinct.Insert(address[:])
	s.Top.add(ip, n)
	return nil
}

// pack makes the form that is stored.
func (s *sketch) pack() (err error) {
	if s.distinct != nil {
		s.Distinct, err = s.distinct.MarshalBinary()
	}
	return err
}

// data is the sketch as rows have it.
func (s *sketch) data(exact uint64) (map[string]any, error) {
	known := hyperloglog.New14()
	if err := known.UnmarshalBinary(s.Distinct); err != nil {
		return nil, fmt.Errorf("read sketch: %w", err)
	}
	return map[string]any{"method": sketchMethod, "exactSources": exact, "requests": s.Requests, "distinct": known.Estimate(), "top": s.Top.sorted()}, nil
}
