package registry_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestMetrics: what the registrar holds and refuses is told, all states and kinds from the start.
func TestMetrics(t *testing.T) {
	n := newNode(t, memstore.New())
	reg := prometheus.NewPedanticRegistry()
	r, err := New(Options{Store: n.store, Namespaces: n.namespaces, Logger: slog.New(slog.DiscardHandler), Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	n.limit(t, "88.100.1", identifier.Quota{Records: 1})
	must(t)(r.Create(t.Context(), record("88.100.1/1", "x"), Write{Actor: n.a}))
	if _, err := r.Create(t.Context(), record("88.100.1/2", "x"), Write{Actor: n.a}); code(err) != CodeQuotaRecords {
		t.Fatal(err)
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP idnode_enterprises Enterprises, by state; the node itself is none.
# TYPE idnode_enterprises gauge
idnode_enterprises{state="active"} 2
idnode_enterprises{state="pending"} 0
idnode_enterprises{state="rejected"} 0
idnode_enterprises{state="returned"} 0
idnode_enterprises{state="suspended"} 0
idnode_enterprises{state="withdrawn"} 0
# HELP idnode_namespaces Allocated namespaces, by scheme and state.
# TYPE idnode_namespaces gauge
idnode_namespaces{scheme="did",state="active"} 0
idnode_namespaces{scheme="ecode",state="active"} 0
idnode_namespaces{scheme="gs1",state="active"} 0
idnode_namespaces{scheme="handle",state="active"} 2
idnode_namespaces{scheme="ma",state="active"} 0
idnode_namespaces{scheme="oid",state="active"} 0
# HELP idnode_quota_rejected_total Writes that were refused because a quota is used up, by its kind.
# TYPE idnode_quota_rejected_total counter
idnode_quota_rejected_total{kind="prefixes"} 0
idnode_quota_rejected_total{kind="records"} 1
idnode_quota_rejected_total{kind="requests"} 0
`), "idnode_enterprises", "idnode_namespaces", "idnode_quota_rejected_total"); err != nil {
		t.Error(err)
	}
}
