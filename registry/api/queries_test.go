package api_test

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry/api"
)

// queryLog is a log in memory; its places are the numbers of blocks.
type queryLog [][]api.LoggedQuery

func (l *queryLog) Queries(_ context.Context, after string, _, _ time.Time, visit func(string, []api.LoggedQuery) error) error {
	first := 0
	if after != "" {
		var err error
		if first, err = strconv.Atoi(after); err != nil {
			return api.ErrPlace
		}
	}
	for i := first; i < len(*l); i++ {
		if err := visit(strconv.Itoa(i), (*l)[i]); err != nil {
			return err
		}
	}
	return nil
}

// TestQueryLog: who sees what of the log, a page at a time.
func TestQueryLog(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		const path = "/v1/logs/resolution"
		now := time.Now().UTC()
		for i := range 20 {
			var block []api.LoggedQuery
			for j := range 7 {
				q := api.LoggedQuery{Time: now.Add(-time.Hour), Transport: "grpc", Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(j)}), Outcome: "found", Source: "l1"}
				text := fmt.Sprintf("88.100.%d/%d", 1+j%2, i)
				if q.Asked = text; j == 3 {
					q.Asked, q.Outcome, q.Client = "nonsense", "invalid", netip.MustParseAddr("2001:db8:1:2::3")
				} else {
					var err error
					if q.ID, err = identifier.Handle.Parse(text); err != nil {
						t.Fatal(err)
					}
				}
				block = append(block, q)
			}
			s.queries = append(s.queries, block)
		}
		admin := s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"admin"}`).want(201).field("key")
		s.keys["admin"] = admin
		count := func(who, query string, limit int) (n int) {
			t.Helper()
			for cursor := ""; ; {
				a := s.call(who, "GET", path+"?limit="+strconv.Itoa(limit)+query+"&cursor="+url.QueryEscape(cursor), "").want(200)
				n += strings.Count(a.body, `"transport"`)
				if who == "admin" && (strings.Contains(a.body, "88.100.2/") || strings.Contains(a.body, "nonsense") || strings.Contains(a.body, `"192.0.2.1"`)) {
					t.Errorf("an enterprise sees %s", a.body)
				}
				if cursor = a.field("next"); cursor == "" {
					return n
				}
			}
		}
		for _, limit := range []int{1, 6, 7, 8, 1000} {
			if n := count("op", "", limit); n != 140 {
				t.Errorf("pages of %d: %d", limit, n)
			}
			if n := count("admin", "", limit); n != 80 {
				t.Errorf("pages of %d for an enterprise: %d", limit, n)
			}
		}
		for query, want := range map[string]int{
			"&outcome=invalid": 20, "&id=88.100.1/3": 4, "&prefix=88.100.2": 40, "&client=192.0.2.2": 20, "&client=2001:db8::/32": 20, "&transport=http": 0,
			"&from=" + url.QueryEscape(now.Format(time.RFC3339)): 0, "&to=" + url.QueryEscape(now.Add(-2*time.Hour).Format(time.RFC3339)): 0,
		} {
			if n := count("op", query, 100); n != want {
				t.Errorf("%s: %d, want %d", query, n, want)
			}
		}
		export := s.call("op", "GET", path+":export?outcome=invalid", "").want(200)
		lines := strings.Split(strings.TrimSpace(export.body), "\n")
		if len(lines) != 21 || lines[20] != `{"end":true,"entries":20}` || !strings.Contains(lines[0], `"client":"2001:db8:1:2::3"`) {
			t.Errorf("export: %s", export.body)
		}
		if mine := s.call("admin", "GET", path+":export", "").want(200); strings.Count(mine.body, `"client":"192.0.2.0/24"`) != 80 {
			t.Errorf("export for an enterprise: %s", mine.body)
		}
		s.call("a", "GET", path, "").wantProblem(403, "forbidden")
		s.call("", "GET", path, "").wantProblem(401, "unauthenticated")
		for _, query := range []string{"client=x", "from=x", "limit=1001", "cursor=x", "cursor=x~1", "cursor=1~-1", "id=//", "prefix=.."} {
			if code := s.call("op", "GET", path+"?"+query, "").status; code != 400 {
				t.Errorf("%s: %d", query, code)
			}
		}
	})
}
