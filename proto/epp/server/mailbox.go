package server

import (
	"strconv"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/epp"
)

// Mail is a message that waits for a client.
type Mail struct {
	ID   string    // set by the mailbox
	Date time.Time // when it was made; set by the mailbox if it is zero
	Text string    // for people; may be empty
	Data epp.Data
}

// MailboxOptions bound a Mailbox. The zero value has the defaults.
type MailboxOptions struct {
	// Max is how many messages wait for a client. Default: 100000.
	Max int
}

// Mailbox keeps messages in memory, for each client in the order in which they came (RFC 5730, section 2.9.2.3): the first is
// told again and again until it is acknowledged. It may be used by many goroutines. Its zero value is of use.
type Mailbox struct {
	Options MailboxOptions

	mu     sync.Mutex
	last   uint64 // number of the last message
	queues map[string][]*Mail
}

// Put adds a message for a client, and returns its id. It has no place for more than MailboxOptions.Max, which is CodeFailed.
func (b *Mailbox) Put(client string, m Mail) (id string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := b.Options.Max
	if limit <= 0 {
		limit = 100_000
	}
	if len(b.queues[client]) >= limit {
		return "", epp.Errorf(epp.CodeFailed, "%d messages wait for the client", limit)
	}
	if b.queues == nil {
		b.queues = make(map[string][]*Mail)
	}
	b.last++
	if m.Date.IsZero() {
		m.Date = time.Now()
	}
	m.ID = strconv.FormatUint(b.last, 10)
	b.queues[client] = append(b.queues[client], &m)
	return m.ID, nil
}

// Poll returns the first message of a client and how many there are, or nil and 0. The message must not be changed.
func (b *Mailbox) Poll(client string) (first *Mail, count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[client]
	if len(q) == 0 {
		return nil, 0
	}
	return q[0], len(q)
}

// Ack takes a message of a client out, first or not, and returns how many are left. Unknown ones are CodeNotExists.
func (b *Mailbox) Ack(client, id string) (left int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[client]
	for i, m := range q {
		if m.ID != id {
			continue
		}
		q[i] = nil
		if i == 0 {
			q = q[1:]
		} else {
			copy(q[i:], q[i+1:])
			q = q[:len(q)-1]
		}
		if b.queues[client] = q; len(q) == 0 {
			delete(b.queues, client)
		}
		return len(q), nil
	}
	return 0, epp.Errorf(epp.CodeNotExists, "no message of that id waits for the client")
}
