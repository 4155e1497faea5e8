package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// send makes a request and prints its answer: in text by done, a sentence about the decoded answer.
func (a *app) send(ctx context.Context, r request, done func(map[string]any) string) error {
	body, err := a.call(ctx, r)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.printBody(body)
	}
	answer := map[string]any{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &answer); err != nil {
			return failf("answer of %s is not what idctl knows: %v", a.server, err)
		}
	}
	_, err = fmt.Fprintln(a.Out, clean(done(answer)))
	return err
}

// show makes a request and prints the object that it answers: in text its fields one a line.
func (a *app) show(ctx context.Context, path string, q url.Values, fields []string) error {
	answer := map[string]any{}
	body, err := a.callInto(ctx, request{method: http.MethodGet, path: path, query: q}, &answer)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.printBody(body)
	}
	for _, f := range fields {
		if s := cell(answer, f); s != "" {
			if _, err := fmt.Fprintf(a.Out, "%-14s %s\n", f, clean(s)); err != nil {
				return err
			}
		}
	}
	return nil
}

// listAll prints a list of the node: in text as a table, in JSON one object a line.
func (a *app) listAll(ctx context.Context, path string, q url.Values, fields []string) error {
	var table []map[string]any
	err := a.each(ctx, path, q, 0, func(item json.RawMessage) error {
		if a.output == "json" {
			_, err := fmt.Fprintf(a.Out, "%s\n", item)
			return err
		}
		object := map[string]any{}
		if err := json.Unmarshal(item, &object); err != nil {
			return failf("answer of %s is not what idctl knows: %v", a.server, err)
		}
		table = append(table, object)
		return nil
	})
	if err != nil || a.output == "json" {
		return err
	}
	return a.printTable(fields, table)
}
