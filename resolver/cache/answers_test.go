package cache

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/resolver"
)

// newAnswers returns a cache whose answers are all current as long as *old is false.
func newAnswers(t testing.TB, bytes int64, old *bool) *Answers {
	t.Helper()
	a, err := NewAnswers(AnswersOptions{Bytes: bytes, Current: func(resolver.Stamp) bool { return !*old },
		Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnswers(t *testing.T) {
	old := false
	a := newAnswers(t, 1<<20, &old)
	k := []byte("dname")
	get := func(key []byte) string {
		got, _ := a.Get(key)
		return string(got.Octets)
	}
	if _, ok := a.Get(k); ok {
		t.Fatal("an empty cache has an answer")
	}
	if !a.Admit(k) {
		t.Fatal("a cache with room admits nothing")
	}
	first, second := Answer{Octets: []byte("first")}, Answer{Octets: []byte("second")}
	a.Put(k, first)
	if get(k) != "first" || get([]byte("dnam")) != "" || get(nil) != "" {
		t.Error("the answer of one key is not that of this key alone")
	}
	a.Put(k, second)
	copy(k, "xxxxx") // the caller's memory
	copy(second.Octets, "xxxxxx")
	k = []byte("dname")
	if get(k) != "second" {
		t.Error("the later answer is not kept")
	}
	old = true
	if get(k) != "" {
		t.Error("an answer that is not current is told")
	}
	old = false
	if get(k) != "" {
		t.Error("an answer that was not current is still there")
	}
	for metric, want := range map[string]float64{"stale_total": 1, "entries": 0} {
		if got := value(t, a, "idnode_answer_cache_"+metric); got != want {
			t.Errorf("%s is %v, want %v", metric, got, want)
		}
	}
	var none *Answers
	none.Put(k, first)
	if _, ok := none.Get(k); ok || none.Admit(k) {
		t.Error("no cache keeps an answer")
	}
}

func value(t *testing.T, c prometheus.Collector, name string) float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// TestAnswersBound: whatever is put in, the cache occupies no more than it may; once it is full,
// questions that come once are not admitted, and one that comes again is.
func TestAnswersBound(t *testing.T) {
	const bound = 1 << 20
	old := false
	a := newAnswers(t, bound, &old)
	octets := make([]byte, 200)
	question := func(i int) []byte { return fmt.Appendf(nil, "dquestion-%d", i) }
	put, refused := 0, 0
	for i := range 20000 {
		if !a.Admit(question(i)) {
			refused++
			continue
		}
		a.Put(question(i), Answer{Octets: octets})
		put++
	}
	if got := value(t, a, "idnode_answer_cache_bytes"); got > bound || got < bound/2 {
		t.Errorf("got %v octets, want a full cache of at most %d", got, bound)
	}
	if put > bound/300 || refused == 0 {
		t.Errorf("admitted %d questions that came once, refused %d", put, refused)
	}
	// Another question may have the same place in between, but not each time.
	admitted := 0
	for i := range 100 {
		k := fmt.Appendf(nil, "dagain-%d", i)
		a.Admit(k)
		if a.Admit(k) {
			admitted++
		}
	}
	if admitted < 100 {
		t.Errorf("admitted %d of 100 questions that came twice", admitted)
	}
	for i := range 20000 {
		a.Put(question(i), Answer{Octets: octets})
	}
	if got := value(t, a, "idnode_answer_cache_bytes"); got > bound {
		t.Errorf("got %v octets, want at most %d", got, bound)
	}
	has := func(key []byte) bool {
		_, ok := a.Get(key)
		return ok
	}
	if !has(question(19999)) || has(question(0)) {
		t.Error("not the oldest gave way")
	}
	a.Put([]byte("dlong"), Answer{Octets: make([]byte, bound)})
	if has([]byte("dlong")) {
		t.Error("an answer larger than its shard was kept")
	}
}

// TestAnswersUsed: an answer that is asked for stays, however many come after it that are not; what was told
// stays what it was.
func TestAnswersUsed(t *testing.T) {
	old := false
	a := newAnswers(t, 1<<20, &old)
	octets := make([]byte, 200)
	hot := []byte("dhot")
	a.Put(hot, Answer{Octets: []byte("hot"), Outcome: resolver.Outcome{Op: 3}})
	told, _ := a.Get(hot)
	for i := range 50000 {
		a.Put(fmt.Appendf(nil, "dquestion-%d", i), Answer{Octets: octets})
		if got, ok := a.Get(hot); !ok || string(got.Octets) != "hot" || got.Outcome.Op != 3 {
			t.Fatalf("after %d others: %q, %v", i, got.Octets, ok)
		}
	}
	if value(t, a, "idnode_answer_cache_evictions_total") == 0 {
		t.Error("nothing had to give way")
	}
	if string(told.Octets) != "hot" {
		t.Errorf("what was told has become %q", told.Octets)
	}
}

func TestAnswersOptions(t *testing.T) {
	if _, err := NewAnswers(AnswersOptions{}); err == nil {
		t.Error("made without knowing what is current")
	}
	if _, err := NewAnswers(AnswersOptions{Bytes: 1000, Current: func(resolver.Stamp) bool { return true }}); err == nil {
		t.Error("a cache of 1000 octets was made")
	}
}

func BenchmarkAnswersGet(b *testing.B) {
	old := false
	a := newAnswers(b, 16<<20, &old)
	for i := range 10000 {
		a.Put(fmt.Appendf(nil, "dquestion-%d", i), Answer{Octets: make([]byte, 200)})
	}
	k := []byte("dquestion-77")
	b.ReportAllocs()
	for b.Loop() {
		a.Get(k)
	}
}
