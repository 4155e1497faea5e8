package target

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Job submits NDJSON as a bulk registration, of which the node allocates the namespace if it is new, and waits for its end. Mode
// as of Import. Of records that fail the first is not known.
func (n *Node) Job(ctx context.Context, mode string, ndjson io.Reader) (s Summary, err error) {
	j, err := n.job(ctx, http.MethodPost, "/v1/jobs?allocate=true&mode="+mode, ndjson)
	for err == nil && (j.State == "queued" || j.State == "running") {
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		j, err = n.job(ctx, http.MethodGet, "/v1/jobs/"+j.ID, nil)
	}
	if err != nil {
		return s, err
	}
	if j.State != "done" {
		return s, fmt.Errorf("job: %s: %s: %s", j.State, j.Error.Code, j.Error.Detail)
	}
	return Summary{Total: j.Summary.Total, Stored: j.Summary.Stored, Skipped: j.Summary.Skipped, Failed: j.Summary.Failed}, nil
}

// job is what a bench needs of a job.
type job struct {
	ID, State string
	Summary   struct{ Total, Stored, Skipped, Failed int }
	Error     struct{ Code, Detail string }
}

func (n *Node) job(ctx context.Context, method, path string, body io.Reader) (j job, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+n.HTTP+path, body)
	if err != nil {
		return j, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Authorization", "Bearer "+n.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return j, fmt.Errorf("job: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return j, fmt.Errorf("job: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return j, fmt.Errorf("job: %s: %s", resp.Status, text)
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return j, fmt.Errorf("job: answer: %w", err)
	}
	return j, nil
}
