package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/idnode/idnode/registry/topsync"
)

// eventList keeps what is reported.
type eventList struct {
	all []string
	err error
}

func (l *eventList) Abnormal(_ context.Context, at time.Time, category topsync.Category, cause string) (string, error) {
	if l.err == nil {
		l.all = append(l.all, fmt.Sprintf("abnormal %s at %d: %s", category, at.Unix(), cause))
	}
	return "n1", l.err
}

func (l *eventList) Normal(_ context.Context, number string, at time.Time, _, _ string) error {
	l.all = append(l.all, fmt.Sprintf("normal %s at %d", number, at.Unix()))
	return nil
}

// TestHealthWatch: a store that takes no writes for a while is an event, reported once that can be kept; a moment is none.
func TestHealthWatch(t *testing.T) {
	var w healthWatch
	var l eventList
	full := errors.New("no space left for writes")
	look := func(second int64, health error) {
		t.Helper()
		if err := w.look(t.Context(), health, time.Unix(second, 0), &l); !errors.Is(err, l.err) {
			t.Errorf("at %d: %v", second, err)
		}
	}
	look(10, nil)
	look(20, full)
	look(30, nil)
	look(40, full)
	look(100, full)
	l.err = errors.New("not yet")
	look(150, nil)
	l.err = nil
	look(160, nil)
	look(170, nil)
	if want := []string{"abnormal 2 at 40: the store does not take writes: no space left for writes", "normal n1 at 160"}; !slices.Equal(l.all, want) {
		t.Errorf("reported %q", l.all)
	}
}
