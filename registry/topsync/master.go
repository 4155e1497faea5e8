package topsync

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/storage"
)

// products are the items of T9 that a field of a template with the role fills.
var products = map[template.Role]string{
	template.RoleProductType: "productType", template.RoleBrand: "brand", template.RoleProductName: "productName", template.RoleMaker: "maker",
	template.RoleMade: "made", template.RoleValidUntil: "validUntil", template.RoleTerminalType: "terminalType", template.RoleOwner: "owner",
	template.RoleUse: "use", template.RoleSerial: "serial", template.RoleLicence: "licence", template.RoleCarrierID: "carrierId",
	template.RoleCarrierSequence: "carrierSequence",
}

// expand makes the data of the rows that name a version of a record.
func (s *Syncer) expand(ctx context.Context, rows []row) error {
	var keys [][]byte
	var at []int
	for i := range rows {
		if rows[i].record.Scheme != 0 {
			keys, at = append(keys, storage.RecordKey(rows[i].record)), append(at, i)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	items, err := s.store.MultiGet(ctx, keys)
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	var past [][]byte
	var pastAt []int
	for j, i := range at {
		if items[j].Value == nil || items[j].Version != rows[i].version {
			past, pastAt = append(past, storage.HistoryKey(rows[i].record, rows[i].version)), append(pastAt, j)
			items[j].Value = nil
		}
	}
	if len(past) > 0 {
		old, err := s.store.MultiGet(ctx, past)
		if err != nil {
			return fmt.Errorf("read history of records: %w", err)
		}
		for n, j := range pastAt {
			items[j] = old[n]
		}
	}
	for j, i := range at {
		if rows[i].Data, err = s.masterData(ctx, &rows[i], items[j].Value); err != nil {
			return fmt.Errorf("record %s: %w", rows[i].Key, err)
		}
	}
	return nil
}

// masterData is the data of a row about a version of a record; value is nil if the history no longer has it, and then
// the row tells what is known: that there is such an identifier.
func (s *Syncer) masterData(ctx context.Context, r *row, value []byte) ([]byte, error) {
	data := map[string]any{"identifier": r.Key, "created": r.Time.In(s.o.Location).Format(time.DateOnly), "operation": strconv.Itoa(r.Op.Code())}
	if value == nil {
		return json.Marshal(data)
	}
	rec, err := identifier.DecodeRecord(value)
	if err != nil {
		return nil, err
	}
	if rec.State == identifier.Revoked && r.Op == topreport.Change { // a tombstone that took another's place
		r.Op = topreport.Delete
		data["operation"] = strconv.Itoa(r.Op.Code())
	}
	data["identifier"] = clean(rec.ID)
	data["created"] = rec.Created.In(s.o.Location).Format(time.DateOnly)
	if rec.Template == "" || r.Op == topreport.Delete {
		return json.Marshal(data)
	}
	id, err := rec.Parse()
	if err != nil {
		return nil, err
	}
	t, err := s.o.Registrar.TemplateOf(ctx, id, rec)
	if err != nil || t == nil {
		if err == nil {
			data["metadata"] = clean(rec.Template)
			return json.Marshal(data)
		}
		return nil, err
	}
	data["metadata"] = t.Handle()
	if t.Content != nil {
		fillProduct(data, t.Content, rec)
	}
	return json.Marshal(data)
}

// fillProduct adds the items that fields with a role fill.
func fillProduct(data map[string]any, c *template.Content, rec *identifier.Record) {
	for i := range c.Fields {
		f := &c.Fields[i]
		item := products[f.Role]
		if item == "" {
			continue
		}
		for j := range rec.Values {
			v := &rec.Values[j]
			if v.Index == f.Index && identifier.EqualFoldASCII(v.Type, f.Name) && len(v.Data) > 0 {
				data[item] = clean(string(v.Data))
			}
		}
	}
}

// clean is text as the dictionary takes it: UTF-8 without control characters. Values of records may be any octets.
func clean(text string) string {
	text = strings.ToValidUTF8(text, "�")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return '�'
		}
		return r
	}, text)
}
