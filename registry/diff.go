package registry

import (
	"context"
	"slices"

	"github.com/idnode/idnode/proto/identifier"
)

// Diff is what differs between two versions of a record.
type Diff struct {
	From, To *identifier.Record // as they are shown to who asks
	Values   []ValueDiff        // in the order of indexes
}

// ValueDiff is what became of the value with an index.
type ValueDiff struct {
	Index   uint32
	Before  *identifier.Value // nil: it was added
	After   *identifier.Value // nil: it was removed
	Changed Fields            // of a value that is in both
}

// Diff compares two versions of a record; to 0 is the newest, from 0 the one before to. Who may not
// read the namespace's private values sees the differences between public ones. Refusals: as of Get.
func (r *Registrar) Diff(ctx context.Context, id identifier.ID, from, to uint64, a Actor) (*Diff, error) {
	after, err := r.Get(ctx, id, Get{Actor: a, Version: to})
	if err != nil {
		return nil, err
	}
	if from == 0 {
		if from = after.Version - 1; from == 0 {
			return nil, refuse(CodeNotFound, "from", "version 1 of %s has none before it", id)
		}
	}
	before, err := r.Get(ctx, id, Get{Actor: a, Version: from})
	if err != nil {
		return nil, err
	}
	return &Diff{From: before, To: after, Values: diffValues(before.Values, after.Values)}, nil
}

func diffValues(before, after []identifier.Value) []ValueDiff {
	byIndex := make(map[uint32]*ValueDiff)
	for i := range before {
		byIndex[before[i].Index] = &ValueDiff{Index: before[i].Index, Before: &before[i]}
	}
	for i := range after {
		d := byIndex[after[i].Index]
		if d == nil {
			d = &ValueDiff{Index: after[i].Index}
			byIndex[d.Index] = d
		}
		d.After = &after[i]
	}
	var out []ValueDiff
	for _, d := range byIndex {
		if d.Before != nil && d.After != nil {
			if d.Changed = changed(d.Before, d.After); d.Changed == 0 {
				continue
			}
		}
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b ValueDiff) int { return int(int64(a.Index) - int64(b.Index)) })
	return out
}

// changed is the members in which two values of one index differ, timestamps left out: they change
// with the others.
func changed(a, b *identifier.Value) Fields {
	var f Fields
	if a.Type != b.Type {
		f |= FieldType
	}
	if string(a.Data) != string(b.Data) {
		f |= FieldData
	}
	if a.TTL != b.TTL || a.TTLType != b.TTLType {
		f |= FieldTTL
	}
	if a.Perms != b.Perms {
		f |= FieldPerms
	}
	if !slices.Equal(a.Refs, b.Refs) {
		f |= FieldRefs
	}
	return f
}
