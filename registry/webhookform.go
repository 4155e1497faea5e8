package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry/egress"
)

// maxWebhookNamespaces bounds the namespaces that a webhook is limited to.
const maxWebhookNamespaces = 100

// parseNamespace reads "scheme:prefix", or a Handle prefix.
func parseNamespace(text string) (identifier.Key, error) {
	scheme, name := identifier.Handle, text
	if first, rest, ok := strings.Cut(text, ":"); ok {
		s, err := identifier.ParseScheme(first)
		if err != nil {
			return identifier.Key{}, err
		}
		scheme, name = s, rest
	}
	name, err := scheme.ParseNamespace(name)
	return identifier.Key{Scheme: scheme, Name: name}, err
}

// checkWebhookForm brings f into its normal shape and returns all that is wrong with what it has and old
// has not: what was right once must not stand in the way of other changes. A credential that is limited
// to namespaces makes webhooks that are.
func (r *Registrar) checkWebhookForm(f *WebhookForm, old WebhookForm, enterprise string, a Actor) []Violation {
	var all []Violation
	if f.URL != old.URL || f.URL == "" {
		if v := r.checkWebhookURL(f.URL); v != nil {
			all = append(all, *v)
		}
	}
	for i, e := range f.Events {
		field := fmt.Sprintf("/events/%d", i)
		switch {
		case !slices.Contains(WebhookEvents(), e):
			all = append(all, violation(field, "there is no event %q; there are %s", string(e), joinEvents(WebhookEvents())))
		case slices.Contains(f.Events[:i], e):
			all = append(all, violation(field, "%q is named twice", string(e)))
		}
	}
	if len(f.Namespaces) == 0 {
		for _, k := range a.keyLimits() {
			f.Namespaces = append(f.Namespaces, qualified(k))
		}
	}
	all = append(all, r.checkWebhookNamespaces(f, old.Namespaces, enterprise, a)...)
	if len(f.Namespaces) > 0 && slices.Contains(f.Events, EventEnterpriseChanged) {
		all = append(all, violation("/events", "%s is of no namespace: leave out one of events and namespaces", string(EventEnterpriseChanged)))
	}
	if e := r.checkText(CodeInvalidRequest, "/description", f.Description); e != nil {
		all = append(all, Violation{Field: e.Field, Detail: e.Detail, format: e.format, args: e.args})
	}
	switch f.State {
	case "":
		f.State = WebhookActive
	case WebhookActive, WebhookDisabled:
	default:
		all = append(all, violation("/state", "active or disabled is expected"))
	}
	return all
}

func (r *Registrar) checkWebhookURL(text string) *Violation {
	var v Violation
	switch err := r.webhooks.Egress.CheckURL(text); {
	case err == nil:
		return nil
	case errors.Is(err, egress.ErrPlain):
		v = violation("/url", "https is required: this node sends nothing over http")
	case errors.Is(err, egress.ErrPrivate):
		v = violation("/url", "the address is private, reserved or the node's own; operators can allow networks")
	default:
		v = violation("/url", "an address such as https://host/path is expected, without user name and #, of at most 2048 octets")
	}
	return &v
}

func (r *Registrar) checkWebhookNamespaces(f *WebhookForm, old []string, enterprise string, a Actor) []Violation {
	if len(f.Namespaces) > maxWebhookNamespaces {
		return []Violation{violation("/namespaces", "%d namespaces; at most %d", len(f.Namespaces), maxWebhookNamespaces)}
	}
	var all []Violation
	names := make([]string, 0, len(f.Namespaces))
	for i, text := range f.Namespaces {
		field := fmt.Sprintf("/namespaces/%d", i)
		k, err := parseNamespace(text)
		if err != nil {
			all = append(all, violation(field, "%q is no prefix, such as 88.101.5 or scheme:prefix", text))
			continue
		}
		ns := r.namespaces.Get(k)
		switch {
		case slices.Contains(old, qualified(k)):
		case ns == nil || ns.Enterprise != enterprise:
			all = append(all, violation(field, "%s is not allocated to %s", k.Name, enterprise))
		case !a.IsOperator() && !a.owns(ns):
			all = append(all, violation(field, "%s is not within your own prefixes", k.Name))
		}
		if name := qualified(k); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	f.Namespaces = names
	return all
}

func joinEvents(all []WebhookEvent) string {
	texts := make([]string, len(all))
	for i, e := range all {
		texts[i] = string(e)
	}
	return strings.Join(texts, ", ")
}
