package snms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/idnode/idnode/registry"
)

const (
	maxUser     = 16 << 10 // octets of a call about a user
	maxUserName = 50       // characters (section 4.2)
	passwordHex = 64       // a password travels as its SHA-256 in hexadecimal
)

// users serves /identity/registry (section 4.2).
func (s *server) users() {
	s.handle("POST /identity/registry", registry.ScopeAccountsWrite, maxUser, s.registerUser)
}

// userForm is a user as /identity/registry and /ent/apply have it: the table calls the name username, the sample userName.
type userForm struct {
	Username     *text `json:"username"`
	UserName     *text `json:"userName"`
	Password     *text `json:"password"`
	Email        *text `json:"email"`
	Mobile       *text `json:"mobile"`
	OpenID       *text `json:"openId"`
	OpenUserName *text `json:"openUserName"`
	Remarks      *text `json:"remarks"`
}

// read checks f, whose members are told under at, and gives the account that it asks for.
func (f *userForm) read(at string, maxAddress int) (registry.AccountRequest, error) {
	q := registry.AccountRequest{}
	name := f.UserName
	if name == nil {
		name = f.Username
	}
	for _, m := range []struct {
		name string
		from *text
		most int
		to   *string
	}{
		{"userName", name, 4 * maxUserName, &q.Username}, {"password", f.Password, 255, &q.FormHash},
		{"email", f.Email, maxAddress, &q.Email}, {"mobile", f.Mobile, maxAddress, &q.Mobile},
	} {
		var err error
		if *m.to, err = bounded(at+m.name, m.from, m.most); err != nil {
			return q, err
		}
	}
	if _, err := hex.DecodeString(q.FormHash); err != nil || len(q.FormHash) != passwordHex {
		return q, refuse(at + "password 应为密码的 SHA-256 十六进制值")
	}
	if f.Remarks != nil {
		q.Name = string(*f.Remarks)
	}
	if q.Name == "" && f.OpenUserName != nil {
		q.Name = string(*f.OpenUserName)
	}
	return q, nil
}

// registerUser makes the account of somebody whose enterprise is to be applied for. The same again within 24 h is done, as long as the
// account is there.
func (s *server) registerUser(r *request) (any, error) {
	var f userForm
	if err := r.read(&f); err != nil {
		return nil, err
	}
	q, err := f.read("", 255)
	if err != nil {
		return nil, err
	}
	w := registry.Write{Actor: r.actor, Operation: "POST /identity/registry"}
	_, err = again(r.Context(), &w, q,
		func(ctx context.Context) (*registry.Account, error) { return s.Registrar.EnterApplicant(ctx, q, w) },
		func(ctx context.Context, a *registry.Account) (bool, error) {
			_, err := s.Registrar.Account(ctx, a.Username, r.actor)
			return err == nil, notFound(err)
		})
	return true, wordedForm(err)
}

// again makes a request whose repetition within 24 hours is the same request: its content stands for an idempotency key. Where what
// the first one made is gone, lives says, it is made anew.
func again[T any](ctx context.Context, w *registry.Write, content any, make func(context.Context) (*T, error), lives func(context.Context, *T) (bool, error)) (*T, error) {
	raw, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(raw, "\x00"+w.Actor.KeyID+"\x00"+w.Actor.Account...))
	w.IdempotencyKey = "snms-" + hex.EncodeToString(sum[:])
	made, err := make(ctx)
	if err != nil {
		return nil, err
	}
	ok, err := lives(ctx, made)
	if ok || err != nil {
		return made, err
	}
	w.IdempotencyKey = ""
	return make(ctx)
}

// notFound is err, but nil if it says that there is no such thing.
func notFound(err error) error {
	if err != nil && registry.AsError(err).Code == registry.CodeNotFound {
		return nil
	}
	return err
}
