package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *app) enterpriseCommand() *cobra.Command {
	var name, creditCode, file string
	var contact struct {
		Name  string `json:"name,omitempty"`
		Phone string `json:"phone,omitempty"`
		Email string `json:"email,omitempty"`
	}
	create := &cobra.Command{
		Use:     "create --name NAME | -f FILE",
		Short:   "Enter an enterprise; made by an operator it is active at once",
		Example: "  idctl enterprise create --name 海北精密轴承有限公司 --email admin@example.com",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			r := request{method: http.MethodPost, path: "/v1/enterprises"}
			if file != "" {
				raw, err := a.readFile(file)
				if err != nil {
					return err
				}
				r.body = raw
			} else {
				body := map[string]any{"name": name}
				if creditCode != "" {
					body["creditCode"] = creditCode
				}
				if contact.Name+contact.Phone+contact.Email != "" {
					body["contact"] = contact
				}
				r.body = body
			}
			return a.send(ctx, r, func(e map[string]any) string { return "enterprise " + cell(e, "id") + " " + cell(e, "state") })
		}),
	}
	f := create.Flags()
	f.StringVar(&name, "name", "", "the enterprise's `NAME`")
	f.StringVar(&creditCode, "credit-code", "", "unified social credit code (统一社会信用代码)")
	f.StringVar(&contact.Name, "contact", "", "`NAME` of the person to reach")
	f.StringVar(&contact.Phone, "phone", "", "telephone of that person")
	f.StringVar(&contact.Email, "email", "", "mail address of that person")
	f.StringVarP(&file, "file", "f", "", "`FILE` with the whole enterprise in JSON, - for standard input")
	create.MarkFlagsOneRequired("name", "file")
	create.MarkFlagsMutuallyExclusive("name", "file")

	list := &cobra.Command{
		Use: "list", Short: "List enterprises", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.listAll(ctx, "/v1/enterprises", nil, []string{"id", "state", "creditCode", "created", "name"})
		}),
	}
	show := &cobra.Command{
		Use: "show ID", Short: "Show an enterprise", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.show(ctx, "/v1/enterprises/"+url.PathEscape(args[0]), nil, []string{"id", "state", "reason", "name", "creditCode", "nature",
				"industry", "region", "address", "website", "contact.name", "contact.phone", "contact.email", "legal.name", "legal.idNumber", "wish", "change", "changeReason",
				"verification.method", "verification.by", "verification.at", "missing", "created", "updated"})
		}),
	}
	subs := []*cobra.Command{create, list, show, a.enterpriseApply(), a.enterpriseUpdate(), enterpriseForm(a), a.enterpriseExport()}
	for _, step := range []struct{ name, short string }{
		{"approve", "Approve an enterprise under review"},
		{"return", "Send an application back to be completed"},
		{"submit", "Hand in a returned application again"},
		{"reject", "Reject an application for good"},
		{"suspend", "Suspend an enterprise: it may not write, what it registered resolves"},
		{"withdraw", "Withdraw an enterprise for good"},
		{"activate", "Activate a suspended enterprise"},
	} {
		var reason, method, source string
		cmd := &cobra.Command{
			Use: step.name + " ID [--reason TEXT]", Short: step.short, Args: cobra.ExactArgs(1),
			RunE: a.run(func(ctx context.Context, args []string) error {
				body := reasonBody(reason)
				if method+source != "" {
					body["verification"] = map[string]any{"method": method, "source": source, "result": "passed"}
				}
				return a.send(ctx, request{method: http.MethodPost, path: "/v1/enterprises/" + url.PathEscape(args[0]) + ":" + step.name,
					body: body}, func(e map[string]any) string {
					return "enterprise " + orDefault(cell(e, "id"), args[0]) + " " + cell(e, "state")
				})
			}),
		}
		cmd.Flags().StringVar(&reason, "reason", "", "why")
		if step.name == "approve" {
			cmd.Flags().StringVar(&method, "method", "", "how it was checked who the enterprise is")
			cmd.Flags().StringVar(&source, "source", "", "against which data it was checked")
		}
		subs = append(subs, cmd)
	}
	return group("enterprise", "Enter enterprises and decide on them", subs...)
}

func reasonBody(reason string) map[string]any {
	body := map[string]any{}
	if reason != "" {
		body["reason"] = reason
	}
	return body
}
