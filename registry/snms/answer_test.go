package snms

import (
	"testing"

	"github.com/idnode/idnode/registry"
)

// TestStatuses: every code of the registry has a status, and trouble of ours tells nothing.
func TestStatuses(t *testing.T) {
	for _, code := range registry.Codes() {
		if _, known := statuses[code]; !known {
			t.Errorf("code %s has no status", code)
		}
	}
	if len(statuses) != len(registry.Codes()) {
		t.Errorf("%d statuses for %d codes", len(statuses), len(registry.Codes()))
	}
	for _, code := range []string{registry.CodeInternal, registry.CodeUnavailable, registry.CodeNoSpace, "unknown"} {
		if s, m := statusOf(&registry.Error{Code: code, Detail: "the disk of node 7"}); s != StatusServerError || m != messageTrouble {
			t.Errorf("%s: %d %s", code, s, m)
		}
	}
}
