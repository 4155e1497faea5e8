package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConvert(t *testing.T) {
	const in = "# comment\n\n" +
		"0\tReserved\n" +
		"2\tIBM (https://w3.ibm.com/standards )\n" +
		"78\tLogMatrix Inc\t# formerly 'OpenService Inc.'\n" +
		"433  Mamakos\\TransSys \"Consulting\" <x>\n" +
		"2187\t\n" +
		"2188\n" +
		"4000\t---none---\n" +
		"34000\tDidactum® Ltd.\t# formerly Didactum® Ltd. Deutschland \n"
	const want = `{"id":"1.3.6.1.4.1.2","values":[{"index":1,"type":"ORGANIZATION","data":"IBM (https://w3.ibm.com/standards )","ttl":86400}]}
{"id":"1.3.6.1.4.1.78","values":[{"index":1,"type":"ORGANIZATION","data":"LogMatrix Inc","ttl":86400},{"index":2,"type":"ORGANIZATION.FORMER","data":"OpenService Inc.","ttl":86400}]}
{"id":"1.3.6.1.4.1.433","values":[{"index":1,"type":"ORGANIZATION","data":"Mamakos\\TransSys \"Consulting\" <x>","ttl":86400}]}
{"id":"1.3.6.1.4.1.34000","values":[{"index":1,"type":"ORGANIZATION","data":"Didactum® Ltd.","ttl":86400},{"index":2,"type":"ORGANIZATION.FORMER","data":"Didactum® Ltd. Deutschland","ttl":86400}]}
`
	path := filepath.Join(t.TempDir(), "enterprises.tsv")
	if err := os.WriteFile(path, []byte(in), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, log strings.Builder
	if err := run([]string{path}, &out, &log); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("records:\n%s\nwant:\n%s", out.String(), want)
	}
	if got, want := log.String(), "penconv: 4 records, 4 numbers without a holder left out\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestConvertRefusesOtherFormats(t *testing.T) {
	for _, in := range []string{"IBM\t2\n", "1 A\n-2\tB\n", "99999999999\tC\n", "3\t\xff\n"} {
		if _, _, err := convert(&strings.Builder{}, strings.NewReader(in)); err == nil {
			t.Errorf("convert(%q) succeeded, want an error", in)
		}
	}
}
