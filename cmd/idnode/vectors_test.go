package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

// capturedNode starts a node with the identity, the key and the records of the captured server.
func capturedNode(t *testing.T) *daemon {
	t.Helper()
	dir := t.TempDir()
	site, key := filepath.Join(dir, "site.hex"), filepath.Join(dir, "server.pem")
	if err := os.WriteFile(site, []byte(hex.EncodeToString(handletest.Site(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: handletest.Key(t, "server")})
	if err := os.WriteFile(key, block, 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, filepath.Join(dir, "data"), "IDNODE_NODE_PREFIXES=88.990", "IDNODE_HANDLE_SITE_FILE="+site, "IDNODE_HANDLE_SERVER_KEY_FILE="+key,
		"IDNODE_HANDLE_HOMED=0.NA/0.NA/88.990,0.NA/88.990,0.NA/88.990.1001", "IDNODE_HANDLE_SERVER_ADMINS=300:88.990/srvadmin")
	var lines []byte
	for _, r := range handletest.Records(t) {
		lines = append(identifier.AppendRecordJSON(lines, r), '\n')
	}
	if code, out, errs := d.idctl(string(lines), "import", "--allocate", "-"); code != 0 {
		t.Fatalf("import: %d %s%s", code, out, errs)
	}
	return d
}

// otherHabits are the vectors whose answers are the reference server's bad habits (spec/handle-protocol.md, section 11,
// and the vectors' own notes), with what this server answers instead. Other vectors are answered octet for octet.
var otherHabits = map[string]struct {
	code handle.Rcode // 0: silence
	why  string
}{
	"097": {0, "a datagram too short for a request id is dropped"},
	"098": {handle.RcodeProtocolError, "the request id is echoed, and the version is the client's"},
	"099": {handle.RcodeError, "the same"},
	"100": {handle.RcodeProtocolError, "the same"},
	"101": {handle.RcodeProtocolError, "the same, and a length that cannot be is a protocol error"},
	"102": {handle.RcodeProtocolError, "the same"},
	"103": {0, "a datagram shorter than it claims is dropped, not read as zeros"},
	"104": {handle.RcodeProtocolError, "as 101"},
	"105": {handle.RcodeProtocolError, "as 101"},
	"106": {handle.RcodeProtocolError, "as 098"},
	"107": {handle.RcodeProtocolError, "as 098"},
	"108": {handle.RcodeProtocolError, "as 098"},
	"109": {handle.RcodeError, "as 098"},
	"111": {handle.RcodeSessionFailed, "as 098"},
	"113": {handle.RcodeError, "as 098"},
	"120": {handle.RcodeSuccess, "the second request on a connection is answered, too"},
	"121": {handle.RcodeProtocolError, "as 098"},
	"167": {handle.RcodeOperationDenied, "the opcode is known and refused"},
}

// replay is a client that sends what stock clients sent, with fresh answers to fresh challenges.
type replay struct {
	t    *testing.T
	d    *daemon
	conn net.Conn // kept between messages; nil: one for each

	session uint32 // of the last challenge or set-up
	nonce   []byte
	digest  []byte
	keys    auth.Session // of the session, ours
	counter uint32
}

// TestEveryCapturedExchange sends every captured exchange that is not HTTP to a node, in their order, and compares the
// answers octet for octet outside what differs from run to run.
func TestEveryCapturedExchange(t *testing.T) {
	d := capturedNode(t)
	defer d.stop()
	r := &replay{d: d}
	for _, v := range handletest.Vectors(t) {
		n := v.Number()
		if "138" <= n && n <= "144" {
			continue // of the parent registry, see resolver/handleserver
		}
		t.Run(v.Name, func(t *testing.T) {
			r.t = t
			if n == "201" || n == "221" {
				r.dial()
			}
			got := r.exchange(v)
			if n == "213" || n == "233" {
				r.conn.Close()
				r.conn = nil
			}
			if other, ok := otherHabits[n]; ok {
				checkHabit(t, v, got, other.code)
				return
			}
			if n == "091" {
				return // looked at when the key was agreed; its length depends on the numbers
			}
			want := v.Response()
			if n == "095" {
				got, want = r.opened(got, want)
			}
			if n == "082" || n == "086" {
				got, want = sortedLists(t, got), sortedLists(t, want)
			} else {
				v.Blank(got)
				v.Blank(want)
			}
			if n == "080" {
				blankMinted(got)
				blankMinted(want)
			}
			if n == "208" || n == "228" {
				blankTimes(t, got)
				blankTimes(t, want)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

func checkHabit(t *testing.T, v handletest.Vector, got []byte, code handle.Rcode) {
	t.Helper()
	if code == 0 {
		if len(got) != 0 {
			t.Errorf("got %x, want silence", got)
		}
		return
	}
	e, src, err := handle.ParseEnvelope(got)
	if err != nil {
		t.Fatalf("got %x: %v", got, err)
	}
	m, err := handle.ParseMessage(src[:e.Length])
	if err != nil || m.Header.Rcode != code {
		t.Errorf("got %v %v, want %v", m.Header.Rcode, err, code)
	}
	if request := v.Request(); len(request) >= 12 && e.RequestID != binary.BigEndian.Uint32(request[8:]) {
		t.Errorf("request id %x, want that of %x", e.RequestID, request)
	}
}

func (r *replay) dial() {
	r.t.Helper()
	var err error
	if r.conn, err = net.DialTimeout("tcp", r.d.handle, 5*time.Second); err != nil {
		r.t.Fatal(err)
	}
}

// exchange sends v's request, made fresh, and returns the answer.
func (r *replay) exchange(v handletest.Vector) []byte {
	r.t.Helper()
	requests := slices.Clone(v.Requests)
	if n := v.Number(); n != "108" && n != "097" && v.Transport != "udp" || n == "030" {
		requests[0] = r.fresh(v, requests[0])
	}
	var got []byte
	switch {
	case v.Transport == "udp":
		n := len(v.Responses)
		if other, ok := otherHabits[v.Number()]; ok && other.code == 0 {
			n = 0
		}
		got = overUDP(r.t, r.d.handle, requests, n)
	case v.Transport == "http-tunnel":
		got = overHTTP(r.t, r.d.http, requests[0])
	case r.conn != nil:
		got = onConn(r.t, r.conn, requests[0])
	default:
		conn, err := net.DialTimeout("tcp", r.d.handle, 5*time.Second)
		if err != nil {
			r.t.Fatal(err)
		}
		defer conn.Close()
		for i, request := range requests {
			if i == 0 || v.Number() == "120" {
				if _, err := conn.Write(request); err != nil {
					r.t.Fatal(err)
				}
			}
		}
		if n := v.Number(); n == "107" || n == "108" {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
		got = readMessages(r.t, conn)
	}
	r.learn(v, got)
	return got
}

func onConn(t *testing.T, conn net.Conn, request []byte) []byte {
	t.Helper()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	return readMessages(t, conn)
}

// readMessages reads a message, and those that it says follow.
func readMessages(t *testing.T, conn net.Conn) (all []byte) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		head := make([]byte, handle.EnvelopeSize)
		if _, err := io.ReadFull(conn, head); err != nil {
			t.Fatalf("after %d octets: %v", len(all), err)
		}
		e, _, _ := handle.ParseEnvelope(head)
		message := make([]byte, e.Length)
		if _, err := io.ReadFull(conn, message); err != nil {
			t.Fatal(err)
		}
		all = append(append(all, head...), message...)
		h, _, err := handle.ParseHeader(message)
		if err != nil || e.Flags&handle.EnvelopeEncrypted != 0 || h.Flags&handle.FlagContinues == 0 {
			return all
		}
	}
}

// fresh is a captured request with what has to be made anew: the number of the challenge or session, the answer to
// the challenge, the code of the session, and encryption.
func (r *replay) fresh(v handletest.Vector, request []byte) []byte {
	r.t.Helper()
	e, src, err := handle.ParseEnvelope(request)
	if err != nil {
		r.t.Fatal(err)
	}
	n := v.Number()
	inSession := "092" <= n && n <= "096"
	recorded := auth.Session{Key: [32]byte(handletest.Key(r.t, "session_key"))}
	if e.Flags&handle.EnvelopeEncrypted != 0 && inSession {
		if src, err = recorded.Open(nil, src); err != nil {
			r.t.Fatal(err)
		}
	}
	m, err := handle.ParseMessage(src)
	if err != nil {
		return request
	}
	body := m.Body
	if m.Header.Opcode == handle.OpChallengeResponse {
		body = r.answer(n, e.Version, body)
	}
	if m.Header.Opcode != handle.OpChallengeResponse && !inSession {
		return request
	}
	if n < "201" {
		e.SessionID = r.session
	}
	out := append(handle.Begin(nil), body...)
	if !inSession || m.Credential == nil {
		return handle.Finish(out, 0, e, m.Header)
	}
	r.counter++
	plain := e
	plain.Flags &^= handle.EnvelopeEncrypted
	// The code covers the envelope as it is sent, but for its flags and length.
	if out, err = r.keys.Finish(out, 0, plain, m.Header, r.counter); err != nil {
		r.t.Fatal(err)
	}
	if e.Flags&handle.EnvelopeEncrypted != 0 {
		return handle.AppendEnveloped(nil, e, r.keys.Seal(nil, out[handle.EnvelopeSize:]))
	}
	return out
}

// signers are the keys of captured identities.
var signers = map[string]string{
	"300:88.990/admin": "admin_rsa", "301:88.990/admin": "admin_dsa", "300:88.990/srvadmin": "srvadmin_rsa",
	"300:88.990/limited": "limited_rsa", "300:88.990/sm2": "sm2",
}

// answer makes the body of an answer to the last challenge in place of a captured one. Those that are wrong on purpose stay.
func (r *replay) answer(number string, v handle.Version, body []byte) []byte {
	r.t.Helper()
	a, err := handle.ParseChallengeAnswer(body)
	if err != nil {
		r.t.Fatal(err)
	}
	if number == "062" {
		return body
	}
	if string(a.KeyType) == handle.KeyTypeSecret {
		a.Answer, err = auth.AnswerWithSecret(handletest.Key(r.t, "secret"), v, r.nonce, r.digest)
	} else {
		name := signers[fmt.Sprintf("%d:%s", a.Identity.Index, a.Identity.Handle)]
		if name == "" {
			r.t.Fatalf("no key of %v", a.Identity)
		}
		block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: handletest.Key(r.t, name)})
		key, e := auth.ParsePrivateKey(block, nil)
		if e != nil {
			r.t.Fatal(e)
		}
		a.Answer, err = auth.AnswerWithKey(key, v, a.Identity, r.nonce, r.digest)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return handle.AppendChallengeAnswer(nil, a)
}

// learn takes from an answer what the next request needs.
func (r *replay) learn(v handletest.Vector, got []byte) {
	e, src, err := handle.ParseEnvelope(got)
	if err != nil || e.Flags&handle.EnvelopeEncrypted != 0 {
		return
	}
	m, err := handle.ParseMessage(src[:min(int(e.Length), len(src))])
	if err != nil {
		return
	}
	switch {
	case m.Header.Rcode == handle.RcodeAuthNeeded:
		digest, nonce, err := handle.ParseChallenge(m.Body, e.Version)
		if err != nil {
			r.t.Fatal(err)
		}
		r.session, r.nonce, r.digest = e.SessionID, bytes.Clone(nonce), bytes.Clone(handle.DigestSum(digest, e.Version))
	case v.Number() == "091" && m.Header.Rcode == handle.RcodeSuccess:
		r.session, r.counter = e.SessionID, 0
		r.keys = agreed(r.t, v, m, e)
	}
}

// agreed checks the answer m to the captured set-up of a session, and computes the session's key as the captured
// client would.
func agreed(t *testing.T, v handletest.Vector, m handle.Message, e handle.Envelope) auth.Session {
	t.Helper()
	_, request, _ := handle.ParseEnvelope(v.Request())
	asked, err := handle.ParseMessage(request)
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := handle.ParseMessage(v.Response()[handle.EnvelopeSize:])
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Flags != wanted.Header.Flags || m.Header.Opcode != wanted.Header.Opcode {
		t.Errorf("got %+v, want %+v", m.Header, wanted.Header)
	}
	site, err := handle.ParseSite(handletest.Site(t))
	if err != nil {
		t.Fatal(err)
	}
	server, err := auth.ParsePublicKey(site.Servers[0].PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.VerifySignature(server, e, m); err != nil {
		t.Error(err)
	}
	digest, rest, err := handle.ParseDigest(m.Body, e.Version)
	if err != nil || !bytes.Equal(digest, handle.AppendDigest(nil, e.Version, asked.Core)) {
		t.Errorf("digest %x, %v", digest, err)
	}
	mode, data, err := handle.ParseSessionKey(rest)
	if err != nil || mode != handle.SessionDH {
		t.Fatal(mode, err)
	}
	cipher, public, err := handle.ParseDHKey(data)
	if err != nil || cipher != handle.CipherAES {
		t.Fatal(cipher, err)
	}
	key, err := handle.ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	p := number(key.P)
	z := new(big.Int).Exp(number(key.Y), number(handletest.Key(t, "session_private")), p).FillBytes(make([]byte, (p.BitLen()+7)/8))
	for len(z) > 32 && z[0] == 0 {
		z = z[1:]
	}
	return auth.Session{ID: e.SessionID, Key: [32]byte(z)}
}

// opened decrypts two answers of the session, ours with the key of this run and the captured one with its own.
func (r *replay) opened(got, want []byte) (plainGot, plainWant []byte) {
	r.t.Helper()
	recorded := auth.Session{Key: [32]byte(handletest.Key(r.t, "session_key"))}
	open := func(s *auth.Session, b []byte) []byte {
		e, src, err := handle.ParseEnvelope(b)
		if err != nil || e.Flags&handle.EnvelopeEncrypted == 0 {
			r.t.Fatalf("%x: %v", b, err)
		}
		plain, err := s.Open(nil, src)
		if err != nil {
			r.t.Fatal(err)
		}
		clear(plain[16:20]) // expiration
		return plain
	}
	return open(&r.keys, got), open(&recorded, want)
}

// blankMinted overwrites the end of a minted handle, the length of a UUID.
func blankMinted(message []byte) {
	end := len(message) - 4
	for i := end - 36; i < end; i++ {
		message[i] = 0xaa
	}
}

// blankTimes overwrites the timestamps of the values in a resolve response: they are the time of writing.
func blankTimes(t *testing.T, message []byte) {
	t.Helper()
	e, src, _ := handle.ParseEnvelope(message)
	m, err := handle.ParseMessage(src[:e.Length])
	if err != nil {
		t.Fatal(err)
	}
	_, values, err := handle.ParseResolveResponse(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		value := handle.AppendValue(nil, &v)
		at := bytes.Index(message, value)
		clear(message[at+4 : at+8])
	}
}

// sortedLists is a list answer as one message of all handles, sorted.
func sortedLists(t *testing.T, all []byte) (sorted []byte) {
	t.Helper()
	var names []string
	for len(all) > 0 {
		e, src, err := handle.ParseEnvelope(all)
		if err != nil {
			t.Fatal(err)
		}
		m, err := handle.ParseMessage(src[:e.Length])
		if err != nil || m.Header.Rcode != handle.RcodeSuccess {
			t.Fatal(m.Header, err)
		}
		handles, err := handle.ParseHandles(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		sorted = fmt.Appendf(sorted, "%d handles, flags %x;", len(handles), m.Header.Flags)
		for _, h := range handles {
			names = append(names, string(h))
		}
		all = src[e.Length:]
	}
	slices.Sort(names)
	return fmt.Appendf(sorted, "%q", names)
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
