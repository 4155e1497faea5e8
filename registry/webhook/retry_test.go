package webhook

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// answers stands for the network.
type answers func(r *http.Request) (int, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: make(http.Header), Body: io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20))), Request: r}, nil
}

// TestGiveUp has a receiver that is away for good: its webhook holds the change log for two days, is then
// disabled, and goes on from there when it is enabled.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, memstore.New())
		var times []time.Time
		back := false
		h, _ := n.hook(n.a, registry.WebhookForm{URL: "https://receiver.example/"})
		s := n.sender(Options{GiveUp: 48 * time.Hour, Registerer: n.metrics, Transport: answers(func(*http.Request) (int, error) {
			times = append(times, time.Now())
			if back {
				return 200, nil
			}
			return 0, errors.New("connection refused")
		})})
		stop := n.run(s)
		begin := time.Now()
		n.create(n.a, "88.100.1/1")
		cursor := storage.CursorKey(registry.WebhookCursor(h.ID))

		time.Sleep(47 * time.Hour)
		synctest.Wait()
		if now := n.state(h); now.State != registry.WebhookActive {
			t.Fatalf("disabled after 47 h: %s", now.Reason)
		}
		if got := testutil.ToFloat64(s.metrics.messages.WithLabelValues("failed")); got != float64(len(times)) {
			t.Errorf("%v failures counted of %d", got, len(times))
		}
		if got := s.oldestPending(); got < (46 * time.Hour).Seconds() {
			t.Errorf("oldest pending %v s", got)
		}
		if _, err := n.store.Get(t.Context(), cursor); err != nil {
			t.Errorf("the cursor: %v", err)
		}
		stop() // failures count over restarts
		n.run(s)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		now := n.state(h)
		if now.State != registry.WebhookDisabled || !strings.Contains(now.Reason, "48h") || !strings.Contains(now.Reason, "connection refused") {
			t.Errorf("after 49 h: %s, %s", now.State, now.Reason)
		}
		if _, err := n.store.Get(t.Context(), cursor); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a disabled webhook holds the change log: %v", err)
		}
		if len(times) < 45 || len(times) > 80 {
			t.Errorf("%d attempts in 48 h", len(times))
		}
		for i := 1; i < len(times); i++ {
			wait := times[i].Sub(times[i-1])
			if least := min(firstWait<<min(i-1, 12), longestWait); wait > least*6/5+2*time.Second || wait < least*4/5 && times[i].Sub(begin) < 47*time.Hour {
				t.Errorf("attempt %d came after %s", i+1, wait)
			}
		}
		if last := times[len(times)-1].Sub(begin); last > 48*time.Hour+time.Minute {
			t.Errorf("the last attempt came after %s", last)
		}

		back = true
		attempts := len(times)
		if _, err := n.PatchWebhook(t.Context(), h.ID, []byte(`{"state":"active"}`), registry.Write{Actor: n.a}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(times) != attempts+1 || n.state(h).Reason != "" || s.oldestPending() != 0 || s.count(registry.WebhookActive) != 1 {
			t.Errorf("enabled again: %d attempts, %+v", len(times)-attempts, n.state(h))
		}
		if d := n.deliveries(h)[0]; d.Result != registry.DeliveryDelivered || d.Status != 200 {
			t.Errorf("the last delivery: %+v", d)
		}
	})
}

// TestIdle moves the cursor of a webhook that is told nothing, so that it does not hold the change log.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, memstore.New())
		h, _ := n.hook(n.a, registry.WebhookForm{URL: "https://receiver.example/"})
		told := 0
		n.run(n.sender(Options{Transport: answers(func(*http.Request) (int, error) { told++; return 200, nil })}))
		for range 10 {
			n.create(n.b, "88.100.2/"+time.Now().Format("150405"))
			time.Sleep(time.Second)
		}
		last, err := n.store.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * saveEvery)
		synctest.Wait()
		item, err := n.store.Get(t.Context(), storage.CursorKey(registry.WebhookCursor(h.ID)))
		if err != nil {
			t.Fatal(err)
		}
		if at, err := storage.DecodeCursor(item.Value); at != last || err != nil || told != 0 {
			t.Errorf("the cursor is at %d of %d, %v; %d messages", at, last, err, told)
		}
		n.create(n.a, "88.100.1/1")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if told != 1 {
			t.Errorf("%d messages after a rest", told)
		}
	})
}

// TestNobodyWaits: receivers that never answer take half of the places, and others are told at once.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, memstore.New())
		for range 10 {
			n.hook(n.a, registry.WebhookForm{URL: "https://silent.example/"})
		}
		n.hook(n.b, registry.WebhookForm{URL: "https://quick.example/"})
		var quick []time.Time
		n.run(n.sender(Options{Concurrency: 4, Transport: answers(func(r *http.Request) (int, error) {
			if r.URL.Host == "quick.example" {
				quick = append(quick, time.Now())
				return 200, nil
			}
			<-r.Context().Done()
			return 0, r.Context().Err()
		})}))
		n.create(n.a, "88.100.1/1")
		time.Sleep(time.Hour) // all the silent ones are known by now
		begin := time.Now()
		for i := range 5 {
			n.create(n.b, "88.100.2/"+string(rune('a'+i)))
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		if len(quick) != 5 {
			t.Fatalf("%d messages", len(quick))
		}
		for i, at := range quick {
			if late := at.Sub(begin) - time.Duration(i)*10*time.Second; late > 2*time.Second {
				t.Errorf("message %d came after %s", i, late)
			}
		}
	})
}

func TestBackoff(t *testing.T) {
	for attempts, want := range map[int]time.Duration{1: 5 * time.Second, 2: 10 * time.Second, 5: 80 * time.Second, 10: 2560 * time.Second, 11: time.Hour, 1000: time.Hour} {
		for range 50 {
			if got := backoff(attempts, 0); got < want*4/5 || got > want*6/5 {
				t.Errorf("after %d attempts %s, want about %s", attempts, got, want)
			}
		}
	}
	for asked, want := range map[time.Duration]time.Duration{time.Second: firstWait, time.Minute: time.Minute, 48 * time.Hour: maxRetryAfter} {
		if got := backoff(9, asked); got != want {
			t.Errorf("asked for %s: %s", asked, got)
		}
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": 0, "120": 2 * time.Minute, "-1": 0, "Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:30 GMT": 0, "soon": 0} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("Retry-After %q: %s", text, got)
		}
	}
}

func TestMetrics(t *testing.T) {
	n := newNode(t, memstore.New())
	n.sender(Options{Registerer: n.metrics})
	families, err := n.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 || len(families) != 3 {
		t.Errorf("%d families, %v, %v", len(families), problems, err)
	}
}
