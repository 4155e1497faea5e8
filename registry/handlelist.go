package registry

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// handlesRead is how many records ListHandles reads before it hands on what it found: what it reads
// from waits for no client.
const handlesRead = 1000

// ListHandles calls yield with the Handles registered under a prefix as they were spelled, tombstones
// left out, until yield returns an error, which is returned. What is written meanwhile may be among them or
// not. Refusals: CodeInvalidPrefix, CodeNotYourNamespace, CodeNamespaceSuspended, CodeDelegated.
func (r *Registrar) ListHandles(ctx context.Context, prefix string, yield func(handle string) error) error {
	name, err := identifier.Handle.ParseNamespace(prefix)
	if err != nil {
		return refuse(CodeInvalidPrefix, "prefix", "%s", err)
	}
	k := identifier.Key{Scheme: identifier.Handle, Name: name}
	ns := r.namespaces.Get(k)
	switch {
	case ns == nil && r.ownsPrefix(k):
		return nil // nobody was allocated it: it has none
	case ns == nil:
		return refuse(CodeNotYourNamespace, "prefix", "%s is not under a prefix of this node", k.Name)
	case ns.State != identifier.NamespaceActive:
		return refuse(CodeNamespaceSuspended, "prefix", "namespace %s is %s", ns.Prefix, ns.State)
	case ns.Mode == identifier.Delegated:
		return refuse(CodeDelegated, "prefix", "the records of %s are held by the enterprise's own node", ns.Prefix)
	}
	for _, span := range recordRanges(k) {
		for more := true; more; {
			var found []string
			found, more, err = r.readHandles(ctx, &span)
			if err != nil {
				return AsError(fmt.Errorf("list %s: %w", k.Name, err))
			}
			for _, handle := range found {
				if err := yield(handle); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// readHandles reads the next records of span, which it moves on. more: there may be others.
func (r *Registrar) readHandles(ctx context.Context, span *storage.Range) (found []string, more bool, err error) {
	span.Limit = handlesRead
	read := 0
	var rec identifier.Record
	err = r.store.Scan(ctx, *span, func(key []byte, item storage.Item) error {
		if err := identifier.DecodeRecordInto(item.Value, &rec); err != nil {
			return fmt.Errorf("key %x: %w", key, err)
		}
		if read++; read == handlesRead {
			span.Start = append(bytes.Clone(key), 0)
		}
		if rec.State == identifier.Active {
			found = append(found, strings.Clone(rec.ID)) // item is good during the call only
		}
		return nil
	})
	return found, read == handlesRead, err
}
