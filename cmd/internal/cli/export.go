package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"
)

func (a *app) exportCommand() *cobra.Command {
	var s selection
	var format, out, dir string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write records in the form that import reads",
		Long: `Write records as NDJSON or CSV, to standard output or to a file. A file appears whole under its
name or not at all. Revoked identifiers are left out, and counted.

CSV has one line a value (id,index,type,data,ttl,perms). Cells that a spreadsheet would take for a
formula begin with an apostrophe, which import removes. Data that is not text is written as
{"format":"base64","value":"…"}. References, timestamps and absolute TTLs do not fit into CSV.

handle is the batch text of the Handle.Net software, of identifiers that are Handles; "idctl migrate
handle" reads it again without loss. With --files, data that are no plain text become files of that
directory, and hdl-genericbatch takes the text as it is; references, timestamps and absolute TTLs are
then left out.`,
		Example: "  idctl export --prefix 88.1021.150/ -O records.ndjson",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			if format == "" {
				format = "ndjson"
				if filepath.Ext(out) == ".csv" {
					format = "csv"
				}
			}
			if format != "ndjson" && format != "csv" && format != "handle" {
				return usagef("--format is ndjson, csv or handle, not %q", format)
			}
			if dir != "" && format != "handle" {
				return usagef("--files is for --format handle")
			}
			export := func(w io.Writer) error { return a.export(ctx, w, format, s) }
			if format == "handle" {
				export = func(w io.Writer) error { return a.exportHandle(ctx, w, dir, s) }
			}
			if out == "" || out == "-" {
				return export(a.Out)
			}
			return writeWhole(out, export)
		}),
	}
	s.add(cmd)
	cmd.Flags().StringVarP(&format, "format", "f", "", "`FORMAT`: ndjson, csv or handle (default: by the file's name, else ndjson)")
	cmd.Flags().StringVar(&dir, "files", "", "of --format handle: `DIRECTORY` for data that are no plain text")
	cmd.Flags().StringVarP(&out, "out", "O", "", "`FILE` to write (default: standard output)")
	return cmd
}

// writeWhole writes a file by a temporary one beside it, so that nobody sees half of it.
func writeWhole(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// export writes the records of s to w.
func (a *app) export(ctx context.Context, w io.Writer, format string, s selection) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	write := ndjsonWriter(buf)
	var table *csvWriter
	if format == "csv" {
		table = newCSVWriter(buf)
		write = table.write
	}
	var written, revoked int
	err := a.each(ctx, "/v1/identifiers", s.query(), 0, func(item json.RawMessage) error {
		var r record
		if err := json.Unmarshal(item, &r); err != nil {
			return failf("answer of %s is not what idctl knows: %v", a.server, err)
		}
		if r.State == "revoked" {
			revoked++
			return nil
		}
		written++
		return write(&r)
	})
	if err != nil {
		return err
	}
	if table != nil {
		if err := table.flush(); err != nil {
			return err
		}
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	line := fmt.Sprintf("%d records", written)
	if revoked > 0 {
		line += fmt.Sprintf(", %d revoked left out", revoked)
	}
	if table != nil && table.lossy > 0 {
		line += fmt.Sprintf("; CSV lacks references or absolute TTLs of %d values: NDJSON keeps them", table.lossy)
	}
	fmt.Fprintln(a.Err, "idctl: exported", line)
	return nil
}

// ndjsonWriter writes records in the interchange form: without the version and state, which are the
// node's to give.
func ndjsonWriter(w io.Writer) func(*record) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(r *record) error {
		return enc.Encode(record{Scheme: r.Scheme, ID: r.ID, Template: r.Template, Created: r.Created, Updated: r.Updated, Values: r.Values})
	}
}

// csvColumns is the header of CSV files, in the order in which export writes it.
var csvColumns = []string{"id", "index", "type", "data", "ttl", "perms"}

type csvWriter struct {
	csv   *csv.Writer
	lossy int // values of which something could not be written
}

func newCSVWriter(w io.Writer) *csvWriter {
	c := &csvWriter{csv: csv.NewWriter(w)}
	_ = c.csv.Write(csvColumns) // an error stays and is returned by flush
	return c
}

func (c *csvWriter) write(r *record) error {
	for i := range r.Values {
		v := &r.Values[i]
		data, _, err := v.data()
		if err != nil || !bytes.HasPrefix(v.Data, []byte(`"`)) || isDataForm(data) {
			if data, err = dataForm(v); err != nil {
				return failf("value %d of %s: %v", v.Index, r.ID, err)
			}
		}
		ttl := string(v.TTL)
		if v.TTLType != "" && v.TTLType != "relative" || v.Refs != nil {
			c.lossy++
			if v.Refs == nil {
				ttl = ""
			}
		}
		row := []string{escapeFormula(r.ID), strconv.FormatUint(uint64(v.Index), 10), escapeFormula(v.Type), escapeFormula(data), ttl, unquote(v.Perms)}
		if err := c.csv.Write(row); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvWriter) flush() error {
	c.csv.Flush()
	return c.csv.Error()
}

// unquote is a JSON string's text, or any other JSON as it is.
func unquote(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
