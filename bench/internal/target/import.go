package target

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Summary counts the records of an import.
type Summary struct {
	Total, Stored, Skipped, Failed int
	FirstFailure                   error
}

// Import streams NDJSON to the node, which allocates the namespace if it is new. Mode is "create",
// "upsert" or "skip-existing". Records that fail are counted; an error means that the import did
// not come to its end.
func (n *Node) Import(ctx context.Context, mode string, ndjson io.Reader) (s Summary, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.HTTP+"/v1/identifiers:import?allocate=true&mode="+mode, ndjson)
	if err != nil {
		return s, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Authorization", "Bearer "+n.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, fmt.Errorf("import: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // the status says enough
		return s, fmt.Errorf("import: %s: %s", resp.Status, body)
	}
	return parseImport(resp.Body)
}

// parseImport reads an import's answer: a line for each failure, and the counts.
func parseImport(r io.Reader) (s Summary, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var l struct {
			Total                   *int
			Stored, Skipped, Failed int
			ID, Status              string
			Code, Detail            string
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return s, fmt.Errorf("import: answer: %w", err)
		}
		switch {
		case l.Total != nil:
			s.Total, s.Stored, s.Skipped, s.Failed = *l.Total, l.Stored, l.Skipped, l.Failed
			return s, nil
		case l.Status == "aborted":
			return s, fmt.Errorf("import: aborted: %s: %s", l.Code, l.Detail)
		case s.FirstFailure == nil:
			s.FirstFailure = fmt.Errorf("%s: %s: %s", l.ID, l.Code, l.Detail)
		}
	}
	return s, errors.Join(errors.New("import: the answer has no counts"), lines.Err())
}
