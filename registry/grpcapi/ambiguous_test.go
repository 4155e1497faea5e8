package grpcapi_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
)

// TestAmbiguous: a code of two schemes in both of which the node has namespaces needs its scheme.
func TestAmbiguous(t *testing.T) {
	n := newNode(t)
	ctx := n.as("operator")
	const code = "106952012345678908" // an Ecode of version 1, and an SSCC
	for _, k := range []identifier.Key{{Scheme: identifier.Ecode, Name: "10695"}, {Scheme: identifier.GS1, Name: "0695201"}} {
		q := registry.PrefixRequest{Scheme: k.Scheme, Prefix: k.Name, Enterprise: registry.Self}
		if _, err := n.reg.AllocatePrefix(t.Context(), q, registry.Write{Actor: operator}); err != nil {
			t.Fatal(err)
		}
	}
	values := []*nodepb.Value{{Index: 1, Type: "URL", Data: []byte("x")}}
	_, err := n.client.Register(ctx, &nodepb.RegisterRequest{Record: record(code, values...)})
	info, _ := refused(t, err, codes.InvalidArgument, registry.CodeAmbiguousIdentifier)
	if d := status.Convert(err).Message(); info.GetMetadata()["field"] != "/id" || !strings.Contains(d, "ecode:"+code) || !strings.Contains(d, "gs1:(00)"+code) {
		t.Errorf("the candidates are not listed: %v", err)
	}
	_, err = n.client.Get(ctx, &nodepb.GetRequest{Id: code})
	refused(t, err, codes.InvalidArgument, registry.CodeAmbiguousIdentifier)
	for _, scheme := range []string{"gs1", "ecode"} {
		rec := record(code, values...)
		rec.Scheme = scheme
		if r, err := n.client.Register(ctx, &nodepb.RegisterRequest{Record: rec}); err != nil || r.Record.Scheme != scheme {
			t.Errorf("%s: %v, %v", scheme, r, err)
		}
		if r, err := n.client.Get(ctx, &nodepb.GetRequest{Id: code, Scheme: scheme}); err != nil || r.Record.Scheme != scheme {
			t.Errorf("%s: %v, %v", scheme, r, err)
		}
	}
	_, err = n.client.Get(ctx, &nodepb.GetRequest{Id: "6901234567893"})
	refused(t, err, codes.InvalidArgument, registry.CodeInvalidIdentifier)
	if !strings.Contains(err.Error(), "it should be 2") {
		t.Errorf("the right check digit is not told: %v", err)
	}
}
