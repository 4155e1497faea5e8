package topsync

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// monthSum is what is gathered of a month for its report.
type monthSum struct {
	Since     time.Time     `json:"since,omitzero"` // the sync began within the month
	Running   time.Duration `json:"running"`
	Resolve   meanSum       `json:"resolve"`
	Register  meanSum       `json:"register"`
	Effective meanSum       `json:"effective"` // from the last review of prefixes until they could be resolved
	Stops     []stop        `json:"stops,omitempty"`
}

// meanSum is what a mean is made of.
type meanSum struct {
	Count uint64        `json:"count"`
	Sum   time.Duration `json:"sum"`
}

func (s *meanSum) add(m *measurement) {
	s.Count += m.Count
	s.Sum += m.Sum
}

// in is the mean in a unit, to three decimals; nil: there is none.
func (s *meanSum) in(unit time.Duration) *float64 {
	if s.Count == 0 {
		return nil
	}
	mean := rounded(float64(s.Sum) / float64(s.Count) / float64(unit))
	return &mean
}

func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }

// stop is a time in which the node was stopped on purpose.
type stop struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func sumKey(m month) []byte {
	return storage.SyncKey(storage.SyncMonth, []string{string(m), "sum"}, nil)
}
func reportKey(m month) []byte {
	return storage.SyncKey(storage.SyncMonth, []string{string(m), "report"}, nil)
}

func (s *Syncer) monthSum(ctx context.Context, m month) (*monthSum, error) {
	sum := new(monthSum)
	item, err := s.store.Get(ctx, sumKey(m))
	if isNotFound(err) {
		return sum, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, sum)
	}
	if err != nil {
		return nil, fmt.Errorf("read sums of %s: %w", m, err)
	}
	return sum, nil
}

// addToMonth has w change the sums of a month.
func (s *Syncer) addToMonth(ctx context.Context, w *writing, m month, change func(*monthSum)) error {
	sum := w.months[m]
	if sum == nil {
		var err error
		if sum, err = s.monthSum(ctx, m); err != nil {
			return err
		}
		w.months[m] = sum
	}
	change(sum)
	return nil
}

// took is how long something took, and when.
type took struct {
	at  time.Time
	dur time.Duration
}

// addEffective adds how long prefixes took until they could be resolved.
func (s *Syncer) addEffective(ctx context.Context, w *writing, all []took) error {
	for _, t := range all {
		err := s.addToMonth(ctx, w, monthOf(t.at, s.o.Location), func(m *monthSum) {
			m.Effective.Count++
			m.Effective.Sum += t.dur
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// MonthlyReport is annex 3 of the docking agreement. Hours are those of the month in which the node ran, availability
// is their share of the month without stops for maintenance, from the day on which the sync began.
type MonthlyReport struct {
	Month              string              `json:"month"`
	Operator           string              `json:"operator"`
	Hours              float64             `json:"hours"`
	Availability       float64             `json:"availability"`
	AvailabilityBefore *float64            `json:"availabilityBefore,omitempty"`
	Before             []MonthAvailability `json:"availabilityMonths,omitempty"`
	RegisterMean       *float64            `json:"registerMean,omitempty"` // ms
	ResolveMean        *float64            `json:"resolveMean,omitempty"`  // ms
	EffectiveHours     *float64            `json:"effectiveHours,omitempty"`
	Stops              []Stop              `json:"stops,omitempty"`
	Emergencies        []Event             `json:"emergencies,omitempty"`
	Complete           bool                `json:"complete"` // the month is over, and the report is what was reported
}

// MonthAvailability is the availability of a month, in per cent.
type MonthAvailability struct {
	Month        string  `json:"month"`
	Availability float64 `json:"availability"`
}

// Stop is a stop for maintenance.
type Stop struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Monthly returns the report of a month ("2026-11"): of one that is over as it was reported, of the present one how
// far it is. Refusals: CodeForbidden, CodeInvalidRequest, CodeNotFound.
func (s *Syncer) Monthly(ctx context.Context, name string, a registry.Actor) (*MonthlyReport, error) {
	if !a.Has(registry.RoleOperator, registry.RoleReviewer, registry.RoleAuditor) {
		return nil, registry.Refuse(registry.CodeForbidden, "", "role %s does not see the sync with the top-level node", a.Role)
	}
	now := s.now()
	if name == "" {
		name = string(monthOf(now, s.o.Location))
	}
	if !validMonth(name) {
		return nil, registry.Refuse(registry.CodeInvalidRequest, "month", "a month such as 2026-11 is expected")
	}
	m := month(name)
	item, err := s.store.Get(ctx, reportKey(m))
	switch {
	case err == nil:
		r := new(MonthlyReport)
		if err := json.Unmarshal(item.Value, r); err != nil {
			return nil, registry.AsError(fmt.Errorf("decode report of %s: %w", m, err))
		}
		return r, nil
	case !isNotFound(err):
		return nil, registry.AsError(err)
	case m != monthOf(now, s.o.Location):
		return nil, registry.Refuse(registry.CodeNotFound, "month", "there is no report of %s", name)
	}
	r, err := s.monthly(ctx, m, now)
	if err != nil {
		return nil, registry.AsError(err)
	}
	r.Complete = false
	return r, nil
}

// monthly makes the report of a month, as far as it is at the time.
func (s *Syncer) monthly(ctx context.Context, m month, until time.Time) (*MonthlyReport, error) {
	sum, err := s.monthSum(ctx, m)
	if err != nil {
		return nil, err
	}
	self, err := s.o.Registrar.Enterprise(ctx, registry.Self, registry.NodeActor())
	if err != nil {
		return nil, err
	}
	r := &MonthlyReport{Month: string(m), Operator: self.Name, Hours: rounded(sum.Running.Hours()), Complete: true,
		RegisterMean: sum.Register.in(time.Millisecond), ResolveMean: sum.Resolve.in(time.Millisecond), EffectiveHours: sum.Effective.in(time.Hour)}
	from := m.start(s.o.Location)
	if sum.Since.After(from) {
		from = sum.Since
	}
	due := until.Sub(from)
	for _, st := range sum.Stops {
		r.Stops = append(r.Stops, Stop(st))
		due -= overlap(st, from, until)
	}
	r.Availability = 100
	if due > 0 {
		r.Availability = min(100, rounded(100*float64(sum.Running)/float64(due)))
	}
	if r.Emergencies, err = s.events(ctx, m); err != nil {
		return nil, err
	}
	return r, s.before(ctx, m, r)
}

// overlap is how much of a stop lies between two moments.
func overlap(st stop, from, to time.Time) time.Duration {
	if st.From.After(from) {
		from = st.From
	}
	if st.To.Before(to) {
		to = st.To
	}
	return max(0, to.Sub(from))
}

// before adds the availability of the six months before, as far as there are reports, the oldest first.
func (s *Syncer) before(ctx context.Context, m month, r *MonthlyReport) error {
	total := 0.0
	for i := -6; i < 0; i++ {
		item, err := s.store.Get(ctx, reportKey(m.plus(i)))
		if isNotFound(err) {
			continue
		}
		var old MonthlyReport
		if err == nil {
			err = json.Unmarshal(item.Value, &old)
		}
		if err != nil {
			return err
		}
		r.Before = append(r.Before, MonthAvailability{old.Month, old.Availability})
		total += old.Availability
	}
	if len(r.Before) > 0 {
		mean := rounded(total / float64(len(r.Before)))
		r.AvailabilityBefore = &mean
	}
	return nil
}

// data is the report as a row of R1.
func (r *MonthlyReport) data() map[string]any {
	data := map[string]any{"month": r.Month, "operator": r.Operator, "hours": r.Hours, "availability": r.Availability}
	for name, v := range map[string]*float64{"availabilityBefore": r.AvailabilityBefore, "registerMean": r.RegisterMean, "resolveMean": r.ResolveMean, "effectiveHours": r.EffectiveHours} {
		if v != nil {
			data[name] = *v
		}
	}
	if len(r.Before) > 0 {
		data["availabilityMonths"] = r.Before
	}
	var stops, emergencies []map[string]any
	for _, st := range r.Stops {
		stops = append(stops, map[string]any{"from": second(st.From), "to": second(st.To)})
	}
	for i := range r.Emergencies {
		e := &r.Emergencies[i]
		row := map[string]any{"number": e.Number, "at": second(e.At)}
		if !e.Recovered.IsZero() {
			row["recovered"] = second(e.Recovered)
		}
		for name, text := range map[string]string{"analysis": firstOf(e.Analysis, e.Cause), "solution": e.Solution} {
			if text != "" {
				row[name] = text
			}
		}
		emergencies = append(emergencies, row)
	}
	if len(stops) > 0 {
		data["stops"] = stops
	}
	if len(emergencies) > 0 {
		data["emergencies"] = emergencies
	}
	return data
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
