package doctor

import "fmt"

// Level is how bad a finding is.
type Level string

const (
	OK      Level = "ok"
	Warning Level = "warning"
	Error   Level = "error"
)

// Language is one in which findings are told.
type Language string

const (
	English Language = "en"
	Chinese Language = "zh"
)

// Finding is what a check has found.
type Finding struct {
	Code  string // a key of kinds
	Level Level
	Args  []any // of the sentence
}

// Told is a finding in words.
type Told struct {
	Check   string `json:"check"` // the code, for programs
	Level   Level  `json:"level"`
	Message string `json:"message"` // what is so, and what it means
	Fix     string `json:"fix,omitempty"`
}

// In tells f in a language.
func (f *Finding) In(l Language) Told {
	k, ok := kinds[f.Code]
	if !ok {
		panic("doctor: no words for " + f.Code)
	}
	t := Told{Check: f.Code, Level: f.Level}
	if l == Chinese {
		t.Message, t.Fix = fmt.Sprintf(k.whatZH, f.Args...), k.fixZH
	} else {
		t.Message, t.Fix = fmt.Sprintf(k.what, f.Args...), k.fix
	}
	return t
}

// LevelIn is a level's name.
func LevelIn(v Level, l Language) string {
	if l != Chinese {
		return string(v)
	}
	return map[Level]string{OK: "正常", Warning: "警告", Error: "错误"}[v]
}

func ok(code string, args ...any) Finding      { return Finding{code, OK, args} }
func warning(code string, args ...any) Finding { return Finding{code, Warning, args} }
func failure(code string, args ...any) Finding { return Finding{code, Error, args} }
