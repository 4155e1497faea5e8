package httpload

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/drive"
)

func TestLoad(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/api/handles/88.1021.150/SN-0000000042" {
			fmt.Fprint(w, "good")
			return
		}
		if r.Method != http.MethodGet || r.URL.Path != "/resolve" || r.FormValue("scheme") != "handle" || r.FormValue("id") != "88.1021.150/SN-0000000042" {
			http.Error(w, "bad", http.StatusNotFound)
			return
		}
		fmt.Fprint(w, "good")
	}))
	defer server.Close()
	for number, good := range map[uint64]bool{42: true, 43: false} {
		for _, how := range []struct{ unknown, rest bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			unknown := how.unknown
			f := Options{Names: corpus.Serials("88.1021.150"), Unknown: unknown, REST: how.rest}.Front(strings.TrimPrefix(server.URL, "http://"))
			f.Conns = 2 // 50 requests behind one another
			l := drive.Load{Front: f, Pick: func(uint64) corpus.Picker { return func() uint64 { return number } }}
			rec, _, err := l.Closed(t.Context(), 50*time.Millisecond)
			if err != nil || rec.TimedOut > 0 || (rec.Done > 0) != (good != unknown) || (rec.Failed > 0) != (good == unknown) {
				t.Errorf("number %d, %+v: %+v, %v", number, how, rec, err)
			}
		}
	}
}
