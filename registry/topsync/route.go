package topsync

import (
	"context"
	"net/netip"

	"github.com/idnode/idnode/proto/identifier"
)

// Route is where identifiers of the node are resolved. A port of 0 means that the protocol is not spoken.
type Route struct {
	IP             netip.Addr
	TCP, UDP, HTTP uint16
}

// markRoutes marks the node's own routes, and those of enterprises that are hosted behind them: they are of the
// configuration, so only a start can have changed them.
func (k *keeper) markRoutes(ctx context.Context) error {
	return k.s.journal.write(ctx, func(w *writing) error {
		for _, p := range k.s.o.Prefixes {
			w.Set(markKey(mark{"T2", qualified(p)}), nil)
		}
		for ns, h := range k.holdings {
			if h.Own && h.Hosted && h.Live {
				w.Set(markKey(mark{"T7", qualified(ns)}), nil)
			}
		}
		return nil
	})
}

// nodeRoute is the node's first route, nil if none was told.
func (s *Syncer) nodeRoute() *Route {
	if s.o.Routes == nil {
		return nil
	}
	for _, r := range s.o.Routes() {
		if r.IP.IsValid() && r.TCP+r.UDP+r.HTTP > 0 {
			return &r
		}
	}
	return nil
}

// ownRoute is the route of one of the node's prefixes.
func (k *keeper) ownRoute(prefix string) thing {
	t := routeNamed(prefix)
	ns, ok := unqualified(prefix)
	if r := k.s.nodeRoute(); ok && r != nil && k.s.isOwn(ns) {
		t.data = routeOf(ns, r)
	}
	return t
}

// enterpriseRoute is the route of an enterprise's prefix while it is active: its own node, or this one.
func (k *keeper) enterpriseRoute(prefix string) thing {
	t := routeNamed(prefix)
	key, ok := unqualified(prefix)
	ns := k.namespaces.Get(key)
	if !ok || ns == nil || ns.State != identifier.NamespaceActive {
		return t
	}
	r := k.s.nodeRoute()
	if ns.Mode == identifier.Delegated && ns.Service != nil {
		r = &Route{IP: ns.Service.IP, TCP: ns.Service.TCP, UDP: ns.Service.UDP, HTTP: ns.Service.HTTP}
	}
	if r != nil {
		t.data = routeOf(key, r)
	}
	return t
}

func (s *Syncer) isOwn(k identifier.Key) bool {
	for _, p := range s.o.Prefixes {
		if p == k {
			return true
		}
	}
	return false
}

// routeNamed is a route of which only the name is known.
func routeNamed(prefix string) thing {
	ns, _ := unqualified(prefix)
	return thing{key: prefix, name: map[string]any{"codeType": codeType(ns), "prefix": ns.Name}}
}

func routeOf(ns identifier.Key, r *Route) map[string]any {
	ipType := "4"
	if r.IP.Is6() && !r.IP.Is4In6() {
		ipType = "6"
	}
	var protocols []map[string]any
	for _, p := range []struct {
		name string
		port uint16
	}{{"TCP", r.TCP}, {"UDP", r.UDP}, {"HTTP", r.HTTP}} {
		if p.port > 0 {
			protocols = append(protocols, map[string]any{"protocol": p.name, "port": p.port})
		}
	}
	return map[string]any{"codeType": codeType(ns), "prefix": ns.Name, "ipType": ipType, "ip": r.IP.Unmap().String(), "protocols": protocols}
}
