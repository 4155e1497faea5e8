package epp

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadFrame(t *testing.T) {
	tests := []struct {
		name, src, want string
		err             error
	}{
		{name: "nothing", err: io.EOF},
		{name: "half a length", src: "\x00\x00", err: io.ErrUnexpectedEOF},
		{name: "a length alone", src: "\x00\x00\x00\x08", err: io.ErrUnexpectedEOF},
		{name: "short", src: "\x00\x00\x00\x08abc", err: io.ErrUnexpectedEOF},
		{name: "whole", src: "\x00\x00\x00\x08abcd", want: "abcd"},
		{name: "with the next", src: "\x00\x00\x00\x06ab\x00\x00", want: "ab"},
		{name: "no message", src: "\x00\x00\x00\x04", err: ErrFrame},
		{name: "less than itself", src: "\x00\x00\x00\x03", err: ErrFrame},
		{name: "of length 0", src: "\x00\x00\x00\x00", err: ErrFrame},
		{name: "too long", src: "\x00\x00\x27\x15", err: ErrFrame},
		{name: "huge", src: "\xff\xff\xff\xff", err: ErrFrame},
		{name: "the longest", src: "\x00\x00\x27\x14" + strings.Repeat("a", 10000), want: strings.Repeat("a", 10000)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{"whole": strings.NewReader(test.src), "by octet": iotest.OneByteReader(strings.NewReader(test.src)),
				"with its end": iotest.DataErrReader(strings.NewReader(test.src))} {
				got, err := ReadFrame(r, 10000)
				if string(got) != test.want || !errors.Is(err, test.err) {
					t.Errorf("%s: ReadFrame = %.20q, %v; want %.20q, %v", name, got, err, test.want, test.err)
				}
				if test.err == nil && !strings.HasPrefix(test.src, string(AppendFrame(nil, got))) {
					t.Errorf("%s: AppendFrame makes another", name)
				}
			}
		})
	}
}

// room notes the largest buffer that was to be filled.
type room struct {
	io.Reader
	most int
}

func (r *room) Read(p []byte) (int, error) {
	r.most = max(r.most, len(p))
	return r.Reader.Read(p)
}

// TestReadFrameMemory: a length that is only claimed takes no memory.
func TestReadFrameMemory(t *testing.T) {
	r := &room{Reader: strings.NewReader("\x00\x40\x00\x00" + strings.Repeat("a", 10000))}
	if _, err := ReadFrame(r, MaxMessage); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if r.most > 16<<10 {
		t.Errorf("10000 octets of a claimed 4 MiB take a buffer of %d octets", r.most)
	}
}
