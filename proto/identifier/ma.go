package identifier

import "strings"

// maGrammar is the codes of the issuing agency MA and its sister MB (统一标识代码, IDcode;
// ISO/IEC 15459), which other nodes answer for. Case is kept. There are two forms:
//
//	MA.156.M0.100204.13351764.Sx00008.M220117.L20220117.C3      medical devices (UDI)
//	MA.156.1003.1629/10.46100000.riseplatform                   all others
//
// The parts are agency, country (ISO 3166-1, three digits), industry and registrant; then, for a
// device, the product of eight characters and production fields, each led by the letter of its kind; for all others
// use, category and item. The rule of the check characters is not public and is not checked.
type maGrammar struct{}

const (
	formMA    = "MA"
	formMAUDI = "MA UDI"
)

func (maGrammar) Name() string { return "ma" }

func (maGrammar) Parse(text string) (ID, error) {
	name, form := text, formMAUDI
	var reason string
	if unit, object, ok := strings.Cut(text, "/"); ok {
		name, form = strings.TrimSuffix(text, "/"), formMA
		reason = checkMAObject(unit, strings.TrimSuffix(object, "/"))
	} else {
		reason = checkMADevice(text)
	}
	if reason != "" {
		return ID{}, syntaxError(MA, text, reason)
	}
	return ID{scheme: MA, text: name, name: name, form: form}, nil
}

// checkMAHead checks agency and country, the first two parts of both forms.
func checkMAHead(parts []string) string {
	switch {
	case parts[0] != "MA" && parts[0] != "MB":
		return "issuing agency is not MA or MB"
	case len(parts) < 2 || len(parts[1]) != 3 || !isDigits(parts[1]):
		return "country is not three digits"
	}
	return ""
}

// checkMADevice checks the form for medical devices.
func checkMADevice(text string) string {
	parts := strings.Split(text, ".")
	if reason := checkMAHead(parts); reason != "" {
		return reason
	}
	if len(parts) < 5 {
		return "fewer than five parts, and no / before the object of a unit"
	}
	switch {
	case len(parts[2]) != 2 || !isLettersAndDigits(parts[2]):
		return "industry is not two letters or digits"
	case len(parts[3]) != 6 || !isDigits(parts[3]):
		return "registrant is not six digits"
	case len(parts[4]) != 8 || !isLettersAndDigits(parts[4]):
		return "product is not eight letters or digits"
	}
	seen := ""
	for _, field := range parts[5:] {
		if field == "" {
			continue // a kind that is left out keeps its dot
		}
		kind := field[:1]
		switch {
		case !strings.Contains("SMLDEVYC", kind):
			return "production field does not begin with the letter of a kind, one of SMLDEVYC"
		case strings.Contains(seen, kind):
			return "production field " + kind + " stands twice"
		case len(field) == 1 || !isGraphic(field):
			return "production field " + kind + " is empty or has a blank"
		case kind == "M" && !isYYMMDD(field[1:]):
			return "production field M is no date YYMMDD"
		}
		seen += kind
	}
	return ""
}

// checkMAObject checks the general form: a unit and its object.
func checkMAObject(unit, object string) string {
	nodes := strings.Split(unit, ".")
	if reason := checkMAHead(nodes); reason != "" {
		return reason
	}
	if len(nodes) != 4 {
		return "unit is not agency, country, industry and registrant"
	}
	for _, n := range nodes[2:] {
		if !isLettersAndDigits(n) {
			return "industry or registrant is not letters and digits"
		}
	}
	fields := strings.SplitN(object, ".", 3)
	if len(fields) < 3 {
		return "object is not use, category and item"
	}
	switch {
	case !isDigits(fields[0]):
		return "use code has other than digits"
	case !isDigits(fields[1]):
		return "category has other than digits"
	case fields[2] == "" || !isGraphic(fields[2]) || strings.Contains(fields[2], "/"):
		return "item is empty or has a blank or a /"
	}
	return ""
}

func isLettersAndDigits(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !isAlphanumeric(r) })
}

// isGraphic reports whether text is valid UTF-8 without blanks and control characters.
func isGraphic(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '\u3000' || r == '\ufffd' || !isPrintable(r) })
}

// isYYMMDD reports whether text is a date of six digits.
func isYYMMDD(text string) bool {
	return len(text) == 6 && isDigits(text) && "01" <= text[2:4] && text[2:4] <= "12" && "01" <= text[4:] && text[4:] <= "31"
}

// Detect takes the agency and a country for the mark.
func (maGrammar) Detect(text string) (Likelihood, string) {
	if len(text) < 7 || text[0] != 'M' || text[1] != 'A' && text[1] != 'B' || text[2] != '.' {
		return No, ""
	}
	if isDigits(text[3:6]) && text[6] == '.' {
		return Likely, "the issuing agency MA or MB and a country of three digits"
	}
	return Possible, "the issuing agency MA or MB"
}

func (maGrammar) Validate(id ID) error { return syntaxError(MA, id.text, notServed) }

func (maGrammar) Broader(ID) []ID { return nil }

func (maGrammar) NextNamespace(ID, string) string { return "" }

func (maGrammar) ParseNamespace(text string) (string, error) {
	return "", syntaxError(MA, text, notServed)
}

func (maGrammar) Contains(string, string) bool { return false }
