package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// recordFlags are the ways in which a record is given on the command line.
type recordFlags struct {
	values   []string
	fields   []string
	reason   string
	ttl      int32
	template string
	file     string
	idemKey  string
	version  uint64
}

func (rf *recordFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&rf.values, "value", nil, "a value as `INDEX:TYPE=DATA`, such as 1:URL=https://example.com (repeatable)")
	f.StringArrayVar(&rf.fields, "field", nil, "a field of the template as `NAME=TEXT`, or NAME:=JSON for numbers and booleans (repeatable)")
	f.StringVar(&rf.reason, "reason", "", "why, for the history")
	f.Int32Var(&rf.ttl, "ttl", 0, "TTL of the values of --value in `SECONDS` (default: the node's, a day)")
	f.StringVar(&rf.template, "template", "", "data template that the record follows")
	f.StringVarP(&rf.file, "file", "f", "", "`FILE` with one record in JSON, - for standard input")
	f.StringVar(&rf.idemKey, "idempotency-key", "", "make a repeated call return the first answer")
	cmd.MarkFlagsMutuallyExclusive("value", "file")
	cmd.MarkFlagsMutuallyExclusive("field", "file")
	cmd.MarkFlagsMutuallyExclusive("ttl", "file")
	cmd.MarkFlagsMutuallyExclusive("template", "file")
}

// newValue is a value in a request; what is absent is the node's default.
type newValue struct {
	Index uint32 `json:"index"`
	Type  string `json:"type"`
	Data  any    `json:"data"`
	TTL   *int32 `json:"ttl,omitempty"`
	Perms string `json:"perms,omitempty"`

	// What CSV may have of it beside.
	TTLType   string `json:"ttlType,omitempty"`
	Timestamp string `json:"timestamp,omitempty"`
	Refs      any    `json:"refs,omitempty"`
}

// newRecord is a record in a request.
type newRecord struct {
	ID       string     `json:"id"`
	Scheme   string     `json:"scheme,omitempty"`
	Template string     `json:"template,omitempty"`
	Fields   fields     `json:"fields,omitempty"`
	Values   []newValue `json:"values,omitempty"`
}

// fields are what the template of a record says of it, by name.
type fields map[string]json.RawMessage

// parseFields reads NAME=TEXT and NAME:=JSON.
func parseFields(texts []string) (fields, error) {
	out := fields{}
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		raw, _ := json.Marshal(value)
		if short, typed := strings.CutSuffix(name, ":"); typed {
			name, raw = short, []byte(value)
			ok = ok && json.Valid(raw)
		}
		if !ok || name == "" {
			return nil, usagef("--field is NAME=TEXT, or NAME:=JSON such as weight:=0.12, not %q", text)
		}
		if _, twice := out[name]; twice {
			return nil, usagef("--field %s is given twice", name)
		}
		out[name] = raw
	}
	return out, nil
}

// maxIndex is the largest index of a value.
const maxIndex = 1<<31 - 1

// parseValue reads INDEX:TYPE=DATA.
func parseValue(text string) (newValue, error) {
	index, rest, ok1 := strings.Cut(text, ":")
	kind, data, ok2 := strings.Cut(rest, "=")
	n, err := strconv.ParseUint(index, 10, 32)
	if !ok1 || !ok2 || err != nil || n < 1 || n > maxIndex || kind == "" {
		return newValue{}, usagef("--value is INDEX:TYPE=DATA with an index from 1, such as 1:URL=https://example.com, not %q", text)
	}
	return newValue{Index: uint32(n), Type: kind, Data: data}, nil
}

// body is the record to send, and its identifier. The identifier may stand in the argument, in the
// file, or in both if they agree.
func (a *app) body(rf *recordFlags, args []string, ttlSet bool) (id string, body []byte, err error) {
	if len(args) > 0 {
		id = args[0]
	}
	if rf.file == "" {
		if id == "" {
			return "", nil, usagef("name an identifier, or give a record with --file")
		}
		if len(rf.values)+len(rf.fields) == 0 {
			return "", nil, usagef("give at least one --value INDEX:TYPE=DATA or --field NAME=TEXT, or a record with --file")
		}
		r := newRecord{ID: id, Template: rf.template}
		if r.Fields, err = parseFields(rf.fields); err != nil {
			return "", nil, err
		}
		for _, text := range rf.values {
			v, err := parseValue(text)
			if err != nil {
				return "", nil, err
			}
			if ttlSet {
				v.TTL = &rf.ttl
			}
			r.Values = append(r.Values, v)
		}
		body, err = json.Marshal(r)
		return id, body, err
	}

	raw, err := a.readFile(rf.file)
	if err != nil {
		return "", nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	var fields map[string]json.RawMessage
	if err := dec.Decode(&fields); err != nil {
		return "", nil, failf("read %s: %v", rf.file, err)
	}
	if err := dec.Decode(new(json.RawMessage)); !errors.Is(err, io.EOF) {
		return "", nil, failf("read %s: more than one record; use idctl import", rf.file)
	}
	var inFile string
	if raw, ok := fields["id"]; ok {
		if err := json.Unmarshal(raw, &inFile); err != nil {
			return "", nil, failf("read %s: id: %v", rf.file, err)
		}
	}
	switch {
	case id == "" && inFile == "":
		return "", nil, usagef("neither the command line nor %s names an identifier", rf.file)
	case id == "":
		id = inFile
	case inFile == "":
		fields["id"], _ = json.Marshal(id)
	case id != inFile:
		return "", nil, usagef("the command line names %s, but %s names %s", id, rf.file, inFile)
	}
	body, err = json.Marshal(fields)
	return id, body, err
}

// maxRecordFile bounds a file with one record, in octets.
const maxRecordFile = 64 << 20

func (a *app) readFile(name string) ([]byte, error) {
	in := a.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxRecordFile+1))
	if err != nil {
		return nil, failf("read %s: %v", name, err)
	}
	if len(raw) > maxRecordFile {
		return nil, failf("read %s: longer than %d octets", name, maxRecordFile)
	}
	return raw, nil
}

// conditions are the headers under which a write is done.
func conditions(idemKey string, version uint64) http.Header {
	h := http.Header{}
	if idemKey != "" {
		h.Set("Idempotency-Key", idemKey)
	}
	if version > 0 {
		h.Set("If-Match", fmt.Sprintf(`"%d"`, version))
	}
	return h
}

func (a *app) registerCommand() *cobra.Command {
	var rf recordFlags
	cmd := &cobra.Command{
		Use:   "register [ID] --value INDEX:TYPE=DATA… | -f FILE",
		Short: "Register a new identifier",
		Example: `  idctl register 88.1021.150/SN-001 --value 1:URL=https://example.com/SN-001 --value 2:DESC=轴承
  idctl register -f record.json`,
		Args: cobra.MaximumNArgs(1),
	}
	rf.add(cmd)
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		id, body, err := a.body(&rf, args, cmd.Flags().Changed("ttl"))
		if err != nil {
			return err
		}
		return a.write(ctx, "registered", id, request{method: http.MethodPost, path: "/v1/identifiers", query: why(url.Values{}, rf.reason),
			body: body, header: conditions(rf.idemKey, 0)})
	})
	return cmd
}

func (a *app) replaceCommand() *cobra.Command {
	var rf recordFlags
	cmd := &cobra.Command{
		Use:     "replace [ID] --value INDEX:TYPE=DATA… | -f FILE",
		Short:   "Replace all values of an identifier, or register it",
		Example: `  idctl replace 88.1021.150/SN-001 --value 1:URL=https://example.com/new --if-version 3`,
		Args:    cobra.MaximumNArgs(1),
	}
	rf.add(cmd)
	cmd.Flags().Uint64Var(&rf.version, "if-version", 0, "only if the record still has version `N`")
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		id, body, err := a.body(&rf, args, cmd.Flags().Changed("ttl"))
		if err != nil {
			return err
		}
		return a.write(ctx, "stored", id, request{method: http.MethodPut, path: "/v1/identifiers",
			query: why(url.Values{"id": {id}}, rf.reason), body: body, header: conditions(rf.idemKey, rf.version)})
	})
	return cmd
}

// why adds a reason to a query.
func why(q url.Values, reason string) url.Values {
	if reason != "" {
		q.Set("reason", reason)
	}
	return q
}

func (a *app) updateCommand() *cobra.Command {
	var values, given, remove []string
	var template, reason, idemKey string
	var version uint64
	cmd := &cobra.Command{
		Use:   "update ID",
		Short: "Change some values of an identifier; the others stay",
		Example: `  idctl update 88.1021.150/SN-001 --value 1:URL=https://example.com/new --reason 搬迁
  idctl update 88.1021.150/SN-001 --field grade=P5 --field weight:=0.12 --remove 7 --remove comment`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		changed, err := parseFields(given)
		if err != nil {
			return err
		}
		body := map[string]any{}
		var patch []any
		for _, text := range values {
			v, err := parseValue(text)
			if err != nil {
				return err
			}
			patch = append(patch, v)
		}
		for _, name := range remove {
			if n, err := strconv.ParseUint(name, 10, 32); err == nil {
				patch = append(patch, map[string]any{"index": n, "delete": true})
			} else {
				changed[name] = json.RawMessage("null")
			}
		}
		if len(patch) > 0 {
			body["values"] = patch
		}
		if len(changed) > 0 {
			body["fields"] = changed
		}
		if cmd.Flags().Changed("template") {
			body["template"] = template
		}
		if len(body) == 0 {
			return usagef("nothing to change: give --value, --field, --remove or --template")
		}
		return a.write(ctx, "updated", args[0], request{method: http.MethodPatch, path: "/v1/identifiers",
			query: why(url.Values{"id": {args[0]}}, reason), body: body, header: conditions(idemKey, version)})
	})
	f := cmd.Flags()
	f.StringArrayVar(&values, "value", nil, "a new or changed value as `INDEX:TYPE=DATA` (repeatable)")
	f.StringArrayVar(&given, "field", nil, "a field of the template as `NAME=TEXT`, or NAME:=JSON for numbers and booleans (repeatable)")
	f.StringArrayVar(&remove, "remove", nil, "the value with this `INDEX`, or the field of this name, goes (repeatable)")
	f.StringVar(&template, "template", "", "data template that the record is to follow")
	f.StringVar(&reason, "reason", "", "why, for the history")
	f.StringVar(&idemKey, "idempotency-key", "", "make a repeated call return the first answer")
	f.Uint64Var(&version, "if-version", 0, "only if the record still has version `N`")
	return cmd
}

func (a *app) revokeCommand() *cobra.Command {
	var reason, successor string
	var version uint64
	cmd := &cobra.Command{
		Use:   "revoke ID --reason TEXT",
		Short: "Revoke an identifier; it then answers with the reason and its successor",
		Args:  cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q := url.Values{"id": {args[0]}, "reason": {reason}}
			if successor != "" {
				q.Set("successor", successor)
			}
			return a.write(ctx, "revoked", args[0], request{method: http.MethodDelete, path: "/v1/identifiers", query: q, header: conditions("", version)})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&reason, "reason", "", "why, for those who ask later")
	f.StringVar(&successor, "successor", "", "the identifier to ask instead")
	f.Uint64Var(&version, "if-version", 0, "only if the record still has version `N`")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) restoreCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "restore ID",
		Short: "Bring a revoked identifier back",
		Args:  cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.write(ctx, "restored", args[0], request{method: http.MethodPost, path: "/v1/identifiers:restore", query: why(url.Values{}, reason), body: map[string]string{"id": args[0]}})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the history")
	return cmd
}

// write sends a write of one record and prints its result.
func (a *app) write(ctx context.Context, done, id string, r request) error {
	var got record
	body, err := a.callInto(ctx, r, &got)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if a.output == "json" {
		return a.printBody(body)
	}
	_, err = fmt.Fprintf(a.Out, "%s %s version %d\n", done, clean(orDefault(got.ID, id)), got.Version)
	return err
}

func (a *app) getCommand() *cobra.Command {
	var version uint64
	var at string
	var byName bool
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Show a record as the registry holds it, private values included",
		Args:  cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q := url.Values{"id": {args[0]}}
			if version > 0 {
				q.Set("version", strconv.FormatUint(version, 10))
			}
			if at != "" {
				t, err := parseTime(at, time.Now())
				if err != nil {
					return err
				}
				q.Set("at", t.Format(time.RFC3339))
			}
			if byName {
				q.Set("fields", "true")
			}
			var got struct {
				record
				Fields json.RawMessage `json:"fields"`
			}
			body, err := a.callInto(ctx, request{method: http.MethodGet, path: "/v1/identifiers", query: q}, &got)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if a.output == "json" {
				return a.printBody(body)
			}
			if byName && got.Fields != nil {
				fmt.Fprintf(a.Out, "%s  template %s  version %d\n", clean(got.ID), clean(got.Template), got.Version)
				return a.printFields(got.Fields)
			}
			return a.printRecord(&got.record)
		}),
	}
	cmd.Flags().BoolVar(&byName, "fields", false, "show the fields by the names of the record's template")
	cmd.Flags().Uint64Var(&version, "version", 0, "the record's version `N` rather than the present one")
	cmd.Flags().StringVar(&at, "at", "", "the record as it was at `TIME` (RFC 3339, a date, or an age such as 36h)")
	cmd.MarkFlagsMutuallyExclusive("version", "at")
	return cmd
}

// parseTime reads a moment: RFC 3339, a date (its start, local time), or an age before now.
func parseTime(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return t, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usagef("%q is neither a time such as 2026-01-31T08:00:00+08:00, a date, nor a duration such as 36h", text)
}
