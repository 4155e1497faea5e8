package dump

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handlejson"
	"github.com/idnode/idnode/proto/identifier"
)

// commands begin the pieces of batch text.
var commands = []string{"CREATE", "DELETE", "ADD", "REMOVE", "MODIFY", "HOME", "UNHOME", "AUTHENTICATE", "SESSIONSETUP"}

// noteMark begins a line of our own with a note in JSON about the record that follows. hdl-genericbatch reports such a
// line as no command and goes on.
const noteMark = "#+"

// note is what the batch text has no word for.
type note struct {
	Template string      `json:"template,omitempty"`
	Values   []valueNote `json:"values,omitempty"`
}

type valueNote struct {
	Index     uint32    `json:"index"`
	Timestamp uint32    `json:"timestamp,omitempty"` // seconds since 1970
	Refs      []refNote `json:"references,omitempty"`
}

type refNote struct {
	Handle string `json:"handle"`
	Index  uint32 `json:"index"`
}

// line returns the next line and its number. blank lines are not passed over.
func (d *Reader) line() (text string, line int, err error) {
	if d.held != nil {
		text, line, d.held = string(d.held), d.heldLine, nil
		return text, line, nil
	}
	raw, line, err := d.in.RawLine()
	return trim(string(raw)), line, err
}

// trim takes off what Java's String.trim does.
func trim(s string) string { return strings.TrimFunc(s, func(c rune) bool { return c <= ' ' }) }

// batch reads a CREATE block.
func (d *Reader) batch() (*Record, error) {
	for {
		text, line, err := d.line()
		if err != nil {
			return nil, err
		}
		if text == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(text, noteMark); ok {
			d.note = new(note)
			if err := json.Unmarshal([]byte(rest), d.note); err != nil {
				d.note = nil
				return nil, fail(line, "", "", "the note is no JSON: "+err.Error())
			}
			continue
		}
		if text[0] == '#' {
			continue
		}
		command, rest, _ := strings.Cut(text, " ")
		rest = trim(rest)
		switch strings.ToUpper(command) {
		case "CREATE":
			return d.block(rest, line)
		case "AUTHENTICATE":
			_, _, err = d.line() // the secret
		case "SESSIONSETUP", "HOME", "UNHOME":
			err = d.pass()
		case "ADD", "MODIFY":
			if err = d.pass(); err == nil || errors.Is(err, io.EOF) {
				return nil, fail(line, rest, "", "a change of what a server has is no record: only CREATE is")
			}
		case "DELETE", "REMOVE":
			_, name, found := strings.Cut(rest, ":")
			if !found || strings.EqualFold(command, "DELETE") {
				name = rest
			}
			return nil, fail(line, name, "", "a change of what a server has is no record: only CREATE is")
		default:
			return nil, fail(line, "", "", "no command of batch text: CREATE and a handle are expected")
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
}

// pass passes over the rest of a block.
func (d *Reader) pass() error {
	for {
		text, _, err := d.line()
		if err != nil || text == "" {
			return err
		}
	}
}

// block reads the values of a record.
func (d *Reader) block(name string, line int) (*Record, error) {
	rec := &Record{Line: line, Handle: name}
	wrong := &Error{Line: line, Handle: name}
	add := func(line int, reason string) {
		wrong.Problems = append(wrong.Problems, Problem{Line: line, Reason: reason})
	}
	n := d.note
	d.note = nil
	switch {
	case name == "":
		add(line, "a handle is expected behind CREATE")
	case !utf8.ValidString(name):
		add(line, "the handle is not UTF-8")
		wrong.Handle = strings.ToValidUTF8(name, "\uFFFD")
	}
	lines := 0
	for {
		text, at, err := d.line()
		if errors.Is(err, io.EOF) || err == nil && text == "" {
			break
		}
		if err != nil {
			return nil, err
		}
		word, _, _ := strings.Cut(text, " ")
		if slices.Contains(commands, word) || text[0] == '#' { // the blank line is missing
			d.held, d.heldLine = []byte(text), at
			break
		}
		lines++
		v, err := d.value(text)
		if err != nil {
			add(at, err.Error())
			continue
		}
		rec.Values = append(rec.Values, v)
	}
	if lines == 0 {
		add(line, "no values")
	}
	if n != nil {
		n.on(rec)
	}
	if len(wrong.Problems) > 0 {
		return nil, wrong
	}
	return rec, nil
}

// on completes rec, whose values are in the order of the note.
func (n *note) on(rec *Record) {
	rec.Template = n.Template
	at := 0
	for _, from := range n.Values {
		next := slices.IndexFunc(rec.Values[at:], func(v identifier.Value) bool { return v.Index == from.Index })
		if next < 0 {
			continue // of a value that somebody has taken out
		}
		at += next
		v := &rec.Values[at]
		v.Timestamp = from.Timestamp
		for _, r := range from.Refs {
			v.Refs = append(v.Refs, identifier.Ref(r))
		}
		at++
	}
}

// word takes a word off text; words are parted by blanks.
func word(text string) (first, rest string) {
	first, rest, _ = strings.Cut(strings.TrimLeft(text, " "), " ")
	return trim(first), rest
}

// value reads a value line (technical manual, section 4.9).
func (d *Reader) value(text string) (v identifier.Value, err error) {
	if !utf8.ValidString(text) {
		return v, errors.New("not UTF-8")
	}
	index, rest := word(text)
	n, err := strconv.ParseUint(index, 10, 31)
	if err != nil {
		return v, fmt.Errorf("%q is no index from 1 to %d", cut(index), math.MaxInt32)
	}
	v.Index = uint32(n)
	if v.Type, rest = word(rest); v.Type == "" {
		return v, errors.New("a type is expected behind the index")
	}
	ttl, rest := word(rest)
	number, absolute := strings.CutPrefix(ttl, "@")
	seconds, err := strconv.ParseInt(number, 10, 64)
	switch {
	case err == nil && absolute && seconds >= 0 && seconds <= math.MaxUint32:
		v.TTLType, v.TTL = identifier.Absolute, int32(uint32(seconds))
	case err == nil && !absolute && seconds >= 0 && seconds <= math.MaxInt32:
		v.TTL = int32(seconds)
	default:
		return v, fmt.Errorf("%q is no TTL in seconds", cut(ttl))
	}
	perms, rest := word(rest)
	bits, err := strconv.ParseUint(perms, 2, 4)
	if err != nil || len(perms) != 4 {
		return v, fmt.Errorf("%q are not four permissions, each 0 or 1", cut(perms))
	}
	v.Perms = identifier.Perms(bits)
	kind, rest := word(rest)
	v.Data, err = d.data(&v, strings.ToUpper(kind), trim(rest))
	return v, err
}

// data reads the data of v in one of the forms.
func (d *Reader) data(v *identifier.Value, form, text string) ([]byte, error) {
	if text == "" && form != "UTF8" && form != "BASE64" {
		return nil, errors.New("the data are expected: UTF8, ADMIN, LIST or FILE, and what it is")
	}
	switch form {
	case "UTF8":
		return []byte(text), nil
	case "BASE64":
		octets, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("the data are not in base64")
		}
		return octets, nil
	case "ADMIN":
		return admin(text)
	case "LIST":
		return list(text)
	case "FILE":
		if d.o.File == nil {
			return nil, fmt.Errorf("the data are in the file %s: say where the files are", text)
		}
		octets, err := d.o.File(text)
		if err != nil {
			return nil, fmt.Errorf("the data are in a file: %w", err)
		}
		// The original takes a site in JSON as well as in octets.
		if strings.EqualFold(v.Type, "HS_SITE") && strings.HasPrefix(trim(string(octets[:min(len(octets), 64)])), "{") {
			site, err := handlejson.ParseSite(octets)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", text, err)
			}
			return handle.AppendSite(nil, site), nil
		}
		return octets, nil
	}
	return nil, fmt.Errorf("%q is no form of data: UTF8, ADMIN, LIST or FILE is expected", cut(form))
}

// rights are those of an administrator in the order of batch text (technical manual, section 4.9), which is not that
// of the bits.
var rights = [...]handle.AdminPerms{
	handle.MayAddHandle, handle.MayDeleteHandle, handle.MayAddPrefix, handle.MayDeletePrefix,
	handle.MayModifyValue, handle.MayRemoveValue, handle.MayAddValue, handle.MayReadPrivate,
	handle.MayModifyAdmin, handle.MayRemoveAdmin, handle.MayAddAdmin, handle.MayListHandles,
}

// admin reads INDEX:RIGHTS:HANDLE.
func admin(text string) ([]byte, error) {
	index, rest, _ := strings.Cut(text, ":")
	bits, name, ok := strings.Cut(rest, ":")
	n, err := strconv.ParseUint(trim(index), 10, 31)
	bits, name = trim(bits), trim(name)
	if !ok || err != nil || name == "" {
		return nil, errors.New("an administrator is INDEX:RIGHTS:HANDLE, such as 300:111111111111:0.NA/88.1021")
	}
	if len(bits) != len(rights) || strings.Trim(bits, "01") != "" {
		return nil, errors.New("the rights of an administrator are twelve characters 0 or 1")
	}
	a := handle.Admin{Ref: identifier.Ref{Handle: name, Index: uint32(n)}}
	for i, right := range rights {
		if bits[i] == '1' {
			a.Perms |= right
		}
	}
	return handle.AppendAdmin(nil, a), nil
}

// list reads INDEX:HANDLE;INDEX:HANDLE;
func list(text string) ([]byte, error) {
	var refs []identifier.Ref
	for one := range strings.SplitSeq(text, ";") {
		if one = trim(one); one == "" {
			continue
		}
		index, name, ok := strings.Cut(one, ":")
		n, err := strconv.ParseUint(trim(index), 10, 31)
		if name = trim(name); !ok || err != nil || name == "" {
			return nil, errors.New("a list is INDEX:HANDLE;INDEX:HANDLE; such as 300:88.1021/a;300:88.1021/b;")
		}
		refs = append(refs, identifier.Ref{Handle: name, Index: uint32(n)})
	}
	return handle.AppendRefs(nil, refs), nil
}

// cut is the beginning of a text, for messages.
func cut(s string) string { return s[:min(len(s), 40)] }
