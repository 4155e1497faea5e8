package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
)

// partTimeout is how long the node may take for the rows that are sent to it in one request.
const partTimeout = 10 * time.Minute

// migrationRows and migrationOctets bound a part of a migration: what is sent in one request, and is sent again after
// an interruption.
const (
	migrationRows   = 5000
	migrationOctets = 8 << 20
)

// batch is records that go to the node in one request.
type batch struct {
	body   []byte
	pieces []*migrated
	count  int // of pieces dealt with, those that are no records included
}

// run migrates: templates first, then records.
func (m *migration) run(ctx context.Context) error {
	state, err := m.resume()
	if err != nil {
		return err
	}
	if err := m.planTemplates(); err != nil {
		return err
	}
	if m.verify {
		return m.verifyAll(ctx)
	}
	if err := m.sendTemplates(ctx); err != nil {
		return err
	}
	if err := m.records(ctx, state); err != nil {
		return err
	}
	if m.dryRun {
		return nil
	}
	if err := m.closeTemplates(ctx); err != nil {
		return err
	}
	return m.forget()
}

// records sends the records in parts. state is how far an earlier run came, nil for the start.
func (m *migration) records(ctx context.Context, state *migrationState) error {
	in := m.open()
	defer in.close()
	var sum digest
	skip := 0
	if state != nil {
		skip = state.Pieces
		m.again = true
	}
	now := &migrationState{Files: m.files, Terms: m.terms()}
	b := new(batch)
	for {
		p, err := in.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		end := err != nil
		if !end {
			row := m.prepare(p)
			now.Pieces++
			sum.add(row)
			if skip > 0 {
				if skip--; skip == 0 && sum.String() != state.Digest {
					return failf("%s is not what it was when the migration was interrupted: remove %s to begin again", strings.Join(m.files, ", "), m.stateName)
				}
				continue
			}
			if err := m.take(b, p, row); err != nil {
				return err
			}
		}
		if b.count > 0 && (end || len(b.pieces) >= migrationRows || len(b.body) >= migrationOctets) {
			if err := m.send(ctx, b); err != nil {
				return err
			}
			m.again = false
			if err := m.remember(now, &sum); err != nil {
				return err
			}
			b = new(batch)
		}
		if end {
			if skip > 0 {
				return failf("%s is not what it was when the migration was interrupted: remove %s to begin again", strings.Join(m.files, ", "), m.stateName)
			}
			return nil
		}
	}
}

// prepare renames p, and returns the line in which it goes to the node, or what it is told apart by.
func (m *migration) prepare(p *migrated) []byte {
	switch {
	case p.record != nil:
		m.rename(p)
		return identifier.AppendRecordJSON(nil, p.record)
	case p.failure != nil:
		return fmt.Appendf(nil, "!%s:%d:%s", p.file, p.line, p.failure.Detail)
	}
	return fmt.Appendf(nil, "template %s %s", p.template.Prefix, p.template.Name)
}

// rename gives p the place that --map says, and the permissions that --public says.
func (m *migration) rename(p *migrated) {
	if p.template != nil {
		p.template.Prefix = m.renamed(p.template.Prefix)
		return
	}
	rec := p.record
	prefix, suffix, ok := strings.Cut(rec.ID, "/")
	switch {
	case !ok:
	case strings.EqualFold(prefix, "0.NA"):
		rec.ID = prefix + "/" + m.renamed(suffix)
	default:
		rec.ID = m.renamed(prefix) + "/" + suffix
	}
	if m.public {
		p.notPublic = 0
		for i := range rec.Values {
			rec.Values[i].Perms |= identifier.PublicRead
		}
	}
}

// renamed is a prefix under its new name, also one below a renamed one.
func (m *migration) renamed(prefix string) string {
	for _, r := range m.renames {
		if len(prefix) < len(r.from) || identifier.FoldASCII(prefix[:len(r.from)]) != r.from {
			continue
		}
		if rest := prefix[len(r.from):]; rest == "" || rest[0] == '.' {
			return r.to + rest
		}
	}
	return prefix
}

// take adds p to b, or notes why it is no record.
func (m *migration) take(b *batch, p *migrated, row []byte) error {
	b.count++
	switch {
	case p.failure != nil:
		return m.wrong(*p.failure)
	case p.template != nil:
		return nil
	}
	m.report.Records.Total++
	m.report.NotPublic += p.notPublic
	if strings.HasPrefix(strings.ToUpper(p.record.ID), "0.NA/") && slices.ContainsFunc(p.record.Values, saysWhere) {
		m.report.Sites++
	}
	if m.dryRun {
		if m.twice(p.record) {
			m.report.Records.Duplicates++
			if m.mode == "create" {
				return m.wrong(failure{File: p.file, Line: p.line, ID: p.record.ID, Status: "failed", Code: "duplicate", why: failf("the files have %s before", p.record.ID)})
			}
		}
		if t := m.templates.pending(p.record); t != nil {
			if problems := t.Record(p.record.Values, nil); len(problems) > 0 {
				return m.wrong(failure{File: p.file, Line: p.line, ID: p.record.ID, Status: "failed", Code: "template_mismatch", why: &mismatch{problems}})
			}
			// The node does not have the template yet: it is asked about the rest.
			plain := *p.record
			plain.Template = ""
			row = identifier.AppendRecordJSON(nil, &plain)
		}
	}
	b.pieces = append(b.pieces, p)
	b.body = append(append(b.body, row...), '\n')
	return nil
}

// mismatch is what is wrong with a record by its template.
type mismatch struct{ problems []template.Problem }

func (t *mismatch) Error() string {
	var all []string
	for _, p := range t.problems {
		all = append(all, p.String())
	}
	return strings.Join(all, "; ")
}

// saysWhere reports whether v, of the record of a prefix, says where it is served.
func saysWhere(v identifier.Value) bool {
	return v.MatchType("HS_SITE.") || v.MatchType("HS_SERV.") || v.MatchType("HS_NA_DELEGATE")
}

// twice reports whether a record of that name came before. It keeps 16 octets of each.
func (m *migration) twice(rec *identifier.Record) bool {
	if m.seen == nil {
		m.seen = make(map[[16]byte]struct{})
	}
	name := identifier.FoldASCII(rec.ID)
	sum := sha256.Sum256([]byte(name))
	key := [16]byte(sum[:16])
	_, twice := m.seen[key]
	m.seen[key] = struct{}{}
	return twice
}

// wrong notes what cannot be migrated.
func (m *migration) wrong(f failure) error {
	m.report.Wrong++
	if f.why != nil {
		f.Detail = tell(m.language(), f.why)
	}
	return m.failed.add(f)
}

// send sends b, and counts what the node says.
func (m *migration) send(ctx context.Context, b *batch) error {
	if len(b.pieces) == 0 {
		return nil
	}
	if err := m.ensurePrefixes(ctx, b); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	q := url.Values{"mode": {m.mode}}
	if m.dryRun {
		q.Set("dryRun", "true")
		if m.allocate {
			q.Set("allocate", "true")
		}
	}
	resp, err := m.do(ctx, request{method: http.MethodPost, path: "/v1/identifiers:import", query: q, body: b.body,
		header: http.Header{"Content-Type": {"application/x-ndjson"}, "Accept": {"application/x-ndjson, application/problem+json"}}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := readAnswer(resp)
		if err != nil {
			return err
		}
		return parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	return m.results(ctx, resp.Body, b)
}

// results reads the node's answer to b. Nothing of b counts before the summary has come.
func (m *migration) results(ctx context.Context, in io.Reader, b *batch) error {
	dec := json.NewDecoder(in)
	var refused []failure
	for {
		var line struct {
			failure
			Total *int `json:"total"`
			importSummary
			New, Same, Different int
		}
		if err := dec.Decode(&line); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return failf("the node's answer broke off: %v", err)
		}
		switch {
		case line.Total != nil && *line.Total != len(b.pieces):
			return failf("the node counted %d rows of the %d that were sent", *line.Total, len(b.pieces))
		case line.Total != nil:
			n := &m.report.Records
			n.Stored += line.Stored
			n.Skipped += line.Skipped
			n.New += line.New
			n.Same += line.Same
			n.Different += line.Different
			return m.refused(ctx, b, refused)
		case line.Line < 1 || line.Line > len(b.pieces):
			return failf("the node ended the import: %s: %s", line.Code, line.Detail)
		}
		refused = append(refused, line.failure)
	}
}

// refused notes the rows of b that the node refused. Those of a part that was sent before are refused because they are
// stored: if they are there as they were sent, they are.
func (m *migration) refused(ctx context.Context, b *batch, rows []failure) error {
	for _, f := range rows {
		p := b.pieces[f.Line-1]
		if m.again && f.Code == "already_exists" {
			got, err := m.stored(ctx, p.record.ID)
			if err != nil {
				return err
			}
			if got != nil && sameRecord(p.record, got) == "" {
				m.report.Records.Stored++
				continue
			}
		}
		f.File, f.Line = p.file, p.line
		if err := m.wrong(f); err != nil {
			return err
		}
	}
	return nil
}

// ensurePrefixes allocates the prefixes that records of b need.
func (m *migration) ensurePrefixes(ctx context.Context, b *batch) error {
	if !m.allocate {
		return nil
	}
	for _, p := range b.pieces {
		id, err := identifier.Handle.Parse(p.record.ID)
		if err != nil {
			continue // the node says what is wrong
		}
		prefix := id.Prefix()
		if id.IsPrefixRecord() {
			prefix = identifier.FoldASCII(id.Suffix())
		}
		if err := m.ensurePrefix(ctx, prefix); err != nil {
			return err
		}
	}
	return nil
}

// ensurePrefix allocates a prefix if it is not allocated. What the node refuses to allocate is left to the rows: they
// are refused too.
func (m *migration) ensurePrefix(ctx context.Context, prefix string) error {
	if _, known := m.known[prefix]; known || !m.allocate || prefix == "" {
		return nil
	}
	m.known[prefix] = true
	_, err := m.call(ctx, request{method: http.MethodGet, path: "/v1/prefixes", query: url.Values{"scheme": {"handle"}, "prefix": {prefix}}})
	p, refused := errors.AsType[*problem](err)
	switch {
	case err == nil:
		return nil
	case !refused:
		return err
	case p.Status != http.StatusNotFound:
		return nil
	}
	if m.dryRun {
		m.report.Prefixes++
		return nil
	}
	body := map[string]any{"scheme": "handle", "prefix": prefix, "enterprise": orDefault(m.enterprise, "self"), "mode": "hosted"}
	_, err = m.call(ctx, request{method: http.MethodPost, path: "/v1/prefixes", body: body})
	p, refused = errors.AsType[*problem](err)
	switch {
	case err == nil:
		m.report.Prefixes++
	case !refused || p.Status >= 500 || p.Status == http.StatusUnauthorized || p.Code == "forbidden" || p.Code == "not_found":
		return fmt.Errorf("allocate %s: %w", prefix, err)
	}
	return nil
}

// terms are what a resumed migration must have in common with the one before.
func (m *migration) terms() string {
	s := m.mode
	for _, r := range m.renames {
		s += " " + r.from + "=" + r.to
	}
	if m.public {
		s += " public"
	}
	return s
}

// resume reads how far an earlier run came, nil if there was none, and goes on with its report.
func (m *migration) resume() (*migrationState, error) {
	if m.dryRun || m.verify {
		return nil, m.removeOld()
	}
	state, err := readState(m.stateName)
	if err != nil {
		return nil, err
	}
	if state == nil {
		// A run that is interrupted before its first part may have stored it.
		if err := m.removeOld(); err != nil {
			return nil, err
		}
		first := &migrationState{Files: m.files, Terms: m.terms(), Report: &m.report, Digest: new(digest).String()}
		return nil, first.write(m.stateName)
	}
	if state.Pieces > 0 && (state.Terms != m.terms() || !slices.Equal(state.Files, m.files)) {
		return nil, usagef("%s is of a migration of %s with other terms: finish that one, or remove the file", m.stateName, strings.Join(state.Files, ", "))
	}
	m.report = *state.Report
	m.counted = state.Pieces > 0
	return state, m.failed.resume(state.Errors)
}

// remember writes how far the migration came.
func (m *migration) remember(now *migrationState, sum *digest) error {
	if m.dryRun {
		return nil
	}
	var err error
	if now.Errors, err = m.failed.size(); err != nil {
		return err
	}
	now.Digest, now.Report = sum.String(), &m.report
	return now.write(m.stateName)
}

// showFailures shows the first of what is wrong.
func (m *migration) showFailures() {
	for _, f := range m.failed.first {
		where := fmt.Sprintf("%s:%d", f.File, f.Line)
		if f.ID != "" {
			where += ", " + f.ID
		}
		fmt.Fprintln(m.Err, "  "+clean(where+": "+f.Code+": "+f.Detail))
	}
	if name := m.failed.written(); name != "" {
		fmt.Fprintf(m.Err, "everything that is wrong is in %s\n", name)
	}
}

// sameJSON reports whether two texts of JSON say the same.
func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
