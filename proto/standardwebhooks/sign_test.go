package standardwebhooks

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The example of the specification's reference libraries (libraries/go/webhook_test.go, TestWebhookSign).
// It was computed again apart from this code:
//
//	printf 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -binary
//	  -mac HMAC -macopt hexkey:$(printf MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | base64 -d | od -An -tx1 | tr -d ' \n') | base64
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vectorTime = time.Unix(1614265330, 0)

func TestVector(t *testing.T) {
	for _, text := range []string{vectorSecret, strings.TrimPrefix(vectorSecret, SecretPrefix)} {
		s, err := ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Sign(vectorID, vectorTime, []byte(vectorBody)); got != vectorSignature {
			t.Errorf("Sign = %s, want %s", got, vectorSignature)
		}
		if s.Text() != vectorSecret {
			t.Errorf("Text = %s", s.Text())
		}
	}
}

func TestParseSecret(t *testing.T) {
	s := NewSecret()
	if again, err := ParseSecret(s.Text()); err != nil || string(again) != string(s) || len(s) != 32 {
		t.Errorf("ParseSecret(%s) = %x, %v", s.Text(), []byte(again), err)
	}
	if string(NewSecret()) == string(s) || strings.Contains(s.String(), s.Text()[8:]) {
		t.Error("a secret twice, or shown")
	}
	for _, text := range []string{"", "whsec_", "whsec_!", Secret(make([]byte, 23)).Text(), Secret(make([]byte, 65)).Text(), " " + vectorSecret} {
		if _, err := ParseSecret(text); !errors.Is(err, ErrSecret) {
			t.Errorf("ParseSecret(%q): %v", text, err)
		}
	}
}

func TestVerify(t *testing.T) {
	s, _ := ParseSecret(vectorSecret)
	other := NewSecret()
	good := func() http.Header {
		h := make(http.Header)
		SetHeaders(h, []Secret{other, s}, vectorID, vectorTime, []byte(vectorBody))
		return h
	}
	tests := []struct {
		name   string
		change func(http.Header)
		body   string
		now    time.Time
		want   error
	}{
		{name: "two signatures, one of them ours"},
		{name: "of another version beside ours", change: func(h http.Header) { h.Set(HeaderSignature, "v1a,xx v2,yy "+vectorSignature) }},
		{name: "late", now: vectorTime.Add(Tolerance)},
		{name: "too late", now: vectorTime.Add(Tolerance + time.Second), want: ErrTime},
		{name: "from the future", now: vectorTime.Add(-Tolerance - time.Second), want: ErrTime},
		{name: "another body", body: vectorBody + " ", want: ErrSignature},
		{name: "another id", change: func(h http.Header) { h.Set(HeaderID, "msg_x") }, want: ErrSignature},
		{name: "another time", change: func(h http.Header) { h.Set(HeaderTimestamp, "1614265331") }, want: ErrSignature},
		{name: "another version only", change: func(h http.Header) { h.Set(HeaderSignature, "v2"+vectorSignature[2:]) }, want: ErrSignature},
		{name: "not base64", change: func(h http.Header) { h.Set(HeaderSignature, "v1,!") }, want: ErrSignature},
		{name: "no time", change: func(h http.Header) { h.Del(HeaderTimestamp) }, want: ErrHeaders},
		{name: "no number", change: func(h http.Header) { h.Set(HeaderTimestamp, "now") }, want: ErrHeaders},
		{name: "no id", change: func(h http.Header) { h.Del(HeaderID) }, want: ErrHeaders},
		{name: "no signature", change: func(h http.Header) { h.Del(HeaderSignature) }, want: ErrHeaders},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h, body, now := good(), test.body, test.now
			if test.change != nil {
				test.change(h)
			}
			if body == "" {
				body = vectorBody
			}
			if now.IsZero() {
				now = vectorTime
			}
			if err := s.Verify(h, []byte(body), now); !errors.Is(err, test.want) {
				t.Errorf("Verify = %v, want %v", err, test.want)
			}
		})
	}
}
