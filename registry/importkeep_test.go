package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// keeper keeps chunks in the store, and is what a job would make of them.
type keeper struct {
	mu   sync.Mutex
	kept map[int]*ChunkResult
}

func (k *keeper) Kept(line int) (Kept, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.kept[line]
	if c == nil {
		return Kept{}, false
	}
	return Kept{c.Summary, c.Found}, true
}

func (*keeper) Keep(b *storage.Batch, c *ChunkResult) error {
	value, err := json.Marshal(c)
	if err != nil {
		return err
	}
	b.Put(storage.JobRowsKey("j", uint64(c.Rows[0].Line)), value, 0)
	return nil
}

func (*keeper) Advance(Summary, int64) {}

// load reads what is kept, and how far it goes without a gap.
func (k *keeper) load(t *testing.T, n *node) (after int, sum Summary) {
	t.Helper()
	k.kept = make(map[int]*ChunkResult)
	err := n.store.Scan(context.Background(), storage.PrefixRange(storage.JobRowsPrefix("j")), func(key []byte, item storage.Item) error {
		var c ChunkResult
		if err := json.Unmarshal(item.Value, &c); err != nil {
			return err
		}
		_, line, _ := storage.ParseJobRowsKey(key)
		k.kept[int(line)] = &c
		sum.Add(c.Summary)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for c := k.kept[1]; c != nil; c = k.kept[after+1] {
		after = c.Rows[len(c.Rows)-1].Line
	}
	return after, sum
}

// TestImportKept: an import that is broken off anywhere and taken up again stores every row once, in any mode.
func TestImportKept(t *testing.T) {
	const rows = 6300
	for _, mode := range []ImportMode{ImportCreate, ImportUpsert, ImportSkipExisting} {
		t.Run(string(mode), func(t *testing.T) {
			eachStore(t, func(t *testing.T, n *node) {
				k := new(keeper)
				for end := 900; ; end += 1700 {
					after, before := k.load(t, n)
					line := after
					src := func() (Row, error) {
						if line++; line > end && end < rows {
							return Row{}, errors.New("killed")
						}
						if line > rows {
							return Row{}, io.EOF
						}
						id := fmt.Sprintf("88.100.1/%d", line-line%7) // seven rows for each identifier, but the last
						if mode == ImportCreate || line%2 == 0 {
							id = fmt.Sprintf("88.100.1/%d", line)
						}
						if line%100 == 0 {
							id = "88.100.2/x" // not ours
						}
						return Row{Line: line, Record: record(id, fmt.Sprint(line)), End: int64(line)}, nil
					}
					_, err := n.Import(t.Context(), src, ImportOptions{Actor: n.a, Mode: mode, Keeper: k}, func(RowResult) error { return nil })
					_, sum := k.load(t, n)
					if sum.Total < before.Total {
						t.Fatalf("%d rows are kept, before there were %d", sum.Total, before.Total)
					}
					if end < rows {
						if err == nil {
							t.Fatal("no error")
						}
						continue
					}
					if err != nil || sum.Total != rows || sum.Failed != rows/100 || sum.Stored+sum.Skipped+sum.Failed != rows {
						t.Fatalf("%+v, %v", sum, err)
					}
					versions := 0
					err = n.store.Scan(t.Context(), storage.TableRange(storage.TableRecord), func(_ []byte, item storage.Item) error {
						versions += int(item.Version)
						return nil
					})
					if err != nil || versions != sum.Stored {
						t.Errorf("%d versions of records, %d rows stored, %v", versions, sum.Stored, err)
					}
					return
				}
			})
		})
	}
}

// TestImportAtomic: all rows or none.
func TestImportAtomic(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		run := func(most int, ids ...string) (Summary, error) {
			i := 0
			return n.Import(t.Context(), func() (Row, error) {
				if i++; i > len(ids) {
					return Row{}, io.EOF
				}
				return Row{Line: i, Record: record(ids[i-1], "x")}, nil
			}, ImportOptions{Actor: n.a, Atomic: most}, func(RowResult) error { return nil })
		}
		exists := func(id string) bool {
			_, err := n.Get(t.Context(), parse(t, id), Get{Actor: n.a})
			return err == nil
		}
		if sum, err := run(10, "88.100.1/a", "88.100.2/foreign", "88.100.1/b"); err != nil || sum != (Summary{Total: 3, Failed: 1}) || exists("88.100.1/a") {
			t.Errorf("one wrong: %+v, %v", sum, err)
		}
		if sum, err := run(10, "88.100.1/a", "88.100.1/A"); err != nil || sum != (Summary{Total: 2, Failed: 1}) || exists("88.100.1/a") {
			t.Errorf("twice: %+v, %v", sum, err)
		}
		if _, err := run(2, "88.100.1/a", "88.100.1/b", "88.100.1/c"); code(err) != CodeTooLarge || exists("88.100.1/a") {
			t.Errorf("too many: %v", err)
		}
		if sum, err := run(3, "88.100.1/a", "88.100.1/b", "88.100.1/c"); err != nil || sum != (Summary{Total: 3, Stored: 3}) || !exists("88.100.1/c") {
			t.Errorf("good: %+v, %v", sum, err)
		}
	})
}

// TestImportDry: a dry run says what would be and leaves nothing.
func TestImportDry(t *testing.T) {
	n := newNode(t, openPebble(t))
	n.limit(t, "88.100.1", identifier.Quota{Records: 3})
	before := n.contents()
	i := 0
	ids := []string{"88.100.1/a", "88.100.2/foreign", "88.100.1/b", "88.100.1/c", "88.100.1/d"}
	sum, err := n.Import(t.Context(), func() (Row, error) {
		if i++; i > len(ids) {
			return Row{}, io.EOF
		}
		return Row{Line: i, Record: record(ids[i-1], "x")}, nil
	}, ImportOptions{Actor: n.a, DryRun: new(Comparison)}, func(RowResult) error { return nil })
	if err != nil || sum != (Summary{Total: 5, Stored: 3, Failed: 2}) {
		t.Errorf("%+v, %v", sum, err)
	}
	if got := n.contents(); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Error("a dry run has left something")
	}
}
