package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// PrefixDigest tells whether two nodes have the same records of a namespace.
type PrefixDigest struct {
	Scheme  identifier.Scheme `json:"scheme"`
	Prefix  string            `json:"prefix"`
	Records int               `json:"records"` // tombstones among them
	Revoked int               `json:"revoked"`
	// Content is the SHA-256 of the records' lines in the interchange form, each with a newline, in the
	// order of their canonical names, without version, created and updated.
	Content string `json:"content"`
	// SHA256 is the same of the lines with all members, as an archive has them.
	SHA256 string `json:"sha256"`
	// Seq is a place in the change log: what was changed up to it is counted.
	Seq    uint64 `json:"seq,string"`
	Frozen bool   `json:"frozen"` // nothing was being written
}

// maxDigests bounds the digests that are being made at a time: each reads all records of a prefix.
const maxDigests = 2

// PrefixDigest makes the digest of the namespace k, of one state of the store. For who reads its private
// values: an enterprise's admin, writers and readers, operators, auditors. It reads all records. Refusals:
// CodeNotFound, CodeNotYourNamespace, CodeTooManyRequests.
func (r *Registrar) PrefixDigest(ctx context.Context, k identifier.Key, a Actor) (*PrefixDigest, error) {
	ns, err := r.readNamespace(ctx, k)
	if err != nil {
		return nil, err
	}
	if !a.mayRead(ns) {
		return nil, refuse(CodeNotYourNamespace, "prefix", "namespace %s is not yours", ns.Prefix)
	}
	defer r.digesting.Add(-1)
	if r.digesting.Add(1) > maxDigests {
		e := refuse(CodeTooManyRequests, "", "%d digests are being made, as many as may be at a time", maxDigests)
		e.RetryAfter = exportRetry
		return nil, e
	}
	seq, err := r.store.Last(ctx)
	if err != nil {
		return nil, AsError(fmt.Errorf("digest of %s: %w", k.Name, err))
	}
	snap, err := r.store.Snapshot(ctx)
	if err != nil {
		return nil, AsError(fmt.Errorf("digest of %s: %w", k.Name, err))
	}
	defer snap.Close()
	d := &PrefixDigest{Scheme: k.Scheme, Prefix: k.Name, Seq: uint64(seq), Frozen: ns.Frozen != nil}
	whole, content := sha256.New(), sha256.New()
	var line []byte
	var rec identifier.Record
	for _, span := range recordRanges(k) {
		err := snap.Scan(ctx, span, func(key []byte, item storage.Item) error {
			name, ok := storage.ParseRecordKey(key)
			if !ok || !liesIn(r.namespaces, name, ns) {
				return nil
			}
			if err := identifier.DecodeRecordInto(item.Value, &rec); err != nil {
				return fmt.Errorf("record %s: %w", name.Name, err)
			}
			rec.Version = item.Version
			d.Records++
			if rec.State == identifier.Revoked {
				d.Revoked++
			}
			line = append(identifier.AppendRecordJSON(line[:0], &rec), '\n')
			whole.Write(line)
			bare := identifier.Record{Scheme: rec.Scheme, ID: rec.ID, State: rec.State, Template: rec.Template,
				Reason: rec.Reason, Successor: rec.Successor, Values: rec.Values}
			line = append(identifier.AppendRecordJSON(line[:0], &bare), '\n')
			content.Write(line)
			return nil
		})
		if err != nil {
			return nil, AsError(fmt.Errorf("digest of %s: %w", k.Name, err))
		}
	}
	d.SHA256, d.Content = hex.EncodeToString(whole.Sum(nil)), hex.EncodeToString(content.Sum(nil))
	return d, nil
}
