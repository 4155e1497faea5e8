package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// reply is an HTTP response that was read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func readReply(t *testing.T, octets io.Reader) reply {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(octets), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, body}
}

// raw sends the text of a request to the HTTP port, within TLS or not, and reads the response.
func (d *daemon) raw(t *testing.T, secure bool, request []byte) reply {
	t.Helper()
	var c net.Conn
	var err error
	if secure {
		c, err = tls.Dial("tcp", d.http, &tls.Config{InsecureSkipVerify: true}) // the node signs its certificate itself
	} else {
		c, err = net.Dial("tcp", d.http)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	return readReply(t, c)
}

// TestRESTAttacks: what is malformed, too much or meant to harm is refused with the right code, and changes nothing.
func TestRESTAttacks(t *testing.T) {
	d := capturedNode(t)
	defer d.stop()
	plain, secure := d.rest(t, "http"), d.rest(t, "https")
	const path = "/api/handles/88.990.1001/rest-x"
	million := "[" + strings.TrimSuffix(strings.Repeat(`{"index":1},`, 1e6/4), ",") + "]"
	for _, c := range []struct {
		name, method, path, body string
		status, code             int
	}{
		{"values without end", "PUT", path, million, 400, 4},
		{"more than a body may hold", "PUT", path, `["` + strings.Repeat("x", 5<<20) + `"]`, 413, 4},
		{"depth", "PUT", path, strings.Repeat("[", 100_000), 400, 4},
		{"no index", "PUT", path, `[{"type":"URL","data":"x"}]`, 400, 202},
		{"no values", "PUT", path, `[]`, 400, 202},
		{"an index twice", "PUT", path, `[{"index":1,"type":"URL","data":"x"},{"index":1,"type":"URL","data":"y"}]`, 409, 201},
		{"index in the query that is not in the body", "PUT", path + "?index=2", `[{"index":1,"type":"URL","data":"x"}]`, 400, 4},
		{"index that is no number", "PUT", path + "?index=x", `[{"index":1,"type":"URL","data":"x"}]`, 400, 4},
		{"another handle in the body", "PUT", path, `{"handle":"88.990.1001/other","values":[{"index":1,"type":"URL","data":"x"}]}`, 400, 4},
		{"NUL", "PUT", "/api/handles/88.990.1001/a%00b", restValues, 400, 102},
		{"invalid UTF-8", "PUT", "/api/handles/88.990.1001/a%ffb", restValues, 400, 102},
		{"overlong", "PUT", "/api/handles/88.990.1001/" + strings.Repeat("x", 3000), restValues, 400, 102},
		{"no suffix", "PUT", "/api/handles/88.990.1001/", restValues, 400, 102},
		{"another's prefix", "PUT", "/api/handles/99.1/x", restValues, 400, 301},
		{"empty", "PUT", "/api/handles/", restValues, 400, 102},
		{"values of nothing", "PUT", "/api/handles/88.990.1001/none?index=1", `[{"index":1,"type":"URL","data":"x"}]`, 404, 100},
		{"deletion of values of nothing", "DELETE", "/api/handles/88.990.1001/none?index=1", "", 404, 100},
		{"deletion of a value that is not there", "DELETE", "/api/handles/88.990.1001/item-1?index=77", "", 400, 200},
		{"homing by one who does not run the server", "POST", "/api/prefixes/0.NA/88.990.7777", "", 403, 400},
		{"list by page that is no number", "GET", "/api/handles?prefix=88.990.1003&page=x", "", 400, 4},
		{"unknown endpoint", "GET", "/api/frob", "", 404, 4},
		{"unknown method", "PATCH", path, "", 405, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			secure.t = t
			secure.want(c.status, c.code, c.method, c.path, basicUser, c.body)
		})
	}
	secure.t = t
	secure.want(404, 100, "GET", path, "", "")
	plain.want(200, 1, "GET", "/api/handles/88.990.1001/item-1", "", "")

	_, _, header, text := plain.do("GET", "/api/handles/88.990.1001/item-1?callback=%3C/script%3E%3Cscript%3Ealert(1)//", "", "")
	if strings.ContainsAny(strings.SplitN(text, "(", 2)[0], "<>/") || header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(header.Get("Content-Type"), "application/javascript") {
		t.Errorf("callback: %v %.100s", header, text)
	}
	if _, _, _, text := plain.do("GET", "/api/handles/88.990.1001/item-1?callback="+strings.Repeat("a", 4000), "", ""); len(text) > 2000 {
		t.Errorf("a long callback is answered with %d octets", len(text))
	}
	if resp := d.raw(t, false, []byte("GET /api/site HTTP/1.1\r\nHost: h\r\nX: "+strings.Repeat("x", 80_000)+"\r\n\r\n")); resp.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("header bomb: %d", resp.status)
	}
	if resp := d.raw(t, false, []byte("GET /api/site HTTP/1.1\r\nHost: h\r\n"+strings.Repeat("X: y\r\n", 14_000)+"\r\n")); resp.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("many headers: %d", resp.status)
	}
	if resp := d.raw(t, true, []byte("GET /api/handles/88.990.1001/item-1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")); resp.status != 400 && resp.status != 200 {
		t.Errorf("two lengths: %d", resp.status)
	}

	// Sessions of one address are bounded, and the newest ones work.
	first := secure.want(201, 0, "POST", "/api/sessions", "", "")
	var last string
	for range 300 {
		last = secure.want(201, 0, "POST", "/api/sessions", "", "")
	}
	id := func(body string) string {
		_, rest, _ := strings.Cut(body, `"sessionId":"`)
		name, _, _ := strings.Cut(rest, `"`)
		return fmt.Sprintf(`Handle version="0", sessionId="%s"`, name)
	}
	secure.want(403, 0, "GET", "/api/sessions/this", id(first), "")
	secure.want(200, 0, "GET", "/api/sessions/this", id(last), "")

	// A port that speaks both is held up by none that speaks neither.
	var silent []net.Conn
	for i := range 200 {
		c, err := net.Dial("tcp", d.http)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			_, _ = c.Write([]byte{0x16}) // a handshake that does not go on
		}
		silent = append(silent, c)
	}
	begin := time.Now()
	plain.want(200, 1, "GET", "/api/site", "", "")
	secure.want(200, 1, "GET", "/api/site", "", "")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("beside %d silent connections: %v", len(silent), took)
	}
	c, err := tls.Dial("tcp", d.http, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11})
	if err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	junk, err := net.Dial("tcp", d.http)
	if err != nil {
		t.Fatal(err)
	}
	defer junk.Close()
	_, _ = junk.Write([]byte("\x16\x03\x01\xff\xffjunk that is no handshake\r\n\r\n"))
	_ = junk.SetReadDeadline(time.Now().Add(15 * time.Second))
	if _, err := io.ReadAll(bufio.NewReader(junk)); err != nil {
		t.Logf("junk: %v", err)
	}
	plain.want(200, 1, "GET", "/api/site", "", "")
}
