package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/idnode/idnode/proto/identifier"
)

// Namespaces holds all namespaces in memory: some thousands, asked for with every lookup and every
// registration. It is loaded once and kept current by Observe.
type Namespaces struct {
	store Reader

	mu    sync.RWMutex
	byID  map[identifier.Key]*identifier.Namespace
	names map[identifier.Scheme][]string // of byID, in order
}

// LoadNamespaces reads all namespaces from r.
func LoadNamespaces(ctx context.Context, r Reader) (*Namespaces, error) {
	n := &Namespaces{store: r}
	return n, n.Reload(ctx)
}

// Reload reads all namespaces again.
func (n *Namespaces) Reload(ctx context.Context) error {
	n.mu.Lock() // as in reload: who reads later writes later
	defer n.mu.Unlock()
	byID := make(map[identifier.Key]*identifier.Namespace)
	names := make(map[identifier.Scheme][]string)
	err := n.store.Scan(ctx, TableRange(TableNamespace), func(key []byte, item Item) error {
		ns, err := DecodeNamespace(item)
		if err != nil {
			return fmt.Errorf("namespace key %x: %w", key, err)
		}
		byID[ns.Key()] = ns
		names[ns.Scheme] = append(names[ns.Scheme], ns.Prefix) // the scan is in their order
		return nil
	})
	if err != nil {
		return fmt.Errorf("load namespaces: %w", err)
	}
	n.byID, n.names = byID, names
	return nil
}

// DecodeNamespace reads a stored namespace.
func DecodeNamespace(item Item) (*identifier.Namespace, error) {
	ns := new(identifier.Namespace)
	if err := json.Unmarshal(item.Value, ns); err != nil {
		return nil, err
	}
	ns.Version = item.Version
	return ns, nil
}

// EncodeNamespace is the stored form of ns.
func EncodeNamespace(ns *identifier.Namespace) ([]byte, error) { return json.Marshal(ns) }

// Get returns the namespace k, or nil. The namespace is shared: callers must not modify it.
func (n *Namespaces) Get(k identifier.Key) *identifier.Namespace {
	n.mu.RLock()
	ns := n.byID[k]
	n.mu.RUnlock()
	return ns
}

// Find returns the longest allocated namespace that holds id, or nil. The namespace is shared:
// callers must not modify it.
func (n *Namespaces) Find(id identifier.ID) *identifier.Namespace {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for prefix := range id.Namespaces() {
		if ns := n.byID[identifier.Key{Scheme: id.Scheme(), Name: prefix}]; ns != nil {
			return ns
		}
	}
	return nil
}

// Begin reports whether the canonical name of an allocated namespace of scheme begins with beginning.
func (n *Namespaces) Begin(scheme identifier.Scheme, beginning string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	names := n.names[scheme]
	at, _ := slices.BinarySearch(names, beginning)
	return at < len(names) && strings.HasPrefix(names[at], beginning)
}

// Observe reads changed namespaces again. A failed read keeps what was known and is returned.
func (n *Namespaces) Observe(ctx context.Context, changes []Change) error {
	var first error
	for _, c := range changes {
		k, ok := ParseNamespaceKey(c.Key)
		if !ok {
			continue
		}
		if err := n.reload(ctx, k, c.Key); err != nil && first == nil {
			first = fmt.Errorf("reload namespace %s: %w", k.Name, err)
		}
	}
	return first
}

func (n *Namespaces) reload(ctx context.Context, k identifier.Key, key []byte) error {
	// The read stands inside the lock, so that of two reloads of one namespace the one that
	// read later also writes later.
	n.mu.Lock()
	defer n.mu.Unlock()
	item, err := n.store.Get(ctx, key)
	at, known := slices.BinarySearch(n.names[k.Scheme], k.Name)
	if errors.Is(err, ErrNotFound) {
		delete(n.byID, k)
		if known {
			n.names[k.Scheme] = slices.Delete(n.names[k.Scheme], at, at+1)
		}
		return nil
	}
	if err != nil {
		return err
	}
	ns, err := DecodeNamespace(item)
	if err != nil {
		return err
	}
	n.byID[k] = ns
	if !known {
		n.names[k.Scheme] = slices.Insert(n.names[k.Scheme], at, k.Name)
	}
	return nil
}
