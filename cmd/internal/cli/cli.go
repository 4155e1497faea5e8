// Package cli is the idctl command: its sub-commands, and how it reads its input, talks to a node
// and ends. It is apart from the main package so that it can be run in a test's process.
package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// IO is what a run of the tool sees of its process.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
}

// Run runs idctl with args, the command's name not among them, and returns its exit code: 0 all
// done, 1 failed, 2 wrong usage, 3 not found, 4 denied. A cancelled ctx ends it in order.
func Run(ctx context.Context, args []string, streams IO) int {
	a := &app{IO: streams}
	// The interface has no redirects; if one comes, a key must not travel along.
	a.web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if _, ok := errors.AsType[*usageError](err); err != nil && !ok && !a.started {
		err = &usageError{err}
	}
	a.report(err)
	return exitCode(err)
}

// app is one run: the global flags, and where it reads and writes.
type app struct {
	IO
	server  string // base URL of the node
	keyFile string // "" where none was named
	output  string // "text" or "json"
	timeout time.Duration
	web     http.Client

	started bool // the command line was understood; errors from here on are not about usage
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "idctl",
		Short: "Client of an idnode: resolve, register, import and export identifiers",
		Long: `idctl asks and administers an idnode.

Environment: IDCTL_SERVER and IDCTL_KEY_FILE stand for --server and --key-file.
Without a key file, idctl takes operator.key of a data directory that it may read, if the
node is on this machine: $IDNODE_DATA_DIR, .run/data, data, .data/idnode, /var/lib/idnode.

Errors are told in Chinese where LC_ALL, LC_MESSAGES or LANG asks for it.

Exit codes: 0 all done, 1 failed, 2 wrong usage, 3 not found, 4 denied.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)

	f := root.PersistentFlags()
	f.StringVar(&a.server, "server", orDefault(a.Getenv("IDCTL_SERVER"), "http://127.0.0.1:8080"), "the node's HTTP `URL`")
	f.StringVar(&a.keyFile, "key-file", a.Getenv("IDCTL_KEY_FILE"), "`FILE` that holds the API key")
	f.StringVarP(&a.output, "output", "o", "text", "`FORMAT` of what is printed: text or json")
	f.DurationVar(&a.timeout, "timeout", 30*time.Second, "how long to wait for one answer; a part of an import may take longer")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))

	root.AddCommand(
		a.resolveCommand(), a.traceCommand(),
		a.registerCommand(), a.mintCommand(), a.replaceCommand(), a.updateCommand(), a.revokeCommand(), a.restoreCommand(), a.getCommand(), a.listCommand(),
		a.historyCommand(), a.diffCommand(), a.referencesCommand(),
		a.importCommand(), a.jobCommand(), a.exportCommand(), a.migrateCommand(), a.archiveCommand(),
		a.enterpriseCommand(), a.prefixCommand(), a.templateCommand(), a.keyCommand(), a.accountCommand(),
		a.fileCommand(), a.auditCommand(), a.logCommand(), a.handleCommand(), a.loginCommand(), a.logoutCommand(), a.reportCommand(),
		a.appCommand(), a.operatorCommand(), a.identityCommand(),
		a.webhookCommand(),
		a.statisticsCommand(),
		a.syncCommand(),
		a.versionCommand(),
	)
	return root
}

// run makes f the body of a command: errors before it are about usage, errors of f are its own.
func (a *app) run(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if a.output != "text" && a.output != "json" {
			return usagef("--output is text or json, not %q", a.output)
		}
		a.started = true
		return f(cmd.Context(), args)
	}
}

// group is a command that only holds others. Cobra would answer a mistyped sub-command with the
// group's help and success.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("unknown command %q for %q", args[0], cmd.CommandPath())
		}
		return usagef("%s needs a sub-command: %s", cmd.CommandPath(), strings.Join(names(subs), ", "))
	}}
	c.AddCommand(subs...)
	return c
}

func names(cs []*cobra.Command) []string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Name())
	}
	return out
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
