package httpserver

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// authentication is what a request says of who asks, and whether that holds. Over plain HTTP nothing is believed
// (spec/handle-protocol.md, section 13).
type authentication struct {
	who     *identifier.Ref
	id      string   // of who, as it was given
	session *session // that the request belongs to
	failure string   // why the request's credentials are not believed
}

// secure reports whether the request came over TLS.
func (c *restCall) secure() bool { return c.req.TLS != nil }

// authenticate makes c.auth of what the request has. It reports false if it has credentials that do not hold; then it has
// answered.
func (c *restCall) authenticate() bool {
	if !c.secure() || c.s.o.Handles == nil {
		return true
	}
	header := c.req.Header.Get("Authorization")
	fields, isHandle := parseHandleAuthorization(header)
	user, secret, isBasic := c.req.BasicAuth()
	ok := true
	switch {
	case isHandle:
		ok = c.authenticateHandle(fields)
	case isBasic:
		ok = c.prove(resolver.Proof{Ref: basicRef(user), Secret: []byte(secret)}, "")
	case header != "":
		c.auth.failure, ok = "Unknown scheme of authentication", false
	default:
		c.authenticateCertificate()
	}
	if !ok {
		c.invite()
		c.w.WriteHeader(http.StatusUnauthorized)
	}
	return ok
}

// basicRef is the user of HTTP Basic, which is percent-encoded, because of its colon.
func basicRef(user string) identifier.Ref {
	if text, err := url.PathUnescape(user); err == nil {
		user = text
	}
	return parseRef(user)
}

// prove makes the one who gives the proof the asker.
func (c *restCall) prove(p resolver.Proof, id string) bool {
	who, err := c.s.o.Handles.Prove(c.req.Context(), p)
	if err != nil {
		c.auth.failure = "Identity not verified"
		return false
	}
	if id == "" {
		id = strconv.FormatUint(uint64(who.Index), 10) + ":" + who.Handle
	}
	c.auth.who, c.auth.id = &who, id
	return true
}

// authenticateHandle looks at the fields of an Authorization header of the scheme Handle.
func (c *restCall) authenticateHandle(f map[string]string) bool {
	if id := f["sessionid"]; id != "" {
		if c.auth.session = c.s.sessions.get(id); c.auth.session == nil {
			return false
		}
		c.auth.who, c.auth.id = c.auth.session.asker()
	}
	if f["id"] == "" && f["type"] == "" && f["alg"] == "" && f["signature"] == "" {
		if strings.EqualFold(f["clientcert"], "true") {
			c.auth.who, c.auth.id = nil, ""
			if !c.authenticateCertificate() {
				c.auth.failure = "The client's certificate proves no identity"
				return false
			}
		}
		return true
	}
	return c.authenticateSigned(f)
}

// authenticateSigned checks the answer to the challenge that a session is: a signature, or a code under a secret, over the
// session's nonce and one of the client.
func (c *restCall) authenticateSigned(f map[string]string) bool {
	c.auth.who, c.auth.id = nil, ""
	switch {
	case c.auth.session == nil:
		c.auth.failure = "No session"
	case f["version"] != "" && f["version"] != "0":
		c.auth.failure = "Unknown version in Authorization: Handle"
	case f["id"] == "" || f["cnonce"] == "" || f["type"] == "" || f["alg"] == "" || f["signature"] == "":
		c.auth.failure = "Missing fields in authentication data"
	}
	if c.auth.failure != "" {
		return false
	}
	answer, ok := signedAnswer(f)
	cnonce, err := base64.StdEncoding.DecodeString(f["cnonce"])
	if !ok || err != nil {
		c.auth.failure = "Error parsing Authorization: Handle"
		return false
	}
	if !c.prove(resolver.Proof{Ref: parseRef(f["id"]), Type: f["type"], Answer: answer, Nonce: c.auth.session.nonce[:], ClientNonce: cnonce}, f["id"]) {
		return false
	}
	c.auth.session.authenticated(c.auth.who, c.auth.id)
	return true
}

// Codes of the algorithms of secret keys (section 7).
var secretCodes = map[string]byte{"MD5": 0x01, "SHA": 0x02, "SHA1": 0x02, "SHA2": 0x03, "SHA256": 0x03, "HMACSHA1": 0x12, "HMACSHA256": 0x13,
	"PBKDF2WITHHMACSHA1": 0x22, "PBKDF2HMACSHA1": 0x22}

// Names of the algorithms of public keys.
var keyNames = map[string]string{"SHA": "SHA-1", "SHA1": "SHA-1", "SHA2": "SHA-256", "SHA256": "SHA-256", "SM3": "SM3"}

// signedAnswer is the answer to a challenge in the form of the Handle protocol, made from its fields.
func signedAnswer(f map[string]string) ([]byte, bool) {
	signature, err := base64.StdEncoding.DecodeString(f["signature"])
	if err != nil {
		return nil, false
	}
	algorithm := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToUpper(f["alg"]))
	if f["type"] == handle.KeyTypePublic {
		name, ok := keyNames[algorithm]
		return handle.AppendBytes(handle.AppendBytes(nil, name), signature), ok
	}
	code, ok := secretCodes[algorithm]
	if !ok {
		return nil, false
	}
	if code == 0x22 && f["salt"] != "" {
		salt, err := base64.StdEncoding.DecodeString(f["salt"])
		iterations, errIterations := strconv.ParseUint(f["iterations"], 10, 31)
		length, errLength := strconv.ParseUint(f["length"], 10, 31)
		if err != nil || errIterations != nil || errLength != nil {
			return nil, false
		}
		answer := handle.AppendBytes([]byte{code}, salt)
		answer = binary.BigEndian.AppendUint32(answer, uint32(iterations))
		answer = binary.BigEndian.AppendUint32(answer, uint32(length))
		return handle.AppendBytes(answer, signature), true
	}
	return append([]byte{code}, signature...), true
}

// authenticateCertificate makes the identity that the client's certificate names the asker, if it has the certificate's
// key: the handshake has shown that the client has the private half.
func (c *restCall) authenticateCertificate() bool {
	if len(c.req.TLS.PeerCertificates) == 0 {
		return false
	}
	cert := c.req.TLS.PeerCertificates[0]
	ref := certificateRef(cert)
	return ref.Handle != "" && c.prove(resolver.Proof{Ref: ref, Key: cert.PublicKey}, "")
}

// certificateRef is the identity that a certificate's subject names: by its UID, else its common name, else its
// organization.
func certificateRef(cert *x509.Certificate) identifier.Ref {
	const userID = "0.9.2342.19200300.100.1.1" // RFC 4519, section 2.39
	for _, name := range cert.Subject.Names {
		if text, ok := name.Value.(string); ok && name.Type.String() == userID && text != "" {
			return parseRef(text)
		}
	}
	if cert.Subject.CommonName != "" {
		return parseRef(cert.Subject.CommonName)
	}
	if len(cert.Subject.Organization) > 0 {
		return parseRef(cert.Subject.Organization[0])
	}
	return identifier.Ref{}
}

// invite tells the asker how to authenticate: by HTTP Basic where that makes sense, or with the nonce of a session.
func (c *restCall) invite() {
	if c.s.o.Handles == nil {
		return
	}
	header := c.req.Header.Get("Authorization")
	if header == "" && c.req.Header.Get("X-Requested-With") != "XMLHttpRequest" || strings.HasPrefix(header, "Basic") {
		c.w.Header().Add("WWW-Authenticate", `Basic realm="handle"`)
	}
	s := c.auth.session
	if s == nil {
		s = c.s.sessions.add(peer(c.req))
	}
	text := `Handle sessionId="` + s.id + `", nonce="` + base64.StdEncoding.EncodeToString(s.nonce[:]) + `"`
	if c.auth.failure != "" {
		text += `, error="` + c.auth.failure + `"`
	}
	c.w.Header().Add("WWW-Authenticate", text)
}

// parseHandleAuthorization reads an Authorization header of the scheme Handle: names, in lower case, with values that are
// tokens or quoted. The id is percent-encoded.
func parseHandleAuthorization(header string) (fields map[string]string, ok bool) {
	scheme, rest, _ := strings.Cut(strings.TrimLeft(header, " \t"), " ")
	if !strings.EqualFold(scheme, "Handle") {
		return nil, false
	}
	fields = make(map[string]string)
	for {
		rest = strings.TrimLeft(rest, " \t,")
		name, after, found := strings.Cut(rest, "=")
		if !found {
			return fields, true
		}
		var value string
		if value, rest, ok = cutValue(strings.TrimLeft(after, " \t")); !ok {
			return fields, true // what comes is no field; those that are missing will be missed
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "id" {
			if text, err := url.PathUnescape(value); err == nil {
				value = text
			}
		}
		fields[name] = value
	}
}

// cutValue cuts a token or a quoted string off the front of s.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexAny(s, ", \t"); i >= 0 {
			return s[:i], s[i:], true
		}
		return s, "", true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// verifications serves /api/verifications/INDEX:HANDLE, which says whether an answer to a challenge was made with a
// secret that is kept here.
func (c *restCall) verifications() {
	if c.s.o.Handles == nil {
		c.answer(http.StatusNotImplemented, handleBody{ResponseCode: handle.RcodeOperationDenied})
		return
	}
	fields := make(map[string]string)
	for name := range c.params {
		fields[name] = c.params.Get(name)
	}
	if c.req.Method == http.MethodPost {
		given, err := c.fields()
		if err != nil {
			c.refuse(http.StatusBadRequest, err.Error())
			return
		}
		for name, value := range given {
			fields[name] = value
		}
	}
	if c.name == "" {
		c.name = fields["id"]
	}
	ref := parseRef(c.name)
	if n, err := strconv.ParseUint(fields["index"], 10, 31); err == nil && ref.Index == 0 {
		ref.Index = uint32(n)
	}
	fields["type"] = handle.KeyTypeSecret
	answer, ok := signedAnswer(fields)
	nonce, errNonce := base64.StdEncoding.DecodeString(fields["nonce"])
	cnonce, errClient := base64.StdEncoding.DecodeString(fields["cnonce"])
	switch {
	case ref.Handle == "" || ref.Index == 0:
		c.refuse(http.StatusBadRequest, "No index and handle provided, as in 301:88.990/user")
		return
	case !ok || errNonce != nil || errClient != nil || fields["nonce"] == "" || fields["cnonce"] == "":
		c.refuse(http.StatusBadRequest, "Missing or malformed parameters in verification request: nonce, cnonce, alg, signature")
		return
	}
	c.name = ref.Handle
	answers, _, err := c.native(handle.Header{Opcode: handle.OpVerifyResponse},
		handle.AppendVerification(nil, handle.Verification{Key: ref, Nonce: nonce, Digest: cnonce, Answer: answer}))
	if err != nil {
		c.failed(err)
		return
	}
	m := answers[0]
	body := handleBody{ResponseCode: m.Header.Rcode, Handle: &c.name}
	if m.Header.Rcode == handle.RcodeSuccess {
		valid, err := handle.ParseVerified(m.Body)
		if err != nil {
			c.failed(err)
			return
		}
		body.Verified = &valid
	} else {
		body.Message = errorText(m)
	}
	c.answer(c.status(m.Header.Rcode, m.Header.Opcode, false), body)
}
