package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/idnode/idnode/registry/topsync"
)

// name is what the node is known by to others: its first prefix, "" if it has none.
func (n *Node) name() string {
	prefixes, err := n.cfg.NodePrefixes()
	if err != nil || len(prefixes) == 0 {
		return ""
	}
	return prefixes[0].Name
}

// buildSync makes what reports to the top-level node, if that is wanted; else it sees to it that the change log is not
// kept for it.
func (n *Node) buildSync() error {
	if !n.cfg.Sync.Enabled {
		return topsync.Forget(context.Background(), n.engine)
	}
	prefixes, err := n.cfg.NodePrefixes()
	if err != nil {
		return err
	}
	location, err := n.cfg.SNMS.Location()
	if err != nil {
		return err
	}
	o := topsync.Options{Store: n.engine, Registrar: n.registrar, Prefixes: prefixes, Routes: n.routes, CountsRequests: true, Location: location,
		Retention: n.cfg.Sync.Retention, ExactSources: n.cfg.Sync.ExactSources, Logger: n.log, Registerer: n.metrics}
	for i := range n.cfg.Sync.Targets {
		t := &n.cfg.Sync.Targets[i]
		open := syncKinds[t.Kind]
		if open == nil {
			return fmt.Errorf("sync.targets: %s: no kind %q; there are %s", t.Name, t.Kind, strings.Join(slices.Sorted(maps.Keys(syncKinds)), ", "))
		}
		up, err := open(n, t)
		if err != nil {
			return fmt.Errorf("sync.targets: %s: %w", t.Name, err)
		}
		tables := t.Tables
		if len(tables) == 0 {
			tables = up.tables
		}
		o.Targets = append(o.Targets, topsync.TargetOptions{Name: t.Name, Kind: t.Kind, Target: up.target, Tables: tables})
		if up.follow != nil && t.Orders {
			n.orders = append(n.orders, up.follow)
		}
	}
	n.sync, err = topsync.New(o)
	return err
}

// routes are where identifiers of the node are resolved.
func (n *Node) routes() []topsync.Route {
	ip, err := n.publicIP()
	if err != nil {
		return nil
	}
	native := uint16(port(n.Addr("handle")))
	return []topsync.Route{{IP: ip, TCP: native, UDP: native, HTTP: uint16(port(n.Addr("http")))}}
}
