package registry

import (
	"bytes"
	"context"
	"crypto/dsa" //lint:ignore SA1019 the Handle protocol has DSA keys, which are refused here
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// typePublicKey is the type of values that hold a public key (RFC 3651, section 3.2.4).
const typePublicKey = "HS_PUBKEY"

// IdentityRequest asks for an application's identity (应用标识身份): an account that logs in by signing.
type IdentityRequest struct {
	Identity   string // "300:88.1021.150/APP_mes": a handle, and the index of its public key
	Enterprise string
	Role       Role
	Prefixes   []identifier.Key // limits; empty: those of the credential that asks
	Name       string
	PublicKey  []byte // PEM, or the data of an HS_PUBKEY; it is put at the index of the handle. nil: it stands there
}

// ParseIdentity reads INDEX:HANDLE.
func ParseIdentity(text string) (uint32, identifier.ID, bool) {
	index, name, ok := strings.Cut(text, ":")
	n, err := strconv.ParseUint(index, 10, 31)
	if !ok || err != nil || n == 0 || len(text) > maxAddress {
		return 0, identifier.ID{}, false
	}
	id, err := identifier.Handle.Parse(name)
	return uint32(n), id, err == nil && !id.IsPrefixRecord()
}

// CreateIdentity makes an application's identity. Who may make accounts of the enterprise may make it,
// and the handle must be in a namespace of the enterprise. A public key that is given is first
// registered under the handle, as who asks may do that too. Refusals: CodeForbidden,
// CodeInvalidAccount with all that is wrong, CodeNotYourNamespace, CodeAlreadyExists, and those of Create
// and Merge.
func (r *Registrar) CreateIdentity(ctx context.Context, q IdentityRequest, w Write) (*Account, error) {
	a := &Account{Username: q.Identity, Kind: ApplicationAccount, Enterprise: q.Enterprise, Roles: []Role{q.Role}, Name: q.Name, Scopes: w.Actor.Scopes}
	if len(q.Prefixes) == 0 {
		q.Prefixes = w.Actor.keyLimits()
	}
	for _, p := range q.Prefixes {
		a.Prefixes = append(a.Prefixes, qualified(p))
	}
	if refusal := w.Actor.managesAccount(a); refusal != nil {
		return nil, refusal
	}
	index, id, all, err := r.checkIdentityRequest(ctx, a, &q)
	if err != nil {
		return nil, AsError(err)
	}
	if refusal := refuseAll(CodeInvalidAccount, all); refusal != nil {
		return nil, refusal
	}
	a.Username = identityName(index, id)
	if refusal := r.checkPlace(ctx, a.Enterprise, id); refusal != nil {
		return nil, refusal
	}
	if w.IdempotencyKey == "" {
		// Before the key is registered: what is refused leaves nothing behind.
		if _, err := r.LoginAccount(ctx, a.Username); err == nil {
			return nil, refuse(CodeAlreadyExists, "/identity", "the identity %s exists", a.Username)
		}
	}
	if err := r.putPublicKey(ctx, index, id, q.PublicKey, w); err != nil {
		return nil, err
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "identity.create", q) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Account, error) {
		return r.addAccount(ctx, b, *a, w, now)
	})
}

func (r *Registrar) checkIdentityRequest(ctx context.Context, a *Account, q *IdentityRequest) (uint32, identifier.ID, []Violation, error) {
	all, err := r.checkAccount(ctx, a)
	if err != nil {
		return 0, identifier.ID{}, nil, err
	}
	for i, v := range all {
		if strings.HasPrefix(v.Field, "/roles") {
			all[i].Field = "/role"
		}
	}
	index, id, ok := ParseIdentity(q.Identity)
	if !ok {
		all = append(all, violation("/identity", "an index and a handle are expected, such as 300:88.1021.150/APP_mes"))
	}
	for i, k := range q.Prefixes {
		if ns := r.namespaces.Get(k); ns == nil || ns.Enterprise != q.Enterprise {
			all = append(all, violation(fmt.Sprintf("/prefixes/%d", i), "%s is not allocated to %s", k.Name, q.Enterprise))
		}
	}
	if len(q.PublicKey) > 0 {
		key, err := auth.ParsePublicKey(q.PublicKey)
		if _, old := key.(*dsa.PublicKey); err != nil || old {
			all = append(all, violation("/publicKey", "a public key for RSA, ECDSA, Ed25519 or SM2 is expected, in PEM"))
		}
	}
	return index, id, all, nil
}

// identityName is the name of the account of an identity.
func identityName(index uint32, id identifier.ID) string { return fmt.Sprintf("%d:%s", index, id) }

// checkPlace refuses an identity whose handle is not in an active namespace of its enterprise, or
// whose enterprise is not active.
func (r *Registrar) checkPlace(ctx context.Context, enterprise string, id identifier.ID) *Error {
	ns := r.namespaces.Find(id)
	switch {
	case ns == nil || ns.Enterprise != enterprise:
		return refuse(CodeNotYourNamespace, "/identity", "%s is not in a namespace of %s", id, enterprise)
	case ns.State != identifier.NamespaceActive:
		return refuse(CodeNamespaceSuspended, "/identity", "namespace %s is %s", ns.Prefix, ns.State)
	}
	return r.checkActive(ctx, enterprise, "/identity")
}

// putPublicKey registers a public key at an index of a handle; without a key one must stand there.
func (r *Registrar) putPublicKey(ctx context.Context, index uint32, id identifier.ID, key []byte, w Write) error {
	present, err := r.Get(ctx, id, Get{Actor: Actor{Enterprise: Self, Role: RoleOperator}})
	missing := code(err) == CodeNotFound
	if err != nil && !missing {
		return err
	}
	var at *identifier.Value
	if !missing {
		if i := slices.IndexFunc(present.Values, func(v identifier.Value) bool { return v.Index == index }); i >= 0 {
			at = &present.Values[i]
		}
	}
	if len(key) == 0 {
		if at == nil || !identifier.EqualFoldASCII(at.Type, typePublicKey) {
			return refuse(CodeInvalidAccount, "/publicKey", "%s has no public key at index %d: give one, or register it first", id, index)
		}
		return nil
	}
	if at != nil && !identifier.EqualFoldASCII(at.Type, typePublicKey) {
		return refuse(CodeInvalidAccount, "/identity", "%s has a value of type %s at index %d: choose another index", id, at.Type, index)
	}
	if at != nil && bytes.Equal(at.Data, key) {
		return nil
	}
	if refusal := w.Actor.RequireScope(ScopeIdentifiersWrite); refusal != nil {
		return refusal
	}
	data, err := keyData(key)
	if err != nil {
		return AsError(err)
	}
	value := identifier.Value{Index: index, Type: typePublicKey, Data: data, TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
	write := Write{Actor: w.Actor, Operation: w.Operation, Revive: true}
	if missing {
		_, err = r.Create(ctx, &identifier.Record{ID: id.String(), Values: []identifier.Value{value}}, write)
	} else {
		write.IfMatch = present.Version
		_, err = r.Merge(ctx, id, Patch{Values: []PatchValue{{Value: value, Fields: FieldType | FieldData}}}, write)
	}
	return err
}

// keyData is a public key as HS_PUBKEY values hold it: in the Handle form if its algorithm has one,
// else as it was given.
func keyData(key []byte) ([]byte, error) {
	parsed, err := auth.ParsePublicKey(key)
	if err != nil {
		return nil, err
	}
	if data, err := auth.AppendPublicKey(nil, parsed); err == nil {
		return data, nil
	}
	return key, nil
}

// code is the code of an error, "" for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}

// IdentityKey is what an application proves its identity with.
type IdentityKey struct {
	Handle string   // as it was registered
	Data   []byte   // of the HS_PUBKEY value
	Mark   [32]byte // SHA-256 of Data
}

// IdentityKey reads the public key of an application's account, as it stands in the record now.
// Refusals: CodeNotFound (the key is gone), CodeNotYourNamespace, CodeNamespaceSuspended,
// CodeEnterpriseSuspended.
func (r *Registrar) IdentityKey(ctx context.Context, a *Account) (*IdentityKey, error) {
	index, id, ok := ParseIdentity(a.Username)
	if !ok {
		return nil, AsError(fmt.Errorf("account %s is no identity", a.Username))
	}
	if refusal := r.checkPlace(ctx, a.Enterprise, id); refusal != nil {
		return nil, refusal
	}
	rec, err := r.Get(ctx, id, Get{Actor: Actor{Enterprise: Self, Role: RoleOperator}})
	if err != nil {
		return nil, err
	}
	for _, v := range rec.Values {
		if v.Index == index && identifier.EqualFoldASCII(v.Type, typePublicKey) {
			return &IdentityKey{Handle: id.String(), Data: v.Data, Mark: sha256.Sum256(v.Data)}, nil
		}
	}
	return nil, refuse(CodeNotFound, "identity", "%s has no public key at index %d", id, index)
}

// IdentityAccount returns the account of an application's identity. Error: storage.ErrNotFound.
func (r *Registrar) IdentityAccount(ctx context.Context, identity string) (*Account, error) {
	index, id, ok := ParseIdentity(identity)
	if !ok {
		return nil, fmt.Errorf("read identity: %w", storage.ErrNotFound)
	}
	a, err := r.LoginAccount(ctx, identityName(index, id))
	if err != nil {
		return nil, err
	}
	// Names of accounts are folded; handles of some namespaces are not.
	_, own, ok := ParseIdentity(a.Username)
	ns := r.namespaces.Find(id)
	if !ok || a.Kind != ApplicationAccount || ns == nil || own.Key(ns.CaseSensitive) != id.Key(ns.CaseSensitive) {
		return nil, fmt.Errorf("read identity %s: %w", identity, storage.ErrNotFound)
	}
	return a, nil
}

// DeleteIdentity deletes an application's identity and ends its tokens, at once. Its handle stays.
// Refusals as of DeleteAccount.
func (r *Registrar) DeleteIdentity(ctx context.Context, identity string, w Write) error {
	a, err := r.IdentityAccount(ctx, identity)
	if errors.Is(err, storage.ErrNotFound) {
		return refuse(CodeNotFound, "identity", "no identity %s", identity)
	}
	if err != nil {
		return AsError(err)
	}
	return r.DeleteAccount(ctx, a.Username, w)
}
