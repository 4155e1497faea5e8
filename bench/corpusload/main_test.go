package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/pebblestore"
)

// TestRun reads back what a node on the directory would: the namespace and every record.
func TestRun(t *testing.T) {
	o := options{dir: t.TempDir(), records: 1000, prefix: "88.1021.150", seed: 7}
	now := time.Unix(1790000000, 0).UTC()
	if err := run(&o, now); err != nil {
		t.Fatal(err)
	}
	s, err := pebblestore.Open(filepath.Join(o.dir, "pebble"), pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	spaces, err := storage.LoadNamespaces(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	c := corpus.Corpus{Names: corpus.Serials(o.prefix), Seed: o.seed}
	for i := range o.records {
		want := c.Record(i)
		id, err := identifier.Handle.Parse(want.ID)
		if err != nil {
			t.Fatal(err)
		}
		ns := spaces.Find(id)
		if ns == nil || !ns.Serves() || ns.Enterprise != "self" || ns.Version != 1 {
			t.Fatalf("%s lies in %+v, want a namespace of the node that is served", id, ns)
		}
		item, err := s.Get(t.Context(), storage.RecordKey(id.Key(ns.CaseSensitive)))
		if err != nil || item.Version != 1 {
			t.Fatalf("%s: version %d, %v; want version 1", id, item.Version, err)
		}
		got, err := identifier.DecodeRecord(item.Value)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != want.ID || got.State != identifier.Active || !got.Created.Equal(now) || !got.Updated.Equal(now) || len(got.Values) != len(want.Values) {
			t.Fatalf("%s is %+v", id, got)
		}
		for j, v := range got.Values {
			if w := want.Values[j]; v.Type != w.Type || string(v.Data) != string(w.Data) || v.Timestamp != uint32(now.Unix()) {
				t.Fatalf("%s: value %d is %+v, want %+v of the time of loading", id, j, v, w)
			}
		}
	}
	if err := run(&o, now); err == nil {
		t.Error("a second run over the first: no error")
	}
}

func TestCheck(t *testing.T) {
	for name, o := range map[string]options{
		"no directory": {records: 1, prefix: "88.1"},
		"no records":   {dir: "x", prefix: "88.1"},
		"too many":     {dir: "x", records: maxRecords + 1, prefix: "88.1"},
		"no prefix":    {dir: "x", records: 1},
	} {
		if o.check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
