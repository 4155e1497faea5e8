package main

import (
	"net"
	neturl "net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/identifier"
)

// exchange is a question that a stock client of the DNS asks and what it has to print.
type exchange struct {
	tool string // dig, kdig or drill
	args string // separated by blanks, behind server and port
	want string // regular expressions, separated by " ~ "
	not  string // one regular expression; "" for none
}

// query runs a client against the daemon and returns what it prints.
func (d *daemon) query(tool, args string) string {
	d.t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		d.t.Fatalf("%v: run `make deps`", err)
	}
	host, port, err := net.SplitHostPort(d.dns)
	if err != nil {
		d.t.Fatal(err)
	}
	command := append([]string{"@" + host, "-p", port}, strings.Fields(args)...)
	out, err := exec.CommandContext(d.t.Context(), path, command...).CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		d.t.Fatal(err)
	}
	return string(out)
}

func (d *daemon) exchange(all []exchange) {
	d.t.Helper()
	for _, x := range all {
		out := d.query(x.tool, x.args)
		for _, want := range strings.Split(x.want, " ~ ") {
			if !regexp.MustCompile(want).MatchString(out) {
				d.t.Errorf("%s %s: no %q in\n%s", x.tool, x.args, want, out)
			}
		}
		if x.not != "" && regexp.MustCompile(x.not).MatchString(out) {
			d.t.Errorf("%s %s: there is %q in\n%s", x.tool, x.args, x.not, out)
		}
	}
}

// owner is the name of an identifier.
func owner(t *testing.T, text string) string {
	t.Helper()
	id, err := identifier.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	name, err := dnsname.In(id, true, zone, "oid."+zone)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// put registers id, or replaces its values, with the URL.
func (d *daemon) put(method, id, url string) {
	d.t.Helper()
	path, want := "/v1/identifiers", 201
	if method == "PUT" {
		path, want = path+"?id="+neturl.QueryEscape(id), 200
	}
	d.must(want, d.key, method, path, record(id, url))
}

// The beginnings of what the clients print of an answer.
const (
	noerror  = `(status|rcode): NOERROR`
	nxdomain = `(status|rcode): NXDOMAIN`
	aa       = `(?i)flags: qr aa`
	soa      = `id\.example\.\s+60\s+IN\s+SOA\s+ns1\.id\.example\. hostmaster\.id\.example\.`
)

// TestDNSClients: stock clients read what the node answers.
func TestDNSClients(t *testing.T) {
	d := serveAll(t, "IDNODE_DNS_ZONE="+zone, "IDNODE_DNS_NSID=node-1")
	for _, id := range []string{"1.2.156.10001.7.1", "88.1021.150/SN-001", "88.1021.150/批次-1", "88.1021.150/123", "(01)06901234567892",
		"(01)06901234567892(10)lot1", "(01)06901234567892(21)123", "(01)06901234567892(21)A1", "10064000123456789", "300001abc1", "400001产品甲-01"} {
		d.put("POST", id, "https://example.com/"+neturl.PathEscape(id))
	}
	var long []any
	for i := range 20 {
		long = append(long, map[string]any{"index": i + 1, "type": "DESC", "data": strings.Repeat("x", 200)})
	}
	d.must(201, d.key, "POST", "/v1/identifiers", map[string]any{"id": "88.1021.150/long", "values": long})
	const (
		sn   = "sn-001.150.1021.88.hdl.id.example"
		arc  = "1.7.10001.156.2.1.oid.id.example"
		gtin = "06901234567892.01.gs1.id.example"
	)
	chinese, digits, serial, v4 := owner(t, "88.1021.150/批次-1"), owner(t, "88.1021.150/123"), owner(t, "(01)06901234567892(21)A1"), owner(t, "400001产品甲-01")
	d.exchange([]exchange{
		// The OID resolution system.
		{"dig", arc + " NAPTR", noerror + " ~ " + aa + ` ~ IN\s+NAPTR\s+100 10 "u" "ORS\+RINF" "!\^\.\*\$!https://example.com/1.2.156.10001.7.1!" \. ~ "ORS\+COID" "!\^\.\*\$!urn:oid:1.2.156.10001.7.1!" \.`, ""},
		{"kdig", arc + " NAPTR", noerror + ` ~ ORS\+RINF ~ ORS\+COID`, ""},
		{"drill", arc + " NAPTR", noerror + ` ~ ORS\+RINF ~ ORS\+COID`, ""},
		{"dig", "7.10001.156.2.1.oid.id.example TXT", noerror + " ~ ANSWER: 0, AUTHORITY: 1 ~ " + soa, ""}, // a name below it is registered
		{"drill", "156.2.1.oid.id.example", noerror + " ~ " + soa, ""},
		{"kdig", "9.7.10001.156.2.1.oid.id.example", nxdomain + " ~ " + aa + " ~ " + soa, ""},
		{"dig", "_up.5.4." + arc + " TXT +short", `"oid=1.2.156.10001.7.1" ~ "1 URL=https://example.com/1.2.156.10001.7.1"`, ""},
		// Handle: plain, encoded, and the case of the question kept.
		{"dig", sn + " TXT +short", `^"1 URL=https://example.com/88.1021.150%2FSN-001"\n$`, ""},
		{"dig", "SN-001.150.1021.88.hdl.id.example TXT", noerror + ` ~ \nSN-001\.150\.1021\.88\.hdl\.id\.example\.\s+86400\s+IN\s+TXT`, ""},
		{"dig", "sN-001.150.1021.88.HdL.iD.eXample URI", noerror + ` ~ sN-001\.150\.1021\.88\.HdL\.iD\.eXample\.\s+86400\s+IN\s+URI\s+10 1 "https://example.com/88.1021.150%2FSN-001"`, ""},
		{"dig", chinese + " TXT", noerror + " ~ " + aa + " ~ ANSWER: 1,", ""},
		{"drill", digits + " TXT", noerror + ` ~ 1 URL=https://example.com/88\.1021\.150%2F123`, ""},
		{"dig", "123.150.1021.88.hdl.id.example TXT", nxdomain + " ~ " + soa, ""}, // digits are a segment of the prefix
		{"kdig", "_b32.150.1021.88.hdl.id.example TXT", noerror + " ~ " + soa, ""},
		{"dig", "88.hdl.id.example", noerror + " ~ " + soa, ""},
		{"drill", "nothing.150.1021.88.hdl.id.example", nxdomain + " ~ " + soa, ""},
		// GS1 and Ecode.
		{"dig", gtin + " NAPTR +short", `100 10 "u" "IDIS\+URL" "!\^\.\*\$!https://example.com/%2801%2906901234567892!" \.`, ""},
		{"kdig", "lot1.10." + gtin + " URI", noerror + ` ~ %2810%29lot1"`, ""},
		{"drill", "123.21." + gtin + " TXT", noerror + ` ~ %2821%29123`, ""},
		{"dig", "_idis._tcp.123.21." + gtin + " URI +short", `10 1 "https://example.com/`, ""},
		{"dig", serial + " TXT +short", `%2821%29A1`, ""},
		{"dig", "a1.21." + gtin + " TXT", nxdomain, ""}, // serials keep the case of letters
		{"kdig", "01.gs1.id.example", noerror + " ~ " + soa, ""},
		{"dig", "000123456789.0064.v1.ecode.id.example TXT +short", `"1 URL=https://example.com/10064000123456789"`, ""},
		{"drill", "abc1.00001.v3.ecode.id.example URI", noerror + ` ~ https://example.com/300001abc1`, ""},
		{"kdig", v4 + " TXT", noerror + " ~ " + aa + ` ~ 1 URL=`, ""},
		// The zone itself, and what it does not give.
		{"dig", "id.example SOA", noerror + " ~ " + aa + " ~ " + soa, ""},
		{"kdig", "id.example NS", noerror + ` ~ IN\s+NS\s+ns1\.id\.example\. ~ ns1\.id\.example\.\s+\d+\s+IN\s+A\s+127\.0\.0\.1`, ""},
		{"drill", "ns1.id.example A", noerror + ` ~ 127\.0\.0\.1`, ""},
		{"dig", sn + " ANY", noerror + ` ~ HINFO\s+"RFC8482" ""`, "TXT"},
		{"dig", sn + " MX", noerror + " ~ ANSWER: 0, AUTHORITY: 1 ~ " + soa, ""},
		{"dig", "id.example AXFR", `Transfer failed`, "SOA"},
		{"dig", "example.org A", `status: REFUSED ~ EDE: 20 \(Not Authoritative\)`, "flags: qr aa"},
		{"kdig", "+edns example.org A", `status: REFUSED ~ (?i)EDE.*20`, ""},
		{"dig", "no-identifier.id.example", nxdomain + " ~ " + soa, ""},
		{"dig", "+noedns " + sn + " TXT", noerror, "OPT PSEUDOSECTION"},
		// EDNS, truncation, TCP.
		{"dig", "+nsid id.example SOA", `NSID: .*\("node-1"\)`, ""},
		{"kdig", "+nsid id.example SOA", `node-1`, ""},
		{"dig", "+cookie id.example SOA", `COOKIE: [0-9a-f]{48} \(good\)`, ""},
		{"dig", "+edns=1 +noednsnegotiation id.example SOA", `BADVERS`, ""},
		{"dig", "+ignore +bufsize=1232 long.150.1021.88.hdl.id.example TXT", noerror + " ~ (?i)flags: qr aa tc", ""},
		{"dig", "+ignore +noedns long.150.1021.88.hdl.id.example TXT", `flags: qr aa tc`, ""},
		{"dig", "long.150.1021.88.hdl.id.example TXT", noerror + ` ~ ANSWER: 20 ~ \(TCP\)`, "flags: qr aa tc"},
		{"kdig", "+tcp long.150.1021.88.hdl.id.example TXT", noerror + ` ~ ANSWER: 20 ~ \(TCP\)`, ""},
		{"drill", "-t " + sn + " TXT", noerror + ` ~ SN-001`, ""},
	})
	d.stop()
}

// TestDNSStates: names come, change and go with their records, at once, and say why where they can.
func TestDNSStates(t *testing.T) {
	d := serveAll(t, "IDNODE_DNS_ZONE="+zone)
	const sn = "sn-9.150.1021.88.hdl.id.example"
	ask := func(want, not string) {
		t.Helper()
		for _, tool := range []string{"dig", "kdig +edns", "drill"} {
			tool, flags, _ := strings.Cut(tool, " ")
			d.exchange([]exchange{{tool, flags + " " + sn + " TXT", want, not}})
		}
	}
	ask(nxdomain+" ~ "+soa, "")
	d.put("POST", "88.1021.150/SN-9", "https://example.com/first")
	ask(noerror+" ~ example.com/first", "")
	d.put("PUT", "88.1021.150/SN-9", "https://example.com/second")
	ask(noerror+" ~ example.com/second", "first")
	d.must(200, d.key, "DELETE", "/v1/identifiers?id=88.1021.150/SN-9&reason=scrapped", nil)
	ask(nxdomain+" ~ "+soa, "example.com")
	d.must(200, d.key, "POST", "/v1/identifiers:restore?id=88.1021.150/SN-9", nil)
	ask(noerror+" ~ example.com/second", "")
	d.must(200, d.key, "POST", "/v1/prefixes:suspend", map[string]any{"scheme": "handle", "prefix": "88.1021.150", "reason": "unpaid"})
	ask(nxdomain, "example.com")
	d.exchange([]exchange{{"dig", sn + " TXT", `EDE: 15 \(Blocked\): \(unpaid\)`, ""}})
	d.must(200, d.key, "POST", "/v1/prefixes:activate", map[string]any{"scheme": "handle", "prefix": "88.1021.150"})
	ask(noerror+" ~ example.com/second", "")

	enterprise := d.must(201, d.key, "POST", "/v1/enterprises", map[string]any{"name": "Own Node AG"})["id"]
	for prefix, port := range map[string]int{"88.1021.77": 0, "88.1021.78": 53} {
		service := map[string]any{"ip": "192.0.2.77", "tcp": 2641, "udp": 2641, "http": 8080}
		if port != 0 {
			service["dns"] = port
		}
		d.must(201, d.key, "POST", "/v1/prefixes", map[string]any{"scheme": "handle", "prefix": prefix, "enterprise": enterprise,
			"mode": "delegated", "service": service})
	}
	d.exchange([]exchange{
		{"dig", "77.1021.88.hdl.id.example SRV", noerror + ` ~ IN\s+SRV\s+10 0 2641 ~ 192\.0\.2\.77`, ""},
		{"kdig", "77.1021.88.hdl.id.example SVCB", noerror + ` ~ SVCB|TYPE64`, ""},
		{"dig", "x.78.1021.88.hdl.id.example TXT", noerror + ` ~ ANSWER: 0, AUTHORITY: 1 ~ 78\.1021\.88\.hdl\.id\.example\.\s+\d+\s+IN\s+NS ~ IN\s+A\s+192\.0\.2\.77`, "flags: qr aa"},
		{"drill", "x.78.1021.88.hdl.id.example TXT", noerror + ` ~ 192\.0\.2\.77`, ""},
	})
	d.stop()
}
