package registry

import (
	"reflect"
	"strconv"
)

// FormSchema is the JSON Schema (2020-12) of the form behind a table of the national data dictionary, with
// titles in Chinese and English. It is made of the tags by which the form is checked; what goes beyond a
// schema, such as check characters, only the node tells. Refusals: CodeNotFound.
func FormSchema(table string) (map[string]any, error) {
	var schema map[string]any
	switch table {
	case "T1", "T6":
		schema = objectSchema(reflect.TypeFor[EnterpriseForm](), table == "T1")
		schema["required"] = []string{"name"}
	case "T5", "T10":
		schema = objectSchema(reflect.TypeFor[AppForm](), true)
		schema["properties"].(map[string]any)["enterprise"] = titled(map[string]any{"type": "string"}, "企业", "Enterprise")
	default:
		return nil, refuse(CodeNotFound, "table", "no table %s: there are T1, T5, T6 and T10", table)
	}
	names := map[string]words{"T1": {"The node's operator", "二级节点主体信息"}, "T6": {"Enterprise", "企业节点主体信息"},
		"T5": {"Application of the node", "二级节点应用信息"}, "T10": {"Application of an enterprise", "企业节点应用信息"}}
	titled(schema, names[table].zh, names[table].en)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = "/v1/forms/" + table
	return schema, nil
}

// titled gives a schema its titles.
func titled(schema map[string]any, zh, en string) map[string]any {
	schema["title"] = zh + " / " + en
	schema["x-titles"] = map[string]string{"zh": zh, "en": en}
	return schema
}

func objectSchema(t reflect.Type, self bool) map[string]any {
	properties, required := make(map[string]any), []string{}
	members(t, func(m reflect.StructField) {
		if m.Tag.Get("only") == "self" && !self {
			return
		}
		properties[memberName(m)] = titled(memberSchema(m.Type, m.Tag, self), m.Tag.Get("zh"), m.Tag.Get("en"))
		if m.Tag.Get("need") != "" {
			required = append(required, memberName(m))
		}
	})
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// members calls f for the members of an object, those of embedded structs included.
func members(t reflect.Type, f func(reflect.StructField)) {
	for i := range t.NumField() {
		if m := t.Field(i); m.Anonymous {
			members(m.Type, f)
		} else {
			f(m)
		}
	}
}

// patterns are regular expressions of formats that JSON Schema has no name for.
var patterns = map[string]string{
	"creditcode": "^[0-9A-HJ-NP-RTUW-Y]{18}$",
	"industry":   "^[A-Ta-t]?([0-9]{2,4})?$",
	"region":     "^[0-9]{6}$",
	"phone":      `^\+?[0-9 ()-]{5,32}$`,
}

// formats are the names that JSON Schema has for formats.
var formats = map[string]string{"date": "date", "email": "email", "uri": "uri", "hostname": "idn-hostname"}

func memberSchema(t reflect.Type, tag reflect.StructTag, self bool) map[string]any {
	var schema map[string]any
	switch t.Kind() {
	case reflect.Pointer:
		return memberSchema(t.Elem(), tag, self)
	case reflect.Struct:
		schema = objectSchema(t, self)
	case reflect.Slice:
		schema = map[string]any{"type": "array", "maxItems": maxFormItems, "items": memberSchema(t.Elem(), tag, self)}
	case reflect.Uint16:
		schema = map[string]any{"type": "integer", "minimum": 1, "maximum": 65535}
	case reflect.Int64:
		schema = map[string]any{"type": "integer", "minimum": 0}
	default:
		schema = textSchema(t, tag)
	}
	if doc := tag.Get("doc"); doc != "" && t.Kind() != reflect.Slice {
		schema["description"] = doc
	}
	return schema
}

func textSchema(t reflect.Type, tag reflect.StructTag) map[string]any {
	schema := map[string]any{"type": "string"}
	if t == reflect.TypeFor[FileID]() {
		schema["description"] = "id of an uploaded file / 已上传文件的 id"
		return schema
	}
	if set := tag.Get("choice"); set != "" {
		all := []any{}
		for _, c := range choices[set] {
			all = append(all, titled(map[string]any{"const": c.name}, c.zh, c.en))
		}
		schema["oneOf"] = all
		return schema
	}
	most := 255
	if n, err := strconv.Atoi(tag.Get("max")); err == nil {
		most = n
	}
	schema["maxLength"] = most
	if p := patterns[tag.Get("format")]; p != "" {
		schema["pattern"] = p
	}
	if f := formats[tag.Get("format")]; f != "" {
		schema["format"] = f
	}
	return schema
}
