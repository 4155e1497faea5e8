package snms

import (
	"fmt"
	"strings"

	"github.com/idnode/idnode/registry"
)

// Messages about identifiers and templates: the first three are the original's (section 4.4).
const (
	messageExists     = "标识已存在"
	messageNotHere    = "没有找到标识" // of a delete
	messageAbsent     = "标识不存在"  // of everything else
	messageIndex      = "非法操作，索引%d在模板中不存在"
	messageNoTemplate = "模板不存在"
	messageTemplate   = "模板已存在"
	messageNotStrings = "模板含有非字符型属性，不能通过此接口操作"
	messageArray      = "请求体应为 JSON 数组"
	messageNoRows     = "批量操作至少需要 1 条"
	messageRows       = "批量操作最多支持 %d 条，本次 %d 条"
)

// needed is a parameter that a request must have; one that is empty or blank is missing.
func needed(name string, t *text) (string, error) {
	if t == nil || strings.TrimSpace(string(*t)) == "" {
		return "", missing(name)
	}
	return string(*t), nil
}

// bounded is needed for a text of at most so many octets.
func bounded(name string, t *text, most int) (string, error) {
	s, err := needed(name, t)
	if err == nil && len(s) > most {
		err = tooLong(name, most)
	}
	return s, err
}

func tooLong(name string, most int) error {
	return refuse(fmt.Sprintf("%s 长度不能超过 %d", name, most))
}

// worded is what the registrar refused, in the words of the original: absent is said of an identifier that is not
// there. Of several things that are wrong all are told.
func worded(err error, absent string) error {
	if err == nil {
		return nil
	}
	e := registry.AsError(err)
	switch {
	case e.Code == registry.CodeAlreadyExists:
		return refuse(messageExists)
	case absent != "" && (e.Code == registry.CodeRevoked || e.Code == registry.CodeNotFound && e.Field == ""):
		return refuse(absent)
	}
	return allOf(e, func(v *registry.Violation) string { return v.In(registry.Chinese) })
}

// allOf tells all that e refuses for, each in the words of tell.
func allOf(e *registry.Error, tell func(v *registry.Violation) string) error {
	if len(e.Violations) == 0 {
		return e
	}
	all := make([]string, len(e.Violations))
	for i := range e.Violations {
		all[i] = tell(&e.Violations[i])
	}
	status, _ := statusOf(e)
	return &refusal{status, strings.Join(all, "；")}
}
