package registry

import "github.com/idnode/idnode/proto/identifier"

// Patch is a change to a record, value by value.
type Patch struct {
	Values   []PatchValue
	Template *string // nil: as it is
	Fields   []byte  // a JSON object of fields of the record's template: null removes one; nil: none
	Whole    bool    // values that the patch does not name go, if they are of enabled fields of the record's template, before or after
}

// PatchValue changes, adds or removes the value with its index. What Fields does not name stays as
// it is, or takes its default in a new value, which needs at least a type and data.
type PatchValue struct {
	identifier.Value
	Delete bool // remove the value; Fields must be empty
	Fields Fields
}

// Fields is a set of the members of a value.
type Fields uint8

const (
	FieldType Fields = 1 << iota
	FieldData
	FieldTTL // TTL and TTLType
	FieldPerms
	FieldRefs
	FieldTimestamp
)
