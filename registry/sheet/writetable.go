package sheet

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// cellMost is the most characters of a cell (ECMA-376 has no bound; every spreadsheet program has this one).
const cellMost = excelize.TotalCellChars

// WriteTable writes a workbook with one sheet of texts: the names of the columns, then the rows that next gives until io.EOF.
// What does not go into a workbook is an *[Error], and nothing has been written then.
func WriteTable(w io.Writer, names []string, next func() ([]string, error)) error {
	f := excelize.NewFile()
	defer f.Close()
	text, err := f.NewStyle(&excelize.Style{NumFmt: textForm})
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	out, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	if err := out.SetColWidth(1, max(1, len(names)), 24); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	row := func(line int, texts []string) error {
		if line > lastRow {
			return refuse(nil, problem("", "more than %d rows; take them as CSV", lastRow-1))
		}
		cells := make([]any, len(texts))
		for i, t := range texts {
			if utf8.RuneCountInString(t) > cellMost {
				return refuse(nil, problem("", "a cell would be longer than %d characters; take the rows as CSV", cellMost))
			}
			cells[i] = excelize.Cell{StyleID: text, Value: t}
		}
		at, err := excelize.CoordinatesToCellName(1, line)
		if err != nil {
			return err
		}
		return out.SetRow(at, cells)
	}
	if err := row(1, names); err != nil {
		return err
	}
	for line := 2; ; line++ {
		texts, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := row(line, texts); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	if err := f.Write(w); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}
