package registry

import (
	"fmt"

	"golang.org/x/text/language"
)

// Language is a language in which errors are told to people.
type Language string

const (
	English Language = "en"
	Chinese Language = "zh"
)

// languages are what a client's wishes are matched with; the first is taken if nothing fits.
var languages = language.NewMatcher([]language.Tag{language.English, language.Chinese})

// LanguageOf is the language to answer in to a client that sends accept, the value of an
// Accept-Language header (RFC 9110, section 12.5.4). English if it asks for neither.
func LanguageOf(accept string) Language {
	if accept == "" {
		return English
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return English
	}
	if _, i, _ := languages.Match(tags...); i == 1 {
		return Chinese
	}
	return English
}

// In is the detail of e in a language. What the catalogue has no words for stays English.
func (e *Error) In(l Language) string { return in(l, e.Detail, e.format, e.args) }

// In is the detail of v in a language.
func (v *Violation) In(l Language) string { return in(l, v.Detail, v.format, v.args) }

func in(l Language, detail, format string, args []any) string {
	if l != Chinese || detail == "" {
		return detail
	}
	translated, ok := detailsZH[format]
	if !ok {
		translated, ok = templatesZH[format]
	}
	if format == "%s" { // all that is said is another's sentence
		translated, ok = format, true
	}
	if !ok {
		return detail
	}
	told := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case interface{ In(Language) string }:
			told[i] = a.In(l)
		case error:
			told[i] = errorIn(a, l)
		default:
			told[i] = a
		}
	}
	return fmt.Sprintf(translated, told...)
}

// TitleOf is what a code means, in few words.
func TitleOf(code string, l Language) string { return titles[code].of(l) }

// ActionOf is what to do about a code, in a sentence.
func ActionOf(code string, l Language) string { return actions[code].of(l) }

// words is a text in both languages.
type words struct{ en, zh string }

func (w words) String() string { return w.en }

// In is of, for sentences of which w is a part.
func (w words) In(l Language) string { return w.of(l) }

func (w words) of(l Language) string {
	if l == Chinese {
		return w.zh
	}
	return w.en
}
