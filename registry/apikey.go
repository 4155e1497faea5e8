package registry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// keyPrefix begins every API key: "idn_<keyid>_<secret>".
const keyPrefix = "idn_"

// KeyRequest asks for an API key.
type KeyRequest struct {
	Enterprise string
	Role       Role
	Prefixes   []identifier.Key // limits; empty: all of the enterprise's
	Expires    time.Time        // zero: never
	IPs        []netip.Prefix   // where it may be used from; empty: anywhere
	Name       string           // what it is for, in words
	Scopes     []Scope          // limits; empty: those of the credential that asks
}

// Key is an API key as it is stored: without its secret.
type Key struct {
	ID         string
	Enterprise string
	Role       Role
	Prefixes   []identifier.Key
	IPs        []netip.Prefix
	Expires    time.Time // zero: never
	Created    time.Time
	Name       string
	Scopes     []Scope  // limits; empty: all that the role may do
	SecretHash [32]byte // SHA-256 of the secret, which has 192 random bits

	// After a rotation the secret before is good until PreviousUntil; zero: there is none.
	PreviousHash  [32]byte
	PreviousUntil time.Time

	LastUsed time.Time // some minutes old at worst; zero: never. Kept apart, see [Registrar.APIKey]
	Version  uint64    // the store's
}

// Accepts reports whether secret is one of the key's at the time now. It takes the same time
// whichever it is, and does not look at Expires.
func (k *Key) Accepts(secret string, now time.Time) bool {
	hash := sha256.Sum256([]byte(secret))
	current := subtle.ConstantTimeCompare(hash[:], k.SecretHash[:])
	previous := subtle.ConstantTimeCompare(hash[:], k.PreviousHash[:])
	return current == 1 || previous == 1 && now.Before(k.PreviousUntil)
}

// Ended reports whether the key has expired at the time now.
func (k *Key) Ended(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// storedKey is the JSON form of a Key in the store.
type storedKey struct {
	ID         string         `json:"id"`
	Enterprise string         `json:"enterprise"`
	Role       Role           `json:"role"`
	Prefixes   []string       `json:"prefixes,omitempty"` // "scheme:name"
	IPs        []netip.Prefix `json:"ips,omitempty"`
	Expires    time.Time      `json:"expires,omitzero"`
	Created    time.Time      `json:"created"`
	SecretHash []byte         `json:"secretHash"`

	Name          string    `json:"name,omitempty"`
	Scopes        []Scope   `json:"scopes,omitempty"`
	PreviousHash  []byte    `json:"previousHash,omitempty"`
	PreviousUntil time.Time `json:"previousUntil,omitzero"`
}

// SplitKey takes apart an API key in the form in which it was issued.
func SplitKey(bearer string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(bearer, keyPrefix)
	if !ok {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ok && id != "" && secret != ""
}

// IssueKey makes an API key and returns it with its secret form, which is shown this once. Operators
// issue every key; an enterprise's admin issues keys of the enterprise's roles within its own
// prefixes. Issuing is not idempotent: the secret is not kept, so it could not be shown again.
// What the asking credential is limited to, the new key is limited to as well. Refusals:
// CodeForbidden, CodeInvalidKey, CodeNotFound (the enterprise).
func (r *Registrar) IssueKey(ctx context.Context, q KeyRequest, w Write) (*Key, string, error) {
	if refusal := r.checkKeyRequest(ctx, &q, w.Actor); refusal != nil {
		return nil, "", refusal
	}
	now := r.now()
	secret := newSecret()
	k := &Key{
		ID: newID("k"), Enterprise: q.Enterprise, Role: q.Role, Prefixes: q.Prefixes, IPs: q.IPs,
		Expires: q.Expires.UTC().Truncate(time.Millisecond), Created: now, SecretHash: sha256.Sum256([]byte(secret)), Version: 1,
		Name: q.Name, Scopes: q.Scopes,
	}
	if q.Expires.IsZero() {
		k.Expires = time.Time{}
	}
	value, err := encodeKey(k)
	if err != nil {
		return nil, "", AsError(err)
	}
	var b storage.Batch
	key := storage.CredentialKey(k.ID)
	b.Put(key, value, 0)
	b.Log(storage.Change{Op: storage.OpCreate, Key: key, Version: 1})
	if err := r.audit(&b, now, w.Actor, AuditEntry{Op: "apikey.create", ID: k.ID, Version: 1}); err != nil {
		return nil, "", AsError(err)
	}
	if _, err := r.store.Apply(ctx, &b); err != nil {
		return nil, "", AsError(fmt.Errorf("issue key: %w", err))
	}
	r.log.Info("API key issued", "key", k.ID, "enterprise", k.Enterprise, "role", k.Role, "by", w.Actor.by())
	return k, keyPrefix + k.ID + "_" + secret, nil
}

func (r *Registrar) checkKeyRequest(ctx context.Context, q *KeyRequest, a Actor) *Error {
	if !q.Role.Valid() {
		return refuse(CodeInvalidKey, "/role", "a role is operator, reviewer, auditor, admin, writer or reader")
	}
	if q.Enterprise == "" {
		return refuse(CodeInvalidKey, "/enterprise", "an enterprise is required")
	}
	if !a.IsOperator() && (!a.Has(RoleAdmin) || a.Enterprise != q.Enterprise || q.Role.ofNode()) {
		return refuse(CodeForbidden, "", "role %s does not issue this key", a.Role)
	}
	if q.Role.ofNode() && q.Enterprise != Self {
		return refuse(CodeInvalidKey, "/enterprise", "keys of role %s belong to enterprise %s", q.Role, Self)
	}
	e, err := r.readEnterprise(ctx, q.Enterprise)
	if errors.Is(err, storage.ErrNotFound) {
		return refuse(CodeNotFound, "/enterprise", "no enterprise %s", q.Enterprise)
	}
	if err != nil {
		return AsError(err)
	}
	if !a.IsOperator() && e.State != EnterpriseActive {
		return refuse(CodeEnterpriseSuspended, "/enterprise", "enterprise %s is %s", e.ID, e.State)
	}
	if refusal := r.checkText(CodeInvalidKey, "/name", q.Name); refusal != nil {
		return refusal
	}
	var refusal *Error
	if q.Scopes, refusal = a.checkScopes(CodeInvalidKey, q.Scopes); refusal != nil {
		return refusal
	}
	if !q.Expires.IsZero() && !q.Expires.After(r.now()) {
		return refuse(CodeInvalidKey, "/expires", "the time has passed")
	}
	if len(q.Prefixes) == 0 {
		q.Prefixes = a.keyLimits()
	}
	for i, k := range q.Prefixes {
		ns := r.namespaces.Get(k)
		if ns == nil || ns.Enterprise != q.Enterprise {
			return refuse(CodeInvalidKey, fmt.Sprintf("/prefixes/%d", i), "%s is not allocated to %s", k.Name, q.Enterprise)
		}
		if !a.IsOperator() && !a.owns(ns) {
			return refuse(CodeForbidden, fmt.Sprintf("/prefixes/%d", i), "%s is not within your own prefixes", k.Name)
		}
	}
	return nil
}

// keyLimits are the limits that keys issued by a inherit.
func (a Actor) keyLimits() []identifier.Key {
	if a.IsOperator() {
		return nil
	}
	return a.Prefixes
}

// RevokeKey deletes an API key, at once. Operators delete every key, an enterprise's admin those of
// the enterprise. Refusals: CodeForbidden, CodeNotFound.
func (r *Registrar) RevokeKey(ctx context.Context, id string, w Write) error {
	if !w.Actor.Has(RoleOperator, RoleAdmin) {
		return refuse(CodeForbidden, "", "role %s does not delete keys", w.Actor.Role)
	}
	k, refusal := r.readKey(ctx, id, w.Actor.IsOperator(), w.Actor)
	if refusal != nil {
		return refusal
	}
	now := r.now()
	key := storage.CredentialKey(id)
	var b storage.Batch
	b.Delete(key, k.Version)
	b.Log(storage.Change{Op: storage.OpRevoke, Key: key, Version: k.Version + 1})
	if err := r.audit(&b, now, w.Actor, AuditEntry{Op: "apikey.delete", ID: id}); err != nil {
		return AsError(err)
	}
	if _, err := r.store.Apply(ctx, &b); err != nil {
		return AsError(fmt.Errorf("delete key %s: %w", id, err))
	}
	r.log.Info("API key deleted", "key", id, "enterprise", k.Enterprise, "by", w.Actor.by())
	return nil
}

// ListKeys returns a page of API keys, and the cursor of the next. Operators and auditors see all,
// an enterprise's admin those of the enterprise; enterprise, unless "", narrows the list.
func (r *Registrar) ListKeys(ctx context.Context, a Actor, enterprise string, p Paging) ([]*Key, string, error) {
	if !a.readsAll() && !a.Has(RoleAdmin) {
		return nil, "", refuse(CodeForbidden, "", "role %s does not list keys", a.Role)
	}
	keys, next, err := page(ctx, r, storage.TableRange(storage.TableCredential), p, func(_ []byte, item storage.Item) (*Key, error) {
		k, err := DecodeKey(item)
		if err != nil || enterprise != "" && k.Enterprise != enterprise || !a.readsAll() && k.Enterprise != a.Enterprise {
			return nil, err
		}
		return k, nil
	})
	if err != nil {
		return nil, "", err
	}
	if err := r.addLastUse(ctx, keys); err != nil {
		return nil, "", AsError(err)
	}
	return keys, next, nil
}

// APIKey returns an API key without its secret. Who may list it may read it. Refusals:
// CodeForbidden, CodeNotFound.
func (r *Registrar) APIKey(ctx context.Context, id string, a Actor) (*Key, error) {
	if !a.readsAll() && !a.Has(RoleAdmin) {
		return nil, refuse(CodeForbidden, "", "role %s does not list keys", a.Role)
	}
	k, refusal := r.readKey(ctx, id, a.readsAll(), a)
	if refusal != nil {
		return nil, refusal
	}
	if err := r.addLastUse(ctx, []*Key{k}); err != nil {
		return nil, AsError(err)
	}
	return k, nil
}

// readKey reads a key of a's enterprise, or any key.
func (r *Registrar) readKey(ctx context.Context, id string, any bool, a Actor) (*Key, *Error) {
	item, err := r.store.Get(ctx, storage.CredentialKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse(CodeNotFound, "id", "no API key %s", id)
	}
	if err != nil {
		return nil, AsError(err)
	}
	k, err := DecodeKey(item)
	if err != nil {
		return nil, AsError(err)
	}
	if !any && k.Enterprise != a.Enterprise {
		return nil, refuse(CodeNotFound, "id", "no API key %s", id)
	}
	return k, nil
}

// newSecret returns 192 random bits in 32 characters.
func newSecret() string {
	var b [24]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func encodeKey(k *Key) ([]byte, error) {
	s := storedKey{ID: k.ID, Enterprise: k.Enterprise, Role: k.Role, IPs: k.IPs, Expires: k.Expires, Created: k.Created,
		SecretHash: k.SecretHash[:], Name: k.Name, Scopes: k.Scopes}
	if !k.PreviousUntil.IsZero() {
		s.PreviousHash, s.PreviousUntil = k.PreviousHash[:], k.PreviousUntil
	}
	for _, p := range k.Prefixes {
		s.Prefixes = append(s.Prefixes, qualified(p))
	}
	return json.Marshal(&s)
}

// DecodeKey reads a stored API key.
func DecodeKey(item storage.Item) (*Key, error) {
	var s storedKey
	if err := json.Unmarshal(item.Value, &s); err != nil {
		return nil, fmt.Errorf("decode key: %w", err)
	}
	if len(s.SecretHash) != sha256.Size || len(s.PreviousHash) != 0 && len(s.PreviousHash) != sha256.Size {
		return nil, errors.New("decode key: hash is cut short")
	}
	k := &Key{
		ID: s.ID, Enterprise: s.Enterprise, Role: s.Role, IPs: s.IPs, Expires: s.Expires, Created: s.Created,
		SecretHash: [32]byte(s.SecretHash), Version: item.Version, Name: s.Name, Scopes: s.Scopes,
	}
	if len(s.PreviousHash) != 0 {
		k.PreviousHash, k.PreviousUntil = [32]byte(s.PreviousHash), s.PreviousUntil
	}
	for _, p := range s.Prefixes {
		scheme, name, _ := strings.Cut(p, ":")
		parsed, err := identifier.ParseScheme(scheme)
		if err != nil {
			return nil, fmt.Errorf("decode key: %w", err)
		}
		k.Prefixes = append(k.Prefixes, identifier.Key{Scheme: parsed, Name: name})
	}
	return k, nil
}

// EnsureOperatorKey sees to it that path holds an operator's API key, in one line with mode 0600.
// A file that is there is left alone while the store has a live operator key; without a file, or
// with one that is no use because the store has no operator key at all, a new key is issued: who
// can write the data directory runs the node.
func EnsureOperatorKey(ctx context.Context, r *Registrar, path string) error {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read operator key: %w", err)
	}
	if err == nil {
		live, any, err := r.operatorKey(ctx, strings.TrimSpace(string(text)))
		if err != nil {
			return fmt.Errorf("look for operator keys: %w", err)
		}
		if live {
			return nil
		}
		if any {
			r.log.Warn("the operator key in the file is not a live one; remove the file to have a new one issued", "file", path)
			return nil
		}
	}
	local := Actor{Enterprise: Self, Role: RoleOperator, KeyID: "start"}
	k, secret, err := r.IssueKey(ctx, KeyRequest{Enterprise: Self, Role: RoleOperator}, Write{Actor: local})
	if err != nil {
		return err
	}
	if err := writePrivate(path, secret+"\n"); err != nil {
		return errors.Join(fmt.Errorf("write operator key: %w", err), r.RevokeKey(ctx, k.ID, Write{Actor: local}))
	}
	return nil
}

// operatorKey reports whether bearer is a live operator key, and whether there is any.
func (r *Registrar) operatorKey(ctx context.Context, bearer string) (live, any bool, err error) {
	id, secret, _ := SplitKey(bearer)
	err = r.store.Scan(ctx, storage.TableRange(storage.TableCredential), func(_ []byte, item storage.Item) error {
		k, err := DecodeKey(item)
		if err != nil {
			return err
		}
		if k.Role != RoleOperator || k.Ended(r.now()) {
			return nil
		}
		any = true
		if k.ID == id && k.Accepts(secret, r.now()) {
			live = true
			return storage.Stop
		}
		return nil
	})
	return live, any, err
}

// writePrivate writes a file whole or not at all, readable by its owner only.
func writePrivate(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
