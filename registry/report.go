package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/idnode/idnode/storage"
)

// Report is a table of the national data dictionary, filled from what the node knows.
type Report struct {
	Table    string      `json:"table"`
	Rows     []ReportRow `json:"rows"`
	Complete bool        `json:"complete"`       // of the rows here
	Next     string      `json:"next,omitempty"` // cursor of the next page
}

// ReportRow is one subject of a table: the node, an enterprise, or an application.
type ReportRow struct {
	Enterprise string       `json:"enterprise"`
	App        string       `json:"app,omitempty"`
	Complete   bool         `json:"complete"`
	Items      []ReportItem `json:"items"`
}

// ReportItem is one item of a row.
type ReportItem struct {
	Number  int      `json:"number"`
	Name    ItemName `json:"name"`
	Value   any      `json:"value"`   // null if it is not known
	Missing bool     `json:"missing"` // it is required, and not known
}

// ItemName is what an item is called.
type ItemName struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// ReportQuery asks for a table.
type ReportQuery struct {
	Table      string // T1 the node, T6 its enterprises, T5 the node's applications, T10 its enterprises'
	Enterprise string // of T6 and T10; "": all
	Paging
}

// Report fills a table. People of the node get every one, an enterprise's admin T6 and T10 of its own. Numbers
// of identity documents are masked as in the form. Refusals: CodeNotFound, CodeForbidden, CodeInvalidRequest.
func (r *Registrar) Report(ctx context.Context, q ReportQuery, a Actor) (*Report, error) {
	ofNode := q.Table == "T1" || q.Table == "T5"
	if !ofNode && q.Table != "T6" && q.Table != "T10" {
		return nil, refuse(CodeNotFound, "table", "no table %s: there are T1, T5, T6 and T10", q.Table)
	}
	if !a.ofNode() {
		if !a.Has(RoleAdmin) || ofNode {
			return nil, refuse(CodeForbidden, "", "role %s does not read table %s", a.Role, q.Table)
		}
		if q.Enterprise != "" && q.Enterprise != a.Enterprise {
			return nil, refuse(CodeForbidden, "enterprise", "enterprise %s is not yours", q.Enterprise)
		}
		q.Enterprise = a.Enterprise
	}
	if ofNode {
		if q.Enterprise != "" && q.Enterprise != Self {
			return nil, refuse(CodeInvalidRequest, "enterprise", "table %s is of the node itself", q.Table)
		}
		q.Enterprise = Self
	}
	rep := &Report{Table: q.Table, Rows: []ReportRow{}, Complete: true}
	fill := r.reportSubjects
	if q.Table == "T5" || q.Table == "T10" {
		fill = r.reportApps
	}
	if err := fill(ctx, rep, q, a); err != nil {
		return nil, AsError(err)
	}
	for _, row := range rep.Rows {
		rep.Complete = rep.Complete && row.Complete
	}
	return rep, nil
}

// reportSubjects fills tables T1 and T6. Without an enterprise, T6 is of those that are active or suspended.
func (r *Registrar) reportSubjects(ctx context.Context, rep *Report, q ReportQuery, a Actor) error {
	if q.Enterprise != "" {
		e, err := r.Enterprise(ctx, q.Enterprise, a)
		if err != nil {
			return err
		}
		row, err := subjectRow(e, q.Table == "T1")
		rep.Rows = append(rep.Rows, row)
		return err
	}
	list, next, err := page(ctx, r, storage.TableRange(storage.TableEnterprise), q.Paging, func(_ []byte, item storage.Item) (*Enterprise, error) {
		e, err := decodeEnterprise(item)
		if err != nil || e.ID == Self || e.State != EnterpriseActive && e.State != EnterpriseSuspended {
			return nil, err
		}
		return e.shownTo(a), nil
	})
	if err != nil {
		return err
	}
	rep.Next = next
	for _, e := range list {
		row, err := subjectRow(e, false)
		if err != nil {
			return err
		}
		rep.Rows = append(rep.Rows, row)
	}
	return nil
}

// subjectRow is the row of an enterprise, with the scans or without.
func subjectRow(e *Enterprise, withScans bool) (ReportRow, error) {
	row := ReportRow{Enterprise: e.ID, Complete: true}
	if !withScans {
		bare, err := withoutFiles(e)
		if err != nil {
			return row, err
		}
		e = bare
	}
	for _, item := range subjectItems {
		if !item.scan || withScans {
			row.add(item.zh, item.en, item.required, item.value(e))
		}
	}
	return row, nil
}

// withoutFiles is a copy of e that names no files.
func withoutFiles(e *Enterprise) (*Enterprise, error) {
	text, err := json.Marshal(e.Form())
	if err != nil {
		return nil, fmt.Errorf("encode form: %w", err)
	}
	var form EnterpriseForm
	if err := json.Unmarshal(text, &form); err != nil {
		return nil, fmt.Errorf("decode form: %w", err)
	}
	walkForm(&form, "", func(_ string, _ reflect.StructField, v reflect.Value) {
		if v.Type() == reflect.TypeFor[FileID]() {
			v.SetString("")
		}
	})
	bare := *e
	bare.SetForm(form)
	return &bare, nil
}

// add adds an item with the next number.
func (row *ReportRow) add(zh, en string, required bool, value any) {
	if v := reflect.ValueOf(value); value != nil && (v.Kind() == reflect.Slice && v.Len() == 0 || v.Kind() == reflect.String && v.Len() == 0) {
		value = nil
	}
	missing := required && value == nil
	row.Complete = row.Complete && !missing
	row.Items = append(row.Items, ReportItem{Number: len(row.Items) + 1, Name: ItemName{zh, en}, Value: value, Missing: missing})
}

// reportApps fills tables T5 and T10.
func (r *Registrar) reportApps(ctx context.Context, rep *Report, q ReportQuery, _ Actor) error {
	list, next, err := page(ctx, r, storage.TableRange(storage.TableApp), q.Paging, func(_ []byte, item storage.Item) (*App, error) {
		app, err := decodeApp(item)
		if err != nil || q.Enterprise != "" && app.Enterprise != q.Enterprise || q.Table == "T10" && app.Enterprise == Self {
			return nil, err
		}
		return app, nil
	})
	if err != nil {
		return err
	}
	rep.Next = next
	for _, app := range list {
		row := ReportRow{Enterprise: app.Enterprise, App: app.ID, Complete: true}
		for _, item := range appItems {
			row.add(item.zh, item.en, item.required, item.value(app))
		}
		rep.Rows = append(rep.Rows, row)
	}
	return nil
}
