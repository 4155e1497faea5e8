package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/identifier"
)

// question is what resolve asks, over whichever transport.
type question struct {
	id       string
	scheme   string // "": whichever id is written in
	types    []string
	indexes  []uint32
	fallback bool
	trace    bool
	addr     string // "" for the transport's default
	tls      bool
	zone     string // DNS: the node's zone, "" to ask the node for it
	follow   bool   // Handle: go where referrals lead
	identity client.Options
}

// answer is what came back, in the form of the node's GET /resolve.
type answer struct {
	ResponseCode int         `json:"responseCode"`
	ID           string      `json:"id"`
	Canonical    string      `json:"canonical,omitempty"`
	Scheme       string      `json:"scheme,omitempty"`
	Reading      *reading    `json:"reading,omitempty"`
	Namespace    string      `json:"namespace,omitempty"`
	Record       string      `json:"record,omitempty"`
	Version      uint64      `json:"version,omitempty"`
	Tier         string      `json:"tier,omitempty"`
	Fallback     *fallback   `json:"fallback,omitempty"`
	Values       []value     `json:"values,omitempty"`
	Referral     *referral   `json:"referral,omitempty"`
	Reason       string      `json:"reason,omitempty"`
	Successor    string      `json:"successor,omitempty"`
	Candidates   []candidate `json:"candidates,omitempty"`
	Steps        []step      `json:"steps,omitempty"`
	Message      string      `json:"message,omitempty"`

	status int    // as over HTTP
	body   []byte // as received, over HTTP
}

// referral says whom to ask instead. Over the Handle protocol it is made from the site records that come.
type referral struct {
	Namespace string `json:"namespace,omitempty"`
	IP        string `json:"ip,omitempty"`
	UDP       uint32 `json:"udp,omitempty"`
	TCP       uint32 `json:"tcp,omitempty"`
	HTTP      uint32 `json:"http,omitempty"`
	DNS       uint32 `json:"dns,omitempty"`
}

// transports are the ways to ask, by the name that --via has for them.
var transports = map[string]func(*app, context.Context, question) (*answer, error){
	"http":       (*app).resolveHTTP,
	"grpc":       (*app).resolveGRPC,
	"handle-udp": func(a *app, ctx context.Context, q question) (*answer, error) { return a.resolveHandle(ctx, "udp", q) },
	"handle-tcp": func(a *app, ctx context.Context, q question) (*answer, error) { return a.resolveHandle(ctx, "tcp", q) },
	"dns":        (*app).resolveDNS,
}

func (a *app) resolveCommand() *cobra.Command {
	var q question
	var who identityFlags
	var via string
	var indexes []uint
	cmd := &cobra.Command{
		Use:   "resolve ID",
		Short: "Ask what an identifier stands for",
		Long: `Ask a node what an identifier stands for, over any of its transports.

The identifier is a code in any spelling of any scheme, as it is typed or scanned: a Handle,
an OID in dots, as a URN or in ASN.1, an Ecode, a GTIN, an element string, a Digital Link, an EPC.

Exit code 3 means that there is no such identifier, or no value of the asked type or index.`,
		Example: `  idctl resolve 88.1021.150/SN-001
  idctl resolve 1.3.6.1.4.1.9 --via grpc
  idctl resolve '(01)06901234567892(21)A1' --fallback
  idctl resolve 88.1021.150/SN-001 --via handle-udp --type URL --index 3
  idctl resolve 88.1021.150/SN-001 --via dns --addr 192.0.2.7:53
  idctl resolve 88.1021.150/SN-001 --via handle-tcp --identity 300:88.1021/ADMIN --identity-key admpriv.bin`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q.id = args[0]
			var err error
			if q.identity, err = a.options(&who); err != nil {
				return err
			}
			ans, took, err := a.ask(ctx, &q, via, indexes)
			if err != nil {
				return err
			}
			return a.printAnswer(ans, via, took)
		}),
	}
	a.questionFlags(cmd, &q, &indexes)
	f := cmd.Flags()
	f.StringVar(&via, "via", "http", "`TRANSPORT`: http, grpc, handle-udp, handle-tcp or dns")
	f.StringVar(&q.zone, "zone", "", "with --via dns: the node's `ZONE` (default: what the node says)")
	f.BoolVar(&q.follow, "follow", false, "with --via handle-udp or handle-tcp: ask the servers that answers refer to")
	who.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("via", cobra.FixedCompletions(slices.Sorted(maps.Keys(transports)), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// questionFlags adds the flags that all questions have.
func (a *app) questionFlags(cmd *cobra.Command, q *question, indexes *[]uint) {
	f := cmd.Flags()
	f.StringVar(&q.addr, "addr", "", "`HOST:PORT` to ask (default: the server's host with port 8080, 9090, 2641 or 5300)")
	f.StringVar(&q.scheme, "scheme", "", "read ID in this `SCHEME`: handle, oid, ecode, gs1, ma or did (default: what it is written in)")
	f.StringSliceVar(&q.types, "type", nil, "ask for values of this `TYPE`; one that ends in a dot asks for its sub-types too (repeatable)")
	f.UintSliceVar(indexes, "index", nil, "ask for the value with this `INDEX` (repeatable)")
	f.BoolVar(&q.fallback, "fallback", false, "let the batch, the product or the nearest ancestor answer for what has no record")
	f.BoolVar(&q.tls, "tls", false, "use TLS with --via grpc")
	_ = cmd.RegisterFlagCompletionFunc("scheme", cobra.FixedCompletions(schemeNames(), cobra.ShellCompDirectiveNoFileComp))
}

func schemeNames() []string {
	var names []string
	for _, s := range identifier.Schemes() {
		names = append(names, s.String())
	}
	return names
}

// ask checks q and asks it over the transport of that name.
func (a *app) ask(ctx context.Context, q *question, via string, indexes []uint) (*answer, time.Duration, error) {
	var err error
	if q.indexes, err = parseIndexes(indexes); err != nil {
		return nil, 0, err
	}
	transport, ok := transports[via]
	if !ok {
		return nil, 0, usagef("--via is http, grpc, handle-udp, handle-tcp or dns, not %q", via)
	}
	if q.tls && via != "grpc" {
		return nil, 0, usagef("--tls is for --via grpc; for HTTP write --server https://…")
	}
	if q.fallback && via != "http" && via != "grpc" {
		return nil, 0, usagef("--fallback is for --via http or grpc: %s has no way to ask for it", via)
	}
	if q.follow && via != "handle-udp" && via != "handle-tcp" {
		return nil, 0, usagef("--follow is for --via handle-udp or handle-tcp: over %s the node itself follows, or tells where to ask", via)
	}
	if q.identity.Identity != nil && (via != "handle-tcp" || q.follow) {
		return nil, 0, usagef("--identity is for --via handle-tcp, and without --follow: it is proven to the one server that is asked")
	}
	if q.zone != "" && via != "dns" {
		return nil, 0, usagef("--zone is for --via dns")
	}
	if q.scheme != "" {
		if _, err := identifier.ParseScheme(q.scheme); err != nil {
			return nil, 0, usagef("--scheme is one of %s, not %q", strings.Join(schemeNames(), ", "), q.scheme)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	begin := time.Now()
	ans, err := transport(a, ctx, *q)
	if err != nil {
		return nil, 0, failf("resolve %s: %v", q.id, err)
	}
	return ans, time.Since(begin), nil
}

// parseIndexes reads the indexes of --index.
func parseIndexes(in []uint) (out []uint32, err error) {
	for _, n := range in {
		if n < 1 || n > maxIndex {
			return nil, usagef("--index is a number from 1 to 2147483647, not %d", n)
		}
		out = append(out, uint32(n))
	}
	return out, nil
}

func (a *app) resolveHTTP(ctx context.Context, q question) (*answer, error) {
	if q.addr != "" {
		elsewhere := *a
		elsewhere.server = "http://" + q.addr
		a = &elsewhere
	}
	query := url.Values{"id": {q.id}}
	for _, t := range q.types {
		query.Add("type", t)
	}
	for _, n := range q.indexes {
		query.Add("index", strconv.FormatUint(uint64(n), 10))
	}
	if q.scheme != "" {
		query.Set("scheme", q.scheme)
	}
	if q.fallback {
		query.Set("fallback", "1")
	}
	if q.trace {
		query.Set("trace", "1")
	}
	resp, err := a.do(ctx, request{method: http.MethodGet, path: "/resolve", query: query, public: true})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	ans := &answer{}
	if json.Unmarshal(body, ans) != nil || ans.ResponseCode == 0 || exitForStatus(resp.StatusCode) == exitFailed {
		return nil, parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	ans.status, ans.body = resp.StatusCode, body
	return ans, nil
}

// printAnswer prints an answer and returns the command's error: nil only if the answer is one that
// was asked for, or a referral to it.
func (a *app) printAnswer(ans *answer, via string, took time.Duration) error {
	result := ans.outcome()
	if a.output == "json" {
		if result != nil {
			result.printed = true
		}
		var err error
		if ans.body != nil {
			err = a.printBody(ans.body)
		} else {
			err = a.printJSON(ans)
		}
		if err != nil {
			return err
		}
		return asError(result)
	}
	if result != nil {
		result.text = ans.ID + ": " + result.text
		if ans.Reading != nil && ans.Reading.Form != "" {
			result.text += " (read as " + ans.Reading.String() + ")"
		}
		for _, c := range ans.others() {
			result.text += "; could also be " + c.String()
		}
		return asError(result)
	}
	if err := a.printHead(ans, via, took); err != nil {
		return err
	}
	return printValues(a.Out, ans.Values)
}

// printHead prints what is to be said of an answer before its values.
func (a *app) printHead(ans *answer, via string, took time.Duration) error {
	line := clean(ans.ID) + "  " + ans.Scheme
	if ans.Version > 0 {
		line += fmt.Sprintf("  version %d", ans.Version)
	}
	if ans.Tier != "" {
		line += "  from " + clean(ans.Tier)
	}
	lines := []string{fmt.Sprintf("%s  (%s, %s)", line, via, took.Round(10*time.Microsecond))}
	if r := ans.Reading; r != nil && r.Form != "" {
		lines = append(lines, "  read as "+clean(r.String()))
	}
	if f := ans.Fallback; f != nil {
		lines = append(lines, "  "+clean(f.String()))
	}
	for _, c := range ans.others() {
		lines = append(lines, "  could also be "+clean(c.String()))
	}
	if r := ans.Referral; r != nil {
		lines = append(lines, "  "+clean(r.String()))
	}
	_, err := fmt.Fprintln(a.Out, strings.Join(lines, "\n"))
	return err
}

// others are the readings of the text beside the one that was taken.
func (ans *answer) others() []candidate {
	return slices.DeleteFunc(slices.Clone(ans.Candidates), func(c candidate) bool { return c.Canonical == ans.Canonical })
}

// asError keeps a nil *outcome from becoming an error that is not nil.
func asError(o *outcome) error {
	if o == nil {
		return nil
	}
	return o
}

func (r *referral) String() string {
	var ways []string
	for _, p := range []struct {
		name string
		port uint32
	}{{"udp", r.UDP}, {"tcp", r.TCP}, {"http", r.HTTP}, {"dns", r.DNS}} {
		if p.port > 0 {
			ways = append(ways, fmt.Sprintf("%s %d", p.name, p.port))
		}
	}
	s := "answered by the enterprise's own node"
	if r.Namespace != "" {
		s = r.Namespace + " is " + s
	}
	if r.IP != "" {
		s += ": " + r.IP + " " + strings.Join(ways, ", ")
	}
	return s
}

// outcome is nil if the answer holds what was asked for, or says who has it.
func (ans *answer) outcome() *outcome {
	switch {
	case ans.status == http.StatusGone:
		text := "revoked"
		if ans.Reason != "" {
			text += ": " + ans.Reason
		}
		if ans.Successor != "" {
			text += "; ask for " + ans.Successor
		}
		return &outcome{code: exitNotFound, name: "revoked", text: text}
	case ans.status == http.StatusForbidden:
		text := "suspended"
		if ans.Reason != "" {
			text += ": " + ans.Reason
		}
		return &outcome{code: exitDenied, name: "suspended", text: text}
	case ans.ResponseCode == int(handle.RcodeServerNotResponsible):
		return &outcome{code: exitNotFound, name: "not_responsible", text: "not found: no namespace of this node holds it"}
	case ans.status == http.StatusNotFound:
		return &outcome{code: exitNotFound, name: "not_found", text: "not found"}
	case ans.ResponseCode == int(handle.RcodeValuesNotFound):
		return &outcome{code: exitNotFound, name: "no_values", text: "there, but without a value of that type or index for the public"}
	}
	return nil
}

// fromValues converts values that came in binary to their JSON.
func fromValues(in []identifier.Value) ([]value, error) {
	out := make([]value, len(in))
	for i := range in {
		raw, err := json.Marshal(in[i])
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &out[i]); err != nil {
			return nil, err
		}
	}
	return slices.Clip(out), nil
}
