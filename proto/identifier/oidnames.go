package identifier

// oidNames are the names of arcs in ASN.1 value notation, by the dotted parent: those that
// X.660, annex A, defines, and some that stand in every directory of object identifiers.
// Recommendation letters and countries are added by oidName.
var oidNames = map[string]map[string]string{
	"":  {"itu-t": "0", "ccitt": "0", "itu-r": "0", "iso": "1", "joint-iso-itu-t": "2", "joint-iso-ccitt": "2"},
	"0": {"recommendation": "0", "question": "1", "administration": "2", "network-operator": "3", "identified-organization": "4", "r-recommendation": "5", "data": "9"},
	"1": {"standard": "0", "registration-authority": "1", "member-body": "2", "identified-organization": "3"},
	"2": {
		"asn1": "1", "country": "16", "registration-procedures": "17", "international-organizations": "23", "uuid": "25", "tag-based": "27",
		"bip": "41", "telebiometrics": "42", "cybersecurity": "48", "alerting": "49", "example": "999",
	},
	"1.3":       {"dod": "6"},
	"1.3.6":     {"internet": "1"},
	"1.3.6.1":   {"mgmt": "2", "private": "4"},
	"1.3.6.1.2": {"mib-2": "1"},
	"1.3.6.1.4": {"enterprise": "1", "enterprises": "1"},
	"2.49":      {"wmo": "0"},
	"1.2.840":   {"rsadsi": "113549"},
	"2.1":       {"specification": "0", "basic-encoding": "1", "ber-derived": "2", "packed-encoding": "3"},
	"2.1.2":     {"canonical-encoding": "0", "distinguished-encoding": "1"},
	"0.4":       {"etsi": "0"},
}

// oidLabels are the Unicode labels of OID-IRIs, by the dotted parent; a first label may also be a
// long arc, which leads several steps down (X.660, annex A, and the register of long arcs).
// Recommendation letters and countries are added by oidLabel.
var oidLabels = map[string]map[string]string{
	"": {
		"ITU-T": "0", "ITU-R": "0", "ISO": "1", "Joint-ISO-ITU-T": "2",
		"ASN.1": "2.1", "Country": "2.16", "International-Organizations": "2.23", "UUID": "2.25", "Tag-Based": "2.27", "BIP": "2.41",
		"Telebiometrics": "2.42", "Cybersecurity": "2.48", "Alerting": "2.49", "OIDResolutionSystem": "2.50", "GS1": "2.51", "Example": "2.999",
	},
	"0": {"Recommendation": "0", "Administration": "2", "Network-Operator": "3", "Identified-Organization": "4", "R-Recommendation": "5", "Data": "9"},
	"1": {"Standard": "0", "Registration-Authority": "1", "Member-Body": "2", "Identified-Organization": "3"},
	"2": {
		"ASN.1": "1", "Country": "16", "Registration-Procedures": "17", "International-Organizations": "23", "UUID": "25", "Tag-Based": "27", "ITS": "28",
		"BIP": "41", "Telebiometrics": "42", "Cybersecurity": "48", "Alerting": "49", "OIDResolutionSystem": "50", "GS1": "51", "UAV": "52", "Example": "999",
	},
	"2.1":   {"Specification": "0", "Basic-Encoding": "1", "BER-Derived": "2", "Packed-Encoding": "3"},
	"2.1.2": {"Canonical-Encoding": "0", "Distinguished-Encoding": "1"},
	"2.49":  {"WMO": "0"},
}

// OIDArc returns the arcs to which a name or label leads below the dotted parent, "" being the
// root: mostly one arc, several for a long arc ("country" below the root is "2.16"). Names of ASN.1
// notation and Unicode labels are known, compared without regard to ASCII case, as names are in
// the DNS. Every known label is ASCII, so that none has an A-label of its own.
func OIDArc(parent, label string) (arc string, ok bool) {
	if arc, ok = oidCoded(parent, label); ok {
		return arc, true
	}
	for _, table := range [...]map[string]string{oidNames[parent], oidLabels[parent]} {
		for known, arc := range table {
			if EqualFoldASCII(known, label) {
				return arc, true
			}
		}
	}
	return "", false
}

// oidName returns the arc of a name in ASN.1 value notation below the dotted parent.
func oidName(parent, name string) (arc string, ok bool) {
	if arc, ok = oidNames[parent][name]; ok {
		return arc, true
	}
	if len(name) <= 2 && FoldASCII(name) == name {
		return oidCoded(parent, name)
	}
	return "", false
}

// oidLabel returns the arcs of a Unicode label below the dotted parent.
func oidLabel(parent, label string) (arc string, ok bool) {
	if arc, ok = oidLabels[parent][label]; ok {
		return arc, true
	}
	for i := range len(label) {
		if label[i] < 'A' || label[i] > 'Z' {
			return "", false
		}
	}
	return oidCoded(parent, label)
}

// oidCoded returns the arc of a recommendation's letter below {itu-t recommendation} and of a
// country's two letters below {iso member-body} and {joint-iso-itu-t country}, in either case.
func oidCoded(parent, label string) (arc string, ok bool) {
	switch {
	case parent == "0.0" && len(label) == 1:
		if c := label[0] | 0x20; 'a' <= c && c <= 'z' {
			return oidLetters[c-'a'], true
		}
	case (parent == "1.2" || parent == "2.16") && len(label) == 2:
		for i := 0; i < len(oidCountries); i += 5 {
			if EqualFoldASCII(oidCountries[i:i+2], label) {
				arc = oidCountries[i+2 : i+5]
				for arc[0] == '0' {
					arc = arc[1:]
				}
				return arc, true
			}
		}
	}
	return "", false
}

var oidLetters = [26]string{
	"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13",
	"14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24", "25", "26",
}

// oidCountries are the codes of ISO 3166-1: two letters and three digits each.
const oidCountries = "AD020AE784AF004AG028AI660AL008AM051AO024AQ010AR032AS016AT040AU036AW533AX248AZ031" +
	"BA070BB052BD050BE056BF854BG100BH048BI108BJ204BL652BM060BN096BO068BQ535BR076BS044BT064BV074BW072BY112BZ084" +
	"CA124CC166CD180CF140CG178CH756CI384CK184CL152CM120CN156CO170CR188CU192CV132CW531CX162CY196CZ203" +
	"DE276DJ262DK208DM212DO214DZ012EC218EE233EG818EH732ER232ES724ET231FI246FJ242FK238FM583FO234FR250" +
	"GA266GB826GD308GE268GF254GG831GH288GI292GL304GM270GN324GP312GQ226GR300GS239GT320GU316GW624GY328" +
	"HK344HM334HN340HR191HT332HU348ID360IE372IL376IM833IN356IO086IQ368IR364IS352IT380JE832JM388JO400JP392" +
	"KE404KG417KH116KI296KM174KN659KP408KR410KW414KY136KZ398LA418LB422LC662LI438LK144LR430LS426LT440LU442LV428LY434" +
	"MA504MC492MD498ME499MF663MG450MH584MK807ML466MM104MN496MO446MP580MQ474MR478MS500MT470MU480MV462MW454MX484MY458MZ508" +
	"NA516NC540NE562NF574NG566NI558NL528NO578NP524NR520NU570NZ554OM512PA591PE604PF258PG598PH608PK586PL616PM666PN612PR630PS275PT620PW585PY600" +
	"QA634RE638RO642RS688RU643RW646SA682SB090SC690SD729SE752SG702SH654SI705SJ744SK703SL694SM674SN686SO706SR740SS728ST678SV222SX534SY760SZ748" +
	"TC796TD148TF260TG768TH764TJ762TK772TL626TM795TN788TO776TR792TT780TV798TW158TZ834UA804UG800UM581US840UY858UZ860" +
	"VA336VC670VE862VG092VI850VN704VU548WF876WS882YE887YT175ZA710ZM894ZW716"
