package config

import (
	"errors"
	"fmt"
	"time"
)

// QueryLog is the log of resolution requests.
type QueryLog struct {
	Enabled bool `koanf:"enabled"`
	// Retention is how long requests are kept; minQueryRetention or more. 0: for ever.
	Retention time.Duration `koanf:"retention"`
	// MaxBytes is the most that the log takes; what is older goes, retention or not. 0: no bound.
	MaxBytes Size `koanf:"max_bytes"`
}

// minQueryRetention is six months, in which no month is short.
const minQueryRetention = 180 * 24 * time.Hour

func (q *QueryLog) check() error {
	var errs []error
	if q.Retention != 0 && q.Retention < minQueryRetention {
		errs = append(errs, fmt.Errorf("query_log.retention: %v is less than %v: the Cybersecurity Law, article 21, has network logs kept for six months at least; 0 keeps them for ever", q.Retention, minQueryRetention))
	}
	if q.MaxBytes != 0 && q.MaxBytes < 1<<20 {
		errs = append(errs, errors.New("query_log.max_bytes: must be at least 1MiB, or 0 for no bound"))
	}
	return errors.Join(errs...)
}
