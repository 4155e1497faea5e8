package cli

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/idnode/idnode/proto/handle/dump"
	"github.com/idnode/idnode/proto/identifier"
)

// exportHandle writes the Handles of s to w as batch text: without loss, or with a directory such that
// hdl-genericbatch takes it.
func (a *app) exportHandle(ctx context.Context, w io.Writer, dir string, s selection) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	var written, revoked, others, lost int
	var block []byte
	err := a.each(ctx, "/v1/identifiers", s.query(), 0, func(item json.RawMessage) error {
		rec, err := identifier.ParseRecordJSON(item)
		if err != nil {
			return failf("answer of %s is not what idctl knows: %v", a.server, err)
		}
		switch {
		case rec.State == identifier.Revoked:
			revoked++
			return nil
		case rec.Scheme != identifier.Handle:
			others++
			return nil
		}
		r := &dump.Record{Handle: rec.ID, Template: rec.Template, Values: rec.Values}
		if dir == "" {
			block, err = dump.Append(block[:0], r)
		} else {
			var n int
			block, n, err = dump.AppendPlain(block[:0], r, func(v *identifier.Value) (string, error) { return keepValue(dir, v.Data) })
			lost += n
		}
		if err != nil {
			return failf("export %s: %v", rec.ID, err)
		}
		written++
		_, err = buf.Write(block)
		return err
	})
	if err != nil {
		return err
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	line := fmt.Sprintf("%d records", written)
	if revoked > 0 {
		line += fmt.Sprintf(", %d revoked left out", revoked)
	}
	if others > 0 {
		line += fmt.Sprintf(", %d of other schemes left out", others)
	}
	if lost > 0 {
		line += fmt.Sprintf("; batch text lacks references or absolute TTLs of %d values", lost)
	}
	fmt.Fprintln(a.Err, "idctl: exported", line)
	return nil
}

// keepValue keeps data in a file of dir that is named for what is in it, and returns its path. They may be secrets.
func keepValue(dir string, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	name := filepath.Join(dir, hex.EncodeToString(sum[:])+".bin")
	return name, os.WriteFile(name, data, 0o600)
}
