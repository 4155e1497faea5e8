package cli

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/archive"
)

func (a *app) exportCommand() *cobra.Command {
	var x recordExport
	var format, out string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write records in the form that import reads",
		Long: `Write records as they are at one moment, as NDJSON or CSV, to standard output or to a file. A file
appears whole under its name or not at all; one whose name ends in .gz is packed. Beside it stands
FILE.manifest.json: how many records and values it has, its SHA-256, and recordsDigest, which is
the same for a node into which the file was imported. Revoked identifiers are left out, and counted.

CSV has one line a value: id,index,type,data,ttl,perms,timestamp,refs,scheme,template. Cells that a
spreadsheet would take for a formula begin with an apostrophe, which import removes. Data that is not
text is written as {"format":"base64","value":"…"}, references as [{"handle":"…","index":300}], and an
absolute TTL as the time when it ends.

handle is the batch text of the Handle.Net software, of identifiers that are Handles; "idctl migrate
handle" reads it again without loss. With --files, data that are no plain text become files of that
directory, and hdl-genericbatch takes the text as it is; references, timestamps and absolute TTLs are
then left out.

Neither has versions, history and revoked identifiers: "idctl enterprise export" does.`,
		Example: "  idctl export --prefix 88.1021.150/ -O records.ndjson\n  idctl export -O records.csv.gz",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			x.app, x.form = a, archive.RecordForm(orDefault(format, orDefault(formatOf(out), "ndjson")))
			switch {
			case x.form != archive.NDJSON && x.form != archive.CSV && x.form != archive.Handle:
				return usagef("--format is ndjson, csv or handle, not %q", format)
			case x.dir != "" && x.form != archive.Handle:
				return usagef("--files is for --format handle")
			case x.times && x.form != archive.NDJSON:
				return usagef("--times is for --format ndjson")
			case packingOf(out) == "zstd":
				return usagef("records are packed with gzip: name the file .gz")
			}
			if !quiet {
				x.bar = newProgress(a.Err, orDefault(out, "export"), -1)
			}
			if out == "" || out == "-" {
				_, err := x.run(ctx, a.Out)
				return err
			}
			return x.save(ctx, out)
		}),
	}
	x.selection.add(cmd)
	f := cmd.Flags()
	f.StringVar(&x.enterprise, "enterprise", "", "only identifiers of the enterprise of this `ID`")
	f.StringVarP(&format, "format", "f", "", "`FORMAT`: ndjson, csv or handle (default: by the file's name, else ndjson)")
	f.BoolVar(&x.times, "times", false, "of ndjson: with the times when records were created and updated, which import sets anew")
	f.StringVar(&x.dir, "files", "", "of --format handle: `DIRECTORY` for data that are no plain text")
	f.StringVarP(&out, "out", "O", "", "`FILE` to write (default: standard output)")
	f.BoolVarP(&quiet, "quiet", "q", false, "no progress on a terminal")
	return cmd
}

// recordExport is one run of idctl export.
type recordExport struct {
	app  *app
	form archive.RecordForm
	selection
	enterprise string
	times      bool
	dir        string // of the form handle: for data that are no plain text
	bar        *progress
}

// save writes the records to a file, packed if its name says so, and the manifest beside it.
func (x *recordExport) save(ctx context.Context, name string) error {
	var m *archive.RecordsManifest
	err := writeWhole(name, func(w io.Writer) (err error) {
		file := &counted{w: w, hash: sha256.New()}
		if packingOf(name) == "gzip" {
			z := gzip.NewWriter(file)
			m, err = x.run(ctx, z)
			if cerr := z.Close(); err == nil {
				err = cerr
			}
		} else {
			m, err = x.run(ctx, file)
		}
		if err == nil {
			m.Octets, m.SHA256 = file.octets, hex.EncodeToString(file.hash.Sum(nil))
		}
		return err
	})
	if err != nil {
		return err
	}
	err = writeWhole(name+archive.RecordsManifestSuffix, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(m)
	})
	if err == nil && x.app.output == "json" {
		err = x.app.printJSON(m)
	}
	return err
}

// counted counts and digests what is written to it.
type counted struct {
	w      io.Writer
	hash   hash.Hash
	octets int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.hash.Write(p[:n])
	c.octets += int64(n)
	return n, err
}

// run writes the records to w and says how many they were.
func (x *recordExport) run(ctx context.Context, w io.Writer) (*archive.RecordsManifest, error) {
	buf := bufio.NewWriterSize(w, 64<<10)
	var said string
	var m *archive.RecordsManifest
	var err error
	if x.form == archive.Handle {
		m, said, err = x.handles(ctx, buf)
	} else {
		m, err = x.fetch(ctx, x.form, func(in io.Reader) error {
			_, err := io.Copy(buf, in)
			return err
		})
	}
	x.bar.finish()
	if err == nil {
		err = buf.Flush()
	}
	if err != nil {
		return nil, err
	}
	line := fmt.Sprintf("%d records", m.Records)
	if m.Revoked > 0 {
		line += fmt.Sprintf(", %d revoked left out", m.Revoked)
	}
	fmt.Fprintln(x.app.Err, "idctl: exported", line+said)
	return m, nil
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
