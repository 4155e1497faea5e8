package storage_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// TestKeyBytes pins the stored form of keys.
func TestKeyBytes(t *testing.T) {
	f := func(name string, got []byte, want string) {
		t.Helper()
		if string(got) != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.1021/sn\x00-1"}
	day := time.Date(1970, 1, 3, 23, 59, 59, 0, time.UTC)
	f("record", storage.RecordKey(k), "r\x0188.1021/sn\x00-1")
	f("record, appended", storage.AppendRecordKey([]byte("x"), k), "xr\x0188.1021/sn\x00-1")
	f("history", storage.HistoryKey(k, 258), "h\x0188.1021/sn\x00\xff-1\x00\x01\x00\x00\x00\x00\x00\x00\x01\x02")
	f("namespace", storage.NamespaceKey(identifier.Key{Scheme: identifier.OID, Name: "1.2.156"}), "n\x021.2.156")
	f("enterprise", storage.EnterpriseKey("self"), "eself")
	f("credential", storage.CredentialKey("k1"), "kk1")
	ns := identifier.Key{Scheme: identifier.Handle, Name: "88.1"}
	f("template", storage.TemplateKey(ns, "pump"), "t\x0188.1\x00\x01pump\x00\x01")
	f("template revision", storage.TemplateRevisionKey(ns, "pump", 258), "t\x0188.1\x00\x01pump\x00\x01\x00\x00\x01\x02")
	f("file", storage.FileKey("f1"), "ff1\x00\x01")
	f("file part", storage.FilePartKey("f1", 2), "ff1\x00\x01\x00\x00\x00\x02")
	f("account", storage.AccountKey("li"), "uli")
	f("application", storage.ApplicationKey("p1"), "pp1")
	f("app", storage.AppKey("b1"), "bb1")
	f("webhook", storage.WebhookKey("w1"), "ww1")
	f("progress", storage.ProgressKey("w1"), "Ww1\x00\x01p")
	f("delivery", storage.DeliveryKey("w1", 258), "Ww1\x00\x01a\x00\x00\x01\x02")
	f("index", storage.IndexKey(storage.IndexField, []string{"a", "b\x00"}, []byte("r\x01x")), "xfa\x00\x01b\x00\xff\x00\x01r\x01x")
	f("index beginning", storage.IndexBeginning(storage.IndexField, []string{"a"}, "b\x00"), "xfa\x00\x01b\x00\xff")
	f("counter", storage.CounterKey(storage.CounterLastUse, "k1"), "skk1")
	f("day", storage.DayKey(storage.CounterRegistrations, "e1", ns, 258), "sre1\x00\x01\x0188.1\x00\x01\x00\x00\x01\x02")
	f("held", storage.HeldKey(ns), "sh\x0188.1")
	f("meta", storage.MetaKey("format"), "Mformat")
	f("cursor", storage.CursorKey("topsync"), "ctopsync")
	f("idempotency", storage.IdempotencyKey(day, []byte("scope")), "i\x00\x00\x00\x02scope")
	f("audit", storage.AuditKey(time.Unix(0, 258), [8]byte{'u', 7: 'v'}), "a\x00\x00\x00\x00\x00\x00\x01\x02u\x00\x00\x00\x00\x00\x00v")
	f("sync", storage.SyncKey(storage.SyncTold, []string{"T6", "e\x00"}, []byte("r")), "ytT6\x00\x01e\x00\xff\x00\x01r")
	f("outbox", storage.OutboxKey("T9", 258), "oT9\x00\x01\x00\x00\x00\x00\x00\x00\x01\x02")
	f("chain", storage.ChainKey(258), "v\x00\x00\x00\x00\x00\x00\x01\x02")
}

func TestParseDayKey(t *testing.T) {
	k := identifier.Key{Scheme: identifier.OID, Name: "1.2"}
	for _, enterprise := range []string{"", "e1", "a\x00b"} {
		key := storage.DayKey(storage.CounterResolutions, enterprise, k, 20261123)
		of, who, ns, day, ok := storage.ParseDayKey(key)
		if !ok || of != storage.CounterResolutions || who != enterprise || ns != k || day != 20261123 {
			t.Errorf("ParseDayKey(%q) = %c, %q, %v, %d, %v", key, of, who, ns, day, ok)
		}
		for n := range key {
			if _, _, _, _, ok := storage.ParseDayKey(key[:n]); ok {
				t.Errorf("ParseDayKey(%q) is good", key[:n])
			}
		}
	}
	if got, ok := storage.ParseHeldKey(storage.HeldKey(k)); !ok || got != k {
		t.Errorf("ParseHeldKey = %v, %v", got, ok)
	}
	for _, key := range []string{"", "sh", "sr\x01x", "rh\x01x"} {
		if _, ok := storage.ParseHeldKey([]byte(key)); ok {
			t.Errorf("ParseHeldKey(%q) is good", key)
		}
	}
}

func TestParseTemplateKey(t *testing.T) {
	k := identifier.Key{Scheme: identifier.OID, Name: "1.2"}
	for revision, key := range map[uint32][]byte{0: storage.TemplateKey(k, "a\x00b"), 7: storage.TemplateRevisionKey(k, "a\x00b", 7)} {
		gotKey, name, got, ok := storage.ParseTemplateKey(key)
		if !ok || gotKey != k || name != "a\x00b" || got != revision {
			t.Errorf("ParseTemplateKey(%q) = %v, %q, %d, %v", key, gotKey, name, got, ok)
		}
	}
	for _, key := range []string{"", "t", "t\x01", "t\x01a\x00\x01", "t\x01a\x00\x01b\x00\x01xx", "r\x01a\x00\x01b\x00\x01"} {
		if _, name, _, ok := storage.ParseTemplateKey([]byte(key)); ok {
			t.Errorf("ParseTemplateKey(%q) = %q", key, name)
		}
	}
}

func TestParseIndexKey(t *testing.T) {
	key := storage.IndexKey(storage.IndexReference, []string{"x\x00y", ""}, []byte("rest"))
	by, parts, rest, ok := storage.ParseIndexKey(key, 2)
	if !ok || by != storage.IndexReference || len(parts) != 2 || parts[0] != "x\x00y" || parts[1] != "" || string(rest) != "rest" {
		t.Errorf("ParseIndexKey = %c, %q, %q, %v", by, parts, rest, ok)
	}
	for _, key := range []string{"", "x", "xf", "xfabc", "rfa\x00\x01"} {
		if _, parts, _, ok := storage.ParseIndexKey([]byte(key), 1); ok {
			t.Errorf("ParseIndexKey(%q) = %q", key, parts)
		}
	}
}

func TestParseKeys(t *testing.T) {
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.1021/x"}
	if got, ok := storage.ParseRecordKey(storage.RecordKey(k)); got != k || !ok {
		t.Errorf("ParseRecordKey = %v, %v", got, ok)
	}
	if got, ok := storage.ParseNamespaceKey(storage.NamespaceKey(k)); got != k || !ok {
		t.Errorf("ParseNamespaceKey = %v, %v", got, ok)
	}
	for _, key := range []string{"", "r", "r\x01", "n\x01x", "h\x01x"} {
		if got, ok := storage.ParseRecordKey([]byte(key)); ok {
			t.Errorf("ParseRecordKey(%q) = %v", key, got)
		}
	}
	at, unique := time.Unix(0, 258).UTC(), [8]byte{1, 7: 2}
	if got, u, ok := storage.ParseAuditKey(storage.AuditKey(at, unique)); !got.Equal(at) || u != unique || !ok {
		t.Errorf("ParseAuditKey = %v, %v, %v", got, u, ok)
	}
	if n, ok := storage.ParseChainKey(storage.ChainKey(258)); n != 258 || !ok {
		t.Errorf("ParseChainKey = %d, %v", n, ok)
	}
	for _, key := range []string{"", "a", "a234567890123456", "b2345678901234567", "v", "v1234567", "w12345678"} {
		_, _, audit := storage.ParseAuditKey([]byte(key))
		if _, chain := storage.ParseChainKey([]byte(key)); audit || chain {
			t.Errorf("%q is a key", key)
		}
	}
	if got := storage.TableOf(storage.RecordKey(k)); got != storage.TableRecord {
		t.Errorf("TableOf = %c", got)
	}
	if got := storage.TableOf(nil); got != 0 {
		t.Errorf("TableOf no key = %c", got)
	}
}

// TestHistoryOrder has names that begin with one another: the states of one stay together, in the
// order of versions.
func TestHistoryOrder(t *testing.T) {
	var last []byte
	for _, name := range []string{"88.1/a", "88.1/a\x00", "88.1/a\x00b", "88.1/ab", "88.1/b"} {
		k := identifier.Key{Scheme: identifier.Handle, Name: name}
		for _, version := range []uint64{1, 2, 255, 256, 1 << 40} {
			key := storage.HistoryKey(k, version)
			if bytes.Compare(last, key) >= 0 {
				t.Errorf("%q does not follow %q", key, last)
			}
			r := storage.PrefixRange(storage.HistoryPrefix(k))
			if bytes.Compare(key, r.Start) < 0 || bytes.Compare(key, r.End) >= 0 {
				t.Errorf("%q is outside the history of %q", key, name)
			}
			last = key
		}
	}
}

func TestParseSyncKeys(t *testing.T) {
	of, parts, rest, ok := storage.ParseSyncKey(storage.SyncKey(storage.SyncTold, []string{"T6", "e\x00"}, []byte("r")), 2)
	if !ok || of != storage.SyncTold || len(parts) != 2 || parts[1] != "e\x00" || string(rest) != "r" {
		t.Errorf("sync key: %c %q %q %v", of, parts, rest, ok)
	}
	if _, _, _, ok := storage.ParseSyncKey(storage.SyncKey(storage.SyncTold, []string{"T6"}, nil), 2); ok {
		t.Error("a key with a part too few was taken apart")
	}
	table, number, ok := storage.ParseOutboxKey(storage.OutboxKey("T9", 258))
	if !ok || table != "T9" || number != 258 {
		t.Errorf("outbox key: %s %d %v", table, number, ok)
	}
	if _, _, ok := storage.ParseOutboxKey(storage.SyncKey(storage.SyncState, nil, nil)); ok {
		t.Error("another table's key was taken for one of an outbox")
	}
}
