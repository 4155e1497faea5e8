package main

import (
	"bytes"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

// TestCapturedExchanges gives a node the identity of the captured server, loads its records through
// idctl, and sends it what stock clients sent, over real sockets. The answers are the same octet for
// octet, outside those that differ from run to run.
func TestCapturedExchanges(t *testing.T) {
	dir := t.TempDir()
	site := filepath.Join(dir, "site.hex")
	if err := os.WriteFile(site, []byte(hex.EncodeToString(handletest.Site(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, filepath.Join(dir, "data"), "IDNODE_NODE_PREFIXES=88.990", "IDNODE_HANDLE_SITE_FILE="+site,
		"IDNODE_HANDLE_HOMED=0.NA/0.NA/88.990,0.NA/88.990,0.NA/88.990.1001", "IDNODE_HANDLE_SERVER_ADMINS=300:88.990/srvadmin")
	var lines []byte
	for _, r := range handletest.Records(t) {
		lines = append(identifier.AppendRecordJSON(lines, r), '\n')
	}
	if code, out, errs := d.idctl(string(lines), "import", "--allocate", "-"); code != 0 {
		t.Fatalf("import: %d %s%s", code, out, errs)
	}
	tested := 0
	for _, v := range handletest.Vectors(t) {
		n := v.Number()
		resolution := n >= "001" && n <= "026" || n == "032" || n >= "039" && n <= "042"
		if !resolution {
			continue
		}
		tested++
		t.Run(v.Name, func(t *testing.T) {
			var got []byte
			switch v.Transport {
			case "tcp":
				got = overTCP(t, d.handle, v.Request(), len(v.Response()))
			case "udp":
				got = overUDP(t, d.handle, v.Requests, len(v.Responses))
			case "http-tunnel":
				got = overHTTP(t, d.http, v.Request())
			}
			want := slices.Clone(v.Response())
			v.Blank(got)
			v.Blank(want)
			if !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
	if tested != 31 {
		t.Errorf("tested %d exchanges, want 31", tested)
	}
	d.stop()
}

func overHTTP(t *testing.T, addr string, request []byte) []byte {
	t.Helper()
	const messageType = "application/x-hdl-message"
	resp, err := http.Post("http://"+addr+"/88.990.1001%2Fitem-1", messageType, bytes.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != messageType {
		t.Fatalf("got %s %s %v", resp.Status, resp.Header.Get("Content-Type"), err)
	}
	return got
}

func overTCP(t *testing.T, addr string, request []byte, n int) []byte {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, n)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if k, err := io.ReadFull(conn, got); err != nil {
		t.Fatalf("after %d of %d octets: %v", k, n, err)
	}
	return got
}

// overUDP sends datagrams and joins n answers in the order of their sequence numbers.
func overUDP(t *testing.T, addr string, datagrams [][]byte, n int) []byte {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, p := range datagrams {
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	var pieces [][]byte
	for len(pieces) < n {
		buf := make([]byte, 2048)
		k, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("after %d of %d datagrams: %v", len(pieces), n, err)
		}
		pieces = append(pieces, buf[:k])
	}
	slices.SortFunc(pieces, func(a, b []byte) int { return bytes.Compare(a[12:16], b[12:16]) })
	return bytes.Join(pieces, nil)
}
