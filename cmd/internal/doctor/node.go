package doctor

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/cmd/internal/backup"
)

// node looks whether one runs on the data directory, which is where its socket answers, and whether it is ready.
func (e *Examination) node(ctx context.Context, s *state) []Finding {
	if s.running, s.pid = backup.Listening(ctx, filepath.Join(e.Config.DataDir, backup.SocketFile)); !s.running {
		return []Finding{ok("node_stopped")}
	}
	resp, err := e.admin(ctx, "/readyz?verbose")
	if err != nil {
		return []Finding{failure("node_silent", e.Config.Admin.Listen, err)}
	}
	defer resp.Body.Close()
	var told struct {
		Ready                          bool
		Phase, Store                   string
		Handle, DNS, GRPC, HTTP, Admin string
	}
	if err := json.NewDecoder(resp.Body).Decode(&told); err != nil {
		return []Finding{failure("node_silent", e.Config.Admin.Listen, err)}
	}
	s.bound = map[string]bool{told.Handle: true, told.DNS: true, told.GRPC: true, told.HTTP: true, told.Admin: true}
	if !told.Ready {
		return []Finding{failure("node_not_ready", told.Phase+", "+told.Store)}
	}
	return []Finding{ok("node_running")}
}

// admin asks the running node.
func (e *Examination) admin(ctx context.Context, path string) (*http.Response, error) {
	host, port, err := net.SplitHostPort(e.Config.Admin.Listen)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return nil, err
	}
	return (&http.Client{Timeout: patience}).Do(req)
}

// backup looks how old the newest backup is, by what the running node says.
func (e *Examination) backup(ctx context.Context) []Finding {
	resp, err := e.admin(ctx, "/metrics")
	if err != nil {
		return nil // the node's check has said so
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "idnode_backup_last_success_timestamp_seconds ")
		if !ok {
			continue
		}
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || seconds == 0 {
			return []Finding{warning("backup_none")}
		}
		return []Finding{backupFinding(time.Unix(int64(seconds), 0), time.Now())}
	}
	return nil
}

func backupFinding(at, now time.Time) Finding {
	if text := at.Format(time.RFC3339); now.Sub(at) > backupAge {
		return warning("backup_old", text)
	}
	return ok("backup_ok", at.Format(time.RFC3339))
}
