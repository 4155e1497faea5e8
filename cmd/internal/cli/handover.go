package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/identifier"
)

// askedAfter is how many identifiers are asked for at both nodes once a prefix has moved.
const askedAfter = 20

// handover is a prefix on its way to another node.
type handover struct {
	place
	target  *place // nil: the new node is another product
	service service
	reason  string
	file    string // for another product: where the records are written
	sample  int    // how many are compared there; 0: all
}

func (a *app) prefixHandover() *cobra.Command {
	var to, target, targetKey, scheme, reason, file string
	var handlePort, httpPort, dnsPort uint16
	var dryRun, abort bool
	var sample int
	cmd := &cobra.Command{
		Use:   "handover PREFIX --to HOST",
		Short: "Move a hosted prefix to the enterprise's own node, without a gap in its answers",
		Long: `Move the records of a hosted prefix to the enterprise's own node, and refer to that from then on:

  1 check    the prefix, the new node, and that it takes the records
  2 copy     all records, while they may be written
  3 freeze   writes are refused from here on; everything is answered as before
  4 delta    what was changed meanwhile
  5 compare  both nodes have the same records
  6 switch   the prefix is delegated: in one step this node refers to the new one
  7 ask      both nodes, as a client would

--target is the new node's HTTP interface, if it is an idnode; its operator's key comes from --target-key-file.
Otherwise the records are written to --file after the freeze, to be loaded there with its own tools; run
the command again then: it asks the new node over the Handle protocol for each of them, and goes on.

Whatever breaks off is run again, and goes on where it was. Until the switch --abort undoes the freeze;
after it 'idctl prefix takeback' does. The records stay at this node.`,
		Example: `  idctl prefix handover 88.1021.200 --to 192.0.2.7 --handle-port 2641 --http-port 8080 \
      --target https://192.0.2.7:8080 --target-key-file new.key
  idctl prefix handover 88.1021.200 --to 192.0.2.7 --file records.ndjson --sample 500
  idctl prefix handover 88.1021.200 --abort`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			scheme, prefix, err := namespace(args[0], scheme)
			if err != nil {
				return err
			}
			h := &handover{place: place{a, scheme, prefix}, reason: orDefault(reason, "handed over to the enterprise's own node"), file: file, sample: sample}
			if abort {
				return h.abort(ctx)
			}
			if to == "" {
				return usagef("--to is needed: the address of the new node")
			}
			if target == "" && scheme != identifier.Handle.String() {
				return usagef("a prefix of scheme %s moves to an idnode only: give --target", scheme)
			}
			if target == "" && file == "" {
				return usagef("give --target, if the new node is an idnode, or --file for its records")
			}
			if h.service, err = serviceAt(ctx, to, handlePort, httpPort, dnsPort); err != nil {
				return err
			}
			if target != "" {
				h.target = &place{a.at(target, targetKey), scheme, prefix}
			}
			if err := h.run(ctx, dryRun); err != nil {
				return h.stopped(ctx, err)
			}
			return nil
		}),
	}
	f := cmd.Flags()
	f.StringVar(&to, "to", "", "`HOST` of the new node: an address, or a name that is looked up once")
	f.Uint16Var(&handlePort, "handle-port", 2641, "its `PORT` for Handle over TCP and UDP, 0 for none")
	f.Uint16Var(&httpPort, "http-port", 0, "its `PORT` for HTTP, 0 for none")
	f.Uint16Var(&dnsPort, "dns-port", 0, "its `PORT` for DNS, 0 for none")
	f.StringVar(&target, "target", "", "`URL` of the new node's HTTP interface, if it is an idnode")
	f.StringVar(&targetKey, "target-key-file", "", "`FILE` that holds the API key of an operator there")
	f.StringVar(&file, "file", "", "for another product: `FILE` to write the records to, as NDJSON")
	f.IntVar(&sample, "sample", 0, "for another product: compare only so many records (default: all)")
	f.StringVar(&scheme, "scheme", "", "coding scheme (default: handle)")
	f.StringVar(&reason, "reason", "", "why, for the audit log and for who writes meanwhile")
	f.BoolVar(&dryRun, "dry-run", false, "check only")
	f.BoolVar(&abort, "abort", false, "give up before the switch: undo the freeze")
	return cmd
}

// at is a for another node.
func (a *app) at(server, keyFile string) *app {
	other := &app{IO: a.IO, server: server, keyFile: keyFile, output: a.output, timeout: a.timeout, started: true}
	other.web.CheckRedirect = a.web.CheckRedirect
	return other
}

// serviceAt is the service of a node on a host.
func serviceAt(ctx context.Context, host string, handlePort, httpPort, dnsPort uint16) (service, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil || len(found) == 0 {
			return service{}, failf("look up %s: %v", host, err)
		}
		addr = found[0]
	}
	return service{IP: addr.Unmap().String(), UDP: handlePort, TCP: handlePort, HTTP: httpPort, DNS: dnsPort}, nil
}

// say prints that a step was done.
func (h *handover) say(step, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if h.output == "json" {
		line, _ := json.Marshal(map[string]string{"step": step, "detail": text})
		fmt.Fprintf(h.Out, "%s\n", line)
		return
	}
	fmt.Fprintf(h.Out, "%-8s %s\n", step, clean(text))
}

func (h *handover) run(ctx context.Context, dryRun bool) error {
	ns, err := h.check(ctx)
	if err != nil {
		return err
	}
	if ns.Mode == "delegated" {
		h.say("switch", "was done before: the prefix is delegated to %s", ns.Service.IP)
		return h.ask(ctx)
	}
	if h.target == nil {
		return h.toAnotherProduct(ctx, ns, dryRun)
	}
	m, sum, err := h.copyTo(ctx, *h.target, 0, dryRun)
	if err != nil {
		return err
	}
	if dryRun {
		h.say("copy", "%d records, of which %d would be new at %s; nothing was changed", m.Lines("records"), sum.Stored, h.target.server)
		return nil
	}
	h.say("copy", "%d records up to %d; %d lines were new at %s", m.Lines("records"), m.Seq, sum.Stored, h.target.server)
	seq := m.Seq
	if ns.Frozen == nil {
		// Once more while writers go on, so that the freeze is short.
		if m, sum, err = h.copyTo(ctx, *h.target, seq, false); err != nil {
			return err
		}
		seq = m.Seq
		h.say("copy", "%d records were changed meanwhile", m.Lines("records"))
	}
	if err := h.step(ctx, "freeze", h.reason, &h.service, ""); err != nil {
		return err
	}
	h.say("freeze", "%s takes no writes until it is switched", h.prefix)
	if m, _, err = h.copyTo(ctx, *h.target, seq, false); err != nil {
		return err
	}
	h.say("delta", "%d records", m.Lines("records"))
	here, err := h.digest(ctx)
	if err != nil {
		return err
	}
	there, err := h.target.digest(ctx)
	if err != nil {
		return err
	}
	if here.Content != there.Content {
		return failf("the nodes differ: %d records here, digest %s; %d at the new node, digest %s", here.Records, here.Content, there.Records, there.Content)
	}
	h.say("compare", "%d records, %d of them revoked, digest %s at both nodes", here.Records, here.Revoked, here.Content)
	return h.finish(ctx, there.Content)
}

// finish switches, and asks both nodes.
func (h *handover) finish(ctx context.Context, digest string) error {
	if err := h.step(ctx, "handover", h.reason, &h.service, digest); err != nil {
		return err
	}
	h.say("switch", "%s is delegated to %s", h.prefix, h.service.IP)
	return h.ask(ctx)
}

// check looks at both nodes and changes nothing.
func (h *handover) check(ctx context.Context) (*prefixDoc, error) {
	ns, err := h.read(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case ns == nil:
		return nil, failf("prefix %s is not allocated here", h.prefix)
	case ns.State != "active":
		return nil, failf("prefix %s is %s", h.prefix, ns.State)
	case ns.Mode == "delegated" && ns.Service != nil && *ns.Service != h.service:
		return nil, failf("prefix %s is delegated already, to %s", h.prefix, ns.Service.IP)
	}
	if h.service.TCP != 0 {
		addr := net.JoinHostPort(h.service.IP, strconv.Itoa(int(h.service.TCP)))
		ctx, cancel := context.WithTimeout(ctx, h.timeout)
		defer cancel()
		if _, err := client.GetSiteInfo(ctx, "tcp", addr); err != nil {
			return nil, failf("the new node does not answer over the Handle protocol: %v", err)
		}
	}
	what := "answers at " + h.service.IP
	if h.target != nil {
		there, err := h.target.read(ctx)
		switch {
		case err != nil:
			return nil, err
		case there == nil:
			what += ", where the prefix will be allocated"
		case there.State != "active" || there.Mode != "hosted":
			return nil, failf("at the new node prefix %s is %s and %s: it has to be active and hosted", h.prefix, there.State, there.Mode)
		case there.Frozen != nil && ns.Mode != "delegated":
			return nil, failf("at the new node prefix %s is frozen: unfreeze it there", h.prefix)
		case there.CaseSensitive != ns.CaseSensitive:
			return nil, failf("the new node treats letter case in prefix %s in another way", h.prefix)
		default:
			what += ", where the prefix is allocated to " + there.Enterprise
		}
	}
	h.say("check", "%s is of enterprise %s, %s; the new node %s", h.prefix, ns.Enterprise, ns.Mode, what)
	return ns, nil
}

// toAnotherProduct freezes, writes the records to a file, and goes on once the new node has them.
func (h *handover) toAnotherProduct(ctx context.Context, ns *prefixDoc, dryRun bool) error {
	if dryRun {
		h.say("check", "nothing was changed")
		return nil
	}
	if ns.Frozen == nil {
		if err := h.step(ctx, "freeze", h.reason, &h.service, ""); err != nil {
			return err
		}
	}
	h.say("freeze", "%s takes no writes until it is switched", h.prefix)
	records := &recordExport{app: h.app, form: archive.NDJSON, selection: *h.records()}
	err := writeWhole(h.file, func(w io.Writer) error {
		_, err := records.run(ctx, w)
		return err
	})
	if err != nil {
		return err
	}
	h.say("copy", "all records are in %s", h.file)
	n, different, first, err := h.compare(ctx)
	if err != nil {
		return err
	}
	if different > 0 {
		return failf("of %d records that were compared %d are not the same at the new node; the first is %s; load %s there and run the command again", n, different, first, h.file)
	}
	h.say("compare", "%d records are the same at the new node", n)
	return h.finish(ctx, "")
}

func (h *handover) records() *selection {
	prefix := h.prefix
	if h.scheme == identifier.Handle.String() {
		prefix += "/"
	}
	return &selection{prefix: prefix, scheme: h.scheme}
}

// compare asks the new node for records over the Handle protocol.
func (h *handover) compare(ctx context.Context) (n, different int, first string, err error) {
	c := client.New(net.JoinHostPort(h.service.IP, strconv.Itoa(int(h.service.TCP))), client.Options{})
	defer c.Close()
	err = h.each(ctx, "/v1/identifiers", h.records().query(), h.sample, func(item json.RawMessage) error {
		rec, err := identifier.ParseRecordJSON(item)
		if err != nil {
			return failf("answer of %s is not what idctl knows: %v", h.server, err)
		}
		n++
		same, err := sameAt(ctx, c, rec)
		if err == nil && !same {
			if different++; different == 1 {
				first = rec.ID
			}
		}
		return err
	})
	return n, different, first, err
}

// sameAt reports whether the server of c answers for rec with its public values. Times are the server's.
func sameAt(ctx context.Context, c *client.Client, rec *identifier.Record) (bool, error) {
	values, err := c.Resolve(ctx, client.Request{Handle: rec.ID})
	if e, ok := errors.AsType[*client.Error](err); ok {
		switch e.Code {
		case handle.RcodeHandleNotFound:
			return rec.State == identifier.Revoked, nil
		case handle.RcodeValuesNotFound:
			values, err = nil, nil
		default:
			return false, nil
		}
	}
	if err != nil || rec.State == identifier.Revoked {
		return false, err
	}
	mine := slices.DeleteFunc(slices.Clone(rec.Values), func(v identifier.Value) bool { return !v.Public() })
	order := func(a, b identifier.Value) int { return int(a.Index) - int(b.Index) }
	slices.SortFunc(mine, order)
	slices.SortFunc(values, order)
	return slices.EqualFunc(mine, values, func(a, b identifier.Value) bool {
		return a.Index == b.Index && a.Type == b.Type && bytes.Equal(a.Data, b.Data) && a.TTLType == b.TTLType && a.TTL == b.TTL && slices.Equal(a.Refs, b.Refs)
	}), nil
}

// ask asks both nodes as a client would: this one refers, the new one answers.
func (h *handover) ask(ctx context.Context) error {
	var records []*identifier.Record
	source := h.place
	if h.target != nil {
		source = *h.target // what is there counts now
	}
	err := source.each(ctx, "/v1/identifiers", h.records().query(), askedAfter, func(item json.RawMessage) error {
		rec, err := identifier.ParseRecordJSON(item)
		records = append(records, rec)
		return err
	})
	if err != nil {
		return failf("list %s: %v", h.prefix, err)
	}
	var c *client.Client
	if h.service.TCP != 0 && h.scheme == identifier.Handle.String() {
		c = client.New(net.JoinHostPort(h.service.IP, strconv.Itoa(int(h.service.TCP))), client.Options{})
		defer c.Close()
	}
	for _, rec := range records {
		var answer struct {
			Referral *service `json:"referral"`
		}
		query := url.Values{"id": {rec.Scheme.String() + ":" + rec.ID}}
		if _, err := h.callInto(ctx, request{method: http.MethodGet, path: "/resolve", query: query, bare: true}, &answer); err != nil {
			return failf("this node does not refer for %s: %v", rec.ID, err)
		}
		if answer.Referral == nil || answer.Referral.IP != h.service.IP {
			return failf("this node does not refer to the new one for %s", rec.ID)
		}
		if c == nil {
			continue
		}
		if same, err := sameAt(ctx, c, rec); err != nil || !same {
			return failf("the new node does not answer as it should for %s: %v", rec.ID, err)
		}
	}
	h.say("ask", "%d identifiers: this node refers, the new node answers", len(records))
	h.say("done", "the records stay here until they are deleted; 'idctl prefix takeback %s' undoes it", h.prefix)
	return nil
}

// abort undoes the freeze.
func (h *handover) abort(ctx context.Context) error {
	ns, err := h.read(ctx)
	switch {
	case err != nil:
		return err
	case ns == nil:
		return failf("prefix %s is not allocated here", h.prefix)
	case ns.Mode == "delegated":
		return failf("prefix %s is delegated already: 'idctl prefix takeback' undoes it", h.prefix)
	}
	if err := h.step(ctx, "unfreeze", h.reason, nil, ""); err != nil {
		return err
	}
	h.say("abort", "%s takes writes again; what was copied stays at the new node", h.prefix)
	return nil
}

// stopped adds to err in which state it leaves the prefix, and what to do.
func (h *handover) stopped(ctx context.Context, err error) error {
	ns, rerr := h.read(context.WithoutCancel(ctx))
	switch {
	case rerr != nil || ns == nil:
		return err
	case ns.Mode == "delegated":
		return failf("%v; the prefix is delegated: run the command again to ask once more, or take it back with 'idctl prefix takeback'", err)
	case ns.Frozen != nil:
		return failf("%v; the prefix is frozen: run the command again to go on, or with --abort to unfreeze it", err)
	}
	return failf("%v; the prefix is as it was", err)
}
