package registry

import (
	"bytes"
	"encoding/json"
)

// shownTo is e as a sees it: a copy with the region divided, and with the numbers of identity documents
// masked for all but operators, reviewers and the enterprise's own admin. Who decides on enterprises
// is told what real-name data is missing.
func (e *Enterprise) shownTo(a Actor) *Enterprise {
	v := *e
	v.Province, v.City, v.County = divideRegion(e.Region)
	v.Missing = nil
	decides := a.Has(RoleOperator, RoleReviewer)
	if decides {
		v.Missing = e.missing()
	}
	if decides || a.Has(RoleAdmin) && a.Enterprise == e.ID {
		return &v
	}
	if e.Contact != nil {
		c := *e.Contact
		c.IDNumber = mask(c.IDNumber)
		v.Contact = &c
	}
	if e.Legal != nil {
		l := *e.Legal
		l.IDNumber = mask(l.IDNumber)
		v.Legal = &l
	}
	if e.Change != nil {
		c := *e.Change
		c.Patch = maskJSON(c.Patch)
		v.Change = &c
	}
	return &v
}

// maskJSON is text with the members idNumber masked, at any depth.
func maskJSON(text json.RawMessage) json.RawMessage {
	if !bytes.Contains(text, []byte(`"idNumber"`)) {
		return text
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return json.RawMessage("null")
	}
	maskValues(v)
	masked, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return masked
}

func maskValues(v any) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			maskValues(inner)
		}
	case map[string]any:
		for name, inner := range v {
			if s, ok := inner.(string); ok && name == "idNumber" {
				v[name] = mask(s)
			} else {
				maskValues(inner)
			}
		}
	}
}
