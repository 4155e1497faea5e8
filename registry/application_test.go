package registry_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
)

// TestApplication: from the wish over a return to the namespace.
func TestApplication(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		reviewer := Actor{Enterprise: Self, KeyID: "krev", Role: RoleReviewer}
		e, err := n.CreateEnterprise(ctx, Enterprise{Name: "applicant"}, Write{Actor: reviewer})
		if err != nil || e.State != EnterprisePending {
			t.Fatal(e, err)
		}
		admin := Actor{Enterprise: e.ID, KeyID: "kadm", Role: RoleAdmin}
		a, err := n.ApplyForPrefix(ctx, Application{Enterprise: e.ID, Scheme: identifier.Handle, Purpose: "bearings"}, Write{Actor: admin})
		if err != nil || a.State != ApplicationPending || a.Mode != identifier.Hosted || a.Version != 1 {
			t.Fatalf("apply: %+v, %v", a, err)
		}
		step := func(who Actor, action Action, reason, want string, state ApplicationState) {
			t.Helper()
			before := n.contents()
			got, err := n.DecideApplication(ctx, a.ID, action, reason, Write{Actor: who})
			if code(err) != want {
				t.Fatalf("%s: %v, want %q", action, err, want)
			}
			if err != nil {
				if diff := cmp.Diff(before, n.contents()); diff != "" {
					t.Errorf("%s was refused and left something:\n%s", action, diff)
				}
				return
			}
			if got.State != state || got.Reason != reason {
				t.Fatalf("%s: %+v", action, got)
			}
		}
		step(admin, ActionApprove, "", CodeForbidden, "")
		step(n.a, ActionCancel, "", CodeNotFound, "")
		step(reviewer, ActionSubmit, "", CodeInvalidState, "")
		step(reviewer, ActionReturn, "", CodeInvalidRequest, "")
		step(reviewer, ActionReturn, "name the prefix", "", ApplicationReturned)
		step(reviewer, ActionApprove, "", CodeInvalidState, "")
		name, delegated := "88.100.77", identifier.Delegated
		if _, err := n.AmendApplication(ctx, a.ID, ApplicationPatch{Prefix: &name, Mode: &delegated}, Write{Actor: admin}); code(err) != CodeInvalidPrefix {
			t.Fatalf("delegated without a service: %v", err)
		}
		service := &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), TCP: 2641}
		p := ApplicationPatch{Prefix: &name, Mode: &delegated, Service: service, Quota: &identifier.Quota{Records: 5}}
		if _, err := n.AmendApplication(ctx, a.ID, p, Write{Actor: admin, IfMatch: 1}); code(err) != CodeVersionMismatch {
			t.Fatalf("amend an old version: %v", err)
		}
		if _, err := n.AmendApplication(ctx, a.ID, p, Write{Actor: admin, IfMatch: 2}); err != nil {
			t.Fatal(err)
		}
		step(admin, ActionSubmit, "", "", ApplicationPending)
		step(reviewer, ActionApprove, "", CodeEnterpriseSuspended, "")
		if _, err := n.Transition(ctx, e.ID, ActionApprove, "", Write{Actor: reviewer}); err != nil {
			t.Fatal(err)
		}
		step(reviewer, ActionApprove, "", "", ApplicationApproved)
		step(admin, ActionCancel, "", CodeInvalidState, "")
		ns, err := n.Prefix(ctx, identifier.Key{Scheme: identifier.Handle, Name: name}, n.op)
		if err != nil || ns.Enterprise != e.ID || ns.Mode != identifier.Delegated || *ns.Service != *service || ns.Quota.Records != 5 {
			t.Fatalf("allocated %+v, %v", ns, err)
		}
		got, err := n.Application(ctx, a.ID, admin)
		if err != nil || got.Allocated != name || got.Decided != "krev" {
			t.Fatalf("decided %+v, %v", got, err)
		}
		for who, want := range map[string]int{admin.Enterprise: 1, n.a.Enterprise: 0} {
			list, _, err := n.ListApplications(ctx, ApplicationList{Actor: Actor{Enterprise: who, Role: RoleAdmin}})
			if err != nil || len(list) != want {
				t.Errorf("%s sees %d applications, %v", who, len(list), err)
			}
		}
	})
}

// TestApplicationRefusals: what cannot be allocated cannot be applied for.
func TestApplicationRefusals(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		admin := Actor{Enterprise: n.a.Enterprise, KeyID: "kadm", Role: RoleAdmin}
		before := n.contents()
		for _, c := range []struct {
			name string
			who  Actor
			in   Application
			want string
		}{
			{"a writer", n.a, Application{Enterprise: n.a.Enterprise, Scheme: identifier.Handle}, CodeForbidden},
			{"for another", admin, Application{Enterprise: n.b.Enterprise, Scheme: identifier.Handle}, CodeForbidden},
			{"for nobody", admin, Application{Scheme: identifier.Handle}, CodeForbidden},
			{"no enterprise", n.op, Application{Enterprise: "nobody", Scheme: identifier.Handle}, CodeNotFound},
			{"no scheme", admin, Application{Enterprise: n.a.Enterprise}, CodeInvalidPrefix},
			{"taken", admin, Application{Enterprise: n.a.Enterprise, Scheme: identifier.Handle, Prefix: "88.100.2"}, CodeAlreadyExists},
			{"in another's", admin, Application{Enterprise: n.a.Enterprise, Scheme: identifier.Handle, Prefix: "88.100.2.1"}, CodeInvalidPrefix},
			{"not ours", admin, Application{Enterprise: n.a.Enterprise, Scheme: identifier.Handle, Prefix: "88.200.1"}, CodeInvalidPrefix},
			{"no numbers", admin, Application{Enterprise: n.a.Enterprise, Scheme: identifier.GS1}, CodeInvalidPrefix},
			{"no service", admin, Application{Enterprise: n.a.Enterprise, Scheme: identifier.Handle, Mode: identifier.Delegated}, CodeInvalidPrefix},
			{"purpose", admin, Application{Enterprise: n.a.Enterprise, Scheme: identifier.Handle, Purpose: "a\x00b"}, CodeInvalidApplication},
		} {
			if _, err := n.ApplyForPrefix(t.Context(), c.in, Write{Actor: c.who}); code(err) != c.want {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
		}
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("refused applications left something:\n%s", diff)
		}
	})
}
