// Command penconv turns the IANA private enterprise numbers, as the Debian package
// libwireshark-data carries them (enterprises.tsv), into records for idctl import:
//
//	go run ./deploy/sample/penconv enterprises.tsv > enterprises.ndjson
//
// Number n becomes the OID 1.3.6.1.4.1.n with the organisation's name as value 1 and, where the
// list has it, the name it had before as value 2. Numbers that nobody holds are left out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// arc is iso.org.dod.internet.private.enterprise (RFC 1155, section 3.1), under which IANA assigns.
const arc = "1.3.6.1.4.1."

// ttl is how long an answer may be kept, in seconds: a day, as the list changes by the day.
const ttl = 86400

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "penconv:", err)
		os.Exit(1)
	}
}

func run(args []string, out, log io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: penconv enterprises.tsv > enterprises.ndjson")
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(out)
	written, skipped, err := convert(w, f)
	if err != nil {
		return fmt.Errorf("convert %s: %w", args[0], err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	fmt.Fprintf(log, "penconv: %d records, %d numbers without a holder left out\n", written, skipped)
	return nil
}

type record struct {
	ID     string  `json:"id"`
	Values []value `json:"values"`
}

type value struct {
	Index int    `json:"index"`
	Type  string `json:"type"`
	Data  string `json:"data"`
	TTL   int    `json:"ttl"`
}

// convert writes a record for every line of in that names a holder. Lines that are no entry at
// all are an error: they would mean that the list has another format than the one known here.
func convert(w io.Writer, in io.Reader) (written, skipped int, err error) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		number, name, former, err := parse(line)
		if err != nil {
			return written, skipped, fmt.Errorf("line %d: %w", n, err)
		}
		if name == "" || name == "Reserved" || name == "---none---" {
			skipped++
			continue
		}
		r := record{ID: arc + number, Values: []value{{1, "ORGANIZATION", name, ttl}}}
		if former != "" {
			r.Values = append(r.Values, value{2, "ORGANIZATION.FORMER", former, ttl})
		}
		if err := enc.Encode(r); err != nil {
			return written, skipped, fmt.Errorf("write record: %w", err)
		}
		written++
	}
	return written, skipped, lines.Err()
}

// parse splits "78<space>LogMatrix Inc<tab># formerly 'OpenService Inc.'".
func parse(line string) (number, name, former string, err error) {
	if !utf8.ValidString(line) {
		return "", "", "", fmt.Errorf("not UTF-8: %q", line)
	}
	number, name = line, ""
	if i := strings.IndexAny(line, " \t"); i > 0 {
		number, name = line[:i], line[i+1:]
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return "", "", "", fmt.Errorf("%q does not begin with an enterprise number", line)
	}
	name, comment, _ := strings.Cut(name, "\t#")
	if former, ok := strings.CutPrefix(strings.TrimSpace(comment), "formerly "); ok {
		return strconv.FormatUint(n, 10), strings.TrimSpace(name), unquote(former), nil
	}
	return strconv.FormatUint(n, 10), strings.TrimSpace(name), "", nil
}

// unquote removes the quotes of either kind in which the list writes former names.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && strings.ContainsRune(`'"`, rune(s[0])) && strings.ContainsRune(`'"`, rune(s[len(s)-1])) {
		return s[1 : len(s)-1]
	}
	return s
}
