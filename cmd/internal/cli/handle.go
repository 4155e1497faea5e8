package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
)

func (a *app) handleCommand() *cobra.Command {
	c := group("handle", "Administer a server of the Handle protocol, over that protocol",
		a.handleCreate(), a.handleDelete(), a.handleAdd(), a.handleModify(), a.handleRemove(),
		a.handleList(), a.handleHomed(), a.handleHome("home", "Have the server answer for a prefix", "homed", (*client.Client).Home),
		a.handleHome("unhome", "End that the server answers for a prefix; its records stay", "un-homed", (*client.Client).Unhome))
	c.Long = `Administer a server of the Handle protocol over TCP, as the identity of --identity: an idnode, or any other.
What the identity may do is said by the HS_ADMIN values there, not by an API key.`
	return c
}

// handleAction is what a sub-command of handle does.
type handleAction func(ctx context.Context, c *client.Client, args []string) error

// handleRun makes cmd run do with a client of the server that --addr names, as the identity that the flags name.
func (a *app) handleRun(cmd *cobra.Command, do handleAction) *cobra.Command {
	var who identityFlags
	var addr string
	who.add(cmd)
	cmd.Flags().StringVar(&addr, "addr", "", "`HOST:PORT` of the Handle server (default: the server's host, port 2641)")
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		o, err := a.options(&who)
		if err != nil {
			return err
		}
		o.Timeout = a.timeout
		at := orDefault(addr, a.defaultAddr("2641"))
		c := client.New(at, o)
		defer c.Close()
		return handleFailure(at, do(ctx, c, args))
	})
	return cmd
}

// handleFailure is err as the tool reports it: with the exit code that the response code means.
func handleFailure(addr string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, client.ErrNoAnswer) {
			return &unreachable{addr, err}
		}
		return err
	}
	out := &outcome{code: exitFailed, name: "failed", text: err.Error()}
	switch e.Code {
	case handle.RcodeHandleNotFound:
		out.code, out.name = exitNotFound, "not_found"
	case handle.RcodeValuesNotFound:
		out.code, out.name = exitNotFound, "no_values"
	case handle.RcodeServerNotResponsible:
		out.code, out.name = exitNotFound, "not_responsible"
	case handle.RcodeHandleExists, handle.RcodeValueExists:
		out.name = "already_exists"
	case handle.RcodeServerTooBusy:
		out.name = "overloaded"
	case handle.RcodeInvalidHandle:
		out.name = "invalid_identifier"
	case handle.RcodeInvalidValue:
		out.name = "invalid_value"
	case handle.RcodeAuthNeeded, handle.RcodeAuthFailed, handle.RcodeInvalidCredential, handle.RcodeAuthTimeout, handle.RcodeUnableToAuth:
		out.code, out.name = exitDenied, "unauthenticated"
	case handle.RcodeInvalidAdmin, handle.RcodePermissionDenied:
		out.code, out.name = exitDenied, "forbidden"
	}
	return out
}

// did says what was done with a handle.
func (a *app) did(what, name string) error {
	if a.output == "json" {
		return a.printJSON(map[string]string{"handle": name, "done": what})
	}
	_, err := fmt.Fprintln(a.Out, what, clean(name))
	return err
}

func (a *app) handleCreate() *cobra.Command {
	var vf handleValueFlags
	var overwrite, mint bool
	cmd := &cobra.Command{
		Use:   "create HANDLE --value INDEX:TYPE=DATA…",
		Short: "Create a handle",
		Example: `  idctl handle create 88.1021.150/SN-9 --value 1:URL=https://example.com/SN-9 --value 100:HS_ADMIN=300:88.1021/ADMIN \
      --identity 300:88.1021/ADMIN --identity-key admpriv.bin`,
		Args: cobra.ExactArgs(1),
	}
	vf.add(cmd)
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace the handle if it exists")
	cmd.Flags().BoolVar(&mint, "mint", false, "HANDLE is only the beginning; the server chooses the rest")
	cmd.MarkFlagsMutuallyExclusive("overwrite", "mint")
	return a.handleRun(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		values, err := a.handleValues(&vf)
		if err != nil {
			return err
		}
		var name string
		if mint {
			name, err = c.Mint(ctx, args[0], values)
		} else {
			name, err = c.Create(ctx, args[0], values, overwrite)
		}
		if err != nil {
			return err
		}
		return a.did("created", name)
	})
}

func (a *app) handleDelete() *cobra.Command {
	cmd := &cobra.Command{Use: "delete HANDLE", Short: "Delete a handle", Args: cobra.ExactArgs(1)}
	return a.handleRun(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		if err := c.Delete(ctx, args[0]); err != nil {
			return err
		}
		return a.did("deleted", args[0])
	})
}

func (a *app) handleAdd() *cobra.Command {
	var vf handleValueFlags
	var overwrite bool
	cmd := &cobra.Command{Use: "add HANDLE --value INDEX:TYPE=DATA…", Short: "Add values to a handle", Args: cobra.ExactArgs(1)}
	vf.add(cmd)
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace values whose indexes are in use")
	return a.handleRun(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		values, err := a.handleValues(&vf)
		if err == nil {
			err = c.AddValues(ctx, args[0], values, overwrite)
		}
		if err != nil {
			return err
		}
		return a.did("added values to", args[0])
	})
}

func (a *app) handleModify() *cobra.Command {
	var vf handleValueFlags
	cmd := &cobra.Command{Use: "modify HANDLE --value INDEX:TYPE=DATA…", Short: "Replace values of a handle, by their indexes", Args: cobra.ExactArgs(1)}
	vf.add(cmd)
	return a.handleRun(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		values, err := a.handleValues(&vf)
		if err == nil {
			err = c.ModifyValues(ctx, args[0], values)
		}
		if err != nil {
			return err
		}
		return a.did("modified values of", args[0])
	})
}

func (a *app) handleRemove() *cobra.Command {
	var indexes []uint
	cmd := &cobra.Command{Use: "remove HANDLE --index N…", Short: "Remove values of a handle, by their indexes", Args: cobra.ExactArgs(1)}
	cmd.Flags().UintSliceVar(&indexes, "index", nil, "`INDEX` of a value to remove (repeatable)")
	_ = cmd.MarkFlagRequired("index")
	return a.handleRun(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		which, err := parseIndexes(indexes)
		if err == nil {
			err = c.RemoveValues(ctx, args[0], which)
		}
		if err != nil {
			return err
		}
		return a.did("removed values of", args[0])
	})
}

func (a *app) handleList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list PREFIX", Short: "List the handles of a prefix, one a line", Args: cobra.ExactArgs(1),
		Long: "List the handles of a prefix, one a line; with -o json one string a line.",
	}
	return a.handleRun(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		return c.ListHandles(ctx, prefixHandle(args[0]), a.printName)
	})
}

func (a *app) handleHomed() *cobra.Command {
	cmd := &cobra.Command{Use: "homed", Short: "List the prefixes that the server answers for, one a line", Args: cobra.NoArgs}
	return a.handleRun(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		return c.ListHomed(ctx, a.printName)
	})
}

// printName prints a name on a line.
func (a *app) printName(name string) error {
	line := clean(name)
	if a.output == "json" {
		raw, err := json.Marshal(name)
		if err != nil {
			return err
		}
		line = string(raw)
	}
	_, err := fmt.Fprintln(a.Out, line)
	return err
}

func (a *app) handleHome(use, short, done string, do func(*client.Client, context.Context, string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use + " PREFIX", Short: short, Args: cobra.ExactArgs(1)}
	return a.handleRun(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		if err := do(c, ctx, prefixHandle(args[0])); err != nil {
			return err
		}
		return a.did(done, prefixHandle(args[0]))
	})
}

// prefixHandle is the handle of a prefix that is named as it is or by its handle.
func prefixHandle(prefix string) string {
	if strings.Contains(prefix, "/") {
		return prefix
	}
	return "0.NA/" + prefix
}
