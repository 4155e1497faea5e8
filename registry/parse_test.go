package registry_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// newSchemes is a registrar of a node whose own prefixes are own, "scheme:name", and that knows the
// coding systems of nsi.
func newSchemes(t *testing.T, nsi *identifier.NSITable, own ...string) *Registrar {
	t.Helper()
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	observed := storage.Observe(store, func(changes []storage.Change) {
		if err := namespaces.Observe(t.Context(), changes); err != nil {
			t.Error(err)
		}
	})
	o := Options{Store: observed, Namespaces: namespaces, NSI: nsi, Logger: slog.New(slog.DiscardHandler)}
	for _, text := range own {
		name, prefix, _ := strings.Cut(text, ":")
		scheme, err := identifier.ParseScheme(name)
		if err != nil {
			t.Fatal(err)
		}
		o.NodePrefixes = append(o.NodePrefixes, identifier.Key{Scheme: scheme, Name: prefix})
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseID(t *testing.T) {
	const both = "106952012345678908" // an Ecode of version 1, and an SSCC
	for _, tc := range []struct {
		name   string
		own    string // of the node, separated by blanks
		scheme identifier.Scheme
		text   string
		want   string // qualified, or a code and what the detail says
	}{
		{"of one scheme", "", 0, "88.100.1/x", "handle:88.100.1/x"},
		{"no namespace: the likeliest", "", 0, both, "ecode:" + both},
		{"ecode's namespace", "ecode:10695", 0, both, "ecode:" + both},
		{"gs1's namespace", "gs1:0695201", 0, both, "gs1:(00)" + both},
		{"another namespace", "gs1:690123", 0, both, "ecode:" + both},
		{"two namespaces", "ecode:10695 gs1:0695201", 0, both, CodeAmbiguousIdentifier + " gs1:(00)" + both},
		{"the other of two", "ecode:10695 gs1:0695201", 0, both, CodeAmbiguousIdentifier + " ecode:" + both},
		{"the scheme is named", "ecode:10695 gs1:0695201", identifier.GS1, both, "gs1:(00)" + both},
		{"the text names it", "ecode:10695 gs1:0695201", 0, "gs1:" + both, "gs1:(00)" + both},
		{"empty", "", 0, "", CodeInvalidIdentifier + " an identifier is required"},
		{"a wrong check digit", "", 0, "(01)06901234567893", CodeInvalidIdentifier + " 2"},
		{"scans are not unwrapped", "", 0, "]d20106901234567892", CodeInvalidIdentifier + " "},
		{"nor addresses", "", 0, "https://hdl.handle.net/88.100.1/x", CodeInvalidIdentifier + " "},
		{"nor blanks", "", 0, " 88.100.1/x", CodeInvalidIdentifier + " "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id, err := newSchemes(t, nil, strings.Fields(tc.own)...).ParseID(tc.scheme, tc.text, "id")
			if c, detail, refused := strings.Cut(tc.want, " "); refused {
				if e := AsError(err); err == nil || e.Code != c || e.Field != "id" || !strings.Contains(e.Detail, detail) {
					t.Errorf("got %v, %v, want %s: …%s…", id, err, c, detail)
				}
				return
			}
			if err != nil || id.Qualified() != tc.want {
				t.Errorf("got %s, %v, want %s", id.Qualified(), err, tc.want)
			}
		})
	}
}

// TestAllocatedNamespace: it is what is allocated that decides, not only what the node may allocate.
func TestAllocatedNamespace(t *testing.T) {
	r := newSchemes(t, nil, "ecode:10695", "gs1:690123")
	op := Actor{Enterprise: Self, KeyID: "k", Role: RoleOperator}
	if _, err := r.AllocatePrefix(t.Context(), PrefixRequest{Scheme: identifier.Ecode, Prefix: "106952", Enterprise: Self}, Write{Actor: op}); err != nil {
		t.Fatal(err)
	}
	res, err := r.Create(t.Context(), record("106952012345678908", "x"), Write{Actor: op})
	if err != nil || res.Record.Scheme != identifier.Ecode {
		t.Errorf("got %+v, %v, want an Ecode", res.Record, err)
	}
}

func TestNSITable(t *testing.T) {
	nsi, err := identifier.ParseNSITable([]byte(`[{"version":1,"nsi":"0036","minLength":4,"maxLength":6}]`))
	if err != nil {
		t.Fatal(err)
	}
	r := newSchemes(t, nsi, "ecode:10036", "ecode:10064")
	op := Actor{Enterprise: Self, KeyID: "k", Role: RoleOperator}
	for _, prefix := range []string{"10036", "10064"} {
		if _, err := r.AllocatePrefix(t.Context(), PrefixRequest{Scheme: identifier.Ecode, Prefix: prefix, Enterprise: Self}, Write{Actor: op}); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"ecode:100361234": "", "ecode:10036123": CodeInvalidIdentifier, "ecode:100361234567": CodeInvalidIdentifier, "ecode:100641": "",
	} {
		if _, err := r.Create(t.Context(), record(text, "x"), Write{Actor: op}); code(err) != want {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
