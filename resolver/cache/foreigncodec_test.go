package cache

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

func TestForeign(t *testing.T) {
	at := slotOf(parse(t, "88.1.2/SN"), &identifier.Service{IP: netip.MustParseAddr("2001:db8::1"), UDP: 2641})
	now := time.UnixMilli(time.Now().UnixMilli())
	for _, f := range []resolver.Foreign{
		{Status: resolver.Found, Record: record(parse(t, "88.1.2/SN"), 7)},
		{Status: resolver.Found, Record: &identifier.Record{}},
		{Status: resolver.Revoked, Record: record(parse(t, "88.1.2/SN"), 0), Reason: "recalled"},
		{Status: resolver.Revoked},
		{Status: resolver.NotFound},
		{Status: resolver.Suspended, Reason: "\u8fdd\u89c4"},
		{Status: resolver.NotResponsible},
	} {
		f.Fetched, f.Expires = now, now.Add(time.Minute)
		octets := appendForeign(nil, &at, "epoch", &f)
		got, epoch, err := parseForeign(octets, &at)
		if err != nil || epoch != "epoch" {
			t.Fatalf("%v: epoch %q, %v", f.Status, epoch, err)
		}
		if diff := cmp.Diff(&f, got); diff != "" {
			t.Error(diff)
		}
		for name, other := range map[string]slot{
			"identifier": slotOf(parse(t, "88.1.2/SM"), &at.from), "spelling": slotOf(parse(t, "88.1.2/sn"), &at.from), "service": slotOf(parse(t, "88.1.2/SN"), nil),
		} {
			if _, _, err := parseForeign(octets, &other); err == nil {
				t.Errorf("%v: taken for that of another %s", f.Status, name)
			}
		}
		for i := range octets {
			if _, _, err := parseForeign(octets[:i], &at); err == nil {
				t.Errorf("%v: taken for whole at %d of %d octets", f.Status, i, len(octets))
			}
		}
	}
}

// FuzzForeign: what has the right checksum is read, or refused; what is read is written as it was.
func FuzzForeign(f *testing.F) {
	at := slotOf(parse(f, "88.1.2/SN"), nil)
	now := time.UnixMilli(1700000000000)
	for _, v := range []resolver.Foreign{{Status: resolver.Found, Record: record(parse(f, "88.1.2/SN"), 7)}, {Status: resolver.NotFound}} {
		v.Fetched, v.Expires = now, now
		f.Add(appendForeign(nil, &at, "epoch", &v)[foreignHeader:])
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		octets := append([]byte(foreignMagic), make([]byte, 8)...)
		octets = append(octets, payload...)
		for i, sum := 0, checksum(&at, payload); i < 8; i++ {
			octets[len(foreignMagic)+i] = byte(sum >> (56 - 8*i))
		}
		v, epoch, err := parseForeign(octets, &at)
		if err != nil {
			return
		}
		again, _, err := parseForeign(appendForeign(nil, &at, epoch, v), &at)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, again); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMessage(t *testing.T) {
	keys := []identifier.Key{{Scheme: identifier.Handle, Name: "88.1.2/a"}, {Scheme: identifier.OID, Name: "1.2.156"}}
	whole := appendMessage(nil, "node", messageKeys, keys)
	from, kind, got := parseMessage(string(whole))
	if from != "node" || kind != messageKeys || cmp.Diff(keys, got) != "" {
		t.Errorf("got %q, %c, %v", from, kind, got)
	}
	first := len(appendMessage(nil, "node", messageKeys, keys[:1]))
	none := len(appendMessage(nil, "node", messageKeys, nil))
	for i := range whole {
		if _, kind, _ := parseMessage(string(whole[:i])); kind != messageAll && i != first && i != none {
			t.Errorf("at %d of %d octets: %c", i, len(whole), kind)
		}
	}
	if _, kind, _ := parseMessage(string(bytes.Replace(whole, []byte("iF\x01"), []byte("iF\x02"), 1))); kind != messageAll {
		t.Error("another format was read")
	}
}

// TestJournal: what is too much to remember is everything.
func TestJournal(t *testing.T) {
	j := newJournal()
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.1.2/a"}
	first := j.add([]identifier.Key{k}, false)
	second := j.add([]identifier.Key{k}, false)
	j.settle(first)
	if !j.has(k, false) {
		t.Error("what was to be forgotten again is settled")
	}
	j.settle(second)
	if j.has(k, false) || !j.has(k, true) || j.has(key(1), true) || j.owing.Load() != 0 {
		t.Error("what was forgotten is not known as that")
	}
	var all settlement
	for i := range journalMost + 1 {
		all = j.add([]identifier.Key{key(i)}, false)
	}
	if !all.everything || !j.has(identifier.Key{Name: "any"}, false) || len(j.of) != 0 || j.owing.Load() != 1 {
		t.Error("too much is not everything")
	}
	j.settle(all)
	if j.has(k, false) || j.owing.Load() != 0 {
		t.Error("everything is not settled")
	}
}
