package topreport

import (
	"encoding/json"
	"time"
)

// Op says what a row does to the thing that its key names.
type Op string

// The operations. Item "operation" of table T9 has the same as the codes 1, 2 and 3.
const (
	Add    Op = "add"
	Delete Op = "delete"
	Change Op = "change"
)

// Code is the operation as table T9 has it: 1 add, 2 delete, 3 change; 0 for none of these.
func (o Op) Code() int {
	switch o {
	case Add:
		return 1
	case Delete:
		return 2
	case Change:
		return 3
	}
	return 0
}

// OpOf is the inverse of Code; "" for none.
func OpOf(code int) Op {
	switch code {
	case 1:
		return Add
	case 2:
		return Delete
	case 3:
		return Change
	}
	return ""
}

// Row is a row of a table as it travels.
type Row struct {
	Table string          `json:"table"`
	Seq   uint64          `json:"seq"`
	Key   string          `json:"key"`
	Op    Op              `json:"op"`
	Time  time.Time       `json:"time"` // of the change, or of the end of the day or month that the row tells of
	Data  json.RawMessage `json:"data"` // an object with the fields of the table
}

// MaxKey bounds the key of a row, in octets.
const MaxKey = 4096
