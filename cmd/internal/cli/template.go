package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

const templatesPath = "/v1/templates"

// templateExample is a content that shows what there is.
const templateExample = `{
  "title": {"zh": "深沟球轴承", "en": "Deep groove ball bearing"},
  "industry": "C3451",
  "fields": [
    {"name": "model", "title": {"zh": "型号", "en": "Model"}, "type": "string", "maxLength": 20, "required": true, "searchable": true, "role": "productName"},
    {"name": "bore", "title": {"zh": "内径", "en": "Bore"}, "type": "number", "unit": "mm", "minimum": 1, "maximum": 500, "decimals": 2},
    {"name": "sealed", "title": {"zh": "密封", "en": "Sealed"}, "type": "boolean"},
    {"name": "made", "title": {"zh": "生产日期", "en": "Made"}, "type": "date", "role": "made"},
    {"name": "grade", "title": {"zh": "精度等级", "en": "Tolerance class"}, "type": "enum", "options": [{"value": "P0"}, {"value": "P6"}, {"value": "P5"}]},
    {"name": "maker", "title": {"zh": "生产商", "en": "Maker"}, "type": "string", "role": "maker"},
    {"name": "manual", "title": {"zh": "说明书", "en": "Manual"}, "type": "url"},
    {"name": "cost", "title": {"zh": "成本", "en": "Cost"}, "type": "number", "unit": "CNY", "read": "private"}
  ]
}
`

func (a *app) templateCommand() *cobra.Command {
	example := &cobra.Command{
		Use: "example", Short: "Print a content to begin with", Args: cobra.NoArgs,
		RunE: a.run(func(context.Context, []string) error {
			_, err := fmt.Fprint(a.Out, templateExample)
			return err
		}),
	}
	list := &cobra.Command{Use: "list [PREFIX]", Short: "List data templates", Args: cobra.MaximumNArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q := url.Values{}
			if len(args) > 0 {
				scheme, prefix, err := namespace(args[0], "")
				if err != nil {
					return err
				}
				q.Set("scheme", scheme)
				q.Set("prefix", prefix)
			}
			return a.listAll(ctx, templatesPath, q, []string{"scheme", "prefix", "name", "state", "revision", "published", "updated"})
		}),
	}
	return group("template", "Data templates: what the records of a product carry", example, list,
		a.templateWrite("create", "Enter a data template, as a draft", http.MethodPost),
		a.templateWrite("edit", "Replace the draft of a template; of a published one it is the next revision", http.MethodPut),
		a.templateCheck(), a.templateShow(),
		a.templateFile("schema", "Write the JSON Schema of the fields of a template's records"),
		a.templateFile("sheet", "Write the XLSX sheet to fill in records of a template"),
		a.templateImport(),
		a.templateStep("publish", "Publish the draft: records can follow it"),
		a.templateStep("withdraw", "Take no more new records under a template"), a.templateDelete())
}

// templateBody is what names a template in a body, with the content of a file unless that is "".
func (a *app) templateBody(args []string, file string) (map[string]any, error) {
	scheme, prefix, err := namespace(args[0], "")
	if err != nil {
		return nil, err
	}
	body := map[string]any{"scheme": scheme, "prefix": prefix, "name": args[1]}
	if file != "" {
		raw, err := a.readFile(file)
		if err != nil {
			return nil, err
		}
		if !json.Valid(raw) {
			return nil, failf("read %s: not JSON", file)
		}
		body["content"] = json.RawMessage(raw)
	}
	return body, nil
}

// templateQuery is what names a template in a query.
func templateQuery(args []string) (url.Values, error) {
	scheme, prefix, err := namespace(args[0], "")
	return url.Values{"scheme": {scheme}, "prefix": {prefix}, "name": {args[1]}}, err
}

func templateLine(t map[string]any) string {
	line := "template " + cell(t, "name") + " of " + cell(t, "prefix") + " " + cell(t, "state")
	if revision := cell(t, "revision"); revision != "" {
		line += ", revision " + revision
	}
	if t["draft"] != nil {
		line += ", with a draft"
	}
	return line
}

func (a *app) templateWrite(use, short, method string) *cobra.Command {
	var file string
	var version uint64
	cmd := &cobra.Command{
		Use: use + " PREFIX NAME -f FILE", Short: short, Args: cobra.ExactArgs(2),
		Example: "  idctl template example > bearing.json\n  idctl template " + use + " 88.1021.150 bearing -f bearing.json",
		RunE: a.run(func(ctx context.Context, args []string) error {
			body, err := a.templateBody(args, file)
			if err != nil {
				return err
			}
			return a.send(ctx, request{method: method, path: templatesPath, body: body, header: conditions("", version)}, templateLine)
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`FILE` with the content in JSON, - for standard input")
	if method == http.MethodPut {
		cmd.Flags().Uint64Var(&version, "if-version", 0, "only if the template still has version `N`")
	}
	_ = cmd.MarkFlagRequired("file")
	return cmd
}

func (a *app) templateCheck() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "check PREFIX NAME -f FILE", Short: "Say what is wrong with a content, and whether stored records would follow it", Args: cobra.ExactArgs(2),
		RunE: a.run(func(ctx context.Context, args []string) error {
			body, err := a.templateBody(args, file)
			if err != nil {
				return err
			}
			type place struct{ Location, Message string }
			var got struct {
				Compatible           bool
				Errors, Incompatible []place
			}
			answer, err := a.callInto(ctx, request{method: http.MethodPost, path: templatesPath + ":check", body: body}, &got)
			if err != nil {
				return err
			}
			if a.output == "json" {
				err = a.printBody(answer)
			} else {
				for _, p := range append(got.Errors, got.Incompatible...) {
					fmt.Fprintf(a.Out, "%s: %s\n", clean(p.Location), clean(p.Message))
				}
			}
			if err == nil && !got.Compatible {
				err = failf("%d mistakes, %d reasons why stored records would not follow it", len(got.Errors), len(got.Incompatible))
			}
			return err
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`FILE` with the content in JSON, - for standard input")
	_ = cmd.MarkFlagRequired("file")
	return cmd
}

func (a *app) templateShow() *cobra.Command {
	var revision string
	var draft bool
	cmd := &cobra.Command{
		Use: "show PREFIX NAME", Short: "Show a template; with -o json as it is edited", Args: cobra.ExactArgs(2),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q, err := templateQuery(args)
			if err != nil {
				return err
			}
			if revision != "" {
				q.Set("revision", revision)
			}
			var t struct{ Content, Draft json.RawMessage }
			body, err := a.callInto(ctx, request{method: http.MethodGet, path: templatesPath, query: q}, &t)
			if err != nil {
				return err
			}
			content := t.Content
			if draft || content == nil {
				content = t.Draft
			}
			if a.output == "json" {
				return a.printBody(content)
			}
			head := map[string]any{}
			if err := json.Unmarshal(body, &head); err != nil {
				return err
			}
			fmt.Fprintln(a.Out, clean(templateLine(head)))
			var c struct {
				Fields []map[string]any
			}
			if len(content) > 0 {
				if err := json.Unmarshal(content, &c); err != nil {
					return err
				}
			}
			return a.printTable([]string{"index", "name", "type", "unit", "required", "searchable", "disabled", "role", "read", "title.zh", "title.en"}, c.Fields)
		}),
	}
	cmd.Flags().StringVar(&revision, "revision", "", "a past `REVISION`")
	cmd.Flags().BoolVar(&draft, "draft", false, "the draft rather than what is published")
	return cmd
}

func (a *app) templateFile(use, short string) *cobra.Command {
	var out, revision, lang string
	cmd := &cobra.Command{
		Use: use + " PREFIX NAME [-O FILE]", Short: short, Args: cobra.ExactArgs(2),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q, err := templateQuery(args)
			if err != nil {
				return err
			}
			if revision != "" {
				q.Set("revision", revision)
			}
			if lang != "" {
				q.Set("lang", lang)
			}
			body, err := a.call(ctx, request{method: http.MethodGet, path: templatesPath + ":" + use, query: q})
			if err != nil {
				return err
			}
			if out == "" {
				if use == "schema" {
					return a.printBody(body)
				}
				_, err = a.Out.Write(body)
				return err
			}
			return os.WriteFile(out, body, 0o644)
		}),
	}
	cmd.Flags().StringVarP(&out, "out", "O", "", "`FILE` to write (default: standard output)")
	cmd.Flags().StringVar(&revision, "revision", "", "a past `REVISION`")
	if use == "sheet" {
		cmd.Flags().StringVar(&lang, "lang", "", "`LANGUAGE` of the headings: zh or en")
	}
	return cmd
}

func (a *app) templateImport() *cobra.Command {
	var mode string
	cmd := &cobra.Command{
		Use: "import PREFIX NAME FILE.xlsx", Short: "Register the rows of a filled sheet of a template", Args: cobra.ExactArgs(3),
		Long: "Register the rows of a filled sheet. Rows that fail do not stop the others; they are listed with all that is\nwrong with them, and idctl then exits with 1.",
		RunE: a.run(func(ctx context.Context, args []string) error {
			scheme, prefix, err := namespace(args[0], "")
			if err != nil {
				return err
			}
			raw, err := a.readFile(args[2])
			if err != nil {
				return err
			}
			q := url.Values{"scheme": {scheme}, "prefix": {prefix}, "template": {args[1]}, "mode": {mode}}
			body, err := a.call(ctx, request{method: http.MethodPost, path: "/v1/identifiers:import", query: q, body: raw,
				header: http.Header{"Content-Type": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}}})
			if err != nil {
				return err
			}
			var sum *importSummary
			for line := range bytes.Lines(body) {
				var row struct {
					failure
					Total  *int
					Errors []struct{ Location, Message string }
				}
				if err := json.Unmarshal(line, &row); err != nil {
					return failf("answer of %s is not what idctl knows: %v", a.server, err)
				}
				switch {
				case row.Total != nil:
					sum = new(importSummary)
					if err := json.Unmarshal(line, sum); err != nil {
						return err
					}
				case a.output == "json":
				case len(row.Errors) == 0:
					fmt.Fprintf(a.Err, "row %d: %s: %s\n", row.Line, clean(row.ID), clean(row.Detail))
				default:
					for _, e := range row.Errors {
						fmt.Fprintf(a.Err, "row %d: %s: %s: %s\n", row.Line, clean(row.ID), clean(e.Location), clean(e.Message))
					}
				}
			}
			if a.output == "json" {
				if _, err := a.Out.Write(body); err != nil {
					return err
				}
			}
			switch {
			case sum == nil:
				return failf("%s did not come to the end of the import", a.server)
			case a.output != "json":
				fmt.Fprintf(a.Out, "%d rows: %d stored, %d skipped, %d failed\n", sum.Total, sum.Stored, sum.Skipped, sum.Failed)
			}
			if sum.Failed > 0 {
				return failf("%d rows failed", sum.Failed)
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&mode, "mode", "create", "what to do with identifiers that exist: create (the row fails), upsert or skip-existing")
	return cmd
}

func (a *app) templateStep(use, short string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: use + " PREFIX NAME", Short: short, Args: cobra.ExactArgs(2),
		RunE: a.run(func(ctx context.Context, args []string) error {
			body, err := a.templateBody(args, "")
			if err != nil {
				return err
			}
			if reason != "" {
				body["reason"] = reason
			}
			return a.send(ctx, request{method: http.MethodPost, path: templatesPath + ":" + use, body: body}, templateLine)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

func (a *app) templateDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete PREFIX NAME", Short: "Delete a template that no record follows", Args: cobra.ExactArgs(2),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q, err := templateQuery(args)
			if err != nil {
				return err
			}
			return a.send(ctx, request{method: http.MethodDelete, path: templatesPath, query: q},
				func(map[string]any) string { return "deleted template " + args[1] })
		}),
	}
}

// printFields prints an object of fields in its order, one a line.
func (a *app) printFields(object []byte) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		text := string(value)
		var s string
		if json.Unmarshal(value, &s) == nil {
			text = s
		}
		fmt.Fprintf(t, "  %s\t%s\n", clean(fmt.Sprint(name)), clean(text))
	}
	return t.Flush()
}
