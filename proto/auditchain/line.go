package auditchain

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// Format is the form of an export.
const Format = "idnode-audit-1"

// line is any line of an export.
type line struct {
	Format  string          `json:"format"`
	Store   *StoreID        `json:"store"`
	N       uint64          `json:"n"`
	Hash    *Hash           `json:"hash"`
	Key     string          `json:"key"`
	Entry   json.RawMessage `json:"entry"`
	Raw     *string         `json:"raw"`
	Missing bool            `json:"missing"`
	End     *struct {
		N    uint64    `json:"n"`
		Hash *Hash     `json:"hash"`
		Time time.Time `json:"time"`
	} `json:"end"`
	Error *struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"error"`
}

// AppendAnchor appends the first line of an export.
func AppendAnchor(dst []byte, a Anchor) []byte {
	dst = fmt.Appendf(dst, `{"format":%q,"store":"%s",`, Format, a.Store)
	return append(appendPlace(dst, a.N, a.Hash), "}\n"...)
}

// AppendEntry appends the line of e, whose key has KeySize octets.
func AppendEntry(dst []byte, e Entry) []byte {
	dst = appendPlace(append(dst, '{'), e.N, e.Hash)
	dst = appendTime(append(dst, ','), KeyTime(e.Key))
	dst = base64.RawURLEncoding.AppendEncode(append(dst, `,"key":"`...), e.Key)
	switch {
	case e.Value == nil:
		dst = append(dst, `","missing":true`...)
	case stands(e.Value):
		dst = append(append(dst, `","entry":`...), e.Value...)
	default:
		dst = base64.RawURLEncoding.AppendEncode(append(dst, `","raw":"`...), e.Value)
		dst = append(dst, '"')
	}
	return append(dst, "}\n"...)
}

// AppendEnd appends the last line of an export.
func AppendEnd(dst []byte, h Head) []byte {
	dst = appendPlace(append(dst, `{"end":{`...), h.N, h.Hash)
	dst = appendTime(append(dst, ','), h.Time)
	return append(dst, "}}\n"...)
}

// AppendError appends the last line of an export that has no end.
func AppendError(dst []byte, code, detail string) []byte {
	// Strings have a JSON form.
	c, _ := json.Marshal(code)
	d, _ := json.Marshal(detail)
	return fmt.Appendf(dst, `{"error":{"code":%s,"detail":%s}}`+"\n", c, d)
}

func appendPlace(dst []byte, n uint64, hash Hash) []byte {
	dst = strconv.AppendUint(append(dst, `"n":`...), n, 10)
	return fmt.Appendf(dst, `,"hash":"%s"`, hash)
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, `"time":"`...)
	return append(t.UTC().AppendFormat(dst, time.RFC3339Nano), '"')
}

// stands reports whether value can stand in a line and be taken out of it again octet by octet.
func stands(value []byte) bool {
	n := len(value)
	if n < 2 || value[0] != '{' || value[n-1] != '}' || !utf8.Valid(value) || !json.Valid(value) {
		return false
	}
	for _, c := range value {
		if c < ' ' {
			return false
		}
	}
	return true
}
