package dnsserver

import (
	"encoding/hex"
	"net/netip"
	"testing"
	"time"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCookieVectors checks the vectors of RFC 9018, appendix A.
func TestCookieVectors(t *testing.T) {
	const old, next = "e5e973e5a6b2a43f48e7dc849e37bfcf", "445536bcd2513298075a5d379663c962"
	tests := []struct {
		name, secret, addr, client, server string
		now                                int64
		valid                              bool
		want                               string
	}{
		{"new", old, "198.51.100.100", "2464c4abcf10c957", "", 1559731985, false, "010000005cf79f111f8130c3eee29480"},
		{"renewed", old, "198.51.100.100", "2464c4abcf10c957", "010000005cf79f111f8130c3eee29480", 1559734385, true,
			"010000005cf7a871d4a564a1442aca77"},
		{"mapped address", old, "::ffff:198.51.100.100", "2464c4abcf10c957", "", 1559731985, false, "010000005cf79f111f8130c3eee29480"},
		{"reserved octets", old, "203.0.113.203", "fc93fc62807ddb86", "01abcdef5cf78f71a314227b6679ebf5", 1559734700, false,
			"010000005cf7a9acf73a7810aca2381e"},
		{"secret changed", next, "2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298", "010000005cf7c57926556bd0934c72f8", 1559741961,
			false, "010000005cf7c609a6bb79d16625507a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c cookies
			copy(c.secret[:], unhex(t, tt.secret))
			client, addr, now := unhex(t, tt.client), netip.MustParseAddr(tt.addr), time.Unix(tt.now, 0)
			if got := hex.EncodeToString(c.append(nil, client, now, addr)); got != tt.want {
				t.Errorf("made %s, want %s", got, tt.want)
			}
			if valid, fresh := c.check(client, unhex(t, tt.server), now, addr); valid != tt.valid || fresh {
				t.Errorf("valid %v, fresh %v", valid, fresh)
			}
		})
	}
}

func TestCookieLife(t *testing.T) {
	var c cookies
	client, addr := []byte("client01"), netip.MustParseAddr("192.0.2.1")
	made := time.Unix(1<<32-600, 0) // the seconds wrap within its life
	cookie := c.append(nil, client, made, addr)
	for _, tt := range []struct {
		age          time.Duration
		valid, fresh bool
	}{
		{-6 * time.Minute, false, false}, {-5 * time.Minute, true, true}, {30 * time.Minute, true, true},
		{31 * time.Minute, true, false}, {time.Hour, true, false}, {time.Hour + time.Second, false, false},
	} {
		if valid, fresh := c.check(client, cookie, made.Add(tt.age), addr); valid != tt.valid || fresh != tt.fresh {
			t.Errorf("after %v: valid %v, fresh %v", tt.age, valid, fresh)
		}
	}
	if valid, _ := c.check(client, cookie, made, netip.MustParseAddr("192.0.2.2")); valid {
		t.Error("good for another address")
	}
	if valid, _ := c.check([]byte("client02"), cookie, made, addr); valid {
		t.Error("good for another client cookie")
	}
}
