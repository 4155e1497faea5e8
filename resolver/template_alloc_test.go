//go:build !race

package resolver_test

import (
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// TestUnknownAllocs: asking for a name that is unknown costs no memory where no template computes it,
// with a prefix record or without.
func TestUnknownAllocs(t *testing.T) {
	f := newFixture(t, nil)
	for _, prefix := range []string{"88.1021.1", "88.1021.2", "88.1021.3"} {
		f.namespace(hosted(prefix))
	}
	f.record("0.NA/88.1021.2", false, identifier.Record{Values: []identifier.Value{text(1, "HS_NAMESPACE", "<namespace/>")}})
	f.record("0.NA/88.1021.3", false, identifier.Record{Values: []identifier.Value{templated(copyAll)}})
	for _, name := range []string{"88.1021.1/a-1", "88.1021.2/a-1", "88.1021.3/none"} {
		id, err := identifier.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		// From the store first: with a Scratch nothing gets into the cache.
		for _, scratch := range []*resolver.Scratch{new(resolver.Scratch), nil} {
			q := resolver.Query{ID: id, Scratch: scratch}
			ask := func() {
				if a := f.resolver.Resolve(t.Context(), q); a.Status != resolver.NotFound {
					t.Fatalf("%s: %v", name, a.Status)
				}
			}
			ask()
			if n := testing.AllocsPerRun(200, ask); n != 0 {
				t.Errorf("%s: %v allocations, want 0", name, n)
			}
		}
	}
}
