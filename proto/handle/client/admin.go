package client

import (
	"context"
	"fmt"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// stock are the flags that the stock library sets in every request.
const stock = handle.FlagRecurse | handle.FlagCacheCertify

// Resolve asks for values. Values that not everybody may read are among them if q.Private is set and the client's
// identity may read them. Referrals are an [Error], see [Follow].
func (c *Client) Resolve(ctx context.Context, q Request) (values []identifier.Value, err error) {
	r := request{header: handle.Header{Opcode: handle.OpResolve, Flags: stock}, body: handle.AppendResolveRequest(nil, q.Handle, q.Indexes, q.Types), change: q.Private}
	for flag, on := range map[handle.OpFlags]bool{handle.FlagPublicOnly: !q.Private, handle.FlagAuthoritative: q.Authoritative,
		handle.FlagDoNotRefer: q.DoNotRefer, handle.FlagDigest: q.Digest} {
		if on {
			r.header.Flags |= flag
		}
	}
	err = c.do(ctx, r, func(body []byte) error {
		_, values, err = handle.ParseResolveResponse(body)
		return err
	})
	return values, about("resolve", q.Handle, err)
}

// Create creates a handle, and returns its name. With overwrite it replaces one that exists.
func (c *Client) Create(ctx context.Context, name string, values []identifier.Value, overwrite bool) (string, error) {
	var flags handle.OpFlags
	if overwrite {
		flags = handle.FlagOverwrite
	}
	return c.create(ctx, name, values, flags)
}

// Mint creates a handle whose name begins with prefix and ends as the server chooses, and returns its name.
func (c *Client) Mint(ctx context.Context, prefix string, values []identifier.Value) (string, error) {
	return c.create(ctx, prefix, values, handle.FlagMint)
}

func (c *Client) create(ctx context.Context, name string, values []identifier.Value, flags handle.OpFlags) (string, error) {
	created := name
	r := c.change(handle.OpCreateHandle, flags, handle.AppendValuesRequest(nil, name, values))
	r.private = private(values)
	err := c.do(ctx, r, func(body []byte) error {
		if len(body) == 0 {
			return nil // an empty body is success as well
		}
		name, err := handle.ParseHandleRequest(body)
		created = string(name)
		return err
	})
	return created, about("create", name, err)
}

// Delete deletes a handle.
func (c *Client) Delete(ctx context.Context, name string) error {
	return about("delete", name, c.do(ctx, c.change(handle.OpDeleteHandle, 0, handle.AppendHandleRequest(nil, name)), nil))
}

// AddValues adds values to a handle. With overwrite it replaces those whose indexes are in use.
func (c *Client) AddValues(ctx context.Context, name string, values []identifier.Value, overwrite bool) error {
	var flags handle.OpFlags
	if overwrite {
		flags = handle.FlagOverwrite
	}
	r := c.change(handle.OpAddValue, flags, handle.AppendValuesRequest(nil, name, values))
	r.private = private(values)
	return about("add values to", name, c.do(ctx, r, nil))
}

// ModifyValues replaces values of a handle by their indexes.
func (c *Client) ModifyValues(ctx context.Context, name string, values []identifier.Value) error {
	r := c.change(handle.OpModifyValue, 0, handle.AppendValuesRequest(nil, name, values))
	r.private = private(values)
	return about("modify values of", name, c.do(ctx, r, nil))
}

// RemoveValues removes values of a handle by their indexes.
func (c *Client) RemoveValues(ctx context.Context, name string, indexes []uint32) error {
	return about("remove values of", name, c.do(ctx, c.change(handle.OpRemoveValue, 0, handle.AppendIndexesRequest(nil, name, indexes)), nil))
}

// ListHandles calls yield with each handle of a prefix ("0.NA/88.101.5"), in the server's order, until yield returns an
// error.
func (c *Client) ListHandles(ctx context.Context, prefix string, yield func(name string) error) error {
	return about("list handles of", prefix, c.list(ctx, handle.OpListHandles, prefix, yield))
}

// ListHomed calls yield with the record of each prefix that the server answers for.
func (c *Client) ListHomed(ctx context.Context, yield func(name string) error) error {
	return about("list homed prefixes of", c.addr, c.list(ctx, handle.OpListHomedPrefixes, "/", yield))
}

func (c *Client) list(ctx context.Context, op handle.Opcode, name string, yield func(string) error) error {
	return c.do(ctx, c.change(op, 0, handle.AppendHandleRequest(nil, name)), func(body []byte) error {
		handles, err := handle.ParseHandles(body)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBadAnswer, err)
		}
		for _, h := range handles {
			if err := yield(string(h)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Home makes the server answer for a prefix ("0.NA/88.101.5"), Unhome ends that.
func (c *Client) Home(ctx context.Context, prefix string) error {
	return about("home", prefix, c.do(ctx, c.change(handle.OpHomePrefix, 0, handle.AppendHandleRequest(nil, prefix)), nil))
}

// Unhome is the reverse of [Client.Home].
func (c *Client) Unhome(ctx context.Context, prefix string) error {
	return about("un-home", prefix, c.do(ctx, c.change(handle.OpUnhomePrefix, 0, handle.AppendHandleRequest(nil, prefix)), nil))
}

// Verify asks the server whether an answer to a challenge fits a secret key that it keeps.
func (c *Client) Verify(ctx context.Context, v handle.Verification) (valid bool, err error) {
	r := request{header: handle.Header{Opcode: handle.OpVerifyResponse, Flags: stock | handle.FlagPublicOnly | handle.FlagDigest}, body: handle.AppendVerification(nil, v)}
	err = c.do(ctx, r, func(body []byte) error {
		valid, err = handle.ParseVerified(body)
		return err
	})
	return valid, about("verify an answer of", v.Key.Handle, err)
}

// change is a request that takes an identity.
func (c *Client) change(op handle.Opcode, flags handle.OpFlags, body []byte) request {
	return request{header: handle.Header{Opcode: op, Flags: stock | handle.FlagPublicOnly | flags}, body: body, change: true}
}

// private reports whether not everybody may read one of the values.
func private(values []identifier.Value) bool {
	for i := range values {
		if !values[i].Public() {
			return true
		}
	}
	return false
}

func about(what, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}
