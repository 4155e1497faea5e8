package resolver_test

import (
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
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

// Of the readings of one text the one with a live record of its own answers, whatever comes first.
func TestAskPrefersRecords(t *testing.T) {
	const text = "11234567000005" // a GTIN-14 before an Ecode
	values := []identifier.Value{{Index: 1, Type: "URL", Data: []byte("https://a"), Perms: identifier.DefaultPerms}}
	for _, tt := range []struct {
		name   string
		gs1    identifier.Namespace
		record *identifier.Record // of the GTIN
		ecode  bool               // has a record
		want   string
	}{
		{"a tombstone first", identifier.Namespace{State: identifier.NamespaceActive, Mode: identifier.Hosted},
			&identifier.Record{State: identifier.Revoked, Reason: "gone"}, true, "ecode:11234567000005"},
		{"a suspended namespace first", identifier.Namespace{State: identifier.NamespaceSuspended, Mode: identifier.Hosted}, nil, true, "ecode:11234567000005"},
		{"a rule first", identifier.Namespace{State: identifier.NamespaceActive, Mode: identifier.Hosted, Patterns: []identifier.Pattern{{URL: "https://x.example/{01}"}}}, nil, true, "ecode:11234567000005"},
		{"a rule and nothing else", identifier.Namespace{State: identifier.NamespaceActive, Mode: identifier.Hosted, Patterns: []identifier.Pattern{{URL: "https://x.example/{01}"}}}, nil, false, "gs1:(01)11234567000005"},
		{"records of both", identifier.Namespace{State: identifier.NamespaceActive, Mode: identifier.Hosted}, &identifier.Record{Values: values}, true, "gs1:(01)11234567000005"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, _ := ladderFixture(t)
			tt.gs1.Scheme, tt.gs1.Prefix = identifier.GS1, "1234567"
			if err := tt.gs1.Compile(); err != nil {
				t.Fatal(err)
			}
			f.namespace(tt.gs1)
			f.namespace(identifier.Namespace{Scheme: identifier.Ecode, Prefix: "11234", State: identifier.NamespaceActive, Mode: identifier.Hosted})
			if tt.record != nil {
				f.record("gs1:"+text, false, *tt.record)
			}
			if tt.ecode {
				f.record("ecode:"+text, false, identifier.Record{Values: values})
			}
			got := f.resolver.Ask(t.Context(), text, 0, resolver.Query{})
			if got.Answer.Status != resolver.Found || got.Query.ID.Qualified() != tt.want || len(got.Candidates) != 2 {
				t.Errorf("got %v, read as %s, candidates %+v; want %s", got.Answer.Status, got.Query.ID.Qualified(), got.Candidates, tt.want)
			}
		})
	}
}

// TestCodingSystems: a table of Ecode's systems says what is wrong with a code, and who answers for a foreign one.
func TestCodingSystems(t *testing.T) {
	table, err := identifier.ParseNSITable([]byte(`[{"version":1,"nsi":"0064","minLength":12,"resolver":"https://other.example/{code}"}]`))
	if err != nil {
		t.Fatal(err)
	}
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolver.New(resolver.Options{Store: engine, Namespaces: namespaces, NSI: table})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]struct {
		status    resolver.Status
		elsewhere string
	}{
		"10064000123456789":       {resolver.NotResponsible, "https://other.example/10064000123456789"},
		"E=10064000123456789":     {resolver.NotResponsible, "https://other.example/10064000123456789"},
		"ecode:10064000123456789": {resolver.NotResponsible, "https://other.example/10064000123456789"},
		"1006412":                 {resolver.Invalid, ""},
		"1006512":                 {resolver.NotResponsible, ""},
		"88.1.1/x":                {resolver.NotResponsible, ""},
	} {
		if got := r.Ask(t.Context(), text, 0, resolver.Query{}); got.Answer.Status != want.status || got.Elsewhere != want.elsewhere {
			t.Errorf("%s: got %v, %q, want %v, %q", text, got.Answer.Status, got.Elsewhere, want.status, want.elsewhere)
		}
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
