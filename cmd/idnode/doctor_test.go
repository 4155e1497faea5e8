package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestDoctor looks at a node from outside, as an operator does: while it is well, when its port is taken, and with a wrong setting, in both languages and
// for programs.
func TestDoctor(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	env := []string{"IDNODE_DATA_DIR=" + d.dir, "IDNODE_HANDLE_LISTEN=" + d.handle, "IDNODE_DNS_LISTEN=" + d.dns, "IDNODE_GRPC_LISTEN=" + d.grpc,
		"IDNODE_HTTP_LISTEN=" + d.http, "IDNODE_ADMIN_LISTEN=" + d.admin, "IDNODE_LIMITS_TCP_CONNECTIONS=16", "LC_ALL=C"}
	out, code := idnode(t, env, "doctor", "--all")
	if code != exitOK || !strings.Contains(out, "ok [node_running]") || !strings.Contains(out, "ok [port_bound] http.listen (tcp) "+d.http) ||
		!strings.Contains(out, "warning [backup_none]") || !strings.Contains(out, ", 0 errors") {
		t.Errorf("a node that is well: exit code %d\n%s", code, out)
	}
	if out, _ := idnode(t, env, "doctor"); strings.Contains(out, "ok [") || !strings.Contains(out, "    → ") {
		t.Errorf("without --all:\n%s", out)
	}
	succeeds(t, "backup", t.TempDir()+"/backups", "--data-dir", d.dir)

	other := append(env, "IDNODE_DATA_DIR="+t.TempDir(), "IDNODE_LOG_LEVEL=loud", "LC_ALL=zh_CN.UTF-8")
	out, code = idnode(t, other, "doctor")
	if code != exitFailed || !strings.Contains(out, "错误 [port_taken] http.listen (tcp) "+d.http+" 被其他程序占用") || !strings.Contains(out, "错误 [config_invalid] 配置：log.level") {
		t.Errorf("a port that is taken: exit code %d\n%s", code, out)
	}
	out, code = idnode(t, other, "doctor", "--lang", "en", "-o", "json")
	var told []struct{ Check, Level, Message, Fix string }
	if err := json.Unmarshal([]byte(out), &told); err != nil || code != exitFailed {
		t.Fatalf("exit code %d, %v\n%s", code, err, out)
	}
	levels := make(map[string]string)
	for _, f := range told {
		levels[f.Check] = f.Level
	}
	if levels["port_taken"] != "error" || levels["node_stopped"] != "ok" || levels["config_invalid"] != "error" {
		t.Errorf("got %v", levels)
	}
	out, code = idnode(t, env, "doctor", "--all", "-o", "json")
	if code != exitOK || !strings.Contains(out, `"backup_ok"`) {
		t.Errorf("after a backup: exit code %d\n%s", code, out)
	}
	if out, code := idnode(t, env, "doctor", "--lang", "fr"); code != exitUsage || !strings.Contains(out, "zh or en") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	d.stop()
}
