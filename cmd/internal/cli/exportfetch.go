package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/archive"
)

// fetch streams the records to take, in a form that the node writes, and returns what the node says of them once it is
// certain that they came whole. The file's octets and digest are not known to it.
func (x *recordExport) fetch(ctx context.Context, form archive.RecordForm, take func(io.Reader) error) (*archive.RecordsManifest, error) {
	query := x.query()
	query.Set("format", string(form))
	if x.enterprise != "" {
		query.Set("enterprise", x.enterprise)
	}
	if x.times {
		query.Set("times", "true")
	}
	packing := "zstd, gzip"
	if isLocal(x.app.server) {
		packing = "identity"
	}
	body, err := x.app.streamFor(ctx, request{method: http.MethodGet, path: "/v1/export", query: query,
		header: http.Header{"Accept": {"*/*"}, "Accept-Encoding": {packing}, "Te": {"trailers"}}}, max(x.app.timeout, archiveIdle))
	if err != nil {
		return nil, err
	}
	defer body.Close()
	head := body.resp.Header
	want, _, _ := mime.ParseMediaType(map[archive.RecordForm]string{archive.NDJSON: archive.MediaNDJSON, archive.CSV: archive.MediaCSV}[form])
	if kind, _, _ := mime.ParseMediaType(head.Get("Content-Type")); kind != want {
		return nil, failf("%s does not stream records: it answers with %q", x.app.server, head.Get("Content-Type"))
	}
	text := io.Reader(body)
	if head.Get("Content-Encoding") != "" {
		unpacked, err := archive.Unpack(body)
		if err != nil {
			return nil, failf("the export did not come whole: %v", err)
		}
		defer unpacked.Close()
		text = unpacked
	}
	digest := sha256.New()
	in := &watched{in: io.TeeReader(text, digest), bar: x.bar}
	if err := take(in); err != nil && in.err == nil {
		return nil, err
	}
	// To the very end: what is not read does not count, and the trailers come behind it.
	for _, rest := range []io.Reader{in, body} {
		if _, err := io.Copy(io.Discard, rest); err != nil || in.err != nil {
			return nil, failf("the export did not come whole: %v", errors.Join(in.err, err))
		}
	}
	m, err := recordsManifest(head, body.resp.Trailer, digest.Sum(nil))
	if err != nil {
		return nil, err
	}
	m.Format, m.Prefix, m.Scheme = form, x.prefix, x.scheme
	return m, nil
}

// watched shows how far the reading is, and remembers how it ended.
type watched struct {
	in     io.Reader
	bar    *progress
	octets int64
	lines  int
	err    error // other than io.EOF
}

func (w *watched) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.in.Read(p)
	w.octets += int64(n)
	if w.bar != nil {
		w.lines += bytes.Count(p[:n], []byte{'\n'})
		w.bar.advance(w.octets, w.lines)
	}
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// recordsManifest reads what an answer says of its records, and holds the content to it.
func recordsManifest(head, trailer http.Header, digest []byte) (*archive.RecordsManifest, error) {
	if trailer.Get(archive.TrailerDigest) == "" {
		return nil, failf("the export did not come whole: what the node says at its end is missing; a proxy between may have left it out")
	}
	m := &archive.RecordsManifest{Version: archive.RecordsVersion, Scope: archive.ScopeNode, Enterprise: head.Get(archive.HeaderEnterprise)}
	if m.Enterprise != "" {
		m.Scope = archive.ScopeEnterprise
	}
	if node := head.Get(archive.HeaderNode); node != "" {
		m.Node = strings.Split(node, ", ")
	}
	said, err := digestOf(trailer.Get(archive.TrailerDigest))
	if err == nil && !bytes.Equal(said, digest) {
		return nil, failf("the export did not come whole: its SHA-256 is %x, of the node's %x", digest, said)
	}
	content, cerr := digestOf(trailer.Get(archive.TrailerContent))
	m.RecordsDigest = hex.EncodeToString(content)
	var terr, serr error
	m.Time, terr = time.Parse(time.RFC3339, head.Get(archive.HeaderTime))
	m.Seq, serr = strconv.ParseUint(trailer.Get(archive.TrailerSeq), 10, 64)
	err = errors.Join(err, cerr, terr, serr)
	for name, n := range map[string]*int64{archive.TrailerRecords: &m.Records, archive.TrailerValues: &m.Values, archive.TrailerRevoked: &m.Revoked} {
		var nerr error
		*n, nerr = strconv.ParseInt(trailer.Get(name), 10, 64)
		err = errors.Join(err, nerr)
	}
	if err != nil {
		return nil, failf("what the node says of the export cannot be read: %v", err)
	}
	return m, nil
}

// digestOf reads a SHA-256 in a field of RFC 9530.
func digestOf(field string) ([]byte, error) {
	for part := range strings.SplitSeq(field, ",") {
		text, ok := strings.CutPrefix(strings.TrimSpace(part), "sha-256=:")
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(text, ":")); ok && err == nil && len(sum) == sha256.Size {
			return sum, nil
		}
	}
	return nil, failf("%q has no SHA-256", field)
}
