package main

import (
	"bytes"
	"encoding/json"
)

// board is a dashboard. Its uid stays, so that links to it do.
type board struct {
	uid, title, description string
	panels                  []panel
}

// panel is one picture. Queries go without a legend if there is one series.
type panel struct {
	kind        string // default timeseries
	title       string
	description string // English, then Chinese
	unit        string // as Grafana names it
	queries     []query
	width       int      // of 24; default 8
	limits      []string // of a stat: from which value it is yellow, and red; with a minus: below which
	stack       bool
}

// query is an expression, and what its series are called.
type query struct{ expr, legend string }

const (
	panelHeight = 8
	statHeight  = 4
)

func (b *board) file() string { return b.uid + ".json" }

type object = map[string]any

// source is the data source that the reader chooses.
var source = object{"type": "prometheus", "uid": "${datasource}"}

// json is b as Grafana reads it.
func (b *board) json() ([]byte, error) {
	x, y, height := 0, 0, 0
	panels := []any{}
	for i, p := range b.panels {
		if p.width == 0 {
			p.width = 8
		}
		h := panelHeight
		if p.kind == "stat" {
			h = statHeight
		}
		if x+p.width > 24 || height != 0 && h != height {
			x, y = 0, y+height
		}
		height = h
		panels = append(panels, p.object(i+1, object{"x": x, "y": y, "w": p.width, "h": h}))
		x += p.width
	}
	links := []any{object{"type": "dashboards", "tags": []string{"idnode"}, "title": "idnode", "asDropdown": true, "includeVars": true, "keepTime": true,
		"icon": "external link", "url": "", "tooltip": "", "targetBlank": false}}
	out := object{
		"uid": b.uid, "title": b.title, "description": b.description, "tags": []string{"idnode"}, "editable": false, "graphTooltip": 1,
		"schemaVersion": 39, "version": 1, "timezone": "browser", "refresh": "30s", "time": object{"from": "now-1h", "to": "now"},
		"annotations": object{"list": []any{}}, "links": links, "panels": panels,
		"templating": object{"list": []any{
			object{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1, "hide": 0},
			variable("job", "Job", "label_values(idnode_build_info, job)"),
			variable("instance", "Node", `label_values(idnode_build_info{job=~"$job"}, instance)`),
		}},
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(out)
	return text.Bytes(), err
}

// variable is a choice among the values of a label.
func variable(name, label, values string) object {
	return object{"name": name, "label": label, "type": "query", "datasource": source, "query": object{"query": values, "refId": name},
		"refresh": 2, "multi": true, "includeAll": true, "allValue": ".+", "sort": 1, "hide": 0, "current": object{"text": []string{"All"}, "value": []string{"$__all"}}}
}

func (p *panel) object(id int, at object) object {
	targets := []any{}
	for i, q := range p.queries {
		legend := q.legend
		if legend == "" {
			legend = "__auto"
		}
		targets = append(targets, object{"refId": string(rune('A' + i)), "datasource": source, "expr": q.expr, "legendFormat": legend, "editorMode": "code", "range": true})
	}
	defaults := object{"unit": p.unit, "min": 0}
	out := object{"id": id, "title": p.title, "description": p.description, "type": "timeseries", "datasource": source, "gridPos": at, "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []any{}}}
	if p.kind == "stat" {
		defaults["thresholds"] = thresholds(p.limits)
		defaults["color"] = object{"mode": "thresholds"}
		out["type"] = "stat"
		out["options"] = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}, "colorMode": "background",
			"graphMode": "area", "textMode": "auto", "justifyMode": "auto", "orientation": "auto"}
		return out
	}
	custom := object{"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": false}
	if p.stack {
		custom["stacking"] = object{"mode": "normal", "group": "A"}
		custom["fillOpacity"] = 40
	}
	defaults["custom"] = custom
	out["options"] = object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	return out
}

// thresholds colours a stat: green, and yellow and red beyond limits, or below them if they begin with a minus.
func thresholds(limits []string) object {
	step := func(color string, value any) object { return object{"color": color, "value": value} }
	switch {
	case len(limits) == 0:
		return object{"mode": "absolute", "steps": []any{step("blue", nil)}}
	case limits[0][0] == '-':
		return object{"mode": "absolute", "steps": []any{step("red", nil), step("yellow", json.Number(limits[1][1:])), step("green", json.Number(limits[0][1:]))}}
	}
	return object{"mode": "absolute", "steps": []any{step("green", nil), step("yellow", json.Number(limits[0])), step("red", json.Number(limits[1]))}}
}
