package snms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// row is one of a batch: what it asks for, and what came of it.
type row struct {
	handle string // as the request spells it
	id     identifier.ID
	op     registry.Operation
	err    error // nil: done, or not tried yet
}

// rowResult is the outcome of a row.
type rowResult struct {
	Handle string `json:"handle"`
	Msg    string `json:"msg"`
}

// deletion is the outcome of a row that deletes.
type deletion struct {
	Handle string `json:"handle"`
	Code   Status `json:"code"` // 1 or -2
	Msg    string `json:"msg"`
}

func (s *server) batchCreate(r *request) (any, error) {
	return s.batch(r, registry.OpCreate, "", func(e *entry) registry.Operation {
		return registry.Operation{Kind: registry.OpCreate, Record: e.record()}
	})
}

func (s *server) batchUpdate(r *request) (any, error) {
	return s.batch(r, registry.OpMerge, messageAbsent, func(e *entry) registry.Operation {
		return registry.Operation{Kind: registry.OpMerge, ID: e.id, Patch: e.patch()}
	})
}

// batch serves a batch whose rows are identifiers with their values.
func (s *server) batch(r *request, kind registry.OpKind, absent string, operation func(*entry) registry.Operation) (any, error) {
	raw, err := s.rows(r, "")
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(raw))
	d := s.reader(r)
	for i := range raw {
		var f identifierForm
		if rows[i].err = decode(bytes.NewReader(raw[i]), &f); rows[i].err != nil {
			rows[i].handle = handleIn(raw[i])
			continue
		}
		if f.Handle != nil {
			rows[i].handle = string(*f.Handle)
		}
		var e *entry
		if e, rows[i].err = d.read(&f); rows[i].err == nil {
			rows[i].id, rows[i].op = e.id, operation(e)
		}
	}
	if err := s.apply(r, kind, absent, rows); err != nil {
		return nil, err
	}
	out := make([]rowResult, len(rows))
	for i := range rows {
		_, message := s.rowTold(r, &rows[i])
		out[i] = rowResult{rows[i].handle, message}
	}
	return out, nil
}

func (s *server) batchDelete(r *request) (any, error) {
	raw, err := s.rows(r, "handles")
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(raw))
	for i := range raw {
		var handle text
		if rows[i].err = decode(bytes.NewReader(raw[i]), &handle); rows[i].err != nil {
			rows[i].err = refuse("handle 应为字符串")
			continue
		}
		rows[i].handle = string(handle)
		if rows[i].id, rows[i].err = s.parseHandle(&handle); rows[i].err == nil {
			rows[i].op = registry.Operation{Kind: registry.OpRevoke, ID: rows[i].id, Reason: reasonDeleted}
		}
	}
	if err := s.apply(r, registry.OpRevoke, messageAbsent, rows); err != nil {
		return nil, err
	}
	out := make([]deletion, len(rows))
	for i := range rows {
		status, message := s.rowTold(r, &rows[i])
		if status != StatusDone {
			status = StatusFailed
		}
		out[i] = deletion{rows[i].handle, status, message}
	}
	return out, nil
}

// rowTold is what the client is told of a row.
func (s *server) rowTold(r *request, one *row) (Status, string) {
	if one.err == nil {
		return StatusDone, messageDone
	}
	return s.told(r.Request, one.err)
}

// rows reads the rows of a batch: an array, or the member of that name of an object, if name is not "".
func (s *server) rows(r *request, name string) ([]json.RawMessage, error) {
	var body json.RawMessage
	if err := r.read(&body); err != nil {
		return nil, err
	}
	if name != "" && body[0] == '{' {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(body, &object); err != nil {
			return nil, refuse(messageJSON)
		}
		if body = object[name]; len(body) == 0 || body[0] == 'n' {
			return nil, missing(name)
		}
	}
	var all []json.RawMessage
	if body[0] != '[' {
		return nil, refuse(messageArray)
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, refuse(messageJSON)
	}
	switch n := len(all); {
	case n == 0:
		return nil, refuse(messageNoRows)
	case n > s.BatchRows:
		return nil, refuse(fmt.Sprintf(messageRows, s.BatchRows, n))
	}
	return all, nil
}

// handleIn is the identifier of a row that cannot be read, if that can.
func handleIn(raw []byte) string {
	var f struct{ Handle any }
	_ = json.Unmarshal(raw, &f) // as far as it goes
	handle, _ := f.Handle.(string)
	return handle
}

// apply does what the rows ask for that have no error yet. All are one storage batch; only a second row for an
// identifier waits for a second one, and so on, so that the rows come to what they would one after the other. An
// error is of the batch as a whole: what was done before it is done, and a repeat settles it.
func (s *server) apply(r *request, kind registry.OpKind, absent string, rows []row) error {
	turns := make([]int, len(rows)) // in which storage batch; from 1
	count := make(map[identifier.Key]int, len(rows))
	most := 0
	keys := make([]identifier.Key, len(rows))
	for i := range rows {
		if rows[i].err != nil {
			continue
		}
		ns := s.Registrar.HolderOf(rows[i].id)
		keys[i] = rows[i].id.Key(ns != nil && ns.CaseSensitive)
		count[keys[i]]++
		turns[i] = count[keys[i]]
		most = max(most, turns[i])
	}
	before := make(map[identifier.Key]*row) // the row for an identifier in the turn before
	for turn := 1; turn <= most; turn++ {
		var ops []registry.Operation
		var at []int
		for i := range rows {
			if turns[i] != turn {
				continue
			}
			if rows[i].err = follows(kind, before[keys[i]]); rows[i].err == nil {
				ops, at = append(ops, rows[i].op), append(at, i)
			}
		}
		if len(ops) > 0 {
			w := registry.Write{Actor: r.actor, Revive: true, Again: turn == 1, Present: true, MaxRows: len(ops)}
			results, err := s.Registrar.Batch(r.Context(), ops, w)
			if err != nil {
				return err
			}
			for j := range results {
				if e := results[j].Err; e != nil {
					rows[at[j]].err = worded(e, absent)
				}
			}
		}
		if most > 1 {
			for i := range rows {
				if turns[i] == turn {
					before[keys[i]] = &rows[i]
				}
			}
		}
	}
	return nil
}

// follows is what is known, without asking, of a row for the identifier of which before was the row until now: of
// two that create one the second is refused, as the documents show it, and so is a second that deletes it.
func follows(kind registry.OpKind, before *row) error {
	switch {
	case before == nil:
		return nil
	case kind == registry.OpCreate && (before.err == nil || isRefusal(before.err, messageExists)):
		return refuse(messageExists)
	case kind == registry.OpRevoke && (before.err == nil || isRefusal(before.err, messageAbsent)):
		return refuse(messageAbsent)
	}
	return nil
}

func isRefusal(err error, message string) bool {
	e, ok := errors.AsType[*refusal](err)
	return ok && e.message == message
}
