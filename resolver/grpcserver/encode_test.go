package grpcserver

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
)

// TestAppendResponse: the encoded response is that of the message.
func TestAppendResponse(t *testing.T) {
	var ids []identifier.ID
	for _, text := range []string{"88.101.5/x", "1.2.156.10001.7", "(01)06901234567892(21)A1", "ecode:106952012345678908", "MA.156.1003.1629/10.46100000.riseplatform"} {
		id, err := identifier.Parse(text)
		if err != nil {
			t.Fatal(text, err)
		}
		ids = append(ids, id)
	}
	var (
		octets = rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 200), func(b []byte) string { return string(b) })
		text   = rapid.OneOf(rapid.String(), octets)
		moment = rapid.Custom(func(t *rapid.T) time.Time {
			if rapid.Bool().Draw(t, "zero") {
				return time.Time{}
			}
			return time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		})
		value = rapid.Custom(func(t *rapid.T) identifier.Value {
			v := identifier.Value{
				Index: rapid.Uint32().Draw(t, "index"), Type: text.Draw(t, "type"), Data: []byte(octets.Draw(t, "data")), TTL: rapid.Int32().Draw(t, "ttl"),
				TTLType: rapid.SampledFrom([]identifier.TTLType{identifier.Relative, identifier.Absolute}).Draw(t, "ttl type"),
				Perms:   identifier.Perms(rapid.Uint8Max(15).Draw(t, "perms")), Timestamp: rapid.Uint32().Draw(t, "timestamp"),
			}
			for range rapid.IntRange(0, 2).Draw(t, "refs") {
				v.Refs = append(v.Refs, identifier.Ref{Handle: text.Draw(t, "handle"), Index: rapid.Uint32().Draw(t, "of handle")})
			}
			return v
		})
	)
	rapid.Check(t, func(t *rapid.T) {
		asked := resolver.Asked{Query: resolver.Query{ID: rapid.SampledFrom(ids).Draw(t, "id")}}
		a := &asked.Answer
		a.Status = rapid.SampledFrom(resolver.Statuses()).Draw(t, "status")
		a.Tier = rapid.SampledFrom([]resolver.Tier{resolver.TierNone, resolver.TierLRU, resolver.TierStore, resolver.TierComputed}).Draw(t, "tier")
		a.Reason = text.Draw(t, "reason")
		if rapid.Bool().Draw(t, "namespace") {
			a.Namespace = &identifier.Namespace{Prefix: text.Draw(t, "prefix")}
		}
		if rapid.Bool().Draw(t, "record") {
			a.Record = &identifier.Record{
				Scheme: asked.Query.ID.Scheme(), ID: text.Draw(t, "record id"), Version: rapid.Uint64().Draw(t, "version"),
				State:    rapid.SampledFrom([]identifier.State{0, identifier.Active, identifier.Revoked}).Draw(t, "state"),
				Template: text.Draw(t, "template"), Reason: text.Draw(t, "why"), Successor: text.Draw(t, "successor"),
				Created: moment.Draw(t, "created"), Updated: moment.Draw(t, "updated"),
				Values: rapid.SliceOfN(value, 0, 4).Draw(t, "values"),
			}
		}
		before := []byte("before")
		encoded, ok := appendResponse(before, &asked)
		if !ok {
			if a.Status != resolver.Referral {
				t.Fatal("not made")
			}
			return
		}
		got, want := new(nodepb.ResolveResponse), response(&asked)
		if err := proto.Unmarshal(encoded[len(before):], got); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(got, want) || len(encoded) != len(before)+proto.Size(want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
	})
}
