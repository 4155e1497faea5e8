package registry

import (
	"fmt"
	"reflect"
	"strings"
)

// walkForm calls f for every text in the form that p points to, at its JSON Pointer, with the member
// it stands in; texts that are empty too. What f is given can be set.
func walkForm(p any, at string, f func(at string, member reflect.StructField, text reflect.Value)) {
	walkValue(reflect.ValueOf(p).Elem(), reflect.StructField{}, at, f)
}

func walkValue(v reflect.Value, member reflect.StructField, at string, f func(string, reflect.StructField, reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walkValue(v.Elem(), member, at, f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			m := v.Type().Field(i)
			if m.Anonymous {
				walkValue(v.Field(i), m, at, f)
			} else {
				walkValue(v.Field(i), m, at+"/"+memberName(m), f)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkValue(v.Index(i), member, fmt.Sprintf("%s/%d", at, i), f)
		}
	case reflect.String:
		f(at, member, v)
	}
}

// memberName is the name of a member in JSON.
func memberName(m reflect.StructField) string {
	name, _, _ := strings.Cut(m.Tag.Get("json"), ",")
	return name
}

// formFiles are the files that the form names, each with the place where it stands.
func formFiles(p any, at string) (ids []string, places []string) {
	walkForm(p, at, func(at string, m reflect.StructField, text reflect.Value) {
		if text.Type() == reflect.TypeFor[FileID]() && text.String() != "" {
			ids, places = append(ids, text.String()), append(places, at)
		}
	})
	return ids, places
}
