package cli

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/handle/dump"
	"github.com/idnode/idnode/proto/identifier"
)

// handles writes the records that are Handles to w as batch text: without loss, or with a directory such that
// hdl-genericbatch takes it. said is what is to be said of what is not there. The manifest is of what is.
func (x *recordExport) handles(ctx context.Context, w io.Writer) (m *archive.RecordsManifest, said string, err error) {
	if x.dir != "" {
		if err := os.MkdirAll(x.dir, 0o700); err != nil {
			return nil, "", err
		}
	}
	var written, values, others int64
	var lost int
	var block []byte
	digest := sha256.New()
	m, err = x.fetch(ctx, archive.NDJSON, func(in io.Reader) error {
		lines := bufio.NewScanner(in)
		lines.Buffer(make([]byte, 0, 64<<10), maxRecordFile)
		for lines.Scan() {
			rec, err := identifier.ParseRecordJSON(lines.Bytes())
			if err != nil {
				return failf("answer of %s is not what idctl knows: %v", x.app.server, err)
			}
			if rec.Scheme != identifier.Handle {
				others++
				continue
			}
			r := &dump.Record{Handle: rec.ID, Template: rec.Template, Values: rec.Values}
			if x.dir == "" {
				block, err = dump.Append(block[:0], r)
			} else {
				var n int
				block, n, err = dump.AppendPlain(block[:0], r, func(v *identifier.Value) (string, error) { return keepValue(x.dir, v.Data) })
				lost += n
			}
			if err != nil {
				return failf("export %s: %v", rec.ID, err)
			}
			written++
			values += int64(len(rec.Values))
			digest.Write(lines.Bytes())
			digest.Write([]byte{'\n'})
			if _, err := w.Write(block); err != nil {
				return err
			}
		}
		return lines.Err()
	})
	if err != nil {
		return nil, "", err
	}
	m.Format, m.Records, m.Values, m.RecordsDigest = archive.Handle, written, values, hex.EncodeToString(digest.Sum(nil))
	if others > 0 {
		said += fmt.Sprintf(", %d of other schemes left out", others)
	}
	if lost > 0 {
		said += fmt.Sprintf("; batch text lacks references or absolute TTLs of %d values", lost)
	}
	return m, said, nil
}

// keepValue keeps data in a file of dir that is named for what is in it, and returns its path. They may be secrets.
func keepValue(dir string, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	name := filepath.Join(dir, hex.EncodeToString(sum[:])+".bin")
	return name, os.WriteFile(name, data, 0o600)
}
