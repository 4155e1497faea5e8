package gauges

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestGauge(t *testing.T) {
	reads, fails := 0, false
	g := New("idnode_things", "Things.", []string{"state"}, func(ctx context.Context, set func(float64, ...string)) error {
		reads++
		if fails {
			set(9, "half")
			return errors.New("the store is closed")
		}
		set(float64(reads), "new")
		set(7, "old")
		return nil
	})
	expect := func(text string) {
		t.Helper()
		if text != "" {
			text = "# HELP idnode_things Things.\n# TYPE idnode_things gauge\n" + text
		}
		if err := testutil.CollectAndCompare(g, strings.NewReader(text)); err != nil {
			t.Error(err)
		}
	}
	first := "idnode_things{state=\"new\"} 1\nidnode_things{state=\"old\"} 7\n"
	expect(first)
	expect(first) // not read again
	g.at = time.Now().Add(-time.Hour)
	expect(strings.Replace(first, "} 1", "} 2", 1))
	g.at, fails = time.Now().Add(-time.Hour), true
	expect("")
	fails = false
	expect(strings.Replace(first, "} 1", "} 4", 1)) // a failure is not kept
}
