package cli

import (
	"context"
	"io"
	"net/http"
	"time"
)

// stream sends r and returns the body of the answer, which may take as long as it likes as long as something
// of it comes within --timeout. Any status but 200 is a *problem.
func (a *app) stream(ctx context.Context, r request) (io.ReadCloser, error) {
	s, err := a.streamFor(ctx, r, a.timeout)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// streamFor is stream with another patience than --timeout.
func (a *app) streamFor(ctx context.Context, r request, patience time.Duration) (*streamed, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &streamed{server: a.server, patience: patience, cancel: cancel, timer: time.AfterFunc(patience, cancel)}
	resp, err := a.do(ctx, r)
	if err != nil {
		if !s.timer.Stop() {
			err = &unreachable{a.server, context.DeadlineExceeded}
		}
		cancel()
		return nil, err
	}
	s.timer.Stop()
	s.resp, s.body = resp, resp.Body
	if resp.StatusCode == http.StatusOK {
		return s, nil
	}
	defer s.Close()
	body, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	return nil, parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)
}

// streamed is the body of an answer.
type streamed struct {
	server   string
	resp     *http.Response
	body     io.ReadCloser
	patience time.Duration
	cancel   context.CancelFunc
	timer    *time.Timer // cancels the request
}

func (s *streamed) Read(p []byte) (int, error) {
	s.timer.Reset(s.patience)
	n, err := s.body.Read(p)
	inTime := s.timer.Stop() // what reads may be slow, the server not
	if err != nil && err != io.EOF {
		if !inTime {
			err = context.DeadlineExceeded
		}
		err = &unreachable{s.server, err}
	}
	return n, err
}

func (s *streamed) Close() error {
	s.timer.Stop()
	s.cancel()
	return s.body.Close()
}
