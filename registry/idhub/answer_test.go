package idhub

import (
	"testing"

	"github.com/idnode/idnode/registry"
)

// TestCodes: every code of the registry has a code, and trouble of ours tells nothing.
func TestCodes(t *testing.T) {
	for _, code := range registry.Codes() {
		if _, known := codes[code]; !known {
			t.Errorf("%s has no code", code)
		}
	}
	if len(codes) != len(registry.Codes()) {
		t.Errorf("%d codes for %d of the registry", len(codes), len(registry.Codes()))
	}
	for _, code := range []string{registry.CodeInternal, registry.CodeUnavailable, registry.CodeNoSpace, "unknown"} {
		if c, m := told(&registry.Error{Code: code, Detail: "the disk of node 7"}); c != CodeTrouble || m != messageTrouble {
			t.Errorf("%s: %d %s", code, c, m)
		}
	}
}
