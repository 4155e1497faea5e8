package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// creditCode is a valid unified social credit code with the serial n.
func creditCode(n int) string {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	code := fmt.Sprintf("91320505%09d", n)
	sum, weight := 0, 1
	for _, c := range code {
		sum += strings.IndexRune(alphabet, c) * weight
		weight = weight * 3 % 31
	}
	return code + string(alphabet[(31-sum%31)%31])
}

const fullForm = `{"name":"海北精密轴承有限公司","nameEn":"Haibei Bearings","creditCode":"91110108589104047H","nature":"2","industry":"3451","region":"320505",
 "address":"轴承路 1 号","website":"https://example.com","certificate":{"scan":"%[1]s"},"registeredCapital":500,"established":"2010-05-01","validUntil":"2040-05-01",
 "legal":{"name":"李","idType":"1","idNumber":"11010519491231002x","idFront":"%[1]s","idBack":"%[1]s"},
 "contact":{"name":"王","phone":"0512-66668888","email":"w@example.com","idType":"passport","idNumber":"E12345678"},
 "licences":[{"number":"B1-1","type":"4"}],
 "systems":[{"kind":"1","deployMode":"own","region":"320505","address":"x","endpoints":"[192.0.2.1]:80;[2001:db8::1]:80"},{"kind":"2","deployMode":"cloud","cloud":"c"},
  {"kind":"3","deployMode":"cloud","cloud":"c"},{"kind":"resolution","deployMode":"2","cloud":"c"}],
 "hosting":{"domains":"a.example.com;b.example.com","ips":"192.0.2.1"},"serves":["34","C35"]}`

func form(t *testing.T, text string) EnterpriseForm {
	t.Helper()
	var f EnterpriseForm
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

var applicant = Write{Actor: Actor{Addr: netip.MustParseAddr("192.0.2.7")}}

// apply enters an enterprise that applies by itself, and returns its admin.
func (n *node) apply(f EnterpriseForm, addr string) (*Enterprise, Actor) {
	n.t.Helper()
	e, key, err := n.Apply(n.t.Context(), EnterpriseApplication{Enterprise: f}, Write{Actor: Actor{Addr: netip.MustParseAddr(addr)}})
	if err != nil {
		n.t.Fatal(err)
	}
	id, _, _ := SplitKey(key)
	return e, Actor{Enterprise: e.ID, KeyID: id, Role: RoleAdmin}
}

// TestOnboarding: apply, upload, amend, return, submit, approve with a real-name check, change.
func TestOnboarding(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		reviewer := Actor{Enterprise: Self, KeyID: "krev", Role: RoleReviewer}
		e, admin := n.apply(form(t, `{"name":"海北"}`), "192.0.2.7")
		if e.State != EnterprisePending {
			t.Fatalf("applied: %+v", e)
		}
		if _, _, err := n.IssueKey(ctx, KeyRequest{Enterprise: e.ID, Role: RoleWriter}, Write{Actor: admin}); code(err) != CodeEnterpriseSuspended {
			t.Errorf("further key before approval: %v", err)
		}
		scan, err := n.AddFile(ctx, FileUpload{Name: "scan.pdf", Data: []byte("%PDF-1.4 %%EOF")}, Write{Actor: admin})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.AddFile(ctx, FileUpload{Name: "x.txt", Purpose: FileRecord, Data: []byte("x")}, Write{Actor: admin}); code(err) != CodeEnterpriseSuspended {
			t.Errorf("file of a record before approval: %v", err)
		}
		e, err = n.PatchEnterprise(ctx, e.ID, fmt.Appendf(nil, fullForm, scan.ID), Write{Actor: admin, IfMatch: 1})
		if err != nil {
			t.Fatal(err)
		}
		if e.Industry != "C3451" || e.Nature != "private" || e.City != "320500" || e.Legal.IDNumber != "11010519491231002X" || e.Systems[0].Endpoints[0] != "192.0.2.1:80" ||
			e.Licences[0].Type != "value_added_telecom" || e.Serves[0] != "C34" || e.Certificate.Type != "credit_code" || len(e.Hosting.Domains) != 2 {
			t.Errorf("normal form: %+v", e.Form())
		}
		if err := n.DeleteFile(ctx, scan.ID, Write{Actor: admin}); code(err) != CodeInvalidState {
			t.Errorf("deletion of a file that the form names: %v", err)
		}
		_, err = n.PatchEnterprise(ctx, e.ID, []byte(`{"nameEn":"x"}`), Write{Actor: admin, IfMatch: 1})
		if m, _ := errors.AsType[*Error](err); code(err) != CodeVersionMismatch || m.Current != 2 || m.Expected != 1 {
			t.Errorf("stale version: %+v", m)
		}
		if got, err := n.Enterprise(ctx, e.ID, Actor{Enterprise: e.ID, Role: RoleReader}); err != nil || got.Legal.IDNumber != "110*************2X" || got.Contact.IDNumber != "E12****78" || got.Missing != nil {
			t.Errorf("shown to a reader: %+v, %v", got.Legal, err)
		}
		if got, err := n.Enterprise(ctx, e.ID, reviewer); err != nil || got.Legal.IDNumber != "11010519491231002X" || !cmp.Equal(got.Missing, []string{"/verification/method"}) {
			t.Errorf("shown to a reviewer: %+v, %v", got.Missing, err)
		}
		step := func(a Actor, q EnterpriseStep, want EnterpriseState) *Enterprise {
			t.Helper()
			got, err := n.Step(ctx, e.ID, q, Write{Actor: a})
			if err != nil || got.State != want {
				t.Fatalf("%s: %+v, %v", q.Action, got, err)
			}
			return got
		}
		if _, err := n.Step(ctx, e.ID, EnterpriseStep{Action: ActionReturn}, Write{Actor: reviewer}); code(err) != CodeInvalidRequest {
			t.Errorf("return without a reason: %v", err)
		}
		step(reviewer, EnterpriseStep{Action: ActionReturn, Reason: "address"}, EnterpriseReturned)
		step(admin, EnterpriseStep{Action: ActionSubmit}, EnterprisePending)
		if _, err := n.Step(ctx, e.ID, EnterpriseStep{Action: ActionApprove}, Write{Actor: admin}); code(err) != CodeForbidden {
			t.Errorf("approval by the applicant: %v", err)
		}
		got := step(reviewer, EnterpriseStep{Action: ActionApprove, Verification: &Verification{Method: "document", By: "forged"}}, EnterpriseActive)
		if v := got.Verification; v.By != "krev" || v.Role != RoleReviewer || v.At.IsZero() || len(got.Missing) != 0 {
			t.Errorf("verification: %+v, missing %v", v, got.Missing)
		}

		// Active: the contact at once, the name only after a review.
		got, err = n.PatchEnterprise(ctx, e.ID, []byte(`{"name":"海北轴承","contact":{"phone":"0512-11112222"}}`), Write{Actor: admin})
		if err != nil || got.Name != "海北精密轴承有限公司" || got.Contact.Phone != "0512-11112222" || got.Contact.Name != "王" || string(got.Change.Patch) != `{"name":"海北轴承"}` {
			t.Fatalf("change by the admin: %+v, %v", got, err)
		}
		if _, err := n.PatchEnterprise(ctx, e.ID, []byte(`{"industry":"Z"}`), Write{Actor: admin}); code(err) != CodeInvalidEnterprise {
			t.Errorf("proposal that is wrong: %v", err)
		}
		got = step(reviewer, EnterpriseStep{Action: ActionReject, Reason: "no proof"}, EnterpriseActive)
		if got.Change != nil || got.ChangeReason != "no proof" || got.Name != "海北精密轴承有限公司" {
			t.Errorf("rejected change: %+v", got)
		}
		if _, err := n.PatchEnterprise(ctx, e.ID, []byte(`{"nameEn":null,"legal":{"idNumber":"11010519491231002X"}}`), Write{Actor: admin}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.PatchEnterprise(ctx, e.ID, []byte(`{"nature":"foreign"}`), Write{Actor: admin}); err != nil {
			t.Fatal(err)
		}
		if got := step(reviewer, EnterpriseStep{Action: ActionApprove, Verification: &Verification{Method: "letter"}}, EnterpriseActive); got.NameEn != "" || got.Verification.Method != "letter" || got.Verification.By != "krev" || got.Nature != "foreign" || got.Change != nil || got.ChangeReason != "" {
			t.Errorf("approved change: %+v", got)
		}
		if _, err := n.Step(ctx, e.ID, EnterpriseStep{Action: ActionApprove}, Write{Actor: reviewer}); code(err) != CodeInvalidState {
			t.Errorf("approval of nothing: %v", err)
		}
		if got, err := n.PatchEnterprise(ctx, e.ID, []byte(`{"name":"by an operator"}`), Write{Actor: n.op}); err != nil || got.Name != "by an operator" || got.Change != nil {
			t.Errorf("change by an operator: %+v, %v", got, err)
		}

		var ops []string
		entries, _, err := n.ListAudit(ctx, AuditQuery{}, admin)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range entries {
			ops = append(ops, a.Op)
			if text, _ := json.Marshal(a); strings.Contains(string(text), "11010519491231002X") || a.Enterprise != e.ID && a.Key != "" {
				t.Errorf("audit entry tells too much: %s", text)
			}
		}
		want := []string{"enterprise.apply", "file.create", "enterprise.update", "enterprise.return", "enterprise.submit", "enterprise.approve", "enterprise.propose",
			"enterprise.change.reject", "enterprise.propose", "enterprise.propose", "enterprise.change.approve", "enterprise.update"}
		slices.Sort(ops) // entries of one millisecond have no order
		slices.Sort(want)
		if diff := cmp.Diff(want, ops); diff != "" {
			t.Errorf("audit:\n%s", diff)
		}
		for _, a := range entries {
			if a.Op == "enterprise.approve" && (a.From != EnterprisePending || a.To != EnterpriseActive) {
				t.Errorf("approval in the audit: %+v", a)
			}
		}
	})
}

// TestFormMistakes: all that is wrong is told at once, and nothing is left behind.
func TestFormMistakes(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		before := n.contents()
		f := form(t, `{"name":"","creditCode":"1","nature":"9","industry":"A34","region":"320005","website":"ftp://x","established":"2010-02-30",
			"contact":{"phone":"x","email":"a b@c","idNumber":"1"},"legal":{"idType":"1","idNumber":"110105194912310021","idFront":"f0"},
			"licences":[{}],"systems":[{"kind":"1","deployMode":"own"},{"kind":"1","deployMode":"cloud"},{"kind":"2","deployMode":"cloud","cloud":"x","endpoints":["192.0.2.1:1"]}],
			"build":{"by":"2"},"hosting":{"ips":["x"],"domains":["x"]},"attachments":[{"kind":"x"}],"dataTrustee":{"name":"x"},"certificate":{"number":"2"}}`)
		var e Enterprise
		e.SetForm(f)
		_, err := n.CreateEnterprise(t.Context(), e, Write{Actor: n.op})
		refusal, ok := errors.AsType[*Error](err)
		if !ok || refusal.Code != CodeInvalidEnterprise {
			t.Fatal(err)
		}
		got := make(map[string]bool)
		for _, v := range refusal.Violations {
			got[v.Field] = true
			if v.In(Chinese) == v.Detail {
				t.Errorf("%s: %q has no Chinese", v.Field, v.Detail)
			}
		}
		for _, field := range []string{"/name", "/creditCode", "/nature", "/industry", "/region", "/website", "/established", "/contact/phone", "/contact/email",
			"/contact/idType", "/legal/idNumber", "/legal/idFront", "/licences/0/number", "/licences/0/type", "/systems/0/region", "/systems/0/address", "/systems/1/kind",
			"/systems/1/cloud", "/systems/2/endpoints", "/systems", "/build/name", "/hosting/ips/0", "/hosting/domains/0", "/attachments/0/file", "/dataTrustee", "/certificate/number"} {
			if !got[field] {
				t.Errorf("nothing is said of %s", field)
			}
			delete(got, field)
		}
		if len(got) > 0 {
			t.Errorf("and wrongly of %v", got)
		}
		if _, _, err := n.Apply(t.Context(), EnterpriseApplication{Enterprise: f, Prefix: &PrefixWish{Scheme: "isbn"}}, applicant); code(err) != CodeInvalidEnterprise {
			t.Errorf("application: %v", err)
		}
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("refusals left something behind:\n%s", diff)
		}
	})
}

// TestCreditCodeRace: of many that enter one credit code at once one has it; rejected, it is free again.
func TestCreditCodeRace(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		reviewer := Write{Actor: Actor{Enterprise: Self, Role: RoleReviewer}}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var winners []string
		for range 16 {
			wg.Go(func() {
				e, err := n.CreateEnterprise(ctx, Enterprise{Name: "x", CreditCode: creditCode(1)}, reviewer)
				if err == nil {
					mu.Lock()
					winners = append(winners, e.ID)
					mu.Unlock()
				} else if code(err) != CodeAlreadyExists {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(winners) != 1 {
			t.Fatalf("%d enterprises have one credit code", len(winners))
		}
		other, err := n.CreateEnterprise(ctx, Enterprise{Name: "y", CreditCode: creditCode(2)}, reviewer)
		if err != nil {
			t.Fatal(err)
		}
		take := fmt.Appendf(nil, `{"creditCode":%q}`, creditCode(1))
		if _, err := n.PatchEnterprise(ctx, other.ID, take, Write{Actor: n.op}); code(err) != CodeAlreadyExists {
			t.Errorf("another's credit code: %v", err)
		}
		if _, err := n.Transition(ctx, winners[0], ActionReject, "no", reviewer); err != nil {
			t.Fatal(err)
		}
		if _, err := n.PatchEnterprise(ctx, other.ID, take, Write{Actor: n.op}); err != nil {
			t.Errorf("credit code of a rejected one: %v", err)
		}
		if _, err := n.CreateEnterprise(ctx, Enterprise{Name: "z", CreditCode: creditCode(2)}, reviewer); err != nil {
			t.Errorf("credit code that was given up: %v", err)
		}
	})
}

func TestApplyLimit(t *testing.T) {
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	engine := memstore.New()
	n := newNodeWith(t, engine, engine, func() time.Time { return now })
	f := form(t, `{"name":"x"}`)
	for i := range 5 {
		n.apply(f, fmt.Sprintf("198.51.100.%d", i))
	}
	_, _, err := n.Apply(t.Context(), EnterpriseApplication{Enterprise: f}, Write{Actor: Actor{Addr: netip.MustParseAddr("198.51.100.99")}})
	if e, _ := errors.AsType[*Error](err); code(err) != CodeTooManyRequests || e.RetryAfter != time.Hour {
		t.Errorf("sixth from a network: %+v", e)
	}
	n.apply(f, "198.51.101.1")
	// What is refused does not count.
	for range 10 {
		if _, _, err := n.Apply(t.Context(), EnterpriseApplication{}, applicant); code(err) != CodeInvalidEnterprise {
			t.Errorf("without a name: %v", err)
		}
	}
	now = now.Add(time.Hour)
	n.apply(f, "198.51.100.99")
}

func TestRequireRealName(t *testing.T) {
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := New(Options{Store: store, Namespaces: namespaces, RequireRealName: true, CloseApplications: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	op := Write{Actor: Actor{Enterprise: Self, KeyID: "kop", Role: RoleOperator}}
	if _, _, err := reg.Apply(t.Context(), EnterpriseApplication{Enterprise: EnterpriseForm{Name: "x"}}, applicant); code(err) != CodeForbidden {
		t.Errorf("application while closed: %v", err)
	}
	e, err := reg.CreateEnterprise(t.Context(), Enterprise{Name: "x"}, op)
	if err != nil || e.State != EnterprisePending {
		t.Fatalf("entered without real-name data: %+v, %v", e, err)
	}
	_, err = reg.Step(t.Context(), e.ID, EnterpriseStep{Action: ActionApprove}, op)
	if refusal, _ := errors.AsType[*Error](err); code(err) != CodeIncomplete || len(refusal.Violations) != 10 {
		t.Errorf("approval: %v", refusal)
	}
	scan, err := reg.AddFile(t.Context(), FileUpload{Enterprise: e.ID, Name: "x.pdf", Data: []byte("%PDF-%%EOF")}, op)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reg.PatchEnterprise(t.Context(), e.ID, fmt.Appendf(nil, fullForm, scan.ID), op); err != nil {
		t.Fatal(err)
	}
	if e, err = reg.Step(t.Context(), e.ID, EnterpriseStep{Action: ActionApprove, Verification: &Verification{Method: "counter"}}, op); err != nil || e.State != EnterpriseActive {
		t.Errorf("approval of a whole form: %+v, %v", e, err)
	}
}

func TestListAudit(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		all := func(q AuditQuery, a Actor) (ids []string) {
			t.Helper()
			q.Limit = 2
			for {
				items, next, err := n.ListAudit(t.Context(), q, a)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range items {
					ids = append(ids, e.Op+" "+e.ID)
				}
				if next == "" {
					return ids
				}
				q.Cursor = next
			}
		}
		up, down := all(AuditQuery{}, n.op), all(AuditQuery{Descending: true}, n.op)
		if len(up) != 4 || len(down) != len(up) {
			t.Fatalf("%v, downwards %v", up, down)
		}
		for i := range up {
			if up[i] != down[len(down)-1-i] {
				t.Errorf("%d is %s, downwards %s", i, up[i], down[len(down)-1-i])
			}
		}
		if got := all(AuditQuery{Op: "prefix."}, n.op); len(got) != 2 {
			t.Errorf("by operation: %v", got)
		}
		if got := all(AuditQuery{ID: n.a.Enterprise}, n.op); !cmp.Equal(got, []string{"enterprise.create " + n.a.Enterprise}) {
			t.Errorf("by id: %v", got)
		}
		if got := all(AuditQuery{Since: time.Now().Add(time.Hour)}, n.op); got != nil {
			t.Errorf("of the future: %v", got)
		}
		if got := all(AuditQuery{}, Actor{Enterprise: n.b.Enterprise, Role: RoleAdmin}); !cmp.Equal(got, []string{"enterprise.create " + n.b.Enterprise}) {
			t.Errorf("for an admin: %v", got)
		}
		for _, a := range []Actor{n.a, {Enterprise: Self, Role: RoleReviewer}, {}} {
			if _, _, err := n.ListAudit(t.Context(), AuditQuery{}, a); code(err) != CodeForbidden {
				t.Errorf("for %q: %v", a.Role, err)
			}
		}
		if _, _, err := n.ListAudit(t.Context(), AuditQuery{Enterprise: n.b.Enterprise}, Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin}); code(err) != CodeForbidden {
			t.Errorf("of another: %v", err)
		}
	})
}

// TestFormRace: of many that amend one version exactly one wins, the others are told both versions.
func TestFormRace(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		e, admin := n.apply(form(t, `{"name":"x"}`), "192.0.2.7")
		var wg sync.WaitGroup
		var mu sync.Mutex
		var won []string
		for i := range 16 {
			wg.Go(func() {
				name := fmt.Sprintf("by %d", i)
				_, err := n.PatchEnterprise(t.Context(), e.ID, fmt.Appendf(nil, `{"nameEn":%q}`, name), Write{Actor: admin, IfMatch: 1})
				if m, _ := errors.AsType[*Error](err); err == nil {
					mu.Lock()
					won = append(won, name)
					mu.Unlock()
				} else if m == nil || m.Code != CodeVersionMismatch || m.Current != 2 || m.Expected != 1 {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, err := n.Enterprise(t.Context(), e.ID, n.op)
		if err != nil || len(won) != 1 || got.NameEn != won[0] || got.Version != 2 {
			t.Errorf("%v won, the name is %q at version %d, %v", won, got.NameEn, got.Version, err)
		}
	})
}
