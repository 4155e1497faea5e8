// Package grpcload asks a gRPC server for a corpus's identifiers: one a call, or many. It writes the
// frames of HTTP/2 itself: grpc-go's client takes more CPU than a server, and the generator must not.
// The frames are those of that client, but for control of the flow: windows are as large as they go.
package grpcload

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/drive"
	"github.com/idnode/idnode/proto/nodepb"
)

// Options say what is asked and what the answers must be.
type Options struct {
	Names  corpus.Names
	Status nodepb.ResolveResponse_Status // of a good answer; 0: an empty response
}

// Unary is one identifier a call.
func (o Options) Unary(addr string) drive.Front {
	return drive.Front{Name: "gRPC unary", Network: "tcp", Addr: addr, Codec: func() drive.Codec {
		return newCodec(o, addr, nodepb.Resolver_Resolve_FullMethodName, 0)
	}}
}

// Batch is rows identifiers a call, one call a connection under way in closed runs.
func (o Options) Batch(addr string, rows int) drive.Front {
	return drive.Front{Name: "gRPC BatchResolve", Network: "tcp", Addr: addr, Outstanding: 8, Each: rows, Codec: func() drive.Codec {
		return newCodec(o, addr, nodepb.Resolver_BatchResolve_FullMethodName, rows)
	}}
}

const (
	frameHeader   = 9 // octets (RFC 9113, section 4.1)
	maxFrame      = 1 << 14
	messageHeader = 5         // octets before a message: compressed or not, its length
	largestWindow = 1<<31 - 1 // RFC 9113, section 6.9.1
	renewWindow   = 1 << 30
)

// codec implements [drive.Codec].
type codec struct {
	Options
	rows        int    // 0 for one call each
	first, rest []byte // header blocks of the first call and of the others, which use its table entries
	asked       bool
	message     []byte
	request     []byte
	name        []byte
	got         map[uint32]*progress // by stream, of answers that have begun
	received    uint32               // octets of data since the window was renewed
}

// progress is what has come of an answer.
type progress struct{ want, got int }

func newCodec(o Options, addr, method string, rows int) *codec {
	c := &codec{Options: o, rows: rows, got: make(map[uint32]*progress)}
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	block := func() []byte {
		b.Reset()
		for _, f := range [...][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", addr},
			{"content-type", "application/grpc"}, {"user-agent", "idnode-bench"}, {"te", "trailers"}} {
			_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // a Buffer takes all
		}
		return bytes.Clone(b.Bytes())
	}
	c.first, c.rest = block(), block()
	return c
}

func (c *codec) Preface() []byte {
	var b bytes.Buffer
	b.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&b, nil)
	// A Buffer takes all.
	_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: largestWindow})
	_ = f.WriteWindowUpdate(0, largestWindow-(1<<16-1))
	return b.Bytes()
}

// stream is the odd number of call id.
func stream(id uint32) uint32 { return 2*id - 1 }

func (c *codec) Append(dst []byte, id uint32, pick corpus.Picker) []byte {
	head := c.rest
	if !c.asked {
		head, c.asked = c.first, true
	}
	dst = append(appendFrame(dst, http2.FrameHeaders, http2.FlagHeadersEndHeaders, stream(id), len(head)), head...)
	if c.rows == 0 {
		c.message = c.appendRequest(c.message[:0], pick)
	} else {
		c.message = c.message[:0]
		for range c.rows {
			c.request = c.appendRequest(c.request[:0], pick)
			c.message = protowire.AppendBytes(protowire.AppendTag(c.message, 1, protowire.BytesType), c.request)
		}
	}
	left, prefix := c.message, messageHeader
	for {
		n := min(len(left), maxFrame-prefix)
		var flags http2.Flags
		if n == len(left) {
			flags = http2.FlagDataEndStream
		}
		dst = appendFrame(dst, http2.FrameData, flags, stream(id), n+prefix)
		if prefix > 0 {
			dst = binary.BigEndian.AppendUint32(append(dst, 0), uint32(len(c.message)))
			prefix = 0
		}
		dst = append(dst, left[:n]...)
		if left = left[n:]; len(left) == 0 {
			return dst
		}
	}
}

// appendRequest appends a ResolveRequest with id and scheme.
func (c *codec) appendRequest(dst []byte, pick corpus.Picker) []byte {
	c.name = c.Names.Append(c.name[:0], pick())
	dst = protowire.AppendBytes(protowire.AppendTag(dst, 1, protowire.BytesType), c.name)
	return protowire.AppendString(protowire.AppendTag(dst, 2, protowire.BytesType), "handle")
}

func appendFrame(dst []byte, typ http2.FrameType, flags http2.Flags, stream uint32, length int) []byte {
	dst = append(dst, byte(length>>16), byte(length>>8), byte(length), byte(typ), byte(flags))
	return binary.BigEndian.AppendUint32(dst, stream)
}

func (c *codec) Frame(head []byte) (int, error) {
	if len(head) < frameHeader {
		return 0, nil
	}
	return frameHeader + int(binary.BigEndian.Uint32(head)>>8), nil
}

var (
	errNoMessage = errors.New("a call without its whole response")
	errReset     = errors.New("a call was reset")
	errGoAway    = errors.New("the server goes away")
)

// Answer follows frames. A call is answered when its trailers come after a whole message that begins
// with the wanted status, or, of a batch, whose first row does.
func (c *codec) Answer(message []byte) (id uint32, reply []byte, err error) {
	typ, flags := http2.FrameType(message[3]), http2.Flags(message[4])
	number, payload := binary.BigEndian.Uint32(message[5:])&(1<<31-1), message[frameHeader:]
	switch typ {
	case http2.FrameData:
		if c.received += uint32(len(payload)); c.received >= renewWindow {
			reply = binary.BigEndian.AppendUint32(appendFrame(nil, http2.FrameWindowUpdate, 0, 0, 4), c.received)
			c.received = 0
		}
		p := c.got[number]
		if p == nil {
			if len(payload) < messageHeader {
				return (number + 1) / 2, reply, errNoMessage
			}
			p = &progress{want: int(binary.BigEndian.Uint32(payload[1:]))}
			c.got[number] = p
			payload = payload[messageHeader:]
			if err := c.check(payload); err != nil {
				return (number + 1) / 2, reply, err
			}
		}
		p.got += len(payload)
		return 0, reply, nil
	case http2.FrameHeaders:
		if !flags.Has(http2.FlagHeadersEndStream) {
			return 0, nil, nil
		}
		p := c.got[number]
		delete(c.got, number)
		if p == nil || p.got != p.want {
			err = errNoMessage
		}
		return (number + 1) / 2, nil, err
	case http2.FrameSettings:
		if !flags.Has(http2.FlagSettingsAck) {
			reply = appendFrame(nil, http2.FrameSettings, http2.FlagSettingsAck, 0, 0)
		}
	case http2.FramePing:
		if !flags.Has(http2.FlagPingAck) {
			reply = append(appendFrame(nil, http2.FramePing, http2.FlagPingAck, 0, len(payload)), payload...)
		}
	case http2.FrameRSTStream:
		// NO_ERROR follows trailers that overtook the end of the request in the server (RFC 9113, section 8.1).
		if len(payload) == 4 && binary.BigEndian.Uint32(payload) == uint32(http2.ErrCodeNo) {
			return 0, nil, nil
		}
		return (number + 1) / 2, nil, errReset
	case http2.FrameGoAway:
		return 0, nil, errGoAway
	}
	return 0, reply, nil
}

// check looks at the status that a response begins with.
func (c *codec) check(response []byte) error {
	if c.rows > 0 {
		if len(response) < 2 || response[0] != 1<<3|byte(protowire.BytesType) {
			return fmt.Errorf("a batch that begins with % x", response[:min(len(response), 8)])
		}
		row, n := protowire.ConsumeVarint(response[1:])
		if n < 0 || row == 0 {
			return protowire.ParseError(n)
		}
		response = response[1+n:]
	}
	if c.Status != 0 && !bytes.HasPrefix(response, []byte{1 << 3, byte(c.Status)}) {
		return fmt.Errorf("a response that begins with % x", response[:min(len(response), 8)])
	}
	return nil
}
