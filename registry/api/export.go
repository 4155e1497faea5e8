package api

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

const (
	exportPath       = "/v1/export"
	prefixExportPath = "/v1/prefixes:export"

	// enterpriseExport is a step of an enterprise that is a GET; the mux has it as the enterprise itself.
	enterpriseExport = "GET /v1/enterprises/{id}:export"

	// exportMost bounds an export: so long it may pin a state of the store.
	exportMost = 24 * time.Hour

	// exportPiece is how much a client has to take within importIdle.
	exportPiece = 64 << 10
)

func (s *server) exports() {
	describe := func(id, path, summary string, parameters ...*huma.Param) {
		op := s.describe(operation{
			id: id, method: http.MethodGet, path: path, tag: "archives", summary: summary,
			description: "A tar file of one state of the node, see the package documentation of proto/archive: NDJSON members with a digest each, manifest.json last. " +
				"An answer without a manifest has been cut off. With compression the file itself is packed; without it, Accept-Encoding gzip or zstd packs the answer.",
			errors: []int{404, 429},
		})
		op.Parameters = append(parameters, &huma.Param{Name: "compression", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"gzip", "zstd", "none"}}})
		op.Responses["200"] = &huma.Response{Description: "The archive", Content: map[string]*huma.MediaType{
			"application/x-tar": {}, "application/gzip": {}, "application/zstd": {}}}
		s.huma.OpenAPI().AddOperation(&op)
	}
	text := &huma.Schema{Type: huma.TypeString}
	describe("exportEnterprise", "/v1/enterprises/{id}:export", "Export everything that an enterprise owns",
		&huma.Param{Name: "id", In: "path", Required: true, Schema: text})
	describe("exportNode", exportPath, "Export the data of all enterprises, or with a format records alone")
	s.describeRecordsExport()
	describe("exportPrefix", prefixExportPath, "Export a prefix: its templates, records and their history",
		&huma.Param{Name: "scheme", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"handle", "oid", "ecode", "gs1"}}},
		&huma.Param{Name: "prefix", In: "query", Required: true, Schema: text},
		&huma.Param{Name: "after", In: "query", Schema: text, Description: "Only records that were changed after this place in the change log: seq of an earlier archive's manifest"})
	s.mux.HandleFunc("GET "+exportPath, func(w http.ResponseWriter, r *http.Request) {
		if query := r.URL.Query(); query.Has("format") {
			s.exportRecords(w, r)
		} else if name := recordsOnly(query); name != "" {
			writeProblem(w, s.problem(r.Context(), invalid(name, "%s is for records: give a format with it", name)))
		} else {
			s.export(w, r, registry.ExportRequest{})
		}
	})
	s.mux.HandleFunc("GET "+prefixExportPath, s.exportPrefix)
}

// serveExport serves the export of an enterprise, if that is what r asks for: the mux matches whole
// segments of paths and cannot tell.
func (s *server) serveExport(w http.ResponseWriter, r *http.Request) bool {
	segment, ok := strings.CutPrefix(r.URL.Path, "/v1/enterprises/")
	id, action := splitStep(segment)
	if !ok || action != "export" || strings.Contains(segment, "/") || r.Method != http.MethodGet {
		return false
	}
	r.Pattern = enterpriseExport
	s.export(w, r, registry.ExportRequest{Enterprise: id})
	return true
}

func (s *server) exportPrefix(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	k, err := parsePrefix(query.Get("scheme"), query.Get("prefix"), "prefix")
	q := registry.ExportRequest{Prefix: k}
	if after := query.Get("after"); err == nil && after != "" {
		var seq uint64
		if seq, err = strconv.ParseUint(after, 10, 64); err != nil {
			err = invalid("after", "a place in the change log is expected")
		}
		q.After = storage.Seq(seq)
	}
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	s.export(w, r, q)
}

// packing is how an archive is packed.
type packing struct {
	name, media, extension string
}

var packings = map[string]packing{
	"none": {"", "application/x-tar", ".tar"},
	"gzip": {"gzip", "application/gzip", ".tar.gz"},
	"zstd": {"zstd", "application/zstd", ".tar.zst"},
}

func (s *server) export(w http.ResponseWriter, r *http.Request, q registry.ExportRequest) {
	asked := r.URL.Query().Get("compression")
	p, known := packings[asked]
	if asked == "" {
		p, known = packings["none"], true
	}
	if !known {
		writeProblem(w, s.problem(r.Context(), invalid("compression", "gzip, zstd or none is expected")))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), exportMost)
	defer cancel()
	x, err := s.reg.BeginExport(ctx, q, actorOf(ctx))
	if err != nil {
		writeProblem(w, s.problem(ctx, err))
		return
	}
	defer x.Close()
	h := w.Header()
	h.Set("Content-Type", p.media)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="idnode-%s-%s%s"`, x.Scope(), time.Now().UTC().Format("20060102"), p.extension))
	pack := p.name
	if asked == "" {
		h.Set("Vary", "Accept-Encoding")
		if pack = acceptedPacking(r.Header.Get("Accept-Encoding")); pack != "" {
			h.Set("Content-Encoding", pack)
		}
	}
	rc := http.NewResponseController(w)
	defer rc.SetWriteDeadline(time.Time{}) // or it would end later answers on the connection
	w.WriteHeader(http.StatusOK)
	out, err := packed(&patientWriter{w, rc}, pack)
	if err == nil {
		err = x.Write(ctx, out)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("export broke off", "err", err)
		}
		panic(http.ErrAbortHandler) // the status has gone out: only a broken answer tells
	}
}

// acceptedPacking is the encoding of those that a client takes, "" for none.
func acceptedPacking(accept string) string {
	best := ""
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if q := strings.TrimSpace(params); q == "q=0" || strings.HasPrefix(q, "q=0.0") {
			continue
		}
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case name == "zstd", name == "gzip" && best == "":
			best = name
		}
	}
	return best
}

func packed(w io.Writer, how string) (io.WriteCloser, error) {
	switch how {
	case "gzip":
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow/2))
	}
	return unpacked{w}, nil
}

// unpacked adds to a writer a Close that does nothing.
type unpacked struct{ io.Writer }

func (unpacked) Close() error { return nil }

// patientWriter gives the client importIdle to take each piece, in place of a limit on the whole.
type patientWriter struct {
	w  io.Writer
	rc *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	for done := 0; done < len(b); {
		// Where there are no deadlines the server's own limits hold.
		_ = p.rc.SetWriteDeadline(time.Now().Add(importIdle))
		n, err := p.w.Write(b[done:min(done+exportPiece, len(b))])
		if done += n; err != nil {
			return done, err
		}
	}
	return len(b), nil
}
