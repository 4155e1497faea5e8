package httpserver

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

// The JSON forms of the Handle reference server's REST interface, members in its order
// (spec/handle-protocol.md section 13).
type (
	restValueJSON struct {
		Index       uint32    `json:"index"`
		Type        string    `json:"type"`
		Data        dataJSON  `json:"data"`
		TTL         any       `json:"ttl"`
		Permissions string    `json:"permissions,omitempty"`
		Timestamp   string    `json:"timestamp"`
		References  []refJSON `json:"references,omitempty"`
	}
	dataJSON struct {
		Format string `json:"format"`
		Value  any    `json:"value"`
	}
	refJSON struct {
		Handle string `json:"handle"`
		Index  uint32 `json:"index"`
	}
	adminJSON struct {
		Handle      string `json:"handle"`
		Index       uint32 `json:"index"`
		Permissions string `json:"permissions"`
		// An old writer appends two octets to the value; the reference server says so.
		LegacyByteLength bool `json:"legacyByteLength,omitempty"`
	}
	siteJSON struct {
		Version         uint16       `json:"version"`
		ProtocolVersion string       `json:"protocolVersion"`
		SerialNumber    uint16       `json:"serialNumber"`
		PrimarySite     bool         `json:"primarySite"`
		MultiPrimary    bool         `json:"multiPrimary"`
		HashOption      *uint8       `json:"hashOption,omitempty"`
		Attributes      []attrJSON   `json:"attributes,omitempty"`
		Servers         []serverJSON `json:"servers"`
	}
	attrJSON struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	serverJSON struct {
		ServerID   uint32          `json:"serverId"`
		Address    string          `json:"address"`
		PublicKey  *dataJSON       `json:"publicKey,omitempty"`
		Interfaces []interfaceJSON `json:"interfaces"`
	}
	interfaceJSON struct {
		Query    bool   `json:"query"`
		Admin    bool   `json:"admin"`
		Protocol string `json:"protocol"`
		Port     uint32 `json:"port"`
	}
	rsaJSON struct {
		Kty string `json:"kty"`
		N   string `json:"n"`
		E   string `json:"e"`
	}
	dsaJSON struct {
		Kty string `json:"kty"`
		Y   string `json:"y"`
		P   string `json:"p"`
		Q   string `json:"q"`
		G   string `json:"g"`
	}
)

func restValue(v *identifier.Value) restValueJSON {
	out := restValueJSON{Index: v.Index, Type: v.Type, Data: restData(v), TTL: v.TTL, Timestamp: restTime(int64(v.Timestamp))}
	if v.TTLType == identifier.Absolute {
		out.TTL = restTime(int64(uint32(v.TTL)))
	}
	if v.Perms != identifier.DefaultPerms {
		out.Permissions = fmt.Sprintf("%04b", v.Perms&0xF)
	}
	for _, r := range v.Refs {
		out.References = append(out.References, refJSON(r))
	}
	return out
}

func restTime(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }

// restData shows the data of the known types as structures, and of others as text where it looks
// like text. Data of a known type that does not parse is shown like any other.
func restData(v *identifier.Value) dataJSON {
	switch strings.ToUpper(v.Type) {
	case "HS_ADMIN":
		if a, err := handle.ParseAdmin(v.Data); err == nil {
			return dataJSON{"admin", adminJSON{a.Ref.Handle, a.Ref.Index, fmt.Sprintf("%012b", a.Perms&0xFFF),
				len(v.Data) > len(handle.AppendAdmin(nil, a))}}
		}
	case "HS_VLIST":
		if refs, _, err := handle.ParseRefs(v.Data); err == nil {
			list := make([]refJSON, len(refs))
			for i, r := range refs {
				list[i] = refJSON(r)
			}
			return dataJSON{"vlist", list}
		}
	case "HS_SITE", "HS_SITE.6", "HS_SITE.PREFIX", "HS_NA_DELEGATE":
		if s, err := handle.ParseSite(v.Data); err == nil {
			return dataJSON{"site", restSite(s)}
		}
	case "HS_PUBKEY":
		if k := restKey(v.Data); k != nil {
			return *k
		}
	}
	if looksLikeText(v.Data) {
		return dataJSON{"string", string(v.Data)}
	}
	return dataJSON{"base64", base64.StdEncoding.EncodeToString(v.Data)}
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

func restSite(s *handle.Site) siteJSON {
	out := siteJSON{
		Version: s.Format, ProtocolVersion: fmt.Sprintf("%d.%d", s.Protocol.Major, s.Protocol.Minor), SerialNumber: s.Serial,
		PrimarySite: s.Flags&handle.SitePrimary != 0, MultiPrimary: s.Flags&handle.SiteMultiPrimary != 0,
		Servers: make([]serverJSON, 0, len(s.Servers)),
	}
	if s.Hash != handle.HashAll {
		h := uint8(s.Hash)
		out.HashOption = &h
	}
	for _, a := range s.Attributes {
		out.Attributes = append(out.Attributes, attrJSON(a))
	}
	for _, server := range s.Servers {
		sj := serverJSON{ServerID: server.ID, Address: server.Addr.String(), Interfaces: make([]interfaceJSON, 0, len(server.Interfaces))}
		if len(server.PublicKey) > 0 {
			if sj.PublicKey = restKey(server.PublicKey); sj.PublicKey == nil {
				sj.PublicKey = &dataJSON{"base64", base64.StdEncoding.EncodeToString(server.PublicKey)}
			}
		}
		for _, i := range server.Interfaces {
			sj.Interfaces = append(sj.Interfaces, interfaceJSON{
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

// restKey is a public key in JWK members, or nil for a form that has none.
func restKey(data []byte) *dataJSON {
	k, err := handle.ParsePublicKey(data)
	if err != nil {
		return nil
	}
	// RFC 7518, section 6.3.1: unsigned big-endian without leading zeros, base64url without padding.
	b64 := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(new(big.Int).SetBytes(b).Bytes()) }
	switch k.Algorithm {
	case handle.KeyRSA:
		return &dataJSON{"key", rsaJSON{"RSA", b64(k.N), b64(k.E)}}
	case handle.KeyDSA:
		return &dataJSON{"key", dsaJSON{"DSA", b64(k.Y), b64(k.P), b64(k.Q), b64(k.G)}}
	}
	return nil
}
