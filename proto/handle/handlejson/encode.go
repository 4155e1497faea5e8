package handlejson

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// Value is a value. Make one with [FromValue], read one with [ParseBody].
type Value struct {
	Index       uint32 `json:"index"`
	Type        string `json:"type"`
	Data        data   `json:"data"`
	Permissions string `json:"permissions,omitempty"` // four bits; left out where they are 1110
	TTL         any    `json:"ttl"`                   // seconds, or a time
	Timestamp   string `json:"timestamp"`
	References  []ref  `json:"references,omitempty"`
}

// Site is a site record: the value of an HS_SITE's data, and the siteinfo.json of the Handle.Net tools.
type Site struct {
	Version         uint16      `json:"version"`
	ProtocolVersion string      `json:"protocolVersion"`
	SerialNumber    uint16      `json:"serialNumber"`
	PrimarySite     bool        `json:"primarySite"`
	MultiPrimary    bool        `json:"multiPrimary"`
	HashOption      *uint8      `json:"hashOption,omitempty"` // left out where it is 2, all
	Attributes      []attribute `json:"attributes,omitempty"`
	Servers         []server    `json:"servers"`
}

type (
	data struct {
		Format string `json:"format"` // string, base64, hex, admin, vlist, site or key
		Value  any    `json:"value"`
	}
	ref struct {
		Handle string `json:"handle"`
		Index  uint32 `json:"index"`
	}
	admin struct {
		Handle      string `json:"handle"`
		Index       uint32 `json:"index"`
		Permissions string `json:"permissions"` // twelve bits
		// An old writer appends two octets to the value; the reference server says so.
		LegacyByteLength bool `json:"legacyByteLength,omitempty"`
	}
	attribute struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	server struct {
		ServerID   uint32 `json:"serverId"`
		Address    string `json:"address"`
		PublicKey  *data  `json:"publicKey,omitempty"`
		Interfaces []port `json:"interfaces"`
	}
	port struct {
		Query    bool   `json:"query"`
		Admin    bool   `json:"admin"`
		Protocol string `json:"protocol"`
		Port     uint32 `json:"port"`
	}
	rsaKey struct {
		Kty string `json:"kty"`
		N   string `json:"n"`
		E   string `json:"e"`
	}
	dsaKey struct {
		Kty string `json:"kty"`
		Y   string `json:"y"`
		P   string `json:"p"`
		Q   string `json:"q"`
		G   string `json:"g"`
	}
)

// FromValue is v in JSON: data of the known types as structures, other data as text where it looks like text.
// Data of a known type that does not parse is shown like any other.
func FromValue(v *identifier.Value) Value {
	out := Value{Index: v.Index, Type: v.Type, Data: fromData(v), TTL: v.TTL, Timestamp: formatTime(int64(v.Timestamp))}
	if v.TTLType == identifier.Absolute {
		out.TTL = formatTime(int64(uint32(v.TTL)))
	}
	if v.Perms != identifier.DefaultPerms {
		out.Permissions = fmt.Sprintf("%04b", v.Perms&0xF)
	}
	for _, r := range v.Refs {
		out.References = append(out.References, ref(r))
	}
	return out
}

func formatTime(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }

func fromData(v *identifier.Value) data {
	switch strings.ToUpper(v.Type) {
	case "HS_ADMIN":
		if a, err := handle.ParseAdmin(v.Data); err == nil {
			return data{"admin", admin{a.Ref.Handle, a.Ref.Index, fmt.Sprintf("%012b", a.Perms),
				len(v.Data) > len(handle.AppendAdmin(nil, a))}}
		}
	case "HS_VLIST":
		if refs, _, err := handle.ParseRefs(v.Data); err == nil {
			list := make([]ref, len(refs))
			for i, r := range refs {
				list[i] = ref(r)
			}
			return data{"vlist", list}
		}
	case "HS_SITE", "HS_SITE.6", "HS_SITE.PREFIX", "HS_NA_DELEGATE":
		if s, err := handle.ParseSite(v.Data); err == nil {
			return data{"site", FromSite(s)}
		}
	case "HS_PUBKEY":
		if k := fromKey(v.Data); k != nil {
			return *k
		}
	}
	if looksLikeText(v.Data) {
		return data{"string", string(v.Data)}
	}
	return data{"base64", base64.StdEncoding.EncodeToString(v.Data)}
}

func looksLikeText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' {
			return false
		}
	}
	return true
}

// FromSite is s in JSON.
func FromSite(s *handle.Site) Site {
	out := Site{
		Version: s.Format, ProtocolVersion: fmt.Sprintf("%d.%d", s.Protocol.Major, s.Protocol.Minor), SerialNumber: s.Serial,
		PrimarySite: s.Flags&handle.SitePrimary != 0, MultiPrimary: s.Flags&handle.SiteMultiPrimary != 0,
		Servers: make([]server, 0, len(s.Servers)),
	}
	if s.Hash != handle.HashAll {
		h := uint8(s.Hash)
		out.HashOption = &h
	}
	for _, a := range s.Attributes {
		out.Attributes = append(out.Attributes, attribute(a))
	}
	for _, from := range s.Servers {
		sj := server{ServerID: from.ID, Address: from.Addr.String(), Interfaces: make([]port, 0, len(from.Interfaces))}
		if len(from.PublicKey) > 0 {
			if sj.PublicKey = fromKey(from.PublicKey); sj.PublicKey == nil {
				sj.PublicKey = &data{"base64", base64.StdEncoding.EncodeToString(from.PublicKey)}
			}
		}
		for _, i := range from.Interfaces {
			sj.Interfaces = append(sj.Interfaces, port{
				Query: i.Type&handle.InterfaceQuery != 0, Admin: i.Type&handle.InterfaceAdmin != 0,
				Protocol: transportName(i.Protocol), Port: i.Port})
		}
		out.Servers = append(out.Servers, sj)
	}
	return out
}

func transportName(t handle.Transport) string {
	switch t {
	case handle.TransportUDP:
		return "UDP"
	case handle.TransportTCP:
		return "TCP"
	case handle.TransportHTTP:
		return "HTTP"
	case handle.TransportHTTPS:
		return "HTTPS"
	}
	return fmt.Sprint(uint8(t))
}

// fromKey is a public key in JWK members, or nil for a form that has none.
func fromKey(octets []byte) *data {
	k, err := handle.ParsePublicKey(octets)
	if err != nil {
		return nil
	}
	// RFC 7518, section 6.3.1: unsigned big-endian without leading zeros, base64url without padding.
	b64 := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(new(big.Int).SetBytes(b).Bytes()) }
	switch k.Algorithm {
	case handle.KeyRSA:
		return &data{"key", rsaKey{"RSA", b64(k.N), b64(k.E)}}
	case handle.KeyDSA:
		return &data{"key", dsaKey{"DSA", b64(k.Y), b64(k.P), b64(k.Q), b64(k.G)}}
	}
	return nil
}
