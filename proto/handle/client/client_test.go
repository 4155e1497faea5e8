package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

// answerer makes the message that answers m; nil is silence.
type answerer func(e handle.Envelope, m handle.Message) []byte

// answer makes an answer with a body.
func answer(e handle.Envelope, m handle.Message, code handle.Rcode, body []byte) []byte {
	h := m.Header
	h.Rcode, h.Expiration = code, uint32(time.Now().Unix()+60)
	h.Flags &^= handle.FlagDigest
	return handle.Finish(append(handle.Begin(nil), body...), 0, e, h)
}

func digested(e handle.Envelope, m handle.Message, core []byte) []byte {
	h := m.Header
	h.Rcode, h.Expiration = handle.RcodeHandleNotFound, uint32(time.Now().Unix()+60)
	return handle.Finish(handle.AppendError(handle.AppendDigest(handle.Begin(nil), e.Version, core), "no"), 0, e, h)
}

// serve answers on one port over UDP and TCP until the test ends.
func serve(t *testing.T, udp, tcp answerer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				head := make([]byte, handle.EnvelopeSize)
				if _, err := io.ReadFull(c, head); err != nil {
					return
				}
				e, _, _ := handle.ParseEnvelope(head)
				src := make([]byte, e.Length)
				if _, err := io.ReadFull(c, src); err != nil {
					return
				}
				m, _ := handle.ParseMessage(src)
				if tcp != nil {
					c.Write(tcp(e, m))
				}
			}()
		}
	}()
	if udp == nil {
		return l.Addr().String()
	}
	c, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			e, src, err := handle.ParseEnvelope(buf[:n])
			if err != nil {
				continue
			}
			m, _ := handle.ParseMessage(src)
			out := udp(e, m)
			if out == nil {
				continue
			}
			for k := handle.Pieces(len(out)-handle.EnvelopeSize) - 1; k >= 0; k-- { // the last first
				c.WriteTo(handle.AppendPiece(nil, out, k), from)
			}
		}
	}()
	return l.Addr().String()
}

func values(t *testing.T, id string) []identifier.Value {
	t.Helper()
	for _, r := range handletest.Records(t) {
		if r.ID == id {
			return r.Values
		}
	}
	t.Fatalf("no record %s", id)
	return nil
}

func TestResolve(t *testing.T) {
	const id = "88.990.1001/big-1" // seven datagrams
	want := values(t, id)
	success := func(e handle.Envelope, m handle.Message) []byte {
		var r handle.ResolveRequest
		if err := handle.ParseResolveRequest(m.Body, &r); err != nil {
			return nil
		}
		return answer(e, m, handle.RcodeSuccess, handle.AppendResolveResponse(nil, string(r.Handle), want))
	}
	addr := serve(t, success, success)
	for _, network := range []string{"udp", "tcp", "auto"} {
		r, err := client.Resolve(t.Context(), network, addr, client.Request{Handle: id, Types: []string{"DESC"}, Indexes: []uint32{1}})
		if err != nil {
			t.Errorf("%s: %v", network, err)
			continue
		}
		if r.Code != handle.RcodeSuccess || r.Handle != id || !reflect.DeepEqual(r.Values, want) {
			t.Errorf("%s: %+v\nwant %+v", network, r, want)
		}
		if via := strings.Replace(network, "auto", "udp", 1); r.Network != via || r.Version != handle.Latest {
			t.Errorf("%s: over %s in %v", network, r.Network, r.Version)
		}
	}
}

// TestRequest looks at what the client sends.
func TestRequest(t *testing.T) {
	seen := make(chan handle.Header, 1)
	addr := serve(t, nil, func(e handle.Envelope, m handle.Message) []byte {
		seen <- m.Header
		return digested(e, m, m.Core)
	})
	f := func(q client.Request, want handle.OpFlags) {
		t.Helper()
		q.Handle = "88.1/x"
		if _, err := client.Resolve(t.Context(), "tcp", addr, q); err != nil {
			t.Error(err)
		}
		h := <-seen
		if h.Flags != want || h.Opcode != handle.OpResolve || h.SiteSerial != handle.NoSiteSerial {
			t.Errorf("%+v sends %+v, want flags %x", q, h, want)
		}
		if left := int64(h.Expiration) - time.Now().Unix(); left < handle.Lifetime-60 || left > handle.Lifetime {
			t.Errorf("expires in %d s", left)
		}
	}
	// Flags without FlagDigest would make the answer above one with octets that are no text.
	f(client.Request{Digest: true}, 0x19800000)
	f(client.Request{Digest: true, Private: true}, 0x18800000)
	f(client.Request{Digest: true, Authoritative: true}, 0x99800000)
	f(client.Request{Digest: true, DoNotRefer: true}, 0x19900000)
}

func TestCodes(t *testing.T) {
	site := handle.ServiceSite(&identifier.Service{TCP: 2641})
	referral := []identifier.Value{{Index: 1, Type: "HS_SITE.PREFIX", Data: handle.AppendSite(nil, &site)}}
	nonce := []byte("0123456789abcdef")
	var asked atomic.Uint32
	addr := serve(t, nil, func(e handle.Envelope, m handle.Message) []byte {
		var body []byte
		code := handle.Rcode(asked.Load())
		switch code {
		case handle.RcodePrefixReferral:
			body = handle.AppendResolveResponse(nil, "", referral)
		case handle.RcodeServiceReferral:
			body = handle.AppendHandleRequest(nil, "0.SERV/x")
		case handle.RcodeAuthNeeded:
			e.SessionID = 77
			body = handle.AppendChallenge(nil, e.Version, m.Core, nonce)
		default:
			body = handle.AppendError(nil, "not here")
		}
		return answer(e, m, code, body)
	})
	f := func(c handle.Rcode, check func(r *client.Response) bool) {
		t.Helper()
		asked.Store(uint32(c))
		r, err := client.Resolve(t.Context(), "tcp", addr, client.Request{Handle: "88.1/x"})
		if err != nil || r.Code != c || !check(r) {
			t.Errorf("code %d: %+v, %v", c, r, err)
		}
	}
	f(handle.RcodeServerNotResponsible, func(r *client.Response) bool { return r.Message == "not here" })
	f(handle.RcodePrefixReferral, func(r *client.Response) bool {
		return r.Handle == "" && len(r.Values) == 1 && r.Values[0].Type == "HS_SITE.PREFIX"
	})
	f(handle.RcodeServiceReferral, func(r *client.Response) bool { return r.Handle == "0.SERV/x" && r.Values == nil })
	f(handle.RcodeAuthNeeded, func(r *client.Response) bool { return string(r.Nonce) == string(nonce) && r.Session == 77 })
}

func TestGetSiteInfo(t *testing.T) {
	site := handletest.Site(t)
	respond := func(e handle.Envelope, m handle.Message) []byte {
		if m.Header.Opcode != handle.OpGetSiteInfo {
			return nil
		}
		return answer(e, m, handle.RcodeSuccess, site)
	}
	r, err := client.GetSiteInfo(t.Context(), "udp", serve(t, respond, nil))
	if err != nil || r.Site == nil || r.Site.Serial != handletest.Serial {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRepeats asks a server that hears only the second time, and one whose first words are others'.
func TestRepeats(t *testing.T) {
	ids := make(chan uint32, 3)
	addr := serve(t, func(e handle.Envelope, m handle.Message) []byte {
		ids <- e.RequestID
		if len(ids) == 1 {
			e.RequestID++ // somebody else's answer
		}
		return answer(e, m, handle.RcodeHandleNotFound, nil)
	}, nil)
	r, err := client.Resolve(t.Context(), "udp", addr, client.Request{Handle: "88.1/x"})
	if err != nil || r.Code != handle.RcodeHandleNotFound {
		t.Fatalf("%+v, %v", r, err)
	}
	if a, b := <-ids, <-ids; a != b || len(ids) != 0 {
		t.Errorf("request ids %x and %x, and %d more; want one twice", a, b, len(ids))
	}
}

func TestAutoFallsBack(t *testing.T) {
	busy := func(e handle.Envelope, m handle.Message) []byte { return answer(e, m, handle.RcodeServerTooBusy, nil) }
	known := func(e handle.Envelope, m handle.Message) []byte {
		return answer(e, m, handle.RcodeSuccess, handle.AppendResolveResponse(nil, "88.1/x", nil))
	}
	for name, udp := range map[string]answerer{"busy": busy, "closed": nil} {
		r, err := client.Resolve(t.Context(), "auto", serve(t, udp, known), client.Request{Handle: "88.1/x"})
		if err != nil || r.Code != handle.RcodeSuccess || r.Network != "tcp" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	f := func(name string, respond answerer) {
		t.Helper()
		r, err := client.Resolve(t.Context(), "tcp", serve(t, nil, respond), client.Request{Handle: "88.1/x", Digest: true})
		if !errors.Is(err, client.ErrBadAnswer) && !errors.Is(err, client.ErrNoAnswer) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	f("closed", nil)
	f("cut", func(e handle.Envelope, m handle.Message) []byte { return digested(e, m, m.Core)[:40] })
	f("too long", func(e handle.Envelope, m handle.Message) []byte {
		e.Length = handle.MaxMessage + 1
		return handle.AppendEnvelope(nil, e)
	})
	f("a request", func(e handle.Envelope, m handle.Message) []byte { return answer(e, m, 0, nil) })
	f("no digest", func(e handle.Envelope, m handle.Message) []byte { return answer(e, m, handle.RcodeHandleNotFound, nil) })
	f("other digest", func(e handle.Envelope, m handle.Message) []byte { return digested(e, m, m.Body) })
	f("expired", func(e handle.Envelope, m handle.Message) []byte {
		m.Header.Rcode, m.Header.Expiration = handle.RcodeSuccess, uint32(time.Now().Unix()-10)
		return handle.Finish(handle.Begin(nil), 0, e, m.Header)
	})
	f("lying count", func(e handle.Envelope, m handle.Message) []byte {
		body := handle.AppendDigest(nil, e.Version, m.Core)
		m.Header.Rcode, m.Header.Expiration = handle.RcodeSuccess, uint32(time.Now().Unix()+60)
		body = append(handle.AppendHandleRequest(body, "88.1/x"), 0x7f, 0xff, 0xff, 0xff)
		return handle.Finish(append(handle.Begin(nil), body...), 0, e, m.Header)
	})
}

func TestContext(t *testing.T) {
	silent := func(handle.Envelope, handle.Message) []byte { return nil }
	for _, network := range []string{"udp", "auto"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		start := time.Now()
		_, err := client.Resolve(ctx, network, serve(t, silent, nil), client.Request{Handle: "88.1/x"})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
			t.Errorf("%s: %v after %v", network, err, time.Since(start))
		}
	}
	if _, err := client.Resolve(t.Context(), "sctp", "127.0.0.1:1", client.Request{}); err == nil {
		t.Error("asked over a network that is not known")
	}
}

// TestNoAnswer asks a server that hears everything and says nothing: three times, then never again.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	ids := make(chan uint32, 10)
	addr := serve(t, func(e handle.Envelope, m handle.Message) []byte {
		ids <- e.RequestID
		return nil
	}, nil)
	if _, err := client.Resolve(t.Context(), "udp", addr, client.Request{Handle: "88.1/x"}); !errors.Is(err, client.ErrNoAnswer) {
		t.Errorf("error %v", err)
	}
	if len(ids) != 3 {
		t.Errorf("asked %d times", len(ids))
	}
}
