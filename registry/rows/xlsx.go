package rows

import (
	"io"
	"iter"
	"os"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/sheet"
)

// sheetRows is the most rows that a sheet can have.
const sheetRows = 1 << 20

// XLSX reads the rows of the first sheet of a workbook. Row.End is the row's number.
type XLSX struct {
	o    Table
	next func() (sheet.Row, bool)
	stop func()
}

// NewXLSX looks through the workbook. What is wrong with it is a *registry.Error, and so is a workbook of more than
// sheet.MaxUnzipped octets unpacked.
func NewXLSX(f *os.File, o Table) (*XLSX, error) {
	if o.Template == "" {
		return nil, registry.Refuse(registry.CodeInvalidRequest, "template", "a sheet is of a template: name it and its prefix")
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	o.Limit = sheetRows
	all, err := sheet.Read(f, info.Size(), o.Content, o.Options)
	if err != nil {
		return nil, tableError(err)
	}
	x := &XLSX{o: o}
	x.next, x.stop = iter.Pull(all)
	return x, nil
}

// Next returns the next row, or io.EOF.
func (x *XLSX) Next() (registry.Row, error) {
	for {
		in, ok := x.next()
		if !ok {
			return registry.Row{}, io.EOF
		}
		if int64(in.Line) > x.o.After {
			return rowOf(in, &x.o, int64(in.Line)), nil
		}
	}
}

// Close ends the reading.
func (x *XLSX) Close() { x.stop() }
