package grpcapi

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
)

const (
	// waitingFailures is how many failures wait for a client that does not read. It must not make
	// the import wait: a client that sends everything before it reads would wait for us in turn.
	waitingFailures = 10000

	// recheck is how often a long import looks whether its credential is still valid.
	recheck = time.Second
)

type importStream = grpc.BidiStreamingServer[nodepb.ImportRequest, nodepb.ImportResponse]

// Import stores a stream of records.
func (s *Server) Import(stream importStream) error {
	ctx := stream.Context()
	o, rows, err := s.beginImport(stream)
	if err != nil {
		return s.status(ctx, "import", "", err)
	}
	f := sendFailures(stream)
	sum, err := s.reg.Import(ctx, rows.next, o, func(r registry.RowResult) error {
		if r.ID == "" {
			r.ID = rows.unread(r.Line)
		}
		f.report(r)
		return nil
	})
	if err != nil {
		f.abandon()
		return s.status(ctx, "import", "", err)
	}
	unreported, err := f.flush()
	if err != nil {
		return err
	}
	return stream.Send(&nodepb.ImportResponse{Result: &nodepb.ImportResponse_Summary{Summary: &nodepb.ImportSummary{
		Total:      uint64(sum.Total),
		Stored:     uint64(sum.Stored),
		Skipped:    uint64(sum.Skipped),
		Failed:     uint64(sum.Failed),
		Unreported: unreported,
	}}})
}

// beginImport reads the first message.
func (s *Server) beginImport(stream importStream) (registry.ImportOptions, *rows, error) {
	var o registry.ImportOptions
	var err error
	if o.Actor, err = s.actor(stream.Context()); err != nil {
		return o, nil, err
	}
	first, err := stream.Recv()
	if err != nil && !errors.Is(err, io.EOF) {
		return o, nil, err
	}
	if first.GetOptions() == nil {
		return o, nil, refuse(registry.CodeInvalidRequest, "options", "missing from the first message")
	}
	if o.Mode, err = importMode(first.Options.Mode); err != nil {
		return o, nil, err
	}
	o.Allocate = first.Options.Allocate
	o.Language = languageOf(stream.Context())
	return o, &rows{s: s, stream: stream, pending: first.Records, checked: time.Now(), ids: make(map[int]string)}, nil
}

func importMode(m nodepb.ImportOptions_Mode) (registry.ImportMode, error) {
	switch m {
	case nodepb.ImportOptions_MODE_UNSPECIFIED, nodepb.ImportOptions_CREATE:
		return registry.ImportCreate, nil
	case nodepb.ImportOptions_UPSERT:
		return registry.ImportUpsert, nil
	case nodepb.ImportOptions_SKIP_EXISTING:
		return registry.ImportSkipExisting, nil
	}
	return "", refuse(registry.CodeInvalidRequest, "options.mode", "unknown number %d", m)
}

// rows reads the records of an import.
type rows struct {
	s       *Server
	stream  importStream
	pending []*nodepb.Record // of the last message
	line    int
	checked time.Time      // when the credential was last seen to be valid
	ids     map[int]string // identifiers of the lines that could not be read, until they are reported
}

// next returns the next row, or io.EOF.
func (r *rows) next() (registry.Row, error) {
	for len(r.pending) == 0 {
		if err := r.recv(r.stream.Context()); err != nil {
			return registry.Row{}, err
		}
	}
	p := r.pending[0]
	r.pending = r.pending[1:]
	r.line++
	rec, err := nodepb.ToRecord(p)
	if err != nil {
		id := p.GetId()
		r.ids[r.line] = id[:min(len(id), identifier.MaxLength)]
		return registry.Row{Line: r.line, Err: refusal(err)}, nil
	}
	return registry.Row{Line: r.line, Record: rec}, nil
}

// unread is the identifier of a line that could not be read, for its only report.
func (r *rows) unread(line int) string {
	id := r.ids[line]
	delete(r.ids, line)
	return id
}

func (r *rows) recv(ctx context.Context) error {
	msg, err := r.stream.Recv()
	if err != nil {
		return err
	}
	if msg.Options != nil {
		return refuse(registry.CodeInvalidRequest, "options", "in a message that is not the first")
	}
	if now := time.Now(); now.Sub(r.checked) >= recheck {
		if _, err := r.s.actor(ctx); err != nil {
			return err
		}
		r.checked = now
	}
	r.pending = msg.Records
	return nil
}

// failures sends failures while the import goes on.
type failures struct {
	queue      chan registry.RowResult
	sent       chan error // the sender's end
	unreported uint64
	abandoned  atomic.Bool
}

func sendFailures(stream importStream) *failures {
	f := &failures{queue: make(chan registry.RowResult, waitingFailures), sent: make(chan error, 1)}
	go func() {
		var err error
		for r := range f.queue {
			if err == nil && !f.abandoned.Load() {
				err = stream.Send(failure(r))
			}
		}
		f.sent <- err
	}()
	return f
}

// report takes a failure and never waits.
func (f *failures) report(r registry.RowResult) {
	select {
	case f.queue <- r:
	default:
		f.unreported++
	}
}

// flush waits until all failures are sent and says how many were only counted.
func (f *failures) flush() (unreported uint64, err error) {
	close(f.queue)
	err = <-f.sent
	return f.unreported, err
}

// abandon sends no more. It does not wait for a Send that waits for the client, which may itself be
// waiting for us to read: that one ends with the stream.
func (f *failures) abandon() {
	f.abandoned.Store(true)
	close(f.queue)
}

func failure(r registry.RowResult) *nodepb.ImportResponse {
	return &nodepb.ImportResponse{Result: &nodepb.ImportResponse_Failure{Failure: &nodepb.ImportFailure{
		Row:    uint64(r.Line),
		Id:     nodepb.Text(r.ID),
		Status: r.Status,
		Code:   r.Code,
		Detail: nodepb.Text(r.Detail),
	}}}
}
