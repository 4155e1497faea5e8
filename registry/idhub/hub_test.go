package idhub

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
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

// hub is the surface on a registrar of its own, with an enterprise that holds the prefix of the samples, and another
// that holds 88.608.9.
type hub struct {
	t     testing.TB
	h     http.Handler
	reg   *registry.Registrar
	store storage.Store
	now   time.Time
	keys  map[string]*rsa.PrivateKey // by identity, without an index
	token string                     // of App_ceshi, an admin of the enterprise
	rival string                     // of an admin of the other
	line  string                     // of a writer of the enterprise
}

const prefix = "88.608.8889"

var operator = registry.Write{Actor: registry.Actor{Enterprise: registry.Self, KeyID: "kop", Role: registry.RoleOperator}}

func newHub(t testing.TB) *hub {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	h := &hub{t: t, now: time.Date(2024, 4, 28, 3, 11, 27, 0, time.UTC), keys: map[string]*rsa.PrivateKey{}}
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	h.store = storage.Observe(engine, func(c []storage.Change) {
		if err := namespaces.Observe(context.Background(), c); err != nil {
			t.Error(err)
		}
	})
	secret, err := seal.New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	clock := func() time.Time { return h.now }
	h.reg, err = registry.New(registry.Options{Store: h.store, Namespaces: namespaces, Logger: quiet, Clock: clock, Seal: secret,
		NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.608"}}, Passwords: password.New(password.Options{Passes: 1, Memory: 64})})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.New(h.store, auth.Options{Registrar: h.reg, Secret: secret, Logger: quiet, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	h.h = New(Options{Registrar: h.reg, Logins: verifier, Logger: quiet})
	for i, e := range []struct{ name, prefix string }{{"北京能力有限公司", prefix}, {"rival", "88.608.9"}} {
		made, err := h.reg.CreateEnterprise(t.Context(), registry.Enterprise{Name: e.name}, operator)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.reg.AllocatePrefix(t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: e.prefix, Enterprise: made.ID}, operator); err != nil {
			t.Fatal(err)
		}
		h.identity(e.prefix+"/App_ceshi", made.ID, registry.RoleAdmin)
		if i == 0 {
			for _, p := range []string{"88.608.8899", "88.608.6688", "88.608.5288"} { // others of the samples
				if _, err := h.reg.AllocatePrefix(t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: p, Enterprise: made.ID}, operator); err != nil {
					t.Fatal(err)
				}
			}
			h.identity(e.prefix+"/App_line", made.ID, registry.RoleWriter)
		}
	}
	h.token, h.rival, h.line = h.login(prefix+"/App_ceshi"), h.login("88.608.9/App_ceshi"), h.login(prefix+"/App_line")
	return h
}

// identity makes an application identity with a key of its own.
func (h *hub) identity(handle, enterprise string, role registry.Role) {
	h.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		h.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = h.reg.CreateIdentity(h.t.Context(), registry.IdentityRequest{Identity: "300:" + handle, Enterprise: enterprise, Role: role, Name: "测试应用",
		PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}, operator)
	if err != nil {
		h.t.Fatal(err)
	}
	h.keys[handle] = key
}

// sign is the body of a response to a challenge.
func (h *hub) sign(handle, nonce string) string {
	h.t.Helper()
	digest := sha256.Sum256([]byte(nonce))
	sig, err := rsa.SignPKCS1v15(nil, h.keys[handle], crypto.SHA256, digest[:])
	if err != nil {
		h.t.Fatal(err)
	}
	return fmt.Sprintf(`{"handle":%q,"signature":%q}`, handle, base64.StdEncoding.EncodeToString(sig))
}

func (h *hub) login(handle string) string {
	h.t.Helper()
	var nonce struct{ Data string }
	var token struct{ Data struct{ Token string } }
	out := h.do("", "GET /api/v1/doip/public/challenge?handle="+handle, "")
	if err := json.Unmarshal([]byte(out), &nonce); err != nil {
		h.t.Fatal(out, err)
	}
	out = h.do("", "POST /api/v1/doip/public/verify-response", h.sign(handle, nonce.Data))
	if err := json.Unmarshal([]byte(out), &token); err != nil || token.Data.Token == "" {
		h.t.Fatal(out, err)
	}
	return token.Data.Token
}

// do makes a call and gives the body of the answer. HTTP says 200.
func (h *hub) do(token, call, body string) string {
	h.t.Helper()
	return h.send(token, call, "application/json", body)
}

func (h *hub) send(token, call, kind, body string) string {
	h.t.Helper()
	method, path, _ := strings.Cut(call, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		h.t.Errorf("%s: %d %s", call, w.Code, w.Body)
	}
	return w.Body.String()
}

// operate is the call of an operation.
func operate(op, target string) string {
	return "POST /api/v1/doip?targetId=" + url.QueryEscape(target) + "&operationId=" + op
}

func retrieve(target string) string {
	return "GET /api/v1/doip?targetId=" + url.QueryEscape(target) + "&operationId=" + opRetrieve
}

// must is do of the enterprise's admin, for what has to be done.
func (h *hub) must(call, body string) string {
	h.t.Helper()
	out := h.do(h.token, call, body)
	if !strings.HasPrefix(out, `{"code":1,`) && !strings.HasPrefix(out, `{"code":10000,`) {
		h.t.Fatalf("%s %s: %s", call, body, out)
	}
	return out
}

// refused expects a code and a message, and that nothing is left behind.
func (h *hub) refused(token, call, body string, code Code, message string) {
	h.t.Helper()
	before := h.contents()
	var got answer
	out := h.do(token, call, body)
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Code != code || got.Message != message || got.Data != nil {
		h.t.Errorf("%s %.300s:\n got %s\nwant %d %s", call, body, out, code, message)
	}
	h.unchanged(before, call, body)
}

// bound expects code 30000 and what is wrong, "name: message; …".
func (h *hub) bound(call, body, want string) {
	h.t.Helper()
	before := h.contents()
	var got struct {
		Code    Code
		Message string
		Data    struct{ Errors []bindError }
	}
	out := h.do(h.token, call, body)
	err := json.Unmarshal([]byte(out), &got)
	var all []string
	for _, e := range got.Data.Errors {
		all = append(all, e.Name+": "+e.ErrorMsg)
	}
	if said := strings.Join(all, "; "); err != nil || got.Code != CodeBind || got.Message != messageBind || said != want {
		h.t.Errorf("%s %.300s:\n got %s\nwant %s", call, body, out, want)
	}
	h.unchanged(before, call, body)
}

func (h *hub) unchanged(before map[string]string, call, body string) {
	h.t.Helper()
	if diff := cmp.Diff(before, h.contents()); diff != "" {
		h.t.Errorf("%s %.300s left something:\n%s", call, body, diff)
	}
}

// contents is everything in the store but what logins leave.
func (h *hub) contents() map[string]string {
	h.t.Helper()
	all := make(map[string]string)
	account := storage.TableRange(storage.TableAccount)
	err := h.store.Scan(h.t.Context(), storage.Range{Start: []byte{0}, End: []byte{0xFF}}, func(key []byte, item storage.Item) error {
		if bytes.Compare(key, account.Start) < 0 || bytes.Compare(key, account.End) >= 0 {
			all[fmt.Sprintf("%q", key)] = fmt.Sprintf("%d %q", item.Version, item.Value)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// pump makes metadata META_pump, published: name, required, of at most 20 characters, weight, made with a time, and
// paper, a file.
func (h *hub) pump() {
	h.t.Helper()
	h.must("POST /api/v1/open/meta/create", pumpForm)
	h.must("PUT /api/v1/open/meta/publish-or-withdraw", `{"metaHandleList":["88.608.8889/META_pump"],"opType":"publish"}`)
}

const pumpForm = `{"classifyCode":"sp","metaHandle":"88.608.8889/META_pump","metaName":"泵","metaCode":"pump","industryCategory":"C","industrySpecific":"34","industryTrade":"344","industrySubclass":"3441",
	"metaItemCreateDTOS":[
	{"itemCode":"1","englishName":"name","chineseName":"名称","required":1,"itemSchemaCreateDTO":{"dataType":1,"minLength":1,"maxLength":20}},
	{"itemCode":"2","englishName":"weight","chineseName":"重量","itemSchemaCreateDTO":{"dataType":2,"accuracy":2,"numberRange":"[0,100]"}},
	{"itemCode":"3","englishName":"made","chineseName":"生产时间","itemSchemaCreateDTO":{"dataType":3,"dateFormat":"YYYY-MM-DD HH:mm:ss"}},
	{"itemCode":"4","englishName":"paper","chineseName":"合格证","itemSchemaCreateDTO":{"dataType":4,"fileType":"4","maxFileCount":1}}]}`

// content is a record in a request.
func content(members string) string {
	return `{"type":"88.608.8889/META_pump","attributes":{"content":{` + members + `}}}`
}

// TestSamples has the samples of the documents: requests, answers and the order of members. What a sample leaves
// open, such as a nonce, is "*".
func TestSamples(t *testing.T) {
	for _, file := range []string{"challenge.json", "meta.json", "handle.json", "grant.json"} {
		t.Run(file, func(t *testing.T) {
			h := newHub(t)
			text, err := os.ReadFile("testdata/" + file)
			if err != nil {
				t.Fatal(err)
			}
			var exchanges []struct {
				Call, As     string
				After        int // seconds since the exchange before
				Body, Answer json.RawMessage
			}
			if err := json.Unmarshal(text, &exchanges); err != nil {
				t.Fatal(err)
			}
			for i, x := range exchanges {
				h.now = h.now.Add(time.Duration(x.After) * time.Second)
				token := map[string]string{"": h.token, "nobody": "", "rival": h.rival, "stranger": "x.y.z"}[x.As]
				method, path, _ := strings.Cut(x.Call, " ")
				var want bytes.Buffer
				if err := json.Compact(&want, x.Answer); err != nil {
					t.Fatal(err)
				}
				if got := h.do(token, method+" "+strings.ReplaceAll(path, " ", "%20"), string(x.Body)); !matches(got, want.String()) {
					t.Errorf("%d: %s\n got %s\nwant %s", i, x.Call, got, &want)
				}
			}
		})
	}
}

// matches compares with a text in which "*" stands for any string.
func matches(got, want string) bool {
	parts := strings.Split(want, `"*"`)
	for i, part := range parts {
		rest, ok := strings.CutPrefix(got, part)
		if !ok {
			return false
		}
		if got = rest; i < len(parts)-1 {
			end := strings.IndexByte(got[min(1, len(got)):], '"')
			if end < 0 || got[0] != '"' {
				return false
			}
			got = got[end+2:]
		}
	}
	return got == ""
}
