package config

import (
	"strings"
	"testing"
	"time"
)

func TestWebhook(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string // "": no mistake
	}{
		{"defaults", func(*Config) {}, ""},
		{"networks", func(c *Config) { c.Webhook.AllowPrivate = []string{"10.1.0.0/16", "fd00::/8"} }, ""},
		{"no network", func(c *Config) { c.Webhook.AllowPrivate = []string{"10.1.0.0"} }, "webhook.allow_private"},
		{"at once", func(c *Config) { c.Webhook.GiveUp = 0 }, "webhook.give_up"},
		{"longer than the log", func(c *Config) { c.Store.ChangelogRetention = 24 * time.Hour }, "webhook.give_up"},
	}
	for _, test := range tests {
		c := Default()
		test.change(&c)
		err := c.Check()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
