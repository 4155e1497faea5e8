package dump

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// Append appends r as a CREATE block of batch text, with the blank line behind it, such that [Reader] gives it again.
// An error means that the text has no way to write it, and nothing is appended: a blank in a type, or a line break in a
// handle.
func Append(dst []byte, r *Record) ([]byte, error) {
	if err := check(r); err != nil {
		return dst, err
	}
	n := note{Template: r.Template}
	if slices.ContainsFunc(r.Values, func(v identifier.Value) bool { return v.Timestamp != 0 || len(v.Refs) > 0 }) {
		for i := range r.Values {
			one := valueNote{Index: r.Values[i].Index, Timestamp: r.Values[i].Timestamp}
			for _, ref := range r.Values[i].Refs {
				one.Refs = append(one.Refs, refNote(ref))
			}
			n.Values = append(n.Values, one)
		}
	}
	if n.Template != "" || n.Values != nil {
		text, err := json.Marshal(n)
		if err != nil {
			return dst, err
		}
		dst = append(append(append(dst, noteMark+" "...), text...), '\n')
	}
	return appendBlock(dst, r, func(v *identifier.Value) string { return "BASE64 " + base64.StdEncoding.EncodeToString(v.Data) })
}

// AppendPlain appends r as a CREATE block that hdl-genericbatch takes. Data that are no plain text become files: file
// keeps them and returns the path. lost is how many values lose something: references, or a TTL that is a moment, in
// whose place the default is written. Timestamps are never there: a server gives its own.
func AppendPlain(dst []byte, r *Record, file func(*identifier.Value) (path string, err error)) (out []byte, lost int, err error) {
	if err := check(r); err != nil {
		return dst, 0, err
	}
	plain := *r
	plain.Values = append([]identifier.Value(nil), r.Values...)
	for i := range plain.Values {
		v := &plain.Values[i]
		if v.TTLType == identifier.Absolute || len(v.Refs) > 0 {
			lost++
		}
		if v.TTLType == identifier.Absolute {
			v.TTLType, v.TTL = identifier.Relative, identifier.DefaultTTL
		}
	}
	out, err = appendBlock(dst, &plain, func(v *identifier.Value) string {
		path, ferr := file(v)
		if ferr != nil {
			err = ferr
		}
		return "FILE " + path
	})
	return out, lost, err
}

func check(r *Record) error {
	if !plainText([]byte(r.Handle)) {
		return fmt.Errorf("the handle %q cannot be written in a line", r.Handle)
	}
	if len(r.Values) == 0 {
		return fmt.Errorf("%s has no values", r.Handle)
	}
	for i := range r.Values {
		if t := r.Values[i].Type; !plainText([]byte(t)) || strings.Contains(t, " ") {
			return fmt.Errorf("the type %q of value %d of %s cannot be written in a word", t, r.Values[i].Index, r.Handle)
		}
	}
	return nil
}

func appendBlock(dst []byte, r *Record, other func(*identifier.Value) string) ([]byte, error) {
	dst = append(append(append(dst, "CREATE "...), r.Handle...), '\n')
	for i := range r.Values {
		v := &r.Values[i]
		dst = strconv.AppendUint(dst, uint64(v.Index), 10)
		dst = append(append(append(dst, ' '), v.Type...), ' ')
		if v.TTLType == identifier.Absolute {
			dst = strconv.AppendUint(append(dst, '@'), uint64(uint32(v.TTL)), 10)
		} else {
			dst = strconv.AppendInt(dst, int64(max(v.TTL, 0)), 10)
		}
		dst = fmt.Appendf(dst, " %04b ", v.Perms&0xF)
		dst = append(append(dst, form(v, other)...), '\n')
	}
	return append(dst, '\n'), nil
}

// form is the data of v in the first form that gives the same octets again.
func form(v *identifier.Value, other func(*identifier.Value) string) string {
	switch {
	case strings.EqualFold(v.Type, "HS_ADMIN"):
		if a, err := handle.ParseAdmin(v.Data); err == nil {
			text := fmt.Sprintf("%d:", a.Ref.Index)
			for _, right := range rights {
				if a.Perms&right != 0 {
					text += "1"
				} else {
					text += "0"
				}
			}
			text += ":" + a.Ref.Handle
			if again, err := admin(text); err == nil && plainText([]byte(text)) && bytes.Equal(again, v.Data) {
				return "ADMIN " + text
			}
		}
	case strings.EqualFold(v.Type, "HS_VLIST"):
		if refs, _, err := handle.ParseRefs(v.Data); err == nil && len(refs) > 0 {
			text := ""
			for _, ref := range refs {
				text += fmt.Sprintf("%d:%s;", ref.Index, ref.Handle)
			}
			if again, err := list(text); err == nil && plainText([]byte(text)) && bytes.Equal(again, v.Data) {
				return "LIST " + text
			}
		}
	case plainText(v.Data):
		return "UTF8 " + string(v.Data)
	}
	return other(v)
}

// plainText reports whether a reader of lines gives b again: UTF-8 without line breaks, and nothing at its ends that is
// taken off there.
func plainText(b []byte) bool {
	return len(b) > 0 && utf8.Valid(b) && !bytes.ContainsAny(b, "\r\n") && trim(string(b)) == string(b)
}
