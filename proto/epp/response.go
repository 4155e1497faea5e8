package epp

import (
	"encoding/xml"
	"reflect"
	"strconv"
	"time"
)

// Response is the answer to a command (RFC 5730, section 2.6).
type Response struct {
	Results []Result // one at least; one only if the command succeeded
	Queue   *Queue   // nil: no messages wait for the client
	Data    Data     // what the command asked for, or nil
	ClTRID  string   // the client's name for the command, if it had one
	SvTRID  string   // the server's
}

// Result says how a command ended.
type Result struct {
	Code     Code
	Text     string // for people; empty: the text of the code
	Language string // of the text; empty: English
	Details  []Detail
}

// Detail is an element of the command that is at fault, and why.
type Detail struct {
	Space   string // namespace of Element
	Element string // empty if it is not known
	Value   string // what stood there
	Reason  string // for people; may be empty
}

// Queue tells of the messages that wait for a client.
type Queue struct {
	Count int       // how many there are
	ID    string    // of the first, or of the one that was just acknowledged
	Date  time.Time // when the first was made; only in the answer to a PollRequest, and else zero
	Text  string    // of the first, for people; may be empty
}

// Data is the object-specific part of a response: an *[EntChecked], *[EntCreated], *[EntAudit], *[PrefixChecked],
// *[PrefixAudit], or *[Foreign].
type Data interface {
	name() xml.Name
	form(*form)
}

// data has one of each but Foreign.
var data = []Data{&EntChecked{}, &EntCreated{}, &EntAudit{}, &PrefixChecked{}, &PrefixAudit{}}

// Foreign is data of a mapping that is not known here. Its content is not kept: it lets a client acknowledge a message that
// it does not understand.
type Foreign struct{ Space, Element string }

func (d *Foreign) name() xml.Name { return xml.Name{Space: d.Space, Local: d.Element} }
func (d *Foreign) form(*form)     {}

// Code is the result code: the first, if there are several.
func (r *Response) Code() Code {
	if len(r.Results) == 0 {
		return CodeFailed
	}
	return r.Results[0].Code
}

// Err is nil if the command succeeded, or an *[Error] with what the first result says: its text if that is not just the one
// of the code, or the first reason.
func (r *Response) Err() error {
	if r.Code().Success() {
		return nil
	}
	e := &Error{Code: r.Code(), ClTRID: r.ClTRID}
	if len(r.Results) == 0 {
		return e
	}
	first := r.Results[0]
	e.Reason = first.Text
	for _, d := range first.Details {
		if e.Element == "" && d.Element != "" {
			e.Space, e.Element, e.Value = d.Space, d.Element, d.Value
		}
		if e.Reason == "" {
			e.Reason = d.Reason
		}
	}
	return e
}

func (*Response) body() string { return "response" }

func (r *Response) form(f *form) {
	r.results(f)
	if f.has("msgQ", r.Queue != nil) {
		if f.in != nil {
			r.Queue = &Queue{}
		}
		r.Queue.form(f)
	}
	if f.has("resData", r.Data != nil) {
		f.object("resData", r.data)
	}
	if f.in != nil {
		f.take("extension") // what extensions add is not for us
	}
	f.object("trID", func(f *form) {
		id := transactionID
		id.optional = true
		f.text("clTRID", &r.ClTRID, id)
		f.text("svTRID", &r.SvTRID, transactionID)
	})
}

func (r *Response) results(f *form) {
	if f.in == nil {
		if len(r.Results) == 0 {
			f.fail(CodeMissing, "result", "", "the element is missing")
		}
		for i := range r.Results {
			r.Results[i].form(f)
		}
		return
	}
	r.Results = nil
	for f.err == nil && (len(r.Results) == 0 || f.has("result", false)) {
		if len(r.Results) == maxList {
			f.fail(CodeRange, "result", "", "more than %d of these", maxList)
			return
		}
		var one Result
		one.form(f)
		r.Results = append(r.Results, one)
	}
}

func (r *Result) form(f *form) {
	code := strconv.Itoa(int(r.Code))
	text := r.Text
	if text == "" {
		text = r.Code.String()
	}
	f.object("result", func(f *form) {
		f.text("msg", &text, rule{max: 1024, optional: true, keep: true}, attr{"lang", &r.Language, rule{max: language.max, optional: true}})
		r.details(f)
	}, attr{"code", &code, rule{valid: func(s string) bool {
		n, ok := parseNumber(s)
		return ok && n >= 1000 && n < 3000
	}, says: "a result code"}})
	if f.err == nil && f.in != nil {
		n, _ := parseNumber(code)
		if r.Code, r.Text = Code(n), text; text == r.Code.String() {
			r.Text = ""
		}
	}
}

// details are <value> and <extValue> elements in any order. Both are read; written is <extValue> where there is a reason.
func (r *Result) details(f *form) {
	if f.in == nil {
		for i := range r.Details {
			d := &r.Details[i]
			if d.Reason == "" {
				d.value(f)
				continue
			}
			f.object("extValue", d.extended)
		}
		return
	}
	r.Details = nil
	for f.err == nil && (f.has("value", false) || f.has("extValue", false)) {
		if len(r.Details) == maxList {
			f.fail(CodeRange, "value", "", "more than %d of these", maxList)
			return
		}
		var d Detail
		f.ordered = false // the two kinds are mixed
		if f.has("value", false) {
			d.value(f)
		} else {
			f.object("extValue", d.extended)
		}
		r.Details = append(r.Details, d)
	}
}

func (d *Detail) extended(f *form) {
	d.value(f)
	f.text("reason", &d.Reason, rule{max: 1024, optional: true, keep: true}, attr{"lang", new(string), rule{max: language.max, optional: true}})
}

// value is an element that has the element at fault. Where that is not known RFC 5730 has examples with <undef>.
func (d *Detail) value(f *form) {
	f.object("value", func(f *form) {
		if f.in == nil {
			d.write(f)
			return
		}
		for i := range f.used {
			f.used[i] = true
		}
		f.in.text = "" // a failure must be told even if its details are odd
		if e := f.in.first(); e != nil && isName(e.name.Local) && e.name != (xml.Name{Space: NamespaceEPP, Local: "undef"}) {
			d.Space, d.Element = e.name.Space, e.name.Local
			d.Value = detail.normal(cut(detail.normal(e.text), tokenMax))
		}
	})
}

var detail = rule{optional: true, lines: true}

func (d *Detail) write(f *form) {
	ns, name, value := d.Space, d.Element, detail.normal(d.Value)
	if name == "" {
		ns, name, value = NamespaceEPP, "undef", ""
	}
	if name != "undef" || ns != NamespaceEPP {
		f.check("value", value, detail)
		f.check("value", ns, rule{optional: true, lines: true, max: maxTag})
		if !isName(name) {
			f.fail(CodeValue, "value", "", "no element has such a name")
		}
	}
	if f.err != nil {
		return
	}
	f.out.start(f.space, ns, name)
	f.out.escape(value)
	f.out.end(ns, name)
}

// cut is the first n characters of s.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// form is msgQ, whose parameters are partly attributes.
func (q *Queue) form(f *form) {
	count := strconv.Itoa(q.Count)
	f.object("msgQ", func(f *form) {
		if f.has("qDate", !q.Date.IsZero()) {
			f.date("qDate", &q.Date)
		}
		q.text(f)
	},
		attr{"count", &count, rule{valid: func(s string) bool { _, ok := parseNumber(s); return ok }, says: "a number"}},
		attr{"id", &q.ID, rule{max: 64}})
	if f.err == nil {
		q.Count, _ = parseNumber(count)
	}
}

// text may have elements within (mixedMsgType); their texts are not kept.
func (q *Queue) text(f *form) {
	if !f.has("msg", q.Text != "") {
		return
	}
	if f.in != nil {
		for _, c := range f.in.children {
			if c.name.Local == "msg" {
				c.children = nil
			}
		}
	}
	f.text("msg", &q.Text, rule{max: 1024, optional: true}, attr{"lang", new(string), rule{max: language.max, optional: true}})
}

// data is the one object in resData.
func (r *Response) data(f *form) {
	if f.in != nil {
		e := f.in.first()
		if e == nil {
			f.fail(CodeMissing, "resData", "", "the element is empty")
			return
		}
		r.Data = &Foreign{e.name.Space, e.name.Local}
		for _, d := range data {
			if d.name() == e.name {
				r.Data = reflect.New(reflect.TypeOf(d).Elem()).Interface().(Data)
			}
		}
	}
	if d, ok := r.Data.(*Foreign); ok && (!isName(d.Element) || d.Space == "") {
		f.fail(CodeValue, "resData", "", "no object has such a name")
		return
	}
	name := r.Data.name()
	if f.in != nil {
		if _, ok := r.Data.(*Foreign); ok {
			f.used[0] = true
			return
		}
	}
	f.objectIn(name.Space, name.Local, r.Data.form)
}

// isName reports whether s can stand as the name of an element. The letters that XML has beyond ASCII are left out.
func isName(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i, c := range s {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}
