package handleload

import (
	"testing"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/proto/handle"
)

// TestCodec reads a query back, and takes it for an answer, of which it has the code "request".
func TestCodec(t *testing.T) {
	c := Options{Names: corpus.Serials("88.1021.150")}.Front("tcp", "").Codec().(*codec)
	message := c.Append([]byte("x"), 1<<20|7, func() uint64 { return 42 })[1:]
	if n, err := c.Frame(message[:handle.EnvelopeSize]); err != nil || n != len(message) {
		t.Errorf("a frame of %d octets, %v; want %d", n, err, len(message))
	}
	if n, err := c.Frame(message[:handle.EnvelopeSize-1]); err != nil || n != 0 {
		t.Errorf("part of an envelope frames %d octets, %v", n, err)
	}
	id, _, err := c.Answer(message)
	if id != 1<<20|7 || err == nil {
		t.Errorf("id %d, %v; want the wrong code told", id, err)
	}
	c.want = handle.RcodeRequest
	if id, _, err := c.Answer(message); id != 1<<20|7 || err != nil {
		t.Errorf("id %d, %v", id, err)
	}
	if _, _, err := c.Answer(message[:len(message)-1]); err == nil {
		t.Error("a message cut short is good")
	}
}
