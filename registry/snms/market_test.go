package snms

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/auth"
	"github.com/idnode/idnode/registry/password"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

const secretWord = "correct horse 9"

// market is the surface on a registrar of its own, with an enterprise that holds the prefixes of the samples, and
// another that holds 88.1021.9.
type market struct {
	t     testing.TB
	h     http.Handler
	reg   *registry.Registrar
	store storage.Store
	now   time.Time
	token string // of an admin of the enterprise
}

var operator = registry.Write{Actor: registry.Actor{Enterprise: registry.Self, KeyID: "kop", Role: registry.RoleOperator}}

func newMarket(t testing.TB, engine storage.Store, wrap func(storage.Store) storage.Store) *market {
	t.Helper()
	t.Cleanup(func() { engine.Close() })
	m := &market{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	if wrap == nil {
		wrap = func(s storage.Store) storage.Store { return s }
	}
	m.store = wrap(storage.Observe(engine, func(c []storage.Change) {
		if err := namespaces.Observe(context.Background(), c); err != nil {
			t.Error(err)
		}
	}))
	secret, err := seal.New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	clock := func() time.Time { return m.now }
	var prefixes []identifier.Key
	for _, p := range []string{"88.1021", "88.101", "86.709"} {
		prefixes = append(prefixes, identifier.Key{Scheme: identifier.Handle, Name: p})
	}
	m.reg, err = registry.New(registry.Options{Store: m.store, Namespaces: namespaces, Logger: quiet, Clock: clock, Seal: secret, NodePrefixes: prefixes,
		Passwords: password.New(password.Options{Passes: 1, Memory: 64})})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.New(m.store, auth.Options{Registrar: m.reg, Secret: secret, DayHash: true, Logger: quiet, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	m.h = New(Options{Registrar: m.reg, Logins: verifier, Logger: quiet})
	m.tenant("maker", "88.1021.150", "88.101.5", "88.101.0042", "86.709.612")
	m.tenant("rival", "88.1021.9")
	m.token = m.login("maker")
	return m
}

// tenant makes an enterprise with prefixes and an account: of an admin, under the enterprise's name.
func (m *market) tenant(name string, prefixes ...string) {
	m.t.Helper()
	e, err := m.reg.CreateEnterprise(m.t.Context(), registry.Enterprise{Name: name}, operator)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, p := range prefixes {
		if _, err := m.reg.AllocatePrefix(m.t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: p, Enterprise: e.ID}, operator); err != nil {
			m.t.Fatal(err)
		}
	}
	for username, role := range map[string]registry.Role{name: registry.RoleAdmin, name + ".line": registry.RoleWriter, name + ".guest": registry.RoleReader} {
		if _, err := m.reg.CreateAccount(m.t.Context(), registry.AccountRequest{Username: username, Password: secretWord, Enterprise: e.ID, Roles: []registry.Role{role}}, operator); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m *market) login(username string) string {
	m.t.Helper()
	var a struct{ Data struct{ Token string } }
	out := m.do("", "POST /identity/token", fmt.Sprintf(`{"username":%q,"password":%q}`, username, secretWord))
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.Data.Token == "" {
		m.t.Fatalf("login of %s: %s", username, out)
	}
	return a.Data.Token
}

// do makes a call, "POST /identityv2/data", and gives the body of the answer. HTTP says 200.
func (m *market) do(token, call, body string) string {
	m.t.Helper()
	method, path, _ := strings.Cut(call, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	m.h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		m.t.Errorf("%s: %d %s", call, w.Code, w.Body)
	}
	return w.Body.String()
}

// must is do of the enterprise's admin, for what has to be done.
func (m *market) must(call, body string) {
	m.t.Helper()
	if out := m.do(m.token, call, body); !strings.HasPrefix(out, `{"message":"success","status":1,`) {
		m.t.Fatalf("%s %s: %s", call, body, out)
	}
}

// refused expects a status and a message, and that nothing is left behind.
func (m *market) refused(token, call, body string, status int, message string) {
	m.t.Helper()
	before := m.contents()
	want, _ := json.Marshal(message)
	out := m.do(token, call, body)
	if out != fmt.Sprintf(`{"message":%s,"status":%d,"data":null}`, want, status) {
		m.t.Errorf("%s %.300s:\n got %s\nwant %d %s", call, body, out, status, want)
	}
	if diff := cmp.Diff(before, m.contents()); diff != "" {
		m.t.Errorf("%s %.300s left something:\n%s", call, body, diff)
	}
}

// contents is everything in the store but what logins leave.
func (m *market) contents() map[string]string {
	m.t.Helper()
	all := make(map[string]string)
	account := storage.TableRange(storage.TableAccount)
	err := m.store.Scan(m.t.Context(), storage.Range{Start: []byte{0}, End: []byte{0xFF}}, func(key []byte, item storage.Item) error {
		if bytes.Compare(key, account.Start) < 0 || bytes.Compare(key, account.End) >= 0 {
			all[fmt.Sprintf("%q", key)] = fmt.Sprintf("%d %q", item.Version, item.Value)
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}

// template makes a template of 88.1021.150 with a required item "name" of at most 20 characters and an item
// "note".
func (m *market) template(version string) {
	m.t.Helper()
	m.must("POST /snms/api/v5/template", fmt.Sprintf(`{"prefix":"88.1021.150","version":%q,"industryCategory":"C","industrySpecific":"34","industryTrade":"345","industrySubclass":"3451","type":2,"items":[
		{"name":"名称","idType":"name","idIndex":2000,"required":true,"metadata":{"minLength":1,"maxLength":20}},
		{"name":"备注","idType":"note","idIndex":2001,"metadata":{"minLength":0,"maxLength":4000}}]}`, version))
}

// named is an identifier in a request.
func named(handle, version, name string) string {
	return fmt.Sprintf(`{"handle":%q,"templateVersion":%q,"value":[{"index":2000,"type":"name","auth":"","data":{"format":"string","value":%q}}]}`, handle, version, name)
}

// TestSamples has the samples of the documents, octet by octet: requests, answers and the order of members.
func TestSamples(t *testing.T) {
	for _, file := range []string{"template.json", "identifier.json"} {
		t.Run(file, func(t *testing.T) {
			m := newMarket(t, memstore.New(), nil)
			// The sample of a query shows nothing but the template's version: such a record comes from elsewhere.
			id := &identifier.Record{ID: "88.1021.150/002", Values: []identifier.Value{
				valueOf(1001, "TEMPLATE", "1.0"), valueOf(100, "HS_ADMIN", "\x00"), valueOf(300, "HS_PUBKEY", "\x00")}}
			if _, err := m.reg.Create(t.Context(), id, operator); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile("testdata/" + file)
			if err != nil {
				t.Fatal(err)
			}
			var exchanges []struct {
				Call         string
				Body, Answer json.RawMessage
			}
			if err := json.Unmarshal(text, &exchanges); err != nil {
				t.Fatal(err)
			}
			for i, x := range exchanges {
				var want bytes.Buffer
				if err := json.Compact(&want, x.Answer); err != nil {
					t.Fatal(err)
				}
				if got := m.do(m.token, x.Call, string(x.Body)); got != want.String() {
					t.Errorf("%d: %s\n got %s\nwant %s", i, x.Call, got, &want)
				}
			}
		})
	}
}
