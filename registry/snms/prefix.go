package snms

import (
	"cmp"
	"context"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// prefixes serves the paths of section 4.5.
func (s *server) prefixes() {
	s.handle("GET /snms/api/prefix/query", registry.ScopePrefixesRead, maxNames, s.showPrefix)
	s.handle("GET /snms/api/prefix/page", registry.ScopePrefixesRead, maxNames, s.listPrefixes)
	s.handle("POST /snms/api/ent/config", registry.ScopePrefixesWrite, maxNames, s.configurePrefix)
}

// States of a prefix (section 4.5).
const (
	prefixDisabled = 0
	prefixEnabled  = 1
	prefixDeleted  = 2 // to be deleted
	prefixRejected = 3
	prefixWaiting  = 4 // for its review
)

// States of hosting (section 4.5).
const (
	notHosted  = 1
	askedHost  = 2
	deniedHost = 3
	hosted     = 4
)

// holding is a prefix of an enterprise, allocated or asked for.
type holding struct {
	prefix     string
	enterprise string
	state      int
	hosting    int
	created    time.Time
	updated    time.Time
}

// holdings are the Handle prefixes that the caller may see, the newest first: of the node's own enterprise none.
func (s *server) holdings(ctx context.Context, a registry.Actor) ([]holding, error) {
	var all []holding
	for cursor := ""; ; {
		list, next, err := s.Registrar.ListPrefixes(ctx, registry.PrefixList{Actor: a, Scheme: identifier.Handle, Paging: registry.Paging{Limit: maxPageSize, Cursor: cursor}})
		if err != nil {
			return nil, err
		}
		for _, ns := range list {
			if ns.Enterprise != registry.Self {
				all = append(all, holdingOf(ns))
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	for cursor := ""; ; {
		list, next, err := s.Registrar.ListApplications(ctx, registry.ApplicationList{Actor: a, Paging: registry.Paging{Limit: maxPageSize, Cursor: cursor}})
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if h, ok := askedFor(p); ok {
				all = append(all, h)
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b holding) int {
		return cmp.Or(b.created.Compare(a.created), cmp.Compare(a.prefix, b.prefix))
	})
	return all, nil
}

func holdingOf(ns *identifier.Namespace) holding {
	h := holding{prefix: ns.Prefix, enterprise: ns.Enterprise, state: prefixEnabled, hosting: hosted, created: ns.Created, updated: ns.Updated}
	switch ns.State {
	case identifier.NamespaceSuspended:
		h.state = prefixDisabled
	case identifier.NamespaceWithdrawn:
		h.state = prefixDeleted
	}
	if ns.Mode == identifier.Delegated {
		h.hosting = notHosted
	}
	return h
}

// askedFor is a prefix that is not allocated; ok is false for an application that has come to its end.
func askedFor(p *registry.Application) (h holding, ok bool) {
	if p.Scheme != identifier.Handle {
		return h, false
	}
	h = holding{prefix: p.Prefix, enterprise: p.Enterprise, state: prefixWaiting, hosting: notHosted, created: p.Created, updated: p.Updated}
	if p.Mode == identifier.Hosted {
		h.hosting = askedHost
	}
	switch p.State {
	case registry.ApplicationPending, registry.ApplicationReturned:
		return h, true
	case registry.ApplicationRejected:
		h.state = prefixRejected
		if h.hosting == askedHost {
			h.hosting = deniedHost
		}
		return h, true
	}
	return h, false
}

// prefixView is a prefix in answers; members are in the order of the sample. The table calls the web site entWebSite, the sample entSite: both
// are there.
type prefixView struct {
	Prefix      string  `json:"prefix"`
	CreateDate  string  `json:"createDate"`
	GHRName     string  `json:"ghrName"` // the service that registered it: this node
	Status      int     `json:"status"`
	EntNameCn   string  `json:"entNameCn"`
	EntSite     *string `json:"entSite"`
	EntWebSite  *string `json:"entWebSite"`
	EntIndustry *string `json:"entIndustry"` // letter of GB/T 4754
	EntAddrCn   *string `json:"entAddrCn"`
	EntDesc     *string `json:"entDesc"`
}

func (s *server) showPrefix(r *request) (any, error) {
	given := text(r.URL.Query().Get("prefix"))
	prefix, err := bounded("prefix", &given, maxPrefix)
	if err != nil {
		return nil, err
	}
	name, err := identifier.Handle.ParseNamespace(strings.TrimSpace(prefix))
	if err != nil {
		return nil, registry.Refuse(registry.CodeInvalidPrefix, "prefix", "%s", err)
	}
	all, err := s.holdings(r.Context(), r.actor)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(h holding) bool { return h.prefix == name })
	if i < 0 {
		return nil, nil // others get empty data (section 4.1)
	}
	h := &all[i]
	e, err := s.Registrar.Enterprise(r.Context(), h.enterprise, r.actor)
	if err != nil {
		return nil, err
	}
	node, err := s.nodeName(r.Context())
	if err != nil {
		return nil, err
	}
	v := &prefixView{Prefix: h.prefix, CreateDate: s.date(h.created), GHRName: node, Status: h.state, EntNameCn: e.Name,
		EntSite: filled(webOut(e.Website)), EntWebSite: filled(webOut(e.Website)), EntAddrCn: filled(e.Address), EntDesc: filled(e.Description)}
	if e.Industry != "" {
		v.EntIndustry = filled(e.Industry[:1])
	}
	return v, nil
}

// nodeName is what the node is called.
func (s *server) nodeName(ctx context.Context) (string, error) {
	self, err := s.Registrar.Enterprise(ctx, registry.Self, registry.NodeActor())
	if err != nil {
		return "", err
	}
	return self.Name, nil
}

// filled is a text, nil if there is none.
func filled(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// prefixRow is a prefix in a page; members are in the order of the sample. The table calls the prefix entPrefix, the sample entprefix: both
// are there.
type prefixRow struct {
	ID           uint64 `json:"id"` // made of the prefix; nothing is found by it
	EntPrefixOld string `json:"entprefix"`
	EntPrefix    string `json:"entPrefix"`
	EntID        uint64 `json:"entId"`
	State        int    `json:"state"`
	EntName      string `json:"entName"`
	ProxyState   int    `json:"proxyState"`
	CreateDate   string `json:"createDate"`
	UpdateDate   string `json:"updateDate"`
}

func (s *server) listPrefixes(r *request) (any, error) {
	from, to, err := s.span(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	name, prefix := strings.TrimSpace(q.Get("entName")), strings.TrimSpace(q.Get("entPrefix"))
	names, err := s.enterpriseNames(r.Context(), r.actor)
	if err != nil {
		return nil, err
	}
	all, err := s.holdings(r.Context(), r.actor)
	if err != nil {
		return nil, err
	}
	rows := []prefixRow{}
	for i := range all {
		h := &all[i]
		if !within(h.created, from, to) || !strings.Contains(names[h.enterprise], name) || !strings.Contains(h.prefix, prefix) {
			continue
		}
		row := prefixRow{ID: prefixNumber(h.prefix), EntPrefixOld: h.prefix, EntPrefix: h.prefix, EntID: registry.Number(h.enterprise), EntName: names[h.enterprise],
			ProxyState: h.hosting, CreateDate: s.date(h.created), UpdateDate: s.date(h.updated)}
		if h.state == prefixEnabled {
			row.State = 1
		}
		rows = append(rows, row)
	}
	return pageOf(r, rows)
}

// prefixNumber is a number for a prefix, of 53 bits.
func prefixNumber(prefix string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(prefix)) // does not fail
	return h.Sum64() >> 11
}

// configForm says who answers for a prefix: a hosting server, or the enterprise's own.
type configForm struct {
	ProxyServerID   *number `json:"proxyServerId"`
	EntPrefixConfig *struct {
		EntPrefix *text `json:"entPrefix"`
		HdlType   *text `json:"hdlType"`
		IPType    *text `json:"ipType"`
		IP        *text `json:"ip"`
		TCPPort   *text `json:"tcpPort"`
		UDPPort   *text `json:"udpPort"`
		HTTPPort  *text `json:"httpPort"`
	} `json:"entPrefixConfig"`
}

// configurePrefix makes a prefix hosted or delegated.
func (s *server) configurePrefix(r *request) (any, error) {
	var f configForm
	if err := r.read(&f); err != nil {
		return nil, err
	}
	c := f.EntPrefixConfig
	if c == nil {
		return nil, missing("entPrefixConfig")
	}
	prefix, err := bounded("entPrefix", c.EntPrefix, maxPrefix)
	if err != nil {
		return nil, err
	}
	name, err := identifier.Handle.ParseNamespace(strings.TrimSpace(prefix))
	if err != nil {
		return nil, registry.Refuse(registry.CodeInvalidPrefix, "entPrefix", "%s", err)
	}
	mode := identifier.Hosted
	p := registry.PrefixPatch{Mode: &mode}
	switch {
	case f.ProxyServerID != nil && c.IP != nil && *c.IP != "":
		return nil, refuse("托管前缀不需要填写 ip：proxyServerId 与 ip 请只填写其一")
	case f.ProxyServerID == nil && c.IP == nil && c.HdlType == nil:
		return nil, missing("proxyServerId")
	case f.ProxyServerID == nil:
		mode = identifier.Delegated
		if p.Service, err = f.service(); err != nil {
			return nil, err
		}
	}
	if h, err := s.awaited(r, name); err != nil || h != nil {
		return nil, cmp.Or(err, refuse("前缀 "+name+" 尚未审核通过"))
	}
	_, err = s.Registrar.UpdatePrefix(r.Context(), identifier.Key{Scheme: identifier.Handle, Name: name}, p, registry.Write{Actor: r.actor})
	return true, err
}

// awaited is the application for a prefix that the caller may see and that is not allocated, nil if there is none.
func (s *server) awaited(r *request, name string) (*holding, error) {
	all, err := s.holdings(r.Context(), r.actor)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(h holding) bool { return h.prefix == name && h.state < prefixRejected }) {
		return nil, nil
	}
	for i := range all {
		if all[i].prefix == name {
			return &all[i], nil
		}
	}
	return nil, nil
}

// service is the enterprise's own node as the form names it.
func (f *configForm) service() (*identifier.Service, error) {
	c := f.EntPrefixConfig
	kind, err := needed("hdlType", c.HdlType)
	if err != nil {
		return nil, err
	}
	if kind != "HS_SITE" {
		return nil, refuse("hdlType 应为 HS_SITE")
	}
	version, err := needed("ipType", c.IPType)
	if err != nil {
		return nil, err
	}
	address, err := bounded("ip", c.IP, 255)
	if err != nil {
		return nil, err
	}
	ip, err := netip.ParseAddr(strings.TrimSpace(address))
	if err != nil || ip.Zone() != "" {
		return nil, refuse("ip 应为 IP 地址")
	}
	switch {
	case version != "4" && version != "6":
		return nil, refuse("ipType 应为 4 或 6")
	case ip.Is4() != (version == "4"):
		return nil, refuse("ip 与 ipType 不一致")
	}
	service := &identifier.Service{IP: ip}
	for _, p := range []struct {
		name string
		from *text
		to   *uint16
	}{{"tcpPort", c.TCPPort, &service.TCP}, {"udpPort", c.UDPPort, &service.UDP}, {"httpPort", c.HTTPPort, &service.HTTP}} {
		if p.from == nil || strings.TrimSpace(string(*p.from)) == "" {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(*p.from)), 10, 16)
		if err != nil || n == 0 {
			return nil, refuse(p.name + " 应为 1 到 65535 的端口")
		}
		*p.to = uint16(n)
	}
	if service.TCP == 0 && service.UDP == 0 && service.HTTP == 0 {
		return nil, refuse("httpPort、tcpPort、udpPort 至少填写一个")
	}
	return service, nil
}
