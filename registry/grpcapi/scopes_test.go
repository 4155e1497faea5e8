package grpcapi

import (
	"testing"

	"github.com/idnode/idnode/proto/nodepb"
)

// TestScopesDecided: each method of the service has its scope.
func TestScopesDecided(t *testing.T) {
	d := nodepb.Registry_ServiceDesc
	var names []string
	for _, m := range d.Methods {
		names = append(names, m.MethodName)
	}
	for _, m := range d.Streams {
		names = append(names, m.StreamName)
	}
	if len(names) != len(scopes) {
		t.Errorf("%d methods, %d scopes", len(names), len(scopes))
	}
	for _, name := range names {
		if !scopes["/"+d.ServiceName+"/"+name].Valid() {
			t.Errorf("%s has no scope", name)
		}
	}
}
