package topnode

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/epp"
)

// Rule decides applications.
type Rule struct {
	Pattern string        // of the name of an enterprise or of a prefix, as path.Match has it
	Pass    bool          // or fail
	After   time.Duration // how long the auditor thinks
	Reason  string
}

// ParseRules reads a script of the auditor: a rule a line, "PATTERN pass|fail [after DURATION] [REASON]"; the first whose
// pattern fits counts. What fits none is decided by hand. Lines that begin with # are comments.
func ParseRules(r io.Reader) ([]Rule, error) {
	var rules []Rule
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) < 2 || words[1] != "pass" && words[1] != "fail" {
			return nil, fmt.Errorf("line %d: PATTERN pass|fail [after DURATION] [REASON] is expected", n)
		}
		if _, err := path.Match(words[0], ""); err != nil {
			return nil, fmt.Errorf("line %d: the pattern %s: %w", n, words[0], err)
		}
		rule := Rule{Pattern: words[0], Pass: words[1] == "pass"}
		words = words[2:]
		if len(words) >= 2 && words[0] == "after" {
			var err error
			if rule.After, err = time.ParseDuration(words[1]); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			words = words[2:]
		}
		rule.Reason = strings.Join(words, " ")
		rules = append(rules, rule)
	}
	return rules, lines.Err()
}

// audit has an application decided if a rule fits it. The caller holds mu.
func (t *Top) audit(a *application) {
	for _, rule := range t.o.Rules {
		fits, err := path.Match(rule.Pattern, a.ID)
		if !fits && err == nil && a.isEnt() {
			fits, err = path.Match(rule.Pattern, a.Name)
		}
		if err != nil || !fits {
			continue
		}
		id, svTRID := a.ID, a.SvTRID
		t.deciding.Go(func() {
			select {
			case <-time.After(rule.After):
			case <-t.stop:
				return // decided anew when the node is back
			}
			if err := t.decide(id, svTRID, rule.Pass, rule.Reason); err != nil {
				t.o.Logger.Error("decide", "application", id, "err", err)
			}
		})
		return
	}
}

func (a *application) isEnt() bool { return a.ID == a.Ent }

// Decide ends the review of an application, an enterprise's number or a prefix.
func (t *Top) Decide(id string, pass bool, reason string) error {
	return t.decide(id, "", pass, reason)
}

// decide is Decide of the application that svTRID made, if that is not empty: one that was changed meanwhile is another.
func (t *Top) decide(id, svTRID string, pass bool, reason string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.ents[id]
	if a == nil {
		a = t.prefixes[id]
	}
	switch {
	case a == nil:
		return fmt.Errorf("there is no application %s", id)
	case svTRID != "" && a.SvTRID != svTRID:
		return nil
	case a.State != pending:
		return fmt.Errorf("application %s has been decided: %s", id, a.State)
	}
	now := *a
	l := &letter{Client: a.Client, ClTRID: a.ClTRID, SvTRID: a.SvTRID, Ent: a.Ent, State: epp.StateNormal, Result: epp.AuditPassed, Reason: reason, Date: t.o.Clock().UTC(),
		Number: fmt.Sprintf("%s/%s", a.SvTRID, id)}
	if now.State, now.Reason = passed, reason; !pass {
		now.State, l.Result = failed, epp.AuditFailed
	}
	e := &entry{Ent: &now}
	if !a.isEnt() {
		l.Prefix = a.ID
		e = &entry{Prefix: &now}
	}
	if err := t.journal.add(e, &entry{Mail: l}); err != nil {
		return err
	}
	if a.isEnt() {
		t.ents[id] = &now
	} else {
		t.prefixes[id] = &now
	}
	t.takeMail(l)
	return nil
}

// Pending are the applications that wait for a decision.
func (t *Top) Pending() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for _, of := range []map[string]*application{t.ents, t.prefixes} {
		for id, a := range of {
			if a.State == pending {
				all = append(all, id)
			}
		}
	}
	return all
}
