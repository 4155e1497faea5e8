package grpcserver

import (
	"encoding/binary"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
)

// Numbers of fields in resolver.proto and record.proto.
const (
	responseStatus, responseRecord, responseExplanation, responseReading, responseNamespace, responseTier = 1, 2, 4, 5, 6, 7

	readingScheme, readingForm, readingCanonical, readingLevel = 1, 2, 3, 4

	recordID, recordScheme, recordVersion, recordState, recordTemplate   = 1, 2, 3, 4, 5
	recordValues, recordCreated, recordUpdated, recordReason, recordNext = 6, 7, 8, 9, 10

	valueIndex, valueType, valueData, valueTTL, valueTTLType, valuePerms, valueTimestamp, valueRefs = 1, 2, 3, 4, 5, 6, 7, 8

	refHandle, refIndex = 1, 2

	timestampSeconds, timestampNanos = 1, 2
)

// appendResponse appends the encoded response that [response] would make, without making it: a row of a batch
// takes 1.8 instead of 3.4 µs when its record is in memory. It makes only what nearly all responses have, and
// reports whether this is one of them.
func appendResponse(dst []byte, asked *resolver.Asked) (out []byte, ok bool) {
	q, a := &asked.Query, &asked.Answer
	if asked.Err != nil || len(asked.Candidates) > 0 || len(a.Steps) > 0 || !a.Broader.IsZero() || a.Status == resolver.Referral || q.ID.IsZero() {
		return dst, false
	}
	dst = appendUint(dst, responseStatus, uint64(messageStatus(a.Status)))
	if a.Record != nil {
		var at int
		dst, at = open(dst, responseRecord)
		dst = appendRecordHead(dst, a.Record)
		a.Values(q, func(v *identifier.Value) bool {
			dst = appendValue(dst, v)
			return true
		})
		dst = shut(dst, at)
	}
	dst, at := open(dst, responseExplanation)
	if dst = appendExplanation(dst, q, a); !utf8.Valid(dst[at:]) {
		dst = append(dst[:at], nodepb.Text(string(dst[at:]))...)
	}
	dst = shut(dst, at)
	dst, at = open(dst, responseReading)
	dst = appendText(dst, readingScheme, q.ID.Scheme().String())
	dst = appendText(dst, readingForm, q.ID.Form())
	dst = appendText(dst, readingCanonical, q.ID.Qualified())
	dst = shut(appendText(dst, readingLevel, q.ID.Level()), at)
	if a.Namespace != nil {
		dst = appendText(dst, responseNamespace, a.Namespace.Prefix)
	}
	return appendText(dst, responseTier, a.Tier.String()), true
}

// appendRecordHead appends everything of r but its values.
func appendRecordHead(dst []byte, r *identifier.Record) []byte {
	dst = appendText(dst, recordID, r.ID)
	dst = appendText(dst, recordScheme, r.Scheme.String())
	dst = appendUint(dst, recordVersion, r.Version)
	switch r.State {
	case identifier.Active:
		dst = appendUint(dst, recordState, uint64(nodepb.Record_ACTIVE))
	case identifier.Revoked:
		dst = appendUint(dst, recordState, uint64(nodepb.Record_REVOKED))
	}
	dst = appendText(dst, recordTemplate, r.Template)
	if !r.Created.IsZero() {
		dst = appendTimestamp(dst, recordCreated, r.Created.Unix(), r.Created.Nanosecond())
	}
	if !r.Updated.IsZero() {
		dst = appendTimestamp(dst, recordUpdated, r.Updated.Unix(), r.Updated.Nanosecond())
	}
	dst = appendText(dst, recordReason, r.Reason)
	return appendText(dst, recordNext, r.Successor)
}

func appendValue(dst []byte, v *identifier.Value) []byte {
	dst, at := open(dst, recordValues)
	dst = appendUint(dst, valueIndex, uint64(v.Index))
	dst = appendText(dst, valueType, v.Type)
	if len(v.Data) > 0 {
		dst = protowire.AppendBytes(protowire.AppendTag(dst, valueData, protowire.BytesType), v.Data)
	}
	dst = protowire.AppendVarint(protowire.AppendTag(dst, valueTTL, protowire.VarintType), uint64(v.TTL)) // optional: 0 is told, too
	ttlType := nodepb.Value_RELATIVE
	if v.TTLType == identifier.Absolute {
		ttlType = nodepb.Value_ABSOLUTE
	}
	dst = appendUint(dst, valueTTLType, uint64(ttlType))
	dst = protowire.AppendVarint(protowire.AppendTag(dst, valuePerms, protowire.VarintType), uint64(v.Perms))
	if v.Timestamp != 0 {
		dst = appendTimestamp(dst, valueTimestamp, int64(v.Timestamp), 0)
	}
	for _, ref := range v.Refs {
		var in int
		dst, in = open(dst, valueRefs)
		dst = shut(appendUint(appendText(dst, refHandle, ref.Handle), refIndex, uint64(ref.Index)), in)
	}
	return shut(dst, at)
}

func appendTimestamp(dst []byte, field protowire.Number, seconds int64, nanos int) []byte {
	dst, at := open(dst, field)
	return shut(appendUint(appendUint(dst, timestampSeconds, uint64(seconds)), timestampNanos, uint64(nanos)), at)
}

// appendUint appends a number, as proto3 does: nothing for 0.
func appendUint(dst []byte, field protowire.Number, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.VarintType), n)
}

// appendText appends s, made fit for a string; nothing for "".
func appendText(dst []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, field, protowire.BytesType), nodepb.Text(s))
}

// open appends the beginning of a field whose length is not known before shut.
func open(dst []byte, field protowire.Number) (out []byte, at int) {
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return dst, len(dst)
}

// shut puts its length before what was appended since open. Nearly all lengths take one or two octets, and what
// moves is small.
func shut(dst []byte, at int) []byte {
	var size [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(size[:], uint64(len(dst)-at))
	dst = append(dst, size[:n]...)
	copy(dst[at+n:], dst[at:])
	copy(dst[at:], size[:n])
	return dst
}
