package epp

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var between = regexp.MustCompile(`>\s+<`)

// equal compares messages: no list is an empty list.
func equal(x, y any) string {
	return cmp.Diff(x, y, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
}

func enterprise() Enterprise {
	return Enterprise{
		Type: "2", CreditCode: "91110108589104047H", Image: Image{"png", []byte("\x89PNG\r\n\x1a\n")},
		NameCn: "北京轴承&齿轮有限公司", Province: "110000", City: "110100", County: "110108", AddressCn: "海淀区某路 1 号",
		NameEn: "Beijing Bearings & Gears", Website: "https://bearings.example/?a=1&b=2", Descr: "轴承。\n齿轮。",
		Contact:     Contact{"张三", "zhang@bearings.example", "+86 10 5555 0101"},
		LegalPerson: LegalPerson{"李四", IDResident, "11010819800101001X", Image{"jpeg", []byte{0xff, 0xd8, 0xff, 0xe0}}},
	}
}

func golden() map[string]Message {
	ent := enterprise()
	objects := []string{NamespaceEnt, NamespacePrefix}
	ok := []Result{{Code: CodeOK}}
	date := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	command := func(n int, v Verb) *Command { return &Command{Verb: v, ClTRID: fmt.Sprintf("idn-%d", n)} }
	response := func(n int, r Response) *Response {
		r.ClTRID, r.SvTRID = fmt.Sprintf("idn-%d", n), fmt.Sprintf("top-%d", n)
		return &r
	}
	return map[string]Message{
		"hello": &Hello{},
		"greeting": &Greeting{
			Server: "bms.top.example", Date: date.Add(500 * time.Millisecond), Versions: []string{"1.0"}, Languages: []string{"en", "zh-CN"},
			Objects: objects, Extensions: []string{"urn:example:ext-1.0"},
			Policy: Policy{Access: "all", Statements: []Statement{{[]string{"admin", "prov"}, []string{"ours", "public"}, "stated"}}},
		},
		"login": command(1, &Login{Client: "SHR-88.1021", Password: `a<b>c&d"e`, NewPassword: "second-one", Version: "1.0", Language: "en",
			Objects: objects}),
		"logout":              command(2, &Logout{}),
		"poll-req":            command(3, &PollRequest{}),
		"poll-ack":            command(4, &PollAck{Message: "7001"}),
		"check-ent":           command(5, &CheckEnt{User: "shr-88-1021", CertType: CertCredit, CertCode: "91110108589104047H"}),
		"check-ent-response":  response(5, Response{Results: ok, Data: &EntChecked{"00000017"}}),
		"create-ent":          command(6, &CreateEnt{SHRPrefix: "88.1021", Ent: ent}),
		"create-ent-response": response(6, Response{Results: []Result{{Code: CodePending}}, Data: &EntCreated{"00000017"}}),
		"update-ent-all":      command(7, &UpdateEnt{SHRPrefix: "88.1021", EntID: "00000017", All: &ent}),
		"update-ent-some": command(8, &UpdateEnt{User: "shr-88-1021", EntID: "00000017", Some: &Changes{AddressCn: "昌平区某路 2 号",
			Contact: &Contact{"王五", "wang@bearings.example", "18800000000"}}}),
		"check-prefix":           command(9, &CheckPrefix{SHRPrefix: "88.1021", Prefix: "88.1021.7"}),
		"check-prefix-response":  response(9, Response{Results: ok, Data: &PrefixChecked{Prefix: "88.1021.7", Reason: "In use"}}),
		"create-prefix":          command(10, &CreatePrefix{SHRPrefix: "88.1021", EntID: "00000017", Prefix: "88.1021.7"}),
		"create-prefix-response": response(10, Response{Results: []Result{{Code: CodePending}}, Queue: &Queue{Count: 2, ID: "7001"}}),
		"update-prefix-all": command(11, &UpdatePrefix{SHRPrefix: "88.1021", EntID: "00000017", Prefix: "88.1021.7",
			All: &Route{netip.MustParseAddr("2001:db8::7"), 2641, 2641, 8000}}),
		"update-prefix-some": command(12, &UpdatePrefix{User: "shr-88-1021", EntID: "00000017", Prefix: "88.1021.7",
			Some: &Route{IP: netip.MustParseAddr("192.0.2.7")}}),
		"poll-prefix-audit": response(13, Response{Results: []Result{{Code: CodeMessage}},
			Queue: &Queue{5, "7001", date.Add(393 * time.Millisecond), "audit of 88.1021.7"},
			Data:  &PrefixAudit{"idn-10", "top-10", "00000017", "88.1021.7", StateNormal, AuditPassed, ""}}),
		"poll-ent-audit": response(14, Response{Results: []Result{{Code: CodeMessage}},
			Queue: &Queue{1, "7002", date.Add(time.Second), ""},
			Data:  &EntAudit{"idn-6", "top-6", "00000017", StateNormal, AuditFailed, "证照不清晰"}}),
		"poll-empty": &Response{Results: []Result{{Code: CodeNoMessages}}, SvTRID: "top-15"},
		"failure": response(16, Response{Results: []Result{
			{Code: CodeRange, Language: "en", Details: []Detail{
				{NamespaceEnt, "entCrtType", "2", ""},
				{Reason: "expected is 1 or 3"},
				{"urn:example:other", "thing", "", "a <thing>"},
			}},
			{Code: CodePolicy, Text: "too much"},
		}}),
		"foreign": &Response{Results: []Result{{Code: CodeMessage}}, Queue: &Queue{Count: 1, ID: "7003"},
			Data: &Foreign{"urn:example:notice-1.0", "notice"}, SvTRID: "top-17"},
	}
}

// TestGolden holds both directions to files that were written by hand after the schema of RFC 5730 and the draft.
func TestGolden(t *testing.T) {
	all := golden()
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) != len(all) {
		t.Fatalf("%d files and %d messages, %v", len(files), len(all), err)
	}
	for name, want := range all {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile("testdata/" + name + ".xml")
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(src)
			if err != nil {
				t.Fatal(err)
			}
			if d := equal(want, got); d != "" {
				t.Errorf("parsed is another message (-want +got):\n%s", d)
			}
			wire, err := Append([]byte("before"), want)
			if err != nil {
				t.Fatal(err)
			}
			compact := "before" + strings.TrimSpace(strings.ReplaceAll(between.ReplaceAllString(string(src), "><"), "\n", ""))
			if string(wire) != compact {
				t.Errorf("written:\n%s\nwant:\n%s", wire, compact)
			}
		})
	}
}

// message puts a body into <epp>.
func message(body string) []byte {
	return []byte(`<epp xmlns="urn:ietf:params:xml:ns:epp-1.0">` + body + `</epp>`)
}

// TestOtherForms are messages that other peers write, and what they mean.
func TestOtherForms(t *testing.T) {
	f := func(body string, want Message) {
		t.Helper()
		got, err := Parse(message(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if d := equal(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", body, d)
		}
	}
	check := &CheckPrefix{SHRPrefix: "88.1", Prefix: "88.1.2"}
	f("<hello></hello>", &Hello{})
	f("\n<!-- < > \" -->\n<hello/>", &Hello{})
	f(`<command><check><prefix:check xmlns:prefix="urn:ietf:params:xml:ns:prefix-1.0"><prefix:shrPrefix>88.1</prefix:shrPrefix><prefix:prefix>88.1.2</prefix:prefix></prefix:check></check></command>`,
		&Command{Verb: check})
	f(`<command><check><check xmlns="urn:ietf:params:xml:ns:idis-entprefix-1.0"><prefix> 88.1.2
		</prefix><shrPrefix><![CDATA[88.1]]></shrPrefix></check></check><clTRID>abc</clTRID></command>`, &Command{check, "abc"})
	f(`<command><poll op="req"></poll><clTRID>  a  b
	c </clTRID></command>`, &Command{&PollRequest{}, "a b c"})
	f(`<command><poll msgID='1' op='ack'/></command>`, &Command{Verb: &PollAck{"1"}})
	f(`<response><result code="2400"><msg>Command failed</msg><value>odd</value></result><extension><x xmlns="y"/></extension><trID><svTRID>abc</svTRID></trID></response>`,
		&Response{Results: []Result{{Code: CodeFailed, Details: []Detail{{}}}}, SvTRID: "abc"})
	f(`<response><result code="1301"><msg/></result><msgQ count="1" id="1"><qDate>2018-10-19T15:09:37.3939+08:00</qDate><msg><b xmlns="x">1</b> text</msg></msgQ><trID><svTRID>abc</svTRID></trID></response>`,
		&Response{Results: []Result{{Code: CodeMessage}}, Queue: &Queue{1, "1", time.Date(2018, 10, 19, 7, 9, 37, 393e6, time.UTC), "text"}, SvTRID: "abc"})

	with, err := Parse([]byte("\ufeff" + `<?xml version="1.0" encoding="utf-8" standalone="no"?>
<epp:epp xmlns:epp="urn:ietf:params:xml:ns:epp-1.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="urn:ietf:params:xml:ns:epp-1.0 epp-1.0.xsd"><epp:hello/></epp:epp>
`))
	if d := equal(&Hello{}, with); err != nil || d != "" {
		t.Errorf("with a schema location: %v %s", err, d)
	}
}

// TestRefused are messages that are no good, and why.
func TestRefused(t *testing.T) {
	f := func(src string, code Code, element string) {
		t.Helper()
		m, err := Parse([]byte(src))
		e, ok := errors.AsType[*Error](err)
		if m != nil || !ok || e.Code != code || e.Element != element {
			t.Errorf("%.200s\n\t%v; want %d <%s>", src, err, code, element)
		}
	}
	in := func(body string) string { return string(message(body)) }
	f("", CodeSyntax, "")
	f("junk", CodeSyntax, "")
	f("<epp>", CodeSyntax, "")
	f(in("<hello>")[:50], CodeSyntax, "")
	f("<epp><hello/></epp>", CodeSyntax, "epp")
	f(`<epp xmlns="urn:ietf:params:xml:ns:epp-1.1"><hello/></epp>`, CodeSyntax, "epp")
	f(`<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"/>`, CodeSyntax, "")
	f(`<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><hello xmlns=""/></epp>`, CodeSyntax, "hello")
	f(in("<hello/><hello/>"), CodeSyntax, "hello")
	f(in("<hello/>")+in("<hello/>"), CodeSyntax, "")
	f(in("<hello/>")+"x", CodeSyntax, "")
	f(in("<hello/>")+"<?pi?>", CodeSyntax, "")
	f(in("<hello>x</hello>"), CodeSyntax, "hello")
	f(in("x<hello/>"), CodeSyntax, "epp")
	f(in(`<hello a="1"/>`), CodeSyntax, "hello")
	f(in(`<hello a="1" a="1"/>`), CodeSyntax, "")
	f(in("<a:b:c/>"), CodeSyntax, "")
	f(in("<extension/>"), CodeNoExtension, "extension")
	f(in("<nothing/>"), CodeSyntax, "nothing")
	f(in("<hello>&nbsp;</hello>"), CodeSyntax, "")
	f(in("<hello>\x01</hello>"), CodeSyntax, "")
	f(in("<hello>\xff</hello>"), CodeSyntax, "")
	f(`<?xml version="1.1"?>`+in("<hello/>"), CodeSyntax, "")
	f(`<?xml version="1.0" encoding="GB18030"?>`+in("<hello/>"), CodeSyntax, "")
	f(`<?xml-stylesheet href="x"?>`+in("<hello/>"), CodeSyntax, "")
	f(" "+`<?xml version="1.0"?>`+in("<hello/>"), CodeSyntax, "")
	f("<!DOCTYPE epp>"+in("<hello/>"), CodeSyntax, "")
	f(`<!DOCTYPE epp [<!ENTITY x SYSTEM "file:///etc/passwd">]>`+in("<hello>&x;</hello>"), CodeSyntax, "")
	f(billionLaughs, CodeSyntax, "")
	f(in(strings.Repeat("<a>", 100)), CodeSyntax, "")
	f(in(strings.Repeat("<a/>", 2000)), CodeSyntax, "")
	f(in("<hello "+strings.Repeat(`a="" `, 2000)+"/>"), CodeSyntax, "")
	f(in(`<hello a=">" `+strings.Repeat(`a="" `, 2000)+"/>"), CodeSyntax, "")
	f(in("<hello>"+strings.Repeat(" ", MaxMessage)+"</hello>"), CodeRange, "")

	command := func(body string) string { return in("<command>" + body + "<clTRID>abc-1</clTRID></command>") }
	f(in("<command/>"), CodeMissing, "command")
	f(command(""), CodeUnknownCommand, "clTRID")
	f(command("<frobnicate/>"), CodeUnknownCommand, "frobnicate")
	f(command(`<login xmlns="urn:x"/>`), CodeUnknownCommand, "login")
	for _, action := range []string{"delete", "info", "renew", "transfer"} {
		f(command("<"+action+"/>"), CodeNoCommand, action)
	}
	f(command("<check/>"), CodeMissing, "check")
	f(command(`<check><domain:check xmlns:domain="urn:ietf:params:xml:ns:domain-1.0"/></check>`), CodeNoObject, "check")
	f(command(`<check><ent:check/></check>`), CodeNoObject, "check") // a prefix without namespace
	f(command(`<check><create xmlns="urn:ietf:params:xml:ns:idis-ent-1.0"/></check>`), CodeSyntax, "create")
	f(command("<poll/>"), CodeMissing, "poll")
	f(command(`<poll op="get"/>`), CodeRange, "poll")
	f(command(`<poll op="ack"/>`), CodeMissing, "poll")
	f(command(`<poll op="req" x="1"/>`), CodeSyntax, "poll")
	f(command(`<logout>x</logout>`), CodeSyntax, "logout")
	f(command(`<logout/><extension/>`), CodeNoExtension, "extension")
	f(command(`<logout/><clTRID>abc</clTRID>`), CodeSyntax, "clTRID")
	f(in("<command><logout/><clTRID>ab</clTRID></command>"), CodeRange, "clTRID")
	f(in("<command><clTRID>abc</clTRID><logout/></command>"), CodeUnknownCommand, "clTRID")
	login := func(id, pw string) string {
		return command("<login><clID>" + id + "</clID><pw>" + pw + "</pw><options><version>1.0</version><lang>en</lang></options><svcs><objURI>x</objURI></svcs></login>")
	}
	f(login("ab", "password"), CodeRange, "clID")
	f(login(strings.Repeat("a", 17), "password"), CodeRange, "clID")
	f(login("client", "short"), CodeRange, "pw")
	f(strings.Replace(login("client", "password"), "<pw>password</pw>", "", 1), CodeMissing, "pw")
	f(strings.Replace(login("client", "password"), "<objURI>x</objURI>", "", 1), CodeMissing, "objURI")
	f(strings.Replace(login("client", "password"), "<objURI>x</objURI>", strings.Repeat("<objURI>x</objURI>", 65), 1), CodeRange, "objURI")
	f(command(`<login><pw>password</pw><clID>client</clID></login>`), CodeSyntax, "pw") // the order of RFC 5730 holds

	create, err := os.ReadFile("testdata/create-ent.xml")
	if err != nil {
		t.Fatal(err)
	}
	g := func(old, new string, code Code, element string) {
		t.Helper()
		if !bytes.Contains(create, []byte(old)) {
			t.Fatalf("%s is not in the file", old)
		}
		f(strings.Replace(string(create), old, new, 1), code, element)
	}
	g("<ent:shrPrefix>88.1021</ent:shrPrefix>", "", CodeMissing, "shrPrefix")
	g("<ent:shrPrefix>88.1021", "<ent:shrPrefix>88.1021/x", CodeValue, "shrPrefix")
	g("<ent:entType>2", "<ent:entType>", CodeMissing, "entType")
	g("91110108589104047H", "9111010858910404", CodeRange, "entCrCode")
	g("91110108589104047H", "91110108589104047h", CodeValue, "entCrCode")
	g("iVBORw0KGgo=", "iVBORw0KGgo", CodeValue, "entCrtImg")
	g("iVBORw0KGgo=", strings.Repeat("AAAA", MaxImage/3+1), CodeRange, "entCrtImg")
	g("iVBORw0KGgo=", "", CodeMissing, "entCrtImg")
	g("<ent:entCrtImgType>png</ent:entCrtImgType>", "", CodeMissing, "entCrtImgType")
	g(">png<", ">gif<", CodeRange, "entCrtImgType")
	g(">110000<", ">11000x<", CodeValue, "entProvinceCode")
	g(">110100<", "><x/><", CodeSyntax, "entCityCode")
	g("海淀区某路 1 号", strings.Repeat("海", 256), CodeRange, "entAddrCn")
	g("<ent:idType>1", "<ent:idType>7", CodeRange, "idType")
	g("<ent:idType>1", "<ent:idType>+1", CodeRange, "idType")
	g("<ent:contact>", "<ent:contact>x", CodeSyntax, "contact")
	g("<ent:entNameEn>", "<ent:entNameEn lang='en'>", CodeSyntax, "entNameEn")
	g("</ent:create>", "<ent:more/></ent:create>", CodeSyntax, "more")
	g("</ent:create>", "<ent:entType>1</ent:entType></ent:create>", CodeSyntax, "entType")
	g("</ent:create>", "<more/></ent:create>", CodeSyntax, "more")

	update := func(body string) string {
		return command(`<update><update xmlns="urn:ietf:params:xml:ns:idis-ent-1.0">` + body + `</update></update>`)
	}
	f(update("<entId>1</entId><chg><entDesc>x</entDesc></chg>"), CodeMissing, "shrUserId")
	f(update("<shrUserId>u</shrUserId><entId>1</entId>"), CodeMissing, "chgAll")
	f(update("<shrUserId>u</shrUserId><entId>1</entId><chg/><chgAll/>"), CodeSyntax, "chg")
	f(update("<shrUserId>u</shrUserId><entId>1</entId><chg/>"), CodeMissing, "chg")
	f(update("<shrUserId>u</shrUserId><entId>1</entId><chg><entType>1</entType></chg>"), CodeSyntax, "entType")
	route := func(body string) string {
		return command(`<update><update xmlns="urn:ietf:params:xml:ns:idis-entprefix-1.0"><shrUserId>u</shrUserId><entId>1</entId><prefix>88.1.2</prefix>` + body + `</update></update>`)
	}
	f(route("<chgAll/>"), CodeMissing, "ip")
	f(route("<chgAll><ipType>4</ipType><ip>192.0.2.1</ip></chgAll>"), CodeMissing, "ip")
	f(route("<chg><ipType>6</ipType><ip>192.0.2.1</ip></chg>"), CodeRange, "ipType")
	f(route("<chg><ip>192.0.2.1</ip></chg>"), CodeRange, "ipType")
	f(route("<chg><ipType>5</ipType></chg>"), CodeRange, "ipType")
	f(route("<chg><ipType>6</ipType><ip>fe80::1%eth0</ip></chg>"), CodeValue, "ip")
	f(route("<chg><tcp>65536</tcp></chg>"), CodeRange, "tcp")
	f(route("<chg><tcp>0</tcp></chg>"), CodeRange, "tcp")
	f(route("<chg/>"), CodeMissing, "chg")

	response := func(body string) string {
		return in("<response>" + body + "<trID><svTRID>abc</svTRID></trID></response>")
	}
	f(response(""), CodeMissing, "result")
	f(response(`<result code="9"><msg>x</msg></result>`), CodeValue, "result")
	f(response(`<result code="3000"><msg>x</msg></result>`), CodeValue, "result")
	f(response(`<result/>`), CodeMissing, "result")
	f(response(`<result code="1000"><msg/></result><msgQ id="1"/>`), CodeMissing, "msgQ")
	f(response(`<result code="1000"><msg/></result><msgQ count="1" id="1"><qDate>19 Oct</qDate></msgQ>`), CodeValue, "qDate")
	f(response(`<result code="1000"><msg/></result><resData/>`), CodeMissing, "resData")
	f(response(`<resData><x xmlns="y"/></resData><result code="1000"><msg/></result>`), CodeSyntax, "resData")
}

var billionLaughs = `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>` +
	string(message("<hello>&c;</hello>"))

// TestRefusedID: a refusal has the transaction id of the command whatever is wrong with it, and no password.
func TestRefusedID(t *testing.T) {
	_, err := Parse(message("<command><login><clID>client</clID><pw>short</pw></login><clTRID> abc-1 </clTRID></command>"))
	e, ok := errors.AsType[*Error](err)
	if !ok || e.ClTRID != "abc-1" || e.Value != "" || strings.Contains(e.Error(), "short") {
		t.Errorf("refused with %+v", e)
	}
}

// TestNotWritten are messages that Append refuses, as Parse would.
func TestNotWritten(t *testing.T) {
	f := func(m Message, code Code, element string) {
		t.Helper()
		got, err := Append([]byte("x"), m)
		e, ok := errors.AsType[*Error](err)
		if string(got) != "x" || !ok || e.Code != code || e.Element != element {
			t.Errorf("%+v: %v; want %d <%s>", m, err, code, element)
		}
	}
	f(&Command{}, CodeMissing, "")
	f(&Command{Verb: &CheckPrefix{}}, CodeMissing, "shrPrefix")
	f(&Command{Verb: &CheckPrefix{SHRPrefix: "88 1", Prefix: "x"}}, CodeValue, "shrPrefix")
	f(&Command{Verb: &Logout{}, ClTRID: "a\x00b"}, CodeValue, "clTRID")
	f(&Command{Verb: &Logout{}, ClTRID: "a\xffb"}, CodeValue, "clTRID")
	f(&Command{Verb: &PollAck{}}, CodeMissing, "poll")
	ent := enterprise()
	ent.Image.Data = make([]byte, MaxImage+1)
	f(&Command{Verb: &CreateEnt{SHRPrefix: "88.1", Ent: ent}}, CodeRange, "entCrtImg")
	ent = enterprise()
	ent.LegalPerson.IDType = 0
	f(&Command{Verb: &CreateEnt{SHRPrefix: "88.1", Ent: ent}}, CodeRange, "idType")
	f(&Command{Verb: &UpdateEnt{User: "u", EntID: "1"}}, CodeMissing, "chgAll")
	f(&Command{Verb: &UpdatePrefix{User: "u", EntID: "1", Prefix: "p", All: &Route{TCP: -1, IP: netip.IPv6Loopback()}}}, CodeRange, "tcp")
	f(&Response{}, CodeMissing, "result")
	f(&Response{Results: []Result{{Code: 7}}, SvTRID: "abc"}, CodeValue, "result")
	f(&Response{Results: []Result{{Code: CodeOK}}}, CodeMissing, "svTRID")
	f(&Response{Results: []Result{{Code: CodeOK}}, SvTRID: "abc", Data: &Foreign{Space: "x", Element: "<"}}, CodeValue, "resData")
	f(&Greeting{}, CodeMissing, "svID")
	f(&Greeting{Server: "abc", Versions: []string{"1.0"}, Languages: []string{"en"}, Objects: []string{"x"}}, CodeSyntax, "")
}

// TestNormal: white space around texts, and runs of it within short ones, are not kept.
func TestNormal(t *testing.T) {
	ent := enterprise()
	ent.NameCn, ent.Descr = " 轴承 \n 厂\t", "\n 一\n 二 \n"
	wire, err := Append(nil, &Command{Verb: &CreateEnt{SHRPrefix: "88.1 ", Ent: ent}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(wire)
	if err != nil {
		t.Fatal(err)
	}
	got := m.(*Command).Verb.(*CreateEnt)
	if got.SHRPrefix != "88.1" || got.Ent.NameCn != "轴承 厂" || got.Ent.Descr != "一\n 二" {
		t.Errorf("%q %q %q", got.SHRPrefix, got.Ent.NameCn, got.Ent.Descr)
	}
}

func TestLargest(t *testing.T) {
	ent := enterprise()
	ent.Image.Data, ent.LegalPerson.Image.Data = bytes.Repeat([]byte{1}, MaxImage), bytes.Repeat([]byte{2}, MaxImage)
	ent.Descr = strings.Repeat("述", 1024)
	want := &Command{Verb: &CreateEnt{SHRPrefix: "88.1", Ent: ent}}
	wire, err := Append(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(wire)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, got) {
		t.Error("the largest enterprise does not come back")
	}
}

func TestCodes(t *testing.T) {
	if len(texts) != 34 {
		t.Errorf("%d codes; RFC 5730 has 34", len(texts))
	}
	for c := Code(0); c < 4000; c++ {
		if c.Known() != (c.String() != fmt.Sprint(int(c))) || c.Known() && c.Success() != (c < 2000) {
			t.Errorf("code %d: %s", int(c), c)
		}
		if c.Known() && c.Closes() != strings.Contains(c.String(), "closing") && c != CodeEnding {
			t.Errorf("code %d closes: %v", int(c), c.Closes())
		}
	}
	if !CodeEnding.Closes() || Code(1234).String() != "1234" {
		t.Error("1500 ends the session, 1234 is no code")
	}
	r := &Response{Results: []Result{{Code: CodeExists, Details: []Detail{{NamespacePrefix, "prefix", "88.1.2", ""}, {Reason: "in use"}}}}}
	if e := AsError(r.Err()); e.Code != CodeExists || e.Element != "prefix" || e.Value != "88.1.2" || e.Reason != "in use" {
		t.Errorf("Err = %+v", e)
	}
	if e := AsError(fmt.Errorf("disk: %w", os.ErrClosed)); e.Code != CodeFailed || e.Reason != "" {
		t.Errorf("AsError = %+v", e)
	}
}
