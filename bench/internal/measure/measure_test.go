package measure

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestRecorder(t *testing.T) {
	a, b := NewRecorder(), NewRecorder()
	for i := 1; i <= 1000; i++ {
		r := a
		if i%2 == 0 {
			r = b
		}
		r.Success(time.Duration(i) * time.Microsecond)
	}
	b.Success(time.Hour) // counts as longest
	b.Failure(errors.New("refused"))
	b.Failure(os.ErrDeadlineExceeded)
	a.Add(b)
	for _, test := range []struct {
		p    float64
		want time.Duration
	}{{50, 501 * time.Microsecond}, {99, 991 * time.Microsecond}, {99.9, 1000 * time.Microsecond}, {100, longest}} {
		got := a.Percentile(test.p)
		if d := got - test.want; d.Abs() > test.want/1000+time.Microsecond {
			t.Errorf("p%v is %v, want %v", test.p, got, test.want)
		}
	}
	if a.Done != 1001 || a.Failed != 1 || a.TimedOut != 1 || a.First == nil || a.First.Error() != "refused" {
		t.Errorf("done %d, failed %d, timed out %d, first %v", a.Done, a.Failed, a.TimedOut, a.First)
	}
}

func TestResult(t *testing.T) {
	r := Result{Elapsed: 2 * time.Second, Recorder: NewRecorder(), Server: &Usage{CPU: time.Second, Mallocs: 5000}}
	for range 1000 {
		r.Success(1234 * time.Microsecond)
	}
	if r.Rate() != 500 || r.CPU() != time.Millisecond {
		t.Errorf("rate %v, CPU %v", r.Rate(), r.CPU())
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{1234 * time.Microsecond: "1.23ms", 999: "999ns", 12345678 * time.Microsecond: "12.3s"} {
		if got := Short(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
