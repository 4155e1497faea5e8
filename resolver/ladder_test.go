package resolver_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
)

// countingReader counts the rows that are read of the records' table.
type countingReader struct {
	storage.Reader
	rows atomic.Int64
}

func (c *countingReader) Get(ctx context.Context, key []byte) (storage.Item, error) {
	c.rows.Add(1)
	return c.Reader.Get(ctx, key)
}

func (c *countingReader) Scan(ctx context.Context, r storage.Range, fn func([]byte, storage.Item) error) error {
	return c.Reader.Scan(ctx, r, func(key []byte, item storage.Item) error {
		c.rows.Add(1)
		return fn(key, item)
	})
}

func ladderFixture(t *testing.T) (*fixture, *countingReader) {
	t.Helper()
	counter := &countingReader{}
	f := newFixture(t, func(s storage.Store) storage.Reader { counter.Reader = s; return counter })
	f.namespace(identifier.Namespace{Scheme: identifier.GS1, Prefix: "690123", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	f.namespace(identifier.Namespace{Scheme: identifier.OID, Prefix: "1.2.156.10001", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	url := func(data string) identifier.Record {
		return identifier.Record{Values: []identifier.Value{text(1, "URL", data)}}
	}
	f.record("(01)06901234567892", false, url("https://product"))
	f.record("(01)06901234567892(10)L1", false, url("https://lot"))
	f.record("(01)06901234567892(10)GONE", false, identifier.Record{State: identifier.Revoked, Reason: "recalled"})
	f.record("(01)06901234567892(21)S1", false, url("https://item"))
	f.record("1.2.156.10001", false, url("https://arc"))
	f.record("1.2.156.10001.7", false, identifier.Record{Values: []identifier.Value{text(1, "DESC", "seven")}})
	f.record("1.2.156.10001.7.1", false, identifier.Record{State: identifier.Revoked, Reason: "left"})
	return f, counter
}

func TestLadder(t *testing.T) {
	f, _ := ladderFixture(t)
	for _, tt := range []struct {
		name, id string
		fallback bool
		types    []string
		status   resolver.Status
		broader  string // whose record answered, if not the identifier's own
	}{
		{"a serial of its own", "(01)06901234567892(21)S1", true, nil, resolver.Found, ""},
		{"a serial that is not there, not allowed", "(01)06901234567892(10)L1(21)S2", false, nil, resolver.NotFound, ""},
		{"serial to lot", "(01)06901234567892(10)L1(21)S2", true, nil, resolver.Found, "(01)06901234567892(10)L1"},
		{"serial registered without its lot", "(01)06901234567892(10)L9(21)S1", true, nil, resolver.Found, "(01)06901234567892(21)S1"},
		{"serial to product", "(01)06901234567892(10)L2(21)S2", true, nil, resolver.Found, "(01)06901234567892"},
		{"a revoked lot does not hide the product", "(01)06901234567892(10)GONE(21)S2", true, nil, resolver.Found, "(01)06901234567892"},
		{"a revoked lot itself", "(01)06901234567892(10)GONE", true, nil, resolver.Revoked, ""},
		{"lot to product", "(01)06901234567892(10)L2", true, nil, resolver.Found, "(01)06901234567892"},
		{"no product", "(01)06901230000003(21)S", true, nil, resolver.NotFound, ""},
		{"OID to its parent", "1.2.156.10001.7.9", true, nil, resolver.Found, "1.2.156.10001.7"},
		{"OID to the nearest that is registered", "1.2.156.10001.8.1.2.3", true, nil, resolver.Found, "1.2.156.10001"},
		{"OID past a revoked one", "1.2.156.10001.7.1.5", true, nil, resolver.Found, "1.2.156.10001.7"},
		{"the nearest has no value of the type", "1.2.156.10001.7.9", true, []string{"URL"}, resolver.NoValues, "1.2.156.10001.7"},
		{"OID above every namespace", "1.2.156.5", true, nil, resolver.NotFound, ""},
		{"a Handle has no ladder", "88.1021.150/x", true, nil, resolver.NotFound, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, a := f.ask(tt.id, func(q *resolver.Query) { q.Fallback, q.Types = tt.fallback, tt.types })
			got := ""
			if !a.Broader.IsZero() {
				got = a.Broader.Canonical()
			}
			if a.Status != tt.status || got != tt.broader {
				t.Errorf("got %v by %q, want %v by %q", a.Status, got, tt.status, tt.broader)
			}
		})
	}
}

// TestLadderCost: what it takes to fall back from a serial does not grow with the serials that are there.
func TestLadderCost(t *testing.T) {
	f, counter := ladderFixture(t)
	cost := func(serial string) int64 {
		before := counter.rows.Load()
		_, a := f.ask("(01)06901234567892(10)L2(21)"+serial, func(q *resolver.Query) { q.Fallback, q.NoCache = true, true })
		if a.Status != resolver.Found || a.Broader.Canonical() != "(01)06901234567892" {
			t.Fatalf("%s: got %v by %q", serial, a.Status, a.Broader.Canonical())
		}
		if _, err := f.resolver.HasBeneath(t.Context(), identifier.GS1, "(01)06901234567892("); err != nil {
			t.Fatal(err)
		}
		return counter.rows.Load() - before
	}
	few := cost("NONE")
	for i := range 5000 {
		f.record(fmt.Sprintf("(01)06901234567892(10)L2(21)A%06d", i), false, identifier.Record{Values: []identifier.Value{text(1, "N", "n")}})
	}
	if many := cost("ZZZ"); many != few {
		t.Errorf("%d rows are read among 5000 serials, %d among few", many, few)
	}
}

func TestPattern(t *testing.T) {
	f, _ := ladderFixture(t)
	ns := identifier.Namespace{Prefix: "88.1021.150", State: identifier.NamespaceActive, Mode: identifier.Hosted,
		Patterns: []identifier.Pattern{{Match: `SN-[0-9]{3}`, URL: "https://example.com/{suffix}?of={prefix}"}}}
	f.namespace(ns)
	f.record("88.1021.150/SN-002", false, identifier.Record{Values: []identifier.Value{text(1, "URL", "https://own")}})
	f.record("88.1021.150/SN-003", false, identifier.Record{State: identifier.Revoked})
	for _, tt := range []struct {
		name, id string
		status   resolver.Status
		tier     resolver.Tier
		want     string
	}{
		{"computed", "88.1021.150/SN-001", resolver.Found, resolver.TierComputed, "https://example.com/SN-001?of=88.1021.150"},
		{"a record of its own wins", "88.1021.150/SN-002", resolver.Found, resolver.TierStore, "https://own"},
		{"a tombstone is an answer", "88.1021.150/SN-003", resolver.Revoked, resolver.TierStore, ""},
		{"no rule for it", "88.1021.150/SN-1", resolver.NotFound, resolver.TierStore, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q, a := f.ask(tt.id, nil)
			var got string
			a.Values(&q, func(v *identifier.Value) bool { got = string(v.Data); return true })
			if a.Status != tt.status || a.Tier != tt.tier || got != tt.want {
				t.Errorf("got %v from %v with %q, want %v from %v with %q", a.Status, a.Tier, got, tt.status, tt.tier, tt.want)
			}
		})
	}
	if _, a := f.ask("88.1021.150/SN-001", func(q *resolver.Query) { q.Types = []string{"EMAIL"} }); a.Status != resolver.NoValues {
		t.Errorf("another type: got %v, want no values", a.Status)
	}
}

func TestTrace(t *testing.T) {
	f, _ := ladderFixture(t)
	f.namespace(identifier.Namespace{Prefix: "88.1021.9", State: identifier.NamespaceActive, Mode: identifier.Delegated,
		Service: &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), TCP: 2641}})
	steps := func(id string) string {
		_, a := f.ask(id, func(q *resolver.Query) { q.Trace, q.Fallback = true, true })
		var all []string
		for _, s := range a.Steps {
			status := ""
			if s.Status != 0 {
				status = "=" + s.Status.String()
			}
			all = append(all, string(s.Stage)+" "+s.Name+status)
		}
		return strings.Join(all, "; ")
	}
	for id, want := range map[string]string{
		"(01)06901234567892(10)L2(21)S2": "read gs1:(01)06901234567892(10)L2(21)S2; namespace gs1:690123; record gs1:(01)06901234567892(10)L2(21)S2=not_found; " +
			"fallback gs1:(01)06901234567892(21)S2=not_found; fallback gs1:(01)06901234567892(10)L2=not_found; fallback gs1:(01)06901234567892=found",
		"88.1021.9/x": "read handle:88.1021.9/x; namespace handle:88.1021.9; referral handle:88.1021.9=referral",
		"99.1/x":      "read handle:99.1/x; namespace ; record handle:99.1/x=not_responsible",
	} {
		if got := steps(id); got != want {
			t.Errorf("%s:\n got %s\nwant %s", id, got, want)
		}
	}
}
