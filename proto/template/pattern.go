package template

import (
	"regexp"
	"regexp/syntax"
)

// maxPatternSteps is the most instructions of a compiled expression: what one octet of input may cost.
const maxPatternSteps = 1000

// compilePattern compiles an expression for the whole of a text. It is nil with what is wrong.
func compilePattern(path, text string) (*regexp.Regexp, []Problem) {
	if len(text) > MaxPattern {
		return nil, []Problem{problem(path, "an expression has at most %d octets", MaxPattern)}
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, []Problem{problem(path, "not an expression in the syntax of RE2: %s", err.Error())}
	}
	if prog, err := syntax.Compile(parsed.Simplify()); err != nil || len(prog.Inst) > maxPatternSteps {
		return nil, []Problem{problem(path, "the expression takes too long to match: use fewer or smaller repetitions")}
	}
	match, err := regexp.Compile(anchored(text))
	if err != nil {
		return nil, []Problem{problem(path, "not an expression in the syntax of RE2: %s", err.Error())}
	}
	return match, nil
}

// anchored is the expression for the whole of a text, in the words that RE2 and JSON Schema share.
func anchored(text string) string { return "^(?:" + text + ")$" }
