// Package handletest holds messages that were captured between stock clients of the Handle System
// and a Handle.Net server, and the records and the site of that server, for tests.
package handletest

import (
	"bufio"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
)

//go:embed vectors.hex
var vectors string

//go:embed rest.hex
var rest string

//go:embed records.ndjson
var records string

//go:embed site.hex
var site string

// Prefixes are the naming authorities that the captured server answers for.
var Prefixes = []string{"88.990", "88.990.1001", "88.990.1002", "88.990.1003"}

// Serial is the serial of the captured server's site.
const Serial = 7

// Vector is one captured exchange.
type Vector struct {
	Name      string   // its number, then what is asked
	Transport string   // "udp", "tcp", "http-tunnel", "http" or "https"
	Requests  [][]byte // datagrams, or messages of one connection
	Responses [][]byte
	Volatile  []Range // octets of the joined responses that differ from run to run
}

// Range is a range of octets.
type Range struct{ Offset, Length int }

// Number is the number at the front of the vector's name, such as "022".
func (v Vector) Number() string { return v.Name[:3] }

// Request is the joined request.
func (v Vector) Request() []byte { return join(v.Requests) }

// Response is the joined response.
func (v Vector) Response() []byte { return join(v.Responses) }

// Blank overwrites the volatile octets of a joined response.
func (v Vector) Blank(response []byte) {
	for _, r := range v.Volatile {
		for i := r.Offset; i < r.Offset+r.Length && i < len(response); i++ {
			response[i] = 0xaa
		}
	}
}

func join(parts [][]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// Vectors returns all captured exchanges of the Handle protocol.
func Vectors(t testing.TB) []Vector {
	t.Helper()
	return parseVectors(t, vectors)
}

// RESTVectors returns the captured exchanges of the REST interface and the proxy, in their order: transport "http", or
// "https" for the text within TLS.
func RESTVectors(t testing.TB) []Vector {
	t.Helper()
	return parseVectors(t, rest)
}

func parseVectors(t testing.TB, vectors string) []Vector {
	t.Helper()
	var all []Vector
	lines := bufio.NewScanner(strings.NewReader(vectors))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		mark, rest, _ := strings.Cut(line, " ")
		switch mark {
		case ">":
			v := &all[len(all)-1]
			v.Requests = append(v.Requests, Hex(t, rest))
		case "<":
			v := &all[len(all)-1]
			v.Responses = append(v.Responses, Hex(t, rest))
		case "~":
			v, r := &all[len(all)-1], Range{}
			if _, err := fmt.Sscan(rest, &r.Offset, &r.Length); err != nil {
				t.Fatalf("vectors.hex: %q: %v", line, err)
			}
			v.Volatile = append(v.Volatile, r)
		default:
			all = append(all, Vector{Name: mark, Transport: rest})
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Find returns the vector of that number, such as "022".
func Find(t testing.TB, number string) Vector {
	t.Helper()
	for _, v := range Vectors(t) {
		if v.Number() == number {
			return v
		}
	}
	t.Fatalf("no vector %s", number)
	return Vector{}
}

// Records returns the records of the captured server.
func Records(t testing.TB) []*identifier.Record {
	t.Helper()
	return parseRecords(t, records)
}

func parseRecords(t testing.TB, text string) []*identifier.Record {
	t.Helper()
	var all []*identifier.Record
	for line := range strings.Lines(text) {
		r := new(identifier.Record)
		if err := r.UnmarshalJSON([]byte(line)); err != nil {
			t.Fatalf("records: %v", err)
		}
		all = append(all, r)
	}
	return all
}

// Site returns the encoded site record of the captured server.
func Site(t testing.TB) []byte {
	t.Helper()
	return Hex(t, strings.TrimSpace(site))
}

// Hex decodes s.
func Hex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
