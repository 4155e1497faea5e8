package corpus

import (
	"bytes"
	"hash/crc32"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

func TestNames(t *testing.T) {
	f := func(n Names, i uint64, want string, scheme identifier.Scheme) {
		t.Helper()
		if got := n.At(i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if id, err := identifier.Parse(want); err != nil || id.Scheme() != scheme {
			t.Errorf("%s: scheme %v, error %v", want, id.Scheme(), err)
		}
	}
	f(Serials("88.1021.150"), 42, "88.1021.150/SN-0000000042", identifier.Handle)
	f(Serials("88.1021.150"), 12345678901, "88.1021.150/SN-12345678901", identifier.Handle)
	f(Arcs("1.2.156.10001.7"), 0, "1.2.156.10001.7.0", identifier.OID)
}

// TestNDJSON: what is written is what Record says, and the same on every machine.
func TestNDJSON(t *testing.T) {
	c := Corpus{Names: Serials("88.1021.150"), Seed: 1}
	const first, count = 990, 1000
	var out bytes.Buffer
	if err := c.WriteNDJSON(&out, first, count); err != nil {
		t.Fatal(err)
	}
	if got, want := crc32.ChecksumIEEE(out.Bytes()), uint32(0x31612037); got != want {
		t.Errorf("checksum %#x, want %#x: the corpus has changed, and results no longer compare", got, want)
	}
	rows := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
	if len(rows) != count {
		t.Fatalf("%d lines, want %d", len(rows), count)
	}
	for i, row := range rows {
		got, err := identifier.ParseRecordJSON(row)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.Record(first+uint64(i)), got); d != "" {
			t.Fatalf("line %d (-want +got):\n%s", i+1, d)
		}
	}
	if bytes.Equal(rows[0], Corpus{Names: c.Names, Seed: 2}.AppendJSON(nil, first)) {
		t.Error("another seed gives the same record")
	}
}

// TestOneDatagram holds what Corpus says of Handle answers.
func TestOneDatagram(t *testing.T) {
	r := Corpus{Names: Serials("88.1021.150")}.Record(1 << 40)
	body := handle.AppendResolveResponse(nil, r.ID, r.Values)
	if n := handle.EnvelopeSize + handle.HeaderSize + len(body) + 4; n > handle.MaxPacket {
		t.Errorf("the answer takes %d octets, a datagram holds %d", n, handle.MaxPacket)
	}
}

func TestPickers(t *testing.T) {
	const n, draws = 1000, 100_000
	count := func(p Picker) []int {
		counts := make([]int, n)
		for range draws {
			counts[p()]++
		}
		return counts
	}
	most := func(counts []int) (most, where, seen int) {
		for i, c := range counts {
			if c > most {
				most, where = c, i
			}
			if c > 0 {
				seen++
			}
		}
		return most, where, seen
	}
	u, z := count(Uniform(7, n)), count(Zipf(7, n, 1.1))
	if m, _, seen := most(u); m > 200 || seen != n {
		t.Errorf("uniform: one of %d numbers was chosen %d times of %d, %d were seen", n, m, draws, seen)
	}
	if m, where, seen := most(z); m < draws/10 || where != 0 || seen < n/2 {
		t.Errorf("zipf: the favourite is %d with %d of %d, %d were seen", where, m, draws, seen)
	}
	if neighbours := z[1] + z[2]; neighbours > draws/10 {
		t.Errorf("zipf: the favourite's neighbours were chosen %d times: favourites are not scattered", neighbours)
	}
	if d := cmp.Diff(z, count(Zipf(7, n, 1.1))); d != "" {
		t.Error("one seed gives two rows of choices")
	}
	for range 10 {
		if got := Zipf(1, 1, 1.1)(); got != 0 {
			t.Errorf("of one number, %d was chosen", got)
		}
	}
}
