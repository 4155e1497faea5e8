package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// AccountKind is what an account is of.
type AccountKind string

const (
	PersonAccount      AccountKind = "person"
	ApplicationAccount AccountKind = "application" // 应用标识身份: its name is a handle's public key, "300:88.1021.150/APP_mes"
)

// Account is whom a person or an application logs in as.
type Account struct {
	Username   string      `json:"username"` // as it was given; compared without case
	Kind       AccountKind `json:"kind"`
	Enterprise string      `json:"enterprise"`
	Roles      []Role      `json:"roles"` // the strongest first
	Name       string      `json:"name,omitempty"`
	Email      string      `json:"email,omitempty"`
	Mobile     string      `json:"mobile,omitempty"`
	OIDC       string      `json:"oidc,omitempty"`     // the subject, or user name, at the OpenID provider
	Prefixes   []string    `json:"prefixes,omitempty"` // what it is limited to, "scheme:name"; empty: all of the enterprise's
	Scopes     []Scope     `json:"scopes,omitempty"`   // what of its roles it is limited to; empty: all
	Disabled   bool        `json:"disabled,omitempty"`
	Created    time.Time   `json:"created"`
	Updated    time.Time   `json:"updated"`

	PasswordSet time.Time `json:"passwordSet,omitzero"` // zero: it has no password
	LockedUntil time.Time `json:"lockedUntil,omitzero"` // too many failed logins
	LastUsed    time.Time `json:"lastUsed,omitzero"`    // some minutes old at worst; kept apart

	Version uint64 `json:"-"` // the store's

	secret accountSecret
}

// accountSecret is what is stored of an account and never shown.
type accountSecret struct {
	Hash     string      `json:"hash,omitempty"`     // argon2id of the password's form, with its parameters
	Sealed   []byte      `json:"sealed,omitempty"`   // the form itself, sealed for this account
	Failures []time.Time `json:"failures,omitempty"` // failed logins of late, oldest first
	Epoch    int64       `json:"epoch"`              // tokens are of one; it grows with each end of all tokens
}

// storedAccount is the JSON form of an Account in the store.
type storedAccount struct {
	Account
	Secret accountSecret `json:"secret"`
}

// FoldUsername is the form in which user names are compared: ASCII letters in lower case.
func FoldUsername(name string) string { return identifier.FoldASCII(name) }

// PasswordHash is the argon2id hash of the password's form, "" if the account has no password.
func (a *Account) PasswordHash() string { return a.secret.Hash }

// SealedForm is the form of the password, sealed under SealContext, or nil.
func (a *Account) SealedForm() []byte { return a.secret.Sealed }

// SealContext is what the form of a's password is sealed for.
func (a *Account) SealContext() string { return "account/" + FoldUsername(a.Username) }

// Epoch is the epoch of the account's tokens: one of another epoch is no longer good.
func (a *Account) Epoch() int64 { return a.secret.Epoch }

// UseName is what the time of last use is kept under, see [LastUseKey]. No API key has such an id.
func (a *Account) UseName() string { return "account/" + FoldUsername(a.Username) }

// Locked reports whether logins are refused at the time now, and for how long.
func (a *Account) Locked(now time.Time) (time.Duration, bool) {
	d := a.LockedUntil.Sub(now)
	return d, d > 0
}

// limits are the namespaces that the account is limited to.
func (a *Account) limits() ([]identifier.Key, error) {
	var keys []identifier.Key
	for _, p := range a.Prefixes {
		scheme, name, _ := strings.Cut(p, ":")
		parsed, err := identifier.ParseScheme(scheme)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", a.Username, err)
		}
		keys = append(keys, identifier.Key{Scheme: parsed, Name: name})
	}
	return keys, nil
}

// Actor is who acts with the account.
func (a *Account) Actor() (Actor, error) {
	prefixes, err := a.limits()
	if err != nil {
		return Actor{}, err
	}
	if len(a.Roles) == 0 {
		return Actor{}, fmt.Errorf("account %s has no role", a.Username)
	}
	return Actor{Enterprise: a.Enterprise, Account: FoldUsername(a.Username), Role: a.Roles[0], Roles: a.Roles, Prefixes: prefixes, Scopes: a.Scopes}, nil
}

// endTokens makes all tokens of the account no longer good.
func (a *Account) endTokens(now time.Time) { a.secret.Epoch = max(now.UnixMilli(), a.secret.Epoch+1) }

func (a *Account) ofNode() bool { return slices.ContainsFunc(a.Roles, Role.ofNode) }

// sortRoles brings roles into the order of their strength, each once.
func sortRoles(roles []Role) []Role {
	out := slices.Clone(roles)
	slices.SortFunc(out, func(x, y Role) int { return cmp.Compare(slices.Index(strength, x), slices.Index(strength, y)) })
	return slices.Compact(out)
}

// LoginAccount returns the account of that user name for a login, whoever asks. Error:
// storage.ErrNotFound.
func (r *Registrar) LoginAccount(ctx context.Context, username string) (*Account, error) {
	return readAccount(ctx, r.store, FoldUsername(username))
}

// AccountByOIDC returns the account that stands for a subject or user name of the OpenID provider.
// Error: storage.ErrNotFound.
func (r *Registrar) AccountByOIDC(ctx context.Context, name string) (*Account, error) {
	item, err := r.store.Get(ctx, accountIndex(indexOIDC, name))
	if err != nil {
		return nil, fmt.Errorf("read account by OIDC name: %w", err)
	}
	return readAccount(ctx, r.store, string(item.Value))
}

// readAccount reads an account by its folded name. Error: storage.ErrNotFound.
func readAccount(ctx context.Context, s storage.Reader, folded string) (*Account, error) {
	if folded == "" {
		return nil, fmt.Errorf("read account: %w", storage.ErrNotFound)
	}
	item, err := s.Get(ctx, storage.AccountKey(folded))
	if err != nil {
		return nil, fmt.Errorf("read account %s: %w", folded, err)
	}
	return decodeAccount(item)
}

func decodeAccount(item storage.Item) (*Account, error) {
	var s storedAccount
	if err := json.Unmarshal(item.Value, &s); err != nil {
		return nil, fmt.Errorf("decode account: %w", err)
	}
	a := s.Account
	a.secret, a.Version = s.Secret, item.Version
	return &a, nil
}

// putAccount adds a to b in place of its present version, and moves it to the next.
func putAccount(b *storage.Batch, a *Account, op storage.Op) error {
	s := storedAccount{*a, a.secret}
	s.LastUsed = time.Time{}
	value, err := json.Marshal(&s)
	if err != nil {
		return fmt.Errorf("encode account: %w", err)
	}
	key := storage.AccountKey(FoldUsername(a.Username))
	b.Put(key, value, a.Version)
	a.Version++
	b.Log(storage.Change{Op: op, Key: key, Version: a.Version})
	return nil
}

// Account returns an account. Operators and auditors see all, an enterprise's admin those of the
// enterprise, everybody their own. Refusal: CodeNotFound.
func (r *Registrar) Account(ctx context.Context, username string, a Actor) (*Account, error) {
	found, err := r.LoginAccount(ctx, username)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !a.seesAccount(found) {
		return nil, refuse(CodeNotFound, "username", "no account %s", username)
	}
	if err == nil {
		err = r.addAccountUse(ctx, []*Account{found})
	}
	if err != nil {
		return nil, AsError(err)
	}
	return found, nil
}

// AccountList asks for accounts.
type AccountList struct {
	Actor      Actor
	Kind       AccountKind // "": all kinds
	Enterprise string      // "": all that the actor may see
	Paging
}

// ListAccounts returns a page of accounts in the order of their names, and the cursor of the next.
// Refusals: CodeForbidden, CodeInvalidCursor.
func (r *Registrar) ListAccounts(ctx context.Context, l AccountList) ([]*Account, string, error) {
	if !l.Actor.readsAll() && !l.Actor.Has(RoleAdmin) {
		return nil, "", refuse(CodeForbidden, "", "role %s does not list accounts", l.Actor.Role)
	}
	accounts, next, err := page(ctx, r, storage.TableRange(storage.TableAccount), l.Paging, func(_ []byte, item storage.Item) (*Account, error) {
		a, err := decodeAccount(item)
		if err != nil || l.Kind != "" && a.Kind != l.Kind || l.Enterprise != "" && a.Enterprise != l.Enterprise || !l.Actor.seesAccount(a) {
			return nil, err
		}
		return a, nil
	})
	if err == nil {
		if err := r.addAccountUse(ctx, accounts); err != nil {
			return nil, "", AsError(err)
		}
	}
	return accounts, next, err
}

func (a Actor) seesAccount(of *Account) bool {
	own := a.Account != "" && a.Account == FoldUsername(of.Username)
	return own || a.readsAll() || a.Has(RoleAdmin) && a.Enterprise == of.Enterprise
}

// managesAccount refuses who may not change an account, or make one such as it.
func (a Actor) managesAccount(of *Account) *Error {
	prefixes, err := of.limits()
	switch {
	case err != nil:
		return AsError(err)
	case !a.Has(RoleOperator, RoleAdmin):
		return refuse(CodeForbidden, "", "role %s does not manage accounts", a.Role)
	case !a.IsOperator() && (a.Enterprise != of.Enterprise || of.ofNode()):
		return refuse(CodeForbidden, "", "an admin manages accounts of the own enterprise with roles admin, writer and reader")
	case !a.coversScopes(of.Scopes) || !a.coversPrefixes(prefixes):
		return refuse(CodeForbidden, "", "the account reaches further than your own credential")
	}
	return nil
}

func (r *Registrar) addAccountUse(ctx context.Context, accounts []*Account) error {
	names := make([]string, len(accounts))
	for i, a := range accounts {
		names[i] = a.UseName()
	}
	times, err := r.lastUses(ctx, names)
	for i, t := range times {
		if !t.Before(accounts[i].Created) { // else it is of an account before of that name
			accounts[i].LastUsed = t
		}
	}
	return err
}
