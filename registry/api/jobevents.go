package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const (
	eventEvery     = time.Second      // how often a job is looked at
	heartbeatEvery = 15 * time.Second // so that what is between does not take the connection for dead
)

// jobEvents serves the progress of a job as server-sent events (HTML Living Standard, section 9.2).
func (s *server) jobEvents() {
	op := s.describe(operation{
		id: "watchJob", method: http.MethodGet, path: jobsPath + "/{id}/events", tag: "jobs", summary: "Watch a job",
		description: "Server-sent events: progress when something has changed, once a second at most, and end, after which the answer ends. Each has the job in JSON. " +
			"Whoever comes back after a broken connection is told how things stand.",
		errors: []int{404},
	})
	op.Parameters = []*huma.Param{{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}}
	op.Responses["200"] = &huma.Response{Description: "Events", Content: map[string]*huma.MediaType{"text/event-stream": {}}}
	s.huma.OpenAPI().AddOperation(&op)
	s.mux.HandleFunc("GET "+jobsPath+"/{id}/events", s.watchJob)
}

func (s *server) watchJob(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	j, err := s.reg.Job(ctx, r.PathValue("id"), actorOf(ctx))
	if err != nil {
		writeProblem(w, s.problem(ctx, err))
		return
	}
	rc := http.NewResponseController(w)
	defer rc.SetWriteDeadline(time.Time{}) // or it would end later answers on the connection
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies pass events on as they come
	w.WriteHeader(http.StatusOK)
	send := func(text []byte) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(importIdle))
		if _, err := w.Write(text); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	var told []byte
	quiet := time.Now()
	for {
		v, err := json.Marshal(s.jobView(ctx, j))
		if err != nil {
			s.log.Error("encode job", "job", j.ID, "err", err)
			return
		}
		if j.State.Ended() {
			send(fmt.Appendf(nil, "event: end\ndata: %s\n\n", v))
			return
		}
		switch {
		case !bytes.Equal(v, told):
			if !send(fmt.Appendf(nil, "event: progress\ndata: %s\n\n", v)) {
				return
			}
			told, quiet = v, time.Now()
		case time.Since(quiet) > heartbeatEvery:
			if !send([]byte(":\n\n")) {
				return
			}
			quiet = time.Now()
		}
		if s.restUntilEnd(ctx, eventEvery) != nil {
			return
		}
		if j, err = s.reg.Job(ctx, j.ID, actorOf(ctx)); err != nil {
			return // it was deleted: who asks again is told
		}
	}
}
