package handlejson

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// ParseBody reads the body of a PUT: an object with the member "values", the list of values alone, or one value. A
// value's index may be left out, and is 0 then; TTL and permissions are the defaults where they are left out, and a
// timestamp is not looked at. Unknown members are passed over; of a member that stands twice the last one counts.
// The handle is that of the member "handle" beside values, empty if there is none. Errors are an *[Error].
func ParseBody(body []byte) (name string, values []identifier.Value, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	first, err := dec.Token()
	if err != nil {
		return "", nil, syntax("", err)
	}
	switch first {
	case json.Delim('['):
		values, err = parseList(dec)
	case json.Delim('{'):
		name, values, err = parseObject(dec)
	default:
		return "", nil, wrong("", "neither an object nor a list")
	}
	if err != nil {
		return "", nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return "", nil, wrong("", "something stands behind the values")
	}
	return name, values, nil
}

// parseObject reads the members of an object whose brace has been read: of one with values, or of a value.
func parseObject(dec *json.Decoder) (handle string, values []identifier.Value, err error) {
	found := false
	one := make(map[string]json.RawMessage)
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return "", nil, syntax("", err)
		}
		switch name {
		default:
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return "", nil, syntax("", err)
			}
			if len(one) < maxMembers {
				one[name.(string)] = raw
			}
		case "handle":
			if err := dec.Decode(&handle); err != nil {
				return "", nil, syntax("handle", err)
			}
		case "values":
			if open, err := dec.Token(); err != nil || open != json.Delim('[') {
				return "", nil, wrong("values", "no list")
			}
			if values, err = parseList(dec); err != nil {
				return "", nil, err
			}
			found = true
		}
	}
	if _, err := dec.Token(); err != nil {
		return "", nil, syntax("", err)
	}
	if found {
		return handle, values, nil
	}
	if one["type"] == nil || one["data"] == nil {
		return "", nil, wrong("values", "missing")
	}
	raw, err := json.Marshal(one)
	if err != nil {
		return "", nil, syntax("", err)
	}
	var in valueInput
	if err := unmarshal("", raw, &in); err != nil {
		return "", nil, err
	}
	v, err := in.value("")
	return "", []identifier.Value{v}, err
}

// maxMembers is how many members of an object without values are looked at: more than a value has.
const maxMembers = 16

// parseList reads the values of a list whose bracket has been read.
func parseList(dec *json.Decoder) ([]identifier.Value, error) {
	values := []identifier.Value{}
	for dec.More() {
		path := fmt.Sprintf("values[%d]", len(values))
		if len(values) == MaxValues {
			return nil, wrong("values", "more than %d", MaxValues)
		}
		var in valueInput
		if err := dec.Decode(&in); err != nil {
			return nil, syntax(path, err)
		}
		v, err := in.value(path)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	if _, err := dec.Token(); err != nil {
		return nil, syntax("values", err)
	}
	return values, nil
}

// syntax is an error of encoding/json at a path.
func syntax(path string, err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if e.Field != "" {
			path = strings.TrimPrefix(path+"."+e.Field, ".")
		}
		return wrong(path, "%s cannot stand here", e.Value)
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return wrong(path, "the JSON text ends too early")
	}
	return wrong(path, "%v", err)
}

// unmarshal reads raw, which stands at path, into v.
func unmarshal(path string, raw []byte, v any) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return syntax(path, err)
	}
	return nil
}

type valueInput struct {
	Index       *uint32         `json:"index"`
	Type        string          `json:"type"`
	Data        json.RawMessage `json:"data"`
	TTL         json.RawMessage `json:"ttl"`
	Permissions *string         `json:"permissions"`
	References  []ref           `json:"references"`
}

func (in *valueInput) value(path string) (v identifier.Value, err error) {
	v = identifier.Value{Type: in.Type, TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
	if in.Index != nil {
		if v.Index = *in.Index; v.Index > math.MaxInt32 {
			return v, wrong(path+".index", "greater than %d", math.MaxInt32)
		}
	}
	if v.Type == "" {
		return v, wrong(path+".type", "missing")
	}
	if in.Data == nil {
		return v, wrong(path+".data", "missing")
	}
	if v.Data, err = parseData(path+".data", in.Data); err != nil {
		return v, err
	}
	if len(v.Data) > MaxData {
		return v, wrong(path+".data", "longer than %d octets", MaxData)
	}
	if in.TTL != nil && string(in.TTL) != "null" {
		if v.TTLType, v.TTL, err = parseTTL(path+".ttl", in.TTL); err != nil {
			return v, err
		}
	}
	if in.Permissions != nil {
		bits, err := strconv.ParseUint(*in.Permissions, 2, 4)
		if err != nil || len(*in.Permissions) != 4 {
			return v, wrong(path+".permissions", "not four characters 0 or 1")
		}
		v.Perms = identifier.Perms(bits)
	}
	for _, r := range in.References {
		v.Refs = append(v.Refs, identifier.Ref(r))
	}
	return v, nil
}

// parseTTL reads seconds, or the time until when a value may be kept.
func parseTTL(path string, raw []byte) (identifier.TTLType, int32, error) {
	if raw[0] != '"' {
		var seconds int32
		err := unmarshal(path, raw, &seconds)
		return identifier.Relative, seconds, err
	}
	var text string
	if err := unmarshal(path, raw, &text); err != nil {
		return 0, 0, err
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Unix() < 0 || t.Unix() > math.MaxUint32 {
		return 0, 0, wrong(path, "no time from 1970 to 2106, such as 2030-01-31T08:00:00Z")
	}
	return identifier.Absolute, int32(uint32(t.Unix())), nil
}

// parseData reads a text, or a format and a value.
func parseData(path string, raw []byte) ([]byte, error) {
	if raw[0] == '"' {
		var text string
		err := unmarshal(path, raw, &text)
		return []byte(text), err
	}
	var in struct {
		Format string
		Value  json.RawMessage
	}
	if raw[0] != '{' {
		return nil, wrong(path, "neither a string nor an object")
	}
	if err := unmarshal(path, raw, &in); err != nil {
		return nil, err
	}
	path += ".value"
	if in.Value == nil {
		return nil, wrong(path, "missing")
	}
	switch in.Format {
	case "string", "base64", "hex":
		var text string
		if err := unmarshal(path, in.Value, &text); err != nil {
			return nil, err
		}
		return parseText(path, in.Format, text)
	case "admin":
		var a admin
		if err := unmarshal(path, in.Value, &a); err != nil {
			return nil, err
		}
		return a.octets(path)
	case "vlist":
		var list []ref
		if err := unmarshal(path, in.Value, &list); err != nil {
			return nil, err
		}
		refs := make([]identifier.Ref, len(list))
		for i, r := range list {
			refs[i] = identifier.Ref(r)
		}
		return handle.AppendRefs(nil, refs), nil
	case "site":
		site, err := parseSite(path, in.Value)
		if err != nil {
			return nil, err
		}
		return handle.AppendSite(nil, site), nil
	case "key":
		return parseKey(path, in.Value)
	}
	return nil, wrong(strings.TrimSuffix(path, "value")+"format", "not string, base64, hex, admin, vlist, site or key")
}

func parseText(path, format, text string) (octets []byte, err error) {
	switch format {
	case "string":
		return []byte(text), nil
	case "hex":
		octets, err = hex.DecodeString(text)
	default:
		octets, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil {
		return nil, wrong(path, "not in %s", format)
	}
	return octets, nil
}

func (a *admin) octets(path string) ([]byte, error) {
	bits, err := strconv.ParseUint(a.Permissions, 2, 16)
	if err != nil {
		return nil, wrong(path+".permissions", "not characters 0 or 1, such as 011111110011")
	}
	if a.Handle == "" {
		return nil, wrong(path+".handle", "missing")
	}
	octets := handle.AppendAdmin(nil, handle.Admin{Perms: handle.AdminPerms(bits), Ref: identifier.Ref{Handle: a.Handle, Index: a.Index}})
	if a.LegacyByteLength {
		octets = append(octets, 0, 0)
	}
	return octets, nil
}

// ParseSite reads a site record, such as a siteinfo.json of the Handle.Net tools. Errors are an *[Error].
func ParseSite(body []byte) (*handle.Site, error) { return parseSite("", body) }

func parseSite(path string, raw []byte) (*handle.Site, error) {
	var in struct {
		Site
		Servers []struct {
			server
			PublicKey json.RawMessage `json:"publicKey"`
		} `json:"servers"`
	}
	if err := unmarshal(path, raw, &in); err != nil {
		return nil, err
	}
	out := &handle.Site{Format: in.Version, Protocol: handle.Latest, Serial: in.SerialNumber, Hash: handle.HashAll}
	if in.ProtocolVersion != "" {
		major, minor, _ := strings.Cut(in.ProtocolVersion, ".")
		x, errX := strconv.ParseUint(major, 10, 8)
		y, errY := strconv.ParseUint(minor, 10, 8)
		if errX != nil || errY != nil {
			return nil, wrong(path+".protocolVersion", "no version such as 2.11")
		}
		out.Protocol = handle.Version{Major: uint8(x), Minor: uint8(y)}
	}
	if in.PrimarySite {
		out.Flags |= handle.SitePrimary
	}
	if in.MultiPrimary {
		out.Flags |= handle.SiteMultiPrimary
	}
	if in.HashOption != nil {
		out.Hash = handle.HashOption(*in.HashOption)
	}
	for _, a := range in.Attributes {
		out.Attributes = append(out.Attributes, handle.Attribute(a))
	}
	for i := range in.Servers {
		s := &in.Servers[i]
		path := fmt.Sprintf("%s.servers[%d]", path, i)
		to := handle.Server{ID: s.ServerID}
		var err error
		if to.Addr, err = netip.ParseAddr(s.Address); err != nil {
			return nil, wrong(path+".address", "no IP address")
		}
		if s.PublicKey != nil && string(s.PublicKey) != "null" {
			if to.PublicKey, err = parseData(path+".publicKey", s.PublicKey); err != nil {
				return nil, err
			}
		}
		for j, p := range s.Interfaces {
			protocol, ok := transportOf(p.Protocol)
			if !ok {
				return nil, wrong(fmt.Sprintf("%s.interfaces[%d].protocol", path, j), "not UDP, TCP, HTTP or HTTPS")
			}
			kind := handle.InterfaceOff
			if p.Query {
				kind |= handle.InterfaceQuery
			}
			if p.Admin {
				kind |= handle.InterfaceAdmin
			}
			to.Interfaces = append(to.Interfaces, handle.Interface{Type: kind, Protocol: protocol, Port: p.Port})
		}
		out.Servers = append(out.Servers, to)
	}
	return out, nil
}

func transportOf(name string) (handle.Transport, bool) {
	for _, t := range []handle.Transport{handle.TransportUDP, handle.TransportTCP, handle.TransportHTTP, handle.TransportHTTPS} {
		if strings.EqualFold(name, transportName(t)) {
			return t, true
		}
	}
	n, err := strconv.ParseUint(name, 10, 8)
	return handle.Transport(n), err == nil
}

// parseKey reads a public key as a JSON Web Key.
func parseKey(path string, raw []byte) ([]byte, error) {
	var in struct{ Kty, N, E, Y, P, Q, G string }
	if err := unmarshal(path, raw, &in); err != nil {
		return nil, err
	}
	var failed error
	number := func(name, text string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
		if (err != nil || len(b) == 0) && failed == nil {
			failed = wrong(path+"."+name, "no number in base64url")
		}
		return b
	}
	var key handle.PublicKey
	switch strings.ToUpper(in.Kty) {
	case "RSA":
		key = handle.PublicKey{Algorithm: handle.KeyRSA, N: number("n", in.N), E: number("e", in.E)}
	case "DSA":
		key = handle.PublicKey{Algorithm: handle.KeyDSA, Y: number("y", in.Y), P: number("p", in.P), Q: number("q", in.Q), G: number("g", in.G)}
	default:
		return nil, wrong(path+".kty", "neither RSA nor DSA")
	}
	if failed != nil {
		return nil, failed
	}
	return handle.AppendPublicKey(nil, key), nil
}
