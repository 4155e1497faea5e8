package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// tokenFile is where a token is put unless another file is named.
const tokenFile = "idctl.token"

func (a *app) loginCommand() *cobra.Command {
	var username, file, out string
	cmd := &cobra.Command{
		Use:   "login --username NAME",
		Short: "Log in with a password, and keep the token in a file for --key-file",
		Long:  "Log in with a password, which is read from the terminal, from a line of standard input, or from the file of\n--password-file. The token is good for a day.",
		Example: `  idctl login --username li.wei -O li.token
  idctl --key-file li.token list`,
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			password, err := a.password("password", file)
			if err != nil {
				return err
			}
			return a.keepToken(ctx, map[string]any{"username": username, "password": password}, username, out)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&username, "username", "", "user `NAME` of the account, or the id of an API key")
	f.StringVar(&file, "password-file", "", "`FILE` with the password, - for standard input")
	f.StringVarP(&out, "out", "O", tokenFile, "`FILE` for the token; what it holds is replaced")
	_ = cmd.MarkFlagRequired("username")
	return cmd
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "End the token of --key-file, effective at once", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.send(ctx, request{method: http.MethodDelete, path: "/v1/tokens"}, func(map[string]any) string { return "logged out" })
		}),
	}
}

// keepToken logs in and puts the token in a file that only its owner may read.
func (a *app) keepToken(ctx context.Context, body map[string]any, who, out string) error {
	var token struct{ Token, Expires string }
	answer, err := a.callInto(ctx, request{method: http.MethodPost, path: "/v1/tokens", body: body, bare: true}, &token)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(out), filepath.Base(out)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, token.Token)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), out)
	}
	if err != nil {
		os.Remove(f.Name())
		return failf("the token was not kept: %v", err)
	}
	if a.output == "json" {
		return a.printBody(answer)
	}
	_, err = fmt.Fprintf(a.Out, "%s is logged in until %s; the token is in %s\n", clean(who), clean(token.Expires), out)
	return err
}
