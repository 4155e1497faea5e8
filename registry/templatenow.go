package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/storage"
)

// Handle is the identifier of t itself, which SNMS notes in records (snms-api.md, sections 4.3 and 5.1): the
// namespace, then "TEMPLATE_" and 32 hexadecimal digits, the beginning of the SHA-256 of the name. It is a
// name only: nothing is registered under it, and a template of the same name has it again.
func (t *Template) Handle() string {
	sum := sha256.Sum256([]byte(t.Name))
	return t.Prefix + "/TEMPLATE_" + hex.EncodeToString(sum[:16])
}

// AddTemplate enters a template and publishes it at once, for surfaces that have no drafts. With w.Again a
// template that the same credential entered so within 24 h, with this content and unchanged since, is given.
// Refusals: as of CreateTemplate.
func (r *Registrar) AddTemplate(ctx context.Context, k identifier.Key, name string, c *template.Content, w Write) (*Template, error) {
	if e := r.checkEditor(ctx, k, w.Actor); e != nil {
		return nil, e
	}
	c, e := checkTemplate(name, c)
	if e != nil {
		return nil, e
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	var present *Template
	fingerprint := func(h hash.Hash) { hashJSON(h, "template.add", []any{qualified(k), name, c}) }
	added, err := once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Template, error) {
		t, err := r.readTemplate(ctx, k, name)
		if err != nil {
			return nil, err
		}
		if t != nil {
			same, err := r.sameTemplate(ctx, t, c, w, now)
			if err != nil {
				return nil, err
			}
			if !same {
				return nil, refuse(CodeAlreadyExists, "/name", "template %s of %s exists", name, k.Name)
			}
			present = t
			return nil, errUnchanged
		}
		t = &Template{Scheme: k.Scheme, Prefix: k.Name, Name: name, State: TemplatePublished, Revision: 1, Content: c,
			Created: now, Updated: now, Published: now}
		return t, r.putTemplate(b, t, w.Actor, now, AuditEntry{Op: "template.create"})
	})
	if errors.Is(err, errUnchanged) {
		return present, nil
	}
	return added, err
}

// sameTemplate reports whether w, which adds a template of t's name with the content c, repeats what made t.
func (r *Registrar) sameTemplate(ctx context.Context, t *Template, c *template.Content, w Write, now time.Time) (bool, error) {
	if !w.Again || t.State != TemplatePublished || t.Revision != 1 || !t.Created.Equal(t.Updated) || now.Sub(t.Created) > againFor {
		return false, nil
	}
	same, err := sameTemplateContent(t.Content, c)
	if err != nil || !same {
		return false, err
	}
	mine := false
	err = r.auditAt(ctx, t.Created, func(e *AuditEntry) {
		mine = mine || e.Op == "template.create" && e.ID == qualified(t.Key()) && e.Last == t.Name && e.Version == t.Version && e.by(w.Actor)
	})
	return mine, err
}

func sameTemplateContent(a, b *template.Content) (bool, error) {
	first, err := json.Marshal(a)
	if err != nil {
		return false, fmt.Errorf("encode template: %w", err)
	}
	second, err := json.Marshal(b)
	return bytes.Equal(first, second), err
}

// ReviseTemplate makes c the next revision of a published template at once, for surfaces that have no
// drafts; a draft stays what it is. Content that is the published one changes nothing. Refusals: as of
// TemplateAction, and CodeInvalidState unless the template is published.
func (r *Registrar) ReviseTemplate(ctx context.Context, k identifier.Key, name string, c *template.Content, w Write) (*Template, error) {
	c, e := checkContent(c)
	if e != nil {
		return nil, e
	}
	var present *Template
	fingerprint := func(h hash.Hash) { hashJSON(h, "template.revise", []any{qualified(k), name, c}) }
	t, err := r.changeTemplate(ctx, k, name, w, fingerprint, AuditEntry{Op: "template." + string(ActionPublish)}, func(b *storage.Batch, t *Template, now time.Time) error {
		if t.State != TemplatePublished {
			return refuse(CodeInvalidState, "action", "template %s is %s: %s is not possible", name, t.State, ActionPublish)
		}
		same, err := sameTemplateContent(t.Content, c)
		if err != nil {
			return err
		}
		if same {
			present = t
			return errUnchanged
		}
		draft := t.Draft
		t.Draft = c
		if err := r.publish(ctx, b, t, now); err != nil {
			return err
		}
		t.Draft = draft
		return nil
	})
	if errors.Is(err, errUnchanged) {
		return present, nil
	}
	return t, err
}

// errUnchanged ends a change that has nothing to write.
var errUnchanged = errors.New("nothing changes")

// DropTemplate removes a template that no record follows, published or not. Refusals: as of EditTemplate,
// and CodeHasRecords.
func (r *Registrar) DropTemplate(ctx context.Context, k identifier.Key, name string, w Write) error {
	fingerprint := func(h hash.Hash) { hashJSON(h, "template.drop", []string{qualified(k), name}) }
	_, err := r.changeTemplate(ctx, k, name, w, fingerprint, AuditEntry{Op: "template.delete"}, func(_ *storage.Batch, t *Template, _ time.Time) error {
		used, err := r.inUse(ctx, t)
		if err == nil && used {
			err = refuse(CodeHasRecords, "name", "records follow template %s", name)
		}
		t.State = ""
		return err
	})
	return err
}

// TemplateFor returns the template of that name that a record of id follows, if a may write it: that of the
// namespace of id, or of one around it of the same enterprise. Callers must not modify it. Refusals: those
// of the authority over id, and CodeNotFound.
func (r *Registrar) TemplateFor(ctx context.Context, id identifier.ID, name string, a Actor) (*Template, error) {
	r.gate.RLock()
	defer r.gate.RUnlock()
	ns, refusal := r.authority(a).locate(ctx, id)
	if refusal != nil {
		return nil, refusal
	}
	t, err := r.templateFor(ctx, id, ns, name, nil)
	if err != nil {
		return nil, AsError(err)
	}
	if t == nil {
		return nil, refuse(CodeNotFound, "/template", "namespace %s has no template %s", ns.Prefix, name)
	}
	return t.Template, nil
}

// TemplateOf returns the template that rec, the record of id, follows, whoever asks; nil if it follows none that
// is there. Callers must not modify it.
func (r *Registrar) TemplateOf(ctx context.Context, id identifier.ID, rec *identifier.Record) (*Template, error) {
	t, err := r.templateOf(ctx, id, rec)
	if err != nil {
		return nil, AsError(fmt.Errorf("template of %s: %w", id, err))
	}
	if t == nil {
		return nil, nil
	}
	return t.Template, nil
}

// HolderOf returns the namespace that holds id, nil if no namespace of this node does. Callers must not modify it.
func (r *Registrar) HolderOf(id identifier.ID) *identifier.Namespace { return r.namespaces.Find(id) }
