package registry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/idnode/idnode/registry"
)

// TestImportDryRun: a dry run refuses what an import refuses, counts what the rows are, and stores nothing.
func TestImportDryRun(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		must(t)(n.Create(t.Context(), record("88.100.1/same", "x"), Write{Actor: n.a}))
		must(t)(n.Create(t.Context(), record("88.100.1/old", "old"), Write{Actor: n.a}))
		must(t)(n.Create(t.Context(), record("88.100.1/gone", "old"), Write{Actor: n.a}))
		must(t)(n.Revoke(t.Context(), parse(t, "88.100.1/gone"), "r", "", Write{Actor: n.a}))
		before := n.contents()
		src := func() func() (Row, error) {
			return rows(record("88.100.1/new", "x"), nil, record("88.100.1/same", "x"), record("88.100.1/old", "other"),
				record("88.100.1/bad"), record("88.100.2/foreign", "x"), record("88.100.1/gone", "x"))
		}
		all := []string{"2  invalid_request", "5 88.100.1/bad invalid_value", "6 88.100.2/foreign not_your_namespace"}
		for _, c := range []struct {
			mode     ImportMode
			sum      Summary
			failures []string
		}{
			{ImportCreate, Summary{7, 1, 0, 6}, []string{all[0], "3 88.100.1/same already_exists", "4 88.100.1/old already_exists", all[1], all[2], "7 88.100.1/gone revoked"}},
			{ImportSkipExisting, Summary{7, 1, 3, 3}, all},
			{ImportUpsert, Summary{7, 2, 1, 4}, append(all[:3:3], "7 88.100.1/gone revoked")},
		} {
			var found Comparison
			sum, failures := runImport(t, n, ImportOptions{Actor: n.a, Mode: c.mode, DryRun: &found}, src())
			if sum != c.sum || found != (Comparison{New: 1, Same: 1, Different: 2}) {
				t.Errorf("%s: %+v, %+v", c.mode, sum, found)
			}
			if diff := cmp.Diff(c.failures, failures); diff != "" {
				t.Errorf("%s: %s", c.mode, diff)
			}
		}
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestImportDryRunAllocates: what would be allocated is not.
func TestImportDryRunAllocates(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		before := n.contents()
		var found Comparison
		src := rows(record("88.100.77/x", "x"), record("0.NA/88.100.77", "x"), record("88.100.77/bad"), record("10.1000/x", "x"))
		sum, failures := runImport(t, n, ImportOptions{Actor: n.op, Allocate: true, DryRun: &found}, src)
		if sum != (Summary{4, 2, 0, 2}) || found != (Comparison{New: 2}) {
			t.Errorf("%+v, %+v", sum, found)
		}
		if diff := cmp.Diff([]string{"3 88.100.77/bad invalid_value", "4 10.1000/x not_your_namespace"}, failures); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Error(diff)
		}
	})
}
