package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAuthCheck(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Auth.OIDC = OIDC{Issuer: "https://id.example/realm", ClientID: "idnode", ClientSecretFile: secret, RedirectURL: "https://node.example/v1/login/oidc/callback",
		Scopes: c.Auth.OIDC.Scopes, UsernameClaim: "preferred_username"}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if s, err := c.Auth.OIDC.ClientSecret(); s != "s3cret" || err != nil {
		t.Errorf("secret %q, %v", s, err)
	}
	c.Auth = Auth{LockoutFailures: 0, OIDC: OIDC{Issuer: "id.example", ClientSecretFile: filepath.Join(t.TempDir(), "none")}}
	c.SNMS.Timezone = "Asia/Atlantis"
	err := c.Check()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, key := range []string{"lockout_failures", "lockout_time", "oidc.issuer", "oidc.redirect_url", "oidc.client_id", "oidc.scopes", "oidc.username_claim", "oidc.client_secret_file", "snms.timezone"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named: %v", key, err)
		}
	}
}
