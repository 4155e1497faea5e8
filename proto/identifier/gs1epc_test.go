package identifier

import (
	"strings"
	"testing"
)

// nameOf is the canonical name that elements give, as the grammar makes it.
func nameOf(pairs []gs1Pair) (string, string) {
	named, slip := nameElements(nil, pairs)
	if slip != (gs1Slip{}) {
		return "", slip.String()
	}
	return joinElements(named), ""
}

// The examples are those of the EPC Tag Data Standard, releases 1.9 (0614141, 4012345) and 2.1
// (9521141), sections 6, 12 and appendix E.3, where nothing else is said.
func TestParseEPC(t *testing.T) {
	for _, test := range []struct{ text, want, form string }{
		{"urn:epc:id:sgtin:0614141.812345.6789", "(01)80614141123458(21)6789", formEPC},
		{"URN:EPC:id:sgtin:0614141.112345.400", "(01)10614141123459(21)400", formEPC},
		{"urn:epc:id:sgtin:95060001343.05.32a%2Fb", "(01)09506000134352(21)32a/b", formEPC},
		{"urn:epc:id:sgtin:95060001343.05.32a%2fb", "(01)09506000134352(21)32a/b", formEPC},
		{"urn:epc:id:sgtin:0614141.112345.a.b-c", "(01)10614141123459(21)a.b-c", formEPC},
		{"urn:epc:id:sgtin:00000950.01093.Serial", "(01)00000095010939(21)Serial", formEPC},
		{"urn:epc:id:sgtin:061414112345.8.A", "(01)80614141123458(21)A", formEPC},
		{"urn:epc:id:sgtin:061414.8112345.0", "(01)80614141123458(21)0", formEPC},
		{"urn:epc:id:sscc:0614141.1234567890", "(00)106141412345678908", formEPC},
		{"urn:epc:id:sscc:952012.03456789123", "(00)095201234567891235", formEPC},
		{"urn:epc:id:sgln:0614141.12345.400", "(414)0614141123452(254)400", formEPC},
		{"urn:epc:id:sgln:0614141.12345.0", "(414)0614141123452", formEPC},
		{"urn:epc:id:sgln:061411123456..A%2F-B", "(414)0614111234560(254)A/-B", formEPC},
		{"urn:epc:id:grai:0614141.12345.400", "(8003)00614141123452400", formEPC},
		{"urn:epc:id:giai:0614141.12345400", "(8004)061414112345400", formEPC},
		{"urn:epc:id:giai:0614141.1ABc%2FD.x", "(8004)06141411ABc/D.x", formEPC},
		{"urn:epc:id:gsrn:0614141.1234567890", "(8018)061414112345678902", formEPC},
		{"urn:epc:id:gsrnp:9521141.1234567890", "(8017)952114112345678906", formEPC},
		{"urn:epc:id:gdti:0614141.12345.400", "(253)0614141123452400", formEPC},
		{"urn:epc:id:sgcn:4012345.67890.04711", "(255)401234567890104711", formEPC},
		{"urn:epc:id:sgcn:401234512345..1", "(255)40123451234561", formEPC},
		{"urn:epc:id:cpi:0614141.123ABC.123456789", "(8010)0614141123ABC(8011)123456789", formEPC},
		{"urn:epc:id:cpi:0614141.5PQ7%2FZ43.12345", "(8010)06141415PQ7/Z43(8011)12345", formEPC},
		{"urn:epc:id:cpi:0614141.A%23B.0", "(8010)0614141A#B(8011)0", formEPC},
		{"urn:epc:id:itip:4012345.012345.01.02.987", "(8006)040123451234560102(21)987", formEPC},
		{"urn:epc:id:upui:1234567.098765.51qIgY)%3C%26Jp3*j7SDB", "(01)01234567987651(235)51qIgY)<&Jp3*j7SDB", formEPC},
		{"urn:epc:id:pgln:4012345.00000", "(417)4012345000009", formEPC},
		{"urn:epc:id:ginc:0614141.xyz47%2F11", "(401)0614141xyz47/11", formEPC},
		{"urn:epc:id:gsin:4012345.222333444", "(402)40123452223334442", formEPC},

		{"urn:epc:class:lgtin:4012345.012345.998877", "(01)04012345123456(10)998877", formEPCClass},
		{"urn:epc:class:lgtin:4012345.012345.ABC%25", "(01)04012345123456(10)ABC%", formEPCClass},
		{"urn:epc:idpat:sgtin:4012345.012345.*", "(01)04012345123456", formEPCClass},
		{"urn:epc:idpat:grai:0614141.12345.*", "(8003)00614141123452", formEPCClass},
		{"urn:epc:idpat:itip:4012345.012345.01.02.*", "(8006)040123451234560102", formEPCClass},

		{"urn:epc:tag:sgtin-96:3.0614141.812345.6789", "(01)80614141123458(21)6789", formEPCTag},
		{"urn:epc:tag:sgtin-198:3.9506000.113435.32a%2Fb", "(01)19506000134359(21)32a/b", formEPCTag},
		{"urn:epc:tag:sscc-96:0.952012.03456789123", "(00)095201234567891235", formEPCTag},
		{"urn:epc:tag:sgln-96:3.9521141.12345.5678", "(414)9521141123454(254)5678", formEPCTag},
		{"urn:epc:tag:giai-96:3.9521141.5678", "(8004)95211415678", formEPCTag},
		{"urn:epc:tag:cpi-96:3.9521141.98765.12345", "(8010)952114198765(8011)12345", formEPCTag},
		{"urn:epc:tag:cpi-var:3.9521141.5PQ7%2FZ43.12345", "(8010)95211415PQ7/Z43(8011)12345", formEPCTag},
		{"urn:epc:tag:sgcn-96:3.9521141.67890.04711", "(255)952114167890904711", formEPCTag},
		{"urn:epc:tag:itip-212:3.9521141.012345.01.02.mw133", "(8006)095211411234540102(21)mw133", formEPCTag},

		{"urn:epc:raw:96.x3074257BF7194E4000001A85", "(01)80614141123458(21)6789", formEPCRaw},
		{"urn:epc:raw:208.x3666C4409047E159B2C2BF100000000000000000000000000000", "(01)09506000134352(21)32a/b", formEPCRaw},
	} {
		pairs, form, reason := parseEPC(test.text)
		if reason != "" || form != test.form {
			t.Errorf("%s: form %q, reason %q, want form %q", test.text, form, reason, test.form)
			continue
		}
		if name, reason := nameOf(pairs); name != test.want {
			t.Errorf("%s names %s (%s), want %s", test.text, name, reason, test.want)
		}
	}
}

func TestParseEPCRefuses(t *testing.T) {
	long := strings.Repeat("9", 31)
	for text, want := range map[string]string{
		"":                                     "does not begin with urn:epc:",
		"urn:epc":                              "does not begin with urn:epc:",
		"urn:epc:":                             "neither",
		"urn:epc:ID:sgtin:0614141.812345.6789": "neither",
		"urn:epc:pat:sgtin-96:3.0614141.812345.*": "neither",
		"urn:epc:id:":                             "no EPC scheme",
		"urn:epc:id:gid:31415.271828.1414":        "EPC scheme gid has no GS1 key",
		"urn:epc:id:usdod:2S194.1":                "EPC scheme usdod has no GS1 key",
		"urn:epc:id:adi:35962.PQ7VZ4.M37GXB92":    "EPC scheme adi has no GS1 key",
		"urn:epc:id:bic:CSQJ3054381":              "EPC scheme bic has no GS1 key",
		"urn:epc:id:imovn:9176187":                "EPC scheme imovn has no GS1 key",
		"urn:epc:id:SGTIN:0614141.812345.6789":    "unknown EPC scheme SGTIN",
		"urn:epc:id:sgtin:0614141.812345":         "too few components",
		"urn:epc:id:sgtin:0614141":                "too few components",
		"urn:epc:id:itip:4012345.012345.01.02":    "too few components",
		"urn:epc:id:sgtin:06141.41812345.6789":    "6 to 12 digits",
		"urn:epc:id:sgtin:0614141812345..6789":    "6 to 12 digits",
		"urn:epc:id:sgtin:061414A.812345.6789":    "6 to 12 digits",
		"urn:epc:id:sgtin:0614141.81234.6789":     "do not have 13 digits",
		"urn:epc:id:sgtin:0614141.81234A.6789":    "do not have 13 digits",
		"urn:epc:id:sscc:0614141.123456789":       "do not have 17 digits",
		"urn:epc:id:sscc:0614141.123456789.0":     "do not have 17 digits",
		"urn:epc:id:sgln:061411123456.1.0":        "do not have 12 digits",
		"urn:epc:id:gsin:4012345.22233344":        "do not have 16 digits",
		"urn:epc:id:giai:0614141.":                "7 to 30 characters",
		"urn:epc:id:giai:0614141." + long:         "7 to 30 characters",
		"urn:epc:id:cpi:0614141.abc.1":            "may not hold",
		"urn:epc:id:cpi:0614141.ABC.1A":           "may not hold",
		"urn:epc:id:itip:4012345.012345.1.2.9":    "two digits each",
		"urn:epc:id:sgtin:0614141.812345.":        "serial of sgtin is empty",
		"urn:epc:id:sgtin:0614141.812345." + long: "longer than 20",
		"urn:epc:id:sgcn:4012345.67890.A":         "may not hold",
		"urn:epc:id:sgtin:0614141.812345.a/b":     "written %2F",
		"urn:epc:id:sgtin:0614141.812345.a&b":     "written %26",
		"urn:epc:id:sgtin:0614141.812345.a#b":     "written %23",
		"urn:epc:id:sgtin:0614141.812345.a?b":     "written %3F",
		"urn:epc:id:sgtin:0614141.812345.a%2":     "broken percent sign",
		"urn:epc:id:sgtin:0614141.812345.a%GG":    "broken percent sign",
		"urn:epc:id:sgtin:0614141.812345.a%20b":   "may not hold",
		"urn:epc:id:sgtin:0614141.812345.é":       "may not hold",
		"urn:epc:id:lgtin:4012345.012345.998877":  "unknown EPC scheme lgtin",
		"urn:epc:class:sgtin:4012345.012345.9988": "unknown EPC scheme sgtin",
		"urn:epc:idpat:sgtin:4012345.*.*":         "do not have 13 digits",
		"urn:epc:idpat:sgtin:4012345.012345.1":    "names no class",
		"urn:epc:idpat:sgln:4012345.12345.*":      "names no class",

		"urn:epc:tag:gid-96:31415.271828.1414":                    "EPC scheme gid has no GS1 key",
		"urn:epc:tag:sgtin-64:3.0614141.812345.6789":              "no tags of that size",
		"urn:epc:tag:sgtin-96:0614141.812345.6789":                "filter value",
		"urn:epc:tag:sgtin-96:8.0614141.812345.6789":              "filter value",
		"urn:epc:tag:sgtin-96:3.0614141.812345.06789":             "leading zero",
		"urn:epc:tag:sgtin-96:3.0614141.812345.A":                 "no number of the tag's size",
		"urn:epc:tag:sgtin-96:3.0614141.812345." + "274877906944": "no number of the tag's size",
		"urn:epc:tag:giai-96:3.9521141.05678":                     "leading zero",
		"urn:epc:tag:giai-96:3.9521141.A":                         "no number of the tag's size",
		"urn:epc:tag:cpi-96:3.9521141.PQ.12345":                   "no number of the tag's size",
		"urn:epc:tag:cpi-96:3.9521141.98765.2147483648":           "no number of the tag's size",
		"urn:epc:tag:pgln-96:3.9521141.98765":                     "no tags of that size",

		"urn:epc:raw:96":                               "other than hexadecimal",
		"urn:epc:raw:96.123":                           "other than hexadecimal",
		"urn:epc:raw:096.x3074257BF7194E4000001A85":    "number of its bits",
		"urn:epc:raw:x.x3074257BF7194E4000001A85":      "number of its bits",
		"urn:epc:raw:128.x3074257BF7194E4000001A85":    "another number of digits",
		"urn:epc:raw:96.x12.x3074257BF7194E4000001A85": "holds no EPC",
		"urn:epc:raw:96.xE28011052000000000000000":     "no known header",
	} {
		if pairs, _, reason := parseEPC(text); !strings.Contains(reason, want) || reason == "" {
			t.Errorf("%q gives %v, reason %q, want one with %q", text, pairs, reason, want)
		}
	}
}

func FuzzParseEPC(f *testing.F) {
	for _, s := range epcSchemes {
		f.Add("urn:epc:id:" + s.name + ":0614141.812345.1.2.3")
	}
	f.Add("urn:epc:raw:96.x3074257BF7194E4000001A85")
	f.Add("urn:epc:tag:cpi-var:3.9521141.5PQ7%2FZ43.12345")
	f.Fuzz(func(t *testing.T, text string) {
		if pairs, form, reason := parseEPC(text); (reason == "") != (len(pairs) > 0 && form != "") {
			t.Errorf("%q gives %v, form %q, reason %q", text, pairs, form, reason)
		}
	})
}
