package identifier

import (
	"strconv"
	"strings"
)

// maxEPCBits is the size of the largest EPC memory bank (the length field of a Gen2 tag's protocol
// control word counts 31 words of 16 bits).
const maxEPCBits = 496

// epcPlus is a coding of release 2.0 of the Tag Data Standard and later (section 14.6, the schemes
// with a "+"): without partition, the key digit by digit, the serial in as few bits as it needs. The
// schemes with "++", of release 2.3, add the host name of a Digital Link, which names nothing.
type epcPlus struct {
	header byte
	scheme string
	digits int  // of the key; 0: digits as far as they go, then text
	dated  bool // a date precedes the key
	hosted bool // a host name follows
}

var epcPluses = [...]epcPlus{
	{header: 0xF0, scheme: "cpi"},
	{header: 0xF1, scheme: "grai", digits: 14},
	{header: 0xF2, scheme: "sgln", digits: 13},
	{header: 0xF3, scheme: "itip", digits: 18},
	{header: 0xF4, scheme: "gsrn", digits: 18},
	{header: 0xF5, scheme: "gsrnp", digits: 18},
	{header: 0xF6, scheme: "gdti", digits: 13},
	{header: 0xF7, scheme: "sgtin", digits: 14},
	{header: 0xF8, scheme: "sgcn", digits: 13},
	{header: 0xF9, scheme: "sscc", digits: 18},
	{header: 0xFA, scheme: "giai"},
	{header: 0xFB, scheme: "sgtin", digits: 14, dated: true},
	{header: 0xE7, scheme: "gsrn", digits: 18, hosted: true},
	{header: 0xE8, scheme: "gsrnp", digits: 18, hosted: true},
	{header: 0xE9, scheme: "sgln", digits: 13, hosted: true},
	{header: 0xEA, scheme: "gdti", digits: 13, hosted: true},
	{header: 0xEB, scheme: "grai", digits: 14, hosted: true},
	{header: 0xED, scheme: "itip", digits: 18, hosted: true},
	{header: 0xEE, scheme: "giai", hosted: true},
	{header: 0xEF, scheme: "sscc", digits: 18, hosted: true},
	{header: 0xFC, scheme: "sgtin", digits: 14, dated: true, hosted: true},
	{header: 0xFD, scheme: "sgtin", digits: 14, hosted: true},
}

// unreadEPC names the schemes of headers that stand for no key.
func unreadEPC(header byte) string {
	switch header {
	case 0x2F:
		return "usdod"
	case 0x35:
		return "gid"
	case 0x3B:
		return "adi"
	}
	return ""
}

// looksLikeEPCHex reports whether text may be the EPC memory of a tag in hexadecimal digits: it
// begins with a known header and is as long as that allows. It allocates nothing.
func looksLikeEPCHex(text string) bool {
	text = trimHexPrefix(text)
	if len(text) < 16 || len(text) > maxEPCBits/4 || !isHexDigit(text[0]) || !isHexDigit(text[1]) {
		return false
	}
	least, most := lengthsOfHeader(hexDigit(text[0])<<4 | hexDigit(text[1]))
	return least <= len(text) && len(text) <= most && isHex(text)
}

// lengthsOfHeader is how many hexadecimal digits an EPC of that header may have; 0 if it is unknown.
func lengthsOfHeader(header byte) (least, most int) {
	for i := range epcLayouts {
		switch l := &epcLayouts[i]; {
		case l.header != header:
		case l.bits == 0:
			return 22, 56
		default:
			return lengthsOfEPC(l.bits)
		}
	}
	for i := range epcPluses {
		if epcPluses[i].header == header {
			return 16, maxEPCBits / 4
		}
	}
	switch unreadEPC(header) {
	case "":
		return 0, 0
	case "adi":
		return 20, 112
	}
	return 24, 24
}

// lengthsOfEPC is how many hexadecimal digits so many bits may come in: just enough, or up to the
// next word of 16 bits.
func lengthsOfEPC(bits int) (least, most int) { return (bits + 3) / 4, (bits + 15) / 16 * 4 }

func trimHexPrefix(text string) string {
	if len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x' {
		return text[2:]
	}
	return text
}

// parseEPCHex reads the EPC memory of a tag in hexadecimal digits, as readers show it. The elements
// it returns are in order, their values checked as far as the bits go.
func parseEPCHex(text string) (pairs []gs1Pair, form, reason string) {
	text = trimHexPrefix(text)
	if !looksLikeEPCHex(text) {
		return nil, formEPCBinary, "no EPC in hexadecimal digits"
	}
	var octets [maxEPCBits / 8]byte
	for i := range len(text) {
		octets[i/2] |= hexDigit(text[i]) << (4 - i%2*4)
	}
	r := &bitReader{octets: octets[:], end: 4 * len(text)}
	header := byte(r.take(8))
	for i := range epcLayouts {
		if l := &epcLayouts[i]; l.header == header {
			pairs, reason = l.read(r)
			return pairs, formEPCBinary, reason
		}
	}
	for i := range epcPluses {
		if p := &epcPluses[i]; p.header == header {
			pairs, reason = p.read(r)
			return pairs, formEPCBinary, reason
		}
	}
	return nil, formEPCBinary, unknownEPC(unreadEPC(header))
}

const (
	shortEPC   = "an EPC binary that is too short"
	paddedEPC  = "an EPC binary with bits behind its end"
	tooLargeIn = "a number beyond the digits that its partition leaves, in an EPC of scheme "
)

// read takes the fields behind the header.
func (l *epcLayout) read(r *bitReader) ([]gs1Pair, string) {
	s := epcSchemeNamed(l.scheme)
	r.take(3) // filter
	partition := int(r.take(3))
	if partition >= len(epcCompanyBits) {
		return nil, "the reserved partition value 7 in an EPC of scheme " + l.scheme
	}
	var e epcParts
	var ok bool
	size, digits := epcCompanyBits[partition], 12-partition
	if e.company, ok = r.decimal(size, digits); !ok {
		return nil, tooLargeIn + l.scheme
	}
	switch size = l.reference - size; {
	case s.digits > 0:
		e.reference, ok = r.decimal(size, s.digits-digits)
	case !l.text:
		e.reference = strconv.FormatUint(r.take(size), 10)
	case l.reference == 0:
		e.reference = r.sixBitText(maxEPCText - digits)
	default:
		e.reference, ok = r.paddedText(size)
	}
	if !ok {
		return nil, tooLargeIn + l.scheme
	}
	if s.pieces {
		var piece, total bool
		e.piece, piece = r.decimal(7, 2)
		if e.total, total = r.decimal(7, 2); !piece || !total {
			return nil, "piece or total beyond 99 in an EPC of scheme " + l.scheme
		}
	}
	switch {
	case l.serial == 0:
	case l.text && s.set == 'X':
		e.serial, ok = r.paddedText(l.serial)
	default:
		e.serial = strconv.FormatUint(r.take(l.serial), 10)
		if s.set == 'N' {
			// Leading zeros count: a 1 stands before them.
			e.serial, ok = strings.CutPrefix(e.serial, "1")
		}
	}
	least, most := lengthsOfEPC(max(l.bits, r.at))
	switch length := r.end / 4; {
	case r.short || length < least:
		return nil, shortEPC
	case !ok:
		return nil, "a serial that is not written as scheme " + l.scheme + " has it"
	case length > most || !r.onlyZeros():
		return nil, paddedEPC
	}
	return s.pairs(e)
}

// paddedText reads ASCII in seven bits a character. A zero ends it and only zeros follow; false if
// others do.
func (r *bitReader) paddedText(size int) (string, bool) {
	end := r.at + size
	var b strings.Builder
	for end-r.at >= 7 && !r.short {
		c := byte(r.take(7))
		if c == 0 {
			break
		}
		b.WriteByte(c)
	}
	for r.at < end && !r.short {
		if r.take(1) != 0 {
			return "", false
		}
	}
	return b.String(), true
}

// sixBitText reads the lower six bits of ASCII characters, at most so many; zeros end it (Tag Data
// Standard, appendix G).
func (r *bitReader) sixBitText(most int) string {
	var b strings.Builder
	for b.Len() <= most && !r.short {
		c := byte(r.take(6))
		if c == 0 {
			break
		}
		if c < 0x20 {
			c += 0x40
		}
		b.WriteByte(c)
	}
	return b.String()
}

// read takes the fields behind the header. Where the data toggle is set, other data of the item
// follow in the same memory and are left out.
func (p *epcPlus) read(r *bitReader) ([]gs1Pair, string) {
	s := epcSchemeNamed(p.scheme)
	more := r.take(1) == 1 || p.hosted
	r.take(3) // filter
	if p.dated {
		kind, year, month, day := r.take(4), r.take(7), r.take(4), r.take(5)
		if kind > 6 || year > 99 || month < 1 || month > 12 || day > 31 {
			return nil, "no date before the key of an EPC binary"
		}
	}
	key, reason := r.bcd(p.digits)
	if reason != "" {
		return nil, reason
	}
	pairs := []gs1Pair{{s.ai, key}}
	if s.serial > 0 {
		var serial string
		if s.set == 'X' {
			serial, reason = r.codedText()
		} else {
			n := int(r.take(4))
			var ok bool
			if serial, ok = r.decimal(bitsOfDigits(n), n); !ok {
				reason = "a serial with more digits than it says"
			}
		}
		if reason == "" && !r.short {
			pairs, reason = s.withSerial(key, serial)
		}
	}
	_, most := lengthsOfEPC(r.at)
	switch {
	case reason != "":
		return nil, reason
	case r.short:
		return nil, shortEPC
	case !more && (r.end/4 > most || !r.onlyZeros()):
		return nil, paddedEPC
	}
	return pairs, ""
}

// bcd reads digits of four bits each: n of them, or where n is 0 as many as there are before a
// delimiter, and the text that follows it (Tag Data Standard, sections 14.5.4 and 14.5.5).
func (r *bitReader) bcd(n int) (string, string) {
	var b strings.Builder
	for i := 0; (n == 0 || i < n) && !r.short; i++ {
		switch v := r.take(4); {
		case v <= 9:
			b.WriteByte('0' + byte(v))
		case n == 0 && v == 0xF:
			return b.String(), ""
		case n == 0 && v == 0xE:
			text, reason := r.codedText()
			return b.String() + text, reason
		default:
			return "", "a digit beyond 9 in an EPC binary"
		}
	}
	if r.short {
		return "", shortEPC
	}
	return b.String(), ""
}

// codedText reads text that says how it is coded and how long it is (Tag Data Standard, section
// 14.5.6).
func (r *bitReader) codedText() (string, string) {
	coding, n := r.take(3), int(r.take(5))
	switch coding {
	case 0:
		text, ok := r.decimal(bitsOfDigits(n), n)
		if !ok {
			return "", "a serial with more digits than it says"
		}
		return text, ""
	case 1:
		return r.text(n, 4, alphabetUpper), ""
	case 2:
		return r.text(n, 4, alphabetLower), ""
	case 3:
		return r.text(n, 6, alphabet64), ""
	case 4:
		return r.text(n, 7, ""), ""
	case 5:
		return r.code40(n)
	}
	return "", "text of an unknown coding in an EPC binary"
}

// code40 reads text of capitals, digits, "-", "." and ":", three characters in sixteen bits (Tag
// Data Standard, section 14.5.6.5).
func (r *bitReader) code40(n int) (string, string) {
	const alphabet = " ABCDEFGHIJKLMNOPQRSTUVWXYZ-.:0123456789"
	var b strings.Builder
	for b.Len() < n && !r.short {
		v := int(r.take(16)) - 1
		if v < 0 || v >= 40*40*40 {
			return "", "text beyond its alphabet in an EPC binary"
		}
		b.WriteByte(alphabet[v/1600])
		b.WriteByte(alphabet[v/40%40])
		b.WriteByte(alphabet[v%40])
	}
	if text := b.String(); len(text) >= n && strings.Trim(text[n:], " ") == "" && strings.IndexByte(text[:n], ' ') < 0 {
		return text[:n], ""
	}
	return "", "text of another length than it says in an EPC binary"
}
