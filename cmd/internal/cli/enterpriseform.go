package cli

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

// exampleForm is an application with every member, to be filled in.
//
//go:embed enterpriseform.json
var exampleForm []byte

func enterpriseForm(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "form", Short: "Print an example of an application, to be filled in", Args: cobra.NoArgs,
		Long: "Print an application with every member. All but enterprise.name may be left out. Files are named by\ntheir ids, once they are uploaded: an applicant does so with the key that apply gives.",
		RunE: a.run(func(context.Context, []string) error {
			_, err := a.Out.Write(exampleForm)
			return err
		}),
	}
}

func (a *app) enterpriseApply() *cobra.Command {
	var file, out string
	cmd := &cobra.Command{
		Use:     "apply -f FORM.json [-O FILE]",
		Short:   "Apply as an enterprise; needs no key and gives one",
		Long:    "Apply as an enterprise. The answer holds a key, shown this once, with which to read and amend the\nform, upload files, and see how the review goes.",
		Example: "  idctl enterprise form > form.json\n  idctl enterprise apply -f form.json -O mine.key\n  idctl --key-file mine.key file upload licence.pdf",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			raw, err := a.readFile(file)
			if err != nil {
				return err
			}
			if raw, err = wholeApplication(raw); err != nil {
				return err
			}
			var key *os.File
			if out != "" {
				// Made before the key is: a key that cannot be kept is of no use.
				if key, err = os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
					return err
				}
				defer key.Close()
			}
			var answer struct{ ID, State, Key string }
			body, err := a.callInto(ctx, request{method: http.MethodPost, path: "/v1/applications", body: raw, public: true}, &answer)
			if err != nil {
				if key != nil {
					os.Remove(out)
				}
				return err
			}
			if key == nil {
				if a.output == "json" {
					return a.printBody(body)
				}
				_, err := fmt.Fprintf(a.Out, "enterprise %s %s\n%s\n", clean(answer.ID), clean(answer.State), clean(answer.Key))
				return err
			}
			if _, err = fmt.Fprintln(key, answer.Key); err == nil {
				err = key.Close()
			}
			if err != nil {
				return failf("enterprise %s has applied, but its key was not kept: %v", answer.ID, err)
			}
			if a.output == "json" {
				return a.printJSON(map[string]string{"id": answer.ID, "state": answer.State})
			}
			_, err = fmt.Fprintf(a.Out, "enterprise %s %s, key in %s\n", clean(answer.ID), clean(answer.State), out)
			return err
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`FILE` with the application in JSON, - for standard input")
	cmd.Flags().StringVarP(&out, "out", "O", "", "new `FILE` for the key")
	_ = cmd.MarkFlagRequired("file")
	return cmd
}

func (a *app) enterpriseUpdate() *cobra.Command {
	var file string
	var version uint64
	cmd := &cobra.Command{
		Use:     "update ID -f FILE",
		Short:   "Change members of an enterprise's form",
		Long:    "Change members of an enterprise's form: those in the file are replaced, null removes one. What the\nadmin of an active enterprise changes may wait for a review.",
		Example: `  echo '{"contact":{"phone":"0512-66668888"}}' | idctl enterprise update e1 -f -`,
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			raw, err := a.readFile(file)
			if err != nil {
				return err
			}
			var whole struct{ Enterprise json.RawMessage }
			if json.Unmarshal(raw, &whole) == nil && whole.Enterprise != nil {
				raw = whole.Enterprise
			}
			h := conditions("", version)
			h.Set("Content-Type", "application/merge-patch+json")
			r := request{method: http.MethodPatch, path: "/v1/enterprises/" + url.PathEscape(args[0]), body: []byte(raw), header: h}
			return a.send(ctx, r, func(e map[string]any) string {
				line := "enterprise " + orDefault(cell(e, "id"), args[0]) + " " + cell(e, "state")
				if e["change"] != nil {
					line += ", the change waits for a review"
				}
				return line
			})
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`FILE` with the members to change in JSON, - for standard input")
	cmd.Flags().Uint64Var(&version, "version", 0, "only if this is the enterprise's version `N`")
	_ = cmd.MarkFlagRequired("file")
	return cmd
}

// wholeApplication puts a bare form into an application.
func wholeApplication(raw []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, failf("read form: %v", err)
	}
	if members["enterprise"] != nil {
		return raw, nil
	}
	return json.Marshal(map[string]json.RawMessage{"enterprise": raw})
}
