// Command topnode is a stand-in for the national top-level node, for tests and sandboxes: see package topnode.
package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/idnode/idnode/cmd/internal/config"
	"github.com/idnode/idnode/cmd/internal/node"
	"github.com/idnode/idnode/cmd/internal/topnode"
	"github.com/idnode/idnode/cmd/internal/version"
	"github.com/idnode/idnode/proto/epp/server"
	"github.com/idnode/idnode/proto/requestsign"
)

// notice is printed at the start, so that nobody takes it for the real one.
const notice = "This is a stand-in for the national top-level node, for tests and sandboxes. Nothing that it says means anything."

// flags are the command line.
type flags struct {
	dir, listen, eppListen, cert, key, rules string
	handle, registry                         string
	nodes, keys, made                        []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "topnode:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "topnode --node PREFIX[=PASSWORD]…",
		Short: "A stand-in for the national top-level node, for tests and sandboxes",
		Long: `topnode takes the applications of secondary nodes over EPP, has them decided by a script or by hand, receives the tables
that they report and checks every row, gives orders, keeps prefix records for the Handle protocol, and misbehaves on demand.

` + notice,
		Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true, Version: version.String(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(cmd.ErrOrStderr(), notice)
			return f.run(cmd.Context())
		},
	}
	p := cmd.Flags()
	p.StringVar(&f.dir, "dir", "topnode", "`DIRECTORY` of what it has taken")
	p.StringVar(&f.listen, "listen", "127.0.0.1:8700", "`ADDRESS` of HTTP: tables, orders, EPP with signed requests, control")
	p.StringVar(&f.eppListen, "epp-listen", "", "`ADDRESS` of EPP over TLS, with --cert and --key")
	p.StringVar(&f.cert, "cert", "", "`FILE` with the certificate of EPP over TLS, in PEM")
	p.StringVar(&f.key, "key", "", "`FILE` with its private key")
	p.StringVar(&f.rules, "rules", "", "`FILE` by which applications are decided: lines of PATTERN pass|fail [after DURATION] [REASON]; what fits none is decided by hand")
	p.StringArrayVar(&f.nodes, "node", nil, "`PREFIX` of a secondary node, with =PASSWORD if it logs in over EPP; repeatable")
	p.StringArrayVar(&f.keys, "node-key", nil, "`PREFIX=FILE` with a public key by which a node's requests are verified; repeatable")
	p.StringArrayVar(&f.made, "make-key", nil, "`PREFIX=FILE` in which a private key for a node is made if there is none; its requests are verified by it; repeatable")
	p.StringVar(&f.handle, "handle", "", "`ADDRESS` of the Handle protocol, for prefix records; default: there is none")
	p.StringVar(&f.registry, "registry", "127.0.0.1:0", "`ADDRESS` of HTTP of the node that keeps prefix records, an idnode")
	return cmd
}

// options are the stand-in's by the command line.
func (f *flags) options(log *slog.Logger) (topnode.Options, error) {
	o := topnode.Options{Dir: f.dir, Nodes: make(map[string]topnode.NodeOptions), Logger: log}
	for _, text := range f.nodes {
		prefix, password, _ := strings.Cut(text, "=")
		o.Nodes[prefix] = topnode.NodeOptions{Password: password}
	}
	for _, text := range f.keys {
		prefix, file, _ := strings.Cut(text, "=")
		n, known := o.Nodes[prefix]
		if !known {
			return o, fmt.Errorf("--node-key %s: there is no --node %s", text, prefix)
		}
		key, err := requestsign.LoadPublicKey(file)
		if err != nil {
			return o, err
		}
		n.Keys = append(n.Keys, crypto.PublicKey(key))
		o.Nodes[prefix] = n
	}
	for _, text := range f.made {
		prefix, file, _ := strings.Cut(text, "=")
		n, known := o.Nodes[prefix]
		if !known {
			return o, fmt.Errorf("--make-key %s: there is no --node %s", text, prefix)
		}
		key, err := makeKey(file)
		if err != nil {
			return o, err
		}
		n.Keys = append(n.Keys, key)
		o.Nodes[prefix] = n
	}
	if f.rules != "" {
		text, err := os.Open(f.rules)
		if err != nil {
			return o, err
		}
		defer text.Close()
		if o.Rules, err = topnode.ParseRules(text); err != nil {
			return o, fmt.Errorf("%s: %w", f.rules, err)
		}
	}
	if f.eppListen != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return o, err
		}
		o.EPP = server.Options{TLS: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert}}
	}
	return o, nil
}

// makeKey makes a private key in a file, unless there is one, and returns its public half.
func makeKey(file string) (crypto.PublicKey, error) {
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
			return nil, err
		}
	}
	key, err := requestsign.LoadPrivateKey(file)
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}

func (f *flags) run(ctx context.Context) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	o, err := f.options(log)
	if err != nil {
		return err
	}
	top, err := topnode.New(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, top.Close()) }()
	work, ctx := errgroup.WithContext(ctx)
	web, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: top.Handler(), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	work.Go(func() error {
		if err := srv.Serve(web); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	work.Go(func() error {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return srv.Shutdown(last)
	})
	args := []any{"http", web.Addr().String()}
	if f.eppListen != "" {
		l, err := net.Listen("tcp", f.eppListen)
		if err != nil {
			return errors.Join(err, srv.Close())
		}
		work.Go(func() error { return top.ServeEPP(ctx, l) })
		args = append(args, "epp", l.Addr().String())
	}
	if f.handle != "" {
		n, err := node.New(f.handleConfig(), version.String(), log)
		if err != nil {
			return errors.Join(err, srv.Close())
		}
		work.Go(func() error { return n.Run(ctx) })
		args = append(args, "handle", n.Addr("handle").String(), "registry", n.Addr("http").String())
	}
	log.Info("ready", args...)
	return work.Wait()
}

// handleConfig is that of the node which keeps prefix records: one that may allocate everything under the prefixes of the
// secondary nodes. The administrator of records under 88.1021 is 300:88.1021.0/SLN.
func (f *flags) handleConfig() config.Config {
	c := config.Default()
	c.DataDir = filepath.Join(f.dir, "handle")
	for _, text := range f.nodes {
		prefix, _, _ := strings.Cut(text, "=")
		c.Node.Prefixes = append(c.Node.Prefixes, prefix)
		c.Handle.ServerAdmins = append(c.Handle.ServerAdmins, "300:"+prefix+".0/SLN")
	}
	c.Handle.Listen, c.HTTP.Listen = f.handle, f.registry
	c.DNS.Listen, c.GRPC.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	c.QueryLog.Enabled = false
	return c
}
