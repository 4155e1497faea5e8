package grpcapi

import (
	"testing"

	"google.golang.org/grpc"

	"github.com/idnode/idnode/proto/nodepb"
)

// TestScopesDecided: each method of the services has its scope.
func TestScopesDecided(t *testing.T) {
	var names []string
	for _, d := range []grpc.ServiceDesc{nodepb.Registry_ServiceDesc, nodepb.Jobs_ServiceDesc} {
		for _, m := range d.Methods {
			names = append(names, "/"+d.ServiceName+"/"+m.MethodName)
		}
		for _, m := range d.Streams {
			names = append(names, "/"+d.ServiceName+"/"+m.StreamName)
		}
	}
	if len(names) != len(scopes) {
		t.Errorf("%d methods, %d scopes", len(names), len(scopes))
	}
	for _, name := range names {
		if !scopes[name].Valid() {
			t.Errorf("%s has no scope", name)
		}
	}
}
