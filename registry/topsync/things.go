package topsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// thing tells how what m names is now.
func (k *keeper) thing(ctx context.Context, m mark) (thing, error) {
	switch m.table {
	case "T1", "T6":
		return k.s.subject(ctx, m)
	case "T2":
		return k.ownRoute(m.key), nil
	case "T4", "T11":
		return k.metadata(ctx, m)
	case "T5", "T10":
		return k.s.application(ctx, m)
	case "T7":
		return k.enterpriseRoute(m.key), nil
	}
	return thing{}, fmt.Errorf("table %s has no things", m.table)
}

// subject is the node's operator, or an enterprise while it is active or suspended.
func (s *Syncer) subject(ctx context.Context, m mark) (thing, error) {
	gone := thing{key: m.key, name: map[string]any{}}
	e, err := s.o.Registrar.Enterprise(ctx, m.key, registry.NodeActor())
	if refused, ok := errors.AsType[*registry.Error](err); ok && refused.Code == registry.CodeNotFound {
		return gone, nil
	}
	if err != nil {
		return gone, err
	}
	report, err := s.o.Registrar.Report(ctx, registry.ReportQuery{Table: m.table, Enterprise: m.key}, registry.NodeActor())
	if err != nil {
		return gone, err
	}
	if len(report.Rows) != 1 {
		return gone, fmt.Errorf("report %s of %s has %d rows", m.table, m.key, len(report.Rows))
	}
	data, err := itemsOf(m.table, report.Rows[0].Items)
	if err != nil {
		return gone, err
	}
	if e.State != registry.EnterpriseActive && e.State != registry.EnterpriseSuspended {
		gone.name = data
		return gone, nil
	}
	return thing{key: m.key, data: data}, nil
}

// application is an application that uses identifiers.
func (s *Syncer) application(ctx context.Context, m mark) (thing, error) {
	gone := thing{key: m.key, name: map[string]any{"appId": m.key}}
	a, err := s.o.Registrar.App(ctx, m.key, registry.NodeActor())
	if refused, ok := errors.AsType[*registry.Error](err); ok && refused.Code == registry.CodeNotFound {
		return gone, nil
	}
	if err != nil {
		return gone, err
	}
	if appTable(a.Enterprise) != m.table {
		return gone, nil
	}
	data := map[string]any{"appId": a.ID, "name": a.Name, "type": registry.CodeOf("app", a.Type), "introduction": a.Introduction, "users": a.Users, "developer": a.Developer}
	if r := a.RecursiveServer; r != nil {
		data["recursiveServer"] = map[string]any{"ip": r.IP, "port": r.Port}
	}
	return thing{key: m.key, data: data}, nil
}

// metadata is a data template while it is published, or was and is not withdrawn.
func (k *keeper) metadata(ctx context.Context, m mark) (thing, error) {
	prefix, name, _ := strings.Cut(m.key, "/")
	ns, ok := unqualified(prefix)
	if !ok {
		return thing{}, errDamaged
	}
	t := &registry.Template{Scheme: ns.Scheme, Prefix: ns.Name, Name: name}
	handle := t.Handle()
	gone := thing{key: handle, name: map[string]any{"metadataId": handle, "prefix": prefix}}
	item, err := k.s.store.Get(ctx, storage.TemplateKey(ns, name))
	if isNotFound(err) {
		return gone, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, t)
	}
	if err != nil {
		return gone, err
	}
	if t.State != registry.TemplatePublished || t.Content == nil {
		return gone, nil
	}
	return thing{key: handle, data: metadataOf(prefix, handle, t)}, nil
}

func metadataOf(prefix, handle string, t *registry.Template) map[string]any {
	c := t.Content
	data := map[string]any{"prefix": prefix, "metadataId": handle, "version": fmt.Sprintf("%s.%d", t.Name, t.Revision), "objectType": "2"}
	if c.Carrier {
		data["objectType"] = "1"
	}
	if c.Industry != "" {
		levels := map[string]any{"section": c.Industry[:1]}
		for length, level := range map[int]string{3: "division", 4: "group", 5: "class"} {
			if len(c.Industry) >= length {
				levels[level] = c.Industry[:length]
			}
		}
		data["industry"] = levels
	}
	items := make([]map[string]any, 0, len(c.Fields))
	for i := range c.Fields {
		f := &c.Fields[i]
		if f.Disabled {
			continue
		}
		item := map[string]any{"name": f.Name, "type": string(f.Type)}
		if title := f.Title.String(); title != "" {
			item["alias"] = title
		}
		if n := lengthOf(f); n > 0 {
			item["length"] = n
		}
		items = append(items, item)
	}
	data["items"] = items
	return data
}

// lengthOf is the greatest length of a field, in characters; 0 where there is none to tell.
func lengthOf(f *template.Field) int {
	switch {
	case f.MaxLength != nil:
		return *f.MaxLength
	case f.Type == template.Number:
		return template.MaxDigits
	case f.Type == template.Enum:
		return template.MaxOption
	case f.Type != template.String && f.Type != template.Reference && f.Type != template.URL:
		return 0
	case f.Pattern != "":
		return template.MaxMatched
	}
	return template.DefaultLength
}

// itemsOf makes the data of T1 and T6 of the registry's report, whose items are those of the dictionary in its order.
func itemsOf(table string, items []registry.ReportItem) (map[string]any, error) {
	fields := numbered(table)
	if len(fields) != len(items) {
		return nil, fmt.Errorf("report %s has %d items, the dictionary %d", table, len(items), len(fields))
	}
	data := make(map[string]any, len(items))
	for i, item := range items {
		if item.Value == nil {
			continue
		}
		text, err := json.Marshal(item.Value)
		if err != nil {
			return nil, fmt.Errorf("encode item %d: %w", item.Number, err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			return nil, err
		}
		if value = plain(fields[i], value); value != nil {
			data[fields[i].Name] = value
		}
	}
	return data, nil
}

// sets are the choices of members of the forms, by the name of the member.
var sets = map[string]string{"deployMode": "deployMode", "by": "commission", "mode": "commission", "type": "licence"}

// codeType is the code type of T2 and T7 of a namespace: prefixes below 88 are VAA's.
func codeType(k identifier.Key) string {
	switch k.Scheme {
	case identifier.Handle:
		if k.Name == "88" || strings.HasPrefix(k.Name, "88.") {
			return "vaa"
		}
		return "handle"
	case identifier.DID:
		return "bid"
	}
	return k.Scheme.String()
}
