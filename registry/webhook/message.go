package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// MaxItems is the most changes of one message.
const MaxItems = 100

// readEntries is how many entries of the change log are read at a time for one webhook: a chunk of an
// import has a thousand changes, so that is below a megabyte.
const readEntries = 8

// maxScan is how many entries without news are read in one go.
const maxScan = 4096

// A message gathers the changes within window; settle is how long after its end it may go, for
// changes that took their time while they were stored.
const (
	window = time.Second
	settle = 250 * time.Millisecond
)

// item is a change within a message.
type item struct {
	news
	seq   storage.Seq
	index int // within the entry
	time  time.Time
}

// message is what is told at once: changes of one event that follow one another in the log.
type message struct {
	event  registry.WebhookEvent
	second time.Time // in which they were made
	place  registry.WebhookPlace
	items  []item
}

// id is made of what the message tells and to whom, so it is the same whenever the message is.
func (m *message) id(webhook string) string {
	h := sha256.New()
	h.Write([]byte(webhook + "\n" + string(m.event) + "\n"))
	var b [16]byte
	for i := range m.items {
		binary.BigEndian.PutUint64(b[:8], uint64(m.items[i].seq))
		binary.BigEndian.PutUint64(b[8:], uint64(m.items[i].index))
		h.Write(b[:])
	}
	sum := h.Sum(nil)
	return "msg_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:16])[:26])
}

// over reports whether nothing more can come that belongs to m. A second that is still to come is of a clock
// that has been set back since, and not waited for.
func (m *message) over(now time.Time) bool {
	age := now.Sub(m.second)
	return age >= window+settle || age < -window
}

// reader reads the change log for one webhook.
type reader struct {
	filter filter
	place  registry.WebhookPlace
	ahead  []storage.Entry // those after place.After that have been read
}

// Outcomes of gather.
type gathered int

const (
	atEnd  gathered = iota // there is nothing more, or a message that may still grow
	whole                  // a message
	onWard                 // nothing so far, and more to read
)

// gather reads on from r's place and returns the next message, the place behind it, and whether it is
// whole. It does not move r but to drop what nobody is told of. Error: storage.ErrTrimmed.
func (s *Sender) gather(ctx context.Context, r *reader) (*message, registry.WebhookPlace, gathered, error) {
	var m *message
	at, entries, scanned := r.place, r.ahead, 0
	for {
		if len(entries) == 0 {
			var err error
			if entries, err = s.o.Store.Read(ctx, at.After, readEntries); err != nil {
				return nil, at, atEnd, err
			}
			if m == nil {
				r.ahead = entries
			}
			if len(entries) == 0 {
				if m != nil && m.over(time.Now()) {
					r.ahead = nil
					return m, at, whole, nil
				}
				return m, at, atEnd, nil
			}
			if scanned += len(entries); scanned > maxScan && m == nil {
				return nil, at, onWard, nil
			}
		}
		e := &entries[0]
		for i := at.Told; i < len(e.Changes); i++ {
			n, err := s.classify(ctx, &e.Changes[i])
			if err != nil {
				return nil, at, atEnd, err
			}
			if !r.filter.wants(&n) {
				continue
			}
			second := e.Time.Truncate(window)
			if m == nil {
				m = &message{event: n.event, second: second, place: registry.WebhookPlace{After: at.After, Told: i}}
			} else if n.event != m.event || !second.Equal(m.second) {
				r.ahead = entries
				return m, registry.WebhookPlace{After: at.After, Told: i}, whole, nil
			}
			if m.items = append(m.items, item{n, e.Seq, i, e.Time}); len(m.items) == MaxItems {
				r.ahead = entries
				return m, registry.WebhookPlace{After: at.After, Told: i + 1}, whole, nil
			}
		}
		at, entries = registry.WebhookPlace{After: e.Seq}, entries[1:]
		if m == nil {
			r.place, r.ahead = at, entries
		}
	}
}
