package job

import (
	"bytes"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"

	"github.com/idnode/idnode/registry"
)

// window is how much of a text is looked at, from its first octet that is not ASCII, to tell its encoding.
const window = 64 << 10

// ToUTF8 returns r in UTF-8: text that is not UTF-8 is taken for GB18030 (of which GBK and GB2312 are parts), in which
// spreadsheet programs in China write CSV. ASCII is the same in both, so what counts is the text from the first other octet on:
// if 64 KiB of it are UTF-8, all of it is taken for that. Reading fails with a *registry.Error at the byte order mark of
// UTF-16, and at octets that GB18030 does not have.
func ToUTF8(r io.Reader) io.Reader { return &decoder{in: r} }

// decoder looks for the first octet that is not ASCII, and then decides.
type decoder struct {
	in      io.Reader
	pending []byte
	out     io.Reader // once it is decided
	err     error
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.out != nil {
		return d.out.Read(p)
	}
	if len(d.pending) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		buf := make([]byte, 32<<10)
		n, err := d.in.Read(buf)
		d.pending, d.err = buf[:n], err
	}
	if i := bytes.IndexFunc(d.pending, func(c rune) bool { return c >= utf8.RuneSelf }); i >= 0 {
		if i > 0 {
			n := copy(p, d.pending[:i])
			d.pending = d.pending[n:]
			return n, nil
		}
		d.decide()
		return d.out.Read(p)
	}
	n := copy(p, d.pending)
	d.pending = d.pending[n:]
	return n, nil
}

// decide chooses the encoding of what begins with pending.
func (d *decoder) decide() {
	head := d.pending
	for len(head) < window && d.err == nil {
		buf := make([]byte, window-len(head))
		n, err := d.in.Read(buf)
		head, d.err = append(head, buf[:n]...), err
	}
	rest := io.Reader(bytes.NewReader(head))
	if d.err == nil {
		rest = io.MultiReader(rest, d.in)
	} else if d.err != io.EOF {
		rest = io.MultiReader(rest, failing{d.err})
	}
	if validStart(head, d.err != nil) {
		d.out = rest
		return
	}
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		d.out = failing{registry.Refuse(registry.CodeInvalidRequest, "", "the text is in UTF-16; save it as UTF-8")}
		return
	}
	d.out = &strict{in: transform.NewReader(rest, simplifiedchinese.GB18030.NewDecoder())}
}

// strict fails where a decoder has put the replacement character.
type strict struct {
	in   io.Reader
	tail []byte // the last octets that were read: the character may be cut
}

var replacement = []byte("\ufffd")

func (s *strict) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	seen := append(s.tail, p[:n]...)
	if bytes.Contains(seen, replacement) {
		return 0, registry.Refuse(registry.CodeInvalidRequest, "", "the text is neither in UTF-8 nor in GB18030; save it as UTF-8")
	}
	s.tail = append([]byte(nil), seen[max(0, len(seen)-len(replacement)+1):]...)
	return n, err
}

// validStart reports whether text is UTF-8; unless it is whole its last character may be cut.
func validStart(text []byte, whole bool) bool {
	if !whole {
		for i := 1; i <= utf8.UTFMax && i <= len(text); i++ {
			if utf8.RuneStart(text[len(text)-i]) {
				if !utf8.FullRune(text[len(text)-i:]) {
					text = text[:len(text)-i]
				}
				break
			}
		}
	}
	return utf8.Valid(text)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
