package nodepb_test

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
)

func pump() *identifier.Record {
	return &identifier.Record{
		Scheme:    identifier.Handle,
		ID:        "88.101.5/Pump-42",
		State:     identifier.Revoked,
		Template:  "泵",
		Reason:    "scrapped",
		Successor: "88.101.5/pump-43",
		Version:   7,
		Created:   time.Date(2024, 5, 6, 7, 8, 9, 10e6, time.UTC),
		Updated:   time.Date(2025, 5, 6, 7, 8, 9, 0, time.UTC),
		Values: []identifier.Value{
			{Index: 3, Type: "URL", Data: []byte("https://example.com/泵"), TTL: 300, Perms: identifier.DefaultPerms, Timestamp: 1714979289},
			{Index: 1, Type: "HS_ADMIN", Data: []byte{0, 0xff, 0x80}, TTLType: identifier.Absolute, TTL: math.MaxInt32, Perms: 0, Timestamp: math.MaxUint32,
				Refs: []identifier.Ref{{Handle: "0.NA/88.101", Index: 300}, {Handle: "88.101.5/x"}}},
			{Index: math.MaxInt32, Type: "", TTL: -1, Perms: 15},
		},
	}
}

func TestRecordRoundTrip(t *testing.T) {
	for _, want := range []*identifier.Record{
		pump(),
		{Scheme: identifier.OID, ID: "1.2.156.1", State: identifier.Active},
		{Scheme: identifier.Handle, ID: "0.NA/88.101", State: identifier.Active, Version: 1},
	} {
		wire, err := proto.Marshal(nodepb.FromRecord(want))
		if err != nil {
			t.Fatalf("marshal %s: %v", want.ID, err)
		}
		p := new(nodepb.Record)
		if err := proto.Unmarshal(wire, p); err != nil {
			t.Fatal(err)
		}
		got, err := nodepb.ToRecord(p)
		if err != nil {
			t.Fatalf("ToRecord(FromRecord(%s)): %v", want.ID, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", want.ID, d)
		}
	}
}

func TestToRecordDefaults(t *testing.T) {
	got, err := nodepb.ToRecord(&nodepb.Record{Id: "oid:1.2.156.1", Values: []*nodepb.Value{{Index: 1, Type: "URL", Data: []byte("x")}}})
	if err != nil {
		t.Fatal(err)
	}
	want := &identifier.Record{
		Scheme: identifier.OID, ID: "1.2.156.1", State: identifier.Active,
		Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte("x"), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestToRecordRefuses(t *testing.T) {
	value := func(v *nodepb.Value) *nodepb.Record {
		return &nodepb.Record{Id: "88.1/a", Values: []*nodepb.Value{{Index: 1}, v}}
	}
	for _, tc := range []struct {
		name, field string
		in          *nodepb.Record
	}{
		{"nothing", "record", nil},
		{"no id", "/id", &nodepb.Record{}},
		{"bad id", "/id", &nodepb.Record{Id: "not an identifier"}},
		{"long id", "/id", &nodepb.Record{Id: "88.1/" + strings.Repeat("x", identifier.MaxLength)}},
		{"id of another scheme", "/id", &nodepb.Record{Id: "88.1/a", Scheme: "oid"}},
		{"unknown scheme", "/scheme", &nodepb.Record{Id: "88.1/a", Scheme: "isbn"}},
		{"unknown state", "/state", &nodepb.Record{Id: "88.1/a", State: 9}},
		{"created beyond years", "/created", &nodepb.Record{Id: "88.1/a", Created: &timestamppb.Timestamp{Seconds: math.MaxInt64}}},
		{"updated with bad nanos", "/updated", &nodepb.Record{Id: "88.1/a", Updated: &timestamppb.Timestamp{Nanos: -1}}},
		{"five permission bits", "/values/1/permissions", value(&nodepb.Value{Permissions: proto.Uint32(16)})},
		{"permissions that wrap", "/values/1/permissions", value(&nodepb.Value{Permissions: proto.Uint32(256)})},
		{"unknown ttl type", "/values/1/ttl_type", value(&nodepb.Value{TtlType: 3})},
		{"timestamp before 1970", "/values/1/timestamp", value(&nodepb.Value{Timestamp: &timestamppb.Timestamp{Seconds: -1}})},
		{"timestamp of 33 bits", "/values/1/timestamp", value(&nodepb.Value{Timestamp: &timestamppb.Timestamp{Seconds: 1 << 32}})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := nodepb.ToRecord(tc.in)
			e, ok := errors.AsType[*nodepb.FieldError](err)
			if !ok || r != nil {
				t.Fatalf("got %v, %v; want a FieldError", r, err)
			}
			if e.Field != tc.field || e.Reason == "" {
				t.Errorf("field %q, reason %q; want field %q", e.Field, e.Reason, tc.field)
			}
		})
	}
}

func TestToScheme(t *testing.T) {
	for _, tc := range []struct {
		text, name string
		want       identifier.Scheme
		ok         bool
	}{
		{"88.101.5/Pump", "", 0, true},
		{"88.101.5/Pump", "handle", identifier.Handle, true},
		{"handle:88.101.5/Pump", "handle", 0, true},
		{"handler", "handle", identifier.Handle, true},
		{"oid:1.2.156", "handle", identifier.Handle, true},
		{"1.2.156", "OID", 0, false},
		{"", "", 0, true},
	} {
		if s, err := nodepb.ToScheme(tc.text, tc.name); s != tc.want || (err == nil) != tc.ok {
			t.Errorf("ToScheme(%q, %q) = %v, %v, want %v", tc.text, tc.name, s, err, tc.want)
		}
	}
}

// An identifier of several schemes is left to the registrar, which knows the namespaces.
func TestToRecordAmbiguous(t *testing.T) {
	const text = "10036129" // a GTIN-8, and an Ecode of version 1
	r, err := nodepb.ToRecord(&nodepb.Record{Id: text})
	if err != nil || r.Scheme != 0 || r.ID != text {
		t.Errorf("got %+v, %v, want the text without a scheme", r, err)
	}
	if r, err := nodepb.ToRecord(&nodepb.Record{Id: text, Scheme: "ecode"}); err != nil || r.Scheme != identifier.Ecode {
		t.Errorf("got %+v, %v, want an Ecode", r, err)
	}
}

// A type that came over the Handle protocol may hold any octets. It once failed the whole batch in
// which it was answered.
func TestFromRecordIsUTF8(t *testing.T) {
	r := pump()
	r.ID, r.Template, r.Reason, r.Successor = "88.1/\xff", "\xff", "\xff", "\xff"
	r.Values[0].Type = "UR\xff"
	r.Values[1].Refs[0].Handle = "\xff"
	if _, err := proto.Marshal(nodepb.FromRecord(r)); err != nil {
		t.Error(err)
	}
}

// Clients of other languages and grpcurl see these names.
func TestJSONNames(t *testing.T) {
	resp := &nodepb.ResolveResponse{
		Status: nodepb.ResolveResponse_FOUND,
		Record: nodepb.FromRecord(&identifier.Record{Scheme: identifier.OID, ID: "1.2.156.1", State: identifier.Active, Version: 2,
			Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte("a"), TTL: 60, Perms: 14, Timestamp: 1}}}),
		Referral:    nodepb.FromService("88.2", &identifier.Service{IP: netip.MustParseAddr("192.0.2.1"), UDP: 2641, HTTP: 8000}),
		Explanation: "e",
	}
	got, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"status":"FOUND","record":{"id":"1.2.156.1","scheme":"oid","version":"2","state":"ACTIVE",` +
		`"values":[{"index":1,"type":"URL","data":"YQ==","ttl":60,"ttl_type":"RELATIVE","permissions":14,"timestamp":"1970-01-01T00:00:01Z"}]},` +
		`"referral":{"namespace":"88.2","ip":"192.0.2.1","udp":2641,"http":8000},"explanation":"e"}`
	// protojson varies its white space on purpose.
	if strings.ReplaceAll(string(got), " ", "") != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Whatever record a client sends: it is refused, or what it became goes out and comes in again
// unchanged.
func FuzzToRecord(f *testing.F) {
	for _, p := range []*nodepb.Record{
		nodepb.FromRecord(pump()),
		{Id: "urn:oid:1.2.156.1"},
		{Id: "0.NA/88.101", Scheme: "handle", Values: []*nodepb.Value{nil, {}}},
		{Id: "(01)09506000134352"},
	} {
		wire, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		p := new(nodepb.Record)
		if proto.Unmarshal(wire, p) != nil {
			return
		}
		first, err := nodepb.ToRecord(p)
		if err != nil {
			if e, ok := errors.AsType[*nodepb.FieldError](err); !ok || first != nil || e.Field == "" {
				t.Fatalf("ToRecord = %v, %v", first, err)
			}
			return
		}
		if first.Scheme == 0 {
			return // of several schemes: not converted yet
		}
		out, err := proto.Marshal(nodepb.FromRecord(first))
		if err != nil {
			t.Fatalf("marshal %+v: %v", first, err)
		}
		p.Reset()
		if err := proto.Unmarshal(out, p); err != nil {
			t.Fatal(err)
		}
		second, err := nodepb.ToRecord(p)
		if err != nil {
			t.Fatalf("second ToRecord of %+v: %v", first, err)
		}
		for i := range first.Values {
			if len(first.Values[i].Data) == 0 {
				first.Values[i].Data = nil
			}
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Fatalf("(-first +second):\n%s", d)
		}
	})
}
