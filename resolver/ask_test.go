package resolver_test

import (
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

func TestAsk(t *testing.T) {
	f, _ := ladderFixture(t)
	f.namespace(identifier.Namespace{Prefix: "88.1021.150", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	f.namespace(identifier.Namespace{Scheme: identifier.Ecode, Prefix: "400638", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	f.record("88.1021.150/SN-001", false, identifier.Record{Values: []identifier.Value{text(1, "URL", "https://a")}})
	f.record("ecode:4006381333931", false, identifier.Record{Values: []identifier.Value{text(1, "URL", "https://ecode")}})
	for _, tt := range []struct {
		name, text string
		scheme     identifier.Scheme
		status     resolver.Status
		read       string
		several    bool // candidates are listed
	}{
		{"plain", "88.1021.150/sn-001", 0, resolver.Found, "handle:88.1021.150/sn-001", false},
		{"wrapped", "hdl:88.1021.150/SN-001", 0, resolver.Found, "handle:88.1021.150/sn-001", true},
		{"with its scheme", "6901234567892", identifier.GS1, resolver.Found, "gs1:(01)06901234567892", false},
		{"a GTIN by its form, an Ecode by what is registered", "4006381333931", 0, resolver.Found, "ecode:4006381333931", true},
		{"a GTIN-13", "6901234567892", 0, resolver.Found, "gs1:(01)06901234567892", false},
		{"a slip", "6901234567893", 0, resolver.Invalid, "", true},
		{"a slip in an OID, and no prefix of ours", "1.40.1", 0, resolver.Invalid, "", true},
		{"as printed below a symbol", "(01) 06901234567892 (21) S1", 0, resolver.Found, "gs1:(01)06901234567892(21)S1", true},
		{"nothing at all", "\u00a0", 0, resolver.Invalid, "", false},
		{"wrapped, with its scheme", "88.1021.150/SN-001\r\n", identifier.Handle, resolver.Found, "handle:88.1021.150/sn-001", true},
		{"not of that scheme", "88.1021.150/sn-001", identifier.GS1, resolver.Invalid, "", true},
		{"recognised, not served", "did:cn:88.100.1", 0, resolver.NotResponsible, "did:cn:88.100.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := f.resolver.Ask(t.Context(), tt.text, tt.scheme, resolver.Query{})
			read := ""
			if !got.Query.ID.IsZero() {
				read = got.Query.ID.Qualified()
			}
			if got.Answer.Status != tt.status || read != tt.read || (len(got.Candidates) > 0) != tt.several {
				t.Errorf("got %v, read as %q, candidates %+v; want %v, %q, %v", got.Answer.Status, read, got.Candidates, tt.status, tt.read, tt.several)
			}
			if (got.Err != nil) != (tt.status == resolver.Invalid) {
				t.Errorf("error %v with status %v", got.Err, got.Answer.Status)
			}
		})
	}
}

func TestHasBeneath(t *testing.T) {
	f, _ := ladderFixture(t)
	for _, tt := range []struct {
		scheme    identifier.Scheme
		beginning string
		want      bool
	}{
		{identifier.OID, "1.2.156.", true},
		{identifier.OID, "1.2.156.10001.7.", false}, // nothing but a tombstone
		{identifier.OID, "1.2.15.", false},
		{identifier.GS1, "(01)", true},
		{identifier.GS1, "(00)", false},
		{identifier.Ecode, "", false},
	} {
		got, err := f.resolver.HasBeneath(t.Context(), tt.scheme, tt.beginning)
		if err != nil || got != tt.want {
			t.Errorf("%v %q: got %v, %v, want %v", tt.scheme, tt.beginning, got, err, tt.want)
		}
	}
	for beginning, want := range map[string]bool{"88.": true, "88.1021.": false, "8": true, "99": false} {
		if got := f.resolver.HasNamespaceBeneath(identifier.Handle, beginning); got != want {
			t.Errorf("namespaces beginning %q: got %v, want %v", beginning, got, want)
		}
	}
	f.namespace(identifier.Namespace{Prefix: "88.1021.150", State: identifier.NamespaceActive, Mode: identifier.Hosted})
	if !f.resolver.HasNamespaceBeneath(identifier.Handle, "88.1021.") {
		t.Error("the namespace that was allocated is not seen")
	}
}
