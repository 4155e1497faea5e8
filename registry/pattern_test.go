package registry_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
)

func TestPatterns(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
		id := parse(t, "88.100.1/SN-7")
		url := func() string {
			t.Helper()
			v, _ := n.namespaces.Get(k).Compute(id)
			return string(v.Data)
		}
		set := func(a Actor, p ...identifier.Pattern) error {
			_, err := n.UpdatePrefix(ctx, k, PrefixPatch{Patterns: &p}, Write{Actor: a})
			return err
		}
		if err := set(n.a, identifier.Pattern{URL: "https://x.example/"}); code(err) != CodeForbidden {
			t.Errorf("an enterprise sets patterns: %v", err)
		}
		if err := set(n.op, identifier.Pattern{Match: `SN-(\d+)`, URL: "https://x.example/{1}"}); err != nil || url() != "https://x.example/7" {
			t.Errorf("got %v and %q", err, url())
		}
		for _, bad := range []struct {
			p     identifier.Pattern
			field string
		}{
			{identifier.Pattern{URL: "x"}, "/patterns/1/url"},
			{identifier.Pattern{URL: "https://x.example/", Match: "("}, "/patterns/1/match"},
			{identifier.Pattern{URL: "https://x.example/", TTL: -1}, "/patterns/1/ttl"},
		} {
			err := set(n.op, identifier.Pattern{URL: "https://y.example/"}, bad.p)
			if code(err) != CodeInvalidPrefix || AsError(err).Field != bad.field {
				t.Errorf("%+v: got %v, want %s", bad.p, err, bad.field)
			}
		}
		if err := set(n.op, make([]identifier.Pattern, identifier.MaxPatterns+1)...); code(err) != CodeInvalidPrefix || AsError(err).Field != "/patterns" {
			t.Errorf("too many: %v", err)
		}
		if url() != "https://x.example/7" {
			t.Errorf("a refusal changed the patterns: %q", url())
		}
		delegated := identifier.Delegated
		service := &identifier.Service{IP: netip.MustParseAddr("192.0.2.1"), TCP: 2641}
		_, err := n.UpdatePrefix(ctx, k, PrefixPatch{Mode: &delegated, Service: service}, Write{Actor: n.op})
		if code(err) != CodeInvalidPrefix || AsError(err).Field != "/patterns" {
			t.Errorf("delegated with patterns: %v", err)
		}
		if err := set(n.op); err != nil || url() != "" {
			t.Errorf("removed: %v, %q", err, url())
		}

		q := PrefixRequest{Scheme: identifier.GS1, Prefix: "690123", Enterprise: Self, Patterns: []identifier.Pattern{{URL: "https://x.example/{01}"}}}
		if _, err := n.AllocatePrefix(ctx, q, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		v, ok := n.namespaces.Get(identifier.Key{Scheme: identifier.GS1, Name: "690123"}).Compute(parse(t, "6901234567892"))
		if !ok || !strings.HasSuffix(string(v.Data), "/06901234567892") {
			t.Errorf("allocated with a pattern: %q, %v", v.Data, ok)
		}
		q.Prefix, q.Patterns = "6901231", []identifier.Pattern{{URL: "x"}}
		if _, err := n.AllocatePrefix(ctx, q, Write{Actor: n.op}); code(err) != CodeInvalidPrefix || AsError(err).Field != "/patterns/0/url" {
			t.Errorf("allocated with a wrong pattern: %v", err)
		}
	})
}
