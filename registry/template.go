package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/storage"
)

// Template is a data template (数据模板) of a namespace, known by its name: what SNMS calls the version
// of a template, the product model. Records name the template that they follow, and are held to its
// published revision when they are written.
type Template struct {
	Scheme    identifier.Scheme `json:"scheme"`
	Prefix    string            `json:"prefix"` // the namespace
	Name      string            `json:"name"`
	State     TemplateState     `json:"state"`
	Revision  uint32            `json:"revision,omitempty"` // of Content, from 1; 0: nothing is published yet
	Content   *template.Content `json:"content,omitempty"`  // as published
	Draft     *template.Content `json:"draft,omitempty"`    // what is to be the next revision
	Reason    string            `json:"reason,omitempty"`   // given with the last step
	Created   time.Time         `json:"created"`
	Updated   time.Time         `json:"updated"`
	Published time.Time         `json:"published,omitzero"` // the revision

	Version uint64 `json:"-"` // the store's
}

// Key is the namespace of the template.
func (t *Template) Key() identifier.Key { return identifier.Key{Scheme: t.Scheme, Name: t.Prefix} }

// TemplateState is where a template stands in its life.
type TemplateState string

const (
	TemplateDraft     TemplateState = "draft"     // not published yet: no record can follow it
	TemplatePublished TemplateState = "published" // records can follow it
	TemplateWithdrawn TemplateState = "withdrawn" // records that follow it stay and change, new ones are refused
)

const (
	ActionPublish Action = "publish" // a template's draft, or again a withdrawn template
)

// maxTemplateName is the longest name of a template in octets (SNMS, section 4.3: version).
const maxTemplateName = 128

// TemplateList asks for templates in the order of their namespaces and names.
type TemplateList struct {
	Actor  Actor
	Prefix identifier.Key // zero: all that the actor may see
	Paging
}

// CreateTemplate enters a template as a draft. Operators, and the admins of the enterprise that holds
// the namespace. Refusals: CodeForbidden, CodeNotYourNamespace, CodeNotFound (the namespace),
// CodeInvalidTemplate with everything that is wrong, CodeAlreadyExists.
func (r *Registrar) CreateTemplate(ctx context.Context, k identifier.Key, name string, c *template.Content, w Write) (*Template, error) {
	if e := r.checkEditor(ctx, k, w.Actor); e != nil {
		return nil, e
	}
	c, e := checkTemplate(name, c)
	if e != nil {
		return nil, e
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "template.create", []any{qualified(k), name, c}) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Template, error) {
		t, err := r.readTemplate(ctx, k, name)
		if err != nil {
			return nil, err
		}
		if t != nil {
			return nil, refuse(CodeAlreadyExists, "/name", "template %s of %s exists", name, k.Name)
		}
		t = &Template{Scheme: k.Scheme, Prefix: k.Name, Name: name, State: TemplateDraft, Draft: c, Created: now, Updated: now}
		return t, r.putTemplate(b, t, w.Actor, now, AuditEntry{Op: "template.create"})
	})
}

// EditTemplate replaces the draft of a template; of a published template it begins the next revision,
// and what is published stays in force. Refusals: as of CreateTemplate, and CodeVersionMismatch.
func (r *Registrar) EditTemplate(ctx context.Context, k identifier.Key, name string, c *template.Content, w Write) (*Template, error) {
	c, e := checkContent(c)
	if e != nil {
		return nil, e
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "template.update", []any{qualified(k), name, c}) }
	return r.changeTemplate(ctx, k, name, w, fingerprint, AuditEntry{Op: "template.update"}, func(_ *storage.Batch, t *Template, _ time.Time) error {
		t.Draft = c
		return nil
	})
}

// TemplateAction publishes or withdraws a template. A draft that stored records could not follow is not
// published: CodeIncompatible with all the reasons. Refusals: as of EditTemplate, and CodeInvalidState.
func (r *Registrar) TemplateAction(ctx context.Context, k identifier.Key, name string, action Action, reason string, w Write) (*Template, error) {
	if action != ActionPublish && action != ActionWithdraw {
		return nil, refuse(CodeInvalidRequest, "action", "unknown action %q", action)
	}
	if e := r.checkText(CodeInvalidRequest, "/reason", reason); e != nil {
		return nil, e
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "template."+string(action), []string{qualified(k), name, reason}) }
	t, err := r.changeTemplate(ctx, k, name, w, fingerprint, AuditEntry{Op: "template." + string(action), Reason: reason},
		func(b *storage.Batch, t *Template, now time.Time) error {
			t.Reason = reason
			if action == ActionPublish {
				return r.publish(ctx, b, t, now)
			}
			if t.State != TemplatePublished {
				return refuse(CodeInvalidState, "action", "template %s is %s: %s is not possible", name, t.State, action)
			}
			t.State = TemplateWithdrawn
			return nil
		})
	if err == nil {
		r.log.Info("template "+string(t.State), "template", name, "prefix", k.Name, "revision", t.Revision, "by", w.Actor.by(), "reason", reason)
	}
	return t, err
}

// publish makes the draft of t its next revision.
func (r *Registrar) publish(ctx context.Context, b *storage.Batch, t *Template, now time.Time) error {
	switch {
	case t.Draft == nil && t.State == TemplateWithdrawn:
		t.State = TemplatePublished
		return nil
	case t.Draft == nil:
		return refuse(CodeInvalidState, "action", "template %s has no draft to publish", t.Name)
	case t.Content != nil:
		used, err := r.inUse(ctx, t)
		if err != nil {
			return err
		}
		if used {
			if e := refuseAll(CodeIncompatible, violations(template.Compare(t.Content, t.Draft), "/draft")); e != nil {
				return e
			}
		}
		past, err := json.Marshal(t.Content)
		if err != nil {
			return fmt.Errorf("encode template %s: %w", t.Name, err)
		}
		b.Set(storage.TemplateRevisionKey(t.Key(), t.Name, t.Revision), past)
	}
	t.Content, t.Draft, t.State, t.Published = t.Draft, nil, TemplatePublished, now
	t.Revision++
	return nil
}

// inUse reports whether there are records that follow t, tombstones included.
func (r *Registrar) inUse(ctx context.Context, t *Template) (bool, error) {
	span := storage.PrefixRange(storage.IndexKey(storage.IndexField, fieldParts(t, 0), nil))
	span.Limit = 1
	used := false
	err := r.store.Scan(ctx, span, func([]byte, storage.Item) error {
		used = true
		return storage.Stop
	})
	return used, err
}

// DeleteTemplate removes a template that no record follows. Refusals: as of EditTemplate, and
// CodeInvalidState of a published one, CodeHasRecords.
func (r *Registrar) DeleteTemplate(ctx context.Context, k identifier.Key, name string, w Write) error {
	fingerprint := func(h hash.Hash) { hashJSON(h, "template.delete", []string{qualified(k), name}) }
	_, err := r.changeTemplate(ctx, k, name, w, fingerprint, AuditEntry{Op: "template.delete"}, func(b *storage.Batch, t *Template, _ time.Time) error {
		if t.State == TemplatePublished {
			return refuse(CodeInvalidState, "action", "template %s is published: withdraw it first", name)
		}
		used, err := r.inUse(ctx, t)
		if err == nil && used {
			err = refuse(CodeHasRecords, "name", "records follow template %s", name)
		}
		t.State = ""
		return err
	})
	return err
}

// changeTemplate applies change to a template; one that is left without a state is removed. What change
// refuses is not written. Writes of records wait: a template never changes under one.
func (r *Registrar) changeTemplate(ctx context.Context, k identifier.Key, name string, w Write, fingerprint func(hash.Hash), entry AuditEntry, change func(*storage.Batch, *Template, time.Time) error) (*Template, error) {
	if e := r.checkEditor(ctx, k, w.Actor); e != nil {
		return nil, e
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Template, error) {
		t, err := r.readTemplate(ctx, k, name)
		if err != nil {
			return nil, err
		}
		if t == nil {
			return nil, refuse(CodeNotFound, "name", "%s has no template %s", k.Name, name)
		}
		if w.IfMatch != 0 && w.IfMatch != t.Version {
			return nil, mismatch(t.Version, w.IfMatch)
		}
		if err := change(b, t, now); err != nil {
			return nil, err
		}
		t.Updated = now
		return t, r.putTemplate(b, t, w.Actor, now, entry)
	})
}

// checkEditor refuses who may not change templates of the namespace k.
func (r *Registrar) checkEditor(ctx context.Context, k identifier.Key, a Actor) *Error {
	ns, err := r.readNamespace(ctx, k)
	if err != nil {
		return AsError(err)
	}
	switch {
	case a.IsOperator():
	case !a.owns(ns):
		return refuse(CodeNotYourNamespace, "prefix", "namespace %s is not yours", ns.Prefix)
	case !a.Has(RoleAdmin):
		return refuse(CodeForbidden, "", "role %s does not change templates", a.Role)
	}
	if ns.State == identifier.NamespaceWithdrawn {
		return refuse(CodeNamespaceSuspended, "prefix", "namespace %s is %s", ns.Prefix, ns.State)
	}
	if e := checkFrozen(ns); e != nil {
		return e
	}
	if a.IsOperator() {
		return nil
	}
	return r.checkActive(ctx, ns.Enterprise, "prefix")
}

// checkTemplate holds a new template to its rules, and gives its content as it is kept.
func checkTemplate(name string, c *template.Content) (*template.Content, *Error) {
	if name == "" || strings.TrimSpace(name) != name || len(name) > maxTemplateName || !printable(name) {
		return nil, refuse(CodeInvalidTemplate, "/name", "a name of at most %d printable octets is required", maxTemplateName)
	}
	return checkContent(c)
}

// checkContent is c as it is kept, or all that is wrong with it.
func checkContent(c *template.Content) (*template.Content, *Error) {
	if c == nil {
		return nil, refuse(CodeInvalidTemplate, "/content", "the content of the template is required")
	}
	c.Normalise()
	return c, refuseAll(CodeInvalidTemplate, violations(c.Check(), "/content"))
}

// violations are problems of a template, whose paths are below at.
func violations(problems []template.Problem, at string) []Violation {
	out := make([]Violation, len(problems))
	for i, p := range problems {
		out[i] = violation(at+p.Path, p.Format, p.Args...)
	}
	return out
}

// CheckTemplate tells everything that is wrong with a content, and why it could not be published as the
// next revision of the template of that name, if there is one. Refusals: as of Template.
func (r *Registrar) CheckTemplate(ctx context.Context, k identifier.Key, name string, c *template.Content, a Actor) (wrong, incompatible []Violation, err error) {
	if e := r.checkReader(ctx, k, a); e != nil {
		return nil, nil, e
	}
	if c, e := checkContent(c); e != nil {
		if c == nil {
			return nil, nil, e
		}
		return e.Violations, nil, nil
	}
	t, err := r.readTemplate(ctx, k, name)
	if err != nil || t == nil || t.Content == nil {
		return nil, nil, err
	}
	return nil, violations(template.Compare(t.Content, c), "/content"), nil
}

// Template returns a template, with the content of a past revision if that is asked for. The enterprise
// that holds the namespace and the people of the node see it. Refusals: CodeNotFound,
// CodeNotYourNamespace.
func (r *Registrar) Template(ctx context.Context, k identifier.Key, name string, revision uint32, a Actor) (*Template, error) {
	if e := r.checkReader(ctx, k, a); e != nil {
		return nil, e
	}
	t, err := r.readTemplate(ctx, k, name)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, refuse(CodeNotFound, "name", "%s has no template %s", k.Name, name)
	}
	if revision == 0 || revision == t.Revision {
		return t, nil
	}
	item, err := r.store.Get(ctx, storage.TemplateRevisionKey(k, name, revision))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse(CodeNotFound, "revision", "template %s has no revision %d", name, revision)
	}
	if err != nil {
		return nil, AsError(fmt.Errorf("read template %s: %w", name, err))
	}
	t.Revision, t.Content, t.Draft, t.Published = revision, new(template.Content), nil, time.Time{}
	if err := json.Unmarshal(item.Value, t.Content); err != nil {
		return nil, AsError(fmt.Errorf("decode template %s: %w", name, err))
	}
	return t, nil
}

// checkReader refuses who may not see the templates of the namespace k.
func (r *Registrar) checkReader(ctx context.Context, k identifier.Key, a Actor) *Error {
	ns, err := r.readNamespace(ctx, k)
	if err != nil {
		return AsError(err)
	}
	if !a.ofNode() && !a.owns(ns) {
		return refuse(CodeNotYourNamespace, "prefix", "namespace %s is not yours", ns.Prefix)
	}
	return nil
}

// ListTemplates returns a page of templates, and the cursor of the next. People of the node see all,
// others their enterprise's.
func (r *Registrar) ListTemplates(ctx context.Context, l TemplateList) ([]*Template, string, error) {
	span := storage.TableRange(storage.TableTemplate)
	if l.Prefix.Name != "" {
		if e := r.checkReader(ctx, l.Prefix, l.Actor); e != nil {
			return nil, "", e
		}
		span = storage.PrefixRange(storage.TemplatesPrefix(l.Prefix))
	}
	return page(ctx, r, span, l.Paging, func(key []byte, item storage.Item) (*Template, error) {
		k, _, revision, ok := storage.ParseTemplateKey(key)
		if !ok {
			return nil, errors.New("key of a template is damaged")
		}
		if ns := r.namespaces.Get(k); revision != 0 || !l.Actor.ofNode() && (ns == nil || !l.Actor.owns(ns)) {
			return nil, nil
		}
		return decodeTemplate(item)
	})
}

// readTemplate returns a template, nil if there is none.
func (r *Registrar) readTemplate(ctx context.Context, k identifier.Key, name string) (*Template, error) {
	item, err := r.store.Get(ctx, storage.TemplateKey(k, name))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, AsError(fmt.Errorf("read template %s: %w", name, err))
	}
	return decodeTemplate(item)
}

func decodeTemplate(item storage.Item) (*Template, error) {
	t := &Template{Version: item.Version}
	if err := json.Unmarshal(item.Value, t); err != nil {
		return nil, fmt.Errorf("decode template: %w", err)
	}
	return t, nil
}

// putTemplate adds t to b in place of its present version, and moves it to the next; without a state it
// is removed.
func (r *Registrar) putTemplate(b *storage.Batch, t *Template, a Actor, now time.Time, entry AuditEntry) error {
	key := storage.TemplateKey(t.Key(), t.Name)
	op := storage.OpUpdate
	switch {
	case t.State == "":
		op = storage.OpRevoke
		b.Delete(key, t.Version)
		for revision := uint32(1); revision < t.Revision; revision++ {
			b.Delete(storage.TemplateRevisionKey(t.Key(), t.Name, revision), 0)
		}
	default:
		value, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("encode template %s: %w", t.Name, err)
		}
		if t.Version == 0 {
			op = storage.OpCreate
		}
		b.Put(key, value, t.Version)
	}
	t.Version++
	b.Log(storage.Change{Op: op, Key: key, Version: t.Version})
	entry.ID, entry.Last, entry.Version = qualified(t.Key()), t.Name, t.Version
	return r.audit(b, now, a, entry)
}
