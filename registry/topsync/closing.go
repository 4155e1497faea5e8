package topsync

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/storage"
)

// closing is how far a day that is over has been turned into rows. Each batch stores it, so that a crash anywhere
// goes on with the next row.
type closing struct {
	Day   day    `json:"day"`
	Step  int    `json:"step"`            // of closingSteps
	After string `json:"after,omitempty"` // of the tables of statistics: the last prefix that is done, or begun
	Parts int    `json:"parts,omitempty"` // rows that the prefix has, and is to have; 0: it is done
	From  []byte `json:"from,omitempty"`  // the last source of those rows
}

// closingSteps are what is done of a day that is over, each until it reports that it is done.
var closingSteps = []func(k *keeper, ctx context.Context) (done bool, err error){
	func(k *keeper, ctx context.Context) (bool, error) { return k.closeStatistics(ctx, "T8", k.hosted) },
	func(k *keeper, ctx context.Context) (bool, error) { return k.closeStatistics(ctx, "T3", k.own) },
	(*keeper).closeMeasurements,
	func(k *keeper, ctx context.Context) (bool, error) { return true, k.settleDue(ctx, topreport.Daily) },
	(*keeper).closeMonth,
	(*keeper).closeDay,
}

// beginClose ends the open day: what happens from now on is counted for the next.
func (k *keeper) beginClose(ctx context.Context) error {
	k.s.counting.Lock()
	defer k.s.counting.Unlock()
	if err := k.storeLatencies(ctx); err != nil {
		return err
	}
	k.st.Closing = &closing{Day: k.st.Day}
	k.st.Day = k.st.Day.next()
	if err := k.save(ctx, func(w *writing) error { return w.release("T9") }); err != nil {
		return err
	}
	k.s.setOpen(k.st.Day)
	return nil
}

// close does the next thing for the day that is being closed.
func (k *keeper) close(ctx context.Context) error {
	c := k.st.Closing
	done, err := closingSteps[c.Step](k, ctx)
	if err != nil {
		return fmt.Errorf("close %s: %w", c.Day, err)
	}
	if !done || k.st.Closing == nil {
		return nil
	}
	c.Step, c.After, c.Parts, c.From = c.Step+1, "", 0, nil
	return k.save(ctx, nil)
}

// hosted are the namespaces that have a row of T8: those of which the node holds the records, and those of which it
// did earlier on the day.
func (k *keeper) hosted(ctx context.Context) ([]string, error) {
	var all []string
	for ns, h := range k.holdings {
		if h.Hosted && h.Live {
			all = append(all, qualified(ns))
		}
	}
	for _, kind := range []string{"T8", countIdentifiers} {
		prefix := storage.SyncKey(storage.SyncDay, []string{string(k.st.Closing.Day), kind}, nil)
		err := k.s.store.Scan(ctx, storage.PrefixRange(prefix), func(key []byte, _ storage.Item) error {
			_, parts, _, ok := storage.ParseSyncKey(key, 3)
			if !ok {
				return errDamaged
			}
			all = append(all, parts[2])
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// own are the node's prefixes.
func (k *keeper) own(context.Context) ([]string, error) {
	var all []string
	for _, p := range k.s.o.Prefixes {
		all = append(all, qualified(p))
	}
	slices.Sort(all)
	return all, nil
}

// closeStatistics makes the next rows of T3 or T8: about as many as have the sources of one row.
func (k *keeper) closeStatistics(ctx context.Context, table string, subjects func(context.Context) ([]string, error)) (bool, error) {
	all, err := subjects(ctx)
	if err != nil {
		return false, err
	}
	c := k.st.Closing
	at, begun := slices.BinarySearch(all, c.After)
	if begun && c.Parts == 0 && c.After != "" {
		at++
	}
	if at == len(all) {
		return true, nil
	}
	next := *c
	err = k.save(ctx, func(w *writing) error {
		for budget := k.s.o.SourcesPerRow; at < len(all) && budget > 0; {
			n, err := k.closeOne(ctx, w, table, all[at], &next)
			if err != nil {
				return fmt.Errorf("%s: %w", all[at], err)
			}
			budget -= n + 10
			if next.Parts == 0 {
				at++
			}
		}
		k.st.Closing = &next
		return nil
	})
	return false, err
}

// closeOne makes the next row of a prefix, and returns how many sources it has.
func (k *keeper) closeOne(ctx context.Context, w *writing, table, prefix string, c *closing) (int, error) {
	ns, ok := unqualified(prefix)
	if !ok {
		return 0, errDamaged
	}
	sub := subject{c.Day, table, ns}
	sum, err := readAsked(ctx, k.s.store, sub)
	if err != nil {
		return 0, err
	}
	if c.After != prefix {
		c.After, c.Parts, c.From = prefix, 0, nil
	}
	sources, last, err := k.sourcesAfter(ctx, sub, c.From)
	if err != nil {
		return 0, err
	}
	parts := max(1, (int(sum.Sources)+k.s.o.SourcesPerRow-1)/k.s.o.SourcesPerRow)
	fresh, total, err := k.numbers(ctx, table, ns, c.Day)
	if err != nil {
		return 0, err
	}
	data := map[string]any{"prefix": prefix, "day": c.Day, "new": fresh, "total": total, "requests": sum.Requests, "successes": sum.Successes,
		"sources": sources, "sourcesExact": sum.Sketch == nil, "part": c.Parts + 1, "parts": parts}
	if sum.Sketch != nil {
		if data["sketch"], err = sum.Sketch.data(sum.Sources); err != nil {
			return 0, err
		}
	}
	text, err := json.Marshal(data)
	if err != nil {
		return 0, err
	}
	r := row{Key: fmt.Sprintf("%s %s %d", prefix, c.Day, c.Parts+1), Op: topreport.Add, Time: c.Day.end(k.s.o.Location).UTC(), Data: text}
	if _, err := w.addRow(table, r); err != nil {
		return 0, err
	}
	if c.Parts++; c.Parts >= parts {
		c.Parts, c.From = 0, nil
	} else {
		c.From = last
	}
	return len(sources), nil
}

// sourceCount is a source in a row.
type sourceCount struct {
	IP    netip.Addr `json:"ip"`
	Count uint64     `json:"count"`
}

// sourcesAfter are the sources of one row, those behind the address, and the last of them.
func (k *keeper) sourcesAfter(ctx context.Context, of subject, after []byte) ([]sourceCount, []byte, error) {
	prefix := of.sourcesPrefix()
	span := storage.PrefixRange(prefix)
	span.Limit = k.s.o.SourcesPerRow
	if after != nil {
		span.Start = append(append(slices.Clone(prefix), after...), 0)
	}
	list := []sourceCount{}
	err := k.s.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
		after = slices.Clone(key[len(prefix):])
		n, err := parseCount(item.Value)
		address, ok := netip.AddrFromSlice(after)
		if !ok {
			return errDamaged
		}
		list = append(list, sourceCount{address.Unmap(), n})
		return err
	})
	return list, after, err
}

// numbers are how many things are new, and how many there are: enterprise prefixes of T3, identifiers of T8.
func (k *keeper) numbers(ctx context.Context, table string, ns identifier.Key, d day) (fresh uint64, total int64, err error) {
	if table == "T8" {
		fresh, err = readCount(ctx, k.s.store, freshKey(d, countIdentifiers, ns))
		if h := k.holdings[ns]; h != nil {
			total = h.Records
		}
		return fresh, total, err
	}
	fresh, err = readCount(ctx, k.s.store, freshKey(d, countPrefixes, ns))
	for inner, h := range k.holdings {
		if h.Live && h.Own && inner.Scheme == ns.Scheme && ns.Scheme.Contains(ns.Name, inner.Name) {
			total++
		}
	}
	return fresh, total, err
}

// closeMeasurements makes the row of M1, and adds it to the month.
func (k *keeper) closeMeasurements(ctx context.Context) (bool, error) {
	d := k.st.Closing.Day
	resolve, err := readMeasurement(ctx, k.s.store, measureKey(d, measureResolve))
	if err != nil {
		return false, err
	}
	register, err := readMeasurement(ctx, k.s.store, measureKey(d, measureRegister))
	if err != nil {
		return false, err
	}
	next := *k.st.Closing
	next.Step++
	return false, k.save(ctx, func(w *writing) error {
		k.st.Closing = &next
		if err := k.s.addToMonth(ctx, w, d.month(), func(m *monthSum) {
			m.Resolve.add(&resolve)
			m.Register.add(&register)
		}); err != nil {
			return err
		}
		if len(k.s.o.Prefixes) == 0 {
			return nil
		}
		prefix := qualified(k.s.o.Prefixes[0])
		data := map[string]any{"prefix": prefix, "day": d}
		resolve.items(data, measureResolve)
		register.items(data, measureRegister)
		text, err := json.Marshal(data)
		if err != nil {
			return err
		}
		_, err = w.addRow("M1", row{Key: prefix + " " + string(d), Op: topreport.Add, Time: d.end(k.s.o.Location).UTC(), Data: text})
		return err
	})
}

// closeMonth does what is due once the month is over, if the day was its last.
func (k *keeper) closeMonth(ctx context.Context) (bool, error) {
	d := k.st.Closing.Day
	if d.next().month() == d.month() {
		return true, nil
	}
	if err := k.settleDue(ctx, topreport.Monthly); err != nil {
		return false, err
	}
	if err := k.s.beat(ctx, false); err != nil { // the hours of the month up to now
		return false, err
	}
	report, err := k.s.monthly(ctx, d.month(), d.end(k.s.o.Location))
	if err != nil {
		return false, err
	}
	text, err := json.Marshal(report.data())
	if err != nil {
		return false, err
	}
	next := *k.st.Closing
	next.Step++
	return false, k.save(ctx, func(w *writing) error {
		k.st.Closing = &next
		if err := w.put(reportKey(d.month()), report); err != nil {
			return err
		}
		_, err = w.addRow("R1", row{Key: string(d.month()), Op: topreport.Add, Time: d.end(k.s.o.Location).UTC(), Data: text})
		return err
	})
}

// closeDay forgets what was counted of the day.
func (k *keeper) closeDay(ctx context.Context) (bool, error) {
	d := k.st.Closing.Day
	for _, of := range []storage.Sync{storage.SyncDay, storage.SyncSource} {
		r := storage.PrefixRange(storage.SyncKey(of, []string{string(d)}, nil))
		if err := k.s.store.DeleteRange(ctx, r.Start, r.End); err != nil {
			return false, fmt.Errorf("forget counts: %w", err)
		}
	}
	k.st.Closing = nil
	if err := k.save(ctx, nil); err != nil {
		return false, err
	}
	k.s.log.Info("a day was closed for the top-level node", "day", string(d))
	return true, nil
}
