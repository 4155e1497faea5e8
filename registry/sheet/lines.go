package sheet

import (
	"fmt"
	"io"
	"iter"

	"github.com/idnode/idnode/proto/template"
)

// Line is a row of a sheet that is read as texts.
type Line struct {
	Number   int // of the row
	Cells    []string
	Problems []template.Problem // of cells that cannot be told as text any more
}

// Lines reads the first sheet of a workbook of at most limit rows as texts. Rows without anything in them are left out. Errors as
// those of Read.
func Lines(r io.ReaderAt, size int64, limit int) (iter.Seq[Line], error) {
	b, err := openSheet(r, size)
	if err != nil {
		return nil, err
	}
	count := 0
	if err := b.rows(func(int, []cell) bool { count++; return count <= limit }); err != nil {
		return nil, refuse(err, problem("", "not a workbook of the form XLSX, or a damaged one; save the sheet again as XLSX"))
	}
	if count > limit {
		return nil, refuse(nil, problem("", "more than %d rows; split the sheet", limit))
	}
	return func(yield func(Line) bool) {
		s := filled{book: b}
		last := 0
		err := b.rows(func(line int, cells []cell) bool {
			last = line
			return yield(s.line(line, cells))
		})
		if err != nil { // it could be read before
			yield(Line{Number: last + 1, Problems: []template.Problem{problem("", "the file cannot be read further: %s", err.Error())}})
		}
	}, nil
}

func (s *filled) line(number int, cells []cell) Line {
	l := Line{Number: number, Cells: make([]string, cells[len(cells)-1].column)}
	for _, k := range cells {
		if k.column > len(l.Cells) {
			continue
		}
		if k.kind == textCell {
			l.Cells[k.column-1] = k.text
			continue
		}
		name := fmt.Sprintf("%s%d", lettersOf(k.column), number)
		text, wrong := s.text(k, "/cells/"+name, name)
		if len(wrong) > 0 {
			text = k.text // for who shows it
		}
		l.Cells[k.column-1], l.Problems = text, append(l.Problems, wrong...)
	}
	return l
}
