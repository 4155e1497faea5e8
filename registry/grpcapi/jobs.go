package grpcapi

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/job"
)

// watchEvery is how often a watched job is looked at.
const watchEvery = time.Second

// Jobs implements idnode.v1.Jobs.
type Jobs struct {
	nodepb.UnimplementedJobsServer

	s    *Server
	jobs *job.Runner
}

// NewJobs returns a server of the jobs of runner, for callers whom s knows.
func NewJobs(s *Server, runner *job.Runner) *Jobs { return &Jobs{s: s, jobs: runner} }

// RegisterOn adds the service to g.
func (s *Jobs) RegisterOn(g *grpc.Server) { nodepb.RegisterJobsServer(g, s) }

type submitStream = grpc.ClientStreamingServer[nodepb.SubmitJobRequest, nodepb.SubmitJobResponse]

// SubmitJob keeps an input and queues its job.
func (s *Jobs) SubmitJob(stream submitStream) error {
	ctx := stream.Context()
	j, known, err := s.submit(ctx, stream)
	if err != nil {
		return s.s.status(ctx, "submit job", "", err)
	}
	return stream.SendAndClose(&nodepb.SubmitJobResponse{Job: s.job(ctx, j), Known: known})
}

func (s *Jobs) submit(ctx context.Context, stream submitStream) (j *registry.Job, known bool, err error) {
	actor, err := s.s.actor(ctx)
	if err != nil {
		return nil, false, err
	}
	first, err := stream.Recv()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if first.GetOptions() == nil {
		return nil, false, refuse(registry.CodeInvalidRequest, "options", "missing from the first message")
	}
	q, err := jobRequest(first.Options)
	if err != nil {
		return nil, false, err
	}
	q.Language = languageOf(ctx)
	if err := s.s.reg.CheckJob(q, actor); err != nil {
		return nil, false, err
	}
	format, ok := jobFormats[first.Options.Format]
	if !ok {
		return nil, false, refuse(registry.CodeInvalidRequest, "options.format", "unknown number %d", first.Options.Format)
	}
	body := &jobBody{s: s.s, stream: stream, minted: q.Options.Rule != "", checked: time.Now()}
	if err := body.take(first); err != nil {
		return nil, false, err
	}
	in, err := s.jobs.Receive(ctx, job.Upload{Body: body, Format: format})
	if body.err != nil { // what made the input unreadable
		s.jobs.Discard(in.ID)
		return nil, false, body.err
	}
	if err != nil {
		return nil, false, err
	}
	j, err = s.jobs.Submit(ctx, in, *q, registry.Write{Actor: actor, Operation: "Jobs.SubmitJob"})
	if err != nil {
		return nil, false, err
	}
	return j, j.ID != in.ID, nil
}

var jobFormats = map[nodepb.JobOptions_Format]registry.JobFormat{
	nodepb.JobOptions_FORMAT_UNSPECIFIED: "", nodepb.JobOptions_NDJSON: registry.JobNDJSON,
	nodepb.JobOptions_CSV: registry.JobCSV, nodepb.JobOptions_XLSX: registry.JobXLSX,
}

func jobRequest(o *nodepb.JobOptions) (*registry.JobRequest, error) {
	q := &registry.JobRequest{Enterprise: o.GetEnterprise(), Name: o.GetName(), Options: registry.JobOptions{
		DryRun: o.GetDryRun(), Atomic: o.GetAtomic(), Allocate: o.GetAllocate(), Template: o.GetTemplate(), Columns: o.GetColumns(), Rule: o.GetRule(),
	}}
	var err error
	if q.Options.Mode, err = importMode(o.GetMode()); err != nil {
		return nil, err
	}
	if o.GetScheme() != "" {
		if q.Options.Scheme, err = identifier.ParseScheme(o.GetScheme()); err != nil {
			return nil, refuse(registry.CodeInvalidRequest, "options.scheme", "%s", err)
		}
	}
	if o.GetPrefix() != "" {
		if q.Options.Scheme == 0 {
			q.Options.Scheme = identifier.Handle
		}
		if q.Options.Prefix, err = q.Options.Scheme.ParseNamespace(o.GetPrefix()); err != nil {
			return nil, refuse(registry.CodeInvalidPrefix, "options.prefix", "%s", err)
		}
	}
	return q, nil
}

// jobBody is the input in the messages of a stream.
type jobBody struct {
	s       *Server
	stream  submitStream
	minted  bool // records have no identifiers
	pending []byte
	mode    byte // 'c' of contents, 'r' of records; 0: not known yet
	row     int
	checked time.Time // when the credential was last seen to be valid
	err     error
}

func (b *jobBody) Read(p []byte) (int, error) {
	for len(b.pending) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		msg, err := b.stream.Recv()
		if errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		if err == nil && msg.Options != nil {
			err = refuse(registry.CodeInvalidRequest, "options", "in a message that is not the first")
		}
		if now := time.Now(); err == nil && now.Sub(b.checked) >= recheck {
			b.checked = now
			_, err = b.s.actor(b.stream.Context())
		}
		if err == nil {
			err = b.take(msg)
		}
		b.err = err
	}
	n := copy(p, b.pending)
	b.pending = b.pending[n:]
	return n, nil
}

// take has the octets of a message at hand.
func (b *jobBody) take(msg *nodepb.SubmitJobRequest) error {
	mode := b.mode
	if len(msg.Content) > 0 {
		b.pending, mode = msg.Content, 'c'
	}
	if len(msg.Records) > 0 {
		if len(msg.Content) > 0 {
			mode = 'x'
		} else {
			mode = 'r'
		}
	}
	if b.mode != 0 && mode != b.mode || mode == 'x' {
		return refuse(registry.CodeInvalidRequest, "records", "an input is a file or records, not both")
	}
	b.mode = mode
	if len(msg.Records) == 0 {
		return nil
	}
	var lines []byte
	for _, p := range msg.Records {
		b.row++
		line, err := jobLine(p, b.minted)
		if err != nil {
			return refuse(registry.CodeInvalidRequest, "records", "record %d of the input: %s", b.row, err)
		}
		lines = append(append(lines, line...), '\n')
	}
	b.pending = lines
	return nil
}

// jobLine is a record in the interchange form, of a job that makes the identifiers without one.
func jobLine(p *nodepb.Record, minted bool) ([]byte, error) {
	if !minted || p.GetId() != "" {
		rec, err := nodepb.ToRecord(p)
		if err != nil {
			return nil, err
		}
		return identifier.AppendRecordJSON(nil, rec), nil
	}
	rec := identifier.Record{Template: p.GetTemplate()}
	for i, v := range p.GetValues() {
		value, err := nodepb.ToValue(v)
		if err != nil {
			return nil, nodepb.At(fmt.Sprintf("/values/%d", i), err)
		}
		rec.Values = append(rec.Values, value)
	}
	line := identifier.AppendRecordJSON(nil, &rec)
	return append([]byte{'{'}, bytes.TrimPrefix(line, []byte(`{"id":"",`))...), nil
}

var jobStates = map[registry.JobState]nodepb.Job_State{
	registry.JobQueued: nodepb.Job_QUEUED, registry.JobRunning: nodepb.Job_RUNNING, registry.JobDone: nodepb.Job_DONE,
	registry.JobCancelled: nodepb.Job_CANCELLED, registry.JobFailed: nodepb.Job_FAILED,
}

// job is j as it is told.
func (s *Jobs) job(ctx context.Context, j *registry.Job) *nodepb.Job {
	sum := j.Summary
	out := &nodepb.Job{
		Id: j.ID, Enterprise: j.Enterprise, Name: nodepb.Text(j.Name), State: jobStates[j.State], Octets: j.Octets, Lines: int64(j.Lines), Parent: j.Parent,
		Created: timestamppb.New(j.Created), Started: stamp(j.Started), Finished: stamp(j.Finished),
	}
	out.Digest, _ = hex.DecodeString(j.Digest) // written by the registry
	if e := j.Error; e != nil {
		out.Code, out.Detail = e.Code, nodepb.Text(e.In(languageOf(ctx)))
	}
	if p, ok := s.jobs.Progress(j.ID); ok && !j.State.Ended() {
		sum, out.Done, out.RowsPerSecond = p.Summary, p.Done, p.RowsPerSecond
		out.RemainingSeconds = int64((p.Remaining + time.Second - 1) / time.Second)
	}
	out.Summary = &nodepb.ImportSummary{Total: uint64(sum.Total), Stored: uint64(sum.Stored), Skipped: uint64(sum.Skipped), Failed: uint64(sum.Failed)}
	return out
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// GetJob reads how far a job is.
func (s *Jobs) GetJob(ctx context.Context, req *nodepb.GetJobRequest) (*nodepb.GetJobResponse, error) {
	j, err := s.read(ctx, req.GetId())
	if err != nil {
		return nil, s.s.status(ctx, "get job", req.GetId(), err)
	}
	return &nodepb.GetJobResponse{Job: s.job(ctx, j)}, nil
}

func (s *Jobs) read(ctx context.Context, id string) (*registry.Job, error) {
	actor, err := s.s.actor(ctx)
	if err != nil {
		return nil, err
	}
	return s.s.reg.Job(ctx, id, actor)
}

// WatchJob tells how far a job is until it has ended.
func (s *Jobs) WatchJob(req *nodepb.WatchJobRequest, stream grpc.ServerStreamingServer[nodepb.WatchJobResponse]) error {
	ctx := stream.Context()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		j, err := s.read(ctx, req.GetId())
		if err != nil {
			return s.s.status(ctx, "watch job", req.GetId(), err)
		}
		if err := stream.Send(&nodepb.WatchJobResponse{Job: s.job(ctx, j)}); err != nil || j.State.Ended() {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.jobs.Stopping():
			return s.s.status(ctx, "watch job", req.GetId(), registry.Refuse(registry.CodeUnavailable, "", "the node stops; the job goes on when it is back"))
		}
	}
}

// ListJobRows reads what the rows of a job came to.
func (s *Jobs) ListJobRows(ctx context.Context, req *nodepb.ListJobRowsRequest) (*nodepb.ListJobRowsResponse, error) {
	out, err := s.rows(ctx, req)
	if err != nil {
		return nil, s.s.status(ctx, "list rows of job", req.GetId(), err)
	}
	return out, nil
}

func (s *Jobs) rows(ctx context.Context, req *nodepb.ListJobRowsRequest) (*nodepb.ListJobRowsResponse, error) {
	actor, err := s.s.actor(ctx)
	if err != nil {
		return nil, err
	}
	for _, status := range req.GetStatuses() {
		switch status {
		case "stored", "skipped", "failed", "held":
		default:
			return nil, refuse(registry.CodeInvalidRequest, "statuses", "a status is stored, skipped, failed or held")
		}
	}
	rows, next, err := s.s.reg.JobRows(ctx, req.GetId(), actor, req.GetStatuses(), int(min(req.GetAfter(), 1<<31-1)), int(min(req.GetLimit(), 1<<31-1)))
	if err != nil {
		return nil, err
	}
	out := &nodepb.ListJobRowsResponse{Next: uint64(next)}
	for _, r := range rows {
		out.Rows = append(out.Rows, &nodepb.JobRow{Line: uint64(r.Line), Status: r.Status, Id: nodepb.Text(r.ID), Code: r.Code, Detail: nodepb.Text(r.Detail)})
	}
	return out, nil
}

// CancelJob stops a job.
func (s *Jobs) CancelJob(ctx context.Context, req *nodepb.CancelJobRequest) (*nodepb.CancelJobResponse, error) {
	j, err := s.step(ctx, req.GetId(), "Jobs.CancelJob", s.jobs.Cancel)
	if err != nil {
		return nil, s.s.status(ctx, "cancel job", req.GetId(), err)
	}
	return &nodepb.CancelJobResponse{Job: s.job(ctx, j)}, nil
}

// RetryJob tries again what did not succeed.
func (s *Jobs) RetryJob(ctx context.Context, req *nodepb.RetryJobRequest) (*nodepb.RetryJobResponse, error) {
	j, err := s.step(ctx, req.GetId(), "Jobs.RetryJob", s.jobs.Retry)
	if err != nil {
		return nil, s.s.status(ctx, "retry job", req.GetId(), err)
	}
	return &nodepb.RetryJobResponse{Job: s.job(ctx, j)}, nil
}

func (s *Jobs) step(ctx context.Context, id, operation string, do func(context.Context, string, registry.Write) (*registry.Job, error)) (*registry.Job, error) {
	actor, err := s.s.actor(ctx)
	if err != nil {
		return nil, err
	}
	return do(ctx, id, registry.Write{Actor: actor, Operation: operation})
}
