package mint

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

func TestAppend(t *testing.T) {
	f := func(rule string, number uint64, want string) {
		t.Helper()
		r, err := Parse(rule)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		got, err := r.Append([]byte("p/"), day, number, bytes.NewReader([]byte{1, 6, 18 + 32, 0, 31, 7}))
		if err != nil || string(got) != "p/"+want {
			t.Errorf("%s of %d: %q, %v, want %q", rule, number, got, err, want)
		}
	}
	f("SN-{serial:6}", 42, "SN-000042")
	f("SN-{serial}", 42, "SN-42")
	f("{yyyy}{MM}{dd}-{serial:3}", 7, "20260102-007")
	f("{yy}{DDD}/{HH}.{serial:1}", 7, "26002/15.7")
	f("{GGGG}W{ww}-{serial:2}", 7, "2026W01-07")
	f("{{{serial:2}}}", 7, "{07}")
	f("轴承-{serial:2}", 7, "轴承-07")
	f("{random:4}", 0, "16J0")
	f("{random:6}", 0, "16J0Z7")
	// The Global Release Identifier's own sample: A1-2425G-ABC1234002-M (ISO/IEC 7064, MOD 37,36).
	f("A1-2425G-ABC{serial:7}-{check}", 1234002, "A1-2425G-ABC1234002-M")
	f("a12425gabc{serial:7}{check}", 1234002, "a12425gabc1234002M")
	// The sample of the Luhn algorithm that is told everywhere: 7992739871, 3.
	f("{serial:10}{check:luhn}", 7992739871, "79927398713")
	f("7992-73-{serial:4}{check:luhn}", 9871, "7992-73-98713")
}

// TestCrockford: the check symbol stands for the number modulo 37. 1234 is 16J, and 1234 mod 37 is 13, D; 32 and 36 are
// symbols that only checks have.
func TestCrockford(t *testing.T) {
	r, err := Parse("{random:4:check}")
	if err != nil {
		t.Fatal(err)
	}
	for want, in := range map[string][]byte{"016JD": {0, 1, 6, 18}, "0010*": {0, 0, 1, 0}, "0014U": {0, 0, 1, 4}, "00150": {0, 0, 1, 5}} {
		if got, err := r.Append(nil, day, 0, bytes.NewReader(in)); err != nil || string(got) != want {
			t.Errorf("%v: %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for rule, want := range map[string]string{
		"":                               "needs a {serial}",
		"SN-{yyyy}":                      "needs a {serial}",
		"{serial:0}":                     "from 1 to 18",
		"{serial:19}":                    "from 1 to 18",
		"{serial:+3}":                    "from 1 to 18",
		"{serial:03}":                    "from 1 to 18",
		"{serial:3:x}":                   "no part",
		"{random}":                       "no part",
		"{random:3}":                     "from 4 to 40",
		"{random:8:luhn}":                "no part",
		"{serial:3}{serial:3}":           "one {serial}",
		"{check}{serial:3}":              "stands behind",
		"{random:8}{check:luhn}":         "digits only",
		"{serial:3":                      "no end",
		"serial:3}":                      "without a {",
		"{Serial:3}":                     "no part",
		"{}":                             "no part",
		"{serial:3}\xff":                 "UTF-8",
		strings.Repeat("x", MaxRule+1):   "255 octets",
		"{serial:3}{check:crockford}":    "no part",
		"{random:4}{yyyyy}":              "no part",
		"{random:4}{check:luhn}{serial}": "digits only",
	} {
		if r, err := Parse(rule); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", rule, r, err, want)
		}
	}
}

func TestPeriod(t *testing.T) {
	r, err := Parse("{yyyy}{MM}-{serial:2}{check}")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := r.Period(day), r.Period(day.AddDate(0, 0, 20)); a != b {
		t.Errorf("one month has two periods: %q, %q", a, b)
	}
	if a, b := r.Period(day), r.Period(day.AddDate(0, 1, 0)); a == b {
		t.Errorf("two months have one period: %q", a)
	}
	if r.Most() != 99 || !r.Counts() {
		t.Errorf("most %d, counts %v", r.Most(), r.Counts())
	}
	if _, err := r.Append(nil, day, 100, nil); err == nil {
		t.Error("100 fits two digits")
	}
}

// FuzzParse: what is a rule makes texts that differ with their number.
func FuzzParse(f *testing.F) {
	for _, rule := range []string{"SN-{yyyy}{serial:6}{check}", "{random:8:check}", "{{}}{serial}", "{serial:18}{check:luhn}"} {
		f.Add(rule, uint64(1), uint64(2))
	}
	f.Fuzz(func(t *testing.T, rule string, a, b uint64) {
		r, err := Parse(rule)
		if err != nil {
			return
		}
		if !r.Counts() || a == b || a > r.Most() || b > r.Most() {
			return
		}
		zeros := func() *bytes.Reader { return bytes.NewReader(make([]byte, 4096)) }
		x, err := r.Append(nil, day, a, zeros())
		if err != nil {
			t.Fatal(err)
		}
		y, err := r.Append(nil, day, b, zeros())
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(x, y) {
			t.Errorf("%q gives %q for %d and %d", rule, x, a, b)
		}
	})
}
