package snms

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/google/uuid"

	"github.com/idnode/idnode/registry"
)

// partHeads bounds what stands around the file in a multipart body, in octets.
const partHeads = 64 << 10

// files serves /snms/api/file/upload (section 4.6).
func (s *server) files() {
	s.handle("POST /snms/api/file/upload", registry.ScopeEnterpriseWrite, int64(s.Registrar.Limits().FileOctets)+partHeads, s.upload)
}

// fileView is a file in answers.
type fileView struct {
	ID   uint64 `json:"id"`
	Path string `json:"path"` // a name of its own; nothing is found by it
}

// upload keeps a picture or PDF for the form that will name it.
func (s *server) upload(r *request) (any, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, refuse("请以 multipart/form-data 上传文件，字段名为 file")
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, refuse("请以 multipart/form-data 上传文件，字段名为 file")
	}
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, missing("file")
		}
		if err != nil {
			return nil, uploadError(err)
		}
		if p.FormName() != "file" {
			continue
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return nil, uploadError(err)
		}
		name := path.Base(strings.ReplaceAll(p.FileName(), `\`, "/"))
		if name == "." || name == "/" {
			return nil, refuse("文件名不能为空")
		}
		f, err := s.Registrar.KeepFile(r.Context(), name, data, registry.Write{Actor: r.actor})
		if err != nil {
			return nil, err
		}
		return fileView{registry.Number(f.ID), "/" + uuid.NewSHA1(uuid.NameSpaceOID, []byte(f.ID)).String() + strings.ToLower(path.Ext(name))}, nil
	}
}

func uploadError(err error) error {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(fmt.Sprintf("请求体不能超过 %d 字节", e.Limit))
	}
	return refuse("文件上传不完整")
}
