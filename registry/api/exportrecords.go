package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// recordsExport is what the export of records is among the scopes: it has the path of the archive of all enterprises.
const recordsExport = "GET /v1/export?format="

// recordParameters are those of an export of records alone.
var recordParameters = []string{"prefix", "scheme", "enterprise", "times"}

// recordsOnly is the first of them that the query has, "" if there is none.
func recordsOnly(query url.Values) string {
	for _, name := range recordParameters {
		if query.Has(name) {
			return name
		}
	}
	return ""
}

// describeRecordsExport adds the export of records to the operation of its path.
func (s *server) describeRecordsExport() {
	op := s.huma.OpenAPI().Paths[exportPath].Get
	op.Description += " With a format the answer is records alone, of one moment, for whom lists identifiers: the identifiers that the list has, revoked ones left out. " +
		"Its trailers say what it held: Repr-Digest (SHA-256 of the content before it is packed), Idnode-Records, Idnode-Values, Idnode-Revoked (left out), Idnode-Seq " +
		"(a place in the change log: all that was changed up to it is there), Idnode-Records-Digest (SHA-256 of the same export as NDJSON without times, " +
		"equal at a node into which it was imported). An answer without them has been cut off."
	text := &huma.Schema{Type: huma.TypeString}
	op.Parameters = append(op.Parameters,
		&huma.Param{Name: "format", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{string(archive.NDJSON), string(archive.CSV)}},
			Description: "Records alone: ndjson, the interchange form without version and state, or csv, a line a value, with the columns id,index,type,data,ttl,perms,timestamp,refs,scheme,template"},
		&huma.Param{Name: "prefix", In: "query", Schema: text, Description: "Of records: what identifiers begin with, as in the list"},
		&huma.Param{Name: "scheme", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"handle", "oid", "ecode", "gs1"}}, Description: "Of records: the scheme"},
		&huma.Param{Name: "enterprise", In: "query", Schema: text, Description: "Of records: the enterprise whose they are; operators and auditors name any"},
		&huma.Param{Name: "times", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean}, Description: "Of records in NDJSON: with created and updated, which an import sets anew"})
	content := op.Responses["200"].Content
	for _, media := range []string{archive.MediaNDJSON, "text/csv"} {
		content[media] = &huma.MediaType{}
	}
}

// recordsRequest reads what records are asked for.
func recordsRequest(query url.Values) (registry.RecordsRequest, error) {
	q := registry.RecordsRequest{Form: archive.RecordForm(query.Get("format")), Enterprise: query.Get("enterprise"), Prefix: query.Get("prefix")}
	var err error
	if name := query.Get("scheme"); name != "" {
		if q.Scheme, err = identifier.ParseScheme(name); err != nil {
			return q, invalid("scheme", "%s", err)
		}
	}
	q.Times, err = parseBool("times", query.Get("times"))
	return q, err
}

// exportRecords streams records.
func (s *server) exportRecords(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	q, err := recordsRequest(query)
	asked := query.Get("compression")
	p, known := packings[asked]
	if err == nil && asked != "" && !known {
		err = invalid("compression", "gzip, zstd or none is expected")
	}
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), exportMost)
	defer cancel()
	x, err := s.reg.BeginRecords(ctx, q, actorOf(ctx))
	if err != nil {
		writeProblem(w, s.problem(ctx, err))
		return
	}
	defer x.Close()
	h := w.Header()
	h.Set("Content-Type", archive.MediaNDJSON)
	if q.Form == archive.CSV {
		h.Set("Content-Type", archive.MediaCSV)
	}
	extension := "." + string(q.Form)
	pack := p.name
	if pack != "" {
		h.Set("Content-Type", p.media)
		extension += strings.TrimPrefix(p.extension, ".tar")
	}
	if asked == "" {
		h.Set("Vary", "Accept-Encoding")
		if pack = acceptedPacking(r.Header.Get("Accept-Encoding")); pack != "" {
			h.Set("Content-Encoding", pack)
		}
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="idnode-records-%s%s"`, x.Time.Format("20060102"), extension))
	h.Set(archive.HeaderTime, x.Time.Format(time.RFC3339Nano))
	h.Set(archive.HeaderNode, strings.Join(x.Node(), ", "))
	if e := x.Enterprise(); e != "" {
		h.Set(archive.HeaderEnterprise, e)
	}
	h.Set("Trailer", strings.Join(archive.RecordTrailers, ", "))
	rc := http.NewResponseController(w)
	defer rc.SetWriteDeadline(time.Time{}) // or it would end later answers on the connection
	w.WriteHeader(http.StatusOK)
	_ = rc.Flush() // the first records may be far
	if r.Method == http.MethodHead {
		return
	}
	var sum registry.RecordsSummary
	out, err := packed(&patientWriter{w, rc}, pack)
	if err == nil {
		sum, err = x.Write(ctx, out)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("export of records broke off", "err", err)
		}
		panic(http.ErrAbortHandler) // the status has gone out: only a broken answer tells
	}
	h.Set(archive.TrailerDigest, digestField(sum.SHA256))
	h.Set(archive.TrailerContent, digestField(sum.Content))
	h.Set(archive.TrailerSeq, strconv.FormatUint(uint64(x.Seq), 10))
	for name, n := range map[string]int64{archive.TrailerRecords: sum.Records, archive.TrailerValues: sum.Values, archive.TrailerRevoked: sum.Revoked} {
		h.Set(name, strconv.FormatInt(n, 10))
	}
}

// digestField is a SHA-256 as a field of RFC 9530.
func digestField(sum [sha256.Size]byte) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}
