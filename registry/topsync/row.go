package topsync

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
)

// errDamaged says that a row is not in the form in which it was written.
var errDamaged = errors.New("row of the sync is damaged")

// row is a row of the outbox as it is kept: with its data, or naming a version of a record, of which the data is
// made when it is sent. The former begins with the octet rowOfData and is JSON, the latter with rowOfRecord, the
// operation, the milliseconds since 1970, the version and the record's key.
type row struct {
	Key    string          `json:"key"`
	Op     topreport.Op    `json:"op"`
	Time   time.Time       `json:"time"`
	Data   json.RawMessage `json:"data,omitempty"`
	Source string          `json:"source,omitempty"` // the enterprise whose node has reported it

	record  identifier.Key // zero: Data counts
	version uint64
}

const (
	rowOfData   = 1
	rowOfRecord = 2
)

func (r *row) encode() ([]byte, error) {
	if r.record.Scheme != 0 {
		b := append(make([]byte, 0, len(r.record.Name)+24), rowOfRecord, byte(r.Op.Code()))
		b = binary.AppendUvarint(b, uint64(r.Time.UnixMilli()))
		b = binary.AppendUvarint(b, r.version)
		b = append(b, byte(r.record.Scheme))
		return append(b, r.record.Name...), nil
	}
	value, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode row %s: %w", r.Key, err)
	}
	return append([]byte{rowOfData}, value...), nil
}

func decodeRow(value []byte) (r row, err error) {
	if len(value) == 0 {
		return r, errDamaged
	}
	if value[0] == rowOfData {
		return r, json.Unmarshal(value[1:], &r)
	}
	if value[0] != rowOfRecord || len(value) < 2 {
		return r, errDamaged
	}
	r.Op = topreport.OpOf(int(value[1]))
	ms, n := binary.Uvarint(value[2:])
	if n <= 0 {
		return r, errDamaged
	}
	rest := value[2+n:]
	if r.version, n = binary.Uvarint(rest); n <= 0 || len(rest) < n+2 {
		return r, errDamaged
	}
	r.Time = time.UnixMilli(int64(ms)).UTC()
	r.record = identifier.Key{Scheme: identifier.Scheme(rest[n]), Name: string(rest[n+1:])}
	r.Key = identifierKey(r.record)
	return r, nil
}

// timeOf is the time of a row as it is kept.
func timeOf(value []byte) (time.Time, error) {
	r, err := decodeRow(value)
	return r.Time, err
}

// identifierKey is the key of rows about an identifier: a Handle as it is, others behind their scheme.
func identifierKey(k identifier.Key) string {
	if k.Scheme == identifier.Handle {
		return k.Name
	}
	return k.Scheme.String() + ":" + k.Name
}
