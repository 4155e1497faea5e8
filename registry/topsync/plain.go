package topsync

import (
	"slices"

	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
)

// numbered are the items of a table, without the fields that are ours.
func numbered(table string) []*topreport.Field {
	t := topreport.Find(table)
	var all []*topreport.Field
	for i := range t.Fields {
		if t.Fields[i].Number > 0 {
			all = append(all, &t.Fields[i])
		}
	}
	return all
}

// plain is a value of the registry's report as the dictionary has it: a choice is its code, and an object has the
// dictionary's members only. nil is nothing.
func plain(f *topreport.Field, value any) any {
	switch v := value.(type) {
	case map[string]any:
		if code, ok := v["code"].(string); ok && f.Kind != topreport.Object {
			return code
		}
		return plainObject(f, v)
	case []any:
		var out []any
		for _, e := range v {
			if o, ok := e.(map[string]any); ok && f.Of == topreport.Object {
				e = plainObject(f, o)
			} else if ok {
				e = o["code"]
			}
			out = append(out, e)
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case string:
		if v == "" {
			return nil
		}
	}
	return value
}

func plainObject(f *topreport.Field, members map[string]any) any {
	out := make(map[string]any)
	for name, v := range members {
		i := slices.IndexFunc(f.Fields, func(inner topreport.Field) bool { return inner.Name == name })
		if i < 0 || v == nil || v == "" {
			continue
		}
		if text, ok := v.(string); ok && f.Fields[i].Kind == topreport.Choice {
			if code := registry.CodeOf(sets[name], text); code != "" {
				v = code
			}
		}
		out[name] = v
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
