package idhub

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// TestMany: lists and grants reach what stands on later pages of the registry, and nothing of other metadata.
func TestMany(t *testing.T) {
	h := newHub(t)
	h.pump()
	h.must("POST /api/v1/open/meta/create", with(pumpForm, "88.608.8889/META_pump", "88.608.6688/META_pump"))
	h.must("PUT /api/v1/open/meta/publish-or-withdraw", `{"metaHandleList":["88.608.6688/META_pump"],"opType":"publish"}`)
	h.must(operate(opCreate, "88.608.6688/1"), with(content(`"name":"x"`), prefix, "88.608.6688"))
	const many = 1201
	var rows []registry.Operation
	for i := range many {
		rows = append(rows, registry.Operation{Kind: registry.OpCreate, Fields: []byte(`{"name":"x","weight":1}`),
			Record: &identifier.Record{Scheme: identifier.Handle, ID: fmt.Sprintf("%s/%04d", prefix, i), Template: "pump"}})
	}
	results, err := h.reg.Batch(t.Context(), rows, registry.Write{Actor: operator.Actor, MaxRows: many})
	if err != nil || results[many-1].Err != nil {
		t.Fatal(err, results[many-1].Err)
	}
	h.must(operate(opDelete, prefix+"/0000"), "")
	var page struct {
		Data struct {
			PageNumber, TotalCount, TotalPage int
			Content                           []handleItem
		}
	}
	f := func(query string, number, pages, total int, first string, rows int) {
		t.Helper()
		out := h.must("GET /api/v1/open/handle/page?metaHandle=88.608.8889/META_pump&"+query, "")
		if err := json.Unmarshal([]byte(out), &page); err != nil {
			t.Fatal(err)
		}
		p := &page.Data
		if p.PageNumber != number || p.TotalPage != pages || p.TotalCount != total || len(p.Content) != rows || rows > 0 && p.Content[0].HandleName != first {
			t.Errorf("%s: %.300s", query, out)
		}
	}
	f("size=1000", 1, 2, many-1, prefix+"/0001", 1000)
	f("size=1000&page=1", 2, 2, many-1, prefix+"/1001", 200)
	f("page=200", 201, 120, many-1, "", 0)
	f("endTime=2024-04-28%2011:11:26", 1, 0, 0, "", 0)
	f("handleName="+prefix+"/1200", 1, 1, 1, prefix+"/1200", 1)

	public := func(id string) (n int) {
		t.Helper()
		parsed, err := identifier.Handle.Parse(id)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := h.reg.Get(t.Context(), parsed, registry.Get{})
		if err != nil {
			t.Fatal(err)
		}
		return len(rec.Values)
	}
	const grant = "POST /api/v1/open/classes-grant/item/batch-public"
	for _, scope := range []int{2, 1} {
		h.must(grant, fmt.Sprintf(`{"metaHandle":"88.608.8889/META_pump","scope":%d,"items":["weight"]}`, scope))
		for i := 1; i < many; i++ {
			if n := public(fmt.Sprintf("%s/%04d", prefix, i)); n != 3-scope {
				t.Fatalf("scope %d: %d values of %04d are public", scope, n, i)
			}
		}
		before := h.contents()
		h.must(grant, fmt.Sprintf(`{"metaHandle":"88.608.8889/META_pump","scope":%d,"items":["weight"]}`, scope))
		h.unchanged(before, grant, "again")
	}
	if n := public("88.608.6688/1"); n != 1 {
		t.Errorf("%d values of other metadata are public", n)
	}
	h.refused(h.token, grant, `{"metaHandle":"88.608.8889/META_pump","scope":1,"items":["weight","z"]}`, CodeForeignItem, "实体z不属于该元数据")
	h.bound(grant, `{"metaHandle":"88.608.8889/META_pump","scope":3}`, "scope: 授权范围不符合（1公开2撤销公开）; items: 入参items不能为空")
	h.refused(h.line, grant, `{"metaHandle":"88.608.8889/META_pump","scope":2,"items":["weight"]}`, CodeNoManagement, "暂无当前元数据的管理权限")
}
