package idhub

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/idnode/idnode/registry"
)

// Code is the code of an answer (section 6). HTTP says 200 with all of them.
type Code int

const (
	CodeDone           Code = 1
	CodeDoneToo        Code = 10000 // success of some of the calls
	CodeInvalidToken   Code = 101   // as the samples have it: no token, or one that is not good
	CodeForbidden      Code = 103
	CodeNotFound       Code = 104
	CodeExists         Code = 105
	CodeParameter      Code = 106
	CodeUnauthentic    Code = 401 // the login failed
	CodeUnreadable     Code = 403
	CodeUnknown        Code = 404 // operation
	CodeUnsupported    Code = 405 // operation by this method
	CodeTrouble        Code = 500
	CodeUnpublished    Code = 600
	CodeInput          Code = 601 // what a record says does not follow its metadata
	CodeNotServed      Code = 602
	CodeForeignItem    Code = 603
	CodeNoMetadata     Code = 604
	CodeNoManagement   Code = 605
	CodeNotDeleted     Code = 606 // metadata
	CodeNotOurs        Code = 701
	CodeNotAllowed     Code = 702
	CodeFile           Code = 800
	CodeNoIdentity     Code = 901
	CodeBind           Code = 30000 // members of the body are wrong; all are told
	CodeIdentifierForm Code = 40508
	CodeNoRead         Code = 60001 // metadata of others
	CodeInterface      Code = 60005 // metadata that cannot be as asked for
)

// Messages of answers, in the words of the original (section 6), and ours where it has none.
const (
	messageDone       = "成功"
	messageSuccess    = "success"
	messageProcessed  = "operation was successfully processed"
	messageToken      = "无效的token"
	messageForm       = "标识格式异常"
	messageNotFound   = "标识对象不存在"
	messageExists     = "标识对象已存在"
	messageParameter  = "请求入参错误："
	messageLogin      = "认证失败"
	messageUnreadable = "没有权限查看数据"
	messageUnknown    = "操作类型不存在"
	messageMethodOf   = "不支持的操作类型"
	messageTrouble    = "发生了其他的错误"
	messageDraft      = "元数据未发布"
	messageNoMetadata = "元数据不存在"
	messageManagement = "暂无当前元数据的管理权限"
	messageNotOurs    = "非本企业标识"
	messageBind       = "validate.bind.error"
	messageInterface  = "接口参数错误:"
	messageHandle     = messageInterface + "入参metaHandle异常："
	messageJSON       = "请求体不是合法的 JSON"
	messageMethod     = "请求方法不支持"
	messagePath       = "接口不存在"
)

// answer is the envelope of every answer.
type answer struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// done is how a call says that it was done.
type done struct {
	code    Code
	message string
}

var (
	doneOne       = done{CodeDone, messageDone}
	doneTen       = done{CodeDoneToo, messageDone}
	doneSuccess   = done{CodeDoneToo, messageSuccess}
	doneProcessed = done{CodeDone, messageProcessed}
)

// codes is the code of each code of the registry.
var codes = map[string]Code{
	registry.CodeInvalidRequest:      CodeParameter,
	registry.CodeInvalidIdentifier:   CodeIdentifierForm,
	registry.CodeAmbiguousIdentifier: CodeIdentifierForm,
	registry.CodeInvalidValue:        CodeInput,
	registry.CodeTooLarge:            CodeParameter,
	registry.CodeInvalidEnterprise:   CodeParameter,
	registry.CodeInvalidPrefix:       CodeParameter,
	registry.CodeInvalidKey:          CodeParameter,
	registry.CodeInvalidCursor:       CodeParameter,
	registry.CodeUnauthenticated:     CodeInvalidToken,
	registry.CodeForbidden:           CodeForbidden,
	registry.CodeNotYourNamespace:    CodeNotOurs,
	registry.CodeNamespaceSuspended:  CodeNotAllowed,
	registry.CodeEnterpriseSuspended: CodeNotAllowed,
	registry.CodeDelegated:           CodeNotAllowed,
	registry.CodeFrozen:              CodeNotAllowed,
	registry.CodeNotFound:            CodeNotFound,
	registry.CodeAlreadyExists:       CodeExists,
	registry.CodeRevoked:             CodeNotFound,
	registry.CodeNotRevoked:          CodeExists,
	registry.CodeVersionMismatch:     CodeTrouble,
	registry.CodeConflict:            CodeTrouble,
	registry.CodeInvalidState:        CodeNotAllowed,
	registry.CodeHasRecords:          CodeNotAllowed,
	registry.CodeDuplicate:           CodeParameter,
	registry.CodeIdempotencyMismatch: CodeParameter,
	registry.CodeIdempotencyRunning:  CodeTrouble,
	registry.CodeInvalidTemplate:     CodeInterface,
	registry.CodeIncompatible:        CodeInterface,
	registry.CodeTemplateMismatch:    CodeInput,
	registry.CodeInvalidApplication:  CodeParameter,
	registry.CodeIncomplete:          CodeParameter,
	registry.CodeInvalidAccount:      CodeParameter,
	registry.CodeInvalidFile:         CodeFile,
	registry.CodeLockedOut:           CodeUnauthentic,
	registry.CodeTooManyRequests:     CodeUnauthentic,
	registry.CodeQuotaRecords:        CodeNotAllowed,
	registry.CodeQuotaRequests:       CodeNotAllowed,
	registry.CodeQuotaPrefixes:       CodeNotAllowed,
	registry.CodeNoSpace:             CodeTrouble,
	registry.CodeUnavailable:         CodeTrouble,
	registry.CodeInternal:            CodeTrouble,
}

// faults are the codes of the registry that are trouble of ours: nothing of them is told.
var faults = map[string]bool{registry.CodeNoSpace: true, registry.CodeUnavailable: true, registry.CodeInternal: true}

// fixed are messages that the original says with a code whatever the reason.
var fixed = map[Code]string{
	CodeInvalidToken: messageToken, CodeIdentifierForm: messageForm, CodeNotFound: messageNotFound,
	CodeExists: messageExists, CodeNotOurs: messageNotOurs,
}

// beginnings are what the original says before the reason.
var beginnings = map[Code]string{CodeParameter: messageParameter, CodeInterface: messageInterface}

// refusal is a refusal in the words of the original. It is an error of calls.
type refusal struct {
	code    Code
	message string
	data    any // with CodeBind, else nil
}

func (r *refusal) Error() string { return r.message }

func deny(code Code, message string) error { return &refusal{code: code, message: message} }

// wrongParameter refuses a parameter of a query, or a body as a whole.
func wrongParameter(message string) error { return deny(CodeParameter, messageParameter+message) }

// bindError is one member of a body that is wrong.
type bindError struct {
	Name     string `json:"name"`
	ErrorMsg string `json:"errorMsg"`
}

// bind gathers what is wrong with the members of a body.
type bind struct{ errors []bindError }

func (b *bind) add(name, message string) { b.errors = append(b.errors, bindError{name, message}) }

// missing notes a member that the body needs.
func (b *bind) missing(name string) { b.add(name, "入参"+name+"不能为空") }

// refuse is a refusal for all that was noted, nil for nothing.
func (b *bind) refuse() error {
	if len(b.errors) == 0 {
		return nil
	}
	return &refusal{CodeBind, messageBind, map[string]any{"errors": b.errors}}
}

// told is what the client is told of a refusal by the registry: the code, and the reason or all of them. Trouble of
// ours is not told.
func told(e *registry.Error) (Code, string) {
	code, known := codes[e.Code]
	if !known || faults[e.Code] {
		return CodeTrouble, messageTrouble
	}
	if message := fixed[code]; message != "" {
		return code, message
	}
	reason := e.In(registry.Chinese)
	if len(e.Violations) > 0 {
		all := make([]string, len(e.Violations))
		for i := range e.Violations {
			all[i] = e.Violations[i].In(registry.Chinese)
		}
		reason = strings.Join(all, "；")
	}
	return code, beginnings[code] + reason
}

// write sends an answer. Characters of HTML are not escaped: the reader is a program.
func write(w http.ResponseWriter, status int, a answer) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a); err != nil {
		panic("idhub: answer without JSON form: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n"))) // the client is gone: nobody to tell
}
