package config

import (
	"strings"
	"testing"
	"time"
)

func TestAuditRetention(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]bool{0: true, 180 * day: true, 4400 * time.Hour: true, 365 * day: true, 180*day - 1: false, 7 * day: false, -day: false} {
		c := Default()
		c.Audit.Retention = d
		if err := c.Check(); (err == nil) != want || err != nil && !strings.Contains(err.Error(), "article 21") {
			t.Errorf("%v: %v", d, err)
		}
	}
}
