package identifier

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Examples of the EPC Tag Data Standard, appendix E.3 of releases 1.9 and 2.3, unless they say more.
func TestParseEPCHex(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"3074257BF7194E4000001A85", "(01)80614141123458(21)6789"},
		{"0x3074257bf7194e4000001a85", "(01)80614141123458(21)6789"},
		{"3066C4409047E140075BCD15", "(01)09506000134352(21)123456789"},
		{"3666C4409047E159B2C2BF100000000000000000000000000000", "(01)09506000134352(21)32a/b"},
		{"3666C4409047E159B2C2BF1000000000000000000000000000", "(01)09506000134352(21)32a/b"}, // without the padding to 16 bits
		{"36500001DB011169E5E5A70EC000000000000000000000000000", "(01)00000095010939(21)Serial"},
		{"3174257BF4499602D2000000", "(00)106141412345678908"},
		{"311BA1B300CE0A6A83000000", "(00)095201234567891235"},
		{"3276451FD46072000000162E", "(414)9521141123454(254)5678"},
		{"3276451FD460720000000000", "(414)9521141123454"},
		{"3976451FD46072CD9615F8800000000000000000000000000000", "(414)9521141123454(254)32a/b"},
		{"390039318D8401057AD850E2458D1E449952E64D9D3E851A4000", "(414)0614111234560(254)A/-BCDEFGHIJKLMNOPQR"},
		{"3376451FD40C0E400000162E", "(8003)095211411234545678"},
		{"3776451FD40C0E59B2C2BF1000000000000000000000", "(8003)0952114112345432a/b"},
		{"3476451FD40000000000162E", "(8004)95211415678"},
		{"3876451FD59B2C2BF10000000000000000000000000000000000", "(8004)952114132a/b"},
		{"2D76451FD4499602D2000000", "(8018)952114112345678906"},
		{"2E76451FD4499602D2000000", "(8017)952114112345678906"},
		{"2C76451FD46072000000162E", "(253)95211411234545678"},
		{"3E76451FD7039B061438997367D0C18B266D1AB66EE0", "(253)9521141987650ABCDefgh012345678"},
		{"3C76451FD400C0E680003039", "(8010)952114198765(8011)12345"},
		{"3D76451FD75411DEF6B4CC00000003039000", "(8010)95211415PQ7/Z43(8011)12345"},
		{"3D74257BF75411DEF6B4CC00000003039", "(8010)06141415PQ7/Z43(8011)12345"},
		{"3D14257BF71CADD35D8000075BCD1500", "(8010)061414112-456(8011)123456789"},
		{"3F76451FD612640000019907", "(255)952114167890904711"},
		{"3FE175ADC32764000000000B", "(255)40123451234561"},
		{"4076451FD40C0E40820000000F54", "(8006)095211411234540102(21)981"},
		{"4176451FD40C0E4082DBDD8B36600000000000000000000000000000", "(8006)095211411234540102(21)mw133"},
		// Release 2.0 and later.
		{"F73795211411234538566CB0AFC4", "(01)79521141123453(21)32a/b"},
		{"FB342CDE795211411234538566CB0AFC4", "(01)79521141123453(21)32a/b"},
		{"F90095201234567891235", "(00)095201234567891235"},
		{"F90095201234567891235000", "(00)095201234567891235"},
		{"F2395211411234548566CB0AFC4", "(414)9521141123454(254)32a/b"},
		{"F13095211411234548566CB0AFC4", "(8003)0952114112345432a/b"},
		{"FA3952114132E83C2BF10", "(8004)952114132a/b"},
		{"F43952114112345678906", "(8018)952114112345678906"},
		{"F53952114112345678906", "(8017)952114112345678906"},
		{"F6395211411234540458B8", "(253)95211411234545678"},
		{"F0395211415E87A145BAFB4D19A8C0E4", "(8010)95211415PQ7/Z43(8011)12345"},
		{"F839521141678909509338", "(255)952114167890904711"},
		{"F3309521141123454010266AE27FDF35", "(8006)095211411234540102(21)rif981"},
		{"F98095201234567891235ABCDEF", "(00)095201234567891235"}, // other data follow
		// The codings of a serial: digits, capital and small hexadecimal digits, URN Code 40.
		{"F707952114112345314AB54A9A71CA4CFDD4", "(01)79521141123453(21)98765432109876543210"},
		{"F707952114112345326ABC123", "(01)79521141123453(21)ABC123"},
		{"F707952114112345346ABC123", "(01)79521141123453(21)abc123"},
		{"F7079521141123453A506ACC6C1", "(01)79521141123453(21)AB-12"},
		{"F7079521141123453A306AC", "(01)79521141123453(21)AB-"},
		// Release 2.3: the host id.example.com follows.
		{"FD3795211411234538566CB0AFC525065F1876F0D996D800", "(01)79521141123453(21)32a/b"},
		{"FC342CDE795211411234538566CB0AFC525065F1876F0D996D80", "(01)79521141123453(21)32a/b"},
		{"EF009520123456789123592832F8C3B786CCB6C0", "(00)095201234567891235"},
		{"E9395211411234548566CB0AFC525065F1876F0D996D8000", "(414)9521141123454(254)32a/b"},
		{"EB3095211411234548566CB0AFC525065F1876F0D996D800", "(8003)0952114112345432a/b"},
		{"EE3952114132E83C2BF1494197C61DBC3665B600", "(8004)952114132a/b"},
		{"E7395211411234567890692832F8C3B786CCB6C0", "(8018)952114112345678906"},
		{"E8395211411234567890692832F8C3B786CCB6C0", "(8017)952114112345678906"},
		{"EA395211411234540458BA4A0CBE30EDE1B32DB0", "(253)95211411234545678"},
		{"ED309521141123454010266AE27FDF3592832F8C3B786CCB6C00", "(8006)095211411234540102(21)rif981"},
	} {
		pairs, form, reason := parseEPCHex(test.text)
		if reason != "" || form != formEPCBinary || !looksLikeEPCHex(test.text) {
			t.Errorf("%s: form %q, reason %q, looks so: %v", test.text, form, reason, looksLikeEPCHex(test.text))
			continue
		}
		if name, reason := nameOf(pairs); name != test.want {
			t.Errorf("%s names %s (%s), want %s", test.text, name, reason, test.want)
		}
	}
}

func TestParseEPCHexRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "no EPC in hexadecimal digits",
		"30":                           "no EPC in hexadecimal digits",
		"3074257BF7194E4000001A8":      "no EPC in hexadecimal digits",
		"3074257BF7194E4000001A8G":     "no EPC in hexadecimal digits",
		"3074257BF7194E4000001A850000": "no EPC in hexadecimal digits",
		"E28011052000000000000000":     "no EPC in hexadecimal digits",
		strings.Repeat("3", 300):       "no EPC in hexadecimal digits",
		"307C257BF7194E4000001A85":     "reserved partition value 7",
		"3063FFFFFFFFFE4000001A85":     "digits that its partition leaves",
		"3074FFFFFFFFFFC000001A85":     "digits that its partition leaves",
		"3174257BF4499602D2000001":     "bits behind its end",
		"3666C4409047E159B2C2BF100000000000000000000000000001": "bits behind its end",
		"3666C4409047E10000000000000000000000000000000000000":  "serial of sgtin is empty",
		"3666C4409047E15900000000BF10000000000000000000000000": "not written as scheme sgtin has it",
		"3F76451FD612640000030D40":                             "not written as scheme sgcn has it",
		"3500E86F8000A9E000000586":                             "EPC scheme gid has no GS1 key",
		"2F320434147455900000162E":                             "EPC scheme usdod has no GS1 key",
		"3B0E0CF5E76C9047759AD00373DC":                         "EPC scheme adi has no GS1 key",
		"F737A521141123453856":                                 "digit beyond 9",
		"F7379521141123453856":                                 "too short",
		"F737952114112345385E":                                 "too short",
		"F7379521141123453C5000000000":                         "unknown coding",
		"F73795211411234538566CB0AFC5":                         "bits behind its end",
		"F7079521141123453A206AC":                              "another length than it says",
		"F7079521141123453A2FDE8":                              "beyond its alphabet",
		"F707952114112345301F":                                 "more digits than it says",
		"F90095201234567891235000000000":                       "bits behind its end",
		"FB3F2CDE795211411234538566CB0AFC4":                    "no date",
		"F737952114112345301FFFF00000":                         "more digits than it says",
		"3D76451FD75411DEF6B4CC000000":                         "too short",
	} {
		if pairs, _, reason := parseEPCHex(text); !strings.Contains(reason, want) {
			t.Errorf("%q gives %v, reason %q, want one with %q", text, pairs, reason, want)
		}
	}
}

// A tag of numbers and the URI of the same numbers name one thing.
func TestEPCHexIsTagURI(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := epcLayouts[rapid.SampledFrom([]int{0, 3, 5, 6}).Draw(t, "layout")]
		s := epcSchemeNamed(l.scheme)
		partition := rapid.IntRange(0, 6).Draw(t, "partition")
		digits := 12 - partition
		company := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), digits, digits, -1).Draw(t, "company")
		reference := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), s.digits-digits, s.digits-digits, -1).Draw(t, "reference")
		serial := rapid.Uint64Range(0, 1<<l.serial-1).Draw(t, "serial")

		field := func(text string, size int) string {
			v := uint64(0)
			if text != "" {
				_, _ = fmt.Sscanf(text, "%d", &v)
			}
			return fmt.Sprintf("%0*b", size, v)
		}
		size := epcCompanyBits[partition]
		binary := fmt.Sprintf("%08b011%03b", l.header, partition) + field(company, size) + field(reference, l.reference-size) + fmt.Sprintf("%0*b", l.serial, serial)
		var hex strings.Builder
		for i := 0; i < len(binary); i += 4 {
			var v int
			_, _ = fmt.Sscanf(binary[i:i+4], "%b", &v)
			fmt.Fprintf(&hex, "%X", v)
		}
		uri := fmt.Sprintf("urn:epc:tag:%s:3.%s.%s.%d", l.tag, company, reference, serial)
		want, _, reason := parseEPC(uri)
		if reason != "" {
			t.Fatalf("%s: %s", uri, reason)
		}
		got, _, reason := parseEPCHex(hex.String())
		if reason != "" || joinElements(got) != joinElements(want) {
			t.Fatalf("%s gives %v (%s), %s gives %v", hex.String(), got, reason, uri, want)
		}
		if name, reason := nameOf(got); name == "" {
			t.Fatalf("%s names nothing: %s", uri, reason)
		}
	})
}

func TestLooksLikeEPCHexAllocates(t *testing.T) {
	for _, text := range []string{"0x3074257BF7194E4000001A85", "6901234567892", strings.Repeat("3", 52)} {
		if n := testing.AllocsPerRun(100, func() { looksLikeEPCHex(text) }); n != 0 {
			t.Errorf("looking at %s allocates %v times", text, n)
		}
	}
}

func FuzzParseEPCHex(f *testing.F) {
	f.Add("3074257BF7194E4000001A85")
	f.Add("3D76451FD75411DEF6B4CC00000003039000")
	f.Add("F0395211415E87A145BAFB4D19A8C0E4")
	f.Add("F7379521141123453A56ABCDEFABCDEFABCD")
	f.Fuzz(func(t *testing.T, text string) {
		pairs, _, reason := parseEPCHex(text)
		if (reason == "") != (len(pairs) > 0) || reason == "" && !looksLikeEPCHex(text) {
			t.Errorf("%q gives %v, reason %q", text, pairs, reason)
		}
	})
}
