package budget

import (
	"net/netip"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	now := time.Now()
	b := New(1000, 4000, []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")})
	f := func(addr string, in, out int, want Verdict) {
		t.Helper()
		if got := b.Take(now, netip.MustParseAddr(addr), in, out, 52); got != want {
			t.Errorf("%s, %d for %d: %d, want %d", addr, out, in, got, want)
		}
	}
	f("192.0.2.1", 100, 300, SendAll) // free
	f("192.0.2.1", 100, 4300, SendAll)
	f("192.0.2.2", 100, 301, TellBusy) // the same network
	f("192.0.2.2", 100, 300, SendAll)  // still free
	f("::ffff:192.0.2.3", 100, 301, TellBusy)
	f("192.0.3.1", 100, 4300, SendAll) // another
	f("203.0.113.5", 1, 1<<20, SendAll)
	f("::ffff:203.0.113.5", 1, 1<<20, SendAll)
	f("2001:db8::1", 0, 4000, SendAll)
	f("2001:db8:0:ff::2", 0, 4000, TellBusy)
	f("2001:db8:0:100::2", 0, 4000, SendAll)
	f("192.0.2.2", 100, 400, TellBusy)
	f("192.0.2.2", 100, 400, TellBusy)
	f("192.0.2.2", 100, 400, Silence) // 4000/16 octets of excuses are used up
	now = now.Add(time.Second)
	f("192.0.2.2", 0, 1000, SendAll)
	f("192.0.2.2", 0, 1, TellBusy)
	f("192.0.2.2", 0, 1, TellBusy) // 42 were left, 62 have come
	f("192.0.2.2", 0, 1, Silence)
	now = now.Add(time.Hour)
	f("192.0.2.2", 0, 4001, TellBusy) // never more than the burst
	f("192.0.2.2", 0, 4000, SendAll)
}

// TestBudgetTable has more networks than places: it neither grows nor fails.
func TestBudgetTable(t *testing.T) {
	b := New(1000, 4000, nil)
	now := time.Now()
	for i := range 3 * setCount * wayCount {
		a := netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1})
		if got := b.Take(now.Add(time.Duration(i)), a, 0, 4000, 52); got != SendAll {
			t.Fatalf("network %d: %d", i, got)
		}
	}
}
