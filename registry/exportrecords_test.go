package registry_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/recordcsv"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// records returns the records that a exports.
func (n *node) records(q RecordsRequest, a Actor) (string, RecordsSummary) {
	n.t.Helper()
	x, err := n.BeginRecords(n.t.Context(), q, a)
	if err != nil {
		n.t.Fatal(err)
	}
	defer x.Close()
	return n.write(x)
}

func (n *node) write(x *RecordsExport) (string, RecordsSummary) {
	n.t.Helper()
	var b bytes.Buffer
	sum, err := x.Write(n.t.Context(), &b)
	if err != nil {
		n.t.Fatal(err)
	}
	if sum.SHA256 != sha256.Sum256(b.Bytes()) || sum.Octets != int64(b.Len()) {
		n.t.Errorf("%d octets, digest %x of\n%s", sum.Octets, sum.SHA256, b.Bytes())
	}
	return b.String(), sum
}

// ids are the identifiers of records in NDJSON.
func ids(t *testing.T, text string) []string {
	t.Helper()
	all := []string{}
	for line := range strings.Lines(text) {
		rec, err := identifier.ParseRecordJSON([]byte(line))
		if err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, rec.ID)
	}
	return all
}

// TestRecordsAreThoseOfTheList: whoever asks exports what the list has for him, tombstones left out.
func TestRecordsAreThoseOfTheList(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		for _, p := range []struct{ prefix, of string }{{"1.3.6.1.4.1.7.7", n.a.Enterprise}, {"1.3.6.1.4.1.7", n.b.Enterprise}, {"1.3.6.1.4.1", n.a.Enterprise}} {
			if _, err := n.AllocatePrefix(ctx, PrefixRequest{Scheme: identifier.OID, Prefix: p.prefix, Enterprise: p.of}, Write{Actor: n.op}); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range []string{"88.100.1/x", "88.100.1/gone", "88.100.1/Y", "88.100.2/x", "1.3.6.1.4.1.5.1", "1.3.6.1.4.1.7.1", "1.3.6.1.4.1.7.7.1", "1.3.6.1.4.1.70.1"} {
			must(t)(n.Create(ctx, record(id, id), Write{Actor: n.op}))
		}
		if _, err := n.Revoke(ctx, parse(t, "88.100.1/gone"), "scrapped", "", Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		limited := n.a
		limited.Prefixes = []identifier.Key{{Scheme: identifier.OID, Name: "1.3.6.1.4.1.7"}}
		for name, a := range map[string]Actor{"operator": n.op, "auditor": {Enterprise: Self, Role: RoleAuditor}, "a": n.a, "b": n.b, "limited": limited,
			"reader": {Enterprise: n.a.Enterprise, Role: RoleReader}, "of none": {Enterprise: "e0", Role: RoleWriter}} {
			for _, q := range []RecordsRequest{{}, {Prefix: "88.100.1"}, {Prefix: "88.100.1/"}, {Prefix: "88.100"}, {Prefix: "oid:1.3.6.1.4.1.7"}, {Scheme: identifier.OID}, {Scheme: identifier.GS1}} {
				p, err := n.List(ctx, List{Actor: a, Scheme: q.Scheme, Prefix: q.Prefix})
				if err != nil {
					t.Fatal(err)
				}
				want, revoked := []string{}, int64(0)
				for _, rec := range p.Records {
					if rec.State == identifier.Revoked {
						revoked++
					} else {
						want = append(want, rec.ID)
					}
				}
				q.Form = archive.NDJSON
				text, sum := n.records(q, a)
				if got := ids(t, text); !slices.Equal(got, want) || sum.Records != int64(len(want)) || sum.Values != sum.Records || sum.Revoked != revoked {
					t.Errorf("%s, %+v: %v, %+v; want %v and %d revoked", name, q, got, sum, want, revoked)
				}
			}
		}
		own, _ := n.records(RecordsRequest{Form: archive.NDJSON}, n.a)
		for _, a := range []Actor{n.op, n.a} {
			if got, _ := n.records(RecordsRequest{Form: archive.NDJSON, Enterprise: n.a.Enterprise}, a); got != own {
				t.Errorf("of the enterprise, for %s:\n%swant\n%s", a.Role, got, own)
			}
		}
		if strings.Count(own, "\n") != 5 {
			t.Errorf("a has\n%s", own)
		}
	})
}

func TestRecordsRefused(t *testing.T) {
	n := newNode(t, memstore.New())
	for _, tc := range []struct {
		q    RecordsRequest
		a    Actor
		want string
	}{
		{RecordsRequest{Form: archive.NDJSON}, Actor{}, CodeForbidden},
		{RecordsRequest{Form: archive.NDJSON}, Actor{Enterprise: Self, Role: RoleReviewer}, CodeForbidden},
		{RecordsRequest{Form: archive.NDJSON}, Actor{Enterprise: Self, Role: RoleOperator, Scopes: []Scope{ScopeEnterpriseRead}}, CodeForbidden},
		{RecordsRequest{Form: archive.NDJSON, Enterprise: n.b.Enterprise}, n.a, CodeForbidden},
		{RecordsRequest{Form: archive.NDJSON, Enterprise: "e0"}, n.op, CodeNotFound},
		{RecordsRequest{Form: "xlsx"}, n.op, CodeInvalidRequest},
		{RecordsRequest{Form: archive.Handle}, n.op, CodeInvalidRequest},
		{RecordsRequest{Form: archive.CSV, Times: true}, n.op, CodeInvalidRequest},
		{RecordsRequest{Form: archive.NDJSON, Prefix: "???"}, n.op, CodeInvalidRequest},
		{RecordsRequest{Form: archive.NDJSON, Enterprise: Self}, n.op, ""},
	} {
		x, err := n.BeginRecords(t.Context(), tc.q, tc.a)
		if code(err) != tc.want {
			t.Errorf("%+v by %s: %v, want %s", tc.q, tc.a.Role, err, tc.want)
		}
		if err == nil {
			x.Close()
		}
	}

	var open []*RecordsExport
	begin := func(a Actor, want string) {
		t.Helper()
		x, err := n.BeginRecords(t.Context(), RecordsRequest{Form: archive.CSV}, a)
		if code(err) != want {
			t.Errorf("%v, want %q", err, want)
		}
		if err == nil {
			open = append(open, x)
		}
	}
	begin(n.a, "")
	begin(n.a, "")
	begin(n.a, CodeTooManyRequests) // two of an enterprise
	begin(n.b, "")
	for range 5 {
		begin(n.op, "")
	}
	begin(n.op, CodeTooManyRequests) // eight of all
	begin(n.b, CodeTooManyRequests)
	for _, x := range open {
		x.Close()
	}
	begin(n.a, "")
	begin(n.op, "")
	for _, x := range open[8:] {
		x.Close()
	}
}

// TestRecordsOfOneMoment: what is written once an export has begun is not in it, however many pieces it has, and the digest
// of the content is the same in every form.
func TestRecordsOfOneMoment(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		var rows []Row
		for i := range 500 {
			rows = append(rows, Row{Line: i + 1, Record: record(fmt.Sprintf("88.100.1/%03d", i), strings.Repeat("x", 3000), "轴承")})
		}
		store := func(rows []Row) {
			t.Helper()
			i := 0
			_, err := n.Import(ctx, func() (Row, error) {
				if i == len(rows) {
					return Row{}, io.EOF
				}
				i++
				return rows[i-1], nil
			}, ImportOptions{Actor: n.a, Mode: ImportUpsert}, func(r RowResult) error { return fmt.Errorf("row %+v", r) })
			if err != nil {
				t.Fatal(err)
			}
		}
		store(rows)
		before, first := n.records(RecordsRequest{Form: archive.NDJSON}, n.op)
		if first.Records != 500 || first.Values != 1000 || first.SHA256 != first.Content || strings.Contains(before, "created") {
			t.Errorf("%+v", first)
		}
		x, err := n.BeginRecords(ctx, RecordsRequest{Form: archive.NDJSON}, n.a)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		for i := range rows {
			rows[i].Record = record(rows[i].Record.ID, "new")
		}
		store(append(rows, Row{Line: 501, Record: record("88.100.1/more", "new")}))
		if got, sum := n.write(x); got != before || sum != first {
			t.Errorf("what was written later is in it: %+v, want %+v", sum, first)
		}
		if last, err := n.store.Last(ctx); err != nil || x.Seq == 0 || x.Seq >= last {
			t.Errorf("seq %d of %d, %v", x.Seq, last, err)
		}

		lines, want := n.records(RecordsRequest{Form: archive.NDJSON}, n.a)
		timed, sum := n.records(RecordsRequest{Form: archive.NDJSON, Times: true}, n.a)
		if sum.Content != want.Content || sum.SHA256 == want.SHA256 || strings.Count(timed, `"created":"`) != 501 {
			t.Errorf("with times: %+v, want %+v", sum, want)
		}
		text, sum := n.records(RecordsRequest{Form: archive.CSV}, n.a)
		if sum.Content != want.Content || sum.Records != 501 || sum.Values != 501 {
			t.Errorf("CSV: %+v, want %+v", sum, want)
		}
		r, err := recordcsv.NewReader(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		var back []byte
		for {
			rec, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			back = append(identifier.AppendRecordJSON(back, rec), '\n')
		}
		if string(back) != lines {
			t.Errorf("CSV came back as\n%.500s\nwant\n%.500s", back, lines)
		}
	})
}

// TestRecordsAudited: who took which records stands in the audit log.
func TestRecordsAudited(t *testing.T) {
	n := newNode(t, memstore.New())
	n.records(RecordsRequest{Form: archive.NDJSON, Prefix: "88.100.1/"}, n.a)
	n.records(RecordsRequest{Form: archive.CSV}, n.b)
	entries, _, err := n.ListAudit(t.Context(), AuditQuery{Op: "identifier.export"}, n.op)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	said := fmt.Sprint(entries[0].ID, entries[0].Enterprise, entries[1].ID, entries[1].Enterprise)
	if !strings.Contains(said, "88.100.1/"+n.a.Enterprise) || !strings.Contains(said, n.b.Enterprise+n.b.Enterprise) {
		t.Errorf("%s", said)
	}
}
