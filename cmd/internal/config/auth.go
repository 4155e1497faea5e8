package config

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"
	_ "time/tzdata" // machines without a time zone database know snms.timezone too
)

// Auth is how people log in.
type Auth struct {
	// LockoutFailures failed logins within 15 minutes lock an account for LockoutTime.
	LockoutFailures int           `koanf:"lockout_failures"`
	LockoutTime     time.Duration `koanf:"lockout_time"`
	OIDC            OIDC          `koanf:"oidc"`
}

// OIDC is the OpenID provider at which people log in.
type OIDC struct {
	Issuer           string   `koanf:"issuer"` // URL; empty: none
	ClientID         string   `koanf:"client_id"`
	ClientSecretFile string   `koanf:"client_secret_file"` // empty: a public client
	RedirectURL      string   `koanf:"redirect_url"`       // of /v1/login/oidc/callback, as browsers reach it
	Scopes           []string `koanf:"scopes"`
	UsernameClaim    string   `koanf:"username_claim"`
}

// SNMS is the interface of the market's registration systems.
type SNMS struct {
	// DayHashLogin allows logins with a hash of the password and the day, for which the form of passwords is kept sealed.
	DayHashLogin bool `koanf:"day_hash_login"`
	// Timezone is where that day is.
	Timezone string `koanf:"timezone"`
	// BatchRows is how many identifiers a batch call takes. Clients count on 2000.
	BatchRows int `koanf:"batch_rows"`
}

// Location is the time zone of snms.timezone.
func (s *SNMS) Location() (*time.Location, error) {
	l, err := time.LoadLocation(s.Timezone)
	if err != nil || s.Timezone == "" {
		return nil, fmt.Errorf("snms.timezone: %q is no time zone, such as Asia/Shanghai", s.Timezone)
	}
	return l, nil
}

// ClientSecret is the content of client_secret_file, "" without one.
func (o *OIDC) ClientSecret() (string, error) {
	if o.ClientSecretFile == "" {
		return "", nil
	}
	raw, err := os.ReadFile(o.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("auth.oidc.client_secret_file: %w", err)
	}
	secret := bytes.TrimSpace(raw)
	if len(secret) == 0 {
		return "", fmt.Errorf("auth.oidc.client_secret_file: %s is empty", o.ClientSecretFile)
	}
	return string(secret), nil
}

func (a *Auth) check() error {
	var errs []error
	if a.LockoutFailures < 1 || a.LockoutFailures > 100 {
		errs = append(errs, errors.New("auth.lockout_failures: must be from 1 to 100"))
	}
	if a.LockoutTime < time.Second {
		errs = append(errs, errors.New("auth.lockout_time: must be at least 1s"))
	}
	if a.OIDC.Issuer == "" {
		return errors.Join(errs...)
	}
	for key, text := range map[string]string{"issuer": a.OIDC.Issuer, "redirect_url": a.OIDC.RedirectURL} {
		if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			errs = append(errs, fmt.Errorf("auth.oidc.%s: %q is no URL", key, text))
		}
	}
	if a.OIDC.ClientID == "" {
		errs = append(errs, errors.New("auth.oidc.client_id: is needed with an issuer"))
	}
	if a.OIDC.UsernameClaim == "" {
		errs = append(errs, errors.New("auth.oidc.username_claim: is empty"))
	}
	if !slices.Contains(a.OIDC.Scopes, "openid") {
		errs = append(errs, errors.New("auth.oidc.scopes: openid is missing"))
	}
	_, err := a.OIDC.ClientSecret()
	return errors.Join(append(errs, err)...)
}
