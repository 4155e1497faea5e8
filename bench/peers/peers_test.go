package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/bench/corpus"
)

func TestRow(t *testing.T) {
	of := func(lost uint64, micros ...int) (all []figure) {
		for _, m := range micros {
			all = append(all, figure{cpu: time.Duration(m) * time.Microsecond, rate: 1e6 / float64(m), lost: lost})
		}
		return all
	}
	got := row("x", of(1, 10, 30, 20), of(0, 10, 10, 10))
	want := []string{"x", "20.00", "10.00", "1.00", "2.00", "3.00", "50000", "100000", "3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestZone reads the zone file with another's parser.
func TestZone(t *testing.T) {
	name := filepath.Join(t.TempDir(), zoneFile)
	if err := writeZone(name, corpus.Corpus{Names: corpus.Serials("88.1021.150"), Seed: 1}, 3); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var naptr []*dns.NAPTR
	zone := dns.NewZoneParser(strings.NewReader(string(text)), "", "")
	for rr, ok := zone.Next(); ok; rr, ok = zone.Next() {
		if n, ok := rr.(*dns.NAPTR); ok {
			naptr = append(naptr, n)
		}
	}
	if err := zone.Err(); err != nil || len(naptr) != 3 {
		t.Fatalf("%d records, %v", len(naptr), err)
	}
	if n := naptr[2]; n.Hdr.Name != "sn-0000000002.150.1021.88.hdl.id.example." || n.Regexp != "!^.*$!https://trace.example.com/88.1021.150/SN-0000000002!" || n.Service != "IDIS+URL" {
		t.Errorf("%v", n)
	}
}
