// Command corpusload makes the data directory of a node that holds the first records of the corpus,
// without a node: a hundred million in minutes. The node is then started on it with IDNODE_DATA_DIR,
// and IDNODE_NODE_PREFIXES naming a prefix that contains --prefix.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/pebblestore"
)

// options are the flags.
type options struct {
	dir     string
	records uint64
	prefix  string
	seed    uint64
}

// maxRecords is as many as have names of one length, so that their order is that of their numbers.
const maxRecords = 10_000_000_000

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "", "data directory of the node, which must not be running")
	flag.Uint64Var(&o.records, "records", 1_000_000, "records, from the first on")
	flag.StringVar(&o.prefix, "prefix", "88.1021.150", "namespace of the records")
	flag.Uint64Var(&o.seed, "seed", 1, "of the records")
	flag.Parse()
	start := time.Now()
	if err := run(&o, start); err != nil {
		fmt.Fprintln(os.Stderr, "corpusload:", err)
		os.Exit(1)
	}
	took := time.Since(start)
	fmt.Printf("%d records in %s, %.0f/s\n", o.records, took.Round(time.Millisecond), float64(o.records)/took.Seconds())
}

func (o *options) check() error {
	if o.dir == "" || o.records < 1 || o.records > maxRecords || flag.NArg() > 0 {
		return fmt.Errorf("--dir is required; --records is from 1 to %d; there are no arguments", uint64(maxRecords))
	}
	name, err := identifier.Handle.ParseNamespace(o.prefix)
	if err != nil {
		return fmt.Errorf("--prefix: %w", err)
	}
	o.prefix = name
	return nil
}

func run(o *options, now time.Time) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	l, err := pebblestore.NewLoader(filepath.Join(o.dir, "pebble"), pebblestore.Options{})
	if err != nil {
		return err
	}
	return errors.Join(add(l, o, now.UTC().Truncate(time.Millisecond)), l.Close())
}

// add adds the namespace and its records, as the registry writes them at the time now.
func add(l *pebblestore.Loader, o *options, now time.Time) error {
	ns := identifier.Namespace{
		Scheme: identifier.Handle, Prefix: o.prefix, Enterprise: "self", State: identifier.NamespaceActive,
		Mode: identifier.Hosted, Created: now, Updated: now,
	}
	value, err := storage.EncodeNamespace(&ns)
	if err != nil {
		return err
	}
	if err := l.Add(storage.NamespaceKey(ns.Key()), 1, value); err != nil {
		return err
	}
	c := corpus.Corpus{Names: corpus.Serials(o.prefix), Seed: o.seed}
	var key []byte
	for i := range o.records {
		r := c.Record(i)
		r.State, r.Created, r.Updated = identifier.Active, now, now
		for j := range r.Values {
			r.Values[j].Timestamp = uint32(now.Unix())
		}
		key = storage.AppendRecordKey(key[:0], identifier.Key{Scheme: identifier.Handle, Name: strings.ToLower(r.ID)})
		value = identifier.AppendRecord(value[:0], r)
		if err := l.Add(key, 1, value); err != nil {
			return err
		}
	}
	return nil
}
