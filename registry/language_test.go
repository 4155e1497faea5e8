package registry

import (
	"errors"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
)

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

// TestReasonIn: what package identifier says of a text is told in Chinese too, its parts included.
func TestReasonIn(t *testing.T) {
	parsed := func(s identifier.Scheme, text string) error {
		id, err := s.Parse(text)
		if err == nil {
			err = id.Validate()
		}
		return err
	}
	scheme := func(name string) error { _, err := identifier.ParseScheme(name); return err }
	record := func(text string) error { _, err := identifier.ParseRecordJSON([]byte(text)); return err }
	pattern := func(p identifier.Pattern) error {
		ns := &identifier.Namespace{Scheme: identifier.Handle, Prefix: "88.100.1", Patterns: []identifier.Pattern{p}}
		return ns.Compile()
	}
	f := func(err error, want string) {
		t.Helper()
		if err == nil {
			t.Errorf("no error; want %s", want)
			return
		}
		e := refuse(CodeInvalidIdentifier, "/id", "%s", err)
		if e.Detail != err.Error() {
			t.Errorf("in English: %s, want %s", e.Detail, err)
		}
		if got := e.In(Chinese); got != want {
			t.Errorf("%v is in Chinese\n%s, want\n%s", err, got, want)
		}
	}
	f(parsed(identifier.Handle, "88.100.1/"), "不是合法的 handle 标识：后缀为空")
	f(parsed(identifier.Handle, "88.100.1／x"), "不是合法的 handle 标识：含有 ／（U+FF0F），应为“/”")
	f(parsed(identifier.OID, "1.40"), "不是合法的 oid 标识：第二个弧超过 39，而 1 之下最大为 39")
	f(parsed(identifier.OID, "/ISO/a b"), "不是合法的 oid 标识：第 2 个标签含有不允许的字符")
	f(parsed(identifier.GS1, "(01)06901234567893"), "不是合法的 gs1 标识：(01)：校验位错误：现为 3，应为 2；正确的编码应为 (01)06901234567892")
	f(parsed(identifier.GS1, "(21)A"), "不是合法的 gs1 标识：(21)：必须与 (01)、(03) 或 (8006) 一起使用")
	f(parsed(identifier.Ecode, "0x"), "不是合法的 ecode 标识：十六进制形式的内容为空")
	f(scheme("isbn"), "未知的编码体系 \"isbn\"")
	f(record(`{"id":7}`), "应为字符串")
	f(pattern(identifier.Pattern{URL: "https://example.com/", TTL: -1}), "不能为负数")
	f(&identifier.SyntaxError{Scheme: identifier.GS1, Reason: "novel", Meant: "(00)1"}, "不是合法的 gs1 标识；正确的编码应为 (00)1")
	f(&identifier.SyntaxError{Reason: "novel"}, "不是合法的标识")
	f(errors.New("novel"), "novel")
}
