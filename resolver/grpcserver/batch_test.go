package grpcserver

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/idnode/idnode/proto/nodepb"
)

// FuzzBatchRequest: a request has the rows that it has as a message, and is none where that has an error.
func FuzzBatchRequest(f *testing.F) {
	row := func(id string) *nodepb.ResolveRequest { return &nodepb.ResolveRequest{Id: id} }
	good, err := proto.Marshal(&nodepb.BatchResolveRequest{Requests: []*nodepb.ResolveRequest{row("a"), {}, row("88.1/x")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(protowire.AppendVarint(protowire.AppendTag(good, 1, protowire.VarintType), 7)) // another field of the rows' number
	f.Add(protowire.AppendBytes(protowire.AppendTag(good, 99, protowire.BytesType), []byte("unknown")))
	f.Add(protowire.AppendTag(protowire.AppendTag(bytes.Clone(good), 3, protowire.StartGroupType), 3, protowire.EndGroupType))
	f.Add(protowire.AppendTag(bytes.Clone(good), 3, protowire.EndGroupType))
	f.Add(protowire.AppendTag(bytes.Clone(good), 1, protowire.StartGroupType))
	f.Add([]byte{0x0a, 3, 0x0a, 1, 0xff})           // no UTF-8
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 15}) // a length that lies
	f.Add(protowire.AppendVarint(nil, (uint64(protowire.MaxValidNumber)+1)<<3))
	f.Add([]byte{0})
	s := New(nil, Options{})
	f.Fuzz(func(t *testing.T, in []byte) {
		b := &batch{call: call{s: s}}
		b.in.hold(mem.BufferSlice{mem.SliceBuffer(in)})
		n, err := b.read()
		var got nodepb.BatchResolveRequest
		for _, row := range b.rows {
			req := new(nodepb.ResolveRequest)
			if err == nil {
				err = proto.Unmarshal(row, req)
			}
			got.Requests = append(got.Requests, req)
		}
		var want nodepb.BatchResolveRequest
		wantErr := proto.Unmarshal(in, &want)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, want %v", err, wantErr)
		}
		if err != nil || n > s.o.Batch {
			return
		}
		want.ProtoReflect().SetUnknown(nil)
		if n != len(want.Requests) || !proto.Equal(&got, &want) {
			t.Errorf("%d rows %v, want %v", n, &got, &want)
		}
	})
}

func TestWriter(t *testing.T) {
	rows := [][]byte{[]byte("a"), bytes.Repeat([]byte("b"), pieceSize-1), nil, bytes.Repeat([]byte("c"), 3*pieceSize), []byte("d")}
	var w writer
	want := bytes.Join(rows, nil)
	w.left = len(want)
	for _, row := range rows {
		w.write(row)
	}
	if got := w.pieces.Materialize(); !bytes.Equal(got, want) || len(w.pieces) != 5 || cap(w.pieces) != 5 {
		t.Errorf("%d octets in %d of %d pieces, want %d in 5", len(got), len(w.pieces), cap(w.pieces), len(want))
	}
	w.pieces.Free()
}
