// Package prefixrecords is the adapter that keeps prefix records at the upper node by native Handle administration: for each
// route of the tables T2 and T7 the record 0.NA/<prefix> with the site that answers for the prefix (HS_SITE, index 1) and who may
// change it (HS_ADMIN, index 100). RFC 3650, section 3 has prefix records; RFC 3652, section 3 the administration.
//
// Values of other indexes that the upper node has added stay as they are. A route that is deleted takes its record along.
// Everything is asked again as often as is needed: what is there already is found so.
package prefixrecords

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry/topsync"
)

// Indexes of the values of a prefix record, as the reference server has them.
const (
	indexSite  = 1
	indexAdmin = 100
)

// handleCodes are the code types of Handle prefixes in tables of routes.
var handleCodes = map[string]bool{"handle": true, "vaa": true}

// Options are the parts of a Target.
type Options struct {
	// Client asks the upper node's server, as an administrator who may create records of prefixes. Required.
	Client *client.Client
	// Admin is who may change the records, such as 300:0.NA/88.100: normally the identity of Client. Required.
	Admin identifier.Ref
	// Site is this node's own site, in wire form. A route that leads to it gets it whole, with the server's key;
	// others one that is made of the route. Default: all are.
	Site func() []byte
}

// Target keeps prefix records. It takes the tables T2 and T7, and passes rows of others over.
type Target struct{ o Options }

var _ topsync.Target = (*Target)(nil)

// New returns a Target; nothing is asked yet.
func New(o Options) (*Target, error) {
	if o.Client == nil || o.Admin.Handle == "" {
		return nil, errors.New("prefixrecords: Client and Admin are required")
	}
	return &Target{o}, nil
}

// route is the data of a row of T2 or T7.
type route struct {
	CodeType  string     `json:"codeType"`
	Prefix    string     `json:"prefix"`
	IP        netip.Addr `json:"ip"`
	Protocols []struct {
		Protocol string `json:"protocol"`
		Port     uint16 `json:"port"`
	} `json:"protocols"`
}

// Push implements topsync.Target. The upper node's refusal of a prefix is a rejection of its row; that it does not let the
// node in at all is topsync.ErrHopeless.
func (t *Target) Push(ctx context.Context, b topsync.Batch) (topsync.Receipt, error) {
	var r topsync.Receipt
	for i := range b.Rows {
		row := &b.Rows[i]
		if b.Table == "T2" || b.Table == "T7" {
			detail, err := t.keep(ctx, row)
			if err != nil {
				if i > 0 {
					return r, nil // so far it is done; the rest is pushed again
				}
				return r, err
			}
			if detail != "" {
				r.Rejected = append(r.Rejected, topsync.Rejection{Seq: row.Seq, Detail: detail})
			}
		}
		r.Acknowledged = row.Seq
	}
	return r, nil
}

// keep brings a prefix record in line with a row. detail is why the upper node refuses it.
func (t *Target) keep(ctx context.Context, row *topreport.Row) (detail string, err error) {
	var q route
	if err := json.Unmarshal(row.Data, &q); err != nil {
		return "the row cannot be read: " + err.Error(), nil
	}
	if !handleCodes[q.CodeType] || q.Prefix == "" {
		return "", nil // other schemes have no records of prefixes
	}
	name := "0.NA/" + q.Prefix
	if row.Op == topreport.Delete {
		err = t.o.Client.Delete(ctx, name)
		if code(err) == handle.RcodeHandleNotFound {
			err = nil
		}
	} else {
		err = t.put(ctx, name, &q)
	}
	switch c := code(err); c {
	case handle.RcodeInvalidHandle, handle.RcodeInvalidValue, handle.RcodeServerNotResponsible, handle.RcodeServiceReferral, handle.RcodePrefixReferral,
		handle.RcodeInvalidAdmin, handle.RcodePermissionDenied, handle.RcodeOperationDenied:
		return err.Error(), nil
	case handle.RcodeAuthNeeded, handle.RcodeAuthFailed, handle.RcodeInvalidCredential, handle.RcodeUnableToAuth, handle.RcodeServerReadOnly:
		return "", fmt.Errorf("%w: %w", topsync.ErrHopeless, err)
	}
	return "", err
}

// put creates a record, or changes the one that is there where it differs.
func (t *Target) put(ctx context.Context, name string, q *route) error {
	site, err := t.site(q)
	if err != nil {
		return err
	}
	want := []identifier.Value{
		{Index: indexSite, Type: "HS_SITE", Data: site, TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms},
		{Index: indexAdmin, Type: "HS_ADMIN", Data: handle.AppendAdmin(nil, handle.Admin{Perms: handle.MayAll, Ref: t.o.Admin}), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms},
	}
	have, err := t.o.Client.Resolve(ctx, client.Request{Handle: name, Authoritative: true, DoNotRefer: true})
	switch code(err) {
	case handle.RcodeHandleNotFound, handle.RcodePrefixReferral, handle.RcodeServiceReferral:
		_, err := t.o.Client.Create(ctx, name, want, false)
		if code(err) == handle.RcodeHandleExists { // an answer was lost
			return t.align(ctx, name, want[:1], nil)
		}
		return err
	case handle.RcodeValuesNotFound:
		return t.align(ctx, name, want, nil)
	}
	if err != nil {
		return err
	}
	return t.align(ctx, name, want[:1], have) // who administers an existing record is its owner's affair
}

// align adds and modifies what differs of the values of a record. have is nil if it is not known.
func (t *Target) align(ctx context.Context, name string, want, have []identifier.Value) error {
	var add, modify []identifier.Value
	for _, w := range want {
		found := false
		for i := range have {
			if have[i].Index != w.Index {
				continue
			}
			found = true
			if have[i].Type != w.Type || !bytes.Equal(have[i].Data, w.Data) {
				modify = append(modify, w)
			}
		}
		if !found {
			add = append(add, w)
		}
	}
	if len(add) > 0 {
		if err := t.o.Client.AddValues(ctx, name, add, true); err != nil {
			return err
		}
	}
	if len(modify) > 0 {
		return t.o.Client.ModifyValues(ctx, name, modify)
	}
	return nil
}

// site is the site of a route, in wire form.
func (t *Target) site(q *route) ([]byte, error) {
	s := identifier.Service{IP: q.IP}
	for _, p := range q.Protocols {
		switch p.Protocol {
		case "TCP":
			s.TCP = p.Port
		case "UDP":
			s.UDP = p.Port
		case "HTTP":
			s.HTTP = p.Port
		}
	}
	if t.o.Site != nil {
		if own := t.o.Site(); leadsTo(own, &s) {
			return own, nil
		}
	}
	made := handle.ServiceSite(&s)
	return handle.AppendSite(nil, &made), nil
}

// leadsTo reports whether a site has a server at the address and TCP port of s.
func leadsTo(site []byte, s *identifier.Service) bool {
	own, err := handle.ParseSite(site)
	if err != nil {
		return false
	}
	for _, server := range own.Servers {
		if server.Addr.Unmap() != s.IP.Unmap() {
			continue
		}
		for _, i := range server.Interfaces {
			if i.Protocol == handle.TransportTCP && i.Port == uint32(s.TCP) && s.TCP > 0 {
				return true
			}
		}
	}
	return false
}

// code is the response code of a refusal, 0 if err is none.
func code(err error) handle.Rcode {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Code
	}
	return 0
}
