// Package httpload asks a node's HTTP interface for a corpus's identifiers over kept connections.
package httpload

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/drive"
)

// Options say what is asked and what the answers must be.
type Options struct {
	Names   corpus.Names
	Unknown bool // the names are of no records: 404 is the good answer
	REST    bool // ask as Handle clients do, GET /api/handles, rather than GET /resolve
}

// Front is the HTTP interface at addr. Closed runs have one request a connection under way, as clients do
// it; open runs send a request that is due behind one that is not answered yet (pipelining).
func (o Options) Front(addr string) drive.Front {
	name, path := "HTTP /resolve", "/resolve?scheme=handle&id="
	if o.REST {
		name, path = "HTTP /api/handles", "/api/handles/"
	}
	c := codec{names: o.Names, want: "200", head: "GET " + path, tail: " HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"}
	if o.Unknown {
		c.want = "404"
	}
	return drive.Front{Name: name, Network: "tcp", Addr: addr, Conns: 100, Codec: func() drive.Codec { c := c; return &c }}
}

// codec implements [drive.Codec].
type codec struct {
	names      corpus.Names
	want       string
	head, tail string
	answered   uint32 // answers come in the order of the requests
}

func (c *codec) Preface() []byte { return nil }

func (c *codec) Append(dst []byte, _ uint32, pick corpus.Picker) []byte {
	return append(c.names.Append(append(dst, c.head...), pick()), c.tail...)
}

const (
	length = "\r\nContent-Length: "
	status = "HTTP/1.1 200"
)

func (c *codec) Frame(head []byte) (int, error) {
	end := bytes.Index(head, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	at := bytes.Index(head[:end], []byte(length))
	if at < 0 {
		return 0, fmt.Errorf("an answer without a length: %q", head[:end])
	}
	digits, _, _ := bytes.Cut(head[at+len(length):end], []byte("\r"))
	n, err := strconv.Atoi(string(digits))
	return end + 4 + n, err
}

// Answer looks at the status code.
func (c *codec) Answer(message []byte) (uint32, []byte, error) {
	c.answered++
	if code := message[len(status)-3 : len(status)]; string(code) != c.want {
		return c.answered, nil, fmt.Errorf("status %s", code)
	}
	return c.answered, nil, nil
}
