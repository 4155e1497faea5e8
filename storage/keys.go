package storage

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage/internal/keyenc"
)

// Table is the first octet of every key. Numbers are part of the stored format and never change.
type Table byte

const (
	TableMeta        Table = 'M' // name → format and identity of the store
	TableRecord      Table = 'r' // scheme, canonical name → record
	TableHistory     Table = 'h' // scheme, canonical name, version → record as it was
	TableNamespace   Table = 'n' // scheme, canonical prefix → identifier.Namespace
	TableEnterprise  Table = 'e' // id → enterprise
	TableCredential  Table = 'k' // key id → API key
	TableIdempotency Table = 'i' // day, scope → first answer
	TableAudit       Table = 'a' // time, random → audit entry
	TableChain       Table = 'v' // number → audit entry of that number in the hash chain, and the chain's hash
	TableTemplate    Table = 't' // scheme, namespace, name, revision → data template
	TableFile        Table = 'f' // id, number → a file: what it is, then its parts
	TableAccount     Table = 'u' // user name → account of a person or an application
	TableApplication Table = 'p' // id → application for a prefix
	TableApp         Table = 'b' // id → application that uses identifiers
	TableJob         Table = 'j' // id → bulk job
	TableJobRows     Table = 'J' // id, line → what the rows of a job from that line on came to
	TableIndex       Table = 'x' // kind, … → nothing: what is found by something else than its key
	TableCounter     Table = 's' // kind, … → number, or time of last use
	TableWebhook     Table = 'w' // id → subscription to a webhook
	TableDelivery    Table = 'W' // webhook, … → how far its deliveries are, and the newest attempts
	TableSync        Table = 'y' // kind, … → what the sync with the top-level node keeps beside its rows
	TableOutbox      Table = 'o' // table of the dictionary, number → a row that is reported upward
	TableLongName    Table = 'd' // beginning of a DNS name from the zone down → nothing
	TableCursor      Table = 'c' // follower → place in the change log
	TableChange      Table = 'l' // place → changes; written and read by engines only
)

// tableNames are what tables are called where people count them.
var tableNames = map[Table]string{
	TableMeta: "meta", TableRecord: "record", TableHistory: "history", TableNamespace: "namespace", TableEnterprise: "enterprise",
	TableCredential: "credential", TableIdempotency: "idempotency", TableAudit: "audit", TableChain: "chain", TableTemplate: "template",
	TableFile: "file", TableAccount: "account", TableApplication: "application", TableApp: "app", TableJob: "job", TableJobRows: "job_rows",
	TableIndex: "index", TableCounter: "counter", TableWebhook: "webhook", TableDelivery: "delivery", TableSync: "sync", TableOutbox: "outbox",
	TableLongName: "long_name", TableCursor: "cursor", TableChange: "change",
}

// String is the table's name, or its octet if this version does not know it.
func (t Table) String() string {
	if name, ok := tableNames[t]; ok {
		return name
	}
	return fmt.Sprintf("%#02x", byte(t))
}

// TableOf is the table that key belongs to.
func TableOf(key []byte) Table {
	if len(key) == 0 {
		return 0
	}
	return Table(key[0])
}

// TableRange is all keys of a table.
func TableRange(t Table) Range {
	return Range{Start: []byte{byte(t)}, End: []byte{byte(t) + 1}}
}

// PrefixRange is all keys that begin with prefix.
func PrefixRange(prefix []byte) Range {
	return Range{Start: prefix, End: keyenc.PrefixEnd(prefix)}
}

// RecordKey is where the record of k is stored. The canonical name stands last and unescaped, so
// that the records of a scheme are scanned in the order of their names.
func RecordKey(k identifier.Key) []byte { return nameKey(TableRecord, k) }

// AppendRecordKey appends RecordKey(k) to dst.
func AppendRecordKey(dst []byte, k identifier.Key) []byte {
	dst = append(dst, byte(TableRecord), byte(k.Scheme))
	return append(dst, k.Name...)
}

// ParseRecordKey is the inverse of RecordKey.
func ParseRecordKey(key []byte) (identifier.Key, bool) { return parseNameKey(TableRecord, key) }

// NamespaceKey is where the namespace k is stored.
func NamespaceKey(k identifier.Key) []byte { return nameKey(TableNamespace, k) }

// ParseNamespaceKey is the inverse of NamespaceKey.
func ParseNamespaceKey(key []byte) (identifier.Key, bool) { return parseNameKey(TableNamespace, key) }

// HistoryKey is where the state of k's record at a version is kept once that version is past.
func HistoryKey(k identifier.Key, version uint64) []byte {
	return binary.BigEndian.AppendUint64(HistoryPrefix(k), version)
}

// HistoryPrefix begins the history keys of k, which follow in the order of versions.
func HistoryPrefix(k identifier.Key) []byte {
	b := append(make([]byte, 0, len(k.Name)+20), byte(TableHistory), byte(k.Scheme))
	return keyenc.AppendString(b, k.Name)
}

// LongNameKey is where it is kept that identifiers have DNS names below this one, where the records'
// own order does not tell: names of more than one label of encoded value. The labels stand from the
// zone down, each with a dot behind it, so that the names below one are a range.
func LongNameKey(reversed string) []byte {
	return append([]byte{byte(TableLongName)}, reversed...)
}

// EnterpriseKey is where the enterprise of that id is stored.
func EnterpriseKey(id string) []byte { return append([]byte{byte(TableEnterprise)}, id...) }

// CredentialKey is where the API key of that id is stored.
func CredentialKey(id string) []byte { return append([]byte{byte(TableCredential)}, id...) }

// TemplateKey is where the data template of that name is stored, of the namespace k.
func TemplateKey(k identifier.Key, name string) []byte {
	return keyenc.AppendString(TemplatesPrefix(k), name)
}

// TemplatesPrefix begins the keys of the data templates of the namespace k, in the order of names.
func TemplatesPrefix(k identifier.Key) []byte {
	b := append(make([]byte, 0, len(k.Name)+64), byte(TableTemplate), byte(k.Scheme))
	return keyenc.AppendString(b, k.Name)
}

// TemplateRevisionKey is where a published revision of a data template is kept once it is past.
func TemplateRevisionKey(k identifier.Key, name string, revision uint32) []byte {
	return binary.BigEndian.AppendUint32(TemplateKey(k, name), revision)
}

// ParseTemplateKey is the inverse of TemplateKey and TemplateRevisionKey; revision is 0 for the former.
func ParseTemplateKey(key []byte) (k identifier.Key, name string, revision uint32, ok bool) {
	if len(key) < 2 || key[0] != byte(TableTemplate) {
		return identifier.Key{}, "", 0, false
	}
	k.Scheme = identifier.Scheme(key[1])
	var rest []byte
	if k.Name, rest, ok = keyenc.ParseString(key[2:]); !ok {
		return identifier.Key{}, "", 0, false
	}
	if name, rest, ok = keyenc.ParseString(rest); !ok || len(rest) != 0 && len(rest) != 4 {
		return identifier.Key{}, "", 0, false
	}
	if len(rest) == 4 {
		revision = binary.BigEndian.Uint32(rest)
	}
	return k, name, revision, true
}

// FileKey is where it is stored what the file of that id is; its parts are at FilePartKey.
func FileKey(id string) []byte {
	return keyenc.AppendString(append(make([]byte, 0, len(id)+8), byte(TableFile)), id)
}

// FilePartKey is where a part of a file is stored, from 0.
func FilePartKey(id string, part uint32) []byte {
	return binary.BigEndian.AppendUint32(FileKey(id), part)
}

// AccountKey is where the account of that user name is stored. Names are folded by the caller.
func AccountKey(name string) []byte { return append([]byte{byte(TableAccount)}, name...) }

// ApplicationKey is where the application for a prefix of that id is stored.
func ApplicationKey(id string) []byte { return append([]byte{byte(TableApplication)}, id...) }

// AppKey is where the application of that id is stored that uses identifiers.
func AppKey(id string) []byte { return append([]byte{byte(TableApp)}, id...) }

// WebhookKey is where the subscription of that id is stored.
func WebhookKey(id string) []byte { return append([]byte{byte(TableWebhook)}, id...) }

// DeliveriesPrefix begins the keys of all that is kept of a webhook's deliveries.
func DeliveriesPrefix(webhook string) []byte {
	return keyenc.AppendString(append(make([]byte, 0, len(webhook)+8), byte(TableDelivery)), webhook)
}

// ProgressKey is where it is kept how far a webhook's deliveries are, beside its cursor.
func ProgressKey(webhook string) []byte { return append(DeliveriesPrefix(webhook), 'p') }

// DeliveryKey is one of the places of a webhook's newest attempts, which are used in turn.
func DeliveryKey(webhook string, slot uint32) []byte {
	return binary.BigEndian.AppendUint32(append(DeliveriesPrefix(webhook), 'a'), slot)
}

// JobKey is where the bulk job of that id is stored.
func JobKey(id string) []byte { return append([]byte{byte(TableJob)}, id...) }

// JobRowsKey is where it is kept what a chunk of a job's rows came to that begins with the line.
func JobRowsKey(id string, line uint64) []byte {
	return binary.BigEndian.AppendUint64(JobRowsPrefix(id), line)
}

// JobRowsPrefix begins the keys of what the rows of a job came to, in the order of lines.
func JobRowsPrefix(id string) []byte {
	return keyenc.AppendString(append(make([]byte, 0, len(id)+16), byte(TableJobRows)), id)
}

// ParseJobRowsKey is the inverse of JobRowsKey.
func ParseJobRowsKey(key []byte) (id string, line uint64, ok bool) {
	if len(key) == 0 || key[0] != byte(TableJobRows) {
		return "", 0, false
	}
	id, rest, ok := keyenc.ParseString(key[1:])
	if !ok || len(rest) != 8 {
		return "", 0, false
	}
	return id, binary.BigEndian.Uint64(rest), true
}

// Sync tells apart what the sync with the top-level node keeps.
type Sync byte

const (
	SyncState    Sync = 'S' // → how far the change log, the days and the months are
	SyncFeed     Sync = 'Q' // → how far the log of requests has been counted
	SyncHead     Sync = 'h' // table → the number of its newest row, and up to which rows may leave
	SyncPlace    Sync = 'p' // target, table → up to which rows are acknowledged
	SyncRefused  Sync = 'r' // target, table, number → why the target, or our own check, refused the row
	SyncDirty    Sync = 'd' // table, key of the thing → it may have to be reported again
	SyncTold     Sync = 't' // table, key of the thing → what was last reported of it
	SyncWithheld Sync = 'w' // table, key of the thing → why it cannot be reported
	SyncHolding  Sync = 'n' // namespace → how many records it holds
	SyncDay      Sync = 'c' // day, kind, … → what is counted of a day
	SyncSource   Sync = 'a' // day, of whom, address → requests
	SyncIntake   Sync = 'i' // enterprise, table → up to which rows of it have been taken
	SyncEvent    Sync = 'e' // event number → an abnormal event
	SyncMonth    Sync = 'm' // month, … → what is gathered of a month, and its report
)

// SyncKey is a key of what the sync keeps: parts are escaped and so compared one after the other; rest stands
// last as it is.
func SyncKey(of Sync, parts []string, rest []byte) []byte {
	n := 8 + len(rest)
	for _, p := range parts {
		n += len(p) + 4
	}
	b := append(make([]byte, 0, n), byte(TableSync), byte(of))
	for _, p := range parts {
		b = keyenc.AppendString(b, p)
	}
	return append(b, rest...)
}

// ParseSyncKey takes apart a key of SyncKey with n parts.
func ParseSyncKey(key []byte, n int) (of Sync, parts []string, rest []byte, ok bool) {
	if len(key) < 2 || key[0] != byte(TableSync) {
		return 0, nil, nil, false
	}
	of, rest = Sync(key[1]), key[2:]
	for range n {
		var p string
		if p, rest, ok = keyenc.ParseString(rest); !ok {
			return 0, nil, nil, false
		}
		parts = append(parts, p)
	}
	return of, parts, rest, true
}

// OutboxKey is where the row of that number is kept of a table of the dictionary.
func OutboxKey(table string, number uint64) []byte {
	b := append(make([]byte, 0, len(table)+12), byte(TableOutbox))
	return binary.BigEndian.AppendUint64(keyenc.AppendString(b, table), number)
}

// ParseOutboxKey is the inverse of OutboxKey.
func ParseOutboxKey(key []byte) (table string, number uint64, ok bool) {
	if len(key) < 1 || key[0] != byte(TableOutbox) {
		return "", 0, false
	}
	table, rest, ok := keyenc.ParseString(key[1:])
	if !ok || len(rest) != 8 {
		return "", 0, false
	}
	return table, binary.BigEndian.Uint64(rest), true
}

// Index tells apart what the index table is by.
type Index byte

const (
	IndexField     Index = 'f' // template, field, value → records
	IndexReference Index = 'r' // identifier → records that refer to it
	IndexAccount   Index = 'a' // mail address, telephone, … → account

	IndexJob         Index = 'j' // enterprise, content and options of a bulk job → the job
	IndexJobRow      Index = 'J' // bulk job that is a dry run, key of a record → the line that would store it first
	IndexCertificate Index = 'c' // kind and number of a certificate → the enterprise that has it
	IndexAudit       Index = 'A' // audit entry → its number in the hash chain
	IndexFile        Index = 'F' // enterprise, file → the file; with an empty rest what the enterprise's files take
)

// IndexKey is a key of an index: parts are escaped and so compared one after the other; rest stands last as it is.
func IndexKey(by Index, parts []string, rest []byte) []byte {
	n := 8 + len(rest)
	for _, p := range parts {
		n += len(p) + 4
	}
	b := append(make([]byte, 0, n), byte(TableIndex), byte(by))
	for _, p := range parts {
		b = keyenc.AppendString(b, p)
	}
	return append(b, rest...)
}

// IndexBeginning begins the keys of an index whose parts are these, followed by one that begins with
// beginning.
func IndexBeginning(by Index, parts []string, beginning string) []byte {
	b := keyenc.AppendString(IndexKey(by, parts, nil), beginning)
	return b[:len(b)-2] // without the end of the part
}

// ParseIndexKey takes apart a key of an index with n parts.
func ParseIndexKey(key []byte, n int) (by Index, parts []string, rest []byte, ok bool) {
	if len(key) < 2 || key[0] != byte(TableIndex) {
		return 0, nil, nil, false
	}
	by, rest = Index(key[1]), key[2:]
	for range n {
		var p string
		if p, rest, ok = keyenc.ParseString(rest); !ok {
			return 0, nil, nil, false
		}
		parts = append(parts, p)
	}
	return by, parts, rest, true
}

// Counter tells apart what is counted.
type Counter byte

const (
	CounterLastUse  Counter = 'k' // key or account id → when it was last used
	CounterRequests Counter = 'd' // day, namespace → requests

	CounterRegistrations Counter = 'r' // enterprise, namespace, day → changes of records, and records at its end
	CounterResolutions   Counter = 'q' // enterprise, namespace, day → questions
	CounterHeld          Counter = 'h' // namespace → its enterprise, and the records in it
	CounterJobRows       Counter = 'j' // enterprise, day → rows of bulk jobs that were dropped on that day; exact, put with the dropping
	CounterOrder         Counter = 'o' // target of the sync → the number of the order that was carried out last; exact, put with what it changed
	CounterMint          Counter = 'm' // namespace, rule with its dates → the serial number used last; exact, put with the records
)

// CounterKey is where a number is kept that may be some seconds old.
func CounterKey(of Counter, name string) []byte {
	return append([]byte{byte(TableCounter), byte(of)}, name...)
}

// DayKey is where what is counted of a day is kept, of an enterprise and one of its namespaces. A day is
// written as a number of eight digits, such as 20261123.
func DayKey(of Counter, enterprise string, k identifier.Key, day uint32) []byte {
	return binary.BigEndian.AppendUint32(DaysPrefix(of, enterprise, k), day)
}

// DaysPrefix begins the keys of an enterprise and one of its namespaces, in the order of days.
func DaysPrefix(of Counter, enterprise string, k identifier.Key) []byte {
	b := append(EnterpriseDaysPrefix(of, enterprise), byte(k.Scheme))
	return keyenc.AppendString(b, k.Name)
}

// EnterpriseDaysPrefix begins the keys of an enterprise.
func EnterpriseDaysPrefix(of Counter, enterprise string) []byte {
	b := append(make([]byte, 0, len(enterprise)+40), byte(TableCounter), byte(of))
	return keyenc.AppendString(b, enterprise)
}

// ParseDayKey is the inverse of DayKey.
func ParseDayKey(key []byte) (of Counter, enterprise string, k identifier.Key, day uint32, ok bool) {
	if len(key) < 2 || key[0] != byte(TableCounter) {
		return 0, "", k, 0, false
	}
	of = Counter(key[1])
	enterprise, rest, ok := keyenc.ParseString(key[2:])
	if !ok || len(rest) == 0 {
		return 0, "", k, 0, false
	}
	k.Scheme = identifier.Scheme(rest[0])
	if k.Name, rest, ok = keyenc.ParseString(rest[1:]); !ok || len(rest) != 4 {
		return 0, "", identifier.Key{}, 0, false
	}
	return of, enterprise, k, binary.BigEndian.Uint32(rest), true
}

// HeldKey is where it is kept how many records are in the namespace k.
func HeldKey(k identifier.Key) []byte {
	return append([]byte{byte(TableCounter), byte(CounterHeld), byte(k.Scheme)}, k.Name...)
}

// ParseHeldKey is the inverse of HeldKey.
func ParseHeldKey(key []byte) (identifier.Key, bool) {
	if len(key) < 3 || key[0] != byte(TableCounter) || key[1] != byte(CounterHeld) {
		return identifier.Key{}, false
	}
	return identifier.Key{Scheme: identifier.Scheme(key[2]), Name: string(key[3:])}, true
}

// MetaKey is where a fact about the store itself is kept.
func MetaKey(name string) []byte { return append([]byte{byte(TableMeta)}, name...) }

// CursorKey is where a follower of the change log keeps its place.
func CursorKey(follower string) []byte { return append([]byte{byte(TableCursor)}, follower...) }

// IdempotencyKey is where the first answer to a request is kept: the day of the request in UTC
// stands first, so that old days are removed as one range. Scope names tenant, route and the
// client's key.
func IdempotencyKey(day time.Time, scope []byte) []byte {
	return append(IdempotencyDay(day), scope...)
}

// IdempotencyDay begins the idempotency keys of a day.
func IdempotencyDay(day time.Time) []byte {
	b := append(make([]byte, 0, 64), byte(TableIdempotency))
	return binary.BigEndian.AppendUint32(b, uint32(day.Unix()/86400))
}

// AuditKey is where an audit entry is kept, in the order of time; unique tells apart entries of
// one moment.
func AuditKey(t time.Time, unique [8]byte) []byte {
	b := append(make([]byte, 0, 17), byte(TableAudit))
	b = binary.BigEndian.AppendUint64(b, uint64(t.UnixNano()))
	return append(b, unique[:]...)
}

// ParseAuditKey is the inverse of AuditKey.
func ParseAuditKey(key []byte) (t time.Time, unique [8]byte, ok bool) {
	if len(key) != 17 || key[0] != byte(TableAudit) {
		return time.Time{}, unique, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(key[1:]))).UTC(), [8]byte(key[9:]), true
}

// ChainKey is where the hash chain of the audit log has its entry n, from 1.
func ChainKey(n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), byte(TableChain)), n)
}

// ParseChainKey is the inverse of ChainKey.
func ParseChainKey(key []byte) (n uint64, ok bool) {
	if len(key) != 9 || key[0] != byte(TableChain) {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), true
}

func nameKey(t Table, k identifier.Key) []byte {
	b := append(make([]byte, 0, len(k.Name)+2), byte(t), byte(k.Scheme))
	return append(b, k.Name...)
}

func parseNameKey(t Table, key []byte) (identifier.Key, bool) {
	if len(key) < 3 || key[0] != byte(t) {
		return identifier.Key{}, false
	}
	return identifier.Key{Scheme: identifier.Scheme(key[1]), Name: string(key[2:])}, true
}
