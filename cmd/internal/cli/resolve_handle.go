package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/identifier"
)

// resolveHandle asks over the Handle protocol; network is "udp" or "tcp".
func (a *app) resolveHandle(ctx context.Context, network string, q question) (*answer, error) {
	addr := orDefault(q.addr, a.defaultAddr("2641"))
	name := strings.TrimPrefix(q.id, "handle:")
	if inner, s, _ := identifier.Unwrap(name); s == identifier.Handle {
		name = inner // the protocol knows names as they are, not their carriers
	}
	if q.scheme != "" && q.scheme != "handle" && !strings.HasPrefix(name, q.scheme+":") {
		name = q.scheme + ":" + name
	}
	ask := client.Request{Handle: name, Types: q.types, Indexes: q.indexes}
	if q.identity.Identity != nil {
		return a.resolvePrivate(ctx, addr, ask, q.identity)
	}
	var resp *client.Response
	var err error
	if q.follow {
		resp, err = client.Follow(ctx, network, addr, ask, nil)
	} else {
		resp, err = client.Resolve(ctx, network, addr, ask)
	}
	if err != nil {
		if errors.Is(err, client.ErrLost) {
			return nil, &outcome{code: exitNotFound, name: "not_found", text: err.Error()}
		}
		if cause := errors.Unwrap(err); cause != nil {
			err = cause // without the name and address, which are said already
		}
		switch {
		case errors.Is(err, client.ErrBadAnswer):
			return nil, fmt.Errorf("%s: %w", addr, err)
		case err == client.ErrNoAnswer:
			err = failf("nothing came in time")
		}
		return nil, &unreachable{addr, err}
	}
	return fromHandle(name, resp)
}

// resolvePrivate asks for what the identity of o may read.
func (a *app) resolvePrivate(ctx context.Context, addr string, ask client.Request, o client.Options) (*answer, error) {
	c := client.New(addr, o)
	defer c.Close()
	ask.Private = true
	values, err := c.Resolve(ctx, ask)
	if e, ok := errors.AsType[*client.Error](err); ok {
		switch e.Code {
		case handle.RcodeHandleNotFound, handle.RcodeValuesNotFound, handle.RcodeServerNotResponsible:
			return fromHandle(ask.Handle, &client.Response{Code: e.Code, Message: e.Text})
		}
	}
	if err != nil {
		return nil, handleFailure(addr, err)
	}
	return fromHandle(ask.Handle, &client.Response{Code: handle.RcodeSuccess, Values: values})
}

// fromHandle is an answer of the Handle protocol as the same over HTTP.
func fromHandle(name string, resp *client.Response) (*answer, error) {
	ans := &answer{ResponseCode: int(resp.Code), ID: orDefault(resp.Handle, name), Scheme: "handle", Message: resp.Message, status: http.StatusOK}
	var err error
	switch resp.Code {
	case handle.RcodeSuccess:
		ans.Values, err = fromValues(resp.Values)
	case handle.RcodeValuesNotFound:
	case handle.RcodeHandleNotFound, handle.RcodeServerNotResponsible:
		ans.status = http.StatusNotFound
	case handle.RcodeServiceReferral, handle.RcodePrefixReferral:
		ans.ID = name
		ans.Referral = siteReferral(resp)
		ans.Values, err = fromValues(resp.Values)
	case handle.RcodeServerTooBusy:
		return nil, &problem{Status: http.StatusServiceUnavailable, Code: "overloaded", Detail: orDefault(resp.Message, "the node has no capacity to answer now")}
	case handle.RcodeProtocolError, handle.RcodeInvalidHandle:
		return nil, &problem{Status: http.StatusBadRequest, Code: "invalid_identifier", Detail: orDefault(resp.Message, resp.Code.String())}
	case handle.RcodeInvalidAdmin, handle.RcodePermissionDenied, handle.RcodeAuthNeeded, handle.RcodeAuthFailed:
		return nil, &problem{Status: http.StatusForbidden, Code: "forbidden", Detail: orDefault(resp.Message, resp.Code.String())}
	default:
		return nil, failf("the node answered %d, %s: %s", resp.Code, resp.Code, resp.Message)
	}
	return ans, err
}

// siteReferral is the first server of a referral's site records; a referral to another handle has
// that as its namespace.
func siteReferral(resp *client.Response) *referral {
	r := &referral{Namespace: resp.Handle}
	for _, v := range resp.Values {
		site, err := handle.ParseSite(v.Data)
		if err != nil || len(site.Servers) == 0 {
			continue
		}
		server := site.Servers[0]
		r.IP = server.Addr.Unmap().String()
		for _, i := range server.Interfaces {
			switch i.Protocol {
			case handle.TransportUDP:
				r.UDP = i.Port
			case handle.TransportTCP:
				r.TCP = i.Port
			case handle.TransportHTTP, handle.TransportHTTPS:
				r.HTTP = i.Port
			}
		}
		break
	}
	return r
}
