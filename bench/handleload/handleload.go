// Package handleload asks a server of the native Handle protocol for all public values of a corpus's
// identifiers, over UDP and over kept, pipelined TCP connections.
package handleload

import (
	"fmt"
	"strings"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/drive"
	"github.com/idnode/idnode/proto/handle"
)

// Options say what is asked and what the answers must be.
type Options struct {
	Names   corpus.Names
	Unknown bool // the names are of no records: "handle not found" is the good answer
}

// Front is the front end at addr over network, "udp" or "tcp".
func (o Options) Front(network, addr string) drive.Front {
	want := handle.RcodeSuccess
	if o.Unknown {
		want = handle.RcodeHandleNotFound
	}
	return drive.Front{Name: "Handle " + strings.ToUpper(network), Network: network, Addr: addr, Codec: func() drive.Codec {
		return &codec{names: o.Names, want: want, head: handle.Header{Opcode: handle.OpResolve, Flags: handle.FlagKeepAlive | handle.FlagPublicOnly,
			SiteSerial: handle.NoSiteSerial, Expiration: uint32(time.Now().Unix()) + handle.Lifetime}}
	}}
}

// codec implements [drive.Codec].
type codec struct {
	names corpus.Names
	want  handle.Rcode
	head  handle.Header
	name  []byte
	query []byte
}

func (c *codec) Preface() []byte { return nil }

func (c *codec) Append(dst []byte, id uint32, pick corpus.Picker) []byte {
	c.name = c.names.Append(c.name[:0], pick())
	c.query = handle.Begin(c.query[:0])
	c.query = handle.AppendBytes(c.query, c.name)
	c.query = append(c.query, 0, 0, 0, 0, 0, 0, 0, 0) // no indexes, no types: all values
	c.query = handle.Finish(c.query, 0, handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: id}, c.head)
	return append(dst, c.query...)
}

func (c *codec) Frame(head []byte) (int, error) {
	if len(head) < handle.EnvelopeSize {
		return 0, nil
	}
	e, _, err := handle.ParseEnvelope(head)
	if err != nil {
		return 0, err
	}
	return handle.EnvelopeSize + int(min(e.Length, handle.MaxMessage+1)), nil
}

// Answer looks at the response code and the length.
func (c *codec) Answer(message []byte) (uint32, []byte, error) {
	e, rest, err := handle.ParseEnvelope(message)
	if err != nil {
		return 0, nil, err
	}
	h, _, err := handle.ParseHeader(rest)
	if err == nil && (h.Rcode != c.want || uint64(e.Length) > uint64(len(rest))) {
		err = fmt.Errorf("code %d in %d of %d octets", h.Rcode, len(rest), e.Length)
	}
	return e.RequestID, nil, err
}
