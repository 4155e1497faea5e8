package idhub

import (
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// metaMark begins the suffix of the identifiers of metadata.
const metaMark = "META_"

// metaHandle is the identifier of the metadata that t is.
func metaHandle(t *registry.Template) string { return t.Prefix + "/" + metaMark + t.Name }

// parseMeta is the inverse of metaHandle. The name is taken as it is written, the mark in any case.
func parseMeta(handle string) (identifier.Key, string, bool) {
	prefix, suffix, ok := strings.Cut(strings.TrimSpace(handle), "/")
	if !ok || len(handle) > maxHandle || len(suffix) <= len(metaMark) || !identifier.EqualFoldASCII(suffix[:len(metaMark)], metaMark) {
		return identifier.Key{}, "", false
	}
	space, err := identifier.Handle.ParseNamespace(prefix)
	return identifier.Key{Scheme: identifier.Handle, Name: space}, suffix[len(metaMark):], err == nil
}

// foundMeta is the template that a handle names, as the caller may see it. absent is the refusal for a handle that
// names none.
func (s *server) foundMeta(r *request, handle string, absent error) (*registry.Template, error) {
	k, name, ok := parseMeta(handle)
	if !ok {
		return nil, absent
	}
	t, err := s.Registrar.Template(r.Context(), k, name, 0, r.actor)
	if err != nil {
		switch registry.AsError(err).Code {
		case registry.CodeNotFound:
			return nil, absent
		case registry.CodeNotYourNamespace:
			return nil, deny(CodeNotOurs, messageNotOurs)
		}
	}
	return t, err
}
