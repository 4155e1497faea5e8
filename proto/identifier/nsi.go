package identifier

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// NSI is what is known of one coding system of Ecode: the rules for the main codes under a version
// and a coding-system number (NSI), as registered with the Article Numbering Center of China
// (GB/T 35422). Its JSON form is an object with the names below; all but version and nsi may be left
// out.
type NSI struct {
	Version    int    `json:"version"`    // 0 to 4
	Number     string `json:"nsi"`        // all digits of it; two upper-case hexadecimal ones in version 0
	Name       string `json:"name"`       // of the coding system, for people
	MinLength  int    `json:"minLength"`  // of the main code in characters; 0: 1
	MaxLength  int    `json:"maxLength"`  // of the main code in characters; 0: as its version has it
	Characters string `json:"characters"` // "digits", "alphanumeric" or "any", the default
	Check      string `json:"check"`      // of the main code's end: "none", the default, "mod10", "mod97-10" or "mod11-2"
	Resolver   string `json:"resolver"`   // URL of the system's own service, with {code} for the Ecode; "" for none
}

// NSITable is the coding systems that a node knows of. It is read only. A nil table knows none.
type NSITable struct {
	systems map[string]*NSI // by version and number
}

// nsiChecks are the rules for check characters, by name. Each returns the characters that would be
// right at the end of code, "" if code cannot have any.
var nsiChecks = map[string]func(code string) string{
	"":         nil,
	"none":     nil,
	"mod10":    endMod10,
	"mod97-10": endMod97,
	"mod11-2":  endMod11,
}

// ParseNSITable reads a table: a JSON array of [NSI] objects. The error names every mistake.
func ParseNSITable(data []byte) (*NSITable, error) {
	var entries []json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		return nil, fmt.Errorf("parse NSI table: %w", err)
	}
	t := &NSITable{systems: make(map[string]*NSI, len(entries))}
	var mistakes []error
	for i, entry := range entries {
		n := new(NSI)
		d := json.NewDecoder(bytes.NewReader(entry))
		d.DisallowUnknownFields()
		err := d.Decode(n)
		if err == nil {
			err = n.check()
		}
		if _, twice := t.systems[n.key()]; err == nil && twice {
			err = errors.New("stands twice")
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("NSI table: entry %d (version %d, nsi %q): %w", i+1, n.Version, n.Number, err))
			continue
		}
		t.systems[n.key()] = n
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return t, nil
}

// key is the beginning of the codes of a system.
func (n *NSI) key() string { return fmt.Sprint(n.Version) + n.Number }

// check reports every mistake in an entry.
func (n *NSI) check() error {
	if n.Version < 0 || n.Version >= len(ecodeForms) {
		return errors.New("version is not 0 to 4")
	}
	var mistakes []error
	wrong := func(cond bool, format string, args ...any) {
		if cond {
			mistakes = append(mistakes, fmt.Errorf(format, args...))
		}
	}
	f := &ecodeForms[n.Version]
	_, head := cutEcode(n.key())
	wrong(head == 0 || head != len(n.key()), "nsi is not %d digits", f.nsi)
	wrong(n.MinLength < 0, "minLength is negative")
	wrong(n.MaxLength < 0 || f.md > 0 && n.MaxLength > f.md, "maxLength is over %d, the most of the version", f.md)
	wrong(n.MaxLength > 0 && n.MinLength > n.MaxLength, "minLength is over maxLength")
	wrong(n.admits() == nil, "characters %q are not digits, alphanumeric or any", n.Characters)
	_, known := nsiChecks[n.Check]
	wrong(!known, "check %q is not none, mod10, mod97-10 or mod11-2", n.Check)
	if n.Resolver != "" {
		u, err := url.Parse(strings.ReplaceAll(n.Resolver, "{code}", "0"))
		wrong(err != nil || u != nil && (u.Scheme != "https" && u.Scheme != "http" || u.Host == ""), "resolver is not a web address")
		wrong(!strings.Contains(n.Resolver, "{code}"), "resolver has no {code}")
	}
	return errors.Join(mistakes...)
}

// admits returns the test for one character of the main code; nil for an unknown name.
func (n *NSI) admits() func(rune) bool {
	switch n.Characters {
	case "digits":
		return isDecimal
	case "alphanumeric":
		return isAlphanumeric
	case "", "any":
		return isPrintable
	}
	return nil
}

// Lookup returns the coding system that id belongs to, nil if id is no Ecode or the system is not
// in the table.
func (t *NSITable) Lookup(id ID) *NSI {
	if t == nil || id.scheme != Ecode {
		return nil
	}
	_, head := cutEcode(id.name)
	return t.systems[id.name[:head]]
}

// Check holds an Ecode to the rules of its coding system. Identifiers of other schemes and of
// systems that the table does not have pass. The error is a *[SyntaxError]; if only the check
// characters are wrong, its Meant is the code with the right ones.
func (t *NSITable) Check(id ID) error {
	n := t.Lookup(id)
	if n == nil {
		return nil
	}
	head := len(n.key())
	md := id.name[head:]
	length := utf8.RuneCountInString(md)
	admits := n.admits()
	for _, r := range md {
		if !admits(r) {
			return syntaxError(Ecode, id.text, fmt.Sprintf("main code has %q: %s takes %s only", r, n.label(), n.Characters))
		}
	}
	switch {
	case length < n.MinLength:
		return syntaxError(Ecode, id.text, fmt.Sprintf("main code has %d characters, %s takes %d at least", length, n.label(), n.MinLength))
	case n.MaxLength > 0 && length > n.MaxLength:
		return syntaxError(Ecode, id.text, fmt.Sprintf("main code has %d characters, %s takes %d at most", length, n.label(), n.MaxLength))
	}
	check := nsiChecks[n.Check]
	if check == nil {
		return nil
	}
	end := check(md)
	switch {
	case end == "":
		return syntaxError(Ecode, id.text, "main code cannot have the check characters of "+n.label())
	case !strings.HasSuffix(md, end):
		err := syntaxError(Ecode, id.text, fmt.Sprintf("wrong check characters at the end of the main code: %s, it should be %s", md[len(md)-len(end):], end))
		err.Meant = id.name[:len(id.name)-len(end)] + end
		return err
	}
	return nil
}

// label names the system in a message.
func (n *NSI) label() string {
	if n.Name != "" {
		return "coding system " + n.Number + " (" + n.Name + ")"
	}
	return "coding system " + n.Number
}

// URL is where the system's own service answers for id, "" if the table has none.
func (n *NSI) URL(id ID) string {
	return strings.ReplaceAll(n.Resolver, "{code}", url.PathEscape(id.Canonical()))
}

// endMod10 is the last digit of GS1 numbers: weights 3 and 1 in turns from the right (GS1 General
// Specifications, section 7.9).
func endMod10(code string) string {
	if len(code) < 2 || !isDigits(code) {
		return ""
	}
	sum, weight := 0, 3
	for i := len(code) - 2; i >= 0; i-- {
		sum += int(code[i]-'0') * weight
		weight = 4 - weight
	}
	return string(byte('0' + (10-sum%10)%10))
}

// endMod97 is the two last digits of ISO/IEC 7064 MOD 97-10: the whole is 1 modulo 97.
func endMod97(code string) string {
	if len(code) < 3 || !isDigits(code) {
		return ""
	}
	rest := 0
	for _, c := range code[:len(code)-2] + "00" {
		rest = (rest*10 + int(c-'0')) % 97
	}
	return fmt.Sprintf("%02d", 98-rest)
}

// endMod11 is the last character of ISO/IEC 7064 MOD 11-2: a digit, or X for ten.
func endMod11(code string) string {
	if len(code) < 2 || !isDigits(code[:len(code)-1]) {
		return ""
	}
	rest := 0
	for _, c := range code[:len(code)-1] {
		rest = (rest + int(c-'0')) * 2 % 11
	}
	return string("0123456789X"[(12-rest)%11])
}
