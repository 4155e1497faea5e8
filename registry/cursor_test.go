package registry_test

import (
	"encoding/base64"
	"testing"

	. "github.com/idnode/idnode/registry"
)

// TestForeignCursor: a cursor of another list of the same table ends a list, or is refused; it shows
// nothing that lies elsewhere.
func TestForeignCursor(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		must(t)(n.Create(t.Context(), record("88.100.1/a", "x"), Write{Actor: n.a}))
		for _, key := range []string{"x\xff\xff", "x", "xr", "xfa"} {
			cursor := base64.RawURLEncoding.EncodeToString([]byte(key))
			refs, next, err := n.ReferencesTo(t.Context(), parse(t, "88.100.1/a"), n.a, Paging{Cursor: cursor})
			if len(refs) != 0 || next != "" || err != nil && code(err) != CodeInvalidCursor {
				t.Errorf("references after %q: %d, %q, %v", key, len(refs), next, err)
			}
		}
		for _, key := range []string{"h", "h\x01", "h\xff", "h\x0188.100.1/a\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"} {
			cursor := base64.RawURLEncoding.EncodeToString([]byte(key))
			revisions, _, err := n.History(t.Context(), parse(t, "88.100.1/a"), n.a, Paging{Cursor: cursor})
			if err != nil && code(err) != CodeInvalidCursor || len(revisions) > 1 {
				t.Errorf("history after %q: %d, %v", key, len(revisions), err)
			}
		}
		refs, _, err := n.ListTemplates(t.Context(), TemplateList{Actor: n.op, Paging: Paging{Cursor: base64.RawURLEncoding.EncodeToString([]byte("t\xff"))}})
		if len(refs) != 0 || err != nil {
			t.Errorf("templates: %d, %v", len(refs), err)
		}
	})
}
