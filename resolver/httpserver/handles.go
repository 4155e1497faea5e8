package httpserver

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handlejson"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

const (
	maxRESTBody = 4 << 20          // octets of a body: a record of the node's limits in base64, and room
	bodyTimeout = 30 * time.Second // for a body to arrive
)

// handles serves /api/handles and what is below it.
func (c *restCall) handles() {
	if !c.reads() && c.s.o.Handles == nil {
		c.answer(http.StatusNotImplemented, handleBody{ResponseCode: handle.RcodeOperationDenied, Handle: &c.name})
		return
	}
	if !c.authenticate() {
		return
	}
	switch {
	case c.name == "" && c.reads() && c.params.Has("prefix"):
		c.list(c.params.Get("prefix"))
	case c.name == "":
		c.answer(http.StatusBadRequest, handleBody{ResponseCode: handle.RcodeInvalidHandle, Message: "Empty handle invalid"})
	case c.req.Method == http.MethodPut:
		c.put()
	case c.req.Method == http.MethodDelete:
		c.delete()
	case c.auth.who == nil && flag(c.params, "publicOnly", true):
		c.resolve()
	default:
		c.resolvePrivate()
	}
}

// resolve answers anybody with what everybody may read.
func (c *restCall) resolve() {
	body := handleBody{Handle: &c.name}
	q, err := query(c.params)
	if err == nil {
		q.ID, err = identifier.Handle.Parse(c.name)
	}
	if err != nil {
		body.Message = err.Error()
		q.ID = identifier.ID{}
	}
	q.NoCache = flag(c.params, "auth", false)
	a := c.s.ask(c.req, q, "resolve")
	status, answer := restAnswer(&q, &a, flag(c.params, "doNotRefer", false))
	body.ResponseCode, body.Values = answer.ResponseCode, answer.Values
	c.answer(status, body)
}

// restAnswer is the answer a to q in the form of the REST interface, with its status.
func restAnswer(q *resolver.Query, a *resolver.Answer, doNotRefer bool) (status int, body handleBody) {
	o := outcomes[a.Status]
	body.ResponseCode = o.rcode
	a.Values(q, func(v *identifier.Value) bool {
		body.Values = append(body.Values, handlejson.FromValue(v))
		return true
	})
	if a.Status != resolver.Referral {
		return o.handles, body
	}
	if doNotRefer {
		body.ResponseCode = handle.RcodeHandleNotFound
		return http.StatusNotFound, body
	}
	site := handle.ServiceSite(a.Service)
	body.Values = append(body.Values, handlejson.FromValue(&identifier.Value{
		Index: 1, Type: "HS_SITE.PREFIX", Data: handle.AppendSite(nil, &site),
		TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms, Timestamp: uint32(a.Namespace.Updated.Unix())}))
	return o.handles, body
}

// resolvePrivate answers with what the asker may read, and tells it to authenticate if that is not all.
func (c *restCall) resolvePrivate() {
	indexes, err := c.indexes()
	if err != nil {
		c.answer(http.StatusBadRequest, handleBody{ResponseCode: handle.RcodeProtocolError, Message: err.Error(), Handle: &c.name})
		return
	}
	if c.s.o.Handles == nil {
		c.answer(http.StatusForbidden, handleBody{ResponseCode: handle.RcodeAuthNeeded, Handle: &c.name})
		return
	}
	var flags handle.OpFlags
	for name, f := range map[string]handle.OpFlags{"auth": handle.FlagAuthoritative, "doNotRefer": handle.FlagDoNotRefer} {
		if flag(c.params, name, false) {
			flags |= f
		}
	}
	if flag(c.params, "publicOnly", false) {
		flags |= handle.FlagPublicOnly
	}
	answers, _, err := c.native(handle.Header{Opcode: handle.OpResolve, Flags: flags}, handle.AppendResolveRequest(nil, c.name, indexes, c.params["type"]))
	if err != nil {
		c.failed(err)
		return
	}
	m := answers[0]
	body := handleBody{ResponseCode: m.Header.Rcode, Handle: &c.name}
	var values []identifier.Value
	switch m.Header.Rcode {
	case handle.RcodeSuccess:
		_, values, err = handle.ParseResolveResponse(m.Body)
	case handle.RcodePrefixReferral, handle.RcodeServiceReferral:
		_, values, err = handle.ParseReferral(m.Body)
	default:
		body.Message = errorText(m)
	}
	if err != nil {
		c.failed(err)
		return
	}
	for i := range values {
		body.Values = append(body.Values, handlejson.FromValue(&values[i]))
	}
	c.answer(c.status(m.Header.Rcode, handle.OpResolve, false), body)
}

// put creates a handle, or with indexes adds values to one. Unlike the protocol it overwrites where that is not
// excluded.
func (c *restCall) put() {
	values, err := c.body()
	if err == nil {
		err = c.matches(values)
	}
	if err != nil {
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			c.refuse(http.StatusRequestEntityTooLarge, "the body is longer than "+strconv.FormatInt(tooLarge.Limit, 10)+" octets")
			return
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.refuse(http.StatusRequestTimeout, "the body did not come in "+c.s.bodyTimeout.String())
			return
		}
		c.answer(http.StatusBadRequest, handleBody{ResponseCode: handle.RcodeProtocolError, Message: err.Error()})
		return
	}
	var flags handle.OpFlags
	if flag(c.params, "overwrite", true) {
		flags |= handle.FlagOverwrite
	}
	op := handle.OpCreateHandle
	if c.params.Has("index") {
		op = handle.OpAddValue
	} else if flag(c.params, "mintNewSuffix", false) {
		flags |= handle.FlagMint
	}
	c.carryOut(op, flags, handle.AppendValuesRequest(nil, c.name, values))
}

// body reads the values in the body.
func (c *restCall) body() ([]identifier.Value, error) {
	kind, _, err := mime.ParseMediaType(c.req.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, errors.New("Unsupported media type " + c.req.Header.Get("Content-Type") + ": it is application/json")
	}
	raw, err := c.read()
	if err != nil {
		return nil, err
	}
	name, values, err := handlejson.ParseBody(raw)
	if err == nil && name != "" && !identifier.EqualFoldASCII(name, c.name) {
		err = errors.New("the body is about another handle: " + strconv.Quote(name))
	}
	return values, err
}

// read reads the request's body.
func (c *restCall) read() ([]byte, error) {
	// Not every ResponseWriter has deadlines; the real one does.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(c.s.bodyTimeout))
	return io.ReadAll(http.MaxBytesReader(c.w, c.req.Body, maxRESTBody))
}

// matches makes sure that the parameters name the indexes of values, if they name any but "various".
func (c *restCall) matches(values []identifier.Value) error {
	if !c.params.Has("index") || c.params.Get("index") == "various" {
		return nil
	}
	indexes, err := c.indexes()
	if err != nil {
		return err
	}
	asked, given := make(map[uint32]bool), make(map[uint32]bool)
	for _, n := range indexes {
		asked[n] = true
	}
	for i := range values {
		given[values[i].Index] = true
		if !asked[values[i].Index] {
			return errors.New("value " + strconv.FormatUint(uint64(values[i].Index), 10) + " is in the body and not among the indexes of the query")
		}
	}
	if len(given) != len(asked) {
		return errors.New("the query names indexes that are not in the body")
	}
	return nil
}

// delete deletes a handle, or values of one.
func (c *restCall) delete() {
	indexes, err := c.indexes()
	if err != nil {
		c.answer(http.StatusBadRequest, handleBody{ResponseCode: handle.RcodeProtocolError, Message: err.Error(), Handle: &c.name})
		return
	}
	if !c.params.Has("index") {
		c.carryOut(handle.OpDeleteHandle, 0, handle.AppendHandleRequest(nil, c.name))
		return
	}
	c.carryOut(handle.OpRemoveValue, 0, handle.AppendIndexesRequest(nil, c.name, indexes))
}

// listPage is the part of a list that is asked for.
type listPage struct {
	number, size int // negative: the whole list
	seen         int
	names        []string
}

// maxListed bounds a list that is answered whole, in names.
const maxListed = 1_000_000

var errTooMany = errors.New("the list is too long to be answered at once; ask for pages")

func (c *restCall) page() (*listPage, error) {
	p := &listPage{number: -1, size: -1, names: []string{}}
	for name, to := range map[string]*int{"page": &p.number, "pageSize": &p.size} {
		if text := c.params.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				return nil, errors.New(name + " " + strconv.Quote(text) + " is no number")
			}
			*to = int(n)
		}
	}
	return p, nil
}

func (p *listPage) all() bool { return p.number < 0 || p.size < 0 }

func (p *listPage) add(name string) error {
	if p.all() || p.seen >= p.number*p.size && p.seen-p.number*p.size < p.size {
		if len(p.names) == maxListed {
			return errTooMany
		}
		p.names = append(p.names, name)
	}
	p.seen++
	return nil
}

// body is the answer with a page, of which the names still have to be put in their place.
func (p *listPage) body() handleBody {
	b := handleBody{ResponseCode: handle.RcodeSuccess, TotalCount: strconv.Itoa(p.seen)}
	if !p.all() {
		b.Page, b.PageSize = &p.number, &p.size
	}
	return b
}

// list answers with the handles of a prefix.
func (c *restCall) list(prefix string) {
	p, err := c.page()
	if err != nil {
		c.refuse(http.StatusBadRequest, err.Error())
		return
	}
	if c.s.o.Handles == nil {
		c.answer(http.StatusNotImplemented, handleBody{ResponseCode: handle.RcodeOperationDenied})
		return
	}
	bare := prefix
	if front, rest, ok := strings.Cut(prefix, "/"); ok && identifier.EqualFoldASCII(front, "0.NA") {
		bare = rest
	}
	err = c.s.o.Handles.ListHandles(c.req.Context(), bare, c.asker(), p.add)
	var coded interface{ Rcode() handle.Rcode }
	switch {
	case errors.Is(err, errTooMany):
		c.answer(http.StatusNotImplemented, handleBody{ResponseCode: handle.RcodeOperationDenied, Message: err.Error(), Handle: &prefix})
	case errors.As(err, &coded):
		c.answer(c.status(coded.Rcode(), handle.OpListHandles, false), handleBody{ResponseCode: coded.Rcode(), Handle: &prefix})
	case err != nil:
		c.failed(err)
	default:
		body := p.body()
		body.Prefix, body.Handles = prefix, &p.names
		c.answer(http.StatusOK, body)
	}
}

// prefixes serves /api/prefixes: the homed prefixes, for administrators of the server.
func (c *restCall) prefixes() {
	if c.s.o.Handles == nil {
		c.answer(http.StatusNotImplemented, handleBody{ResponseCode: handle.RcodeOperationDenied})
		return
	}
	if !c.authenticate() {
		return
	}
	if prefix := c.params.Get("prefix"); prefix != "" {
		c.name = prefix
	}
	switch {
	case c.reads() && c.name == "":
		c.homed()
	case c.reads():
		c.w.Header().Set("Allow", "POST, DELETE, OPTIONS")
		c.refuse(http.StatusMethodNotAllowed, "a prefix can be homed and un-homed; all are listed at "+prefixesPath)
	case c.name == "":
		c.refuse(http.StatusBadRequest, "Prefix not specified")
	case c.req.Method == http.MethodPost:
		c.carryOut(handle.OpHomePrefix, 0, handle.AppendHandleRequest(nil, c.name))
	default:
		c.carryOut(handle.OpUnhomePrefix, 0, handle.AppendHandleRequest(nil, c.name))
	}
}

// homed answers with the homed prefixes.
func (c *restCall) homed() {
	p, err := c.page()
	if err != nil {
		c.refuse(http.StatusBadRequest, err.Error())
		return
	}
	answers, _, err := c.native(handle.Header{Opcode: handle.OpListHomedPrefixes}, handle.AppendHandleRequest(nil, "/"))
	if err != nil {
		c.failed(err)
		return
	}
	for _, m := range answers {
		if m.Header.Rcode != handle.RcodeSuccess {
			c.answer(c.status(m.Header.Rcode, m.Header.Opcode, false), handleBody{ResponseCode: m.Header.Rcode, Message: errorText(m)})
			return
		}
		names, err := handle.ParseHandles(m.Body)
		if err != nil {
			c.failed(err)
			return
		}
		for _, name := range names {
			if err := p.add(string(name)); err != nil {
				c.failed(err)
				return
			}
		}
	}
	body := p.body()
	body.Prefixes = &p.names
	c.answer(http.StatusOK, body)
}

// site serves /api/site.
func (c *restCall) site() {
	site, err := handle.ParseSite(c.s.o.Site())
	if err != nil {
		c.answer(http.StatusNotFound, handleBody{ResponseCode: handle.RcodeError, Message: "this node has no site record"})
		return
	}
	c.answer(http.StatusOK, handleBody{ResponseCode: handle.RcodeSuccess, Site: handlejson.FromSite(site)})
}
