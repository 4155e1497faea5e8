package grpcapi_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/registry"
)

// submit sends an input.
func (n *node) submit(holder string, msgs ...*nodepb.SubmitJobRequest) (*nodepb.SubmitJobResponse, error) {
	n.t.Helper()
	stream, err := n.jobs.SubmitJob(n.as(holder))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, m := range msgs {
		if err := stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
			n.t.Fatal(err)
		}
	}
	return stream.CloseAndRecv()
}

// runJobs runs the jobs of n until the test ends.
func (n *node) runJobs() {
	ctx, cancel := context.WithCancel(n.t.Context())
	done := make(chan struct{})
	go func() { n.runner.Run(ctx); close(done) }()
	n.t.Cleanup(func() { cancel(); <-done })
}

// watch follows a job to its end.
func (n *node) watch(holder, id string) *nodepb.Job {
	n.t.Helper()
	stream, err := n.jobs.WatchJob(n.as(holder), &nodepb.WatchJobRequest{Id: id})
	if err != nil {
		n.t.Fatal(err)
	}
	for {
		msg, err := stream.Recv()
		if err != nil {
			n.t.Fatal(err)
		}
		switch msg.Job.State {
		case nodepb.Job_QUEUED, nodepb.Job_RUNNING:
		default:
			return msg.Job
		}
	}
}

func options(o *nodepb.JobOptions) *nodepb.SubmitJobRequest {
	return &nodepb.SubmitJobRequest{Options: o}
}

func content(text string) *nodepb.SubmitJobRequest {
	return &nodepb.SubmitJobRequest{Content: []byte(text)}
}

func records(all ...*nodepb.Record) *nodepb.SubmitJobRequest {
	return &nodepb.SubmitJobRequest{Records: all}
}

// TestJobs: a file or records become a job, that is watched, read and tried again.
func TestJobs(t *testing.T) {
	n := newNode(t)
	file := []*nodepb.SubmitJobRequest{options(&nodepb.JobOptions{Name: "night", Format: nodepb.JobOptions_CSV}),
		content("id,index,type,data\n88.1021.150/a,1,URL,u\n88.10"), content("21.160/b,1,URL,u\n")}
	queued, err := n.submit("acme", file...)
	if err != nil || queued.Known || queued.Job.State != nodepb.Job_QUEUED || queued.Job.Name != "night" || queued.Job.Lines != 3 {
		t.Fatalf("%v, %v", queued, err)
	}
	if sum := sha256.Sum256([]byte("id,index,type,data\n88.1021.150/a,1,URL,u\n88.1021.160/b,1,URL,u\n")); string(queued.Job.Digest) != string(sum[:]) {
		t.Errorf("digest %x", queued.Job.Digest)
	}
	if again, err := n.submit("acme", file...); err != nil || !again.Known || again.Job.Id != queued.Job.Id {
		t.Errorf("sent again: %v, %v", again, err)
	}
	n.runJobs()
	ended := n.watch("acme", queued.Job.Id)
	if s := ended.Summary; ended.State != nodepb.Job_DONE || s.Total != 2 || s.Stored != 1 || s.Failed != 1 || ended.Finished == nil {
		t.Errorf("%v", ended)
	}
	rows, err := n.jobs.ListJobRows(n.as("acme"), &nodepb.ListJobRowsRequest{Id: ended.Id, Statuses: []string{"failed"}})
	if err != nil || len(rows.Rows) != 1 || rows.Rows[0].Line != 3 || rows.Rows[0].Code != registry.CodeNotYourNamespace || rows.Rows[0].Id != "88.1021.160/b" || rows.Next != 0 {
		t.Errorf("%v, %v", rows, err)
	}
	page, err := n.jobs.ListJobRows(n.as("acme"), &nodepb.ListJobRowsRequest{Id: ended.Id, Limit: 1})
	if err != nil || len(page.Rows) != 1 || page.Rows[0].Status != "stored" || page.Next != 2 {
		t.Errorf("%v, %v", page, err)
	}
	retried, err := n.jobs.RetryJob(n.as("acme"), &nodepb.RetryJobRequest{Id: ended.Id})
	if err != nil || retried.Job.Parent != ended.Id {
		t.Fatalf("%v, %v", retried, err)
	}
	if j := n.watch("acme", retried.Job.Id); j.Summary.Total != 1 || j.Summary.Failed != 1 {
		t.Errorf("%v", j)
	}
	got, err := n.jobs.GetJob(n.as("operator"), &nodepb.GetJobRequest{Id: ended.Id})
	if err != nil || got.Job.Enterprise != n.acme {
		t.Errorf("%v, %v", got, err)
	}

	sent, err := n.submit("acme", options(&nodepb.JobOptions{Mode: nodepb.ImportOptions_UPSERT}), records(record("88.1021.150/a"), record("88.1021.150/r")), records(record("88.1021.150/s")))
	if err != nil {
		t.Fatal(err)
	}
	if j := n.watch("acme", sent.Job.Id); j.Summary.Stored != 3 {
		t.Errorf("%v", j)
	}
	read, err := n.client.Get(n.as("acme"), &nodepb.GetRequest{Id: "88.1021.150/a"})
	if err != nil || read.Record.Version != 2 || string(read.Record.Values[0].Data) != "https://example.com/泵" {
		t.Errorf("%v, %v", read, err)
	}
	sent, err = n.submit("acme", options(&nodepb.JobOptions{Prefix: "88.1021.150", Rule: "SN-{serial:4}"}), records(record(""), record("")))
	if err != nil {
		t.Fatal(err)
	}
	n.watch("acme", sent.Job.Id)
	if rows, err := n.jobs.ListJobRows(n.as("acme"), &nodepb.ListJobRowsRequest{Id: sent.Job.Id}); err != nil || len(rows.Rows) != 2 || rows.Rows[1].Id != "88.1021.150/SN-0002" {
		t.Errorf("%v, %v", rows, err)
	}
}

// TestJobsRefuse: what cannot be a job is told, and jobs of others are not known.
func TestJobsRefuse(t *testing.T) {
	n := newNode(t)
	f := func(code codes.Code, reason, holder string, msgs ...*nodepb.SubmitJobRequest) {
		t.Helper()
		_, err := n.submit(holder, msgs...)
		refused(t, err, code, reason)
	}
	none := options(&nodepb.JobOptions{})
	f(codes.InvalidArgument, registry.CodeInvalidRequest, "acme")
	f(codes.InvalidArgument, registry.CodeInvalidRequest, "acme", content("{}"))
	f(codes.InvalidArgument, registry.CodeInvalidRequest, "acme", none)
	f(codes.InvalidArgument, registry.CodeInvalidRequest, "acme", none, content("{}"), none)
	f(codes.InvalidArgument, registry.CodeInvalidRequest, "acme", none, content("{}"), records(record("88.1021.150/a")))
	f(codes.InvalidArgument, registry.CodeInvalidRequest, "acme", none, &nodepb.SubmitJobRequest{Content: []byte("{}"), Records: []*nodepb.Record{record("88.1021.150/a")}})
	f(codes.InvalidArgument, registry.CodeInvalidRequest, "acme", options(&nodepb.JobOptions{Mode: 9}), content("{}"))
	f(codes.InvalidArgument, registry.CodeInvalidRequest, "acme", options(&nodepb.JobOptions{Format: 9}), content("{}"))
	f(codes.InvalidArgument, registry.CodeInvalidRequest, "acme", options(&nodepb.JobOptions{Scheme: "x"}), content("{}"))
	f(codes.InvalidArgument, registry.CodeInvalidPrefix, "acme", options(&nodepb.JobOptions{Prefix: "/"}), content("{}"))
	f(codes.PermissionDenied, registry.CodeForbidden, "acme", options(&nodepb.JobOptions{Allocate: true}), content("{}"))
	f(codes.PermissionDenied, registry.CodeForbidden, "acme", options(&nodepb.JobOptions{Enterprise: n.rival}), content("{}"))
	f(codes.PermissionDenied, registry.CodeForbidden, "acme-reader", none, content("{}"))
	f(codes.Unauthenticated, registry.CodeUnauthenticated, "nobody", none, content("{}"))

	mine, err := n.submit("acme", none, content(`{"id":"88.1021.150/a","values":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	id := mine.Job.Id
	_, err = n.jobs.GetJob(n.as("rival"), &nodepb.GetJobRequest{Id: id})
	refused(t, err, codes.NotFound, registry.CodeNotFound)
	_, err = n.jobs.ListJobRows(n.as("rival"), &nodepb.ListJobRowsRequest{Id: id})
	refused(t, err, codes.NotFound, registry.CodeNotFound)
	_, err = n.jobs.CancelJob(n.as("rival"), &nodepb.CancelJobRequest{Id: id})
	refused(t, err, codes.NotFound, registry.CodeNotFound)
	_, err = n.jobs.CancelJob(n.as("acme-reader"), &nodepb.CancelJobRequest{Id: id})
	refused(t, err, codes.PermissionDenied, registry.CodeForbidden)
	_, err = n.jobs.RetryJob(n.as("acme"), &nodepb.RetryJobRequest{Id: id})
	refused(t, err, codes.FailedPrecondition, registry.CodeInvalidState)
	_, err = n.jobs.ListJobRows(n.as("acme"), &nodepb.ListJobRowsRequest{Id: id, Statuses: []string{"lost"}})
	refused(t, err, codes.InvalidArgument, registry.CodeInvalidRequest)
	if got, err := n.jobs.CancelJob(n.as("acme"), &nodepb.CancelJobRequest{Id: id}); err != nil || got.Job.State != nodepb.Job_CANCELLED {
		t.Errorf("%v, %v", got, err)
	}
}
