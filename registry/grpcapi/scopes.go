package grpcapi

import (
	"context"

	"google.golang.org/grpc"

	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
)

// scopes is what a credential must be good for, by the full name of the method.
var scopes = map[string]registry.Scope{
	nodepb.Registry_Register_FullMethodName: registry.ScopeIdentifiersWrite,
	nodepb.Registry_Replace_FullMethodName:  registry.ScopeIdentifiersWrite,
	nodepb.Registry_Merge_FullMethodName:    registry.ScopeIdentifiersWrite,
	nodepb.Registry_Revoke_FullMethodName:   registry.ScopeIdentifiersWrite,
	nodepb.Registry_Import_FullMethodName:   registry.ScopeIdentifiersWrite,
	nodepb.Registry_Get_FullMethodName:      registry.ScopeIdentifiersRead,
	nodepb.Registry_List_FullMethodName:     registry.ScopeIdentifiersRead,

	nodepb.Jobs_SubmitJob_FullMethodName:   registry.ScopeIdentifiersWrite,
	nodepb.Jobs_CancelJob_FullMethodName:   registry.ScopeIdentifiersWrite,
	nodepb.Jobs_RetryJob_FullMethodName:    registry.ScopeIdentifiersWrite,
	nodepb.Jobs_GetJob_FullMethodName:      registry.ScopeIdentifiersRead,
	nodepb.Jobs_WatchJob_FullMethodName:    registry.ScopeIdentifiersRead,
	nodepb.Jobs_ListJobRows_FullMethodName: registry.ScopeIdentifiersRead,
}

// checkScope refuses what the credential of a is not good for.
func checkScope(ctx context.Context, a registry.Actor) error {
	if len(a.Scopes) == 0 {
		return nil
	}
	method, _ := grpc.Method(ctx)
	scope, known := scopes[method]
	if !known {
		return refuse(registry.CodeForbidden, "", "the credential is limited and not good for this call")
	}
	if e := a.RequireScope(scope); e != nil {
		return e
	}
	return nil
}
