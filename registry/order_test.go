package registry_test

import (
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
)

// TestObey: orders take effect once, in the order of their numbers, and only the node above lifts them.
func TestObey(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
		f := func(o Order, state identifier.NamespaceState, ordered bool) {
			t.Helper()
			o.From = "top"
			if o.Prefix.Name == "" {
				o.Prefix = k
			}
			ns, err := n.Obey(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if ns != nil && (ns.State != state || (ns.Ordered != nil) != ordered) {
				t.Errorf("%+v: %s, %+v; want %s", o, ns.State, ns.Ordered, state)
			}
		}
		active, suspended, withdrawn := identifier.NamespaceActive, identifier.NamespaceSuspended, identifier.NamespaceWithdrawn
		f(Order{Seq: 1, Action: ActionSuspend, Reason: "by court"}, suspended, true)
		if _, err := n.Create(t.Context(), record("88.100.1/x", "x"), Write{Actor: n.a}); err == nil || AsError(err).Code != CodeNamespaceSuspended {
			t.Errorf("create: %v", err)
		}
		if _, err := n.PrefixAction(t.Context(), k, ActionActivate, "we think otherwise", "", Write{Actor: n.op}); err == nil || AsError(err).Code != CodeInvalidState {
			t.Errorf("activate: %v", err)
		}
		f(Order{Seq: 1, Action: ActionActivate}, suspended, true) // it was carried out
		f(Order{Seq: 2, Action: ActionActivate}, active, false)
		must(t)(n.Create(t.Context(), record("88.100.1/x", "x"), Write{Actor: n.a}))
		if _, err := n.PrefixAction(t.Context(), k, ActionSuspend, "unpaid", "", Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		f(Order{Seq: 3, Action: ActionActivate}, suspended, false) // that was ours
		f(Order{Seq: 4, Action: ActionSuspend, Reason: "by court"}, suspended, true)
		f(Order{Seq: 5, Action: ActionWithdraw}, withdrawn, true)
		f(Order{Seq: 6, Action: ActionActivate}, withdrawn, true)
		f(Order{Seq: 7, Action: ActionSuspend, Prefix: identifier.Key{Scheme: identifier.Handle, Name: "88.100.99"}}, "", false)
		if place, err := n.OrderPlace(t.Context(), "top"); err != nil || place != 7 {
			t.Errorf("place %d, %v", place, err)
		}
		if place, err := n.OrderPlace(t.Context(), "other"); err != nil || place != 0 {
			t.Errorf("place %d, %v", place, err)
		}
		if _, err := n.Obey(t.Context(), Order{From: "top", Prefix: k, Action: ActionTransfer}); err == nil || AsError(err).Code != CodeInvalidRequest {
			t.Errorf("transfer: %v", err)
		}
	})
}

// TestObeyEnterprise: what the node above decides about an enterprise takes effect, and only that node lifts it.
func TestObeyEnterprise(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		e, err := n.CreateEnterprise(t.Context(), Enterprise{Name: "x", CreditCode: creditCode(7)}, Write{Actor: n.op})
		if err != nil {
			t.Fatal(err)
		}
		f := func(action Action, want EnterpriseState, ordered bool) {
			t.Helper()
			for range 2 {
				got, err := n.ObeyEnterprise(t.Context(), EnterpriseOrder{From: "top", CreditCode: creditCode(7), Action: action, Reason: "audited"})
				if err != nil || got.State != want || (got.Ordered != nil) != ordered {
					t.Fatalf("%s: %+v, %v; want %s", action, got, err, want)
				}
			}
		}
		step := func(action Action, want string) {
			t.Helper()
			if _, err := n.Transition(t.Context(), e.ID, action, "ours", Write{Actor: n.op}); code(err) != want {
				t.Errorf("%s: %v", action, err)
			}
		}
		f(ActionActivate, EnterpriseActive, false)
		f(ActionSuspend, EnterpriseSuspended, true)
		step(ActionActivate, CodeInvalidState)
		f(ActionActivate, EnterpriseActive, false)
		step(ActionSuspend, "")
		f(ActionActivate, EnterpriseSuspended, false) // that was ours
		f(ActionSuspend, EnterpriseSuspended, true)
		if got, err := n.ObeyEnterprise(t.Context(), EnterpriseOrder{From: "top", CreditCode: creditCode(7), Action: ActionWithdraw, Reason: "audited"}); err != nil || got.State != EnterpriseWithdrawn {
			t.Errorf("withdraw: %+v, %v", got, err)
		}
		if got, err := n.ObeyEnterprise(t.Context(), EnterpriseOrder{From: "top", CreditCode: creditCode(7), Action: ActionActivate}); err != nil || got != nil {
			t.Errorf("withdrawn: %+v, %v", got, err) // its certificate is free for another
		}
		if _, err := n.ObeyEnterprise(t.Context(), EnterpriseOrder{From: "top", CreditCode: creditCode(7), Action: ActionReject}); code(err) != CodeInvalidRequest {
			t.Errorf("reject: %v", err)
		}
	})
}
