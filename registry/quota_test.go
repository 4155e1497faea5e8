package registry_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
)

func (n *node) limit(t *testing.T, prefix string, q identifier.Quota) {
	t.Helper()
	k := identifier.Key{Scheme: identifier.Handle, Name: prefix}
	if _, err := n.UpdatePrefix(t.Context(), k, PrefixPatch{Quota: &q}, Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
}

// TestQuotaRecords: as many as the quota has room for are registered, however many ask at once, and
// what is revoked still counts.
func TestQuotaRecords(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx, w := t.Context(), Write{Actor: n.a}
		for i := range 3 {
			must(t)(n.Create(ctx, record(fmt.Sprintf("88.100.1/old-%d", i), "x"), w))
		}
		n.limit(t, "88.100.1", identifier.Quota{Records: 20})
		var done, refused atomic.Int32
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				switch _, err := n.Create(ctx, record(fmt.Sprintf("88.100.1/SN-%d", i), "x"), w); code(err) {
				case "":
					done.Add(1)
				case CodeQuotaRecords:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if done.Load() != 17 || refused.Load() != 23 {
			t.Errorf("%d done, %d refused", done.Load(), refused.Load())
		}
		must(t)(n.Revoke(ctx, parse(t, "88.100.1/old-0"), "scrapped", "", w))
		if _, err := n.Create(ctx, record("88.100.1/more", "x"), w); code(err) != CodeQuotaRecords {
			t.Errorf("after a revocation: %v", err)
		}
		must(t)(n.Replace(ctx, record("88.100.1/old-1", "y"), w))
		ops := []Operation{{Kind: OpReplace, Record: record("88.100.1/old-2", "z")}, {Kind: OpCreate, Record: record("88.100.1/more", "x")}}
		res, err := n.Batch(ctx, ops, w)
		if err != nil || res[0].Err != nil || res[1].Err == nil || res[1].Err.Code != CodeQuotaRecords {
			t.Errorf("batch: %+v, %v", res, err)
		}
		use, err := n.PrefixUsage(ctx, identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}, n.a)
		if err != nil || use.Records != 20 {
			t.Errorf("used %+v, %v", use, err)
		}
		n.limit(t, "88.100.1", identifier.Quota{})
		must(t)(n.Create(ctx, record("88.100.1/more", "x"), w))
		n.limit(t, "88.100.1", identifier.Quota{Records: 21})
		if _, err := n.Create(ctx, record("88.100.1/yet-more", "x"), w); code(err) != CodeQuotaRecords {
			t.Errorf("after the quota was off: %v", err)
		}
	})
}

// TestQuotaRequests: a day's writes are bounded, across a restart too, and the next day they go on.
func TestQuotaRequests(t *testing.T) {
	eachStore(t, func(t *testing.T, old *node) {
		now := time.Date(2026, 3, 1, 15, 0, 0, 0, time.UTC) // 23:00 in Beijing
		open := func() *node {
			reg, err := New(Options{Store: old.store, Namespaces: old.namespaces, Clock: func() time.Time { return now },
				NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}}, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			n := *old
			n.Registrar = reg
			return &n
		}
		n := open()
		n.limit(t, "88.100.1", identifier.Quota{RequestsPerDay: 10})
		write := func(i int) error {
			now = now.Add(2 * time.Second)
			_, err := n.Create(t.Context(), record(fmt.Sprintf("88.100.1/%d", i), "x"), Write{Actor: n.a})
			return err
		}
		for i := range 6 {
			if err := write(i); err != nil {
				t.Fatal(err)
			}
		}
		n = open()
		var more []*identifier.Record
		for i := range 6 {
			more = append(more, record(fmt.Sprintf("88.100.1/row-%d", i), "x"))
		}
		sum, err := n.Import(t.Context(), rows(more...), ImportOptions{Actor: n.a}, func(RowResult) error { return nil })
		if err != nil || sum.Stored != 4 || sum.Failed != 2 {
			t.Errorf("import: %+v, %v", sum, err)
		}
		err = write(100)
		if code(err) != CodeQuotaRequests {
			t.Fatalf("over the quota: %v", err)
		}
		if wait := AsError(err).RetryAfter; wait <= 0 || wait > time.Hour {
			t.Errorf("retry after %s", wait)
		}
		now = now.Add(time.Hour)
		if err := write(101); err != nil {
			t.Errorf("the next day: %v", err)
		}
	})
}

// TestQuotaReturned: what the store refused is not used up.
func TestQuotaReturned(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		n.limit(t, "88.100.1", identifier.Quota{Records: 1})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := n.Create(ctx, record("88.100.1/SN-1", "x"), Write{Actor: n.a}); err == nil {
			t.Skip("the store took a write of a cancelled request")
		}
		must(t)(n.Create(t.Context(), record("88.100.1/SN-1", "x"), Write{Actor: n.a}))
	})
}

// TestNumbers: next free prefixes by rule.
func TestNumbers(t *testing.T) {
	eachStore(t, func(t *testing.T, old *node) {
		reg, err := New(Options{Store: old.store, Namespaces: old.namespaces, NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}},
			Numbers: Numbers{First: 1000, Digits: 6, Reserved: []string{"88.100.001001"}}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"88.100.001000", "88.100.001002", "88.100.001003"} {
			ns, err := reg.AllocatePrefix(t.Context(), PrefixRequest{Scheme: identifier.Handle, Enterprise: Self}, Write{Actor: old.op})
			if err != nil || ns.Prefix != want {
				t.Errorf("got %+v, %v; want %s", ns, err, want)
			}
		}
	})
}

// TestPrefixesPerEnterprise: no more prefixes than allowed; withdrawn ones do not count.
func TestPrefixesPerEnterprise(t *testing.T) {
	eachStore(t, func(t *testing.T, old *node) {
		reg, err := New(Options{Store: old.store, Namespaces: old.namespaces, NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}},
			Limits: Limits{PrefixesPerEnterprise: 2}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		more := func() (*identifier.Namespace, error) {
			return reg.AllocatePrefix(t.Context(), PrefixRequest{Scheme: identifier.Handle, Enterprise: old.a.Enterprise}, Write{Actor: old.op})
		}
		ns, err := more()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := more(); code(err) != CodeQuotaPrefixes {
			t.Fatalf("a third: %v", err)
		}
		if _, err := reg.PrefixAction(t.Context(), ns.Key(), ActionWithdraw, "", "", Write{Actor: old.op}); err != nil {
			t.Fatal(err)
		}
		if _, err := more(); err != nil {
			t.Errorf("after a withdrawal: %v", err)
		}
	})
}
