package grpcapi

import (
	"fmt"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
)

// toPatch converts the changes of req. The error is a *nodepb.FieldError.
func toPatch(req *nodepb.MergeRequest) (registry.Patch, error) {
	p := registry.Patch{Template: req.Template}
	for i, c := range req.GetValues() {
		v, err := toPatchValue(c)
		if err != nil {
			return registry.Patch{}, nodepb.At(fmt.Sprintf("/values/%d", i), err)
		}
		p.Values = append(p.Values, v)
	}
	return p, nil
}

func toPatchValue(c *nodepb.ValueChange) (registry.PatchValue, error) {
	v := registry.PatchValue{Value: identifier.Value{Index: c.GetIndex()}, Delete: c.GetDelete()}
	var err error
	if c.Type != nil {
		v.Type = *c.Type
		v.Fields |= registry.FieldType
	}
	if c.Data != nil {
		v.Data = c.Data
		v.Fields |= registry.FieldData
	}
	if v.TTLType, err = nodepb.ToTTLType(c.TtlType); err != nil {
		return v, err
	}
	switch {
	case c.Ttl != nil:
		v.TTL = *c.Ttl
		v.Fields |= registry.FieldTTL
	case c.TtlType != nodepb.Value_TTL_TYPE_UNSPECIFIED:
		return v, &nodepb.FieldError{Field: "ttl_type", Reason: "without a ttl"}
	}
	if c.Permissions != nil {
		if v.Perms, err = nodepb.ToPerms(*c.Permissions); err != nil {
			return v, err
		}
		v.Fields |= registry.FieldPerms
	}
	if c.References != nil {
		v.Refs = nodepb.ToRefs(c.References.References)
		v.Fields |= registry.FieldRefs
	}
	if v.Delete && v.Fields != 0 {
		return v, &nodepb.FieldError{Field: "delete", Reason: "together with other fields"}
	}
	return v, nil
}
