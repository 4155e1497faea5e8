package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	watchPause   = time.Second      // between questions where events do not come through
	watchPatient = 10 * time.Minute // how long a node may be away from a watched job
	linesEvery   = 5 * time.Second  // how often a line tells how far a job is, where there is no bar
)

// watchToEnd shows how far a job is until it has ended, and prints what it came to.
func (a *app) watchToEnd(ctx context.Context, j *bulkJob) error {
	bar := newProgress(a.Err, orDefault(j.Name, j.ID), max(1, j.Octets))
	j, err := a.follow(ctx, j, bar, bar == nil && a.output != "json")
	bar.finish()
	if err != nil {
		return err
	}
	if a.output == "json" {
		if err := a.printBody(j.raw); err != nil {
			return err
		}
	} else if err := a.printJob(j); err != nil {
		return err
	}
	return jobOutcome(j, a.output != "json")
}

// jobOutcome is nil if everything that a job had to do is done; printed: that has been told.
func jobOutcome(j *bulkJob, printed bool) error {
	switch {
	case j.State != "done" && j.Error != nil:
		return &outcome{code: exitFailed, name: j.Error.Code, text: j.Error.Detail, printed: printed}
	case j.State != "done":
		return &outcome{code: exitFailed, name: "job_" + j.State, text: "the job is " + j.State, printed: printed}
	case j.Summary.Failed > 0:
		return &outcome{code: exitFailed, name: "rows_failed", text: fmt.Sprintf("%d of %d rows failed", j.Summary.Failed, j.Summary.Total), printed: printed}
	case j.Summary.Stored+j.Summary.Skipped < j.Summary.Total:
		return &outcome{code: exitFailed, name: "rows_held", text: "rows were held back", printed: printed}
	}
	return nil
}

// follow waits until a job has ended, and shows how far it is. A node that goes away meanwhile is waited for.
func (a *app) follow(ctx context.Context, j *bulkJob, bar *progress, lines bool) (*bulkJob, error) {
	told := time.Now()
	show := func(now *bulkJob) {
		j = now
		if j.Progress == nil {
			return
		}
		bar.advance(int64(j.Progress.Done*float64(j.Octets)), j.Summary.Total)
		if lines && time.Since(told) >= linesEvery {
			told = time.Now()
			fmt.Fprintf(a.Err, "%s: %.0f %%, %d rows, %.0f rows/s\n", clean(orDefault(j.Name, j.ID)), 100*j.Progress.Done, j.Summary.Total, j.Progress.RowsPerSecond)
		}
	}
	heard := time.Now()
	for !j.ended() {
		err := a.events(ctx, j.ID, func(now *bulkJob) { heard = time.Now(); show(now) })
		if err == nil && !j.ended() { // the events broke off
			var now *bulkJob
			if now, err = a.readJob(ctx, j.ID); err == nil {
				heard = time.Now()
				show(now)
			}
		}
		if ctx.Err() != nil {
			return nil, failf("the job goes on without idctl: 'idctl job watch %s' shows it", j.ID)
		}
		if err != nil && (!passing(err) || time.Since(heard) > watchPatient) {
			return nil, err
		}
		if !j.ended() {
			select {
			case <-time.After(watchPause):
			case <-ctx.Done():
			}
		}
	}
	return j, nil
}

// events calls show with a job as it changes, until it has ended or the events break off, which is no error.
func (a *app) events(ctx context.Context, id string, show func(*bulkJob)) error {
	resp, err := a.do(ctx, request{method: http.MethodGet, path: jobPath(id) + "/events", header: http.Header{"Accept": {"text/event-stream, application/problem+json"}}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		body, err := readAnswer(resp)
		if err != nil {
			return err
		}
		return parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return nil
	}
	in := bufio.NewReader(resp.Body)
	for {
		line, err := in.ReadBytes('\n')
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			j, perr := parseJob(bytes.TrimSpace(data))
			if perr != nil {
				return perr
			}
			if show(j); j.ended() {
				return nil
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				return &unreachable{resp.Request.URL.Host, err}
			}
			return nil
		}
	}
}
