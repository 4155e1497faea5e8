package eppadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/epp/client"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry/topsync"
)

// Options are the parts of a Target.
type Options struct {
	Client *client.Client // asks the top-level node; required
	Prefix string         // of this node, shrPrefix; required
	User   string         // of this node at the top-level node, shrUserId; default Prefix
	// PollEvery is how often an empty mailbox is looked into. Default 30 s.
	PollEvery time.Duration
	// Certificate is the unified social credit code of the enterprise that holds a prefix, "" if it has none. Required.
	Certificate func(ctx context.Context, prefix identifier.Key) (string, error)
	// Certificates are the codes of all enterprises that have one. Required.
	Certificates func(ctx context.Context) ([]string, error)
}

// Target reports enterprises and prefixes. It takes the tables T6 and T7, and passes rows of others over.
type Target struct{ o Options }

var _ topsync.Target = (*Target)(nil)

// New returns a Target; nothing is asked yet.
func New(o Options) (*Target, error) {
	if o.Client == nil || o.Prefix == "" || o.Certificate == nil || o.Certificates == nil {
		return nil, errors.New("eppadmin: Client, Prefix, Certificate and Certificates are required")
	}
	if o.PollEvery <= 0 {
		o.PollEvery = 30 * time.Second
	}
	if o.User == "" {
		o.User = o.Prefix
	}
	return &Target{o}, nil
}

// Push implements topsync.Target.
func (t *Target) Push(ctx context.Context, b topsync.Batch) (topsync.Receipt, error) {
	var r topsync.Receipt
	for i := range b.Rows {
		row := &b.Rows[i]
		var err error
		switch b.Table {
		case "T6":
			err = t.enterprise(ctx, row)
		case "T7":
			err = t.prefix(ctx, row)
		}
		detail, err := judge(err)
		if err != nil {
			if i > 0 {
				return r, nil // so far it is done; the rest is pushed again
			}
			return r, err
		}
		if detail != "" {
			r.Rejected = append(r.Rejected, topsync.Rejection{Seq: row.Seq, Detail: detail})
		}
		r.Acknowledged = row.Seq
	}
	return r, nil
}

// notSaid is a row that EPP has no words for.
type notSaid string

func (e notSaid) Error() string { return string(e) }

// judge tells refusals of a row from failures.
func judge(err error) (detail string, failure error) {
	if e, ok := errors.AsType[notSaid](err); ok {
		return string(e), nil
	}
	e, ok := errors.AsType[*epp.Error](err)
	if !ok {
		return "", err
	}
	switch e.Code {
	case epp.CodeAuthentication, epp.CodeAuthClosing:
		return "", fmt.Errorf("%w: %w", topsync.ErrHopeless, err)
	case epp.CodeFailed, epp.CodeFailedClosing, epp.CodeSessionLimit, epp.CodeUse:
		return "", err
	}
	return e.Error(), nil
}

func is(err error, code epp.Code) bool {
	e, ok := errors.AsType[*epp.Error](err)
	return ok && e.Code == code
}

// subject is the data of a row of T6.
type subject struct {
	Name              string `json:"name"`
	Nature            string `json:"nature"`
	CertificateType   string `json:"certificateType"`
	CertificateNumber string `json:"certificateNumber"`
	Province          string `json:"province"`
	City              string `json:"city"`
	County            string `json:"county"`
	Address           string `json:"address"`
	Introduction      string `json:"introduction"`
	Website           string `json:"website"`
	ContactName       string `json:"contactName"`
	ContactEmail      string `json:"contactEmail"`
	ContactPhone      string `json:"contactPhone"`
	LegalName         string `json:"legalName"`
	LegalIDType       string `json:"legalIdType"`
	LegalIDNumber     string `json:"legalIdNumber"`
}

// idTypes are the kinds of documents of T6 in the draft's numbers: identity card, passport. Others have none there.
var idTypes = map[string]epp.IDType{"1": epp.IDResident, "2": epp.IDPassport}

func (t *Target) enterprise(ctx context.Context, row *topreport.Row) error {
	var s subject
	if err := json.Unmarshal(row.Data, &s); err != nil {
		return notSaid("the row cannot be read: " + err.Error())
	}
	if row.Op == topreport.Delete {
		return notSaid("EPP cannot say that an enterprise ends: end it in the top-level node's portal")
	}
	if s.CertificateType != "1" {
		return notSaid("EPP knows enterprises by their unified social credit code only")
	}
	kind, ok := idTypes[s.LegalIDType]
	if !ok {
		return notSaid("EPP does not know the kind of the legal representative's document")
	}
	e := epp.Enterprise{Type: s.Nature, CreditCode: s.CertificateNumber, NameCn: s.Name, Province: s.Province, City: s.City, County: s.County,
		AddressCn: s.Address, Website: s.Website, Descr: s.Introduction,
		Contact:     epp.Contact{Name: s.ContactName, Email: s.ContactEmail, Phone: s.ContactPhone},
		LegalPerson: epp.LegalPerson{Name: s.LegalName, IDType: kind, IDNo: s.LegalIDNumber}}
	id, err := t.find(ctx, s.CertificateNumber)
	if err != nil {
		return err
	}
	if id == "" {
		if _, _, err = t.o.Client.CreateEnt(ctx, epp.CreateEnt{SHRPrefix: t.o.Prefix, Ent: e}); is(err, epp.CodeExists) {
			err = nil // an answer was lost
		}
		return err
	}
	if row.Op == topreport.Add {
		return nil // it was created before
	}
	_, err = t.o.Client.UpdateEnt(ctx, epp.UpdateEnt{SHRPrefix: t.o.Prefix, User: t.o.User, EntID: id, All: &e})
	return err
}

// find is the number of the enterprise with a credit code, "" if the top-level node does not know it.
func (t *Target) find(ctx context.Context, code string) (string, error) {
	id, err := t.o.Client.CheckEnt(ctx, epp.CheckEnt{User: t.o.User, CertType: epp.CertCredit, CertCode: code})
	if is(err, epp.CodeNotExists) {
		return "", nil
	}
	return id, err
}

// route is the data of a row of T7.
type route struct {
	CodeType  string     `json:"codeType"`
	Prefix    string     `json:"prefix"`
	IP        netip.Addr `json:"ip"`
	Protocols []struct {
		Protocol string `json:"protocol"`
		Port     int    `json:"port"`
	} `json:"protocols"`
}

func (t *Target) prefix(ctx context.Context, row *topreport.Row) error {
	var q route
	if err := json.Unmarshal(row.Data, &q); err != nil {
		return notSaid("the row cannot be read: " + err.Error())
	}
	if q.CodeType != "vaa" && q.CodeType != "handle" {
		return notSaid("EPP knows prefixes of Handles only")
	}
	if row.Op == topreport.Delete {
		return notSaid("EPP cannot say that a prefix ends: end it in the top-level node's portal")
	}
	code, err := t.o.Certificate(ctx, identifier.Key{Scheme: identifier.Handle, Name: q.Prefix})
	if err != nil {
		return err
	}
	if code == "" {
		return notSaid("the enterprise of the prefix has no unified social credit code")
	}
	id, err := t.find(ctx, code)
	if err != nil {
		return err
	}
	if id == "" {
		return fmt.Errorf("the top-level node does not know the enterprise with the code %s yet", code) // T6 comes in its own time
	}
	free, _, err := t.o.Client.CheckPrefix(ctx, epp.CheckPrefix{SHRPrefix: t.o.Prefix, Prefix: q.Prefix})
	if err != nil && !is(err, epp.CodeExists) {
		return err
	}
	if free {
		if _, err := t.o.Client.CreatePrefix(ctx, epp.CreatePrefix{SHRPrefix: t.o.Prefix, EntID: id, Prefix: q.Prefix}); err != nil && !is(err, epp.CodeExists) {
			return err
		}
	}
	r := &epp.Route{IP: q.IP}
	for _, p := range q.Protocols {
		switch p.Protocol {
		case "TCP":
			r.TCP = p.Port
		case "UDP":
			r.UDP = p.Port
		case "HTTP":
			r.HTTP = p.Port
		}
	}
	_, err = t.o.Client.UpdatePrefix(ctx, epp.UpdatePrefix{SHRPrefix: t.o.Prefix, User: t.o.User, EntID: id, Prefix: q.Prefix, All: r})
	return err
}
