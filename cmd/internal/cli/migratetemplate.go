package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
)

// templatePlan is the templates of a migration.
type templatePlan struct {
	list []*plannedTemplate
}

// plannedTemplate is a template that is migrated.
type plannedTemplate struct {
	*migrated
	content *template.Content
	// open is the content while records are stored: fields that are disabled still take what old records have in them.
	open      *template.Content
	validator *template.Validator // of a dry run, for records of a template that the node does not have
}

// planTemplates reads the templates from the files.
func (m *migration) planTemplates() error {
	in := m.open()
	defer in.close()
	for {
		p, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if p.template == nil {
			continue
		}
		m.rename(p)
		if err := m.plan(p); err != nil {
			return err
		}
	}
}

func (m *migration) plan(p *migrated) error {
	t := &plannedTemplate{migrated: p, content: p.template.Content}
	name := p.template.Prefix + " " + p.template.Name
	if problems := t.content.Check(); len(problems) > 0 {
		return m.wrongTemplate(failure{File: p.file, Line: p.line, ID: name, Status: "failed", Code: "invalid_template", why: &mismatch{problems}})
	}
	for _, other := range m.templates.list {
		if other.template.Prefix != p.template.Prefix || other.template.Name != p.template.Name {
			continue
		}
		a, _ := json.Marshal(other.content)
		b, _ := json.Marshal(t.content)
		if sameJSON(a, b) {
			return nil
		}
		return m.wrongTemplate(failure{File: p.file, Line: p.line, ID: name, Status: "failed", Code: "duplicate", why: failf("another template of this name stands at %s:%d", other.file, other.line)})
	}
	opened := *t.content
	opened.Fields = slices.Clone(opened.Fields)
	for i := range opened.Fields {
		if f := &opened.Fields[i]; f.Disabled {
			f.Disabled, f.Required = false, false
		}
	}
	t.open = &opened
	m.templates.list = append(m.templates.list, t)
	return nil
}

// pending is the template that rec follows if the node does not have it yet.
func (p *templatePlan) pending(rec *identifier.Record) *template.Validator {
	prefix, _, _ := strings.Cut(rec.ID, "/")
	for prefix != "" {
		for _, t := range p.list {
			if t.validator != nil && t.template.Name == rec.Template && identifier.EqualFoldASCII(t.template.Prefix, prefix) {
				return t.validator
			}
		}
		prefix = prefix[:max(strings.LastIndexByte(prefix, '.'), 0)]
	}
	return nil
}

// kept is a template as the node has it.
type kept struct {
	State   string          `json:"state"`
	Content json.RawMessage `json:"content"`
	Draft   json.RawMessage `json:"draft"`
}

// keptTemplate returns t as the node has it, nil if it has none.
func (m *migration) keptTemplate(ctx context.Context, t *plannedTemplate) (*kept, error) {
	var k kept
	_, err := m.callInto(ctx, request{method: http.MethodGet, path: templatesPath,
		query: url.Values{"scheme": {"handle"}, "prefix": {t.template.Prefix}, "name": {t.template.Name}}}, &k)
	if p, ok := errors.AsType[*problem](err); ok && p.Status == http.StatusNotFound {
		return nil, nil
	}
	return &k, err
}

// sameContent reports whether raw, of the node, says what c says.
func sameContent(raw json.RawMessage, c *template.Content) bool {
	var got template.Content
	if len(raw) == 0 || json.Unmarshal(raw, &got) != nil {
		return false
	}
	a, errA := json.Marshal(&got)
	b, errB := json.Marshal(c)
	return errA == nil && errB == nil && sameJSON(a, b)
}

// sendTemplates enters and publishes the templates.
func (m *migration) sendTemplates(ctx context.Context) error {
	var counts templateCounts
	for _, t := range m.templates.list {
		counts.Total++
		if err := m.ensurePrefix(ctx, identifier.FoldASCII(t.template.Prefix)); err != nil {
			return err
		}
		k, err := m.keptTemplate(ctx, t)
		if err != nil {
			return err
		}
		published := k != nil && k.State == "published"
		switch {
		case published && len(k.Draft) == 0 && sameContent(k.Content, t.content):
			counts.Same++
			continue
		case published && sameContent(k.Content, t.open): // of a run that was interrupted
			counts.Same++
			continue
		case k == nil, k.State == "draft" && len(k.Content) == 0 && (sameContent(k.Draft, t.open) || sameContent(k.Draft, t.content)):
			counts.New++
		default:
			counts.Different++
			switch m.mode {
			case "create":
				if err := m.wrongTemplate(t.refusal("already_exists", failf("the node has another template %s of %s", t.template.Name, t.template.Prefix))); err != nil {
					return err
				}
				continue
			case "skip-existing":
				continue
			}
		}
		if m.dryRun {
			if k == nil {
				if t.validator, err = t.open.Compile(); err != nil {
					return err
				}
			}
			continue
		}
		if err := m.publishTemplate(ctx, t, k, t.open); err != nil {
			return err
		}
	}
	if !m.counted {
		m.report.Templates = counts
	}
	return nil
}

func (t *plannedTemplate) refusal(code string, err error) failure {
	return failure{File: t.file, Line: t.line, ID: t.template.Prefix + " " + t.template.Name, Status: "failed", Code: code, why: err}
}

// publishTemplate makes content the published one of t. What the node refuses of it is wrong; other errors end the run.
func (m *migration) publishTemplate(ctx context.Context, t *plannedTemplate, k *kept, content *template.Content) error {
	body := map[string]any{"scheme": "handle", "prefix": t.template.Prefix, "name": t.template.Name, "content": content}
	method := http.MethodPost
	if k != nil {
		method = http.MethodPut
	}
	_, err := m.call(ctx, request{method: method, path: templatesPath, body: body})
	if err == nil {
		delete(body, "content")
		_, err = m.call(ctx, request{method: http.MethodPost, path: templatesPath + ":publish", body: body})
	}
	if p, ok := errors.AsType[*problem](err); ok && p.Status < 500 && p.Status != http.StatusUnauthorized {
		return m.wrongTemplate(t.refusal(p.Code, p))
	}
	return err
}

// wrongTemplate is wrong, unless an earlier run has noted it.
func (m *migration) wrongTemplate(f failure) error {
	if m.counted {
		return nil
	}
	return m.wrong(f)
}

// closeTemplates disables the fields that are disabled in the files, once the records are stored.
func (m *migration) closeTemplates(ctx context.Context) error {
	for _, t := range m.templates.list {
		if sameTemplates(t.open, t.content) {
			continue
		}
		k, err := m.keptTemplate(ctx, t)
		if err != nil {
			return err
		}
		if k == nil || !sameContent(k.Content, t.open) {
			continue // of another content, which was left alone
		}
		if err := m.publishTemplate(ctx, t, k, t.content); err != nil {
			return err
		}
	}
	return nil
}

func sameTemplates(a, b *template.Content) bool {
	raw, err := json.Marshal(a)
	return err == nil && sameContent(raw, b)
}

// verifyTemplate compares a template with that of the node.
func (m *migration) verifyTemplate(ctx context.Context, t *plannedTemplate) error {
	m.report.Templates.Total++
	k, err := m.keptTemplate(ctx, t)
	switch {
	case err != nil:
		return err
	case k == nil:
		m.report.Templates.New++
		return m.wrong(t.refusal("not_found", failf("the node does not have it")))
	case k.State != "published" || !sameContent(k.Content, t.content):
		m.report.Templates.Different++
		return m.wrong(t.refusal("different", failf("the node has another template %s of %s", t.template.Name, t.template.Prefix)))
	}
	m.report.Templates.Same++
	return nil
}
