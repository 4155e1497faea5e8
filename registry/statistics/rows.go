package statistics

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

var (
	stateKey    = storage.MetaKey("statistics")
	cursorKey   = storage.CursorKey("statistics")
	positionKey = storage.MetaKey("statistics.resolutions")
)

// errDamaged says that a row is not in the form in which it was written.
var errDamaged = errors.New("row of statistics is damaged")

// state is the row of stateKey, and the cursor that is written with it.
type state struct {
	Since  time.Time `json:"since"`           // registrations are counted since then
	Seen   time.Time `json:"seen"`            // the latest time of a batch that was counted; rows of its day have what is held
	Known  bool      `json:"known"`           // what is held has been counted
	Again  bool      `json:"again,omitempty"` // and is to be counted again
	Unsure []gap     `json:"unsure"`          // days at whose ends it is not known what was held
	Lost   []span    `json:"lost,omitempty"`  // registrations may lack changes of these times

	version uint64 // of the row; 0: there is none yet
	cursor  storage.Seq
}

// gap is days from From on and before To; To is 0 if it goes on.
type gap struct {
	From day `json:"from"`
	To   day `json:"to,omitempty"`
}

type span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// knows reports whether it is known what was held at the end of d.
func (st *state) knows(d day) bool {
	for _, g := range st.Unsure {
		if g.From <= d && (g.To == 0 || d < g.To) {
			return false
		}
	}
	return st.version != 0
}

func readState(ctx context.Context, from storage.Reader) (state, error) {
	items, err := from.MultiGet(ctx, [][]byte{stateKey, cursorKey})
	if err != nil {
		return state{}, fmt.Errorf("read state of statistics: %w", err)
	}
	st := state{version: items[0].Version}
	if items[0].Value == nil {
		return st, nil
	}
	if err := json.Unmarshal(items[0].Value, &st); err != nil {
		return st, fmt.Errorf("read state of statistics: %w", err)
	}
	st.cursor, err = storage.DecodeCursor(items[1].Value)
	return st, err
}

// holding is what a namespace holds.
type holding struct {
	owner           string // enterprise
	active, revoked int64
}

func (h *holding) add(c change) {
	h.active += c.active()
	h.revoked += c.revoked()
}

func (h *holding) append(dst []byte) []byte {
	dst = appendCount(appendCount(dst, h.active), h.revoked)
	return append(dst, h.owner...)
}

func parseHolding(value []byte) (h holding, err error) {
	d := decoder{rest: value}
	h.active, h.revoked = d.count(), d.count()
	h.owner = string(d.rest)
	if d.failed {
		err = errDamaged
	}
	return h, err
}

// change is what a change does to the record.
type change struct{ created, updated, ended, restored int64 }

// changeOf is the change of that kind.
func changeOf(op storage.Op) change {
	switch op {
	case storage.OpCreate:
		return change{created: 1}
	case storage.OpUpdate:
		return change{updated: 1}
	case storage.OpRevoke:
		return change{ended: 1}
	case storage.OpRestore:
		return change{restored: 1}
	case storage.OpEntomb:
		return change{created: 1, ended: 1}
	}
	return change{}
}

// active is by how much more active records there are afterwards, revoked by how much more tombstones.
func (c change) active() int64  { return c.created - c.ended + c.restored }
func (c change) revoked() int64 { return c.ended - c.restored }

func (c *change) add(o change) {
	c.created += o.created
	c.updated += o.updated
	c.ended += o.ended
	c.restored += o.restored
}

// dayRow is a row of CounterRegistrations.
type dayRow struct {
	change
	holds           bool // it has what was held at the day's end
	active, revoked int64
}

// Kinds of a dayRow, its first octet.
const (
	rowOfChanges = 1
	rowThatHolds = 2
)

func (r *dayRow) append(dst []byte) []byte {
	kind := byte(rowOfChanges)
	if r.holds {
		kind = rowThatHolds
	}
	dst = append(dst, kind)
	for _, n := range []int64{r.created, r.updated, r.ended, r.restored} {
		dst = appendCount(dst, n)
	}
	if r.holds {
		dst = appendCount(appendCount(dst, r.active), r.revoked)
	}
	return dst
}

func parseDayRow(value []byte) (r dayRow, err error) {
	d := decoder{rest: value}
	kind := d.octet()
	r.created, r.updated, r.ended, r.restored = d.count(), d.count(), d.count(), d.count()
	if r.holds = kind == rowThatHolds; r.holds {
		r.active, r.revoked = d.count(), d.count()
	}
	if d.failed || len(d.rest) > 0 || kind != rowOfChanges && kind != rowThatHolds {
		err = errDamaged
	}
	return r, err
}

// questions is a row of CounterResolutions: how many there were, by their outcome.
type questions [outcomes]uint64

func (q *questions) append(dst []byte) []byte {
	for _, n := range q {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

func parseQuestions(value []byte) (q questions, err error) {
	d := decoder{rest: value}
	for i := range q {
		q[i] = uint64(d.count())
	}
	if d.failed || len(d.rest) > 0 {
		err = errDamaged
	}
	return q, err
}

// appendCount appends n, or 0 if it is less.
func appendCount(dst []byte, n int64) []byte { return binary.AppendUvarint(dst, uint64(max(0, n))) }

type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) octet() byte {
	if len(d.rest) == 0 {
		d.failed = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) count() int64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > 1<<63-1 {
		d.failed = true
		return 0
	}
	d.rest = d.rest[n:]
	return int64(v)
}

// series names the rows of an enterprise and one of its namespaces.
type series struct {
	enterprise string
	ns         identifier.Key
}

func (s series) key(of storage.Counter, d day) []byte {
	return storage.DayKey(of, s.enterprise, s.ns, uint32(d))
}
