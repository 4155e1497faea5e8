package node

import (
	"net/netip"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/egress"
	"github.com/idnode/idnode/registry/webhook"
	"github.com/idnode/idnode/storage"
)

// webhookRules are what the registrar needs for webhooks.
func (n *Node) webhookRules() (registry.WebhookRules, error) {
	private, err := n.cfg.Webhook.PrivateNetworks()
	policy := &egress.Policy{AllowPrivate: private, AllowHTTP: n.cfg.Webhook.AllowHTTP, Own: n.listeners}
	return registry.WebhookRules{Seal: n.secret, Egress: policy}, err
}

// listeners are the addresses at which the node listens.
func (n *Node) listeners() []netip.AddrPort {
	var all []netip.AddrPort
	for _, s := range n.surfaces {
		if a := s.Addr(); a != nil {
			if ap, err := netip.ParseAddrPort(a.String()); err == nil {
				all = append(all, ap)
			}
		}
	}
	return all
}

// buildWebhooks makes the sender of webhooks.
func (n *Node) buildWebhooks(namespaces *storage.Namespaces, rules registry.WebhookRules) (err error) {
	n.webhooks, err = webhook.New(webhook.Options{Registrar: n.registrar, Store: n.engine, Namespaces: namespaces, Egress: rules.Egress,
		GiveUp: n.cfg.Webhook.GiveUp, Version: n.version, Logger: n.log, Registerer: n.metrics})
	return err
}
