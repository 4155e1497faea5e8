package cli

import (
	"errors"
	"fmt"
	"strings"
)

// language is one in which errors are told to people, as an Accept-Language header names it.
type language string

const (
	english language = "en"
	chinese language = "zh-CN"
)

// language is the language of messages in the environment: that of the first of LC_ALL, LC_MESSAGES and
// LANG that is set (POSIX.1-2017, section 8.2); English unless it is Chinese.
func (a *app) language() language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := a.Getenv(name); locale != "" {
			if strings.HasPrefix(strings.ToLower(locale), "zh") {
				return chinese
			}
			return english
		}
	}
	return english
}

// say is a sentence of idctl in a language; format is the English, of which sentencesZH has the Chinese.
func say(l language, format string, args ...any) string {
	if l != chinese {
		return fmt.Sprintf(format, args...)
	}
	if zh, ok := sentencesZH[format]; ok {
		format = zh
	}
	told := make([]any, len(args))
	for i, arg := range args {
		told[i] = arg
		if err, ok := arg.(error); ok {
			told[i] = tell(l, err)
		}
	}
	return fmt.Sprintf(format, told...)
}

// teller is an error that has its sentence in both languages.
type teller interface {
	error
	in(l language) string
}

// tell is err in a language. What comes from elsewhere stays as it is.
func tell(l language, err error) string {
	if t, ok := err.(teller); ok {
		return t.in(l)
	}
	if cause := errors.Unwrap(err); cause != nil {
		return strings.Replace(err.Error(), cause.Error(), tell(l, cause), 1)
	}
	return err.Error()
}
