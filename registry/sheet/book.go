package sheet

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxUnzipped is the most octets that a workbook may hold when it is unpacked.
const MaxUnzipped = 64 << 20

// book is an opened workbook: just what is needed of one to read the cells of its first sheet as a
// stream, in bounded memory. A cell keeps what a library that makes texts of cells throws away, and this
// package needs: whether it was a number. (ECMA-376 part 1, section 18; part 2 for the package.)
type book struct {
	parts    map[string]*zip.File // by name in lower case
	sheet    *zip.File            // the first worksheet
	from1904 bool                 // days count from 1904, not 1900
	shared   texts
}

// texts are many texts in one piece of memory: a short entry of a file costs no more than itself.
type texts struct {
	all  []byte
	ends []uint32
}

func (t *texts) at(i int) (string, bool) {
	if i < 0 || i >= len(t.ends) {
		return "", false
	}
	start := uint32(0)
	if i > 0 {
		start = t.ends[i-1]
	}
	return string(t.all[start:t.ends[i]]), true
}

var (
	errTooLarge = errors.New("the unpacked file is too large")
	errTooWide  = errors.New("more than 16384 columns")
)

// openBook opens a workbook.
func openBook(r io.ReaderAt, size int64) (*book, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	b := &book{parts: make(map[string]*zip.File, len(z.File))}
	total := uint64(0)
	for _, f := range z.File {
		// A part that is longer than it says is an error of package zip when it is read.
		if total += f.UncompressedSize64; f.UncompressedSize64 > MaxUnzipped || total > MaxUnzipped {
			return nil, errTooLarge
		}
		b.parts[strings.ToLower(strings.ReplaceAll(f.Name, `\`, "/"))] = f
	}
	id, err := b.firstSheet()
	if err != nil {
		return nil, err
	}
	var shared *zip.File
	err = b.elements("xl/_rels/workbook.xml.rels", func(e *xml.StartElement) {
		target, kind := attribute(e, "Target"), attribute(e, "Type")
		part := b.parts[strings.ToLower(resolve(target))]
		switch {
		case e.Name.Local != "Relationship" || part == nil:
		case attribute(e, "Id") == id:
			b.sheet = part
		case strings.HasSuffix(kind, "/sharedStrings"):
			shared = part
		}
	})
	switch {
	case err != nil:
		return nil, err
	case b.sheet == nil:
		return nil, errors.New("no first sheet")
	case shared == nil:
		return b, nil
	}
	return b, b.readShared(shared)
}

// resolve is the name of a part that xl/workbook.xml refers to.
func resolve(target string) string {
	if rooted, ok := strings.CutPrefix(target, "/"); ok {
		return path.Clean(rooted)
	}
	return path.Join("xl", target)
}

// firstSheet returns the relationship of the first sheet of the workbook.
func (b *book) firstSheet() (id string, err error) {
	err = b.elements("xl/workbook.xml", func(e *xml.StartElement) {
		switch {
		case e.Name.Local == "workbookPr":
			b.from1904 = isTrue(attribute(e, "date1904"))
		case e.Name.Local == "sheet" && id == "":
			id = attribute(e, "id")
		}
	})
	return id, err
}

// elements calls f for each element of a part.
func (b *book) elements(name string, f func(e *xml.StartElement)) error {
	part := b.parts[name]
	if part == nil {
		return fmt.Errorf("no %s", name)
	}
	return tokens(part, func(t xml.Token) error {
		if e, ok := t.(xml.StartElement); ok {
			f(&e)
		}
		return nil
	})
}

// readShared reads the table of texts to which cells refer.
func (b *book) readShared(part *zip.File) error {
	b.shared = texts{}
	text := textReader{}
	return tokens(part, func(t xml.Token) error {
		switch e := t.(type) {
		case xml.StartElement:
			text.start(e.Name.Local)
		case xml.CharData:
			if text.taking() {
				b.shared.all = append(b.shared.all, e...)
			}
		case xml.EndElement:
			text.end(e.Name.Local)
			if e.Name.Local == "si" {
				b.shared.ends = append(b.shared.ends, uint32(len(b.shared.all)))
			}
		}
		return nil
	})
}

// textReader finds the text of a cell or shared string: what stands in elements t, but for those of the
// reading of characters (rPh, phonetic).
type textReader struct {
	inText, phonetic bool
}

func (r *textReader) start(name string) { r.set(name, true) }
func (r *textReader) end(name string)   { r.set(name, false) }
func (r *textReader) taking() bool      { return r.inText && !r.phonetic }

func (r *textReader) set(name string, in bool) {
	switch name {
	case "t":
		r.inText = in
	case "rPh":
		r.phonetic = in
	}
}

// tokens calls f for each token of a part, which is read to its end.
func tokens(part *zip.File, f func(t xml.Token) error) error {
	r, err := part.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	d := xml.NewDecoder(r)
	for {
		t, err := d.RawToken()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = f(t)
		}
		if err != nil {
			return err
		}
	}
}

func attribute(e *xml.StartElement, local string) string {
	for _, a := range e.Attr {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

func isTrue(text string) bool { return text == "1" || text == "true" }

// cell is one cell with something in it.
type cell struct {
	column int // from 1
	kind   byte
	text   string // as it stands in the file
}

// Kinds of cells.
const (
	textCell    = 's'
	numberCell  = 'n'
	booleanCell = 'b' // text is "1" or "0"
	errorCell   = 'e' // text is "#REF!" or the like
	dateCell    = 'd' // text is a date of ISO 8601
)

// errStop ends rows early.
var errStop = errors.New("stop")

// rows calls f for each row that has a cell with something in it, until f returns false. The cells are
// valid during the call only.
func (b *book) rows(f func(line int, cells []cell) bool) error {
	var (
		line, column int
		cells        []cell
		kind         string
		value        []byte
		inCell, inV  bool
		text         textReader
	)
	open := 0
	err := tokens(b.sheet, func(t xml.Token) error {
		switch e := t.(type) {
		case xml.StartElement:
			open++
			text.start(e.Name.Local)
			switch e.Name.Local {
			case "row":
				cells, column, line = cells[:0], 0, line+1
				if n, ok := number(attribute(&e, "r")); ok {
					line = n
				}
			case "c":
				column++
				if n, ok := columnOf(attribute(&e, "r")); ok {
					column = n
				}
				if column > maxColumns || len(cells) == maxColumns {
					return errTooWide
				}
				inCell, kind, value = true, attribute(&e, "t"), value[:0]
			case "v":
				inV = true
			}
		case xml.CharData:
			if inCell && (inV || text.taking()) {
				value = append(value, e...)
			}
		case xml.EndElement:
			open--
			text.end(e.Name.Local)
			switch e.Name.Local {
			case "v":
				inV = false
			case "c":
				inCell = false
				if len(value) > 0 {
					cells = append(cells, b.cell(column, kind, string(value)))
				}
			case "row":
				if len(cells) > 0 && !f(line, cells) {
					return errStop
				}
			}
		}
		return nil
	})
	switch {
	case err == errStop:
		return nil
	case err == nil && open != 0:
		return io.ErrUnexpectedEOF
	}
	return err
}

// cell makes a cell of what the file says of it (ECMA-376 part 1, section 18.18.11, ST_CellType).
func (b *book) cell(column int, kind, value string) cell {
	switch kind {
	case "s":
		i, _ := number(value)
		text, ok := b.shared.at(i)
		if !ok {
			return cell{column, errorCell, "#REF!"}
		}
		return cell{column, textCell, unescape(text)}
	case "str", "inlineStr":
		return cell{column, textCell, unescape(value)}
	case "b":
		return cell{column, booleanCell, value}
	case "e":
		return cell{column, errorCell, value}
	case "d":
		return cell{column, dateCell, value}
	}
	return cell{column, numberCell, value}
}

// unescape reads _xHHHH_, which stands for a character that XML cannot hold (section 22.9.2.19, ST_Xstring).
func unescape(text string) string {
	if !strings.Contains(text, "_x") {
		return text
	}
	var out strings.Builder
	for {
		i := strings.Index(text, "_x")
		if i < 0 || i+7 > len(text) {
			break
		}
		if r, err := strconv.ParseUint(text[i+2:i+6], 16, 16); err == nil && text[i+6] == '_' && utf8.ValidRune(rune(r)) {
			out.WriteString(text[:i])
			out.WriteRune(rune(r))
			text = text[i+7:]
			continue
		}
		out.WriteString(text[:i+2])
		text = text[i+2:]
	}
	out.WriteString(text)
	return out.String()
}

// number reads a count, no greater than a file of MaxUnzipped octets can have.
func number(text string) (int, bool) {
	n := 0
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' || n > MaxUnzipped {
			return 0, false
		}
		n = 10*n + int(text[i]-'0')
	}
	return n, text != ""
}

// columnOf is the column of a cell's name: 28 of "AB7".
func columnOf(name string) (int, bool) {
	n := 0
	for i := range len(name) {
		if name[i] < 'A' || name[i] > 'Z' {
			return n, i > 0
		}
		if n = 26*n + int(name[i]-'A'+1); n > maxColumns {
			return 0, false
		}
	}
	return 0, false
}

// maxColumns is how many columns a sheet can have.
const maxColumns = 16384

// lettersOf is the inverse of columnOf: "AB" of 28.
func lettersOf(column int) string {
	s := ""
	for ; column > 0; column = (column - 1) / 26 {
		s = string(rune('A'+(column-1)%26)) + s
	}
	return s
}
