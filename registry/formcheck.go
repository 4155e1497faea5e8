package registry

import (
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxFormItems is the most elements of a list in a form.
const maxFormItems = 100

// checkEnterpriseForm brings a form into its normal shape and returns all that is wrong with it, at places
// under at. Self is the node's own enterprise, which tells more. Files are not looked up.
func checkEnterpriseForm(f *EnterpriseForm, self bool, at string, now time.Time) []Violation {
	var all []Violation
	if f.Name = strings.TrimSpace(f.Name); f.Name == "" {
		all = append(all, violation(at+"/name", "a name is required"))
	}
	all = append(all, checkMembers(f, at, now)...)
	if c := f.Certificate; c != nil && c.Type != "other" {
		// The credit code has one place, and the certificate tells only its scan.
		if c.Number != "" && f.CreditCode == "" {
			f.CreditCode = c.Number
			if bad := checkCreditCode(f.CreditCode); bad != nil {
				bad.Field = at + "/certificate/number"
				all = append(all, *bad)
			}
		} else if c.Number != "" && c.Number != f.CreditCode {
			all = append(all, violation(at+"/certificate/number", "the number is another than creditCode; give one of them"))
		}
		c.Type, c.Number = "credit_code", ""
	}
	if f.RegisteredCapital < 0 {
		all = append(all, violation(at+"/registeredCapital", "a number from 0 is expected, in 10 000 yuan"))
	}
	if f.Established > now.AddDate(0, 0, 1).Format(time.DateOnly) && validDate(f.Established) {
		all = append(all, violation(at+"/established", "the date has not come yet"))
	}
	if f.Established != "" && f.ValidUntil != "" && f.ValidUntil < f.Established {
		all = append(all, violation(at+"/validUntil", "the date is before that of establishment"))
	}
	checkPerson := func(field string, c *Contact) {
		switch {
		case strings.Contains(c.IDNumber, "*"):
			all = append(all, violation(at+field+"/idNumber", "the number is masked: give all of it, or leave the member out"))
		case c.IDNumber != "" && c.IDType == "":
			all = append(all, violation(at+field+"/idType", "the kind of the identity document is required: %s", choiceNames("idType")))
		case c.IDNumber != "" && c.IDType == "identity_card":
			if c.IDNumber = strings.ToUpper(c.IDNumber); !checkCitizenNumber(c.IDNumber, now) {
				all = append(all, violation(at+field+"/idNumber", "not the number of an identity card: 18 characters with region, date of birth and check character (GB 11643)"))
			}
		}
	}
	if f.Contact != nil {
		checkPerson("/contact", f.Contact)
	}
	if f.Legal != nil {
		checkPerson("/legal", &f.Legal.Contact)
	}
	all = append(all, checkSystems(f.Systems, at+"/systems")...)
	for _, c := range []struct {
		field string
		*Commission
	}{{"/build", f.Build}, {"/operate", f.Operate}} {
		if c.Commission != nil && c.By == "commissioned" && c.Name == "" {
			all = append(all, violation(at+c.field+"/name", "the name of the contractor is required"))
		}
	}
	if c := f.RealNameCheck; c != nil {
		if c.Mode == "commissioned" && c.Name == "" {
			all = append(all, violation(at+"/realNameCheck/name", "the name of the contractor is required"))
		}
		if len(c.PersonSource) > 5 {
			all = append(all, violation(at+"/realNameCheck/personSource", "at most 5 files are taken"))
		}
		if len(c.OrganisationSource) > 5 {
			all = append(all, violation(at+"/realNameCheck/organisationSource", "at most 5 files are taken"))
		}
	}
	if !self {
		details := reflect.ValueOf(f.EnterpriseDetails)
		for i := range details.NumField() {
			if m := details.Type().Field(i); m.Tag.Get("only") == "self" && !details.Field(i).IsZero() {
				all = append(all, violation(at+"/"+memberName(m), "only the node's own enterprise has this member"))
			}
		}
	}
	return all
}

// checkSystems holds the list of systems to its rules: each kind once, and all but the backup of the
// service there; own premises have a place, a cloud a name; addresses only of the registration system.
func checkSystems(systems []System, at string) []Violation {
	var all []Violation
	seen := make(map[string]bool)
	for i, s := range systems {
		here := fmt.Sprintf("%s/%d", at, i)
		if seen[s.Kind] && s.Kind != "" {
			all = append(all, violation(here+"/kind", "system %s stands there twice", s.Kind))
		}
		seen[s.Kind] = true
		if s.DeployMode == "own" && s.Region == "" {
			all = append(all, violation(here+"/region", "a system on own premises needs its region"))
		}
		if s.DeployMode == "own" && s.Address == "" {
			all = append(all, violation(here+"/address", "a system on own premises needs its address"))
		}
		if s.DeployMode == "cloud" && s.Cloud == "" {
			all = append(all, violation(here+"/cloud", "a system in a cloud needs the name of the cloud"))
		}
		if len(s.Endpoints) > 0 && s.Kind != "registration" {
			all = append(all, violation(here+"/endpoints", "only the registration system has addresses and ports"))
		}
	}
	if len(systems) > 0 {
		for _, c := range choices["system"] {
			if !seen[c.name] && c.name != "service_backup" {
				all = append(all, violation(at, "system %s is missing", c.name))
			}
		}
	}
	return all
}

// checkMembers checks each text of a form by its tags alone, and brings it into its normal shape.
func checkMembers(form any, at string, now time.Time) []Violation {
	var all []Violation
	walkForm(form, at, func(at string, m reflect.StructField, v reflect.Value) {
		text := strings.TrimSpace(v.String())
		v.SetString(text)
		if text == "" {
			if m.Tag.Get("need") != "" {
				all = append(all, violation(at, "a value is required"))
			}
			return
		}
		normal, bad := checkMember(m.Tag, text, now)
		if bad != nil {
			bad.Field = at
			all = append(all, *bad)
			return
		}
		v.SetString(normal)
	})
	checkLengths(reflect.ValueOf(form).Elem(), at, &all)
	return all
}

// checkLengths bounds the lists of a form.
func checkLengths(v reflect.Value, at string, all *[]Violation) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			checkLengths(v.Elem(), at, all)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if m := v.Type().Field(i); m.Anonymous {
				checkLengths(v.Field(i), at, all)
			} else {
				checkLengths(v.Field(i), at+"/"+memberName(m), all)
			}
		}
	case reflect.Slice:
		if v.Len() > maxFormItems {
			*all = append(*all, violation(at, "at most %d elements are taken", maxFormItems))
		}
	}
}

// checkMember returns text in the normal shape of a member, or what is wrong with it.
func checkMember(tag reflect.StructTag, text string, now time.Time) (string, *Violation) {
	most := 255
	if n, err := strconv.Atoi(tag.Get("max")); err == nil {
		most = n
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
		return "", new(violation("", "control characters are not allowed"))
	}
	if utf8.RuneCountInString(text) > most {
		return "", new(violation("", "at most %d characters are taken", most))
	}
	if set := tag.Get("choice"); set != "" {
		c, ok := choose(set, text)
		if !ok {
			return "", new(violation("", "one of these is expected: %s", choiceNames(set)))
		}
		return c.name, nil
	}
	switch tag.Get("format") {
	case "creditcode":
		if wrong := checkCreditCode(text); wrong != nil {
			return "", wrong
		}
	case "industry":
		if text = normalIndustry(text); text == "" {
			return "", new(violation("", "not an industry of GB/T 4754-2017: the letter of a section and two to four digits, such as C3451"))
		}
	case "region":
		if !validRegion(text) {
			return "", new(violation("", "not a region of GB/T 2260: six digits, such as 320505"))
		}
	case "uri":
		if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", new(violation("", "not an http or https address"))
		}
	case "email":
		if a, err := mail.ParseAddress(text); err != nil || a.Address != text || a.Name != "" {
			return "", new(violation("", "not an e-mail address"))
		}
	case "phone":
		if !validPhone(text) {
			return "", new(violation("", "not a telephone number: digits, blanks, - and parentheses, + in front for other countries"))
		}
	case "date":
		if !validDate(text) {
			return "", new(violation("", "a date such as 2020-12-31 is expected"))
		}
	case "ip":
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" || a.IsUnspecified() {
			return "", new(violation("", "not an IP address"))
		}
		text = a.String()
	case "endpoint":
		ap, err := netip.ParseAddrPort(text)
		if host, port, ok := strings.Cut(strings.TrimPrefix(text, "["), "]:"); ok && err != nil {
			ap, err = netip.ParseAddrPort(host + ":" + port) // [192.0.2.1]:8080, as SNMS writes it
		}
		if err != nil || ap.Port() == 0 || ap.Addr().Zone() != "" {
			return "", new(violation("", "not an address and a port, such as 192.0.2.1:8080 or [2001:db8::1]:8080"))
		}
		text = ap.String()
	case "hostname":
		if text = strings.ToLower(text); !validHostname(text) {
			return "", new(violation("", "not a domain name"))
		}
	}
	return text, nil
}

func validDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// validPhone reports whether text is a telephone number as people write it, with 5 to 20 digits.
func validPhone(text string) bool {
	digits := 0
	for i, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '+' && i == 0, r == '-', r == ' ', r == '(', r == ')':
		default:
			return false
		}
	}
	return digits >= 5 && digits <= 20
}

// validHostname reports whether text has the form of a domain name with at least two labels (RFC 1123,
// section 2.1); letters of other scripts are taken as they are.
func validHostname(text string) bool {
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	if len(labels) < 2 || len(text) > 253 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(l, func(r rune) bool { return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			return false
		}
	}
	return true
}
