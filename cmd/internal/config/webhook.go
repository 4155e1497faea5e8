package config

import (
	"fmt"
	"net/netip"
	"time"
)

// Webhook is how enterprises are told of changes.
type Webhook struct {
	// GiveUp is for how long a message may fail before its webhook is disabled. Below store.changelog_retention.
	GiveUp time.Duration `koanf:"give_up"`
	// AllowPrivate are networks that may be sent to though they are not public, over HTTP too.
	AllowPrivate []string `koanf:"allow_private"`
	// AllowHTTP allows HTTP without TLS everywhere.
	AllowHTTP bool `koanf:"allow_http"`
}

// PrivateNetworks are the networks of webhook.allow_private.
func (w *Webhook) PrivateNetworks() ([]netip.Prefix, error) {
	var nets []netip.Prefix
	for _, text := range w.AllowPrivate {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("webhook.allow_private: %q is no network such as 10.1.0.0/16", text)
		}
		nets = append(nets, p.Masked())
	}
	return nets, nil
}

// checkWebhook looks at webhook, and at what it needs of the store.
func (c *Config) checkWebhook() error {
	if w := c.Webhook.GiveUp; w <= 0 || w >= c.Store.ChangelogRetention {
		return fmt.Errorf("webhook.give_up: must be positive and below store.changelog_retention (%s)", c.Store.ChangelogRetention)
	}
	_, err := c.Webhook.PrivateNetworks()
	return err
}
