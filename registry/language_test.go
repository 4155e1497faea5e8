package registry

import "testing"

func TestLanguageOf(t *testing.T) {
	f := func(accept string, want Language) {
		t.Helper()
		if got := LanguageOf(accept); got != want {
			t.Errorf("LanguageOf(%q) = %s, want %s", accept, got, want)
		}
	}
	f("", English)
	f("zh-CN,zh;q=0.9,en;q=0.8", Chinese)
	f("zh-TW", Chinese)
	f("en-US,zh;q=0.9", English)
	f("fr, zh;q=0.5", Chinese)
	f("de", English)
	f(";;;", English)
}

// TestCatalogue: every code has a title and an action in both languages.
func TestCatalogue(t *testing.T) {
	for _, code := range Codes() {
		for _, l := range []Language{English, Chinese} {
			if TitleOf(code, l) == "" || ActionOf(code, l) == "" {
				t.Errorf("%s has no title or action in %s", code, l)
			}
		}
	}
	e := refuse(CodeNotFound, "id", "no enterprise %s", "e1")
	if got := e.In(Chinese); got != "没有企业 e1" {
		t.Errorf("in Chinese: %s", got)
	}
	if got := e.In(English); got != "no enterprise e1" {
		t.Errorf("in English: %s", got)
	}
}
