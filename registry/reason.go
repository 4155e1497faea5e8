package registry

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/idnode/idnode/proto/identifier"
)

// Reason is what packages identifier and nodepb find wrong with a text, in their English words.
type Reason string

// In is r in a language. What the catalogue has no words for stays English.
func (r Reason) In(l Language) string {
	if l == Chinese {
		if zh, ok := r.chinese(); ok {
			return zh
		}
	}
	return string(r)
}

// errorIn is err as told in a language: those of package identifier in any, others in English.
func errorIn(err error, l Language) string {
	if l != Chinese {
		return err.Error()
	}
	if e, ok := errors.AsType[*identifier.SyntaxError](err); ok {
		return syntaxErrorZH(e)
	}
	if e, ok := errors.AsType[*identifier.PatternError](err); ok {
		return Reason(e.Reason).In(l)
	}
	if e, ok := errors.AsType[*identifier.JSONError](err); ok {
		return Reason(e.Reason).In(l)
	}
	return Reason(err.Error()).In(l)
}

// syntaxErrorZH is e in Chinese. A rule that the catalogue has no words for is left out.
func syntaxErrorZH(e *identifier.SyntaxError) string {
	told := "不是合法的标识"
	if e.Scheme != 0 {
		told = "不是合法的 " + e.Scheme.String() + " 标识"
	}
	if zh, ok := Reason(e.Reason).chinese(); ok {
		told += "：" + zh
	}
	if e.Meant != "" {
		told += "；正确的编码应为 " + e.Meant
	}
	return told
}

// chinese is r in Chinese, if the catalogue has it. Parts that are reasons themselves are told in Chinese too.
func (r Reason) chinese() (string, bool) {
	if zh, ok := reasonsZH[string(r)]; ok {
		return zh, true
	}
	for _, f := range reasonFormats() {
		parts := f.form.FindStringSubmatch(string(r))
		if parts == nil {
			continue
		}
		told := make([]any, len(parts)-1)
		known := true
		for i, part := range parts[1:] {
			zh, ok := Reason(part).chinese()
			if !ok {
				zh = lists.Replace(part)
				known = known && !f.reason[i]
			}
			told[i] = zh
		}
		if known {
			return fmt.Sprintf(f.zh, told...), true
		}
	}
	return "", false
}

// lists are the words between application identifiers.
var lists = strings.NewReplacer("), (", ")、(", ") or (", ") 或 (", ") with (", ") 加 (")

// reasonFormat is an entry of reasonsZH that has verbs.
type reasonFormat struct {
	form   *regexp.Regexp // what the English looks like, a group for each verb
	reason []bool         // whether the verb stands for a reason
	zh     string
}

// reasonFormats are the entries of reasonsZH with verbs, those that say most first.
var reasonFormats = sync.OnceValue(func() []reasonFormat {
	english := slices.SortedFunc(maps.Keys(reasonsZH), func(a, b string) int {
		return cmp.Or(cmp.Compare(fixed(b), fixed(a)), cmp.Compare(a, b))
	})
	var all []reasonFormat
	for _, e := range english {
		verbs := reasonVerb.FindAllString(e, -1)
		if verbs == nil {
			continue
		}
		form := reasonVerb.ReplaceAllString(regexp.QuoteMeta(e), "(.+?)")
		f := reasonFormat{form: regexp.MustCompile("(?s)^" + form + "$"), zh: reasonsZH[e]}
		for _, v := range verbs {
			f.reason = append(f.reason, v == "%v")
		}
		all = append(all, f)
	}
	return all
})

var reasonVerb = regexp.MustCompile("%[sv]")

// fixed is how much of a format is no verb, in octets.
func fixed(format string) int { return len(reasonVerb.ReplaceAllString(format, "")) }
