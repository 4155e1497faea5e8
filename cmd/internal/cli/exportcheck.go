package cli

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/recordcsv"
)

// checkManifest holds a file of records to the manifest beside it, if there is one, before it is imported. A file with
// other octets but the same records is good: a spreadsheet ends lines in its own way.
func (a *app) checkManifest(name, format, encoding string) error {
	beside := name + archive.RecordsManifestSuffix
	text, err := os.ReadFile(beside)
	if errors.Is(err, fs.ErrNotExist) || name == "-" {
		return nil
	}
	if err != nil {
		return failf("read %s: %v", beside, err)
	}
	var want archive.RecordsManifest
	if err := json.Unmarshal(text, &want); err != nil || want.SHA256 == "" || want.Version > archive.RecordsVersion {
		return failf("%s is no manifest of records that idctl knows: remove it to import %s without", beside, name)
	}
	got, differs, err := compareFile(name, &want)
	if err != nil || differs == nil {
		return err
	}
	err = countRecords(name, format, encoding, got)
	switch {
	case err != nil:
		differs = failf("%v, and it cannot be read: %v", differs, err)
	case got.Records == want.Records && got.Values == want.Values && got.RecordsDigest == want.RecordsDigest:
		fmt.Fprintln(a.Err, "idctl:", clean(say(a.language(), "%s is not as %s says: %v; its records are the same", name, beside, differs)))
		return nil
	default:
		if got.Records != want.Records {
			differs = failf("%v, %d records rather than %d", differs, got.Records, want.Records)
		}
		if got.Values != want.Values {
			differs = failf("%v, %d values rather than %d", differs, got.Values, want.Values)
		}
		differs = failf("%v, recordsDigest %s rather than %s", differs, got.RecordsDigest, want.RecordsDigest)
	}
	return failf("%s is not as %s says: %v; remove the manifest to import the file as it is", name, beside, differs)
}

// compareFile says how the octets of a file differ from those that a manifest tells of; nil: they do not.
func compareFile(name string, want *archive.RecordsManifest) (got *archive.RecordsManifest, differs, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	digest := sha256.New()
	n, err := io.Copy(digest, f)
	if err != nil {
		return nil, nil, failf("read %s: %v", name, err)
	}
	got = &archive.RecordsManifest{Octets: n, SHA256: hex.EncodeToString(digest.Sum(nil))}
	if got.SHA256 == want.SHA256 && got.Octets == want.Octets {
		return got, nil, nil
	}
	differs = failf("SHA-256 %s rather than %s", got.SHA256, want.SHA256)
	if got.Octets != want.Octets {
		differs = failf("%d octets rather than %d, %v", got.Octets, want.Octets, differs)
	}
	return got, differs, nil
}

// countRecords counts the records of a file in m, and makes their digest.
func countRecords(name, format, encoding string, m *archive.RecordsManifest) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	unpacked, err := archive.Unpack(f)
	if err != nil {
		return err
	}
	defer unpacked.Close()
	in := bufio.NewReaderSize(unpacked, 64<<10)
	if encoding == "gb18030" {
		in = bufio.NewReaderSize(simplifiedchinese.GB18030.NewDecoder().Reader(in), 64<<10)
	}
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	next, err := recordsOf(in, format)
	digest := sha256.New()
	var line []byte
	for err == nil {
		var rec *identifier.Record
		if rec, err = next(); err != nil {
			break
		}
		m.Records++
		m.Values += int64(len(rec.Values))
		bare := identifier.Record{Scheme: rec.Scheme, ID: rec.ID, Template: rec.Template, Values: rec.Values}
		line = append(identifier.AppendRecordJSON(line[:0], &bare), '\n')
		digest.Write(line)
	}
	m.RecordsDigest = hex.EncodeToString(digest.Sum(nil))
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// recordsOf yields the records of NDJSON or CSV; io.EOF ends them.
func recordsOf(in io.Reader, format string) (func() (*identifier.Record, error), error) {
	if format == string(archive.CSV) {
		r, err := recordcsv.NewReader(in)
		if err != nil {
			return nil, err
		}
		return r.Read, nil
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxRecordFile)
	return func() (*identifier.Record, error) {
		for lines.Scan() {
			if text := bytes.TrimSpace(lines.Bytes()); len(text) > 0 {
				return identifier.ParseRecordJSON(text)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}, nil
}
