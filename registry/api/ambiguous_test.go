package api_test

import (
	"strings"
	"testing"
)

// TestAmbiguous: a code of two schemes in both of which the node has namespaces needs its scheme.
func TestAmbiguous(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		const code = "106952012345678908" // an Ecode of version 1, and an SSCC
		for _, prefix := range []string{`"scheme":"ecode","prefix":"10695"`, `"scheme":"gs1","prefix":"0695201"`} {
			s.call("op", "POST", "/v1/prefixes", `{`+prefix+`,"enterprise":"self"}`).want(201)
		}
		values := `"values":[{"index":1,"type":"URL","data":"x"}]`
		target := "/v1/identifiers?id=" + code
		a := s.call("op", "POST", "/v1/identifiers", `{"id":"`+code+`",`+values+`}`).wantProblem(400, "ambiguous_identifier")
		if d := a.field("detail"); !strings.Contains(d, "ecode:"+code) || !strings.Contains(d, "gs1:(00)"+code) || a.field("errors.0.location") != "/id" {
			t.Errorf("the candidates are not listed: %s", a.body)
		}
		for _, c := range []struct{ method, target, body string }{
			{"GET", target, ""}, {"DELETE", target, ""}, {"PATCH", target, `{"template":"x"}`}, {"PUT", target, `{` + values + `}`},
		} {
			s.call("op", c.method, c.target, c.body).wantProblem(400, "ambiguous_identifier")
		}
		if a := s.call("op", "PUT", target, `{"scheme":"gs1",`+values+`}`).want(201); a.field("id") != "(00)"+code {
			t.Errorf("put %s", a.body)
		}
		if a := s.call("op", "POST", "/v1/identifiers", `{"id":"`+code+`","scheme":"ecode",`+values+`}`).want(201); a.field("scheme") != "ecode" {
			t.Errorf("posted %s", a.body)
		}
		for _, scheme := range []string{"gs1", "ecode"} {
			if a := s.call("op", "GET", "/v1/identifiers?id="+scheme+":"+code, "").want(200); a.field("scheme") != scheme {
				t.Errorf("read %s", a.body)
			}
		}
		batch := `{"operations":[{"op":"merge","id":"` + code + `","template":"x"},{"op":"create","record":{"id":"` + code + `",` + values + `}}]}`
		a = s.call("op", "POST", "/v1/identifiers:batch", batch).want(200)
		for _, row := range []string{"0", "1"} {
			if a.field("results."+row+".code") != "ambiguous_identifier" {
				t.Errorf("batch: %s", a.body)
			}
		}
	})
}

// TestWrongCheckDigit: the refusal says which digit would be right; scans are not unwrapped.
func TestWrongCheckDigit(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		for _, method := range []string{"POST", "GET"} {
			var a *answer
			if method == "POST" {
				a = s.call("op", method, "/v1/identifiers", body("gs1:6901234567893", "x"))
			} else {
				a = s.call("op", method, "/v1/identifiers?id=6901234567893", "")
			}
			if a.wantProblem(400, "invalid_identifier"); !strings.Contains(a.field("detail"), "it should be 2") {
				t.Errorf("%s: %s", method, a.body)
			}
		}
		s.call("op", "POST", "/v1/identifiers", body("https://hdl.handle.net/88.100.1/x", "x")).wantProblem(400, "invalid_identifier")
	})
}
