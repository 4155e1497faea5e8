package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

const filesPath = "/v1/files"

// uploadTimeout bounds the wait for a file: 5 MiB in two minutes is 350 kbit/s.
const uploadTimeout = 2 * time.Minute

// partHeads bounds what stands around the file in a multipart body, in octets.
const partHeads = 16 << 10

type fileListInput struct {
	Enterprise string `query:"enterprise" doc:"Files of an enterprise; default all that you may see"`
	PageInput
}

type deleteInput struct {
	ID             string `path:"id"`
	IdempotencyKey string `header:"Idempotency-Key"`
}

func (s *server) files() {
	file := schemaOf[registry.File](s)
	s.mux.HandleFunc("POST "+filesPath, s.uploadFile)
	s.mux.HandleFunc("GET "+filesPath+"/{id}/content", s.downloadFile)
	add(s, operation{
		id: "listFiles", method: http.MethodGet, path: filesPath, tag: "files", summary: "List files",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[registry.File]](s)},
	}, s.listFiles)
	add(s, operation{
		id: "readFile", method: http.MethodGet, path: filesPath + "/{id}", tag: "files", summary: "What is known of a file",
		description: "A public file needs no key.", answers: map[int]*huma.Schema{200: file}, errors: []int{404},
	}, s.readFile)
	add(s, operation{
		id: "deleteFile", method: http.MethodDelete, path: filesPath + "/{id}", tag: "files", summary: "Delete a file that no form names",
		answers: map[int]*huma.Schema{204: nil}, errors: []int{404, 409, 507},
	}, s.deleteFile)

	text := &huma.Schema{Type: huma.TypeString}
	octets := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	up := s.describe(operation{
		id: "uploadFile", method: http.MethodPost, path: filesPath, tag: "files", summary: "Upload a file",
		description: "The body is the file, or a form with the file in field \"file\". The type is judged by the content: PNG, JPEG, BMP and PDF; for records also GIF, WebP, Office documents and text in UTF-8.",
		answers:     map[int]*huma.Schema{201: file}, errors: []int{404, 408, 413, 415, 422, 507},
	})
	up.Parameters = []*huma.Param{
		{Name: "name", In: "query", Schema: text, Description: "Default: the file name that a form has"},
		{Name: "purpose", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"attachment", "record"}}, Description: "Default attachment"},
		{Name: "public", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean}, Description: "Of purpose record: everyone may read it"},
		{Name: "enterprise", In: "query", Schema: text, Description: "Operators: whose it is; default your own"},
		{Name: "Idempotency-Key", In: "header", Schema: text},
	}
	up.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: octets},
		"multipart/form-data":      {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": octets}, Required: []string{"file"}}},
	}}
	s.huma.OpenAPI().AddOperation(&up)

	down := s.describe(operation{
		id: "downloadFile", method: http.MethodGet, path: filesPath + "/{id}/content", tag: "files", summary: "The octets of a file",
		description: "The ETag is the SHA-256 of the content.", errors: []int{404},
	})
	down.Parameters = []*huma.Param{{Name: "id", In: "path", Required: true, Schema: text}}
	down.Responses["200"] = &huma.Response{Description: "The file", Content: map[string]*huma.MediaType{"*/*": {Schema: octets}}}
	down.Responses["304"] = &huma.Response{Description: "The client has it already"}
	s.huma.OpenAPI().AddOperation(&down)
}

func (s *server) uploadFile(w http.ResponseWriter, r *http.Request) {
	f, err := s.addFile(w, r)
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	out, err := jsonReply(http.StatusCreated, f)
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	w.Header().Set("Content-Type", out.ContentType)
	w.Header().Set("Cache-Control", out.CacheControl)
	w.Header().Set("Location", filesPath+"/"+f.ID)
	w.WriteHeader(out.Status)
	w.Write(out.Body)
}

func (s *server) addFile(w http.ResponseWriter, r *http.Request) (*registry.File, error) {
	query := r.URL.Query()
	q := registry.FileUpload{Enterprise: query.Get("enterprise"), Name: query.Get("name"), Purpose: registry.FilePurpose(query.Get("purpose"))}
	if text := query.Get("public"); text != "" {
		var err error
		if q.Public, err = strconv.ParseBool(text); err != nil {
			return nil, invalid("public", "true or false is expected")
		}
	}
	rc := http.NewResponseController(w)
	// Where there are no deadlines the server's own limits hold.
	_ = rc.SetReadDeadline(time.Now().Add(uploadTimeout))
	defer rc.SetReadDeadline(time.Time{}) // or it would end later requests on the connection
	r.Body = http.MaxBytesReader(w, r.Body, int64(s.limits.FileOctets)+partHeads)
	var body io.Reader = r.Body
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		parts, err := r.MultipartReader()
		if err != nil {
			return nil, invalid("", "the form cannot be read: %s", err)
		}
		for {
			part, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				return nil, invalid("file", "the form has no field file")
			}
			if err != nil {
				return nil, s.bodyError(err)
			}
			if part.FormName() == "file" {
				if body = part; q.Name == "" {
					q.Name = part.FileName()
				}
				break
			}
		}
	}
	var err error
	if q.Data, err = io.ReadAll(io.LimitReader(body, int64(s.limits.FileOctets)+1)); err != nil {
		return nil, s.bodyError(err)
	}
	return s.reg.AddFile(r.Context(), q, registry.Write{Actor: actorOf(r.Context()), IdempotencyKey: r.Header.Get("Idempotency-Key"), Operation: "POST " + filesPath})
}

// bodyError is an error of reading an upload in terms of the client.
func (s *server) bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return registry.Refuse(registry.CodeTooLarge, "", "the file is longer than %d octets", s.limits.FileOctets)
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return registry.Refuse(codeTimeout, "", "the file did not come within %s", uploadTimeout)
	}
	return invalid("", "the body cannot be read: %s", err)
}

func (s *server) downloadFile(w http.ResponseWriter, r *http.Request) {
	f, err := s.reg.File(r.Context(), r.PathValue("id"), actorOf(r.Context()))
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	h := w.Header()
	h.Set("ETag", `"`+f.SHA256+`"`)
	h.Set("Vary", "Authorization")
	h.Set("Cache-Control", "private, no-cache")
	if f.Public {
		h.Set("Cache-Control", "public, max-age=3600")
	}
	for tag := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == "*" || tag == `"`+f.SHA256+`"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", f.MediaType)
	h.Set("Content-Length", strconv.Itoa(f.Size))
	// What others uploaded is never shown as a page of ours.
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	if err := s.reg.WriteFile(r.Context(), f, w); err != nil {
		panic(http.ErrAbortHandler) // the client sees that the file is cut short
	}
}

func (s *server) listFiles(ctx context.Context, in *fileListInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	items, next, err := s.reg.ListFiles(ctx, actorOf(ctx), in.Enterprise, p)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.File]{items, next})
}

func (s *server) readFile(ctx context.Context, in *idInput) (*reply, error) {
	f, err := s.reg.File(ctx, in.ID, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, f)
}

func (s *server) deleteFile(ctx context.Context, in *deleteInput) (*reply, error) {
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "DELETE " + filesPath + "/{id}"}
	if err := s.reg.DeleteFile(ctx, in.ID, w); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}
