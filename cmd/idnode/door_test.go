package main

import (
	"encoding/json"
	neturl "net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/nodepb"
)

// allSchemes are namespaces of the four schemes that a node serves.
const allSchemes = "IDNODE_NODE_PREFIXES=88.1021,oid:1.2.156.10001,gs1:690123,ecode:10064,ecode:300001,ecode:400001"

// namespaces allocates prefixes to an enterprise of their own.
func (d *daemon) namespaces(scheme string, prefixes ...string) {
	d.t.Helper()
	enterprise := d.must(201, d.key, "POST", "/v1/enterprises", map[string]any{"name": "海北精密轴承有限公司 " + scheme})["id"]
	for _, prefix := range prefixes {
		d.must(201, d.key, "POST", "/v1/prefixes", map[string]any{"scheme": scheme, "prefix": prefix, "enterprise": enterprise})
	}
}

// serveAll runs a node with a namespace or two in each scheme.
func serveAll(t *testing.T, env ...string) *daemon {
	t.Helper()
	d := startDaemon(t, t.TempDir(), append([]string{allSchemes}, env...)...)
	d.namespaces("handle", "88.1021.150")
	d.namespaces("oid", "1.2.156.10001.7")
	d.namespaces("gs1", "690123")
	d.namespaces("ecode", "10064", "300001", "400001")
	return d
}

// asked is what is compared of an answer of /resolve.
type asked struct {
	ID, Canonical, Scheme, Reason, Detail, Meant, Record string
	Reading                                              struct{ Form, Level, Carrier string }
	Fallback                                             *struct{ From, To, Level string }
	Values                                               []struct {
		Type string
		Data any
	}
	Candidates []struct{ Scheme, Error, Meant string }
}

// schemes lists how the text was or could be read, the likeliest first.
func (a *asked) schemes() []string {
	var all []string
	if a.Scheme != "" {
		all = append(all, a.Scheme)
	}
	for _, c := range a.Candidates {
		all = append(all, c.Scheme)
	}
	return all
}

func (d *daemon) ask(id, more string) (int, *asked) {
	d.t.Helper()
	code, out, err := d.call("", "GET", "/resolve?id="+neturl.QueryEscape(id)+more, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	a := new(asked)
	if err := json.Unmarshal(out, a); err != nil {
		d.t.Fatalf("%q: %v in %s", id, err, out)
	}
	return code, a
}

// specValid are the valid rows of spec/identifiers.md, section 3, by scheme.
var specValid = map[string][]string{
	"handle": {"88.100.1/abc", "88.1021.150/002", "88.101.0042/001", "86.709.612/cc", "88.608.8889/META_xz_20240516",
		"88.608.24071101/sjjtest1028-2", "88.118.8/JXDY2106023", "88.100.1/a/b/c", "88.100.1/批次-2024.001",
		"88.709.0000/6tcuB9XDqyPGyJK9Xm5h6wUTbtriaeDRjDAY4nbNN3Ta4TLoSzb34S2xUMBGwfEh", "0.NA/88.100.1", "88.111.1/0.0"},
	"did": {"did:cn:88.100.1", "did:vaa:gxAcE6upFw6DNbG3rfngM3VxCNB", "did:vaa:IDcontract1:86.100.1234/abcdfe.123",
		"did:bid:ef214PmkhKndUcArDQPgD5J4fFVwqJFPt"},
	"oid": {"1.2.156", "2.16.156", "1.2.156.20009.1.1", "1.2.156.10197.1.301", "0.0", "2.999.1",
		"2.25.329800735698586629295641978511506172918", "{iso(1) member-body(2) cn(156) 20009}",
		"{joint-iso-itu-t(2) country(16) cn(156) 1}", "/ISO/Member-Body/156", "/2/999", "urn:oid:1.2.156"},
	"ecode": {"1003600000000000000000001", "10064000123456789", "100010", "200361234567890123456789012345678", "2006411",
		"300001ABC123", "300001" + strings.Repeat("A1b", 13), "300512X0Y9Z8", "400001产品甲-01",
		"https://www.iotroot.com/E=10064000123456789"},
	"gs1": {"(01)06901234567892", "/01/06901234567892/21/A1", "(8003)06901234567892X", "(00)106952012345678908",
		"6901234567892", "06901234567892", "https://example.com/01/06901234567892/10/LOT1/21/SN0001?17=251231"},
	"ma": {"MA.156.M0.100204.13351764.Sx00008.M220117.L20220117.C3", "MA.156.1003.1629/73.10000000.6/",
		"MA.156.1003.1629/10.46100000.riseplatform"},
}

// TestSpecValid: every valid spelling of the specification is named by its scheme through each door,
// whether the node holds it or not; where more than one scheme fits all are named.
func TestSpecValid(t *testing.T) {
	d := serveAll(t)
	resolver := nodepb.NewResolverClient(d.dial())
	for scheme, rows := range specValid {
		for _, text := range rows {
			code, a := d.ask(text, "")
			if code == 400 || !slices.Contains(a.schemes(), scheme) {
				t.Errorf("/resolve %s: got %d, schemes %v, detail %q; want %s", text, code, a.schemes(), a.Detail, scheme)
			}
			resp, err := resolver.Resolve(t.Context(), &nodepb.ResolveRequest{Id: text})
			if err != nil {
				t.Errorf("gRPC %s: %v", text, err)
				continue
			}
			named := []string{resp.GetReading().GetScheme()}
			for _, c := range resp.GetCandidates() {
				named = append(named, c.GetScheme())
			}
			if !slices.Contains(named, scheme) {
				t.Errorf("gRPC %s: got schemes %v, want %s", text, named, scheme)
			}
			exit, out, errs := d.idctl("", "resolve", text)
			if exit == 0 || exit == 3 {
				if !strings.Contains(out+errs, scheme) {
					t.Errorf("idctl resolve %s: %q does not name %s", text, out+errs, scheme)
				}
			} else {
				t.Errorf("idctl resolve %s: exit code %d, %s", text, exit, errs)
			}
			// Asked for in its scheme, it is of that scheme alone.
			if code, a := d.ask(text, "&scheme="+scheme); code == 400 || a.Scheme != scheme {
				t.Errorf("/resolve %s as %s: got %d and %q %s", text, scheme, code, a.Scheme, a.Detail)
			}
		}
	}
	d.stop()
}

// TestSpecInvalid: every invalid row of the specification is refused in its scheme, with a reason,
// and is not registered either.
func TestSpecInvalid(t *testing.T) {
	d := serveAll(t)
	resolver := nodepb.NewResolverClient(d.dial())
	tests := map[string][]string{
		"handle": {"/abc", "88..1/abc", ".88.100/abc", "88.100./abc", "88.100.1／abc"},
		"oid": {"3.1.2", "1.40.1", "0.40", "1..2", "1.2.156.", ".1.2.156", "1.02.156", "1.2.-156", "1.2.156.ABC", "1,2,156",
			"1", "{iso(1) member-body(2 cn(156)}", "{foo(1) bar}", "/ISO//156", "１.２.156"},
		"ecode": {"1", "10036", "10036000000000000000000001", "10036ABC", "2003612345678901234567890123456789", "300001abc-123",
			"300001" + strings.Repeat("A", 40), "3001", "500010001", "A00010001", "1 0036 0001", "１0036123"},
		"gs1": {"(01)06901234567893", "/01/06901234567892/21/A1/10/B", "(8003)16901234567892", "(00)10695201234567890", "(10)L1"},
	}
	for scheme, rows := range tests {
		for _, text := range rows {
			code, a := d.ask(text, "&scheme="+scheme)
			if code != 400 || a.Detail == "" {
				t.Errorf("/resolve %s as %s: got %d, detail %q; want 400 and why", text, scheme, code, a.Detail)
			}
			_, err := resolver.Resolve(t.Context(), &nodepb.ResolveRequest{Id: text, Scheme: scheme})
			if status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() == "" {
				t.Errorf("gRPC %s as %s: got %v, want InvalidArgument and why", text, scheme, err)
			}
			if exit, _, errs := d.idctl("", "resolve", "--scheme", scheme, "--", text); exit == 0 || exit == 3 || errs == "" {
				t.Errorf("idctl resolve %s as %s: exit code %d, %q; want a refusal", text, scheme, exit, errs)
			}
		}
	}
	// Well formed for Handle's grammar, or for a scan, but never registered.
	for _, text := range []string{"88.1021.150", "88.1021.150/", "88.1021.150/ab\x00c", "88.1021.150/a\tb", " 88.1021.150/abc",
		"88.1.2/abc", "hdl:88.1021.150/abc", "https://x/88.1021.150/abc", "88.1021.150/" + strings.Repeat("x", 244),
		"https://www.iotroot.com/E=10064000123456789", "]d2010690123456789221A1"} {
		code, out, err := d.call(d.key, "POST", "/v1/identifiers", record(text, "u"))
		if err != nil || code < 400 || code >= 500 {
			t.Errorf("register %q: got %d %s %v, want a refusal", text, code, out, err)
		}
	}
	if code, out, err := d.call(d.key, "POST", "/v1/identifiers", []byte("{\"id\":\"88.1021.150/\xff\",\"values\":[]}")); err != nil || code != 400 {
		t.Errorf("register an octet FF: got %d %s %v, want 400", code, out, err)
	}
	d.stop()
}

// TestSpellings: whatever the scanner or the clerk gives, the one record is found.
func TestSpellings(t *testing.T) {
	d := serveAll(t)
	resolver := nodepb.NewResolverClient(d.dial())
	tests := map[string][]string{ // registered: asked for
		"(01)06901234567892": {"6901234567892", "06901234567892", "(01)06901234567892", "0106901234567892", "]E06901234567892",
			"]C10106901234567892", "]d20106901234567892", "]Q30106901234567892", "\x1d0106901234567892", " 6901234567892\r\n",
			"https://example.com/01/06901234567892", "https://id.gs1.org/01/6901234567892?17=251231", "(01)06901234567892(17)251231",
			"gs1:(01)06901234567892"},
		"(01)06901234567892(21)A1": {"010690123456789221A1", "]d2010690123456789221A1", "]C1010690123456789221A1",
			"(21)A1(01)06901234567892", "/01/06901234567892/21/A1", "https://shop.example.com/a/b/01/06901234567892/21/A1?linkType=gs1:pip",
			"urn:epc:id:sgtin:690123.0456789.A1"},
		"(01)06901234567892(10)LOT1(21)SN 1": nil, // a blank is not of set 82: refused below
		"(01)06901234567892(10)LOT1(21)SN1": {"010690123456789210LOT1\x1d21SN1", "]d2010690123456789210LOT1\x1d21SN1",
			"010690123456789210LOT1<GS>21SN1", "010690123456789210LOT1{FNC1}21SN1", "(21)SN1(10)LOT1(01)06901234567892",
			"https://example.com/01/06901234567892/10/LOT1/21/SN1"},
		"(01)06901234567892(21)7": {"303AA1F2C1BE154000000007", "urn:epc:id:sgtin:690123.0456789.7", "urn:epc:tag:sgtin-96:1.690123.0456789.7"},
		"(00)169012300000000017":  {"00169012300000000017", "]C100169012300000000017", "169012300000000017", "/00/169012300000000017"},
		"1.2.156.10001.7.1":       {"urn:oid:1.2.156.10001.7.1", "URN:OID:1.2.156.10001.7.1", "{iso(1) member-body(2) cn(156) 10001 7 1}", "/ISO/Member-Body/156/10001/7/1", "06072A811CCE110701"},
		"10064000123456789":       {"https://www.iotroot.com/E=10064000123456789", "E=10064000123456789", " 10064000123456789\n"},
		"300001ABC123":            {"ecode:300001ABC123", "https://www.iotroot.com/E=300001ABC123"},
		"400001产品甲-01":            {"ecode:400001产品甲-01"},
		"88.1021.150/批次 7":        {"88.1021.150/批次 7", "hdl:88.1021.150/批次 7", "https://hdl.handle.net/88.1021.150/%E6%89%B9%E6%AC%A1%207"},
		"88.1021.150/SN-001":      {"88.1021.150/sn-001", "hdl:88.1021.150/SN-001", "https://hdl.handle.net/88.1021.150/SN-001", "https://scan.example.com/88.1021.150/SN-001", "]Q188.1021.150/SN-001"},
	}
	for id, spellings := range tests {
		want := "https://example.com/?" + neturl.QueryEscape(id)
		if spellings == nil {
			d.must(400, d.key, "POST", "/v1/identifiers", record(id, want))
			continue
		}
		d.must(201, d.key, "POST", "/v1/identifiers", record(id, want))
		for _, text := range spellings {
			if code, a := d.ask(text, ""); code != 200 || len(a.Values) != 1 || a.Values[0].Data != want {
				t.Errorf("/resolve %q: got %d %+v, want the record of %s", text, code, a, id)
			}
			resp, err := resolver.Resolve(t.Context(), &nodepb.ResolveRequest{Id: text})
			if err != nil || len(resp.GetRecord().GetValues()) != 1 || string(resp.GetRecord().GetValues()[0].GetData()) != want {
				t.Errorf("gRPC %q: got %v %v, want the record of %s", text, resp, err, id)
			}
			if exit, out, errs := d.idctl("", "resolve", "--", text); exit != 0 || !strings.Contains(out, want) {
				t.Errorf("idctl resolve %q: exit code %d, %s%s, want the record of %s", text, exit, out, errs, id)
			}
		}
	}
	d.stop()
}

// TestCheckDigit: a wrong one is refused, and the answer says which is right.
func TestCheckDigit(t *testing.T) {
	d := serveAll(t)
	for text, meant := range map[string]string{
		"6901234567893":             "6901234567892",
		"(01)06901234567893":        "(01)06901234567892",
		"(01)06901234567890(21)A1":  "(01)06901234567892(21)A1",
		"/01/06901234567893/21/A1":  "/01/06901234567892/21/A1",
		"(00)106952012345678900":    "(00)106952012345678908",
		"]d2010690123456789321A1":   "010690123456789221A1",
		"(414)9521234567890":        "(414)9521234567899",
		"https://e.com/01/96385073": "https://e.com/01/96385074",
	} {
		code, a := d.ask(text, "")
		got := a.Meant
		for _, c := range a.Candidates {
			if got == "" {
				got = c.Meant
			}
		}
		if code != 400 || !strings.HasSuffix(got, meant) || !strings.Contains(a.Detail, "should be") {
			t.Errorf("%s: got %d, meant %q, detail %q; want 400 and %s", text, code, got, a.Detail, meant)
		}
		if exit, _, errs := d.idctl("", "resolve", "--", text); exit == 0 || !strings.Contains(errs, meant) {
			t.Errorf("idctl resolve %s: exit code %d, %q; want %s named", text, exit, errs, meant)
		}
	}
	d.stop()
}

// TestLadder asks for an item without a record while its batch, then its product, then nothing is registered.
func TestLadder(t *testing.T) {
	d := serveAll(t)
	const item, lot, product = "(01)06901234567892(10)LOT1(21)SN9", "(01)06901234567892(10)LOT1", "(01)06901234567892"
	for _, id := range []string{product, lot, "1.2.156.10001.7.1"} {
		d.must(201, d.key, "POST", "/v1/identifiers", record(id, "of "+id))
	}
	expect := func(id, to, level string) {
		t.Helper()
		if code, _ := d.ask(id, ""); code != 404 {
			t.Errorf("%s without fallback: got %d, want 404", id, code)
		}
		code, a := d.ask(id, "&fallback=true")
		if to == "" {
			if code != 404 || a.Fallback != nil {
				t.Errorf("%s: got %d %+v, want 404", id, code, a)
			}
			return
		}
		if code != 200 || a.Fallback == nil || !strings.HasSuffix(a.Fallback.To, ":"+to) || a.Fallback.Level != level ||
			len(a.Values) != 1 || a.Values[0].Data != "of "+to {
			t.Errorf("%s: got %d %+v, want the %s %s", id, code, a, level, to)
		}
		resp, err := nodepb.NewResolverClient(d.dial()).Resolve(t.Context(), &nodepb.ResolveRequest{Id: id, Fallback: true})
		if err != nil || !strings.HasSuffix(resp.GetFallback().GetTo(), to) {
			t.Errorf("gRPC %s: got %v %v, want a fallback to %s", id, resp, err, to)
		}
	}
	expect(item, lot, "batch")
	expect("(01)06901234567892(21)SN9", product, "product")
	exit, out, errs := d.idctl("", "trace", item, "--fallback")
	if exit != 0 {
		t.Errorf("idctl trace: exit code %d, %s", exit, errs)
	}
	at := 0
	for _, want := range []string{"read", "bracketed element string", "namespace", "gs1:690123", "record", item, "not_found", "fallback", lot, "found",
		"this is of its batch", "of " + lot} {
		i := strings.Index(out[at:], want)
		if i < 0 {
			t.Fatalf("idctl trace: no %q behind the others in\n%s", want, out)
		}
		at += i
	}
	d.must(200, d.key, "DELETE", "/v1/identifiers?id="+neturl.QueryEscape(lot)+"&reason=recall", nil)
	expect(item, product, "product") // a lot that was recalled does not hide its product
	d.must(200, d.key, "DELETE", "/v1/identifiers?id="+neturl.QueryEscape(product)+"&reason=end", nil)
	expect(item, "", "")
	expect("1.2.156.10001.7.1.5.6", "1.2.156.10001.7.1", "arc")
	d.stop()
}
