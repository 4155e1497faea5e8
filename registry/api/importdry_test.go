package api_test

import (
	"strings"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestImportDryRun: the answer says what would be, and it is not.
func TestImportDryRun(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	ndjson := "Content-Type: application/x-ndjson"
	rows := body("88.100.1/a", "x") + "\n" + body("88.100.1/b", "y") + "\n{\n" + body("88.100.9/c", "z") + "\n"
	s.call("op", "POST", "/v1/identifiers:import", body("88.100.1/a", "x"), ndjson)
	got := s.call("op", "POST", "/v1/identifiers:import?mode=upsert&allocate=true&dryRun=true", rows, ndjson)
	lines := strings.Split(strings.TrimSpace(got.body), "\n")
	if want := `{"total":4,"stored":2,"skipped":1,"failed":1,"new":2,"same":1,"different":0}`; got.status != 200 || len(lines) != 2 || lines[1] != want {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, id := range []string{"88.100.1/b", "88.100.9/c"} {
		if got := s.call("op", "GET", "/v1/identifiers?id="+id, ""); got.status != 404 {
			t.Errorf("%s: %d", id, got.status)
		}
	}
}
