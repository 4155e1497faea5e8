package snms

import (
	"cmp"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
)

// Bounds of requests about templates.
const (
	maxTemplate = 1 << 20  // octets of a template: 512 items
	maxNames    = 16 << 10 // of what names one
	maxPrefix   = 64       // octets of a prefix (section 4.3)
	maxVersion  = 128      // and of a version
	revisions   = 20       // how often a change is made again because others changed the template too
)

// templates serves the paths of section 4.3. The oldest path is that of a client (section 4.1), which has the
// calls of v3.
func (s *server) templates() {
	for path, view := range map[string]func(*registry.Template) any{
		"/snms/api/v5/template": viewV5, "/snms/api/v3/template": viewV3, "/snms/api/template/v1": viewV3,
	} {
		s.handle("GET "+path, registry.ScopeTemplatesRead, maxNames, s.showTemplate(view))
		s.handle("POST "+path, registry.ScopeTemplatesWrite, maxTemplate, s.addTemplate)
		s.handle("DELETE "+path, registry.ScopeTemplatesWrite, maxNames, s.dropTemplate)
	}
	s.handle("PUT /snms/api/v5/template", registry.ScopeTemplatesWrite, maxTemplate, s.reviseTemplate)
}

// templateName is how requests name a template.
type templateName struct {
	Prefix  *text `json:"prefix"`
	Version *text `json:"version"`
}

// read checks n and gives the namespace and the name in the registry.
func (n *templateName) read() (identifier.Key, string, error) {
	prefix, err := bounded("prefix", n.Prefix, maxPrefix)
	if err != nil {
		return identifier.Key{}, "", err
	}
	version, err := bounded("version", n.Version, maxVersion)
	if err != nil {
		return identifier.Key{}, "", err
	}
	name, err := identifier.Handle.ParseNamespace(strings.TrimSpace(prefix))
	if err != nil {
		return identifier.Key{}, "", registry.Refuse(registry.CodeInvalidPrefix, "prefix", "%s", err)
	}
	return identifier.Key{Scheme: identifier.Handle, Name: name}, strings.TrimSpace(version), nil
}

// inQuery reads n from the query.
func (n *templateName) inQuery(r *http.Request) {
	q := r.URL.Query()
	prefix, version := text(q.Get("prefix")), text(q.Get("version"))
	n.Prefix, n.Version = &prefix, &version
}

func (s *server) showTemplate(view func(*registry.Template) any) call {
	return func(r *request) (any, error) {
		var n templateName
		n.inQuery(r.Request)
		k, name, err := n.read()
		if err != nil {
			return nil, err
		}
		t, err := s.publishedTemplate(r, k, name)
		if err != nil {
			return nil, err
		}
		return view(t), nil
	}
}

// publishedTemplate returns a template that the paths of SNMS can show: one with content, all of whose items
// are strings. Drafts do not exist for them.
func (s *server) publishedTemplate(r *request, k identifier.Key, name string) (*registry.Template, error) {
	t, err := s.Registrar.Template(r.Context(), k, name, 0, r.actor)
	switch {
	case err != nil:
		return nil, wordedTemplate(err, nil)
	case t.Content == nil:
		return nil, refuse(messageNoTemplate)
	}
	for i := range t.Content.Fields {
		if t.Content.Fields[i].Type != template.String {
			return nil, refuse(messageNotStrings)
		}
	}
	return t, nil
}

// addTemplate creates a template and publishes it. The same again within 24 h is done.
func (s *server) addTemplate(r *request) (any, error) {
	var form templateForm
	if err := r.read(&form); err != nil {
		return nil, err
	}
	k, name, err := form.read()
	if err != nil {
		return nil, err
	}
	c, err := form.content()
	if err != nil {
		return nil, err
	}
	_, err = s.Registrar.AddTemplate(r.Context(), k, name, c, registry.Write{Actor: r.actor, Again: true})
	return true, wordedTemplate(err, c)
}

// reviseTemplate changes items of a template and adds others; it removes none.
func (s *server) reviseTemplate(r *request) (any, error) {
	var form templateForm
	if err := r.read(&form); err != nil {
		return nil, err
	}
	k, name, err := form.read()
	if err != nil {
		return nil, err
	}
	for range revisions {
		t, err := s.publishedTemplate(r, k, name)
		if err != nil {
			return nil, err
		}
		c, err := form.over(t.Content)
		if err != nil {
			return nil, err
		}
		_, err = s.Registrar.ReviseTemplate(r.Context(), k, name, c, registry.Write{Actor: r.actor, IfMatch: t.Version})
		if err == nil || registry.AsError(err).Code != registry.CodeVersionMismatch {
			return true, wordedTemplate(err, c)
		}
	}
	return nil, registry.Refuse(registry.CodeConflict, "", "others changed it at the same time, %d times; try again", revisions)
}

// dropTemplate removes a template that no identifier follows. What is in the query counts first: not every client
// can send a body with DELETE.
func (s *server) dropTemplate(r *request) (any, error) {
	var n templateName
	if n.inQuery(r.Request); *n.Prefix == "" && *n.Version == "" {
		if err := r.read(&n); err != nil {
			return nil, err
		}
	}
	k, name, err := n.read()
	if err != nil {
		return nil, err
	}
	return true, wordedTemplate(s.Registrar.DropTemplate(r.Context(), k, name, registry.Write{Actor: r.actor}), nil)
}

// wordedTemplate is what the registrar refused about a template of content c, which may be nil.
func wordedTemplate(err error, c *template.Content) error {
	if err == nil {
		return nil
	}
	e := registry.AsError(err)
	switch {
	case e.Code == registry.CodeAlreadyExists:
		return refuse(messageTemplate)
	case e.Code == registry.CodeNotFound && e.Field == "name":
		return refuse(messageNoTemplate)
	}
	return allOf(e, func(v *registry.Violation) string { return itemAt(c, v.Field) + v.In(registry.Chinese) })
}

// itemAt names the item that the JSON Pointer at leads to, for the beginning of a sentence; "" if it leads
// to none.
func itemAt(c *template.Content, at string) string {
	_, rest, ok := strings.Cut(at, "/fields/")
	if !ok || c == nil {
		return ""
	}
	number, _, _ := strings.Cut(rest, "/")
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(c.Fields) {
		return ""
	}
	return cmp.Or(c.Fields[i].Name, "items["+number+"]") + ": "
}

// templateID is a number for a template, as the original has one: it is made of the name, so that it stays the
// same, and nothing is found by it.
func templateID(parts ...string) int32 {
	h := fnv.New32a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p + "\x00")) // does not fail
	}
	return int32(max(h.Sum32()&0x7fffffff, 1))
}
