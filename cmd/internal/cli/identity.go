package cli

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/identifier"
)

// identityFlags say who asks over the Handle protocol, and how that is proven.
type identityFlags struct {
	ref        string
	key        string // file of the private key
	secret     string // file of the secret
	passphrase string // file of the private key's passphrase
	session    bool
	serverKey  string // file of the server's public key
}

func (i *identityFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&i.ref, "identity", "", "who asks, as `INDEX:HANDLE` of the HS_PUBKEY or HS_SECKEY, such as 300:88.1021/ADMIN")
	f.StringVar(&i.key, "identity-key", "", "`FILE` with the identity's private key: of the Handle.Net tools, or PEM (RSA, DSA, SM2)")
	f.StringVar(&i.passphrase, "passphrase-file", "", "`FILE` with the passphrase of --identity-key, - for standard input")
	f.StringVar(&i.secret, "identity-secret", "", "`FILE` with the identity's secret, - for standard input; an end of line at its end is not part of it")
	f.BoolVar(&i.session, "session", false, "prove the identity once, in a session; values that are not public travel encrypted then")
	f.StringVar(&i.serverKey, "server-key", "", "with --session: `FILE` with the public key that the server must have, as prefix site-info prints it")
	cmd.MarkFlagsMutuallyExclusive("identity-key", "identity-secret")
}

// options are what the flags mean. Without an identity only what everybody may do is done.
func (a *app) options(i *identityFlags) (o client.Options, err error) {
	if i.ref == "" {
		if i.key != "" || i.secret != "" || i.session {
			return o, usagef("--identity-key, --identity-secret and --session are for --identity")
		}
		return o, nil
	}
	o.Session = i.session
	who := &client.Identity{}
	o.Identity = who
	if who.Ref, err = parseRef(i.ref); err != nil {
		return o, usagef("--identity: %v", err)
	}
	switch {
	case i.key != "":
		who.Key, err = a.privateKey(i.key, i.passphrase)
	case i.secret != "":
		who.Secret, err = a.line(i.secret)
	default:
		err = usagef("--identity needs --identity-key or --identity-secret")
	}
	if err != nil || i.serverKey == "" {
		return o, err
	}
	if !i.session {
		return o, usagef("--server-key is for --session: without one, answers are not signed")
	}
	raw, err := a.readFile(i.serverKey)
	if err != nil {
		return o, err
	}
	if o.ServerKey, err = auth.ParsePublicKey(raw); err != nil {
		return o, failf("read %s: %v", i.serverKey, err)
	}
	return o, nil
}

func (a *app) privateKey(file, passphraseFile string) (auth.PrivateKey, error) {
	raw, err := a.readFile(file)
	if err != nil {
		return auth.PrivateKey{}, err
	}
	var passphrase []byte
	if passphraseFile != "" {
		if passphrase, err = a.line(passphraseFile); err != nil {
			return auth.PrivateKey{}, err
		}
	}
	key, err := auth.ParsePrivateKey(raw, passphrase)
	switch {
	case errors.Is(err, auth.ErrPassphrase) && passphraseFile == "":
		return key, usagef("%s is encrypted: give --passphrase-file", file)
	case err != nil:
		return key, failf("read %s: %v", file, err)
	}
	return key, nil
}

// line is the content of a file, or of standard input, without the end of line at its end.
func (a *app) line(file string) ([]byte, error) {
	raw, err := a.readFile(file)
	if err != nil {
		return nil, err
	}
	raw, _ = bytes.CutSuffix(raw, []byte("\n"))
	raw, _ = bytes.CutSuffix(raw, []byte("\r"))
	if len(raw) == 0 {
		return nil, failf("read %s: it is empty", file)
	}
	return raw, nil
}

// parseRef reads INDEX:HANDLE.
func parseRef(text string) (identifier.Ref, error) {
	index, name, ok := strings.Cut(text, ":")
	n, err := strconv.ParseUint(index, 10, 32)
	if !ok || err != nil || n > maxIndex || name == "" {
		return identifier.Ref{}, usagef("%q is not INDEX:HANDLE, such as 300:88.1021/ADMIN", text)
	}
	return identifier.Ref{Handle: name, Index: uint32(n)}, nil
}

// handleValueFlags are the ways in which values are given for the Handle protocol.
type handleValueFlags struct {
	values  []string
	files   []string
	private bool
	ttl     int32
	file    string
}

func (vf *handleValueFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&vf.values, "value", nil, "a value as `INDEX:TYPE=DATA` (repeatable); of HS_ADMIN the data is [RIGHTS:]INDEX:HANDLE with twelve\nrights such as 011111110011, of HS_VLIST INDEX:HANDLE;INDEX:HANDLE")
	f.StringArrayVar(&vf.files, "value-file", nil, "a value as `INDEX:TYPE=FILE`, with what the file holds; for HS_PUBKEY also a public key in PEM (repeatable)")
	f.BoolVar(&vf.private, "private", false, "only administrators may read the values of --value and --value-file; so it always is with HS_SECKEY")
	f.Int32Var(&vf.ttl, "ttl", identifier.DefaultTTL, "TTL of the values of --value and --value-file in `SECONDS`")
	f.StringVarP(&vf.file, "file", "f", "", "`FILE` with a record in JSON, whose values are taken, - for standard input")
	for _, other := range []string{"value", "value-file", "private", "ttl"} {
		cmd.MarkFlagsMutuallyExclusive(other, "file")
	}
}

// handleValues are the values that the flags give.
func (a *app) handleValues(vf *handleValueFlags) ([]identifier.Value, error) {
	if vf.file != "" {
		raw, err := a.readFile(vf.file)
		if err != nil {
			return nil, err
		}
		r, err := identifier.ParseRecordJSON(raw)
		if err != nil {
			return nil, failf("read %s: %v", vf.file, err)
		}
		return r.Values, nil
	}
	var out []identifier.Value
	add := func(text string, data func(kind, text string) ([]byte, error)) error {
		v, err := parseValue(text)
		if err != nil {
			return err
		}
		octets, err := data(v.Type, v.Data.(string))
		if err != nil {
			return failf("value %d: %v", v.Index, err)
		}
		perms := identifier.DefaultPerms
		if vf.private || strings.EqualFold(v.Type, "HS_SECKEY") {
			perms = identifier.AdminRead | identifier.AdminWrite
		}
		out = append(out, identifier.Value{Index: v.Index, Type: v.Type, Data: octets, TTL: vf.ttl, Perms: perms})
		return nil
	}
	for _, text := range vf.values {
		if err := add(text, valueData); err != nil {
			return nil, err
		}
	}
	for _, text := range vf.files {
		if err := add(text, a.fileData); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, usagef("give at least one --value INDEX:TYPE=DATA or --value-file INDEX:TYPE=FILE, or a record with --file")
	}
	return out, nil
}

// rightsLen is how many rights HS_ADMIN shows in text, most significant first (spec/handle-protocol.md, section 9).
const rightsLen = 12

// valueData is the data of a value of which the text is given.
func valueData(kind, text string) ([]byte, error) {
	switch strings.ToUpper(kind) {
	case "HS_ADMIN":
		admin := handle.Admin{Perms: handle.MayAll}
		if rights, rest, ok := strings.Cut(text, ":"); ok && len(rights) == rightsLen {
			n, err := strconv.ParseUint(rights, 2, rightsLen)
			if err != nil {
				return nil, usagef("%q are not twelve rights, each 0 or 1", rights)
			}
			admin.Perms, text = handle.AdminPerms(n), rest
		}
		var err error
		if admin.Ref, err = parseRef(text); err != nil {
			return nil, usagef("HS_ADMIN: %v", err)
		}
		return handle.AppendAdmin(nil, admin), nil
	case "HS_VLIST":
		var refs []identifier.Ref
		for one := range strings.SplitSeq(text, ";") {
			ref, err := parseRef(one)
			if err != nil {
				return nil, usagef("HS_VLIST: %v", err)
			}
			refs = append(refs, ref)
		}
		return handle.AppendRefs(nil, refs), nil
	}
	return []byte(text), nil
}

// fileData is the data of a value that a file holds. A public key in PEM becomes what the protocol has for its algorithm.
func (a *app) fileData(kind, file string) ([]byte, error) {
	raw, err := a.readFile(file)
	if err != nil || !strings.EqualFold(kind, "HS_PUBKEY") {
		return raw, err
	}
	key, err := auth.ParsePublicKey(raw)
	if err != nil {
		return nil, failf("read %s: %v", file, err)
	}
	return auth.AppendPublicKey(nil, key)
}
