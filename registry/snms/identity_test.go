package snms

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/auth"
	"github.com/idnode/idnode/storage/memstore"
)

// logins answers with what it is told to.
type logins struct{ err error }

func (l *logins) Login(_ context.Context, username, password string, addr netip.Addr) (auth.Token, error) {
	return auth.Token{Token: username + "/" + password + "/" + addr.String()}, l.err
}

func (l *logins) LoginDayHash(ctx context.Context, username, hash string, addr netip.Addr) (auth.Token, error) {
	return l.Login(ctx, username, "hash:"+hash, addr)
}

func (l *logins) Verify(context.Context, string, netip.Addr) (registry.Actor, error) {
	return registry.Actor{}, l.err
}

// TestToken has the answers of the two calls, octet by octet.
func TestToken(t *testing.T) {
	l := new(logins)
	h := New(Options{Registrar: newMarket(t, memstore.New(), nil).reg, Logins: l, Logger: slog.New(slog.DiscardHandler)})
	f := func(err error, method, path, body string, status int, want string) {
		t.Helper()
		l.err = err
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.RemoteAddr = "[::ffff:192.0.2.7]:5000"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != status || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %s %s: %d %s, want %d %s", method, path, body, w.Code, w.Body, status, want)
		}
	}
	const both = `{"username":"li","password":"x"}`
	f(nil, "POST", "/identity/token", both, 200, `{"message":"success","status":1,"data":{"token":"li/x/192.0.2.7"}}`)
	f(nil, "POST", "/identity/token", `{"userName":"li","password":"x","other":1}`, 200, `{"message":"success","status":1,"data":{"token":"li/x/192.0.2.7"}}`)
	f(nil, "POST", "/identity/token/v1", both, 200, `{"message":"success","status":1,"data":{"token":"li/hash:x/192.0.2.7"}}`)
	f(nil, "POST", "/identity/token", `{"password":"x"}`, 200, `{"message":"缺少必要的请求参数: username","status":-2,"data":null}`)
	f(nil, "POST", "/identity/token", `{`, 200, `{"message":"请求体不是合法的 JSON","status":-2,"data":null}`)
	f(nil, "POST", "/identity/token", `{"username":"`+strings.Repeat("x", maxLogin)+`"}`, 200, `{"message":"请求体不能超过 16384 字节","status":-2,"data":null}`)
	f(registry.Refuse(registry.CodeUnauthenticated, "", "wrong"), "POST", "/identity/token", both, 200, `{"message":"用户名/密码错误！","status":-2,"data":null}`)
	f(registry.Refuse(registry.CodeNotFound, "", "no enterprise %s", "e1"), "POST", "/identity/token", both, 200, `{"message":"没有企业 e1","status":-2,"data":null}`)
	f(errors.New("disk on fire"), "POST", "/identity/token", both, 200, `{"message":"系统繁忙","status":-4,"data":null}`)
	f(nil, "GET", "/identity/token", "", 405, `{"message":"请求方法不支持","status":-2,"data":null}`)
	f(nil, "POST", "/identity/unknown", both, 404, `{"message":"接口不存在","status":-2,"data":null}`)
}

// TestPanicked: a panic is answered, and told.
func TestPanicked(t *testing.T) {
	told := 0
	h := New(Options{Registrar: newMarket(t, memstore.New(), nil).reg, Logins: (*logins)(nil), Logger: slog.New(slog.DiscardHandler), Panicked: func() { told++ }})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/identity/token", strings.NewReader(`{"username":"li","password":"x"}`)))
	if told != 1 || w.Code != 200 || !strings.Contains(w.Body.String(), messageTrouble) {
		t.Errorf("told %d times, answered %d %s", told, w.Code, w.Body)
	}
}
