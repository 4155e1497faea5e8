package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// news is a change in the terms of subscriptions. Its zero value is of nobody.
type news struct {
	event      registry.WebhookEvent
	enterprise string
	ns         identifier.Key // where it is; zero for an enterprise
	record     identifier.Key // of identifier.*
	name       string         // of a template
	version    uint64
}

// classify says what a change is and whose. Nobody is told of changes of other kinds.
func (s *Sender) classify(ctx context.Context, c *storage.Change) (news, error) {
	n := news{version: c.Version}
	var ns *identifier.Namespace
	switch storage.TableOf(c.Key) {
	case storage.TableRecord:
		k, ok := storage.ParseRecordKey(c.Key)
		if !ok {
			return news{}, nil
		}
		n.record, n.event = k, eventOf(c.Op)
		ns = s.namespaceOf(k)
	case storage.TableNamespace:
		// The namespaces in memory may be a moment behind the log.
		item, err := s.o.Store.Get(ctx, c.Key)
		if errors.Is(err, storage.ErrNotFound) {
			return news{}, nil
		}
		if err == nil {
			ns, err = storage.DecodeNamespace(item)
		}
		if err != nil {
			return news{}, fmt.Errorf("read namespace: %w", err)
		}
		n.event = registry.EventPrefixChanged
	case storage.TableTemplate:
		k, name, revision, ok := storage.ParseTemplateKey(c.Key)
		if !ok || revision != 0 {
			return news{}, nil
		}
		n.name, n.event = name, registry.EventTemplateChanged
		ns = s.o.Namespaces.Get(k)
	case storage.TableEnterprise:
		n.enterprise, n.event = string(c.Key[1:]), registry.EventEnterpriseChanged
		return n, nil
	}
	if ns == nil {
		return news{}, nil
	}
	n.enterprise, n.ns = ns.Enterprise, ns.Key()
	return n, nil
}

// eventOf is the event of a change to a record.
func eventOf(op storage.Op) registry.WebhookEvent {
	switch op {
	case storage.OpCreate:
		return registry.EventIdentifierCreated
	case storage.OpRevoke, storage.OpEntomb:
		return registry.EventIdentifierRevoked
	case storage.OpRestore:
		return registry.EventIdentifierRestored
	}
	return registry.EventIdentifierUpdated
}

// namespaceOf is the namespace of a record, for that of a prefix the namespace itself. It is nil if
// the record is nobody's.
func (s *Sender) namespaceOf(k identifier.Key) *identifier.Namespace {
	id, err := k.Scheme.Parse(k.Name)
	if err != nil {
		return nil
	}
	if id.IsPrefixRecord() {
		return s.o.Namespaces.Get(identifier.Key{Scheme: k.Scheme, Name: identifier.FoldASCII(id.Suffix())})
	}
	return s.o.Namespaces.Find(id)
}

// filter is what a webhook asks for.
type filter struct {
	enterprise string
	hook       *registry.Webhook
	namespaces []identifier.Key
}

func newFilter(h *registry.Webhook) filter { return filter{h.Enterprise, h, h.NamespaceKeys()} }

// wants reports whether n is told.
func (f *filter) wants(n *news) bool {
	if n.enterprise == "" || n.enterprise != f.enterprise || !f.hook.Tells(n.event) {
		return false
	}
	if len(f.namespaces) == 0 {
		return true
	}
	return slices.ContainsFunc(f.namespaces, func(k identifier.Key) bool {
		return k.Scheme == n.ns.Scheme && k.Scheme.Contains(k.Name, n.ns.Name)
	})
}
