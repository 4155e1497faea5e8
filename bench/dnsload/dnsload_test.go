package dnsload

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/bench/corpus"
)

const owner42 = "sn-0000000042.150.1021.88.hdl.id.example."

func pick42() uint64 { return 42 }

func TestQuery(t *testing.T) {
	names := corpus.Serials("88.1021.150")
	for _, stream := range []bool{false, true} {
		for _, edns := range []bool{false, true} {
			c := &codec{Options: Options{Names: names, EDNS: edns}, stream: stream}
			packed := c.Append([]byte("x"), 0x5_1234, pick42)[1:]
			if stream {
				if n, err := c.Frame(packed); err != nil || n != len(packed) {
					t.Errorf("a frame of %d octets, %v; want %d", n, err, len(packed))
				}
				packed = packed[2:]
			}
			var m dns.Msg
			if err := m.Unpack(packed); err != nil {
				t.Fatal(err)
			}
			want := dns.Question{Name: owner42, Qtype: dns.TypeNAPTR, Qclass: dns.ClassINET}
			if m.Id != 0x1234 || m.Response || len(m.Question) != 1 || m.Question[0] != want || (m.IsEdns0() != nil) != edns {
				t.Errorf("stream %v, EDNS %v: %v", stream, edns, &m)
			}
		}
	}
}

func TestAnswer(t *testing.T) {
	rr, err := dns.NewRR(owner42 + ` 60 IN NAPTR 100 10 "u" "IDIS+URL" "!^.*$!https://x.example!" .`)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		rcode        int
		records      int
		hit, unknown bool // is a good answer then
		query        bool
	}{
		"hit":      {rcode: dns.RcodeSuccess, records: 1, hit: true},
		"no data":  {rcode: dns.RcodeSuccess},
		"nxdomain": {rcode: dns.RcodeNameError, unknown: true},
		"failure":  {rcode: dns.RcodeServerFailure},
		"a query":  {rcode: dns.RcodeSuccess, records: 1, query: true},
	} {
		m := dns.Msg{MsgHdr: dns.MsgHdr{Id: 7, Response: !test.query, Rcode: test.rcode}}
		m.SetQuestion(owner42, dns.TypeNAPTR)
		m.MsgHdr = dns.MsgHdr{Id: 7, Response: !test.query, Rcode: test.rcode}
		for range test.records {
			m.Answer = append(m.Answer, rr)
		}
		packed, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		for unknown, good := range map[bool]bool{false: test.hit, true: test.unknown} {
			c := &codec{Options: Options{Unknown: unknown}}
			if id, _, err := c.Answer(packed); id&0xffff != 7 || (err == nil) != good {
				t.Errorf("%s, unknown %v: id %d, %v", name, unknown, id, err)
			}
		}
	}
	if _, _, err := new(codec).Answer([]byte{0, 7, 0x84}); err == nil {
		t.Error("three octets are an answer")
	}
}

func TestWriteQueries(t *testing.T) {
	name := filepath.Join(t.TempDir(), "q")
	if err := WriteQueries(name, corpus.Serials("88.1021.150"), pick42, 2); err != nil {
		t.Fatal(err)
	}
	const line = "sn-0000000042.150.1021.88.hdl.id.example NAPTR\n"
	if got, err := os.ReadFile(name); err != nil || string(got) != line+line {
		t.Errorf("%q, %v", got, err)
	}
}

func TestParsePerf(t *testing.T) {
	p, err := parsePerf(`Statistics:

  Queries sent:         1001
  Queries completed:    1000 (99.90%)
  Queries lost:         1 (0.10%)

  Response codes:       NOERROR 1000 (100.00%)
  Average packet size:  request 58, response 145
  Run time (s):         2.000000
  Queries per second:   500.250000

  Average Latency (s):  0.000250 (min 0.000010, max 0.010000)
`)
	if err != nil || p.Completed != 1000 || p.Lost != 1 || p.Rate != 500.25 || p.Average.Microseconds() != 250 || p.Codes != "NOERROR 1000 (100.00%)" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := parsePerf("Error: cannot bind"); err == nil {
		t.Error("no error without statistics")
	}
}
