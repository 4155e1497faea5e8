package snms

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
)

// maxIdentifier bounds the body of a call for one identifier in octets: 512 values of 255 characters.
const maxIdentifier = 1 << 20

// reasonDeleted is the reason of the tombstone that a delete leaves; a create over it succeeds.
const reasonDeleted = "deleted"

// identifiers serves the paths of section 4.4.
func (s *server) identifiers() {
	rows := int64(s.BatchRows) * rowOctets
	s.handle("GET /identityv2/data/detail", registry.ScopeIdentifiersRead, maxNames, s.detail)
	s.handle("POST /identityv2/data", registry.ScopeIdentifiersWrite, maxIdentifier, s.create)
	s.handle("PUT /identityv2/data", registry.ScopeIdentifiersWrite, maxIdentifier, s.update)
	s.handle("DELETE /identityv2/data", registry.ScopeIdentifiersWrite, maxNames, s.delete)
	s.handle("POST /identityv2/data/batchCreate", registry.ScopeIdentifiersWrite, rows, s.batchCreate)
	s.handle("PUT /identityv2/data/batchUpdate", registry.ScopeIdentifiersWrite, rows, s.batchUpdate)
	s.handle("DELETE /identityv2/data/batchDelete", registry.ScopeIdentifiersWrite, rows, s.batchDelete)
}

// identifierView is an identifier in answers; members are in the order of the sample.
type identifierView struct {
	Code            string      `json:"code"` // always "200"
	Prefix          string      `json:"prefix"`
	Handle          string      `json:"handle"`
	TemplateVersion string      `json:"templateVersion"`
	Value           []valueView `json:"value"`
}

type valueView struct {
	Data  dataView `json:"data"`
	Auth  string   `json:"auth"` // "1": everybody may read it
	Index uint32   `json:"index"`
	Type  string   `json:"type"`
}

type dataView struct {
	Format string `json:"format"` // "string", of what is no text "base64"
	Value  string `json:"value"`
}

// detail shows an identifier of the caller's enterprise whole, another's as everybody may read it. Values of the
// Handle System are not shown.
func (s *server) detail(r *request) (any, error) {
	handle := text(r.URL.Query().Get("handle"))
	id, err := s.parseHandle(&handle)
	if err != nil {
		return nil, err
	}
	ns := s.Registrar.HolderOf(id)
	switch {
	case ns == nil:
		return nil, refuse(messageAbsent)
	case ns.State != identifier.NamespaceActive:
		return nil, registry.Refuse(registry.CodeNamespaceSuspended, "handle", "namespace %s is %s", ns.Prefix, ns.State)
	case ns.Mode == identifier.Delegated:
		return nil, refuse(fmt.Sprintf("前缀 %s 的标识由企业节点 %s 解析", ns.Prefix, addressOf(ns.Service)))
	}
	rec, err := s.Registrar.Get(r.Context(), id, registry.Get{Actor: r.actor})
	switch {
	case err != nil && registry.AsError(err).Code != registry.CodeNotFound:
		return nil, err
	case err != nil || rec.State == identifier.Revoked:
		return nil, refuse(messageAbsent)
	}
	t, err := s.Registrar.TemplateOf(r.Context(), id, rec)
	if err != nil {
		return nil, err
	}
	return identifierViewOf(rec, t), nil
}

// identifierViewOf is what is shown of a record that follows t: its values by index, with the note of its template
// (section 5.1), also if another surface wrote it and left no note.
func identifierViewOf(rec *identifier.Record, t *registry.Template) *identifierView {
	values := slices.DeleteFunc(slices.Clone(rec.Values), func(v identifier.Value) bool {
		return ofHandleSystem(&v) || t != nil && isNote(&v)
	})
	version := rec.Template
	if t != nil {
		values = append(values, noteOf(t)...)
	}
	slices.SortStableFunc(values, func(a, b identifier.Value) int { return cmp.Compare(a.Index, b.Index) })
	prefix, _, _ := strings.Cut(rec.ID, "/")
	view := &identifierView{Code: "200", Prefix: prefix, Handle: rec.ID, Value: make([]valueView, len(values))}
	for i := range values {
		v := &values[i]
		if version == "" && isNote(v) && v.Index == template.VersionIndex {
			version = string(v.Data)
		}
		shown := valueView{Data: dataView{formatString, string(v.Data)}, Index: v.Index, Type: v.Type}
		if !utf8.Valid(v.Data) {
			shown.Data = dataView{"base64", base64.StdEncoding.EncodeToString(v.Data)}
		}
		if v.Public() {
			shown.Auth = "1"
		}
		view.Value[i] = shown
	}
	view.TemplateVersion = version
	return view
}

func ofHandleSystem(v *identifier.Value) bool {
	return len(v.Type) >= 3 && identifier.EqualFoldASCII(v.Type[:3], "HS_")
}

// isNote reports whether v notes the template of its record.
func isNote(v *identifier.Value) bool {
	return v.Index == template.IDIndex && identifier.EqualFoldASCII(v.Type, template.IDType) ||
		v.Index == template.VersionIndex && identifier.EqualFoldASCII(v.Type, template.VersionType)
}

// addressOf names a service for people: address, protocols and ports.
func addressOf(v *identifier.Service) string {
	if v == nil {
		return ""
	}
	var all []string
	for _, p := range []struct {
		name string
		port uint16
	}{{"TCP", v.TCP}, {"UDP", v.UDP}, {"HTTP", v.HTTP}} {
		if p.port != 0 {
			all = append(all, p.name+" "+netip.AddrPortFrom(v.IP, p.port).String())
		}
	}
	return strings.Join(all, "、")
}

// identifier reads the body of a call for one identifier.
func (s *server) identifier(r *request) (*entry, error) {
	var f identifierForm
	if err := r.read(&f); err != nil {
		return nil, err
	}
	return s.reader(r).read(&f)
}

// create registers an identifier. The same again within 24 h is done, for the client that lost the answer.
func (s *server) create(r *request) (any, error) {
	e, err := s.identifier(r)
	if err != nil {
		return nil, err
	}
	_, err = s.Registrar.Create(r.Context(), e.record(), registry.Write{Actor: r.actor, Revive: true, Again: true})
	return true, worded(err, "")
}

// update replaces what an identifier says by its template.
func (s *server) update(r *request) (any, error) {
	e, err := s.identifier(r)
	if err != nil {
		return nil, err
	}
	_, err = s.Registrar.Merge(r.Context(), e.id, e.patch(), registry.Write{Actor: r.actor})
	return true, worded(err, messageAbsent)
}

// delete revokes an identifier. What is in the query counts first: not every client can send a body with DELETE.
func (s *server) delete(r *request) (any, error) {
	var f identifierForm
	handle := text(r.URL.Query().Get("handle"))
	if f.Handle = &handle; handle == "" {
		if err := r.read(&f); err != nil {
			return nil, err
		}
	}
	id, err := s.parseHandle(f.Handle)
	if err != nil {
		return nil, err
	}
	_, err = s.Registrar.Revoke(r.Context(), id, reasonDeleted, "", registry.Write{Actor: r.actor, Present: true})
	return true, worded(err, messageNotHere)
}
