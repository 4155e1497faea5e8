package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// rows gives records as an import reads them, one a line.
func rows(records ...*identifier.Record) func() (Row, error) {
	i := 0
	return func() (Row, error) {
		if i == len(records) {
			return Row{}, io.EOF
		}
		i++
		if records[i-1] == nil {
			return Row{Line: i, Err: errors.New("not JSON")}, nil
		}
		return Row{Line: i, Record: records[i-1]}, nil
	}
}

func runImport(t *testing.T, n *node, o ImportOptions, src func() (Row, error)) (Summary, []string) {
	t.Helper()
	var failures []string
	sum, err := n.Import(t.Context(), src, o, func(r RowResult) error {
		failures = append(failures, fmt.Sprintf("%d %s %s", r.Line, r.ID, r.Code))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum, failures
}

func TestImport(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		must(t)(n.Create(t.Context(), record("88.100.1/old", "old"), Write{Actor: n.a}))
		must(t)(n.Create(t.Context(), record("88.100.1/gone", "old"), Write{Actor: n.a}))
		must(t)(n.Revoke(t.Context(), parse(t, "88.100.1/gone"), "r", "", Write{Actor: n.a}))
		in := func(tag string) func() (Row, error) {
			return rows(
				record("88.100.1/"+tag, "one"), nil, record("88.100.1/old", "new"), record("88.100.2/foreign", "x"),
				record("88.100.1/"+tag, "two"), record("88.100.1/"+tag, "two"), record("88.100.1/bad"), record("88.100.1/gone", "x"),
			)
		}
		for _, c := range []struct {
			mode     ImportMode
			sum      Summary
			failures []string
			data     string // of the identifier that comes three times
			version  uint64
		}{
			{ImportCreate, Summary{8, 1, 0, 7}, []string{"2  invalid_request", "3 88.100.1/old already_exists", "4 88.100.2/foreign not_your_namespace",
				"5 88.100.1/create already_exists", "6 88.100.1/create already_exists", "7 88.100.1/bad invalid_value", "8 88.100.1/gone revoked"}, "one", 1},
			{ImportSkipExisting, Summary{8, 1, 4, 3}, []string{"2  invalid_request", "4 88.100.2/foreign not_your_namespace", "7 88.100.1/bad invalid_value"}, "one", 1},
			{ImportUpsert, Summary{8, 3, 1, 4}, []string{"2  invalid_request", "4 88.100.2/foreign not_your_namespace", "7 88.100.1/bad invalid_value",
				"8 88.100.1/gone revoked"}, "two", 2},
		} {
			sum, failures := runImport(t, n, ImportOptions{Actor: n.a, Mode: c.mode}, in(string(c.mode)))
			if sum != c.sum {
				t.Errorf("%s: %+v; want %+v", c.mode, sum, c.sum)
			}
			if diff := cmp.Diff(c.failures, failures); diff != "" {
				t.Errorf("%s: failures (-want +got):\n%s", c.mode, diff)
			}
			rec, err := n.Get(t.Context(), parse(t, "88.100.1/"+string(c.mode)), Get{Actor: n.a})
			if err != nil || string(rec.Values[0].Data) != c.data || rec.Version != c.version {
				t.Errorf("%s: %+v, %v", c.mode, rec, err)
			}
		}
	})
}

// TestImportOrder has some identifiers many times over many chunks: the last row wins, and each row
// that changes something is a version.
func TestImportOrder(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		const total, distinct = 6000, 1500
		i := 0
		sum, failures := runImport(t, n, ImportOptions{Actor: n.a, Mode: ImportUpsert}, func() (Row, error) {
			if i == total {
				return Row{}, io.EOF
			}
			i++
			return Row{Line: i, Record: record(fmt.Sprintf("88.100.1/%d", i%distinct), fmt.Sprint(i))}, nil
		})
		if sum != (Summary{total, total, 0, 0}) || failures != nil {
			t.Errorf("%+v, %v", sum, failures)
		}
		for j := range distinct {
			rec, err := n.Get(t.Context(), parse(t, fmt.Sprintf("88.100.1/%d", j)), Get{Actor: n.a})
			want := total - distinct + j
			if j == 0 {
				want = total
			}
			if err != nil || rec.Version != total/distinct || string(rec.Values[0].Data) != fmt.Sprint(want) {
				t.Fatalf("%d: %+v, %v; want data %d", j, rec, err, want)
			}
		}
	})
}

func TestImportAllocates(t *testing.T) {
	n := newNode(t, memstore.New())
	in := func() func() (Row, error) {
		return rows(record("88.100.77/x", "1"), record("88.100.77/y", "2"), record("0.NA/88.100.78", "site"), record("1.3.6.1.4.1.2.3", "arc"),
			record("88.999.1/x", "foreign"), record("88.100.79/"), record("88.100.1/x", "of an enterprise"))
	}
	sum, failures := runImport(t, n, ImportOptions{Actor: n.op}, in())
	if sum.Stored != 1 {
		t.Errorf("without allocate: %+v, %v", sum, failures)
	}
	sum, failures = runImport(t, n, ImportOptions{Actor: n.op, Allocate: true, Mode: ImportSkipExisting}, in())
	if want := []string{"5 88.999.1/x not_your_namespace", "6 88.100.79/ invalid_identifier"}; sum.Stored != 4 || sum.Skipped != 1 || !cmp.Equal(want, failures) {
		t.Errorf("with allocate: %+v, %v; want failures %v", sum, failures, want)
	}
	for _, k := range []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.77"}, {Scheme: identifier.Handle, Name: "88.100.78"}, {Scheme: identifier.OID, Name: "1.3.6.1.4.1"}} {
		if ns := n.namespaces.Get(k); ns == nil || ns.Enterprise != Self {
			t.Errorf("%s: %+v", k.Name, ns)
		}
	}
	if n.namespaces.Get(identifier.Key{Scheme: identifier.Handle, Name: "88.100.79"}) != nil {
		t.Error("a namespace was allocated for what is no identifier")
	}
	if _, err := n.Import(t.Context(), in(), ImportOptions{Actor: n.a, Allocate: true}, nil); code(err) != CodeForbidden {
		t.Errorf("allocate by an enterprise: %v", err)
	}
	if _, err := n.Import(t.Context(), in(), ImportOptions{Actor: n.a, Mode: "merge"}, nil); code(err) != CodeInvalidRequest {
		t.Errorf("unknown mode: %v", err)
	}
}

func TestImportTimestamps(t *testing.T) {
	n := newNode(t, memstore.New())
	rec := record("88.100.1/ts", "a", "b")
	rec.Values[0].Timestamp = 1000
	runImport(t, n, ImportOptions{Actor: n.a}, rows(rec))
	got, err := n.Get(t.Context(), parse(t, "88.100.1/ts"), Get{Actor: n.a})
	if err != nil || got.Values[0].Timestamp != 1000 || got.Values[1].Timestamp < uint32(time.Now().Add(-time.Hour).Unix()) {
		t.Errorf("%+v, %v", got, err)
	}
	if sum, _ := runImport(t, n, ImportOptions{Actor: n.a, Mode: ImportUpsert}, rows(rec)); sum.Skipped != 1 {
		t.Errorf("the same again: %+v", sum)
	}
	must(t)(n.Replace(t.Context(), record("88.100.1/ts", "c"), Write{Actor: n.a}))
	if rec := record("88.100.1/ts2", "a"); true {
		rec.Values[0].Timestamp = 1000
		if res := must(t)(n.Create(t.Context(), rec, Write{Actor: n.a})); res.Record.Values[0].Timestamp == 1000 {
			t.Error("a create kept the client's timestamp")
		}
	}
}

// TestImportStoreFails ends an import at the chunk that the store refuses, and counts those before.
func TestImportStoreFails(t *testing.T) {
	engine := memstore.New()
	f := &faulty{Store: engine}
	n := newNodeWith(t, engine, f, nil)
	i := 0
	sum, err := n.Import(t.Context(), func() (Row, error) {
		if i++; i == 1500 {
			f.mu.Lock()
			f.next = func(context.Context, *storage.Batch) (storage.Seq, error) { return 0, storage.ErrNoSpace }
			f.mu.Unlock()
		}
		if i > 1_000_000 {
			t.Fatal("the import goes on")
		}
		return Row{Line: i, Record: record(fmt.Sprintf("88.100.1/%d", i), "x")}, nil
	}, ImportOptions{Actor: n.a}, nil)
	if code(err) != CodeNoSpace || sum.Stored%1000 != 0 || sum.Failed != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	broken := errors.New("connection reset")
	if _, err := n.Import(t.Context(), func() (Row, error) { return Row{}, broken }, ImportOptions{Actor: n.a}, nil); !errors.Is(err, broken) {
		t.Errorf("a source that breaks: %v", err)
	}
	i = 0
	sum, err = n.Import(t.Context(), func() (Row, error) {
		if i++; i > 2500 {
			return Row{}, broken
		}
		return Row{Line: i, Record: record(fmt.Sprintf("88.100.1/broken-%d", i), "x")}, nil
	}, ImportOptions{Actor: n.a}, nil)
	if !errors.Is(err, broken) || sum != (Summary{Total: 2000, Stored: 2000}) {
		t.Errorf("a source that breaks later: %+v, %v; want all whole chunks counted", sum, err)
	}
}

func BenchmarkImport(b *testing.B) {
	for _, mode := range []ImportMode{ImportCreate, ImportUpsert} {
		b.Run("mode="+string(mode), func(b *testing.B) {
			n := newNode(b, openPebble(b))
			b.ReportAllocs()
			i := 0
			b.ResetTimer()
			sum, err := n.Import(b.Context(), func() (Row, error) {
				if i == b.N {
					return Row{}, io.EOF
				}
				i++
				return Row{Line: i, Record: record(fmt.Sprintf("88.100.1/SN-%08d", i), "https://example.com/part", "轴承")}, nil
			}, ImportOptions{Actor: n.a, Mode: mode}, func(RowResult) error { return nil })
			if err != nil || sum.Stored != b.N {
				b.Fatal(sum, err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
