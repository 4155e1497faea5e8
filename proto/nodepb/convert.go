package nodepb

import (
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/idnode/idnode/proto/identifier"
)

// ToScheme returns the scheme of that name, in which text is to be read: 0, for whichever it is
// written in, if name is empty or if text begins with "name:" itself. The error is a *[FieldError].
func ToScheme(text, name string) (identifier.Scheme, error) {
	if name == "" {
		return 0, nil
	}
	s, err := identifier.ParseScheme(name)
	if err != nil {
		return 0, &FieldError{"scheme", err.Error(), err}
	}
	if rest, ok := strings.CutPrefix(text, name); ok && strings.HasPrefix(rest, ":") {
		return 0, nil
	}
	return s, nil
}

// toID reads an identifier: of the named scheme or, if scheme is empty, of the scheme that the text
// names or shows; sole is false if it shows several. The error is a *[FieldError].
func toID(text, scheme string) (id identifier.ID, sole bool, err error) {
	s, err := ToScheme(text, scheme)
	if err != nil {
		return identifier.ID{}, true, err
	}
	sole = true
	if s != 0 {
		id, err = s.Parse(text)
	} else {
		id, sole, err = identifier.Read(text)
	}
	if err != nil {
		return identifier.ID{}, sole, &FieldError{"id", err.Error(), err}
	}
	return id, sole, nil
}

// FromRecord converts r with all its values. The message shares r's data and texts.
func FromRecord(r *identifier.Record) *Record {
	p := FromRecordHead(r)
	if len(r.Values) == 0 {
		return p
	}
	values := make([]Value, len(r.Values))
	p.Values = make([]*Value, len(r.Values))
	for i := range r.Values {
		p.Values[i] = &values[i]
		fillValue(p.Values[i], &r.Values[i])
	}
	return p
}

// FromRecordHead converts everything of r but its values.
func FromRecordHead(r *identifier.Record) *Record {
	return &Record{
		Id:        Text(r.ID),
		Scheme:    r.Scheme.String(),
		Version:   r.Version,
		State:     fromState(r.State),
		Template:  Text(r.Template),
		Created:   fromTime(r.Created),
		Updated:   fromTime(r.Updated),
		Reason:    Text(r.Reason),
		Successor: Text(r.Successor),
	}
}

// FromValue converts v. The message shares v's data and texts.
func FromValue(v *identifier.Value) *Value {
	p := new(Value)
	fillValue(p, v)
	return p
}

func fillValue(p *Value, v *identifier.Value) {
	ttl, perms := v.TTL, uint32(v.Perms)
	p.Index = v.Index
	p.Type = Text(v.Type)
	p.Data = v.Data
	p.Ttl = &ttl
	p.TtlType = Value_RELATIVE
	if v.TTLType == identifier.Absolute {
		p.TtlType = Value_ABSOLUTE
	}
	p.Permissions = &perms
	if v.Timestamp != 0 {
		p.Timestamp = &timestamppb.Timestamp{Seconds: int64(v.Timestamp)}
	}
	p.References = FromRefs(v.Refs)
}

// FromRefs converts references.
func FromRefs(refs []identifier.Ref) []*Reference {
	if len(refs) == 0 {
		return nil
	}
	p := make([]*Reference, len(refs))
	for i, r := range refs {
		p[i] = &Reference{Handle: Text(r.Handle), Index: r.Index}
	}
	return p
}

// ToRecord converts p, with the defaults of a registration where a field is absent: the scheme
// that the identifier shows, active, a TTL of a day, readable by everyone. Where the identifier is
// one of several schemes the record has none and p's text. The record shares p's data. The error is
// a *[FieldError].
func ToRecord(p *Record) (*identifier.Record, error) {
	if p == nil {
		return nil, &FieldError{Field: "record", Reason: "missing"}
	}
	id, sole, err := toID(p.Id, p.Scheme)
	if err != nil {
		return nil, At("", err)
	}
	r := &identifier.Record{
		Scheme:    id.Scheme(),
		ID:        id.String(),
		Template:  p.Template,
		Reason:    p.Reason,
		Successor: p.Successor,
		Version:   p.Version,
	}
	if !sole {
		r.Scheme, r.ID = 0, p.Id
	}
	switch p.State {
	case Record_STATE_UNSPECIFIED, Record_ACTIVE:
		r.State = identifier.Active
	case Record_REVOKED:
		r.State = identifier.Revoked
	default:
		return nil, &FieldError{Field: "/state", Reason: fmt.Sprintf("unknown number %d", p.State)}
	}
	if r.Created, err = toTime("/created", p.Created); err != nil {
		return nil, err
	}
	if r.Updated, err = toTime("/updated", p.Updated); err != nil {
		return nil, err
	}
	if len(p.Values) > 0 {
		r.Values = make([]identifier.Value, len(p.Values))
	}
	for i, v := range p.Values {
		if r.Values[i], err = ToValue(v); err != nil {
			return nil, At(fmt.Sprintf("/values/%d", i), err)
		}
	}
	return r, nil
}

// ToValue converts p, with the defaults of a registration where a field is absent. The value
// shares p's data. The error is a *[FieldError].
func ToValue(p *Value) (identifier.Value, error) {
	v := identifier.Value{
		Index: p.GetIndex(),
		Type:  p.GetType(),
		Data:  p.GetData(),
		TTL:   identifier.DefaultTTL,
		Perms: identifier.DefaultPerms,
		Refs:  ToRefs(p.GetReferences()),
	}
	if p == nil {
		return v, nil
	}
	var err error
	if p.Ttl != nil {
		v.TTL = *p.Ttl
	}
	if v.TTLType, err = ToTTLType(p.TtlType); err != nil {
		return identifier.Value{}, err
	}
	if p.Permissions != nil {
		if v.Perms, err = ToPerms(*p.Permissions); err != nil {
			return identifier.Value{}, err
		}
	}
	if p.Timestamp != nil {
		t := p.Timestamp
		if t.CheckValid() != nil || t.Seconds < 0 || t.Seconds > math.MaxUint32 {
			return identifier.Value{}, &FieldError{Field: "timestamp", Reason: "not between 1970 and 2106"}
		}
		v.Timestamp = uint32(t.Seconds)
	}
	return v, nil
}

// ToTTLType converts p. The error is a *[FieldError].
func ToTTLType(p Value_TtlType) (identifier.TTLType, error) {
	switch p {
	case Value_TTL_TYPE_UNSPECIFIED, Value_RELATIVE:
		return identifier.Relative, nil
	case Value_ABSOLUTE:
		return identifier.Absolute, nil
	}
	return 0, &FieldError{Field: "ttl_type", Reason: fmt.Sprintf("unknown number %d", p)}
}

// ToPerms converts permission bits. The error is a *[FieldError].
func ToPerms(bits uint32) (identifier.Perms, error) {
	if bits > 15 {
		return 0, &FieldError{Field: "permissions", Reason: "more than four bits"}
	}
	return identifier.Perms(bits), nil
}

// ToRefs converts references.
func ToRefs(p []*Reference) []identifier.Ref {
	if len(p) == 0 {
		return nil
	}
	refs := make([]identifier.Ref, len(p))
	for i, r := range p {
		refs[i] = identifier.Ref{Handle: r.GetHandle(), Index: r.GetIndex()}
	}
	return refs
}

// FromService is the referral to the service of the namespace of that name.
func FromService(namespace string, s *identifier.Service) *Referral {
	p := &Referral{Namespace: Text(namespace), Udp: uint32(s.UDP), Tcp: uint32(s.TCP), Http: uint32(s.HTTP), Dns: uint32(s.DNS)}
	if s.IP.IsValid() {
		p.Ip = s.IP.String()
	}
	return p
}

func fromState(s identifier.State) Record_State {
	switch s {
	case identifier.Active:
		return Record_ACTIVE
	case identifier.Revoked:
		return Record_REVOKED
	}
	return Record_STATE_UNSPECIFIED
}

func fromTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func toTime(field string, p *timestamppb.Timestamp) (time.Time, error) {
	if p == nil {
		return time.Time{}, nil
	}
	if err := p.CheckValid(); err != nil {
		return time.Time{}, &FieldError{field, "not a time", err}
	}
	return p.AsTime(), nil
}

// Text makes s fit for a protobuf string, which must be UTF-8: a type or a reference that came
// over the Handle protocol may hold any octets, and one of them would fail a whole response.
func Text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
