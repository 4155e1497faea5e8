package identifier

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The links are examples of the GS1 toolkits for compression, with what they stand for.
func TestDecompressLink(t *testing.T) {
	for _, test := range []struct{ path, want string }{
		{"AN2yxDhfaiaw", "(00)998440410914660971"},
		{"ABeRcNWtKMPA", "(00)106141412345678908"},
		{"AQnYUc1gmg", "(01)05412345000013"},
		{"ARHKVAdpQg", "(01)09780345418913"},
		{"AQnYUc1gmiCNV4JG", "(01)05412345000013(10)ABC123"},
		{"AQnYUc1gmiCNV4JGQhcNT6K6c", "(01)05412345000013(10)ABC123(21)72292641703"},
		{"AQnYUc1gmiCNV4JGQhcNT6K6cibQCWN9Pee9tT-PQ", "(01)05412345000013(22)AJY3095721P49(10)ABC123(21)72292641703"},
		{"AQnYUc1gmkax7ipGrOHDPC5YNI8hMz", "(01)05412345000013(235)8TFV883a904GH&3"},
		{"AQnYUc1gmiERBhQ0ytiyZuAGOLc1TXgpNWCv1", "(01)05412345000013(10)ABC&+123"},
		{"AQnYUc1gmiCNV4JGLo3DY?arv=true&donor=bmgf", "(01)05412345000013(10)ABC123"},
		{"AQnYUc1gmiCNV4JGLo3Dfg2q72Etrue8K7RPRWwjc0D4#chapter1", "(01)05412345000013(10)ABC123"}, // arv=true and donor=bmgf are in it
		{"JTLIetaiHYA", "(253)3060077601309"},
		{"JVUqG5hJ5wA", "(255)5678409730535"},
		{"QBl2DVoxZM2jVm3ZOWEFoxTR5HDgzZg", "(401)0541234537290A41&GHpp33"},
		{"QCJZyW9mC6Z4", "(402)21173492661712079"},
		{"QUSaVjC_dA", "(414)5060917510004"},
		{"QUCO_anbfA", "(414)0614141123452"},
		{"JUa0T-eifdtOO9UFEmlYwv3Q", "(414)5060917510004(254)RP56J920471"}, // the qualifier stands first
		{"QUSaVjC_dHBAVlCrg", "(414)5060917510004(7040)5KFX"},
		{"QXSaVjC_dA", "(417)5060917510004"},
		{"gAMJCAXukTMA", "(8003)04965031954585"},
		{"gASXYNWjFkzaNWbdk5YQWjFNHkcODNm", "(8004)0541234537290A41&GHpp33"},
		{"gBCVYNWjFkzaNWbdk5YQWjFHHkM2cAI0xdvpGo", "(8010)0541234537290A41#GH33(8011)6639047221"},
		{"gBe1ajAd9ATDmAGXPRfk", "(8017)817019610850151481(8019)4003812"},
		{"gBhbV6rzBENPk/", "(8018)411369833821910265"},
		{"some/where/AQnYUc1gmg", "(01)05412345000013"},
		// The key in plain, the rest compressed.
		{"01/05412345000013/EEarwSM", "(01)05412345000013(10)ABC123"},
		{"01/5412345000013/EEarwSM", "(01)05412345000013(10)ABC123"},
		{"01/05412345000013/EEarwSMhC4an0V05E2gEsb6e897an8eg", "(01)05412345000013(22)AJY3095721P49(10)ABC123(21)72292641703"},
		{"414/5060917510004/cEBWUKu", "(414)5060917510004(7040)5KFX"},
		{"8004/0541234537290A41%26GHpp33/cEB2Cqi", "(8004)0541234537290A41&GHpp33(7040)7BVR"},
		{"8017/817019610850151481/gBlz0X5A", "(8017)817019610850151481(8019)4003812"},
	} {
		link := "https://id.gs1.org/" + test.path
		pairs, reason := decompressLink(link)
		if reason != "" || !looksCompressed(link) {
			t.Errorf("%s: %s, looks compressed: %v", link, reason, looksCompressed(link))
			continue
		}
		if name, reason := nameOf(pairs); name != test.want {
			t.Errorf("%s gives %v, names %s (%s), want %s", link, pairs, name, reason, test.want)
		}
	}
}

func TestDecompressLinkSequences(t *testing.T) {
	for _, s := range packedSequences {
		if code := s.code; code>>4 <= 9 && code&15 <= 9 {
			t.Errorf("code %02X is that of an application identifier", code)
		}
		for ai := range strings.SplitSeq(s.ais, ",") {
			if findElem(ai) == nil {
				t.Errorf("code %02X holds (%s), which is none", s.code, ai)
			}
		}
	}
	// 1A: GTIN, lot, serial and expiry without their own identifiers.
	var w bitWriter
	w.put("1A", 16, 8)
	for _, p := range []gs1Pair{{"01", "05412345000013"}, {"10", "abc"}, {"21", "007"}, {"17", "290331"}} {
		w.value(p)
	}
	pairs, reason := decompressLink("https://example.com/" + w.String())
	if name, _ := nameOf(pairs); reason != "" || name != "(01)05412345000013(10)abc(21)007" {
		t.Errorf("gives %v, %s", pairs, reason)
	}
}

func TestDecompressLinkRefuses(t *testing.T) {
	for link, want := range map[string]string{
		"":                                                 "no compressed",
		"AQnYUc1gmg":                                       "no compressed",
		"https://example.com":                              "no compressed",
		"https:///AQnYUc1gmg":                              "no compressed",
		"https://example.com/":                             "no compressed",
		"https://example.com/AQ":                           "no compressed",
		"https://example.com/AQnYUc1gmg.html":              "no compressed",
		"https://example.com/01/5412345000013":             "no compressed",
		"https://example.com/products":                     "ends within",
		"https://example.com/about-us":                     "unknown",
		"https://example.com/AQnYUc1gm":                    "ends within",
		"https://example.com/AQnYUc1gmh":                   "behind its end",
		"https://example.com/AQnYUc1gmgAAAAAA":             "ends within",
		"https://example.com/0AAAAAAAA":                    "unknown code",
		"https://example.com/EEarwSM":                      "no primary key",
		"https://example.com/Af______gm":                   "more digits than it says",
		"https://example.com/01/05412345000013/EB8AAAA":    "too long",
		"https://example.com/01/05412345000013/EOEAAAA":    "unknown coding",
		"https://example.com/01/5%ZZ12345000013/EEarwSM":   "broken percent sign",
		"https://example.com/01/05412345000013/AQnYUc1gmg": "stands twice",
	} {
		if pairs, reason := decompressLink(link); !strings.Contains(reason, want) || reason == "" {
			t.Errorf("%s gives %v, reason %q, want one with %q", link, pairs, reason, want)
		}
	}
}

func TestLooksCompressedAllocates(t *testing.T) {
	for _, link := range []string{"https://id.gs1.org/AQnYUc1gmg", "https://example.com/a/b/c.html"} {
		if n := testing.AllocsPerRun(100, func() { looksCompressed(link) }); n != 0 {
			t.Errorf("looking at %s allocates %v times", link, n)
		}
	}
}

// bitWriter compresses, without the codes for sequences: what decompressLink has to read.
type bitWriter struct{ bits strings.Builder }

func (w *bitWriter) put(number string, base, size int) {
	v, _ := new(big.Int).SetString(number, base)
	fmt.Fprintf(&w.bits, "%0*b", size, v)
}

func (w *bitWriter) String() string {
	text := w.bits.String()
	text += strings.Repeat("0", (6-len(text)%6)%6)
	var b strings.Builder
	for ; text != ""; text = text[6:] {
		v, _ := new(big.Int).SetString(text[:6], 2)
		b.WriteByte(alphabet64[v.Int64()])
	}
	return b.String()
}

func (w *bitWriter) element(p gs1Pair) {
	w.put(p.ai, 16, 4*len(p.ai))
	w.value(p)
}

func (w *bitWriter) value(p gs1Pair) {
	rest := p.value
	for parts := findElem(p.ai).parts; len(parts) > 0; {
		var f packedField
		f, parts = nextPackedField(parts)
		text := rest[:min(len(rest), f.most)]
		rest = rest[len(text):]
		coding := packedASCII
		switch {
		case !f.text || strings.Trim(text, "0123456789") == "":
			coding = packedDigits
		case strings.Trim(text, alphabetLower) == "":
			coding = packedLower
		case strings.Trim(text, alphabetUpper) == "":
			coding = packedUpper
		case strings.Trim(text, alphabet64) == "":
			coding = packed64
		}
		if f.text {
			w.put(fmt.Sprint(coding), 10, 3)
		}
		if !f.fixed {
			w.put(fmt.Sprint(len(text)), 10, f.lengthBits())
		}
		switch coding {
		case packedDigits:
			if text != "" {
				w.put(text, 10, bitsOfDigits(len(text)))
			}
		case packedLower, packedUpper:
			w.put(text, 16, 4*len(text))
		case packed64:
			for i := range len(text) {
				w.put(fmt.Sprint(sextet(text[i])), 10, 6)
			}
		case packedASCII:
			for i := range len(text) {
				w.put(fmt.Sprint(text[i]), 10, 7)
			}
		}
	}
}

func TestDecompressLinkLongNumber(t *testing.T) {
	var w bitWriter
	w.element(gs1Pair{"01", "05412345000013"})
	w.element(gs1Pair{"21", "00765432109876543210"})
	pairs, reason := decompressLink("https://example.com/" + w.String())
	if name, _ := nameOf(pairs); reason != "" || name != "(01)05412345000013(21)00765432109876543210" {
		t.Errorf("gives %v, %s", pairs, reason)
	}
}

// The writer of the round trip below writes what the toolkits write.
func TestBitWriter(t *testing.T) {
	for want, pairs := range map[string][]gs1Pair{
		"AQnYUc1gmiCNV4JGQhcNT6K6c":              {{"01", "05412345000013"}, {"10", "ABC123"}, {"21", "72292641703"}},
		"AQnYUc1gmkax7ipGrOHDPC5YNI8hMz":         {{"01", "05412345000013"}, {"235", "8TFV883a904GH&3"}},
		"QUSaVjC_dHBAVlCrg":                      {{"414", "5060917510004"}, {"7040", "5KFX"}},
		"gBCVYNWjFkzaNWbdk5YQWjFHHkM2cAI0xdvpGo": {{"8010", "0541234537290A41#GH33"}, {"8011", "6639047221"}},
	} {
		var w bitWriter
		for _, p := range pairs {
			w.element(p)
		}
		if got := w.String(); got != want {
			t.Errorf("%v is compressed to %s, want %s", pairs, got, want)
		}
	}
}

func TestDecompressLinkRoundTrip(t *testing.T) {
	digits := func(t *rapid.T, least, most int) string {
		return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), least, most, -1).Draw(t, "digits")
	}
	text := func(t *rapid.T, least, most int) string {
		alphabet := rapid.SampledFrom([]string{"0123456789", alphabetLower, alphabetUpper, alphabet64, gs1Set82}).Draw(t, "alphabet")
		return rapid.StringOfN(rapid.RuneFrom([]rune(alphabet)), least, most, -1).Draw(t, "text")
	}
	rapid.Check(t, func(t *rapid.T) {
		checked := func(n int) string {
			d := digits(t, n-1, n-1)
			return d + string(digitFor(d+"0"))
		}
		var pairs []gs1Pair
		switch rapid.IntRange(0, 7).Draw(t, "key") {
		case 0:
			pairs = []gs1Pair{{"00", checked(18)}}
		case 1:
			pairs = []gs1Pair{{"01", checked(14)}}
			for _, ai := range []string{"22", "10", "21"} {
				if rapid.Bool().Draw(t, ai) {
					pairs = append(pairs, gs1Pair{ai, text(t, 1, 20)})
				}
			}
		case 2:
			pairs = []gs1Pair{{"253", checked(13) + text(t, 0, 17)}}
		case 3:
			pairs = []gs1Pair{{"414", checked(13)}, {"254", text(t, 1, 20)}}
		case 4:
			pairs = []gs1Pair{{"8003", "0" + checked(13) + text(t, 0, 16)}}
		case 5:
			pairs = []gs1Pair{{"8004", digits(t, 6, 9) + text(t, 1, 21)}}
		case 6:
			pairs = []gs1Pair{{"8018", checked(18)}, {"8019", digits(t, 1, 10)}}
		case 7:
			pairs = []gs1Pair{{"8006", checked(14) + "0102"}, {"21", text(t, 1, 20)}}
		}
		want, reason := nameOf(append([]gs1Pair(nil), pairs...))
		if reason != "" {
			t.Fatalf("%v name nothing: %s", pairs, reason)
		}
		plain := rapid.Bool().Draw(t, "plain key") && len(pairs) > 1 && !strings.ContainsAny(pairs[0].value, "%/?#")
		var w bitWriter
		order := rapid.Permutation(pairs).Draw(t, "order")
		for _, p := range order {
			if !plain || p.ai != pairs[0].ai {
				w.element(p)
			}
		}
		link := "https://example.com/"
		if plain {
			link += pairs[0].ai + "/" + pairs[0].value + "/"
		}
		link += w.String()
		if plain && !looksCompressed(link) {
			t.Skip("shorter than any link is taken to be compressed")
		}
		got, reason := decompressLink(link)
		if reason != "" {
			t.Fatalf("%s: %s", link, reason)
		}
		if name, reason := nameOf(got); name != want {
			t.Fatalf("%s names %s (%s), want %s", link, name, reason, want)
		}
	})
}

func FuzzDecompressLink(f *testing.F) {
	for _, path := range []string{"AQnYUc1gmiCNV4JGLo3Dfg2q72Etrue8K7RPRWwjc0D4", "01/05412345000013/EEarwSM", "gBCVYNWjFkzaNWbdk5YQWjFHHkM2cAI0xdvpGo", "____________", "AAAAAAAAAAAA"} {
		f.Add("https://id.gs1.org/" + path)
	}
	f.Fuzz(func(t *testing.T, link string) {
		if pairs, reason := decompressLink(link); (reason == "") != (len(pairs) > 0) {
			t.Errorf("%q gives %v, reason %q", link, pairs, reason)
		}
	})
}
