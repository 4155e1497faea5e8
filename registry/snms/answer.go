package snms

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/idnode/idnode/registry"
)

// Status is the status of an answer (section 4.1). HTTP says 200 with all of them.
type Status int

const (
	StatusDone            Status = 1
	StatusUnauthenticated Status = -1 // not logged in, or the token has ended
	StatusFailed          Status = -2 // see the message
	StatusForbidden       Status = -3
	StatusServerError     Status = -4
)

// Messages of answers, in the words of the original (section 4.4), and ours where it has none.
const (
	messageDone            = "success"
	messageLogin           = "用户名/密码错误！"
	messageTrouble         = "系统繁忙"
	messageMissing         = "缺少必要的请求参数: "
	messageUnauthenticated = "没有登录，需要验证"
	messageJSON            = "请求体不是合法的 JSON"
	messageMethod          = "请求方法不支持"
	messageNotFound        = "接口不存在"
)

// answer is the envelope of every answer (section 4.1).
type answer struct {
	Message string `json:"message"`
	Status  Status `json:"status"`
	Data    any    `json:"data"`
}

// statuses is the status of each code of the registry.
var statuses = map[string]Status{
	registry.CodeInvalidRequest:      StatusFailed,
	registry.CodeInvalidIdentifier:   StatusFailed,
	registry.CodeAmbiguousIdentifier: StatusFailed,
	registry.CodeInvalidValue:        StatusFailed,
	registry.CodeTooLarge:            StatusFailed,
	registry.CodeInvalidEnterprise:   StatusFailed,
	registry.CodeInvalidPrefix:       StatusFailed,
	registry.CodeInvalidKey:          StatusFailed,
	registry.CodeInvalidCursor:       StatusFailed,
	registry.CodeUnauthenticated:     StatusUnauthenticated,
	registry.CodeForbidden:           StatusForbidden,
	registry.CodeNotYourNamespace:    StatusForbidden,
	registry.CodeNamespaceSuspended:  StatusForbidden,
	registry.CodeEnterpriseSuspended: StatusForbidden,
	registry.CodeDelegated:           StatusFailed,
	registry.CodeFrozen:              StatusFailed,
	registry.CodeNotFound:            StatusFailed,
	registry.CodeAlreadyExists:       StatusFailed,
	registry.CodeRevoked:             StatusFailed,
	registry.CodeNotRevoked:          StatusFailed,
	registry.CodeVersionMismatch:     StatusFailed,
	registry.CodeConflict:            StatusFailed,
	registry.CodeInvalidState:        StatusFailed,
	registry.CodeHasRecords:          StatusFailed,
	registry.CodeDuplicate:           StatusFailed,
	registry.CodeIdempotencyMismatch: StatusFailed,
	registry.CodeIdempotencyRunning:  StatusFailed,
	registry.CodeInvalidTemplate:     StatusFailed,
	registry.CodeIncompatible:        StatusFailed,
	registry.CodeTemplateMismatch:    StatusFailed,
	registry.CodeInvalidApplication:  StatusFailed,
	registry.CodeIncomplete:          StatusFailed,
	registry.CodeInvalidAccount:      StatusFailed,
	registry.CodeInvalidFile:         StatusFailed,
	registry.CodeLockedOut:           StatusFailed,
	registry.CodeTooManyRequests:     StatusFailed,
	registry.CodeQuotaRecords:        StatusFailed,
	registry.CodeQuotaRequests:       StatusFailed,
	registry.CodeQuotaPrefixes:       StatusFailed,
	registry.CodeNoSpace:             StatusServerError,
	registry.CodeUnavailable:         StatusServerError,
	registry.CodeInternal:            StatusServerError,
}

// refusal is a refusal in the words of the original. It is an error of calls.
type refusal struct {
	status  Status
	message string
}

func (r *refusal) Error() string { return r.message }

// refuse is a refusal with status -2.
func refuse(message string) error { return &refusal{StatusFailed, message} }

// missing refuses a request without a parameter that it needs.
func missing(name string) error { return refuse(messageMissing + name) }

// statusOf is the status and message of a refusal by the registry: trouble of ours is not told.
func statusOf(e *registry.Error) (Status, string) {
	s, known := statuses[e.Code]
	switch {
	case !known || s == StatusServerError:
		return StatusServerError, messageTrouble
	case s == StatusUnauthenticated:
		return s, messageUnauthenticated
	}
	return s, e.In(registry.Chinese)
}

// write sends an answer. Characters of HTML are not escaped: the reader is a program.
func write(w http.ResponseWriter, status int, a answer) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a); err != nil {
		panic("snms: answer without JSON form: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n"))) // the client is gone: nobody to tell
}
