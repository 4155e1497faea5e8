package dnsname

import (
	"github.com/idnode/idnode/proto/identifier"
)

// AppendHandle appends the Handle whose name below a zone labels are, the leftmost first and in
// lower case, to dst: one whose value takes one label, plain or encoded, as nearly all do. It reports
// false for all other names; [Parse] reads those, and these to the same identifier. It allocates
// nothing if dst has room.
func AppendHandle(dst []byte, labels []string) ([]byte, bool) {
	n := len(labels)
	if n < 3 || labels[n-1] != labelHandle {
		return dst, false
	}
	value, rest := labels[0], labels[1:n-1]
	encoded := rest[0] == Encoded
	if encoded {
		rest = rest[1:]
	} else if !isPlain(value) || isDigits(value) {
		return dst, false
	}
	if len(rest) == 0 || digitsRun(rest) != len(rest) {
		return dst, false
	}
	for i := len(rest) - 1; i >= 0; i-- {
		dst = append(dst, rest[i]...)
		dst = append(dst, '.')
	}
	dst[len(dst)-1] = '/'
	if !encoded {
		return append(dst, value...), true
	}
	return appendDecoded(dst, value)
}

// appendDecoded appends what chunk, one label of lower-case base32hex, stands for, if it is the
// canonical form of that.
func appendDecoded(dst []byte, chunk string) ([]byte, bool) {
	var in, again [MaxLabel]byte
	n := copy(in[:], chunk)
	begin := len(dst)
	dst, err := encoding.AppendDecode(dst, in[:n])
	if err != nil || len(dst) == begin {
		return dst, false
	}
	return dst, string(encoding.AppendEncode(again[:0], dst[begin:])) == chunk
}

// AppendOID appends the OID whose name below a suffix of the OID resolution system labels are to dst,
// in dotted form. It reports false for names that are none; see [AppendHandle].
func AppendOID(dst []byte, labels []string) ([]byte, bool) {
	n := len(labels)
	if n < 2 || digitsRun(labels) != n {
		return dst, false
	}
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, labels[i]...)
		dst = append(dst, '.')
	}
	return dst[:len(dst)-1], true
}

// ParseText is the identifier that text, appended by AppendHandle or AppendOID, is of, if [Parse]
// finds one as well.
func ParseText(scheme identifier.Scheme, text string) (identifier.ID, bool) {
	id, err := scheme.Parse(text)
	return id, err == nil && !id.IsPrefixRecord()
}
