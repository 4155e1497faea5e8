package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/client"
)

// TestServerKey: a node makes a key, tells it in its site, signs with it, and keeps it; rotation makes another one, and raises
// the serial.
func TestServerKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	certified := func() (public []byte, serial uint16) {
		t.Helper()
		d := startDaemon(t, dir)
		defer d.stop()
		r, err := client.GetSiteInfo(t.Context(), "tcp", d.handle)
		if err != nil || r.Site == nil {
			t.Fatal(r, err)
		}
		public = r.Site.Servers[0].PublicKey
		key, err := auth.ParsePublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		request := handle.Finish(handle.AppendResolveRequest(handle.Begin(nil), "0.NA/88.1021", nil, nil), 0,
			handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: 7}, handle.Header{Opcode: handle.OpResolve, Flags: handle.FlagCertify | handle.FlagPublicOnly})
		e, src, err := handle.ParseEnvelope(overUDP(t, d.handle, [][]byte{request}, 2)[:])
		if err != nil {
			t.Fatal(err)
		}
		whole := joined(t, e, src)
		if err := auth.VerifySignature(key, e, whole); err != nil || whole.Header.Rcode != handle.RcodeSuccess {
			t.Errorf("%v, %v", whole.Header.Rcode, err)
		}
		return public, r.SiteSerial
	}
	first, serial := certified()
	again, _ := certified()
	if !bytes.Equal(first, again) || serial != 1 {
		t.Errorf("serial %d; the same key after a restart: %v", serial, bytes.Equal(first, again))
	}
	info, err := os.Stat(filepath.Join(dir, "handle.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	var out, errs strings.Builder
	if code := run(context.Background(), []string{"key", "rotate", "--data-dir", dir}, &out, &errs); code != 0 {
		t.Fatalf("%d %s%s", code, out.String(), errs.String())
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "handle.key.*")); len(files) != 1 {
		t.Errorf("old keys: %v", files)
	}
	if after, serial := certified(); bytes.Equal(first, after) || serial != 2 {
		t.Errorf("serial %d; another key after rotation: %v", serial, !bytes.Equal(first, after))
	}
}

// joined is the message whose first piece came behind e, and whose other pieces follow in src.
func joined(t *testing.T, e handle.Envelope, src []byte) handle.Message {
	t.Helper()
	var whole []byte
	for len(src) > 0 {
		n := min(handle.PieceSize, int(e.Length)-len(whole), len(src))
		whole = append(whole, src[:n]...)
		src = src[min(n+handle.EnvelopeSize, len(src)):]
	}
	m, err := handle.ParseMessage(whole)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
