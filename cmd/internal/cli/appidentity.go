package cli

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/url"

	"github.com/emmansun/gmsm/sm2"
	"github.com/spf13/cobra"
)

func (a *app) identityCommand() *cobra.Command {
	var enterprise, role, name, public string
	var prefixes []string
	create := &cobra.Command{
		Use:   "create INDEX:HANDLE --enterprise ID",
		Short: "Make an identity for an application (应用标识身份)",
		Long:  "Make an identity for an application, which logs in by signing. Its public key is the HS_PUBKEY value at the\nindex of the handle; with --public-key it is registered there first.",
		Example: `  openssl genpkey -algorithm ed25519 -out mes.pem && openssl pkey -in mes.pem -pubout -out mes.pub
  idctl identity create 300:88.1021.150/APP_mes --enterprise e1 --public-key mes.pub
  idctl identity login --identity 300:88.1021.150/APP_mes --identity-key mes.pem -O mes.token`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			body := map[string]any{"identity": args[0], "enterprise": enterprise, "role": role}
			if len(prefixes) > 0 {
				body["prefixes"] = prefixes
			}
			if name != "" {
				body["name"] = name
			}
			if public != "" {
				raw, err := a.readFile(public)
				if err != nil {
					return err
				}
				body["publicKey"] = string(raw)
			}
			return a.send(ctx, request{method: http.MethodPost, path: "/v1/identities", body: body},
				func(map[string]any) string { return "identity " + args[0] })
		}),
	}
	f := create.Flags()
	f.StringVar(&enterprise, "enterprise", "", "`ID` of the enterprise")
	f.StringVar(&role, "role", "writer", "`ROLE`: admin, writer or reader")
	f.StringVar(&name, "name", "", "what the application is, in `WORDS`")
	f.StringVar(&public, "public-key", "", "`FILE` with the public key in PEM (RSA, ECDSA, Ed25519, SM2)")
	f.StringSliceVar(&prefixes, "prefix", nil, "limit the identity to this `PREFIX` (repeatable)")
	_ = create.MarkFlagRequired("enterprise")
	list := &cobra.Command{
		Use: "list", Short: "List identities of applications", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.listAll(ctx, "/v1/identities", nil, []string{"username", "enterprise", "roles", "prefixes", "disabled", "lastUsed", "name"})
		}),
	}
	remove := &cobra.Command{
		Use: "delete INDEX:HANDLE", Short: "Delete an identity and end its tokens, effective at once; the handle stays", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.send(ctx, request{method: http.MethodDelete, path: "/v1/identities", query: url.Values{"identity": {args[0]}}},
				func(map[string]any) string { return "deleted identity " + args[0] })
		}),
	}
	return group("identity", "Make identities for applications, and log in as one", create, list, a.identityLogin(), remove)
}

func (a *app) identityLogin() *cobra.Command {
	var identity, key, passphrase, out string
	cmd := &cobra.Command{
		Use:   "login --identity INDEX:HANDLE --identity-key FILE",
		Short: "Log in as an application by signing, and keep the token in a file for --key-file",
		Args:  cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			signer, err := a.signer(key, passphrase)
			if err != nil {
				return err
			}
			var challenge struct{ Nonce string }
			if _, err := a.callInto(ctx, request{method: http.MethodPost, path: "/v1/tokens:challenge", body: map[string]any{"identity": identity}, bare: true}, &challenge); err != nil {
				return err
			}
			signature, err := signNonce(signer, challenge.Nonce)
			if err != nil {
				return failf("sign with %s: %v", key, err)
			}
			return a.keepToken(ctx, map[string]any{"identity": identity, "nonce": challenge.Nonce,
				"signature": base64.StdEncoding.EncodeToString(signature)}, identity, out)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&identity, "identity", "", "the identity, `INDEX:HANDLE`")
	f.StringVar(&key, "identity-key", "", "`FILE` with its private key: of the Handle.Net tools, or PEM (RSA, ECDSA, Ed25519, SM2)")
	f.StringVar(&passphrase, "passphrase-file", "", "`FILE` with the passphrase of --identity-key, - for standard input")
	f.StringVarP(&out, "out", "O", tokenFile, "`FILE` for the token; what it holds is replaced")
	_ = cmd.MarkFlagRequired("identity")
	_ = cmd.MarkFlagRequired("identity-key")
	return cmd
}

// signer reads a private key of any kind that applications log in with.
func (a *app) signer(file, passphraseFile string) (crypto.PrivateKey, error) {
	raw, err := a.readFile(file)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(raw); block != nil {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			key, err = x509.ParseECPrivateKey(block.Bytes)
		}
		if err == nil {
			return key, nil
		}
	}
	key, err := a.privateKey(file, passphraseFile)
	return key.Key(), err
}

// signNonce signs the characters of a nonce as POST /v1/tokens wants it.
func signNonce(key crypto.PrivateKey, nonce string) ([]byte, error) {
	digest := sha256.Sum256([]byte(nonce))
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest[:])
	case *ecdsa.PrivateKey:
		return ecdsa.SignASN1(rand.Reader, k, digest[:])
	case ed25519.PrivateKey:
		return ed25519.Sign(k, []byte(nonce)), nil
	case *sm2.PrivateKey:
		return k.SignWithSM2(rand.Reader, []byte("1234567812345678"), []byte(nonce))
	}
	return nil, failf("a key of type %T is not for this", key)
}
