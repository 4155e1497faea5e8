package statistics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// Granularity is what figures are summed up by.
type Granularity string

const (
	Monthly Granularity = "month"
	Daily   Granularity = "day"
)

// Bounds of an answer, which is made in memory: an enterprise with one prefix takes some 300 octets a period.
const (
	maxMonths  = 120
	maxDays    = 366 // of one enterprise
	maxDaysAll = 31  // of all
)

// Query asks for figures.
type Query struct {
	Enterprise string // default: all that the actor sees

	// From and To are the first and the last month ("2026-11") or day ("2026-11-23"). A month stands for
	// all of its days, a day for its month if Granularity is Monthly. Default: up to today, from 11 months
	// or 30 days before.
	From, To string

	Granularity Granularity // default Monthly
	ByPrefix    bool        // each prefix apart
}

// Answer is the figures that were asked for.
type Answer struct {
	Granularity Granularity `json:"granularity"`
	From        string      `json:"from"` // the first period
	To          string      `json:"to"`   // the last; of one that goes on the figures so far
	Items       []Item      `json:"items"`
	// Totals are of all enterprises and of questions that were for none; nil if one was asked for.
	Totals []Total `json:"totals,omitempty"`

	RegistrationsSince *time.Time `json:"registrationsSince,omitempty"` // they are counted since then
	ResolutionsSince   *time.Time `json:"resolutionsSince,omitempty"`
	IncompleteSince    *time.Time `json:"incompleteSince,omitempty"` // registrations may lack some from then on
	Counting           bool       `json:"counting,omitempty"`        // what is held is being counted
}

// Item is the figures of an enterprise in a period. Where all of them are 0 there is none.
type Item struct {
	Enterprise string `json:"enterprise"` // "": questions for no namespace of the node
	Name       string `json:"name,omitempty"`
	Period     string `json:"period"`           // "2026-11" or "2026-11-23", in the time zone of the node
	Scheme     string `json:"scheme,omitempty"` // by prefix
	Prefix     string `json:"prefix,omitempty"`
	Figures
}

// Total is the sum of a period.
type Total struct {
	Period string `json:"period"`
	Figures
}

// Figures are what was counted.
type Figures struct {
	Resolutions   ResolutionFigures   `json:"resolutions"`
	Registrations RegistrationFigures `json:"registrations"`
	Records       *RecordFigures      `json:"records"` // null: it is not known
}

// ResolutionFigures are questions, by their outcome.
type ResolutionFigures struct {
	Total    uint64 `json:"total"`
	Found    uint64 `json:"found"`
	NotFound uint64 `json:"notFound"`
	Other    uint64 `json:"other"`
}

// RegistrationFigures are changes of records.
type RegistrationFigures struct {
	Created  uint64 `json:"created"`
	Updated  uint64 `json:"updated"`
	Revoked  uint64 `json:"revoked"`
	Restored uint64 `json:"restored"`
}

// RecordFigures are what is held at the end of the period.
type RecordFigures struct {
	Active  uint64 `json:"active"`
	Revoked uint64 `json:"revoked"` // tombstones
}

// add adds what o counts, and leaves out what is not known.
func (f *Figures) add(o *Figures) {
	f.Resolutions.Total += o.Resolutions.Total
	f.Resolutions.Found += o.Resolutions.Found
	f.Resolutions.NotFound += o.Resolutions.NotFound
	f.Resolutions.Other += o.Resolutions.Other
	f.Registrations.Created += o.Registrations.Created
	f.Registrations.Updated += o.Registrations.Updated
	f.Registrations.Revoked += o.Registrations.Revoked
	f.Registrations.Restored += o.Registrations.Restored
	if f.Records != nil && o.Records != nil {
		f.Records.Active += o.Records.Active
		f.Records.Revoked += o.Records.Revoked
	}
}

func (f *Figures) isZero() bool {
	return f.Resolutions == ResolutionFigures{} && f.Registrations == RegistrationFigures{} && (f.Records == nil || *f.Records == RecordFigures{})
}

// Read returns the figures of one moment. People of the node see all enterprises, others their own, and
// those whose credential is limited to some prefixes these. Refusals: registry.CodeForbidden,
// CodeNotFound, CodeInvalidRequest.
func (s *Statistics) Read(ctx context.Context, q Query, a registry.Actor) (*Answer, error) {
	all := a.Has(registry.RoleOperator, registry.RoleReviewer, registry.RoleAuditor)
	if !all {
		if a.Enterprise == "" || q.Enterprise != "" && q.Enterprise != a.Enterprise {
			return nil, registry.Refuse(registry.CodeForbidden, "enterprise", "enterprise %s is not yours", q.Enterprise)
		}
		q.Enterprise = a.Enterprise
	}
	list, err := s.periods(&q)
	if err != nil {
		return nil, err
	}
	r := &reading{q: q, today: dayOf(s.now(), s.o.Location), sums: make(map[series][]Figures)}
	if r.list = list; !all {
		r.limits = a.Prefixes
	}
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return nil, registry.AsError(err)
	}
	defer snap.Close()
	r.snap = snap
	out, err := r.answer(ctx, s)
	if err != nil {
		return nil, registry.AsError(err)
	}
	return out, nil
}

// periods are those that q asks for. It fills in what is default.
func (s *Statistics) periods(q *Query) ([]period, error) {
	switch q.Granularity {
	case "":
		q.Granularity = Monthly
	case Monthly, Daily:
	default:
		return nil, registry.Refuse(registry.CodeInvalidRequest, "granularity", "the granularity is month or day")
	}
	var problem error
	parse := func(field, text string, otherwise day) (first, last day) {
		if text == "" {
			return otherwise, otherwise
		}
		if t, err := time.Parse("2006-01-02", text); err == nil && t.Year() > 0 {
			d := dayOf(t, time.UTC)
			return d, d
		}
		t, err := time.Parse("2006-01", text)
		if err != nil || t.Year() == 0 {
			problem = registry.Refuse(registry.CodeInvalidRequest, field, "a month such as 2026-11 or a day such as 2026-11-23 is expected")
		}
		d := dayOf(t, time.UTC)
		return d, d.last()
	}
	_, to := parse("to", q.To, dayOf(s.now(), s.o.Location))
	start := to.plus(0, -30)
	if q.Granularity == Monthly {
		start = to.first().plus(-11, 0)
	}
	from, _ := parse("from", q.From, start)
	if problem != nil {
		return nil, problem
	}
	if from > to {
		return nil, registry.Refuse(registry.CodeInvalidRequest, "from", "%s is later than %s", from, to)
	}
	most := maxMonths
	end := from.first().plus(most, 0)
	if q.Granularity == Daily {
		if most = maxDays; q.Enterprise == "" {
			most = maxDaysAll
		}
		end = from.plus(0, most)
	}
	switch {
	case to < end:
	case q.Granularity == Monthly:
		return nil, registry.Refuse(registry.CodeInvalidRequest, "from", "at most %d months are shown at once", most)
	case q.Enterprise == "":
		return nil, registry.Refuse(registry.CodeInvalidRequest, "from", "at most %d days are shown at once of all enterprises; ask for months, or for one enterprise", most)
	default:
		return nil, registry.Refuse(registry.CodeInvalidRequest, "from", "at most %d days are shown at once", most)
	}
	return periods(from, to, q.Granularity), nil
}

// reading is one Read.
type reading struct {
	q      Query
	limits []identifier.Key // only what lies in one of these; none: all
	list   []period
	today  day
	snap   storage.Snapshot
	st     state
	sums   map[series][]Figures // by enterprise, and namespace if by prefix; of each period
}

func (r *reading) answer(ctx context.Context, s *Statistics) (*Answer, error) {
	out := &Answer{Granularity: r.q.Granularity, From: r.list[0].name, To: r.list[len(r.list)-1].name, Items: []Item{}}
	names := make(map[string]string)
	if r.q.Enterprise != "" {
		if _, err := r.name(ctx, names, r.q.Enterprise); errors.Is(err, storage.ErrNotFound) {
			return nil, registry.Refuse(registry.CodeNotFound, "enterprise", "no enterprise %s", r.q.Enterprise)
		}
	}
	var err error
	if r.st, err = readState(ctx, r.snap); err != nil {
		return nil, err
	}
	at, _, err := s.position(ctx, r.snap)
	if err != nil {
		return nil, err
	}
	r.about(out, at, s.o.Location)
	for of, add := range map[storage.Counter]func(context.Context, series) error{
		storage.CounterRegistrations: r.addRegistrations, storage.CounterResolutions: r.addQuestions,
	} {
		span := storage.PrefixRange(storage.CounterKey(of, ""))
		if r.q.Enterprise != "" {
			span = storage.PrefixRange(storage.EnterpriseDaysPrefix(of, r.q.Enterprise))
		}
		err := eachSeries(ctx, r.snap, span, func(s series) error {
			if !r.shows(s) {
				return nil
			}
			return add(ctx, s)
		})
		if err != nil {
			return nil, fmt.Errorf("read statistics: %w", err)
		}
	}
	return out, r.fill(ctx, out, names)
}

// about says what the figures are worth.
func (r *reading) about(out *Answer, at position, zone *time.Location) {
	if r.st.version != 0 {
		out.RegistrationsSince, out.Counting = &r.st.Since, !r.st.Known
	}
	if !at.Since.IsZero() {
		out.ResolutionsSince = &at.Since
	}
	for i := range r.st.Lost {
		lost := &r.st.Lost[i]
		if dayOf(lost.From, zone) <= r.list[len(r.list)-1].to && dayOf(lost.To, zone) >= r.list[0].from {
			out.IncompleteSince = &lost.From
			break
		}
	}
}

// shows reports whether the rows of s may be seen.
func (r *reading) shows(s series) bool {
	return len(r.limits) == 0 || slices.ContainsFunc(r.limits, func(k identifier.Key) bool {
		return k.Scheme == s.ns.Scheme && k.Scheme.Contains(k.Name, s.ns.Name)
	})
}

// of are the figures that the rows of s are added to.
func (r *reading) of(s series) []Figures {
	if !r.q.ByPrefix {
		s.ns = identifier.Key{}
	}
	sums := r.sums[s]
	if sums == nil {
		sums = r.blank()
		r.sums[s] = sums
	}
	return sums
}

// blank is figures of each period, with records where they are known.
func (r *reading) blank() []Figures {
	sums := make([]Figures, len(r.list))
	for i, p := range r.list {
		if p.from <= r.today && r.st.knows(min(p.to, r.today)) {
			sums[i].Records = new(RecordFigures)
		}
	}
	return sums
}

// addRegistrations adds the rows of s. What is held at the end of a day without a row is what was before.
func (r *reading) addRegistrations(ctx context.Context, s series) error {
	var now dayRow
	before := storage.Range{Start: s.key(storage.CounterRegistrations, 0), End: s.key(storage.CounterRegistrations, r.list[0].from), Reverse: true}
	err := r.snap.Scan(ctx, before, func(_ []byte, item storage.Item) error {
		row, err := parseDayRow(item.Value)
		if err == nil && row.holds {
			now, err = row, storage.Stop
		}
		return err
	})
	if err != nil {
		return err
	}
	rows := make(map[int]dayRow) // by period: sums, and what is held in the end
	err = r.eachDay(ctx, storage.CounterRegistrations, s, func(i int, value []byte) error {
		row, err := parseDayRow(value)
		sum := rows[i]
		sum.change.add(row.change)
		if row.holds {
			sum.holds, sum.active, sum.revoked = true, row.active, row.revoked
		}
		rows[i] = sum
		return err
	})
	if err != nil {
		return err
	}
	if len(rows) == 0 && now.active+now.revoked == 0 {
		return nil
	}
	sums := r.of(s)
	for i := range r.list {
		row := rows[i]
		if row.holds {
			now = row
		}
		sums[i].add(&Figures{
			Registrations: RegistrationFigures{uint64(row.created), uint64(row.updated), uint64(row.ended), uint64(row.restored)},
			Records:       &RecordFigures{uint64(now.active), uint64(now.revoked)},
		})
	}
	return nil
}

// addQuestions adds the rows of s.
func (r *reading) addQuestions(ctx context.Context, s series) error {
	return r.eachDay(ctx, storage.CounterResolutions, s, func(i int, value []byte) error {
		q, err := parseQuestions(value)
		f := ResolutionFigures{Found: q[Found], NotFound: q[NotFound], Other: q[Other]}
		f.Total = f.Found + f.NotFound + f.Other
		r.of(s)[i].add(&Figures{Resolutions: f})
		return err
	})
}

// eachDay calls fn for each row of s in the periods, with the period's number.
func (r *reading) eachDay(ctx context.Context, of storage.Counter, s series, fn func(i int, value []byte) error) error {
	i := 0
	span := storage.Range{Start: s.key(of, r.list[0].from), End: s.key(of, r.list[len(r.list)-1].to+1)}
	return r.snap.Scan(ctx, span, func(key []byte, item storage.Item) error {
		_, _, _, d, ok := storage.ParseDayKey(key)
		if !ok {
			return errDamaged
		}
		for day(d) > r.list[i].to {
			i++
		}
		return fn(i, item.Value)
	})
}

// fill gives out the figures, in the order of enterprises, prefixes and periods.
func (r *reading) fill(ctx context.Context, out *Answer, names map[string]string) error {
	totals := r.blank()
	groups := make([]series, 0, len(r.sums))
	for s := range r.sums {
		groups = append(groups, s)
	}
	slices.SortFunc(groups, func(a, b series) int {
		if c := strings.Compare(a.enterprise, b.enterprise); c != 0 {
			return c
		}
		return bytes.Compare(storage.NamespaceKey(a.ns), storage.NamespaceKey(b.ns))
	})
	for _, s := range groups {
		name, err := r.name(ctx, names, s.enterprise)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		for i, f := range r.sums[s] {
			totals[i].add(&f)
			if f.isZero() {
				continue
			}
			item := Item{Enterprise: s.enterprise, Name: name, Period: r.list[i].name, Figures: f}
			if r.q.ByPrefix {
				item.Scheme, item.Prefix = s.ns.Scheme.String(), s.ns.Name
			}
			out.Items = append(out.Items, item)
		}
	}
	if r.q.Enterprise != "" {
		return nil
	}
	out.Totals = []Total{}
	for i, f := range totals {
		out.Totals = append(out.Totals, Total{r.list[i].name, f})
	}
	return nil
}

// name is the name of an enterprise.
func (r *reading) name(ctx context.Context, names map[string]string, id string) (string, error) {
	if name, known := names[id]; known || id == "" {
		return name, nil
	}
	item, err := r.snap.Get(ctx, storage.EnterpriseKey(id))
	if err != nil {
		return "", err
	}
	var e struct{ Name string }
	if err := json.Unmarshal(item.Value, &e); err != nil {
		return "", fmt.Errorf("decode enterprise %s: %w", id, err)
	}
	names[id] = e.Name
	return e.Name, nil
}

// eachSeries calls fn once for each enterprise and namespace that has rows among the keys, and looks at
// one row of each.
func eachSeries(ctx context.Context, from storage.Reader, keys storage.Range, fn func(s series) error) error {
	keys.Limit = 1
	for {
		var of storage.Counter
		var s series
		found := false
		err := from.Scan(ctx, keys, func(key []byte, _ storage.Item) (err error) {
			if of, s.enterprise, s.ns, _, found = storage.ParseDayKey(key); !found {
				err = errDamaged
			}
			return err
		})
		if err != nil || !found {
			return err
		}
		if err := fn(s); err != nil {
			return err
		}
		keys.Start = storage.PrefixRange(storage.DaysPrefix(of, s.enterprise, s.ns)).End
	}
}
