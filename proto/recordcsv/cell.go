package recordcsv

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
)

var (
	errTTL       = errors.New("neither a number of seconds nor a time such as 2030-01-01T00:00:00Z")
	errTimestamp = errors.New("not a time such as 2026-01-02T03:04:05Z, from 1970 to 2106")
	errRefs      = errors.New(`not references such as [{"handle":"88.1/x","index":300}]`)
	errForm      = errors.New("data in a form that cannot be read")
)

// ParseTTL reads a cell of the column ttl.
func ParseTTL(cell string) (identifier.TTLType, int32, error) {
	cell = strings.TrimSpace(cell)
	if cell == "" {
		return identifier.Relative, identifier.DefaultTTL, nil
	}
	if n, err := strconv.ParseInt(cell, 10, 32); err == nil && n >= 0 {
		return identifier.Relative, int32(n), nil
	}
	t, err := time.Parse(time.RFC3339, cell)
	if err != nil || t.Unix() < 0 || t.Unix() > math.MaxInt32 {
		return 0, 0, errTTL
	}
	return identifier.Absolute, int32(t.Unix()), nil
}

// ParseTimestamp reads a cell of the column timestamp: seconds since 1970, 0 if it is empty.
func ParseTimestamp(cell string) (uint32, error) {
	cell = strings.TrimSpace(cell)
	if cell == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339, cell)
	if err != nil || t.Unix() < 0 || t.Unix() > math.MaxUint32 {
		return 0, errTimestamp
	}
	return uint32(t.Unix()), nil
}

// ParseRefs reads a cell of the column refs.
func ParseRefs(cell string) ([]identifier.Ref, error) {
	cell = strings.TrimSpace(cell)
	if cell == "" {
		return nil, nil
	}
	if cell[0] != '[' || !json.Valid([]byte(cell)) {
		return nil, errRefs
	}
	var v identifier.Value
	if err := json.Unmarshal([]byte(`{"index":1,"type":"T","data":"","refs":`+cell+`}`), &v); err != nil {
		return nil, errRefs
	}
	return v.Refs, nil
}

// parseData reads a cell of the column data.
func parseData(cell string) ([]byte, error) {
	if form, ok := dataForm(cell); ok {
		var v identifier.Value
		if err := json.Unmarshal([]byte(`{"index":1,"type":"T","data":`+form+`}`), &v); err != nil {
			return nil, errForm
		}
		return v.Data, nil
	}
	if cell = unescape(cell); cell == "" {
		return nil, nil
	}
	return []byte(cell), nil
}

// dataForm reports whether a cell is data in the form of JSON. Text that only begins like it is text.
func dataForm(cell string) (string, bool) {
	if !strings.HasPrefix(cell, formData) {
		return "", false
	}
	var form struct{ Format, Value *string }
	d := json.NewDecoder(strings.NewReader(cell))
	d.DisallowUnknownFields()
	if d.Decode(&form) != nil || d.More() || form.Format == nil || form.Value == nil {
		return "", false
	}
	return cell, slices.Contains([]string{"string", "base64", "hex"}, *form.Format)
}
