package topreport

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDictionary: what the docking agreement counts is there, every field has a name and two titles, and the fields
// of keys exist and are required.
func TestDictionary(t *testing.T) {
	items := map[string]int{"T1": 45, "T2": 5, "T3": 6, "T4": 5, "T5": 6, "T6": 42, "T7": 5, "T8": 6, "T9": 17, "T10": 6, "T11": 5, "M1": 12, "M2": 6, "R1": 9}
	rhythms := map[string]Rhythm{"T1": RealTime, "T2": RealTime, "T3": Daily, "T4": Daily, "T5": Monthly, "T6": Hourly, "T7": Hourly, "T8": Daily, "T9": Daily,
		"T10": Monthly, "T11": RealTime, "M1": Daily, "M2": RealTime, "R1": Monthly}
	if len(Names()) != len(items) {
		t.Errorf("there are %v", Names())
	}
	name := regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)
	var walk func(at string, fields []Field)
	walk = func(at string, fields []Field) {
		seen := make(map[string]bool)
		for _, f := range fields {
			if !name.MatchString(f.Name) || seen[f.Name] || f.Title.ZH == "" || f.Title.EN == "" {
				t.Errorf("%s: field %+v", at, f)
			}
			seen[f.Name] = true
			if f.Kind == Text && f.Max == 0 || f.Kind == List && (f.Max == 0 || f.Of == "") || f.Kind == Choice && len(f.Choices) == 0 || f.Kind == Object && len(f.Fields) == 0 {
				t.Errorf("%s/%s does not say what it holds", at, f.Name)
			}
			walk(at+"/"+f.Name, f.Fields)
		}
	}
	for i := range Tables() {
		table := &Tables()[i]
		walk(table.Name, table.Fields)
		if table.Rhythm != rhythms[table.Name] {
			t.Errorf("%s is %s", table.Name, table.Rhythm)
		}
		first, next := 0, 0
		for _, f := range table.Fields {
			if f.Number == 0 {
				continue
			}
			if first == 0 {
				first, next = f.Number, f.Number
			}
			if f.Number != next {
				t.Errorf("%s/%s has the number %d", table.Name, f.Name, f.Number)
			}
			next++
		}
		if next-first != items[table.Name] {
			t.Errorf("%s has %d items, want %d", table.Name, next-first, items[table.Name])
		}
		for _, k := range table.Key {
			if f := table.Field(k); f == nil || !f.Required {
				t.Errorf("%s: the field %s of its key is not required", table.Name, k)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	now := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	f := func(table string, op Op, data string, want ...string) {
		t.Helper()
		got := []string{}
		for _, fault := range Check(table, &Row{Table: table, Seq: 1, Key: "k", Op: op, Time: now, Data: json.RawMessage(data)}) {
			got = append(got, fault.String())
			if zh := fault.Detail("zh"); zh == fault.Detail("en") {
				t.Errorf("%q has no Chinese", zh)
			}
		}
		if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
			t.Errorf("%s %s:\n%s", table, data, diff)
		}
	}
	const t8 = `{"prefix":"88.1.2","day":"2026-11-22","new":0,"total":7,"requests":3,"successes":2,"sources":[{"ip":"192.0.2.1","count":3}],"sourcesExact":true,"part":1,"parts":1}`
	f("T8", Add, t8)
	f("T8", Add, strings.Replace(t8, "192.0.2.1", "192.0.2", 1), "/data/sources/0/ip: an IP address is expected")
	f("T8", Add, strings.Replace(t8, `"new":0,`, "", 1), "/data/new: required")
	f("T8", Add, strings.Replace(t8, `"new":0`, `"new":-1`, 1), "/data/new: a whole number from 0 is expected")
	f("T8", Add, strings.Replace(t8, `"new":0`, `"new":0,"x":1`, 1), "/data/x: the table has no such field")
	f("T9", Change, `{"identifier":"88.1.2/x","created":"2026-11-23","operation":"3","brand":"b"}`)
	f("T9", Add, `{"identifier":"88.1.2/x","created":"23.11.2026","operation":"3"}`, "/data/created: a day such as 2026-11-23 is expected", "/data/operation: the operation is not that of the row, add")
	f("T9", Delete, `{"identifier":"88.1.2/x"}`)
	f("T9", Delete, `{}`, "/data/identifier: required")
	f("T7", Add, `{"codeType":"vaa","prefix":"88.1.2","ipType":"5","ip":"::1","protocols":[{"protocol":"TCP"},{"protocol":"SCTP","port":1}]}`,
		"/data/ipType: one of 4, 6 is expected", "/data/protocols/0/port: required", "/data/protocols/1/protocol: one of TCP, UDP, HTTP is expected")
	f("T10", Add, `{"appId":"a","name":"`+strings.Repeat("长", 256)+`","type":"1","introduction":"i","users":1,"recursiveServer":{"ip":"192.0.2.1","port":3641},"developer":"d"}`,
		"/data/name: longer than 255 characters")
	f("T11", Delete, `{"metadataId":"m"}`)
	f("T1", Delete, `{"certificateNumber":"x","certificateScan":{"id":"f1","name":"a.pdf","mediaType":"application/pdf","data":"JVBERg=="},"legalIdScans":["f2",{"id":"f3","data":"?"}]}`,
		"/data/legalIdScans/1/data: base64 is expected")
	f("M2", Add, `[]`, "/data: an object is expected")
	f("M2", Add, `{`, "/data: not a JSON object in UTF-8")
	f("M2", Add, `{"prefix":"88.1","kind":"1","number":"n\u0000","at":"2026-11-23T07:00:00Z","category":"2"}`, "/data/number: not UTF-8, or with control characters")

	head := Check("T8", &Row{Table: "T9", Data: json.RawMessage(t8)})
	var fields []string
	for _, fault := range head {
		fields = append(fields, fault.Field)
	}
	if !slices.Equal(fields, []string{"/table", "/seq", "/key", "/op", "/time"}) {
		t.Errorf("faults of a head: %v", head)
	}
	if faults := Check("T12", &Row{}); len(faults) != 1 {
		t.Errorf("no such table: %v", faults)
	}
}

// FuzzCheck: whatever comes as data is judged without a panic, and what is long stays short in the sentences.
func FuzzCheck(f *testing.F) {
	f.Add("T8", `{"prefix":"88.1.2","sources":[{"ip":"192.0.2.1","count":3}]}`)
	f.Add("T1", `{"licences":[{}],"build":{"by":3},"ips":"x"}`)
	f.Fuzz(func(t *testing.T, table, data string) {
		for _, fault := range Check(table, &Row{Table: table, Seq: 1, Key: "k", Op: Add, Data: json.RawMessage(data)}) {
			if text := fmt.Sprint(fault); strings.Contains(text, "%!") {
				t.Errorf("a sentence without its words: %s", text)
			}
		}
	})
}
