package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/idnode/idnode/registry"
)

func TestSubjectReports(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		report := func(table, enterprise string, a Actor) *Report {
			t.Helper()
			r, err := n.Report(ctx, ReportQuery{Table: table, Enterprise: enterprise}, a)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		r := report("T1", "", n.op)
		if len(r.Rows) != 1 || len(r.Rows[0].Items) != 45 || r.Complete {
			t.Fatalf("T1 of a new node: %+v", r)
		}
		for number, name := range map[int]string{35: "标识注册系统", 39: "业务系统备份", 40: "数据托管单位", 41: "服务托管单位", 42: "实名核验", 43: "标识编码合规性"} {
			if got := r.Rows[0].Items[number-1]; got.Number != number || got.Name.ZH != name || got.Name.EN == "" {
				t.Errorf("item %d is %+v", number, got)
			}
		}
		scan, err := n.AddFile(ctx, FileUpload{Name: "x.pdf", Data: []byte("%PDF-%%EOF")}, Write{Actor: n.op})
		if err != nil {
			t.Fatal(err)
		}
		own := fmt.Appendf(nil, `{"realNameCheck":{"mode":"self","personSource":["%[1]s"],"organisationSource":["%[1]s"]},"namingCompliance":"GB/T 1",
			"dataTrustee":{"name":"x","contract":"%[1]s"},"build":{"by":"self"},"operate":{"by":"commissioned","name":"y","contract":"%[1]s"}}`, scan.ID)
		if _, err := n.PatchEnterprise(ctx, Self, fmt.Appendf(nil, fullForm, scan.ID), Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.PatchEnterprise(ctx, Self, own, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		if r := report("T1", "", Actor{Enterprise: Self, Role: RoleAuditor}); !r.Complete || r.Rows[0].Items[25].Value != "110*************2X" {
			t.Errorf("T1 filled: %+v", r)
		}
		if _, err := n.PatchEnterprise(ctx, n.a.Enterprise, own, Write{Actor: n.op}); code(err) != CodeInvalidEnterprise {
			t.Errorf("members of the node for another: %v", err)
		}

		if r := report("T6", "", n.op); len(r.Rows) != 2 || len(r.Rows[0].Items) != 42 || r.Complete {
			t.Errorf("T6: %+v", r)
		}
		admin := Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin}
		if r := report("T6", "", admin); len(r.Rows) != 1 || r.Rows[0].Enterprise != n.a.Enterprise {
			t.Errorf("T6 for an admin: %+v", r)
		}
		for _, c := range []struct {
			q     ReportQuery
			actor Actor
			code  string
		}{
			{ReportQuery{Table: "T2"}, n.op, CodeNotFound}, {ReportQuery{Table: "T1"}, admin, CodeForbidden}, {ReportQuery{Table: "T6"}, n.a, CodeForbidden},
			{ReportQuery{Table: "T6", Enterprise: n.b.Enterprise}, admin, CodeForbidden}, {ReportQuery{Table: "T6", Enterprise: "e0"}, n.op, CodeNotFound},
			{ReportQuery{Table: "T5", Enterprise: n.a.Enterprise}, n.op, CodeInvalidRequest},
		} {
			if _, err := n.Report(ctx, c.q, c.actor); code(err) != c.code {
				t.Errorf("%+v for %s: %v, want %s", c.q, c.actor.Role, err, c.code)
			}
		}
	})
}

func TestApps(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		admin := Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin}
		other := Actor{Enterprise: n.b.Enterprise, Role: RoleAdmin}
		before := n.contents()
		_, err := n.CreateApp(ctx, "", AppForm{Type: "6", Users: -1, RecursiveServer: &RecursiveServer{IP: "x"}}, Write{Actor: admin})
		if e, _ := errors.AsType[*Error](err); code(err) != CodeInvalidApplication || len(e.Violations) != 5 {
			t.Errorf("mistakes: %+v", e)
		}
		if _, err := n.CreateApp(ctx, n.a.Enterprise, AppForm{Name: "x", Type: "1"}, Write{Actor: other}); code(err) != CodeForbidden {
			t.Errorf("of another: %v", err)
		}
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("refusals left something behind:\n%s", diff)
		}
		whole := AppForm{Name: "溯源", Type: "2", Introduction: "i", Users: 7, RecursiveServer: &RecursiveServer{IP: "192.0.2.1", Port: 3641}, Developer: "d"}
		app, err := n.CreateApp(ctx, "", whole, Write{Actor: admin})
		if err != nil || app.Type != "mini_program" || app.Enterprise != n.a.Enterprise {
			t.Fatalf("create: %+v, %v", app, err)
		}
		if _, err := n.CreateApp(ctx, Self, AppForm{Name: "node's", Type: "web"}, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.PatchApp(ctx, app.ID, []byte(`{"users":8}`), Write{Actor: admin, IfMatch: 2}); code(err) != CodeVersionMismatch {
			t.Errorf("stale version: %v", err)
		}
		if got, err := n.PatchApp(ctx, app.ID, []byte(`{"users":8,"developer":null}`), Write{Actor: admin, IfMatch: 1}); err != nil || got.Users != 8 || got.Developer != "" || got.Version != 2 {
			t.Errorf("patch: %+v, %v", got, err)
		}
		if _, err := n.PatchApp(ctx, app.ID, []byte(`{"name":null}`), Write{Actor: admin}); code(err) != CodeInvalidApplication {
			t.Errorf("patch to nothing: %v", err)
		}
		if _, err := n.App(ctx, app.ID, other); code(err) != CodeNotFound {
			t.Errorf("read by another: %v", err)
		}
		if r, err := n.Report(ctx, ReportQuery{Table: "T10"}, n.op); err != nil || len(r.Rows) != 1 || r.Complete || r.Rows[0].App != app.ID {
			t.Errorf("T10: %+v, %v", r, err)
		}
		if r, err := n.Report(ctx, ReportQuery{Table: "T5"}, n.op); err != nil || len(r.Rows) != 1 || r.Rows[0].Enterprise != Self {
			t.Errorf("T5: %+v, %v", r, err)
		}
		if err := n.DeleteApp(ctx, app.ID, Write{Actor: other}); code(err) != CodeNotFound {
			t.Errorf("deletion by another: %v", err)
		}
		if err := n.DeleteApp(ctx, app.ID, Write{Actor: admin}); err != nil {
			t.Error(err)
		}
		if list, _, err := n.ListApps(ctx, admin, "", Paging{}); err != nil || len(list) != 0 {
			t.Errorf("list: %v, %v", list, err)
		}
	})
}

// TestFormSchemas: every member of a form has its two titles, and the schema is JSON.
func TestFormSchemas(t *testing.T) {
	var walk func(at string, v any)
	walk = func(at string, v any) {
		object, _ := v.(map[string]any)
		properties, _ := object["properties"].(map[string]any)
		for name, p := range properties {
			titles, _ := p.(map[string]any)["x-titles"].(map[string]any)
			if titles["zh"] == "" || titles["zh"] == nil || titles["en"] == "" || titles["en"] == nil {
				t.Errorf("%s/%s has no titles", at, name)
			}
			walk(at+"/"+name, p)
		}
		if items := object["items"]; items != nil {
			walk(at, items)
		}
	}
	for table, member := range map[string]string{"T1": "realNameCheck", "T6": "certificate", "T5": "developer", "T10": "recursiveServer"} {
		schema, err := FormSchema(table)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		var decoded map[string]any
		if err := json.Unmarshal(text, &decoded); err != nil {
			t.Fatal(err)
		}
		walk(table, decoded)
		if decoded["properties"].(map[string]any)[member] == nil || decoded["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("%s: %s", table, text)
		}
	}
	if s, _ := FormSchema("T6"); reflect.ValueOf(s["properties"]).MapIndex(reflect.ValueOf("realNameCheck")).IsValid() {
		t.Error("T6 has what only the node tells")
	}
	if _, err := FormSchema("T2"); code(err) != CodeNotFound {
		t.Errorf("T2: %v", err)
	}
}
