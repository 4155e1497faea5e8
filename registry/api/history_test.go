package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestHistory: years later it can be seen what was registered, when, by whom and why.
func TestHistory(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		const id, path = "88.100.1/SN-1", "/v1/identifiers"
		at := path + "?id=" + id
		s.call("a", "POST", path+"?reason=first+lot", body(id, "one")).want(201)
		s.call("a", "PATCH", at+"&reason=moved", `{"values":[{"index":1,"data":"two"}]}`).want(200)
		s.call("op", "POST", path+":batch", `{"operations":[{"op":"merge","id":"`+id+`","values":[{"index":2,"type":"DESC","data":"x","perms":"1100"}],"reason":"described"}]}`).want(200)
		s.call("op", "POST", path+":import?mode=upsert", body(id, "three")).want(200)
		s.call("a", "DELETE", at+"&reason=scrapped&successor=88.100.1/SN-2", "").want(200)
		s.call("a", "POST", path+":restore", `{"id":"`+id+`","reason":"found again"}`).want(200)

		type rev struct{ version, op, reason, enterprise, role, via string }
		want := []rev{
			{"6", "restore", "found again", s.ents["a"], "writer", ""},
			{"5", "revoke", "scrapped", s.ents["a"], "writer", ""},
			{"4", "update", "", "self", "operator", "import"},
			{"3", "update", "described", "self", "operator", "batch"},
			{"2", "update", "moved", s.ents["a"], "writer", ""},
			{"1", "create", "first lot", s.ents["a"], "writer", ""},
		}
		for _, limit := range []string{"1", "2", "100"} {
			var got []rev
			for cursor := ""; ; {
				a := s.call("a", "GET", path+":history?id="+id+"&limit="+limit+"&cursor="+url.QueryEscape(cursor), "").want(200)
				for i := 0; a.field(fmt.Sprintf("items.%d.version", i)) != ""; i++ {
					f := func(name string) string { return a.field(fmt.Sprintf("items.%d.%s", i, name)) }
					got = append(got, rev{f("version"), f("op"), f("reason"), f("by.enterprise"), f("by.role"), f("by.via")})
					if f("time") == "" || f("by.addr") != "127.0.0.1" && f("by.via") == "" {
						t.Errorf("version %s: %s", f("version"), a.body)
					}
				}
				if cursor = a.field("next"); cursor == "" {
					break
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("limit %s:\n got %v\nwant %v", limit, got, want)
			}
		}
		s.call("b", "GET", path+":history?id="+id, "").wantProblem(403, "not_your_namespace")
		s.call("a", "GET", path+":history?id=88.100.1/none", "").wantProblem(404, "not_found")
		s.call("a", "GET", path+":history?id=88.999.1/x", "").wantProblem(404, "not_found")
		s.call("a", "GET", path+":history?id="+id+"&cursor=abc", "").wantProblem(400, "invalid_cursor")

		d := s.call("a", "GET", path+":diff?id="+id+"&from=1&to=3", "").want(200)
		if d.field("values.0.op") != "changed" || d.field("values.0.changed.0") != "data" || d.field("values.0.before.data") != "one" ||
			d.field("values.0.after.data") != "two" || d.field("values.1.op") != "added" || d.field("values.1.after.data") != "x" {
			t.Errorf("diff: %s", d.body)
		}
		if d := s.call("b", "GET", path+":diff?id="+id+"&from=1&to=3", "").want(200); strings.Contains(d.body, "DESC") {
			t.Errorf("another sees a private value: %s", d.body)
		}
		if d := s.call("a", "GET", path+":diff?id="+id, "").want(200); d.field("from") != "5" || d.field("to") != "6" || d.field("state.before") != "revoked" {
			t.Errorf("diff with the version before: %s", d.body)
		}
		s.call("a", "GET", path+":diff?id="+id+"&to=1", "").wantProblem(404, "not_found")
		s.call("a", "GET", path+":diff?id="+id+"&from=x", "").wantProblem(400, "invalid_request")
		s.call("a", "GET", path+":diff?id="+id+"&from=1&to=77", "").wantProblem(404, "not_found")
	})
}

// TestReferences: links are found from both ends, follow the records, and show nothing private.
func TestReferences(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		const path = "/v1/identifiers"
		ref := func(id, to, perms string) string {
			return `{"id":"` + id + `","values":[{"index":1,"type":"PART","data":"x","perms":"` + perms + `","refs":[{"handle":"` + to + `","index":1}]}]}`
		}
		refs := func(who, direction, id string) string {
			t.Helper()
			a := s.call(who, "GET", path+":references?direction="+direction+"&id="+id, "").want(200)
			var out []string
			for i := 0; a.field(fmt.Sprintf("items.%d.id", i)) != ""; i++ {
				f := func(name string) string { return a.field(fmt.Sprintf("items.%d.%s", i, name)) }
				out = append(out, f("id")+" "+f("kind")+" "+f("index")+" "+f("state"))
			}
			return strings.Join(out, ", ")
		}
		f := func(who, direction, id, want string) {
			t.Helper()
			if got := refs(who, direction, id); got != want {
				t.Errorf("%s, %s %s: %q, want %q", who, direction, id, got, want)
			}
		}
		s.call("a", "POST", path, body("88.100.1/pump", "x")).want(201)
		s.call("a", "POST", path, ref("88.100.1/motor", "88.100.1/PUMP", "1110")).want(201)
		s.call("b", "POST", path, ref("88.100.2/seal", "88.100.1/pump", "1100")).want(201)
		s.call("op", "POST", path+":import", ref("88.100.2/bolt", "88.100.1/pump", "1110")).want(200)
		f("a", "to", "88.100.1/pump", "88.100.1/motor reference 1 active, 88.100.2/bolt reference 1 active")
		f("op", "to", "88.100.1/pump", "88.100.1/motor reference 1 active, 88.100.2/bolt reference 1 active, 88.100.2/seal reference 1 active")
		f("a", "from", "88.100.1/motor", "88.100.1/PUMP reference 1 active")
		f("a", "from", "88.100.2/seal", "")

		s.call("a", "PATCH", path+"?id=88.100.1/motor", `{"values":[{"index":1,"refs":[]}]}`).want(200)
		s.call("a", "DELETE", path+"?id=88.100.1/pump&successor=88.100.1/pump-2", "").want(200)
		f("a", "to", "88.100.1/pump", "88.100.2/bolt reference 1 active")
		f("a", "to", "88.100.1/pump-2", "88.100.1/pump successor  revoked")
		f("a", "from", "88.100.1/pump", "88.100.1/pump-2 successor  ")
		s.call("a", "POST", path+":restore", `{"id":"88.100.1/pump"}`).want(200)
		f("a", "to", "88.100.1/pump-2", "")
		s.call("b", "DELETE", path+"?id=88.100.2/bolt", "").want(200)
		f("op", "to", "88.100.1/pump", "88.100.2/seal reference 1 active")
		s.call("a", "GET", path+":references?id=88.100.1/none", "").wantProblem(404, "not_found")
		s.call("a", "GET", path+":references?direction=up&id=88.100.1/pump", "").wantProblem(400, "invalid_request")
		if a := s.call("op", "GET", path+":references?direction=to&id=88.100.1/pump&limit=1", "").want(200); a.field("next") != "" {
			t.Errorf("a page of one of one: %s", a.body)
		}
	})
}
