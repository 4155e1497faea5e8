package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/idnode/idnode/cmd/internal/config"
	"github.com/idnode/idnode/proto/epp/client"
	"github.com/idnode/idnode/proto/handle/auth"
	handles "github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/requestsign"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/registry/topsync/eppadmin"
	"github.com/idnode/idnode/registry/topsync/jsonlines"
	"github.com/idnode/idnode/registry/topsync/prefixrecords"
)

// upward is a node that is reported to.
type upward struct {
	target topsync.Target
	tables []string                  // that the adapter is for; nil: all
	follow func(ctx context.Context) // carries out its orders until ctx ends; nil: it gives none
}

// syncKinds are the adapters by which the node reports to others: a new one is a package and a line here.
var syncKinds = map[string]func(n *Node, t *config.SyncTarget) (*upward, error){
	"jsonlines": (*Node).jsonLines,
	"epp":       (*Node).eppAdmin,
	"handle":    (*Node).prefixRecords,
}

func (n *Node) jsonLines(t *config.SyncTarget) (*upward, error) {
	o := jsonlines.Options{URL: t.URL, Node: n.name(), CertFile: t.CertFile, KeyFile: t.KeyFile, CAFile: t.CAFile, TokenFile: t.TokenFile, Version: n.version}
	if t.SignKeyFile != "" {
		signer, err := n.syncSigner(t)
		if err != nil {
			return nil, err
		}
		o.Signer = signer
	}
	target, err := jsonlines.New(o)
	if err != nil {
		return nil, err
	}
	return &upward{target, nil, func(ctx context.Context) { target.Follow(ctx, t.Name, n.registrar, n.log) }}, nil
}

// syncSigner signs requests to a target.
func (n *Node) syncSigner(t *config.SyncTarget) (*requestsign.Signer, error) {
	app := t.App
	if app == "" {
		app = n.name()
	}
	return requestsign.LoadSigner(app, t.SignKeyFile)
}

func (n *Node) eppAdmin(t *config.SyncTarget) (*upward, error) {
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no address such as epp://top.example:700 or https://top.example/epp", t.URL)
	}
	secure, err := syncTLS(t)
	if err != nil {
		return nil, err
	}
	var c *client.Client
	switch u.Scheme {
	case "epp":
		user := t.User
		if user == "" {
			user = n.name()
		}
		password, err := os.ReadFile(t.PasswordFile)
		if err != nil {
			return nil, err
		}
		c = client.NewTLS(u.Host, client.TLSOptions{TLS: secure, Client: user, Password: string(bytes.TrimSpace(password))})
	case "http", "https":
		signer, err := n.syncSigner(t)
		if err != nil {
			return nil, err
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = secure
		if c, err = client.NewHTTP(t.URL, client.HTTPOptions{Signer: signer, Transport: transport}); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%q is no address such as epp://top.example:700 or https://top.example/epp", t.URL)
	}
	target, err := eppadmin.New(eppadmin.Options{Client: c, Prefix: n.name(), User: t.User, Certificate: n.certificate, Certificates: n.certificates})
	if err != nil {
		return nil, err
	}
	return &upward{target, []string{"T6", "T7"}, func(ctx context.Context) { target.Follow(ctx, t.Name, n.registrar, n.log) }}, nil
}

// certificate is the unified social credit code of the enterprise that holds a prefix.
func (n *Node) certificate(ctx context.Context, prefix identifier.Key) (string, error) {
	ns := n.namespaces.Get(prefix)
	if ns == nil {
		return "", nil
	}
	e, err := n.registrar.Enterprise(ctx, ns.Enterprise, registry.NodeActor())
	if err != nil {
		return "", err
	}
	return e.CreditCode, nil
}

// certificates are the unified social credit codes of all enterprises.
func (n *Node) certificates(ctx context.Context) (codes []string, err error) {
	for p := (registry.Paging{}); ; {
		page, next, err := n.registrar.ListEnterprises(ctx, registry.NodeActor(), p)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if e.CreditCode != "" {
				codes = append(codes, e.CreditCode)
			}
		}
		if p.Cursor = next; next == "" {
			return codes, nil
		}
	}
}

// syncTLS is how connections to a target are secured.
func syncTLS(t *config.SyncTarget) (*tls.Config, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, err
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	if t.CAFile != "" {
		text, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, err
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("there is no certificate in %s", t.CAFile)
		}
	}
	return secure, nil
}

func (n *Node) prefixRecords(t *config.SyncTarget) (*upward, error) {
	u, err := url.Parse(t.URL)
	if err != nil || u.Scheme != "handle" || u.Port() == "" {
		return nil, fmt.Errorf("%q is no address such as handle://top.example:2641", t.URL)
	}
	who := &handles.Identity{}
	if who.Ref, err = config.ParseRef(t.Identity); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	switch {
	case t.HandleKeyFile != "":
		text, err := os.ReadFile(t.HandleKeyFile)
		if err != nil {
			return nil, err
		}
		if who.Key, err = auth.ParsePrivateKey(text, nil); err != nil {
			return nil, fmt.Errorf("read %s: %w", t.HandleKeyFile, err)
		}
	case t.SecretFile != "":
		text, err := os.ReadFile(t.SecretFile)
		if err != nil {
			return nil, err
		}
		who.Secret = bytes.TrimSpace(text)
	default:
		return nil, errors.New("handle_key_file or secret_file is required")
	}
	target, err := prefixrecords.New(prefixrecords.Options{Client: handles.New(u.Host, handles.Options{Identity: who}), Admin: who.Ref, Site: func() []byte { return n.site }})
	if err != nil {
		return nil, err
	}
	return &upward{target: target, tables: []string{"T2", "T7"}}, nil
}
