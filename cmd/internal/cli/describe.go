package cli

import (
	"fmt"
	"strings"

	"github.com/idnode/idnode/proto/handle"
)

// describe is the data of a Handle value of a binary type in words, or "" for any other.
func describe(kind string, data []byte) string {
	kind = strings.ToUpper(kind)
	switch {
	case kind == "HS_ADMIN":
		if admin, err := handle.ParseAdmin(data); err == nil {
			return fmt.Sprintf("administrator %d:%s, rights %012b", admin.Ref.Index, admin.Ref.Handle, uint16(admin.Perms))
		}
	case kind == "HS_VLIST":
		if refs, rest, err := handle.ParseRefs(data); err == nil && len(rest) == 0 {
			words := make([]string, len(refs))
			for i, r := range refs {
				words[i] = fmt.Sprintf("%d:%s", r.Index, r.Handle)
			}
			return "administrators " + strings.Join(words, "; ")
		}
	case kind == "HS_PUBKEY":
		if _, err := handle.ParsePublicKey(data); err == nil {
			return "public key " + describeKey(data)
		}
	case kind == "HS_SITE" || strings.HasPrefix(kind, "HS_SITE."):
		if site, err := handle.ParseSite(data); err == nil {
			return describeSite(site)
		}
	}
	return ""
}

var transportNames = map[handle.Transport]string{
	handle.TransportUDP: "udp", handle.TransportTCP: "tcp", handle.TransportHTTP: "http", handle.TransportHTTPS: "https",
}

func describeSite(site *handle.Site) string {
	var servers []string
	for _, s := range site.Servers {
		words := []string{s.Addr.Unmap().String()}
		for _, i := range s.Interfaces {
			words = append(words, fmt.Sprintf("%s %d", orDefault(transportNames[i.Protocol], "?"), i.Port))
		}
		servers = append(servers, strings.Join(words, " "))
	}
	return fmt.Sprintf("site %d: %s", site.Serial, strings.Join(servers, "; "))
}
