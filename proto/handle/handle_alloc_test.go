//go:build !race

package handle_test

import (
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

func TestAppendAllocs(t *testing.T) {
	request := handletest.Find(t, "001").Request()
	var values []identifier.Value
	for _, r := range handletest.Records(t) {
		if r.ID == "88.990.1001/bin-1" {
			values = r.Values
		}
	}
	site := handle.ServiceSite(&identifier.Service{TCP: 2641})
	dst := make([]byte, 0, 4096)
	var r handle.ResolveRequest
	f := func(name string, fn func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, fn); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	f("response", func() {
		dst = handle.AppendResolveResponse(handle.Begin(dst[:0]), "88.990.1001/bin-1", values)
		dst = handle.Finish(dst, 0, handle.Envelope{}, handle.Header{})
	})
	f("pieces", func() { handle.AppendPiece(dst[len(dst):], dst, 1) })
	f("request", func() { dst = handle.AppendResolveRequest(dst[:0], "88.1/x", []uint32{1}, []string{"URL"}) })
	f("challenge", func() { dst = handle.AppendChallenge(dst[:0], handle.Latest, request, request[:16]) })
	f("site", func() { dst = handle.AppendSite(dst[:0], &site) })
	f("admin", func() { dst = handle.AppendAdmin(dst[:0], handle.Admin{Perms: handle.MayAll}) })
	f("parse request", func() {
		_, rest, _ := handle.ParseEnvelope(request)
		m, err := handle.ParseMessage(rest)
		if err == nil {
			err = handle.ParseResolveRequest(m.Body, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
