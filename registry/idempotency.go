package registry

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// answer is what is kept under an idempotency key: the first answer, and what it answered.
type answer struct {
	fingerprint [32]byte // SHA-256 of the request
	created     bool
	version     uint64
	body        []byte // a record, or JSON for what is no record
}

// answerFormat is the first octet of a stored answer.
const answerFormat = 1

func appendAnswer(dst []byte, a *answer) []byte {
	dst = append(dst, answerFormat)
	dst = append(dst, a.fingerprint[:]...)
	var created byte
	if a.created {
		created = 1
	}
	dst = append(dst, created)
	dst = binary.BigEndian.AppendUint64(dst, a.version)
	return append(dst, a.body...)
}

func parseAnswer(src []byte) (*answer, error) {
	if len(src) < 42 || src[0] != answerFormat {
		return nil, errors.New("parse idempotency entry: unknown format")
	}
	return &answer{[32]byte(src[1:33]), src[33] == 1, binary.BigEndian.Uint64(src[34:42]), src[42:]}, nil
}

// claim is the hold of a running request on its idempotency key. The zero claim is of a request
// without a key: it holds nothing and finds nothing.
type claim struct {
	r           *Registrar
	scope       [32]byte
	fingerprint [32]byte
}

// claim takes the idempotency key of w for this request, until release.
func (r *Registrar) claim(w Write, fingerprint func(hash.Hash)) (claim, *Error) {
	if w.IdempotencyKey == "" {
		return claim{}, nil
	}
	if len(w.IdempotencyKey) > r.limits.IdempotencyKeyOctets || !printable(w.IdempotencyKey) {
		return claim{}, refuse(CodeInvalidRequest, "Idempotency-Key", "at most %d printable octets", r.limits.IdempotencyKeyOctets)
	}
	c := claim{r: r}
	h := sha256.New()
	for _, part := range []string{w.Actor.Enterprise, w.Operation, w.IdempotencyKey} {
		hashString(h, part)
	}
	h.Sum(c.scope[:0])
	h.Reset()
	hashUint(h, w.IfMatch)
	hashBool(h, w.IfNoneMatch)
	hashBool(h, w.KeepTimestamps)
	fingerprint(h)
	h.Sum(c.fingerprint[:0])

	r.mu.Lock()
	defer r.mu.Unlock()
	if _, busy := r.running[c.scope]; busy {
		return claim{}, refuse(CodeIdempotencyRunning, "Idempotency-Key", "the first request with this key has no answer yet")
	}
	r.running[c.scope] = struct{}{}
	return c, nil
}

func (c *claim) release() {
	if c.r == nil {
		return
	}
	c.r.mu.Lock()
	delete(c.r.running, c.scope)
	c.r.mu.Unlock()
}

// keys are where a first answer may stand: in the bucket of today or of yesterday.
func (c *claim) keys(now time.Time) [][]byte {
	if c.r == nil {
		return nil
	}
	return [][]byte{
		storage.IdempotencyKey(now, c.scope[:]),
		storage.IdempotencyKey(now.AddDate(0, 0, -1), c.scope[:]),
	}
}

// find returns the first answer among the items read for keys, or nil.
func (c *claim) find(items []storage.Item) (*answer, error) {
	for _, item := range items {
		if item.Value == nil {
			continue
		}
		a, err := parseAnswer(item.Value)
		if err != nil {
			return nil, err
		}
		if a.fingerprint != c.fingerprint {
			return nil, refuse(CodeIdempotencyMismatch, "Idempotency-Key", "the key was used for another request")
		}
		return a, nil
	}
	return nil, nil
}

// settle reads back whether a write whose commit the store could not confirm has been applied.
func (c *claim) settle(ctx context.Context, now time.Time) (*answer, error) {
	if c.r == nil {
		return nil, nil
	}
	items, err := c.r.store.MultiGet(ctx, c.keys(now))
	if err != nil {
		return nil, err
	}
	return c.find(items)
}

// keep adds the answer to the batch that it answers. It is put at version 0 rather than set: of two
// nodes that run one request at the same time, one is refused and then finds the other's answer.
func (c *claim) keep(b *storage.Batch, now time.Time, created bool, version uint64, body []byte) {
	if c.r == nil {
		return
	}
	a := answer{c.fingerprint, created, version, body}
	b.Put(storage.IdempotencyKey(now, c.scope[:]), appendAnswer(make([]byte, 0, 48+len(body)), &a), 0)
}

func hashUint(h hash.Hash, n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	h.Write(b[:])
}

func hashBool(h hash.Hash, v bool) {
	if v {
		h.Write([]byte{1})
	} else {
		h.Write([]byte{0})
	}
}

func hashString(h hash.Hash, s string) {
	hashUint(h, uint64(len(s)))
	h.Write([]byte(s))
}

// hash adds to h all that makes q another request.
func (q *request) hash(h hash.Hash) {
	hashString(h, string(q.kind))
	hashString(h, q.id.Qualified())
	hashString(h, q.id.String())
	hashUint(h, q.ifMatch)
	hashBool(h, q.ifNoneMatch)
	hashString(h, q.reason)
	hashString(h, q.successor)
	if q.in != nil {
		hashString(h, q.in.Template)
		hashUint(h, uint64(len(q.in.Values)))
		for i := range q.in.Values {
			hashValue(h, &q.in.Values[i])
		}
	}
	hashString(h, string(q.fields))
	hashString(h, string(q.patch.Fields))
	hashBool(h, q.patch.Template != nil)
	if q.patch.Template != nil {
		hashString(h, *q.patch.Template)
	}
	if q.patch.Whole {
		hashString(h, "whole")
	}
	hashUint(h, uint64(len(q.patch.Values)))
	for i := range q.patch.Values {
		p := &q.patch.Values[i]
		hashBool(h, p.Delete)
		hashUint(h, uint64(p.Fields))
		hashValue(h, &p.Value)
	}
}

func hashValue(h hash.Hash, v *identifier.Value) {
	hashUint(h, uint64(v.Index))
	hashString(h, v.Type)
	hashUint(h, uint64(len(v.Data)))
	h.Write(v.Data)
	hashUint(h, uint64(v.TTLType))
	hashUint(h, uint64(uint32(v.TTL)))
	hashUint(h, uint64(v.Perms))
	hashUint(h, uint64(v.Timestamp))
	hashUint(h, uint64(len(v.Refs)))
	for _, ref := range v.Refs {
		hashString(h, ref.Handle)
		hashUint(h, uint64(ref.Index))
	}
}
