package idhub

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
)

// partHeads bounds what stands around the file in a multipart body, in octets, and uploadTimeout the wait for it.
const (
	partHeads     = 64 << 10
	uploadTimeout = 2 * time.Minute
)

// files serves the files that values of records name.
func (s *server) files() {
	s.handle("POST /api/v1/doip/file-upload", int64(s.maxFile())+partHeads, doneOne, s.upload, registry.ScopeIdentifiersWrite)
	s.handle("GET /api/v1/doip/file-acquire", maxNames, doneOne, s.acquire, registry.ScopeIdentifiersRead)
}

func (s *server) maxFile() int {
	if s.Registrar == nil {
		return 0
	}
	return s.Registrar.Limits().FileOctets
}

// fileView is a file that was uploaded. Both members are its id, which is what the record's value says.
type fileView struct {
	ID       string `json:"id"`
	FilePath string `json:"filePath"`
}

// upload keeps a file for an item of metadata.
func (s *server) upload(r *request) (any, error) {
	_ = http.NewResponseController(r.w).SetReadDeadline(time.Now().Add(uploadTimeout)) // where there are none the server's own limits hold
	form := map[string]string{}
	for _, name := range []string{"handleName", "metaHandle", "fileField"} {
		form[name] = r.URL.Query().Get(name)
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, wrongParameter("请求体应为 multipart/form-data，文件在 file 中")
	}
	name := ""
	var data []byte
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, s.unread(err)
		}
		octets, err := io.ReadAll(io.LimitReader(part, int64(s.maxFile())+1))
		if err != nil {
			return nil, s.unread(err)
		}
		if part.FormName() == "file" {
			if data != nil {
				return nil, wrongParameter("一次只能上传一个文件")
			}
			name, data = part.FileName(), octets
		} else if said, known := form[part.FormName()]; known && said == "" {
			form[part.FormName()] = string(octets[:min(len(octets), maxHandle+1)])
		}
	}
	switch {
	case form["metaHandle"] == "":
		return nil, wrongParameter("metaHandle 不能为空")
	case form["fileField"] == "":
		return nil, wrongParameter("fileField 不能为空")
	case data == nil:
		return nil, wrongParameter("file 不能为空")
	}
	if form["handleName"] != "" {
		if _, err := s.parseHandle(form["handleName"]); err != nil {
			return nil, err
		}
	}
	t, err := s.foundMeta(r, form["metaHandle"], deny(CodeNoMetadata, messageNoMetadata))
	if err != nil {
		return nil, err
	}
	f := itemNamed(contentOf(t), form["fileField"])
	switch {
	case f == nil:
		return nil, foreignItems([]string{form["fileField"]})
	case f.Type != template.File:
		return nil, deny(CodeInput, "实体"+form["fileField"]+"不是文件型")
	}
	q := registry.FileUpload{Name: name, Purpose: registry.FileRecord, Public: f.Read == template.ReadPublic, Data: data}
	if r.actor.IsOperator() {
		id, err := s.parseHandle(metaHandle(t))
		if err != nil {
			return nil, err
		}
		q.Enterprise = s.Registrar.HolderOf(id).Enterprise
	}
	file, err := s.Registrar.AddFile(r.Context(), q, registry.Write{Actor: r.actor})
	if err != nil {
		return nil, err
	}
	return fileView{file.ID, file.ID}, nil
}

// unread is an error of reading an upload in terms of the client.
func (s *server) unread(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return registry.Refuse(registry.CodeTooLarge, "", "the file is longer than %d octets", s.maxFile())
	}
	return wrongParameter("请求体无法读取")
}

// acquire sends a file that a value of a record names, to who may read that value.
func (s *server) acquire(r *request) (any, error) {
	q := r.URL.Query()
	for _, name := range []string{"filePath", "handle", "field"} {
		if q.Get(name) == "" {
			return nil, wrongParameter(name + " 不能为空")
		}
	}
	id, err := s.parseHandle(q.Get("handle"))
	if err != nil {
		return nil, err
	}
	rec, err := s.Registrar.Get(r.Context(), id, registry.Get{Actor: r.actor})
	if err != nil {
		return nil, err
	}
	t, err := s.Registrar.TemplateOf(r.Context(), id, rec)
	if err != nil {
		return nil, err
	}
	if t == nil || t.Content == nil {
		return nil, deny(CodeNoMetadata, messageNoMetadata)
	}
	f := itemNamed(t.Content, q.Get("field"))
	if f == nil {
		return nil, foreignItems([]string{q.Get("field")})
	}
	absent := deny(CodeFile, "获取文件失败")
	if !slices.ContainsFunc(rec.Values, func(v identifier.Value) bool { return v.Index == f.Index && string(v.Data) == q.Get("filePath") }) {
		return nil, absent
	}
	file, err := s.Registrar.File(r.Context(), q.Get("filePath"), r.actor)
	if err != nil {
		if registry.AsError(err).Code == registry.CodeNotFound {
			err = absent
		}
		return nil, err
	}
	h := r.w.Header()
	h.Set("Content-Type", file.MediaType)
	h.Set("Content-Length", strconv.Itoa(file.Size))
	// What others uploaded is never shown as a page of ours.
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file.Name}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, no-cache")
	r.w.WriteHeader(http.StatusOK)
	if err := s.Registrar.WriteFile(r.Context(), file, r.w); err != nil {
		s.Logger.Error("file cut short", "id", file.ID, "err", fmt.Sprint(err))
		panic(http.ErrAbortHandler) // the client sees that the file is cut short
	}
	return answered{}, nil
}
