package template

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a template or with what should follow it.
type Problem struct {
	Path   string // what is wrong, as a JSON Pointer (RFC 6901) into what was checked: "/fields/3/maxLength"
	Format string // one English sentence with the verbs of fmt, so that it can be translated
	Args   []any  // of Format
}

// String is the sentence in English.
func (p Problem) String() string {
	if p.Path == "" {
		return fmt.Sprintf(p.Format, p.Args...)
	}
	return p.Path + ": " + fmt.Sprintf(p.Format, p.Args...)
}

func problem(path, format string, args ...any) Problem {
	return Problem{Path: path, Format: format, Args: args}
}

// pointer is the JSON Pointer to a member of what path points to. Names of fields need no escapes.
func pointer(path, member string) string {
	if strings.ContainsAny(member, "~/") {
		member = escapes.Replace(member)
	}
	return path + "/" + member
}

var escapes = strings.NewReplacer("~", "~0", "/", "~1")

// short keeps a sentence short whatever was sent.
func short(text string) string {
	const most = 60
	if len(text) > most {
		text = cut(text, most) + "…"
	}
	return strings.ToValidUTF8(text, "�")
}
