package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// envelope is the body of a message.
type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of the newest change
	Data      any       `json:"data"`
}

// items is the data of what is no test.
type items struct {
	Items []told `json:"items"`
}

// told is what a message has of a change. What is private of a record is not among it.
type told struct {
	ID        string    `json:"id"`
	Scheme    string    `json:"scheme,omitempty"`
	Namespace string    `json:"namespace,omitempty"`
	Version   uint64    `json:"version"`
	State     string    `json:"state,omitempty"`
	Mode      string    `json:"mode,omitempty"`
	Revision  uint32    `json:"revision,omitempty"`
	Template  string    `json:"template,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Successor string    `json:"successor,omitempty"`
	Time      time.Time `json:"time"`
}

// body is the body of m.
func (s *Sender) body(ctx context.Context, m *message) ([]byte, error) {
	all := make([]told, len(m.items))
	keys := make([][]byte, len(m.items))
	for i := range m.items {
		it := &m.items[i]
		all[i] = told{Version: it.version, Time: it.time.UTC()}
		if it.ns.Scheme != 0 {
			all[i].Scheme, all[i].Namespace = it.ns.Scheme.String(), it.ns.Name
		}
		switch m.event {
		case registry.EventEnterpriseChanged:
			keys[i], all[i].ID = storage.EnterpriseKey(it.enterprise), it.enterprise
		case registry.EventPrefixChanged:
			keys[i], all[i].ID, all[i].Namespace = storage.NamespaceKey(it.ns), it.ns.Name, ""
		case registry.EventTemplateChanged:
			keys[i], all[i].ID = storage.TemplateKey(it.ns, it.name), it.name
		default:
			keys[i], all[i].ID = storage.RecordKey(it.record), it.record.Name
		}
	}
	rows, err := s.o.Store.MultiGet(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read what changed: %w", err)
	}
	if m.isOfRecords() {
		err = s.tellRecords(ctx, m, all, rows)
	} else {
		err = tellStates(m.event, all, rows)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{string(m.event), m.items[len(m.items)-1].time.UTC(), items{all}})
}

func (m *message) isOfRecords() bool {
	return m.items[0].record.Scheme != 0
}

// tellRecords adds to all what the records were at the versions told. Past ones are read from the history.
func (s *Sender) tellRecords(ctx context.Context, m *message, all []told, rows []storage.Item) error {
	var past [][]byte
	var at []int
	for i := range rows {
		if rows[i].Value == nil || rows[i].Version != all[i].Version {
			past, at = append(past, storage.HistoryKey(m.items[i].record, all[i].Version)), append(at, i)
			rows[i].Value = nil
		}
	}
	if len(past) > 0 {
		old, err := s.o.Store.MultiGet(ctx, past)
		if err != nil {
			return fmt.Errorf("read history: %w", err)
		}
		for j, i := range at {
			rows[i] = old[j]
		}
	}
	for i := range rows {
		if rows[i].Value == nil {
			continue // the history no longer has it: the name and the version are told
		}
		rec, err := identifier.DecodeRecord(rows[i].Value)
		if err != nil {
			return fmt.Errorf("record %s: %w", all[i].ID, err)
		}
		all[i].ID, all[i].State, all[i].Template, all[i].Time = rec.ID, rec.State.String(), rec.Template, rec.Updated.UTC()
		if rec.State == identifier.Revoked {
			all[i].Reason, all[i].Successor = rec.Reason, rec.Successor
		}
	}
	return nil
}

// tellStates adds to all what namespaces, templates and enterprises are now: their past is not kept.
func tellStates(event registry.WebhookEvent, all []told, rows []storage.Item) error {
	for i := range rows {
		if rows[i].Value == nil {
			all[i].State = "deleted"
			continue
		}
		// What these kinds have in common, and what they call the same.
		var row struct {
			State    string    `json:"state"`
			Mode     string    `json:"mode"`
			Reason   string    `json:"reason"`
			Revision uint32    `json:"revision"`
			Updated  time.Time `json:"updated"`
		}
		if err := json.Unmarshal(rows[i].Value, &row); err != nil {
			return fmt.Errorf("%s %s: %w", event, all[i].ID, err)
		}
		all[i].Version, all[i].State, all[i].Time = rows[i].Version, row.State, row.Updated.UTC()
		switch event {
		case registry.EventPrefixChanged:
			all[i].Mode, all[i].Reason = row.Mode, row.Reason
		case registry.EventTemplateChanged:
			all[i].Revision = row.Revision
		}
	}
	return nil
}
