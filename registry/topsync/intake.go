package topsync

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// taken are the tables that enterprises' own nodes report to this one.
var taken = []string{"T8", "T9", "T10", "T11", "M1", "M2"}

// keptRefusals is how many numbers of refused rows are kept of an enterprise and table, to be taken once they are right.
const keptRefusals = 10_000

// Results of rows that were received.
const (
	ResultAccepted  = "accepted"
	ResultDuplicate = "duplicate" // its number had been taken before
	ResultRefused   = "refused"
)

// Received is the answer to rows of an enterprise's own node. Its members acknowledged and rejected are those of the
// JSON lines that the node itself sends (package jsonlines), so that one idnode can report to another.
type Received struct {
	Acknowledged uint64           `json:"acknowledged"` // rows up to here are dealt with
	Rejected     []RejectedRow    `json:"rejected,omitempty"`
	Accepted     int              `json:"accepted"`
	Duplicates   int              `json:"duplicates"`
	Results      []ReceivedResult `json:"results"` // one a row, in their order
}

// RejectedRow is a row that was refused.
type RejectedRow struct {
	Seq    uint64 `json:"seq"`
	Detail string `json:"detail"`
}

// ReceivedResult is what became of a row.
type ReceivedResult struct {
	Line   int        `json:"line"`
	Seq    uint64     `json:"seq"`
	Result string     `json:"result"`
	Faults []RowFault `json:"faults,omitempty"`
}

// intake is which rows of an enterprise and table have been taken.
type intake struct {
	Highest uint64   `json:"highest"`
	Refused []uint64 `json:"refused,omitempty"` // at or below it
}

// taken reports whether the row of a number was dealt with before.
func (i *intake) has(number uint64) bool {
	return number <= i.Highest && !slices.Contains(i.Refused, number)
}

// note notes that a row was dealt with now.
func (i *intake) note(number uint64, refused bool) {
	i.Highest = max(i.Highest, number)
	at := slices.Index(i.Refused, number)
	switch {
	case refused && at < 0:
		if i.Refused = append(i.Refused, number); len(i.Refused) > keptRefusals {
			i.Refused = i.Refused[1:]
		}
	case !refused && at >= 0:
		i.Refused = slices.Delete(i.Refused, at, at+1)
	}
}

// Receive takes rows of a table that an enterprise's own node reports, checks each against the dictionary and against
// what the enterprise may report: of its delegated prefixes only. Rows that are right are stored, and reported upward
// in their order. A number at or below one that was taken is a duplicate and changes nothing; a refused row may come
// again under its number. Language is that of the faults, "zh" or "en". Refusals: CodeForbidden, CodeNotFound (the
// table), CodeInvalidState (nothing is delegated to the enterprise), CodeEnterpriseSuspended,
// CodeUnavailable (the sync is beginning).
func (s *Syncer) Receive(ctx context.Context, table string, rows []topreport.Row, language registry.Language, a registry.Actor) (*Received, error) {
	if !slices.Contains(taken, table) {
		return nil, registry.Refuse(registry.CodeNotFound, "table", "enterprises do not report table %s", table)
	}
	if !a.Has(registry.RoleAdmin, registry.RoleWriter) || a.Enterprise == "" {
		return nil, registry.Refuse(registry.CodeForbidden, "", "role %s does not report for an enterprise", a.Role)
	}
	own, err := s.delegated(ctx, a)
	if err != nil {
		return nil, err
	}
	r := &receiving{s: s, table: table, actor: a, own: own, language: language}
	err = s.journal.write(ctx, func(w *writing) error {
		if err := s.checkLoaded(ctx); err != nil {
			return err
		}
		r.out = Received{Results: make([]ReceivedResult, 0, len(rows))}
		return r.all(ctx, w, rows)
	})
	if err != nil {
		return nil, registry.AsError(fmt.Errorf("store reported rows: %w", err))
	}
	return &r.out, nil
}

// checkLoaded refuses while the load writes rows: one that is broken off takes all behind its first one away.
func (s *Syncer) checkLoaded(ctx context.Context) error {
	item, err := s.store.Get(ctx, stateKey)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var k state
	if err := json.Unmarshal(item.Value, &k); err != nil {
		return err
	}
	if !k.Loaded {
		return registry.Refuse(registry.CodeUnavailable, "", "the node is going through what it holds; report again in a while")
	}
	return nil
}

// delegated are the delegated namespaces of the actor's enterprise that its credential reaches, as rows name them.
func (s *Syncer) delegated(ctx context.Context, a registry.Actor) (map[identifier.Key]bool, error) {
	e, err := s.o.Registrar.Enterprise(ctx, a.Enterprise, registry.NodeActor())
	if err != nil {
		return nil, err
	}
	if e.State != registry.EnterpriseActive {
		return nil, registry.Refuse(registry.CodeEnterpriseSuspended, "", "enterprise %s is %s", a.Enterprise, e.State)
	}
	own := make(map[identifier.Key]bool)
	err = s.store.Scan(ctx, storage.TableRange(storage.TableNamespace), func(_ []byte, item storage.Item) error {
		ns, err := storage.DecodeNamespace(item)
		if err == nil && ns.Mode == identifier.Delegated && ns.State == identifier.NamespaceActive && a.Owns(ns) {
			own[ns.Key()] = true
		}
		return err
	})
	if err != nil {
		return nil, registry.AsError(err)
	}
	if len(own) == 0 {
		return nil, registry.Refuse(registry.CodeInvalidState, "", "no prefix of enterprise %s is delegated to a node of its own", a.Enterprise)
	}
	return own, nil
}

// receiving is one Receive.
type receiving struct {
	s        *Syncer
	table    string
	actor    registry.Actor
	own      map[identifier.Key]bool
	language registry.Language
	out      Received
}

func (r *receiving) key() []byte {
	return storage.SyncKey(storage.SyncIntake, []string{r.actor.Enterprise, r.table}, nil)
}

func (r *receiving) all(ctx context.Context, w *writing, rows []topreport.Row) error {
	var in intake
	item, err := r.s.store.Get(ctx, r.key())
	if err == nil {
		err = json.Unmarshal(item.Value, &in)
	}
	if err != nil && !isNotFound(err) {
		return err
	}
	for i := range rows {
		if err := r.one(w, &in, &rows[i], i+1); err != nil {
			return err
		}
	}
	r.out.Acknowledged = in.Highest
	if r.out.Accepted+len(r.out.Rejected) == 0 {
		return nil
	}
	value, err := json.Marshal(&in)
	if err != nil {
		return err
	}
	w.Put(r.key(), value, item.Version)
	if r.out.Accepted == 0 {
		return nil
	}
	return r.s.o.Registrar.AddAudit(&w.Batch, r.actor, registry.AuditEntry{Op: "report.receive", ID: r.table, Rows: r.out.Accepted})
}

// one takes a row.
func (r *receiving) one(w *writing, in *intake, given *topreport.Row, line int) error {
	result := ReceivedResult{Line: line, Seq: given.Seq, Result: ResultAccepted}
	faults := topreport.Check(r.table, given)
	var key string
	if len(faults) == 0 {
		key, faults = r.mine(given)
	}
	switch {
	case given.Seq > 0 && in.has(given.Seq):
		result.Result = ResultDuplicate
		r.out.Duplicates++
	case len(faults) > 0:
		result.Result = ResultRefused
		for _, f := range faults {
			result.Faults = append(result.Faults, RowFault{f.Field, f.Detail(string(r.language))})
		}
		r.out.Rejected = append(r.out.Rejected, RejectedRow{given.Seq, result.Faults[0].Field + ": " + result.Faults[0].Detail})
		if given.Seq > 0 {
			in.note(given.Seq, true)
		}
	default:
		if _, err := w.addRow(r.table, row{Key: key, Op: given.Op, Time: given.Time.UTC(), Data: given.Data, Source: r.actor.Enterprise}); err != nil {
			return err
		}
		in.note(given.Seq, false)
		r.out.Accepted++
	}
	r.out.Results = append(r.out.Results, result)
	return nil
}

// mine checks that a row is about something of the enterprise, and returns the key under which it goes on.
func (r *receiving) mine(given *topreport.Row) (string, []topreport.Fault) {
	var data map[string]any
	if err := json.Unmarshal(given.Data, &data); err != nil {
		return "", []topreport.Fault{{Field: "/data", Format: topreport.NotAnObject}}
	}
	table := topreport.Find(r.table)
	if r.table == "T9" {
		text, _ := data["identifier"].(string)
		id, err := identifier.Parse(text)
		if err != nil {
			return "", []topreport.Fault{{Field: "/data/identifier", Format: topreport.NoIdentifier}}
		}
		for name := range id.Namespaces() {
			if r.own[identifier.Key{Scheme: id.Scheme(), Name: name}] {
				return identifierKey(id.Key(true)), nil
			}
		}
		return "", []topreport.Fault{{Field: "/data/identifier", Format: topreport.NotYours}}
	}
	text, _ := data["prefix"].(string)
	if text == "" {
		return "", []topreport.Fault{{Field: "/data/prefix", Format: topreport.Missing}}
	}
	ns, ok := unqualified(text)
	if ok {
		name, err := ns.Scheme.ParseNamespace(ns.Name)
		ns.Name, ok = name, err == nil
	}
	if !ok || !r.own[ns] {
		return "", []topreport.Fault{{Field: "/data/prefix", Format: topreport.NotYours}}
	}
	key := table.KeyOf(data)
	if !slices.Contains(table.Key, "prefix") {
		key = r.actor.Enterprise + " " + key // numbers that each node gives out by itself
	}
	return key, nil
}
