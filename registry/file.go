package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/storage"
)

// File is what the node knows of a file that was uploaded.
type File struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	MediaType  string      `json:"mediaType"` // by its content
	Size       int         `json:"size"`      // octets
	SHA256     string      `json:"sha256"`    // hexadecimal digits
	Enterprise string      `json:"enterprise"`
	Purpose    FilePurpose `json:"purpose"`
	Public     bool        `json:"public,omitempty"` // everyone may read it
	Created    time.Time   `json:"created"`
	// Waiting is the credential that uploaded the file before there was an enterprise to have it: it belongs to Self
	// until a form of that credential's names it, see [Registrar.KeepFile].
	Waiting string `json:"waiting,omitempty"`

	version uint64 // the store's
}

// FilePurpose is what a file is for.
type FilePurpose string

const (
	FileAttachment FilePurpose = "attachment" // a scan or contract that a form names: pictures and PDF
	FileRecord     FilePurpose = "record"     // named by values of records
)

// filePart is the octets of a file in one row of the store.
const filePart = 256 << 10

// FileUpload asks to keep a file.
type FileUpload struct {
	Enterprise string      // whose it is; default the actor's
	Name       string      // as the client calls it; of a path the last element
	Purpose    FilePurpose // default FileAttachment
	Public     bool        // only of FileRecord
	Data       []byte
}

// fileUse is what the files of an enterprise take together, kept under its index key.
type fileUse struct {
	Files  int `json:"files"`
	Octets int `json:"octets"`
}

// AddFile keeps a file: its parts, what is known of it and what the enterprise's files now take, in one
// batch. Admins and writers add files of their enterprise, operators of any; while an enterprise is
// under review only its attachments. Refusals: CodeForbidden, CodeNotFound (the enterprise),
// CodeEnterpriseSuspended, CodeInvalidRequest, CodeInvalidFile (type), CodeTooLarge (of its type, or beyond the
// enterprise's quota), and those of the idempotency key.
func (r *Registrar) AddFile(ctx context.Context, q FileUpload, w Write) (*File, error) {
	if q.Enterprise == "" {
		q.Enterprise = w.Actor.Enterprise
	}
	if q.Purpose == "" {
		q.Purpose = FileAttachment
	}
	if !w.Actor.writesFiles(q.Enterprise) {
		return nil, refuse(CodeForbidden, "", "role %s does not keep files of enterprise %s", w.Actor.Role, q.Enterprise)
	}
	if q.Purpose != FileAttachment && q.Purpose != FileRecord {
		return nil, refuse(CodeInvalidRequest, "purpose", "a purpose is attachment or record")
	}
	if q.Public && q.Purpose != FileRecord {
		return nil, refuse(CodeInvalidRequest, "public", "only files of purpose record can be public")
	}
	q.Name = path.Base(strings.ReplaceAll(q.Name, `\`, "/"))
	if q.Name == "." || q.Name == "/" {
		return nil, refuse(CodeInvalidRequest, "name", "a name is required")
	}
	if e := r.checkText(CodeInvalidRequest, "name", q.Name); e != nil {
		return nil, e
	}
	media, refusal := r.checkFile(q.Purpose, q.Data)
	if refusal != nil {
		return nil, refusal
	}
	digest := sha256.Sum256(q.Data)
	f := File{Name: q.Name, MediaType: media, Size: len(q.Data), SHA256: hex.EncodeToString(digest[:]), Enterprise: q.Enterprise, Purpose: q.Purpose, Public: q.Public}
	fingerprint := func(h hash.Hash) { hashJSON(h, "file.create", f) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*File, error) {
		if err := r.checkFileOwner(ctx, q.Enterprise, q.Purpose); err != nil {
			return nil, err
		}
		f := f
		f.ID, f.Created = newID("f"), now
		value, err := json.Marshal(&f)
		if err != nil {
			return nil, fmt.Errorf("encode file: %w", err)
		}
		if err := r.putFile(ctx, b, &f, value, q.Data); err != nil {
			return nil, err
		}
		return &f, r.audit(b, now, w.Actor, AuditEntry{Op: "file.create", ID: f.ID, Version: 1})
	})
}

// putFile adds a new file to b: what is known of it, which value is the form of, its parts, and what the
// enterprise's files now take.
func (r *Registrar) putFile(ctx context.Context, b *storage.Batch, f *File, value, data []byte) error {
	if err := r.useFiles(ctx, b, f.Enterprise, 1, f.Size); err != nil {
		return err
	}
	key := storage.FileKey(f.ID)
	b.Put(key, value, 0)
	b.Put(fileIndexKey(f.Enterprise, f.ID), value, 0)
	for i := 0; len(data) > 0; i++ {
		n := min(filePart, len(data))
		b.Put(storage.FilePartKey(f.ID, uint32(i)), data[:n], 0)
		data = data[n:]
	}
	b.Log(storage.Change{Op: storage.OpCreate, Key: key, Version: 1})
	return nil
}

// writesFiles reports whether a adds and deletes files of the enterprise.
func (a Actor) writesFiles(enterprise string) bool {
	return a.IsOperator() || a.Has(RoleAdmin, RoleWriter) && a.Enterprise == enterprise && enterprise != ""
}

// checkFile judges a file's content and returns its media type.
func (r *Registrar) checkFile(purpose FilePurpose, data []byte) (string, *Error) {
	if len(data) == 0 {
		return "", refuse(CodeInvalidFile, "", "the file is empty")
	}
	if len(data) > r.limits.FileOctets {
		return "", refuse(CodeTooLarge, "", "the file is longer than %d octets", r.limits.FileOctets)
	}
	media := mediaTypeOf(data)
	if media == "" {
		if purpose == FileRecord {
			return "", refuse(CodeInvalidFile, "", "the content is neither PNG, JPEG, BMP, GIF, WebP, PDF, an Office document nor text in UTF-8, or it is damaged")
		}
		return "", refuse(CodeInvalidFile, "", "the content is neither PNG, JPEG, BMP nor PDF, or it is damaged")
	}
	switch media {
	case mediaPNG, mediaJPEG, mediaBMP:
		if len(data) > r.limits.ImageOctets {
			return "", refuse(CodeTooLarge, "", "the picture is longer than %d octets", r.limits.ImageOctets)
		}
	case mediaPDF:
	default:
		if purpose != FileRecord {
			return "", refuse(CodeInvalidFile, "", "the content is neither PNG, JPEG, BMP nor PDF, or it is damaged")
		}
	}
	return media, nil
}

// checkFileOwner refuses files for an enterprise that may not have them in its present state.
func (r *Registrar) checkFileOwner(ctx context.Context, enterprise string, purpose FilePurpose) error {
	e, err := r.readEnterprise(ctx, enterprise)
	if errors.Is(err, storage.ErrNotFound) {
		return refuse(CodeNotFound, "enterprise", "no enterprise %s", enterprise)
	}
	if err != nil {
		return err
	}
	if e.State == EnterpriseActive || purpose == FileAttachment && (e.State == EnterprisePending || e.State == EnterpriseReturned) {
		return nil
	}
	return refuse(CodeEnterpriseSuspended, "enterprise", "enterprise %s is %s", enterprise, e.State)
}

// useFiles adds to b that the enterprise has so many more files and octets, and refuses beyond its quota.
func (r *Registrar) useFiles(ctx context.Context, b *storage.Batch, enterprise string, files, octets int) error {
	key := fileIndexKey(enterprise, "")
	var use fileUse
	item, err := r.store.Get(ctx, key)
	if err == nil {
		err = json.Unmarshal(item.Value, &use)
	}
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("read use of files of %s: %w", enterprise, err)
	}
	use.Files, use.Octets = use.Files+files, use.Octets+octets
	if files > 0 && use.Files > r.limits.FilesPerEnterprise {
		return refuse(CodeTooLarge, "", "an enterprise has at most %d files: delete some first", r.limits.FilesPerEnterprise)
	}
	if files > 0 && use.Octets > r.limits.FileOctetsPerEnterprise {
		return refuse(CodeTooLarge, "", "the files of an enterprise take at most %d octets: delete some first", r.limits.FileOctetsPerEnterprise)
	}
	value, err := json.Marshal(&use)
	if err != nil {
		return fmt.Errorf("encode use of files: %w", err)
	}
	b.Put(key, value, item.Version)
	return nil
}

// fileIndexKey is the key of a file in the list of an enterprise's.
func fileIndexKey(enterprise, id string) []byte {
	return storage.IndexKey(storage.IndexFile, []string{enterprise}, []byte(id))
}

// File returns what is known of a file. An enterprise reads its own, people of the node all, everyone
// what is public. Refusals: CodeNotFound, also for what the actor may not see.
func (r *Registrar) File(ctx context.Context, id string, a Actor) (*File, error) {
	f, err := r.readFile(ctx, id)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !a.readsFile(f) {
		return nil, refuse(CodeNotFound, "id", "no file %s", id)
	}
	if err != nil {
		return nil, AsError(err)
	}
	return f, nil
}

func (a Actor) readsFile(f *File) bool {
	return f.Public || a.ofNode() || a.Enterprise != "" && a.Enterprise == f.Enterprise || f.Waiting != "" && f.Waiting == a.by()
}

// readFile returns the file of that id, or storage.ErrNotFound.
func (r *Registrar) readFile(ctx context.Context, id string) (*File, error) {
	item, err := r.store.Get(ctx, storage.FileKey(id))
	if err != nil {
		return nil, fmt.Errorf("read file %s: %w", id, err)
	}
	f := new(File)
	if err := json.Unmarshal(item.Value, f); err != nil {
		return nil, fmt.Errorf("decode file %s: %w", id, err)
	}
	f.version = item.Version
	return f, nil
}

// WriteFile writes the octets of f to to, a part at a time.
func (r *Registrar) WriteFile(ctx context.Context, f *File, to io.Writer) error {
	return writeFile(ctx, r.store, f, to)
}

func writeFile(ctx context.Context, s storage.Reader, f *File, to io.Writer) error {
	for i := range fileParts(f.Size) {
		item, err := s.Get(ctx, storage.FilePartKey(f.ID, uint32(i)))
		if err != nil {
			return fmt.Errorf("read part %d of file %s: %w", i, f.ID, err)
		}
		if _, err := to.Write(item.Value); err != nil {
			return err
		}
	}
	return nil
}

// fileParts is the number of parts of a file of that size.
func fileParts(size int) int { return (size + filePart - 1) / filePart }

// ListFiles returns a page of the files of an enterprise, or of all for people of the node, and the
// cursor of the next.
func (r *Registrar) ListFiles(ctx context.Context, a Actor, enterprise string, p Paging) ([]*File, string, error) {
	if !a.ofNode() {
		if enterprise != "" && enterprise != a.Enterprise {
			return nil, "", refuse(CodeForbidden, "enterprise", "enterprise %s is not yours", enterprise)
		}
		enterprise = a.Enterprise
	}
	var parts []string
	if enterprise != "" {
		parts = []string{enterprise}
	}
	span := storage.PrefixRange(storage.IndexKey(storage.IndexFile, parts, nil))
	return page(ctx, r, span, p, func(key []byte, item storage.Item) (*File, error) {
		if _, _, id, ok := storage.ParseIndexKey(key, 1); !ok || len(id) == 0 {
			return nil, nil // what the enterprise's files take
		}
		f := new(File)
		if err := json.Unmarshal(item.Value, f); err != nil {
			return nil, fmt.Errorf("decode file: %w", err)
		}
		return f, nil
	})
}

// DeleteFile removes a file. Admins and writers remove files of their enterprise, operators any. Refusals:
// CodeNotFound, CodeForbidden, CodeInvalidState if the enterprise's form names it.
func (r *Registrar) DeleteFile(ctx context.Context, id string, w Write) error {
	fingerprint := func(h hash.Hash) { hashJSON(h, "file.delete", id) }
	_, err := once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*File, error) {
		f, err := r.readFile(ctx, id)
		if errors.Is(err, storage.ErrNotFound) || err == nil && !w.Actor.readsFile(f) {
			return nil, refuse(CodeNotFound, "id", "no file %s", id)
		}
		if err != nil {
			return nil, err
		}
		if !w.Actor.writesFiles(f.Enterprise) {
			return nil, refuse(CodeForbidden, "", "role %s does not delete files of enterprise %s", w.Actor.Role, f.Enterprise)
		}
		e, err := r.readEnterprise(ctx, f.Enterprise)
		if err != nil {
			return nil, err
		}
		if slices.Contains(e.files(), id) {
			return nil, refuse(CodeInvalidState, "id", "the form of enterprise %s names file %s: take it out of the form first", f.Enterprise, id)
		}
		b.Check(storage.EnterpriseKey(e.ID), e.Version) // a form that comes to name it wins
		key := storage.FileKey(id)
		b.Delete(key, f.version)
		b.Delete(fileIndexKey(f.Enterprise, id), 1)
		for i := range fileParts(f.Size) {
			b.Delete(storage.FilePartKey(id, uint32(i)), 1)
		}
		if err := r.useFiles(ctx, b, f.Enterprise, -1, -f.Size); err != nil {
			return nil, err
		}
		b.Log(storage.Change{Op: storage.OpRevoke, Key: key, Version: f.version + 1})
		return f, r.audit(b, now, w.Actor, AuditEntry{Op: "file.delete", ID: id})
	})
	return err
}
