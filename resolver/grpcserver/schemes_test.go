package grpcserver_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver/grpcserver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// schemes is a store with a namespace of each scheme, and some records.
func schemes(t *testing.T) *memstore.Store {
	t.Helper()
	var b storage.Batch
	for _, ns := range []identifier.Namespace{
		{Scheme: identifier.Handle, Prefix: "88.101.5"}, {Scheme: identifier.OID, Prefix: "1.2.156.10001"},
		{Scheme: identifier.GS1, Prefix: "690123"}, {Scheme: identifier.Ecode, Prefix: "10695"},
	} {
		ns.State, ns.Mode = identifier.NamespaceActive, identifier.Hosted
		value, err := storage.EncodeNamespace(&ns)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.NamespaceKey(ns.Key()), value, 0)
	}
	for _, name := range []string{"88.101.5/x", "oid:1.2.156.10001.7", "gs1:6901234567892", "ecode:106952012345678908"} {
		id, err := identifier.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.RecordKey(id.Key(false)), identifier.AppendRecord(nil, &identifier.Record{Scheme: id.Scheme(), ID: id.String(),
			State: identifier.Active, Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte("x"), Perms: identifier.DefaultPerms}}}), 0)
	}
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	if _, err := store.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestOneDoor(t *testing.T) {
	_, conn := serve(t, grpcserver.New(newResolver(t, schemes(t)), grpcserver.Options{}))
	c := nodepb.NewResolverClient(conn)
	for _, tc := range []struct {
		name string
		req  *nodepb.ResolveRequest
		want nodepb.ResolveResponse_Status
		says string // the explanation
		has  func(r *nodepb.ResolveResponse) bool
	}{
		{"handle", &nodepb.ResolveRequest{Id: "88.101.5/X"}, nodepb.ResolveResponse_FOUND, "namespace 88.101.5; record 88.101.5/x at version 1; tier store",
			func(r *nodepb.ResolveResponse) bool {
				return r.Reading.Canonical == "handle:88.101.5/x" && r.Namespace == "88.101.5" && r.Tier == "store" && len(r.Candidates) == 0 && len(r.Steps) == 0 && r.Fallback == nil
			}},
		{"GTIN", &nodepb.ResolveRequest{Id: "6901234567892"}, nodepb.ResolveResponse_FOUND, "read as gs1, GTIN-13",
			func(r *nodepb.ResolveResponse) bool {
				return r.Reading.Form == "GTIN-13" && r.Reading.Level == "product"
			}},
		{"scan", &nodepb.ResolveRequest{Id: "]E06901234567892"}, nodepb.ResolveResponse_FOUND, "read as gs1",
			func(r *nodepb.ResolveResponse) bool { return r.Reading.Carrier == "AIM ]E0" }},
		{"serial", &nodepb.ResolveRequest{Id: "(01)06901234567892(21)A"}, nodepb.ResolveResponse_NOT_FOUND, "namespace 690123", nil},
		{"fallback", &nodepb.ResolveRequest{Id: "(01)06901234567892(21)A", Fallback: true}, nodepb.ResolveResponse_FOUND, "record (01)06901234567892 answers for it at version 1",
			func(r *nodepb.ResolveResponse) bool {
				return r.Fallback.GetFrom() == "gs1:(01)06901234567892(21)A" && r.Fallback.GetTo() == "gs1:(01)06901234567892" && r.Fallback.GetLevel() == "product" && r.Record.Id == "(01)06901234567892"
			}},
		{"trace", &nodepb.ResolveRequest{Id: "urn:oid:1.2.156.10001.7.8", Fallback: true, Trace: true}, nodepb.ResolveResponse_FOUND, "read as oid",
			func(r *nodepb.ResolveResponse) bool {
				last := r.Steps[len(r.Steps)-1]
				return r.Steps[0].Stage == "read" && last.Stage == "fallback" && last.Status == nodepb.ResolveResponse_FOUND && last.Tier == "store" && last.Duration != nil
			}},
		{"several", &nodepb.ResolveRequest{Id: "106952012345678908"}, nodepb.ResolveResponse_FOUND, "read as ecode",
			func(r *nodepb.ResolveResponse) bool {
				return len(r.Candidates) == 2 && r.Candidates[1].Scheme == "gs1" && r.Candidates[1].Canonical == "gs1:(00)106952012345678908" && r.Candidates[1].Reason != ""
			}},
		{"scheme named", &nodepb.ResolveRequest{Id: "106952012345678908", Scheme: "gs1"}, nodepb.ResolveResponse_NOT_RESPONSIBLE, "read as gs1",
			func(r *nodepb.ResolveResponse) bool { return len(r.Candidates) == 0 }},
		{"MA", &nodepb.ResolveRequest{Id: "MA.156.1003.1629/10.46100000.riseplatform"}, nodepb.ResolveResponse_NOT_RESPONSIBLE, "read as ma",
			func(r *nodepb.ResolveResponse) bool { return r.Reading.Scheme == "ma" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := c.Resolve(t.Context(), tc.req)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status != tc.want || !strings.Contains(r.Explanation, tc.says) || tc.has != nil && !tc.has(r) {
				t.Errorf("got %v, want %v and %q", r, tc.want, tc.says)
			}
			b, err := c.BatchResolve(t.Context(), &nodepb.BatchResolveRequest{Requests: []*nodepb.ResolveRequest{tc.req}})
			if err != nil || b.Responses[0].Status != tc.want || tc.has != nil && !tc.has(b.Responses[0]) {
				t.Errorf("in a batch: %v, %v", b, err)
			}
		})
	}
}

// TestWrongCheckDigit: a failed call says which digit would be right, and holds the candidates.
func TestWrongCheckDigit(t *testing.T) {
	_, conn := serve(t, grpcserver.New(newResolver(t, schemes(t)), grpcserver.Options{}))
	c := nodepb.NewResolverClient(conn)
	req := &nodepb.ResolveRequest{Id: "6901234567893"}
	_, err := c.Resolve(t.Context(), req)
	st := status.Convert(err)
	if st.Code() != codes.InvalidArgument || !strings.Contains(st.Message(), "it should be 2") {
		t.Errorf("got %v", err)
	}
	meant := ""
	for _, d := range st.Details() {
		if r, ok := d.(*nodepb.ResolveResponse); ok {
			meant = r.Candidates[0].Meant
		}
	}
	if meant != "6901234567892" {
		t.Errorf("meant %q in %v", meant, st.Details())
	}
	b, err := c.BatchResolve(t.Context(), &nodepb.BatchResolveRequest{Requests: []*nodepb.ResolveRequest{req}})
	if err != nil {
		t.Fatal(err)
	}
	if r := b.Responses[0]; r.Status != nodepb.ResolveResponse_INVALID_ARGUMENT || !strings.Contains(r.Explanation, "it should be 2") || r.Candidates[0].Meant != meant {
		t.Errorf("in a batch: %v", r)
	}
}
