package registry_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/egress"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// hookNode is a node with webhooks; a has 88.100.1 and 88.100.3.
func hookNode(t *testing.T) *node {
	t.Helper()
	n := newNode(t, memstore.New())
	key, err := seal.New(bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	n.Registrar, err = New(Options{Store: n.store, Namespaces: n.namespaces, Logger: slog.New(slog.DiscardHandler),
		NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}},
		Webhooks:     WebhookRules{Seal: key, Egress: &egress.Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}}})
	if err != nil {
		t.Fatal(err)
	}
	n.a.Role, n.b.Role = RoleAdmin, RoleAdmin
	if _, err := n.AllocatePrefix(t.Context(), PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.3", Enterprise: n.a.Enterprise}, Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) makeHook(t *testing.T, a Actor, f WebhookForm) *Webhook {
	t.Helper()
	if f.URL == "" {
		f.URL = "https://receiver.example/"
	}
	h, _, err := n.CreateWebhook(t.Context(), WebhookRequest{Form: f}, Write{Actor: a})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWebhookRefusals(t *testing.T) {
	n := hookNode(t)
	limited := n.a
	limited.Prefixes = []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.3"}}
	writer, auditor := n.a, Actor{Enterprise: Self, Role: RoleAuditor}
	writer.Role = RoleWriter
	good := WebhookForm{URL: "https://receiver.example/"}
	with := func(f func(*WebhookForm)) WebhookForm { c := good; f(&c); return c }
	tests := []struct {
		name   string
		actor  Actor
		q      WebhookRequest
		code   string
		fields []string
	}{
		{"a writer", writer, WebhookRequest{Form: good}, CodeForbidden, nil},
		{"an auditor", auditor, WebhookRequest{Form: good}, CodeForbidden, nil},
		{"nobody", Actor{}, WebhookRequest{Form: good}, CodeForbidden, nil},
		{"for another", n.a, WebhookRequest{Enterprise: n.b.Enterprise, Form: good}, CodeForbidden, nil},
		{"for nobody", n.op, WebhookRequest{Enterprise: "e-none", Form: good}, CodeNotFound, nil},
		{"nothing right", n.a, WebhookRequest{Secret: "secret", Form: WebhookForm{URL: "receiver", Events: []WebhookEvent{"x", EventPrefixChanged, EventPrefixChanged}, Namespaces: []string{"88.100.2", "no prefix!"}, Description: "a\nb", State: "off"}},
			CodeInvalidRequest, []string{"/url", "/events/0", "/events/2", "/namespaces/0", "/namespaces/1", "/description", "/state", "/secret"}},
		{"plain", n.a, WebhookRequest{Form: with(func(f *WebhookForm) { f.URL = "http://93.184.216.34/" })}, CodeInvalidRequest, []string{"/url"}},
		{"private", n.a, WebhookRequest{Form: with(func(f *WebhookForm) { f.URL = "https://10.2.0.1/" })}, CodeInvalidRequest, []string{"/url"}},
		{"beyond the credential", limited, WebhookRequest{Form: with(func(f *WebhookForm) { f.Namespaces = []string{"88.100.1"} })}, CodeInvalidRequest, []string{"/namespaces/0"}},
		{"of no namespace", limited, WebhookRequest{Form: with(func(f *WebhookForm) { f.Events = []WebhookEvent{EventEnterpriseChanged} })}, CodeInvalidRequest, []string{"/events"}},
	}
	before := n.contents()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := n.CreateWebhook(t.Context(), test.q, Write{Actor: test.actor})
			if got := code(err); got != test.code {
				t.Fatalf("%v, want %s", err, test.code)
			}
			var fields []string
			for _, v := range AsError(err).Violations {
				fields = append(fields, v.Field)
			}
			if !slices.Equal(fields, test.fields) {
				t.Errorf("fields %q, want %q", fields, test.fields)
			}
		})
	}
	if diff := cmp.Diff(before, n.contents()); diff != "" {
		t.Errorf("a refused request changed the store:\n%s", diff)
	}
}

func TestWebhookWho(t *testing.T) {
	n := hookNode(t)
	limited := n.a
	limited.Prefixes = []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.3"}}
	wide := n.makeHook(t, n.a, WebhookForm{})
	narrow := n.makeHook(t, limited, WebhookForm{})
	if !slices.Equal(narrow.Namespaces, []string{"handle:88.100.3"}) {
		t.Errorf("a limited credential makes a webhook of %q", narrow.Namespaces)
	}
	theirs := n.makeHook(t, n.b, WebhookForm{URL: "http://10.1.2.3/hook", Namespaces: []string{"88.100.2", "handle:88.100.2"}})
	auditor := Actor{Enterprise: Self, Role: RoleAuditor}
	for _, test := range []struct {
		name string
		a    Actor
		sees []string
	}{
		{"a", n.a, []string{wide.ID, narrow.ID}}, {"limited", limited, []string{narrow.ID}}, {"b", n.b, []string{theirs.ID}},
		{"operator", n.op, []string{wide.ID, narrow.ID, theirs.ID}}, {"auditor", auditor, []string{wide.ID, narrow.ID, theirs.ID}},
	} {
		all, _, err := n.ListWebhooks(t.Context(), test.a, "", Paging{})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, h := range all {
			got = append(got, h.ID)
		}
		slices.Sort(got)
		slices.Sort(test.sees)
		if !slices.Equal(got, test.sees) {
			t.Errorf("%s sees %q, want %q", test.name, got, test.sees)
		}
		for _, h := range []*Webhook{wide, narrow, theirs} {
			sees := slices.Contains(test.sees, h.ID)
			if _, err := n.Webhook(t.Context(), h.ID, test.a); (err == nil) != sees {
				t.Errorf("%s reads %s: %v", test.name, h.ID, err)
			}
			if sees && test.name != "auditor" {
				continue
			}
			before := n.contents()
			w := Write{Actor: test.a}
			_, patched := n.PatchWebhook(t.Context(), h.ID, []byte(`{"description":"x"}`), w)
			_, _, rotated := n.RotateWebhook(t.Context(), h.ID, 0, "", w)
			_, rewound := n.RewindWebhook(t.Context(), h.ID, time.Now(), w)
			for _, err := range []error{patched, rotated, rewound, n.DeleteWebhook(t.Context(), h.ID, w)} {
				if got := code(err); got != CodeNotFound && got != CodeForbidden {
					t.Errorf("%s changes %s: %v", test.name, h.ID, err)
				}
			}
			if diff := cmp.Diff(before, n.contents()); diff != "" {
				t.Errorf("%s changed %s:\n%s", test.name, h.ID, diff)
			}
		}
	}
	if _, _, err := n.ListWebhooks(t.Context(), Actor{Enterprise: n.a.Enterprise, Role: RoleReader}, "", Paging{}); code(err) != CodeForbidden {
		t.Errorf("a reader lists: %v", err)
	}
}

// TestWebhookLife goes through a webhook's states and looks at what each leaves in the store.
func TestWebhookLife(t *testing.T) {
	eachStore(t, func(t *testing.T, plain *node) {
		if _, _, err := plain.CreateWebhook(t.Context(), WebhookRequest{Form: WebhookForm{URL: "https://x.example/"}}, Write{Actor: plain.op}); code(err) != CodeInvalidState {
			t.Errorf("a node without webhooks: %v", err)
		}
	})
	n := hookNode(t)
	w := Write{Actor: n.a}
	h := n.makeHook(t, n.a, WebhookForm{Events: []WebhookEvent{EventPrefixChanged}})
	cursor := storage.CursorKey(WebhookCursor(h.ID))
	item, err := n.store.Get(t.Context(), cursor)
	if err != nil {
		t.Fatal(err)
	}
	patch := func(text, want string) *Webhook {
		t.Helper()
		h, err := n.PatchWebhook(t.Context(), h.ID, []byte(text), w)
		if code(err) != want {
			t.Fatalf("%s: %v, want %s", text, err, want)
		}
		return h
	}
	patch(`{"state":"paused"}`, CodeInvalidRequest)
	patch(`{"url":null}`, CodeInvalidRequest)
	patch(`{"secret":"x"}`, CodeInvalidRequest)
	patch(`[]`, CodeInvalidRequest)
	if h := patch(`{"events":null,"state":"disabled"}`, ""); len(h.Events) != 0 || h.State != WebhookDisabled {
		t.Errorf("%+v", h)
	}
	if _, err := n.store.Get(t.Context(), cursor); err == nil {
		t.Error("a disabled webhook holds the change log")
	}
	if _, err := n.RewindWebhook(t.Context(), h.ID, time.Now(), w); code(err) != CodeInvalidState {
		t.Errorf("replay of a disabled webhook: %v", err)
	}
	must(t)(n.Create(t.Context(), record("88.100.1/x", "d"), w))
	patch(`{"state":"active"}`, "")
	again, err := n.store.Get(t.Context(), cursor)
	if err != nil || !bytes.Equal(again.Value, item.Value) {
		t.Errorf("enabled at %x, disabled at %x, %v", again.Value, item.Value, err)
	}
	if _, err := n.RewindWebhook(t.Context(), h.ID, time.Now().Add(time.Hour), w); code(err) != CodeInvalidRequest {
		t.Errorf("replay from the future: %v", err)
	}
	w.IfMatch = 1
	patch(`{"description":"x"}`, CodeVersionMismatch)
	w.IfMatch = 0
	if _, _, err := n.RotateWebhook(t.Context(), h.ID, 31*24*time.Hour, "", w); code(err) != CodeInvalidRequest {
		t.Errorf("rotation: %v", err)
	}
	if err := n.DeleteWebhook(t.Context(), h.ID, w); err != nil {
		t.Fatal(err)
	}
	if err := n.DeleteWebhook(t.Context(), h.ID, w); code(err) != CodeNotFound {
		t.Errorf("deleted twice: %v", err)
	}
	entries, _, err := n.ListAudit(t.Context(), AuditQuery{Op: "webhook."}, n.op)
	if err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, e := range entries {
		ops = append(ops, e.Op)
	}
	slices.Sort(ops) // entries of one millisecond have no order
	if want := []string{"webhook.create", "webhook.delete", "webhook.update", "webhook.update"}; !slices.Equal(ops, want) {
		t.Errorf("audit %q, want %q", ops, want)
	}
}

func TestWebhookLimit(t *testing.T) {
	n := hookNode(t)
	for range WebhooksPerEnterprise {
		n.makeHook(t, n.a, WebhookForm{})
	}
	if _, _, err := n.CreateWebhook(t.Context(), WebhookRequest{Form: WebhookForm{URL: "https://x.example/"}}, Write{Actor: n.a}); code(err) != CodeInvalidState {
		t.Errorf("one more: %v", err)
	}
	n.makeHook(t, n.b, WebhookForm{})
}

// TestDeliveriesKept has more attempts than are kept, read in pages.
func TestDeliveriesKept(t *testing.T) {
	n := hookNode(t)
	h := n.makeHook(t, n.a, WebhookForm{})
	for i := range uint64(DeliveriesKept + 20) {
		var b storage.Batch
		if err := AddDelivery(&b, h.ID, &WebhookDelivery{Serial: i + 1, Message: fmt.Sprint(i + 1), Result: DeliveryFailed}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.store.Apply(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	p, want := Paging{Limit: 70}, uint64(DeliveriesKept+20)
	for {
		all, next, err := n.WebhookDeliveries(t.Context(), h.ID, n.a, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			if d.Serial != want {
				t.Fatalf("serial %d, want %d", d.Serial, want)
			}
			want--
		}
		if p.Cursor = next; next == "" {
			break
		}
	}
	if want != 20 {
		t.Errorf("the list ends before %d", want)
	}
	if _, _, err := n.WebhookDeliveries(t.Context(), h.ID, n.b, Paging{}); code(err) != CodeNotFound {
		t.Errorf("another enterprise reads: %v", err)
	}
	other := n.makeHook(t, n.a, WebhookForm{})
	if _, next, _ := n.WebhookDeliveries(t.Context(), h.ID, n.a, Paging{Limit: 1}); next == "" {
		t.Error("no cursor")
	} else if _, _, err := n.WebhookDeliveries(t.Context(), other.ID, n.a, Paging{Cursor: next}); code(err) != CodeInvalidCursor {
		t.Errorf("a cursor of another webhook: %v", err)
	}
}
