package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/storage"
)

// compiled is a template made ready for records.
type compiled struct {
	*Template
	*template.Validator // nil: nothing is published
}

// templateSet is the templates that one batch has asked for: the registrar's gate is held while it
// lives, so none of them changes.
type templateSet map[templateName]*compiled

type templateName struct {
	ns   *identifier.Namespace
	name string
}

// templateFor returns the template of that name that records of id follow: that of the namespace of id,
// or of one around it of the same enterprise; nil if there is none. It reads the store unless known has
// it, so that on every node a write sees the newest template, and compiles what has changed. ns is the
// namespace of id; known may be nil.
func (r *Registrar) templateFor(ctx context.Context, id identifier.ID, ns *identifier.Namespace, name string, known templateSet) (*compiled, error) {
	if t, ok := known[templateName{ns, name}]; ok {
		return t, nil
	}
	t, err := r.findTemplate(ctx, id, ns, name)
	if err == nil && known != nil {
		known[templateName{ns, name}] = t
	}
	return t, err
}

func (r *Registrar) findTemplate(ctx context.Context, id identifier.ID, ns *identifier.Namespace, name string) (*compiled, error) {
	for prefix := range id.Namespaces() {
		around := r.namespaces.Get(identifier.Key{Scheme: id.Scheme(), Name: prefix})
		if around == nil || around.Enterprise != ns.Enterprise {
			continue
		}
		if t, err := r.compiledTemplate(ctx, around.Key(), name); t != nil || err != nil {
			return t, err
		}
	}
	return nil, nil
}

// compiledTemplate returns a template, nil if there is none.
func (r *Registrar) compiledTemplate(ctx context.Context, k identifier.Key, name string) (*compiled, error) {
	key := storage.TemplateKey(k, name)
	item, err := r.store.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read template %s: %w", name, err)
	}
	if known, ok := r.templates.Load(string(key)); ok && known.(*compiled).Version == item.Version {
		return known.(*compiled), nil
	}
	t, err := decodeTemplate(item)
	if err != nil {
		return nil, err
	}
	c := &compiled{Template: t}
	if t.Content != nil {
		if c.Validator, err = t.Content.Compile(); err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
	}
	r.templates.Store(string(key), c)
	return c, nil
}

// hasTemplates reports whether a namespace around id of the same enterprise has templates. Where there
// are none the template that a record names is only a word.
func (r *Registrar) hasTemplates(ctx context.Context, id identifier.ID, ns *identifier.Namespace) (bool, error) {
	found := false
	for prefix := range id.Namespaces() {
		around := r.namespaces.Get(identifier.Key{Scheme: id.Scheme(), Name: prefix})
		if around == nil || around.Enterprise != ns.Enterprise {
			continue
		}
		span := storage.PrefixRange(storage.TemplatesPrefix(around.Key()))
		span.Limit = 1
		err := r.store.Scan(ctx, span, func([]byte, storage.Item) error {
			found = true
			return storage.Stop
		})
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// RefuseProblems refuses for all problems of a template or of what should follow it; there is at least one.
func RefuseProblems(code string, problems []template.Problem) *Error {
	return refuseAll(code, violations(problems, ""))
}

// fill makes values of the fields that a create or replace brings, and gives all values the permissions
// that their template says.
func (r *Registrar) fill(ctx context.Context, q *request) *Error {
	if q.in.Template == "" {
		if q.fields != nil {
			return refuse(CodeTemplateMismatch, "/template", "fields are those of a template: name it")
		}
		return nil
	}
	if q.ns == nil {
		return nil
	}
	t, err := r.templateFor(ctx, q.id, q.ns, q.in.Template, q.templates)
	if err != nil {
		return AsError(err)
	}
	if t == nil || t.Validator == nil {
		if q.fields != nil {
			return refuse(CodeTemplateMismatch, "/template", "namespace %s has no published template %s", q.ns.Prefix, q.in.Template)
		}
		return nil // conform says what there is to say
	}
	in := *q.in
	in.Values = slices.Clone(in.Values)
	if q.fields != nil {
		values, problems := t.FromJSON(q.fields)
		if e := refuseAll(CodeTemplateMismatch, violations(problems, "")); e != nil {
			return e
		}
		in.Values = append(in.Values, values...)
	}
	t.Perms(in.Values)
	q.in, q.fields = &in, nil
	return nil
}

// fillPatch makes a patch of the fields that a merge brings, by the template that the record will follow.
// It does not modify q, whose record may be another the next time.
func (r *Registrar) fillPatch(ctx context.Context, q *request, cur *identifier.Record) (*request, *Error) {
	if q.kind != OpMerge || q.patch.Fields == nil || cur == nil {
		return q, nil
	}
	name := cur.Template
	if q.patch.Template != nil {
		name = *q.patch.Template
	}
	if name == "" {
		return nil, refuse(CodeTemplateMismatch, "/template", "fields are those of a template: name it")
	}
	var t *compiled
	if q.ns != nil {
		var err error
		if t, err = r.templateFor(ctx, q.id, q.ns, name, q.templates); err != nil {
			return nil, AsError(err)
		}
	}
	if t == nil || t.Validator == nil {
		return nil, refuse(CodeTemplateMismatch, "/template", "there is no published template %s", name)
	}
	values, problems := t.FromJSON(q.patch.Fields)
	if e := refuseAll(CodeTemplateMismatch, violations(problems, "")); e != nil {
		return nil, e
	}
	next := *q
	next.patch.Values = slices.Clone(q.patch.Values)
	for _, v := range values {
		next.patch.Values = append(next.patch.Values, PatchValue{Value: v, Fields: FieldType | FieldData})
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(q.patch.Fields, &members); err != nil {
		return nil, refuse(CodeTemplateMismatch, "/fields", "not a JSON object: %s", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if f := t.FieldByName(name); f != nil && string(members[name]) == "null" {
			next.patch.Values = append(next.patch.Values, PatchValue{Value: identifier.Value{Index: f.Index}, Delete: true})
		}
	}
	return &next, r.checkPatch(&next.patch)
}

// wholePatch lets a patch that is whole remove the values that it does not name of the fields of the
// templates that the record follows and will follow. Values of disabled fields stay: no client writes them
// any more. It does not modify q, whose record may be another the next time.
func (r *Registrar) wholePatch(ctx context.Context, q *request, cur *identifier.Record) (*request, *Error) {
	if q.kind != OpMerge || !q.patch.Whole || cur == nil || q.ns == nil {
		return q, nil
	}
	names := []string{cur.Template}
	if q.patch.Template != nil && *q.patch.Template != cur.Template {
		names = append(names, *q.patch.Template)
	}
	named := make(map[uint32]bool, len(q.patch.Values))
	for i := range q.patch.Values {
		named[q.patch.Values[i].Index] = true
	}
	next := *q
	next.patch.Values = slices.Clone(q.patch.Values)
	for _, name := range names {
		if name == "" {
			continue
		}
		t, err := r.templateFor(ctx, q.id, q.ns, name, q.templates)
		if err != nil {
			return nil, AsError(err)
		}
		if t == nil || t.Validator == nil {
			continue
		}
		for i := range cur.Values {
			index := cur.Values[i].Index
			if f := t.Field(index); f != nil && !f.Disabled && !named[index] {
				named[index] = true
				next.patch.Values = append(next.patch.Values, PatchValue{Value: identifier.Value{Index: index}, Delete: true})
			}
		}
	}
	return &next, nil
}

// Fields is what the template of a record says of it, as a JSON object by the names of fields; nil if it
// follows none. rec is as the asker may see it.
func (r *Registrar) Fields(ctx context.Context, id identifier.ID, rec *identifier.Record) ([]byte, error) {
	t, err := r.templateOf(ctx, id, rec)
	if err != nil {
		return nil, AsError(fmt.Errorf("fields of %s: %w", id, err))
	}
	if t == nil || t.Validator == nil {
		return nil, nil
	}
	return t.ToJSON(rec.Values), nil
}

// outcomeOf decides q on the stored state of its record: what it comes to, and whether that follows
// the record's template.
func (r *Registrar) outcomeOf(ctx context.Context, q *request, item storage.Item, now time.Time) (outcome, *Error) {
	cur, err := decodeItem(item)
	if err != nil {
		return outcome{}, AsError(fmt.Errorf("record %s: %w", q.id, err))
	}
	q, e := r.fillPatch(ctx, q, cur)
	if e == nil {
		q, e = r.wholePatch(ctx, q, cur)
	}
	if e != nil {
		return outcome{}, e
	}
	out, e := r.evaluate(q, cur, now)
	if e != nil && e.Code == CodeAlreadyExists {
		same, err := q.repeats.same(ctx, q, cur, now)
		if err != nil {
			return outcome{}, AsError(err)
		}
		if same {
			return outcome{record: cur, before: cur}, nil
		}
	}
	if e == nil {
		e = r.conform(ctx, q, &out)
	}
	return out, e
}

// conform holds the record that out makes to its template, tells out the templates by which it is
// indexed, and sets the permissions that the template says. Old records of a withdrawn template may
// change; what is revoked or restored is as it was.
func (r *Registrar) conform(ctx context.Context, q *request, out *outcome) *Error {
	if out.op == 0 || q.ns == nil {
		return nil
	}
	var err error
	if out.before != nil && out.before.Template != "" {
		if out.followed, err = r.templateFor(ctx, q.id, q.ns, out.before.Template, q.templates); err != nil {
			return AsError(err)
		}
	}
	next := out.record
	switch {
	case next.Template == "":
		return nil
	case out.before != nil && out.before.Template == next.Template:
		out.follows = out.followed
	default:
		if out.follows, err = r.templateFor(ctx, q.id, q.ns, next.Template, q.templates); err != nil {
			return AsError(err)
		}
	}
	if next.State == identifier.Revoked || q.kind == OpRestore {
		return nil
	}
	t := out.follows
	if t == nil {
		has, err := r.hasTemplates(ctx, q.id, q.ns)
		if err != nil {
			return AsError(err)
		}
		if has {
			return refuse(CodeTemplateMismatch, "/template", "namespace %s has no template %s", q.ns.Prefix, next.Template)
		}
		return nil
	}
	isNew := out.before == nil || out.before.State == identifier.Revoked || out.before.Template != next.Template
	if t.State == TemplateDraft || isNew && t.State != TemplatePublished {
		return refuse(CodeTemplateMismatch, "/template", "template %s is %s: records follow published templates", t.Name, t.State)
	}
	var before []identifier.Value
	if out.before != nil {
		before = out.before.Values
	}
	all := violations(t.Record(next.Values, before), "")
	more, err := r.checkTargets(ctx, q, t, next.Values)
	if err != nil {
		return AsError(err)
	}
	t.Perms(next.Values)
	return refuseAll(CodeTemplateMismatch, append(all, more...))
}

// checkTargets holds values that name something else to it: a reference whose field names a template to a
// registered identifier that follows it, unless it is not ours to know, and a file to one of the
// enterprise's of a type that the field takes.
func (r *Registrar) checkTargets(ctx context.Context, q *request, t *compiled, values []identifier.Value) ([]Violation, error) {
	var all []Violation
	for i := range values {
		f := t.Field(values[i].Index)
		if f == nil {
			continue
		}
		var wrong *Violation
		var err error
		switch {
		case f.Type == template.Reference && f.Template != "":
			wrong, err = r.checkTarget(ctx, f, string(values[i].Data))
		case f.Type == template.File:
			wrong, err = r.checkNamedFile(ctx, f, string(values[i].Data), q.ns.Enterprise)
		}
		if err != nil {
			return nil, err
		}
		if wrong != nil {
			wrong.Field = fmt.Sprintf("/values/%d/data", i)
			all = append(all, *wrong)
		}
	}
	return all, nil
}

func (r *Registrar) checkTarget(ctx context.Context, f *template.Field, text string) (*Violation, error) {
	id, err := identifier.Parse(text)
	if err != nil {
		return nil, nil // told already
	}
	ns := r.namespaces.Find(id)
	if ns == nil || ns.Mode != identifier.Hosted {
		return nil, nil
	}
	item, err := r.store.Get(ctx, storage.RecordKey(id.Key(ns.CaseSensitive)))
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("read %s: %w", id, err)
	}
	rec, err := decodeItem(item)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", id, err)
	}
	var wrong Violation
	switch {
	case rec == nil || rec.State != identifier.Active:
		wrong = violation("", "%s is not registered: register what a record refers to first", id)
	case rec.Template != f.Template:
		wrong = violation("", "%s does not follow template %s", id, f.Template)
	default:
		return nil, nil
	}
	return &wrong, nil
}

func (r *Registrar) checkNamedFile(ctx context.Context, f *template.Field, id, enterprise string) (*Violation, error) {
	file, err := r.readFile(ctx, id)
	var wrong Violation
	switch {
	case errors.Is(err, storage.ErrNotFound), err == nil && file.Enterprise != enterprise:
		wrong = violation("", "the enterprise has no file %s: upload it first", id)
	case err != nil:
		return nil, err
	case len(f.MediaTypes) > 0 && !slices.ContainsFunc(f.MediaTypes, func(m string) bool {
		return m == file.MediaType || path.Dir(m)+"/*" == m && path.Dir(file.MediaType) == path.Dir(m)
	}):
		wrong = violation("", "file %s is of type %s; field %s takes %s", id, file.MediaType, f.Name, strings.Join(f.MediaTypes, ", "))
	default:
		return nil, nil
	}
	return &wrong, nil
}
