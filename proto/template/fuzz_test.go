package template

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzFromJSON: no object makes FromJSON panic, and ToJSON gives an object of the same values.
func FuzzFromJSON(f *testing.F) {
	for _, seed := range []string{
		`{"model":"6204-ZZ","weight":0.12,"made":"2026-01-02","sealed":true,"cage":"brass","drawing":"f1","partOf":"88.101.5/pump","shop":"https://x.example/"}`,
		`{"model":"\ud800\u0000<","weight":-0.0}`, `{"model":null,"model":1}`, `{}`, `[`, `{"a/b~":{"c":[1,2,{}]}}`, "{\"model\":\"\xff\"}", `{"weight":1e5} x`,
	} {
		f.Add([]byte(seed))
	}
	v, err := bearing().Compile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		values, wrong := v.FromJSON(object)
		v.Record(values, nil)
		if len(wrong) > 0 {
			return
		}
		text := v.ToJSON(values)
		again, wrong := v.FromJSON(text)
		if len(wrong) > 0 || !cmp.Equal(again, values) {
			t.Fatalf("%q became %s: %v, %s", object, text, wrong, cmp.Diff(values, again))
		}
		if twice := v.ToJSON(again); string(twice) != string(text) {
			t.Fatalf("%s became %s", text, twice)
		}
	})
}
