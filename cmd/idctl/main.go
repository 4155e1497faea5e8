// Command idctl is the client's tool of an idnode: it resolves, registers, imports and exports
// identifiers, and manages enterprises, prefixes and keys.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/idnode/idnode/cmd/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], cli.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv})
	stop()
	os.Exit(code)
}
