package registry

import (
	"testing"
	"time"
)

func TestIndustries(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := normalIndustry(text); got != want {
			t.Errorf("normalIndustry(%q) = %q, want %q", text, got, want)
		}
	}
	f("C3451", "C3451")
	f("3451", "C3451")
	f("c34", "C34")
	f("T97", "T97")
	f("01", "A01")
	f("C", "C")
	f("A34", "")
	f("C3", "")
	f("C34511", "")
	f("98", "")
	f("00", "")
	f("U97", "")
	f("CC34", "")
	f("机械", "")
	f("", "")

	next := 1
	for _, s := range sections {
		if s.first != next || s.last < s.first || s.zh == "" || s.en == "" {
			t.Errorf("section %c is from %d to %d, after %d", s.letter, s.first, s.last, next-1)
		}
		next = s.last + 1
	}
	if next != len(divisions)+1 || len(sections) != 20 {
		t.Errorf("%d sections end at division %d", len(sections), next-1)
	}
	for i, d := range divisions {
		if d.zh == "" || d.en == "" {
			t.Errorf("division %d has no name", i+1)
		}
	}
	if section, division := IndustryOf("3451"); section.ZH != "制造业" || division.ZH != "通用设备制造业" || division.Code != "C34" {
		t.Errorf("industry of 3451: %v, %v", section, division)
	}
}

func TestRegions(t *testing.T) {
	for code, want := range map[string]bool{"320505": true, "320500": true, "320000": true, "419001": true, "810000": true,
		"320005": false, "990000": false, "32050": false, "3205o5": false, "": false} {
		if got := validRegion(code); got != want {
			t.Errorf("validRegion(%q) = %v", code, got)
		}
	}
	if len(provinces) != 34 {
		t.Errorf("%d provinces", len(provinces))
	}
	if p, c, d := divideRegion("320505"); p != "320000" || c != "320500" || d != "320505" {
		t.Errorf("320505 is divided into %s, %s, %s", p, c, d)
	}
	if p, c, d := divideRegion("320000"); p != "320000" || c != "" || d != "" {
		t.Errorf("320000 is divided into %s, %s, %s", p, c, d)
	}
}

func TestCitizenNumbers(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for number, want := range map[string]bool{
		"11010519491231002X": true, "440524188001010014": false, // before 1900
		"110105194912310021": false, "11010519491331002X": false, "990105194912310028": false, "1101051949123100": false, "11010520991231002X": false,
	} {
		if got := checkCitizenNumber(number, now); got != want {
			t.Errorf("checkCitizenNumber(%s) = %v", number, got)
		}
	}
	for number, want := range map[string]string{"11010519491231002X": "110*************2X", "12345": "*****", "": ""} {
		if got := mask(number); got != want {
			t.Errorf("mask(%q) = %q, want %q", number, got, want)
		}
	}
}

func TestFormTexts(t *testing.T) {
	for phone, want := range map[string]bool{"0512-6666 8888": true, "+86 (512) 66668888": true, "138 0000 0000": true, "1234": false, "call me": false, "86+512": false} {
		if got := validPhone(phone); got != want {
			t.Errorf("validPhone(%q) = %v", phone, got)
		}
	}
	for name, want := range map[string]bool{"id.example.cn": true, "标识.中国": true, "example": false, "-a.cn": false, "a..cn": false, "a b.cn": false} {
		if got := validHostname(name); got != want {
			t.Errorf("validHostname(%q) = %v", name, got)
		}
	}
	var l TextList
	if err := l.UnmarshalJSON([]byte(`"192.0.2.1; 192.0.2.2；2001:db8::1;"`)); err != nil || len(l) != 3 || l[1] != "192.0.2.2" {
		t.Errorf("joined list: %q, %v", l, err)
	}
	for set, list := range choices {
		for _, c := range list {
			for _, text := range []string{c.name, c.code, c.zh} {
				if got, ok := choose(set, text); !ok || got != c {
					t.Errorf("choose(%s, %q) = %v", set, text, got)
				}
			}
		}
	}
}
