package recordcsv

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// Reader reads records from CSV in UTF-8 without a byte order mark. It belongs to one goroutine.
type Reader struct {
	csv   *csv.Reader
	place [Width]int // of Columns; -1: there is none
	width int

	cells []string // the line that was read last, if held
	line  int
	held  bool
}

// NewReader reads the header. A column that is unknown, twice there or missing is an error.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{csv: csv.NewReader(in)}
	r.csv.ReuseRecord = true
	head, err := r.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	for i := range r.place {
		r.place[i] = -1
	}
	for i, name := range head {
		k := slices.Index(Columns, strings.TrimSpace(name))
		if k < 0 || r.place[k] >= 0 {
			return nil, fmt.Errorf("column %q is unknown, or there twice", name)
		}
		r.place[k] = i
	}
	for k, name := range Columns[:TTL] {
		if r.place[k] < 0 {
			return nil, fmt.Errorf("column %q is missing", name)
		}
	}
	r.width = len(head)
	return r, nil
}

func (r *Reader) hold() error {
	if r.held {
		return nil
	}
	cells, err := r.csv.Read()
	if err != nil {
		return err
	}
	r.line, _ = r.csv.FieldPos(0)
	r.cells, r.held = cells, true
	return nil
}

func (r *Reader) cell(k int) string {
	if i := r.place[k]; i >= 0 {
		return r.cells[i]
	}
	return ""
}

// Read returns the next record, io.EOF at the end. After another error the file cannot be read further.
func (r *Reader) Read() (*identifier.Record, error) {
	if err := r.hold(); err != nil {
		return nil, err
	}
	id := strings.Clone(r.cell(ID))
	rec := &identifier.Record{ID: unescape(id), Template: strings.Clone(unescape(r.cell(Template)))}
	if name := strings.TrimSpace(r.cell(Scheme)); name != "" {
		var err error
		if rec.Scheme, err = identifier.ParseScheme(name); err != nil {
			return nil, fmt.Errorf("line %d: unknown scheme %q", r.line, name)
		}
	}
	for {
		v, err := r.value()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line, err)
		}
		rec.Values = append(rec.Values, v)
		r.held = false
		if err := r.hold(); errors.Is(err, io.EOF) {
			return rec, nil
		} else if err != nil {
			return nil, err
		}
		if r.cell(ID) != id {
			return rec, nil
		}
	}
}

// value reads the value of the line that is held.
func (r *Reader) value() (identifier.Value, error) {
	v := identifier.Value{Type: strings.Clone(unescape(r.cell(Type))), Perms: identifier.DefaultPerms}
	index, err := strconv.ParseUint(strings.TrimSpace(r.cell(Index)), 10, 32)
	if err != nil {
		return v, fmt.Errorf("index %q is no number", r.cell(Index))
	}
	v.Index = uint32(index)
	if v.Data, err = parseData(r.cell(Data)); err != nil {
		return v, err
	}
	if v.TTLType, v.TTL, err = ParseTTL(r.cell(TTL)); err != nil {
		return v, fmt.Errorf("ttl %q: %w", r.cell(TTL), err)
	}
	if text := strings.TrimSpace(r.cell(Perms)); text != "" {
		if v.Perms, err = identifier.ParsePerms(text); err != nil {
			return v, fmt.Errorf("perms %q: %w", text, err)
		}
	}
	if v.Timestamp, err = ParseTimestamp(r.cell(Timestamp)); err != nil {
		return v, fmt.Errorf("timestamp %q: %w", r.cell(Timestamp), err)
	}
	if v.Refs, err = ParseRefs(r.cell(Refs)); err != nil {
		return v, fmt.Errorf("refs: %w", err)
	}
	return v, nil
}
