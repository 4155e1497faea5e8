package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
)

// record is a record as the node writes it in JSON, with what is only shown left undecoded.
type record struct {
	Scheme    string  `json:"scheme,omitempty"`
	ID        string  `json:"id"`
	Template  string  `json:"template,omitempty"`
	Version   uint64  `json:"version,omitempty"`
	State     string  `json:"state,omitempty"`
	Reason    string  `json:"reason,omitempty"`
	Successor string  `json:"successor,omitempty"`
	Created   string  `json:"created,omitempty"`
	Updated   string  `json:"updated,omitempty"`
	Values    []value `json:"values"`
}

// value is a value of a record in JSON.
type value struct {
	Index     uint32          `json:"index"`
	Type      string          `json:"type"`
	Data      json.RawMessage `json:"data"`
	TTL       json.RawMessage `json:"ttl,omitempty"`
	TTLType   string          `json:"ttlType,omitempty"`
	Perms     json.RawMessage `json:"perms,omitempty"`
	Timestamp json.RawMessage `json:"timestamp,omitempty"`
	Refs      json.RawMessage `json:"refs,omitempty"`
}

// text is v's data for people: text as it is, other octets in base64.
func (v *value) text() string {
	s, octets, err := v.data()
	switch {
	case err != nil:
		return string(v.Data)
	case octets != nil:
		if words := describe(v.Type, octets); words != "" {
			return words
		}
		return "base64:" + base64.StdEncoding.EncodeToString(octets)
	}
	return s
}

// data decodes v's data: a string, or else the octets of the forms {"format":"base64"|"hex","value"}.
func (v *value) data() (text string, octets []byte, err error) {
	if bytes.HasPrefix(v.Data, []byte(`"`)) {
		err = json.Unmarshal(v.Data, &text)
		return text, nil, err
	}
	var form struct{ Format, Value string }
	if err := json.Unmarshal(v.Data, &form); err != nil {
		return "", nil, err
	}
	switch form.Format {
	case "base64":
		octets, err = base64.StdEncoding.DecodeString(form.Value)
	case "hex":
		octets, err = hex.DecodeString(form.Value)
	default:
		err = failf("data in format %q", form.Format)
	}
	return "", octets, err
}

// clean makes s safe for a terminal: what neither prints nor is a blank is shown as its escape, so
// that a record's data cannot move the cursor, colour the screen or reverse the text.
func clean(s string) string {
	ok := func(r rune) bool { return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) }
	if strings.IndexFunc(s, func(r rune) bool { return !ok(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == unicode.ReplacementChar && s[i] != "\uFFFD"[0]:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case ok(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// printJSON prints v, indented.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printBody prints an answer of the server, indented if it is JSON.
func (a *app) printBody(body []byte) error {
	var b bytes.Buffer
	if json.Indent(&b, bytes.TrimSpace(body), "", "  ") != nil {
		b.Reset()
		b.Write(body)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	_, err := a.Out.Write(b.Bytes())
	return err
}

// printValues prints values one a line, the data last.
func printValues(w io.Writer, values []value) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i := range values {
		v := &values[i]
		ttl := string(v.TTL)
		if v.TTLType == "absolute" {
			ttl = "until " + ttl
		}
		fmt.Fprintf(t, "  %d\t%s\t%s\t%s\n", v.Index, clean(v.Type), clean(ttl), clean(v.text()))
	}
	return t.Flush()
}

// printRecord prints a record: a line about it, then its values.
func (a *app) printRecord(r *record) error {
	line := clean(r.ID) + "  " + r.Scheme
	if r.Version > 0 {
		line += fmt.Sprintf("  version %d", r.Version)
	}
	if r.State != "" && r.State != "active" {
		line += "  " + r.State
	}
	if r.Reason != "" {
		line += ": " + clean(r.Reason)
	}
	if r.Successor != "" {
		line += ", see " + clean(r.Successor)
	}
	if _, err := fmt.Fprintln(a.Out, line); err != nil {
		return err
	}
	return printValues(a.Out, r.Values)
}

// printTable prints objects as lines of the named fields; a dot goes into an object.
func (a *app) printTable(fields []string, rows []map[string]any) error {
	t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	var head []string
	for _, f := range fields {
		head = append(head, strings.ToUpper(f[strings.LastIndex(f, ".")+1:]))
	}
	fmt.Fprintln(t, strings.Join(head, "\t"))
	for _, row := range rows {
		var cells []string
		for _, f := range fields {
			cells = append(cells, orDefault(clean(cell(row, f)), "-"))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// cell is the field of a decoded object as one cell of a table.
func cell(row map[string]any, field string) string {
	name, rest, deeper := strings.Cut(field, ".")
	v := row[name]
	if deeper {
		inner, _ := v.(map[string]any)
		return cell(inner, rest)
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	b, _ := json.Marshal(v)
	return string(b)
}
