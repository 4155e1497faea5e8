package grpcserver

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// codec is the codec of protobuf messages, which also passes on what is encoded already: requests into
// an octets, answers from a *reply or a mem.BufferSlice. All services of a server have
// the same codec, those with messages notice nothing.
type codec struct {
	encoding.CodecV2
}

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Marshal implements [encoding.CodecV2].
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	switch v := v.(type) {
	case *reply:
		return v.pieces[:], nil
	case mem.BufferSlice:
		return v, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal implements [encoding.CodecV2].
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if o, ok := v.(*octets); ok {
		o.hold(data)
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// reply is an encoded response in one piece, with all that gRPC wants of it in one allocation.
type reply struct {
	octets mem.SliceBuffer
	pieces [1]mem.Buffer
}

func newReply(octets []byte) *reply {
	r := &reply{octets: octets}
	r.pieces[0] = &r.octets
	return r
}

// octets is a request as it came, in the transport's memory. The zero octets is empty.
type octets struct {
	buf mem.Buffer // nil: none held
}

// hold makes o data, which is nobody else's to change until release.
func (o *octets) hold(data mem.BufferSlice) {
	o.release()
	o.buf = data.MaterializeToBuffer(mem.DefaultBufferPool())
}

// view is good until release.
func (o *octets) view() []byte {
	if o.buf == nil {
		return nil
	}
	return o.buf.ReadOnlyData()
}

func (o *octets) release() {
	if o.buf != nil {
		o.buf.Free()
		o.buf = nil
	}
}
