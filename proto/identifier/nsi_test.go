package identifier

import (
	"errors"
	"strings"
	"testing"
)

const nsiSample = `[
	{"version": 1, "nsi": "0064", "name": "plates", "minLength": 4, "maxLength": 12, "characters": "digits", "resolver": "https://plates.example/q?e={code}"},
	{"version": 1, "nsi": "0036", "maxLength": 14, "characters": "digits", "check": "mod10"},
	{"version": 3, "nsi": "00001", "minLength": 2, "characters": "alphanumeric"},
	{"version": 2, "nsi": "0097", "characters": "digits", "check": "mod97-10"},
	{"version": 3, "nsi": "00018", "check": "mod11-2"},
	{"version": 4, "nsi": "00001", "name": "names", "maxLength": 3},
	{"version": 0, "nsi": "01", "maxLength": 24}
]`

func TestNSITable(t *testing.T) {
	table, err := ParseNSITable([]byte(nsiSample))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ text, reason, meant string }{
		{"ecode:100641234", "", ""},
		{"ecode:10064123", "has 3 characters, coding system 0064 (plates) takes 4 at least", ""},
		{"ecode:100641234567890123", "takes 12 at most", ""},
		{"ecode:1003606901234567892", "", ""},
		{"ecode:1003606901234567893", "wrong check characters at the end of the main code: 3, it should be 2", "1003606901234567892"},
		{"ecode:100361", "cannot have the check characters of coding system 0036", ""},
		{"ecode:300001A1", "", ""},
		{"ecode:300001A", "takes 2 at least", ""},
		{"ecode:2009712345676", "", ""},
		{"ecode:2009712345677", "77, it should be 76", "2009712345676"},
		{"ecode:30001811010519491231002X", "", ""},
		{"ecode:300018110105194912310021", "1, it should be X", "30001811010519491231002X"},
		{"ecode:400001产品甲", "", ""},
		{"ecode:400001产品甲乙", "takes 3 at most", ""},
		{"ecode:0x001ABC", "", ""},
		{"ecode:0x001" + strings.Repeat("A", 25), "takes 24 at most", ""},
		{"ecode:199991", "", ""},
		{"88.1021.150/x", "", ""},
	} {
		id, err := Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		err = table.Check(id)
		if test.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", test.text, err)
			}
			continue
		}
		slip, ok := errors.AsType[*SyntaxError](err)
		if !ok || !strings.Contains(slip.Reason, test.reason) || slip.Meant != test.meant || slip.Scheme != Ecode {
			t.Errorf("%s: %v, meant %q", test.text, err, slip.Meant)
		}
	}
	id, _ := Parse("ecode:100641234")
	if n := table.Lookup(id); n == nil || n.URL(id) != "https://plates.example/q?e=100641234" {
		t.Errorf("the coding system of %s is %+v", id, n)
	}
	var none *NSITable
	if none.Lookup(id) != nil || none.Check(id) != nil {
		t.Error("a nil table knows a coding system")
	}
}

func TestNSITableMistakes(t *testing.T) {
	for data, want := range map[string]string{
		`{}`:                                                                  "parse NSI table",
		`[{"version":1,"nsi":"64"}]`:                                          "nsi is not 4 digits",
		`[{"version":1,"nsi":"006A"}]`:                                        "nsi is not 4 digits",
		`[{"version":0,"nsi":"00"}]`:                                          "nsi is not 2 digits",
		`[{"version":5,"nsi":"0064"}]`:                                        "version is not 0 to 4",
		`[{"version":"1","nsi":"0064"}]`:                                      "entry 1",
		`[{"version":1,"nsi":"0064","x":1}]`:                                  `unknown field "x"`,
		`[{"version":1,"nsi":"0064"},{"version":1,"nsi":"0064"}]`:             "entry 2 (version 1, nsi \"0064\"): stands twice",
		`[{"version":1,"nsi":"0064","maxLength":21}]`:                         "maxLength is over 20",
		`[{"version":1,"nsi":"0064","minLength":5,"maxLength":4}]`:            "minLength is over maxLength",
		`[{"version":1,"nsi":"0064","characters":"hex"}]`:                     `characters "hex"`,
		`[{"version":1,"nsi":"0064","check":"luhn"}]`:                         `check "luhn"`,
		`[{"version":1,"nsi":"0064","resolver":"https://a.b/"}]`:              "resolver has no {code}",
		`[{"version":1,"nsi":"0064","resolver":"ftp://a.b/{code}"}]`:          "resolver is not a web address",
		`[{"version":9,"nsi":"0064"},{"version":1,"nsi":"1","check":"x"}]`:    "entry 2",
		`[{"version":9,"nsi":"0064"},{"version":1,"nsi":"1","minLength":-1}]`: "entry 1",
		`[{"version":1,"nsi":"1","minLength":-1}]`:                            "minLength is negative",
	} {
		if _, err := ParseNSITable([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", data, err, want)
		}
	}
}
