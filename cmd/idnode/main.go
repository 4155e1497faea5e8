// Command idnode is a secondary node of the industrial-internet identifier-resolution system: it
// registers identifiers and resolves them over native Handle, gRPC and HTTP.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/cmd/internal/config"
	"github.com/idnode/idnode/cmd/internal/node"
	"github.com/idnode/idnode/cmd/internal/version"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// usageError is a mistake in how the program was called.
type usageError struct{ error }

// errFound ends a command that has told everything on standard output.
var errFound = errors.New("errors were found")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errFound) {
		return exitFailed
	}
	fmt.Fprintln(stderr, "idnode:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(stderr, "See 'idnode --help'.")
		return exitUsage
	}
	return exitFailed
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "idnode",
		Short:         "A secondary node for industrial-internet identifiers (工业互联网标识解析二级节点)",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(*cobra.Command, []string) error { return usageError{errors.New("a command is needed")} },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	var f flags
	root.PersistentFlags().StringVar(&f.config, "config", "", "YAML configuration `file`")
	root.PersistentFlags().StringVar(&f.dataDir, "data-dir", "", "data `directory`; overrides data_dir")
	root.PersistentFlags().StringVar(&f.logFormat, "log-format", "", "text or json; overrides log.format")
	root.PersistentFlags().StringVar(&f.logLevel, "log-level", "", "debug, info, warn or error; overrides log.level")

	conf := &cobra.Command{Use: "config", Short: "Look at the configuration", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return usageError{errors.New("config check or config print")} }}
	conf.AddCommand(
		&cobra.Command{Use: "check", Short: "Report every mistake in the configuration", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, unknown, err := f.load()
				for _, name := range unknown {
					fmt.Fprintln(cmd.ErrOrStderr(), "unknown environment variable", name)
				}
				if err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), "configuration ok")
				}
				return err
			}},
		&cobra.Command{Use: "print", Short: "Print the configuration in force, defaults included", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, _, err := f.load()
				if err != nil {
					return err
				}
				out, err := c.Print()
				if err != nil {
					return err
				}
				_, err = cmd.OutOrStdout().Write(out)
				return err
			}})
	key := &cobra.Command{Use: "key", Short: "Look after the key that signs answers of the Handle protocol", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return usageError{errors.New("key rotate")} }}
	key.AddCommand(&cobra.Command{Use: "rotate", Short: "Make a new key, which the node takes when it starts next; the old file stays beside it", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := f.load()
			if err != nil {
				return err
			}
			if c.Handle.ServerKeyFile != "" || c.Handle.SiteFile != "" {
				return errors.New("the key is named by handle.server_key_file, or its site by handle.site_file: change those")
			}
			serial, kept, err := node.RotateServerKey(c.DataDir)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "new key; the site's serial will be %d; the old key is %s\nRestart the node, and send its new site information (idctl prefix site-info) to the registry above.\n", serial, kept)
			return err
		}})
	root.AddCommand(conf, key, backupCommand(&f), restoreCommand(&f), standbyCommand(), doctorCommand(&f),
		&cobra.Command{Use: "serve", Short: "Run the node", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), &f) }},
		&cobra.Command{Use: "version", Short: "Print the version and what it was built with", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "idnode %s %s %s/%s\n", version.String(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
				return err
			}})
	return root
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s has no %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// flags override the configuration.
type flags struct {
	config, dataDir, logFormat, logLevel string
}

func (f *flags) load() (config.Config, []string, error) {
	environ := os.Environ()
	for key, value := range map[string]string{"data_dir": f.dataDir, "log.format": f.logFormat, "log.level": f.logLevel} {
		if value != "" {
			environ = append(environ, config.EnvName(key)+"="+value)
		}
	}
	return config.Load(f.config, environ)
}

func serve(ctx context.Context, f *flags) error {
	cfg, unknown, err := f.load()
	if err != nil {
		return err
	}
	log := cfg.Logger()
	for _, name := range unknown {
		log.Warn("unknown environment variable", "name", name)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(cfg.MemoryLimit())
	}
	n, err := node.New(cfg, version.String(), log)
	if err != nil {
		return err
	}
	return n.Run(ctx)
}
